"""The allocator's setting, which is one of the process: turned before a load, and back again."""

from __future__ import annotations

import pytest
import torch

from sdbench.knobs.allocator import VARIABLE, AllocatorKnob, settings_with
from sdbench.knobs.base import Unsupported
from sdbench.pipelines.load import DiffusersLoader
from sdbench.run.plan import load_key
from sdbench.suite.configuration import Configuration
from sdbench.suite.model import Inputs

VALUE = "expandable_segments"


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the allocator is told."""
    told: list[str] = []
    monkeypatch.setattr(torch._C, "_accelerator_setAllocatorSettings", told.append)
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.delenv("PYTORCH_CUDA_ALLOC_CONF", raising=False)
    return told


def test_torch_has_what_is_called() -> None:
    assert callable(torch._C._accelerator_setAllocatorSettings)


def test_it_is_turned_on_and_off_again(given: list[str]) -> None:
    knob = AllocatorKnob()
    for value in ("default", VALUE, VALUE, "default", "default"):
        knob.before_load(value, "cuda:0")
    on, off = "expandable_segments:True", "expandable_segments:False"
    assert given == [on, on, off]


@pytest.mark.parametrize("variable", [VARIABLE, "PYTORCH_CUDA_ALLOC_CONF"])
def test_the_users_other_settings_stay(
    given: list[str], monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "max_split_size_mb:128")
    AllocatorKnob().before_load(VALUE, "cuda:0")
    assert given == ["max_split_size_mb:128,expandable_segments:True"]


def test_what_the_environment_turns_on_already_would_change_nothing(
    given: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "expandable_segments:True")
    with pytest.raises(Unsupported, match="turns expandable segments on already"):
        AllocatorKnob().before_load(VALUE, "cuda:0")
    assert given == []


@pytest.mark.parametrize(
    ("own", "is_on", "expected"),
    [
        ("", True, "expandable_segments:True"),
        ("expandable_segments:False", True, "expandable_segments:True"),
        ("a:1,expandable_segments:True,b:2", False, "a:1,b:2,expandable_segments:False"),
    ],
)
def test_settings_are_joined(own: str, is_on: bool, expected: str) -> None:
    assert settings_with(own, is_on) == expected


def test_the_cpu_has_no_such_allocator() -> None:
    knobs = Configuration.of({"pipeline": {"builtin": "tiny"}, "allocator": VALUE}).knobs
    with pytest.raises(Unsupported, match="on cpu it would change nothing"):
        DiffusersLoader(Inputs(), "cpu", trust_remote_code=False).load(knobs)


def test_the_default_touches_nothing(given: list[str]) -> None:
    AllocatorKnob().before_load("default", "cpu")
    assert given == []


def test_it_needs_a_load_of_its_own() -> None:
    keys = {load_key(Configuration.of({"allocator": value})) for value in ("default", VALUE)}
    assert len(keys) == 2
