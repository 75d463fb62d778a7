from __future__ import annotations

from typing import Any

import pytest
from tiny_pipelines import build, configuration, pipeline, shared

from sdbench.knobs.base import Unsupported
from sdbench.pipelines.effective import modules


class Stages:
    """The names of the stages of a call."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def enter_stage(self, stage: str) -> None:
        self.names.add(stage)

    def leave_stage(self, stage: str) -> None:
        pass


def stages_of(loaded: Any, value: str) -> set[str]:
    """The stages of a call that is verified, after which nothing is left changed."""
    stages = Stages()
    with loaded.configured(configuration(safety_checker=value)) as call:
        call.prepare()
        with call.observed(stages):
            images = call()
        call.verify(images)
    assert loaded.left_changed() == []
    return stages.names


@pytest.mark.parametrize(("value", "runs"), [("default", True), ("on", True), ("off", False)])
def test_the_checker_is_a_stage_unless_it_is_off(value: str, runs: bool) -> None:
    assert ("safety_checker" in stages_of(pipeline(), value)) == runs


def test_the_checker_is_put_back_as_it_was() -> None:
    checker, registered = shared().safety_checker, shared().config["safety_checker"]
    with pipeline().configured(configuration(safety_checker="off")):
        assert shared().safety_checker is None
    assert shared().safety_checker is checker
    assert shared().config["safety_checker"] == registered
    assert len(checker._forward_pre_hooks) == 0


def test_a_checker_that_is_off_holds_no_memory_of_the_configuration() -> None:
    checker = shared().safety_checker
    with pipeline().configured(configuration(safety_checker="off")) as call:
        resident = {id(tensor) for tensor in call.resident()}
    assert not resident & {id(parameter) for parameter in checker.parameters()}


@pytest.mark.parametrize(("value", "task"), [("on", "to run"), ("off", "to take out")])
def test_a_pipeline_without_a_checker_takes_neither(value: str, task: str) -> None:
    pipe = build()
    pipe.safety_checker = None
    with pytest.raises(Unsupported, match=f"without a safety checker, so there is none {task}"):
        stages_of(pipeline(pipe), value)


def test_a_call_that_does_not_run_the_checker_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def unchecked(self: Any, image: Any, device: Any, dtype: Any) -> Any:
        return image, None

    pipe = build()
    monkeypatch.setattr(type(pipe), "run_safety_checker", unchecked)
    with pytest.raises(Unsupported, match="call does not run its safety checker"):
        stages_of(pipeline(pipe), "on")


def test_a_call_that_keeps_the_checker_for_itself_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pipe = build()
    checker = pipe.safety_checker
    original = type(pipe).run_safety_checker

    def checked(self: Any, image: Any, device: Any, dtype: Any) -> Any:
        self.__dict__["safety_checker"] = checker
        try:
            return original(self, image, device, dtype)
        finally:
            self.__dict__["safety_checker"] = None

    monkeypatch.setattr(type(pipe), "run_safety_checker", checked)
    with pytest.raises(Unsupported, match="runs the safety checker that was taken out"):
        stages_of(pipeline(pipe), "off")
    assert "safety_checker" in modules(pipe)
