"""The Python that a recommendation comes with draws what was measured, pixel by pixel."""

from __future__ import annotations

from typing import Any

import pytest

from sdbench.analysis.code import python_code
from sdbench.pipelines.load import DiffusersLoader
from sdbench.suite.configuration import Configuration
from sdbench.suite.model import Inputs, Suite, Task

SUITE = Suite(
    name="code",
    inputs=Inputs(
        prompts=("a 'quoted' cat", "two\nlines {braces}"), negative_prompt="rain", seed=7
    ),
    fixed={"pipeline": {"builtin": "tiny"}},
)
SHARED = {"pipeline": {"builtin": "tiny"}, "steps": 2}


@pytest.mark.parametrize(
    "turned",
    [
        {},
        {"scheduler": "dpmpp_2m_karras", "batch_size": 3},
        {"scheduler": {"name": "default", "timestep_spacing": "trailing"}},
        {"dtype": "bf16", "attention_slicing": "max"},
        {"attention": "eager", "guidance_scale": 3.0},
        {"attention": "sliced", "channels_last": "on", "threads": 1},
        {"vae_slicing": "on", "batch_size": 2},
        {"vae_tiling": "on", "height": 128, "width": 128},
        {"prompt": "one prompt"},
    ],
    ids=str,
)
def test_the_code_draws_what_was_measured(turned: dict[str, Any]) -> None:
    configuration = Configuration.of({**SHARED, **turned})
    loader = DiffusersLoader(Task.TEXT_TO_IMAGE, SUITE.inputs, "cpu", trust_remote_code=False)
    with loader.load(configuration.knobs).configured(configuration) as call:
        call.prepare()
        measured = call()
    written: dict[str, Any] = {}
    exec(python_code(SUITE, configuration.knobs, "cpu"), written)
    assert len(written["images"]) == len(measured)
    for ours, theirs in zip(measured, written["images"], strict=True):
        assert ours.tobytes() == theirs.tobytes()
