from __future__ import annotations

from typing import Any

import factories
import pytest

from sdbench.analysis.memory_advice import memory_advice
from sdbench.results.out_of_memory import OutOfMemory
from sdbench.results.record import Status
from sdbench.units import MIB

HUB = {"id": "owner/name"}


def advice(phase: str = "memory", stage: str | None = None, **knobs: Any) -> str:
    return told(OutOfMemory(phase=phase, stage=stage), **knobs)


def told(moment: OutOfMemory | None, **knobs: Any) -> str:
    fields = {"out_of_memory": moment}
    return memory_advice(factories.record(status=Status.OOM, fields=fields, **knobs))


@pytest.mark.parametrize(
    ("stage", "knobs", "words"),
    [
        ("vae_decode", {"batch_size": 4}, "vae_slicing on, vae_tiling on (for images larger than"),
        ("vae_decode", {"batch_size": 4}, "a smaller batch_size, dtype fp16 or bf16"),
        ("denoiser", {"batch_size": 2}, "a smaller batch_size, dtype fp16 or bf16, offload model"),
        ("denoiser", {"attention": "eager"}, "attention sdpa"),
        ("text_encoding", {"offload": "model"}, "offload group or sequential"),
    ],
)
def test_the_stage_decides_what_is_worth_a_try(
    stage: str, knobs: dict[str, Any], words: str
) -> None:
    assert words in advice(stage=stage, **knobs)


@pytest.mark.parametrize(
    ("stage", "knobs", "words"),
    [
        ("vae_decode", {"batch_size": 1}, "vae_slicing"),
        ("vae_decode", {"batch_size": 4, "vae_slicing": "on"}, "vae_slicing"),
        ("vae_decode", {"vae_tiling": "on"}, "vae_tiling"),
        ("vae_decode", {"attention": "eager"}, "attention"),
        ("denoiser", {"dtype": "fp16"}, "dtype"),
        ("denoiser", {"batch_size": 1}, "batch_size"),
        ("denoiser", {"batch_size": 4}, "vae_slicing"),
    ],
)
def test_what_is_turned_already_or_changes_nothing_is_not_named(
    stage: str, knobs: dict[str, Any], words: str
) -> None:
    assert words not in advice(stage=stage, **knobs)


def test_loading_in_full_precision_takes_twice_as_much() -> None:
    assert advice("loading", batch_size=4) == (
        "Worth a try: dtype fp16 or bf16, offload model (on a GPU)."
    )


def test_files_in_full_precision_need_not_be_loaded() -> None:
    assert "`variant: fp16`" in advice("loading", pipeline=HUB, dtype="fp16")
    assert "variant" not in advice("loading", pipeline={**HUB, "variant": "fp16"}, dtype="fp16")
    assert "variant" not in advice("loading", dtype="fp16")


@pytest.mark.parametrize(
    ("held_bytes", "knobs", "is_named"),
    [
        (600 * MIB, {}, True),
        (500 * MIB, {}, False),
        (600 * MIB, {"allocator": "expandable_segments"}, False),
    ],
)
def test_gaps_that_would_be_enough_together_are_fragmentation(
    held_bytes: int, knobs: dict[str, Any], is_named: bool
) -> None:
    moment = OutOfMemory(
        phase="timing",
        stage="denoiser",
        requested_bytes=512 * MIB,
        reserved_unallocated_bytes=held_bytes,
        suggests_expandable_segments=True,
    )
    assert ("expandable_segments (against fragmentation" in told(moment, **knobs)) is is_named


def test_nothing_is_said_of_what_did_not_run_out_or_has_no_remedy() -> None:
    assert told(None) == ""
    assert advice(stage="denoiser", dtype="bf16", offload="sequential", batch_size=1) == ""
