from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tiny_pipelines import build, shared_flux

from sdbench.knobs.task import Task
from sdbench.pipelines.builtin import build_pipeline
from sdbench.tuning.errors import CannotTune
from sdbench.tuning.given import given


def test_what_was_built_in_memory_cannot_be_loaded_again() -> None:
    told = given(build(torch.bfloat16))
    assert told.torch_device == "cpu"
    assert told.knobs == {
        "pipeline": {"loaded": "StableDiffusionPipeline"},
        "dtype": "bf16",
        "offload": "none",
        "allocator": "default",
        "compile": "off",
        "task": "text-to-image",
    }
    assert "does not know where it was loaded from" in (told.obstacle or "")


def test_a_folder_and_a_built_in_pipeline_are_known_again(tmp_path: Path) -> None:
    from diffusers import DiffusionPipeline

    build().save_pretrained(tmp_path / "mine")
    told = given(DiffusionPipeline.from_pretrained(tmp_path / "mine"))
    assert told.knobs["pipeline"] == {"path": str(tmp_path / "mine")}
    assert told.obstacle is None
    assert given(build_pipeline("emoji")).knobs["pipeline"] == {"builtin": "emoji"}


def test_weights_that_were_changed_are_not_taken_for_the_built_in_ones() -> None:
    pipe = build_pipeline("emoji")
    with torch.no_grad():
        next(pipe.unet.parameters()).mul_(2)
    told = given(pipe)
    assert told.knobs["pipeline"] == {"loaded": "StableDiffusionPipeline"}
    assert "other weights" in (told.obstacle or "")


def test_weights_of_several_types_are_not_what_loading_gives(tmp_path: Path) -> None:
    from diffusers import DiffusionPipeline

    build().save_pretrained(tmp_path / "mine")
    pipe = DiffusionPipeline.from_pretrained(tmp_path / "mine")
    pipe.text_encoder.to(torch.bfloat16)
    assert "several data types (bfloat16, float32)" in (given(pipe).obstacle or "")


def test_the_task_is_the_pipelines_own() -> None:
    assert given(build(task=Task.INPAINTING)).knobs["task"] == "inpainting"
    assert given(shared_flux()).knobs["task"] == "text-to-image"


def test_a_data_type_that_no_knob_has_is_refused() -> None:
    pipe = build()
    pipe.unet.to(torch.float64)
    with pytest.raises(CannotTune, match=r"torch\.float64.*float32, float16, bfloat16"):
        given(pipe)


def test_offloaded_and_compiled_pipelines_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = build()
    monkeypatch.setattr(pipe.unet, "_compiled_call_impl", lambda: None)
    assert given(pipe).knobs["compile"] == "default"
    pipe.text_encoder._hf_hook = object()
    assert given(pipe).knobs["offload"] == "sequential"
    pipe._all_hooks = [object()]
    assert given(pipe).knobs["offload"] == "model"
