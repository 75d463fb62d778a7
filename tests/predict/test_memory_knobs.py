"""What decides memory, and what does not."""

from __future__ import annotations

from typing import Any

import pytest

from sdbench.predict.memory_knobs import group_key, memory_key, memory_knobs
from sdbench.suite.configuration import Configuration


def of(**values: Any) -> Configuration:
    return Configuration.of({"pipeline": {"builtin": "emoji"}, **values})


@pytest.mark.parametrize(
    "values",
    [
        {"steps": 4},
        {"scheduler": "euler"},
        {"threads": 2},
        {"prompt": "a hen"},
        {"guidance_scale": 9.0},
    ],
    ids=str,
)
def test_what_moves_no_memory_makes_no_kind_of_its_own(values: dict[str, Any]) -> None:
    assert memory_key(of(**{"guidance_scale": 7.5, **values})) == memory_key(of(guidance_scale=7.5))


@pytest.mark.parametrize(
    "values",
    [
        {"dtype": "fp16"},
        {"scheduler": "dpmpp_sde"},
        {"scheduler": "DPMSolverSDEScheduler"},
        {"batch_size": 2},
        {"attention_slicing": "max"},
        {"vae_slicing": "on"},
        {"height": 512},
        {"guidance_scale": 1.0},
        {"guidance_scale": 0.0},
        {"offload": "model"},
        {"task": "inpainting"},
        {"pipeline": {"builtin": "tiny"}},
    ],
    ids=str,
)
def test_what_moves_memory_makes_one(values: dict[str, Any]) -> None:
    assert memory_key(of(**{"guidance_scale": 7.5, **values})) != memory_key(of(guidance_scale=7.5))


def test_the_batch_size_alone_is_left_out_of_a_group() -> None:
    assert group_key(of(batch_size=2)) == group_key(of())
    assert group_key(of(dtype="fp16")) != group_key(of())


def test_what_stands_for_a_kind_stands_for_itself() -> None:
    knobs = memory_knobs(of(guidance_scale=7.5, steps=4, batch_size=2))
    assert memory_knobs(Configuration(knobs)) == knobs


def test_schedulers_move_the_memory_of_a_toy() -> None:
    toy = {"builtin": "tiny"}
    assert memory_key(of(pipeline=toy, scheduler="lms")) != memory_key(of(pipeline=toy))
