"""The Python that a recommendation comes with draws what was measured, pixel by pixel."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from factories import record, run

from sdbench.analysis.code import python_code
from sdbench.cli.main import main
from sdbench.pipelines.load import DiffusersLoader
from sdbench.pipelines.tiny import build_pipeline
from sdbench.suite.configuration import Configuration
from sdbench.suite.model import Inputs, Suite

SUITE = Suite(
    name="code",
    inputs=Inputs(
        prompts=("a 'quoted' cat", "two\nlines {braces}"), negative_prompt="rain", seed=7
    ),
    fixed={"pipeline": {"builtin": "tiny"}},
)
SHARED = {"pipeline": {"builtin": "tiny"}, "steps": 2}
SUITES = Path(__file__).parents[2] / "suites"
MEGA = {
    "builtin": "tiny",
    "custom_pipeline": str(SUITES / "pipelines" / "mega.py"),
    "trust_remote_code": True,
}
PICTURES = replace(
    SUITE,
    inputs=replace(
        SUITE.inputs,
        image=str(SUITES / "inputs" / "face.png"),
        mask=str(SUITES / "inputs" / "mouth.png"),
    ),
)


def require_same_pictures(
    suite: Suite, configuration: Configuration, code: str | None = None
) -> None:
    """Draws as measured and as the code says, and compares each pixel.

    Args:
        suite: What is measured.
        configuration: Which of its configurations.
        code: The Python; by default that of `python_code`.
    """
    loader = DiffusersLoader(suite.inputs, "cpu", trust_remote_code=True)
    with loader.load(configuration.knobs).configured(configuration) as call:
        call.prepare()
        measured = call()
    written: dict[str, Any] = {}
    exec(code or python_code(suite, configuration.knobs, "cpu"), written)
    assert len(written["images"]) == len(measured)
    for ours, theirs in zip(measured, written["images"], strict=True):
        assert ours.tobytes() == theirs.tobytes()


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
    require_same_pictures(SUITE, Configuration.of({**SHARED, **turned}))


@pytest.mark.parametrize("source", [{"builtin": "tiny"}, MEGA], ids=["tiny", "mega"])
@pytest.mark.parametrize(
    "turned",
    [
        {"task": "text-to-image", "safety_checker": "on"},
        {"task": "image-to-image", "strength": 0.5, "batch_size": 2},
        {"task": "image-to-image", "dtype": "bf16", "safety_checker": "off"},
        {"task": "inpainting", "scheduler": "dpmpp_2m_karras", "attention_slicing": "max"},
    ],
    ids=str,
)
def test_the_code_of_each_task_draws_what_was_measured(
    source: dict[str, Any], turned: dict[str, Any]
) -> None:
    configuration = Configuration.of({**SHARED, "pipeline": source, **turned})
    require_same_pictures(PICTURES, configuration)


def test_the_code_for_a_folder_draws_what_was_measured(tmp_path: Path) -> None:
    build_pipeline().save_pretrained(tmp_path)
    source = {"path": str(tmp_path)}
    configuration = Configuration.of({**SHARED, "pipeline": source, "task": "inpainting"})
    require_same_pictures(PICTURES, configuration)


def test_what_the_command_prints_as_python_draws_what_was_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    configuration = Configuration.of({**SHARED, "scheduler": "euler", "batch_size": 2})
    one = record(steps=2, scheduler="euler", batch_size=2)
    assert one.key == configuration.key
    run(tmp_path, [one], suite=SUITE)
    monkeypatch.setattr(sys, "argv", ["sdbench", "recommend", str(tmp_path), "--format", "python"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    require_same_pictures(SUITE, configuration, capsys.readouterr().out)
