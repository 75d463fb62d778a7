"""Knobs that are turned by loading, on real, tiny pipelines: they took effect, or say why not."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import pytest
import torch
from knob_calls import effective
from tiny_pipelines import build, shared

from sdbench.knobs.base import LoadKnob, Unsupported
from sdbench.knobs.offload import GROUP_OPTIONS
from sdbench.knobs.registry import KNOBS


def after_load(name: str, pipe: Any, value: Any, torch_device: str = "cpu") -> None:
    knob = KNOBS[name]
    assert isinstance(knob, LoadKnob)
    knob.after_load(pipe, value, torch_device)


@pytest.mark.parametrize("value", ["model", "sequential", *GROUP_OPTIONS])
def test_offloading_needs_an_accelerator(value: str) -> None:
    with pytest.raises(Unsupported, match="this is the CPU"):
        after_load("offload", shared(), value)


class GroupOffloaded:
    """Remembers how groups of its layers are to be offloaded."""

    def enable_group_offload(self, **options: Any) -> None:
        self.options = options


@pytest.mark.parametrize("value", GROUP_OPTIONS)
def test_groups_are_copied_by_a_stream_where_there_is_one(value: str) -> None:
    pipe = GroupOffloaded()
    after_load("offload", pipe, value, "cuda:0")
    devices = {"onload_device": torch.device("cuda:0"), "offload_device": torch.device("cpu")}
    assert pipe.options == {**devices, **GROUP_OPTIONS[value]}
    after_load("offload", pipe, value, "xpu:0")
    assert "use_stream" not in pipe.options
    assert "low_cpu_mem_usage" not in pipe.options


@pytest.mark.parametrize("value", GROUP_OPTIONS)
def test_diffusers_takes_the_options_of_group_offloading(value: str) -> None:
    parameters = inspect.signature(type(shared()).enable_group_offload).parameters
    assert set(GROUP_OPTIONS[value]) <= set(parameters)


def test_without_offloading_the_pipeline_goes_to_the_device() -> None:
    moved: list[str] = []
    after_load("offload", type("Pipe", (), {"to": lambda self, to: moved.append(to)})(), "none")
    assert moved == ["cpu"]


@pytest.fixture
def compile_options(monkeypatch: pytest.MonkeyPatch) -> list[Mapping[str, Any]]:
    """What torch.compile is given; what it gives back runs uncompiled."""
    given: list[Mapping[str, Any]] = []

    def fake_compile(function: Any, **options: Any) -> Any:
        given.append(options)
        return lambda *args, **kwargs: function(*args, **kwargs)

    monkeypatch.setattr(torch, "compile", fake_compile)
    return given


@pytest.mark.parametrize("value", ["default", "max-autotune"])
def test_the_denoiser_is_compiled_in_its_mode(
    compile_options: list[Mapping[str, Any]], value: str
) -> None:
    pipe = build()
    after_load("compile", pipe, value)
    assert compile_options == [{"mode": value, "dynamic": False}]
    assert effective(pipe)["compiled"] == ["unet"]


def test_a_sweep_of_sizes_stays_within_what_torch_compiles(
    compile_options: list[Mapping[str, Any]],
) -> None:
    """Past eight shapes torch would run the denoiser uncompiled, without an error."""
    import torch._dynamo

    with torch._dynamo.config.patch(recompile_limit=8):
        after_load("compile", build(), "default")
        assert torch._dynamo.config.recompile_limit >= 100


def test_compilation_that_is_off_changes_nothing() -> None:
    pipe = build()
    after_load("compile", pipe, "off")
    assert pipe.unet._compiled_call_impl is None


def test_cuda_graphs_do_not_exist_on_the_cpu() -> None:
    with pytest.raises(Unsupported, match="reduce-overhead records CUDA graphs"):
        after_load("compile", build(), "reduce-overhead")


def test_a_pipeline_without_a_denoiser_cannot_be_compiled() -> None:
    with pytest.raises(Unsupported, match="Pipe has no unet or transformer to compile"):
        after_load("compile", type("Pipe", (), {})(), "default")


def test_bf16_needs_a_gpu_that_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: False)
    with pytest.raises(Unsupported, match="no bfloat16 arithmetic"):
        after_load("dtype", build(torch.bfloat16), "bf16", "cuda:0")


@pytest.mark.parametrize("option", ["variant", "revision", "allow_pickle"])
def test_the_built_in_pipeline_takes_no_options_but_code(option: str) -> None:
    """It is not loaded from files; its schema says the same."""
    knob = KNOBS["pipeline"]
    with pytest.raises(ValueError, match="legal: builtin, custom_pipeline, trust_remote_code"):
        knob.parse({"builtin": "tiny", option: "x"})
    (schema,) = (s for s in knob.schema()["anyOf"] if s.get("required") == ["builtin"])
    assert sorted(schema["properties"]) == ["builtin", "custom_pipeline", "trust_remote_code"]
    assert schema["additionalProperties"] is False
