"""Runs of suites that name files by relative paths, from another working folder than theirs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from launchers import KeptLauncher
from PIL import Image
from stand_in_predictor import COMMAND

from sdbench.devices.script import Script
from sdbench.devices.scripted import ScriptedDevice
from sdbench.pipelines.simulated import SimulatedLoader
from sdbench.pipelines.tiny import build_pipeline
from sdbench.predict.target import Target
from sdbench.results.fidelity import Subject
from sdbench.results.record import Status
from sdbench.results.store import RUN_FILE, Run, read_run
from sdbench.run.drawing_key import drawing_key
from sdbench.run.order import Order
from sdbench.run.predictor import Predictor, Question
from sdbench.run.session import run_suite
from sdbench.suite.configuration import Configuration
from sdbench.suite.expand import configurations
from sdbench.suite.load import load_suite
from sdbench.suite.model import Inputs

from .recorder import Recorder

SUITE = """
name: in-a-folder
pipeline: {path: ./model}
task: image-to-image
inputs: {prompts: [a cat, a dog, a fox, an owl], image: in.png}
fixed: {steps: 2}
fidelity: {reference_steps: 2}
measure: {warmup: 1, min_samples: 1, max_samples: 1, default: off, confirm_rounds: 0}
"""
LOOKS_DIFFERENT = 1.5


def checkout(folder: Path, weight_ratio: float = 1.0) -> Path:
    """A suite with its files in a folder of its own."""
    pipe = build_pipeline()
    with torch.no_grad():
        pipe.unet.conv_in.weight *= weight_ratio
    pipe.save_pretrained(folder / "model")
    Image.new("RGB", (16, 16), "#d1495b").save(folder / "in.png")
    (folder / "suite.yaml").write_text(SUITE)
    return folder


@pytest.fixture
def measured(
    tmp_path: Path, real: KeptLauncher, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Path], Run]:
    """Runs the suite of a folder from yet another one; all runs share their references."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")

    def run(folder: Path) -> Run:
        suite = load_suite(folder / "suite.yaml")
        order = Order(
            suite=suite,
            configurations=configurations(suite),
            results=tmp_path / "results",
            device="cpu",
        )
        return read_run(run_suite(order, real, recorder).folder)

    return run


def test_two_folders_have_one_key_and_a_reference_each(
    tmp_path: Path, measured: Callable[[Path], Run]
) -> None:
    references = tmp_path / "results" / ".references"
    one = measured(checkout(tmp_path / "one"))
    drawn = set(references.iterdir())
    other = measured(checkout(tmp_path / "other", LOOKS_DIFFERENT))

    assert [(r.status, r.key) for r in one.records] == [(r.status, r.key) for r in other.records]
    assert one.records[0].status is Status.OK
    assert one.records[0].knobs["pipeline"] == {"path": "./model"}
    assert len(set(references.iterdir()) - drawn) == len(drawn) > 0
    assert str(tmp_path) not in json.dumps(json.loads((one.folder / RUN_FILE).read_text())["suite"])


def test_equal_files_in_two_folders_are_drawn_once(
    tmp_path: Path, measured: Callable[[Path], Run]
) -> None:
    measured(checkout(tmp_path / "one"))
    references = tmp_path / "results" / ".references"
    drawn = set(references.iterdir())
    measured(checkout(tmp_path / "other"))
    assert set(references.iterdir()) == drawn


def test_pictures_of_a_custom_pipeline_hang_on_its_code(tmp_path: Path) -> None:
    """Two of one name and of equal weights shared what was drawn by the first."""

    def key(code: str) -> str:
        file = tmp_path / "code.py"
        file.write_text(code)
        source = {"builtin": "tiny", "custom_pipeline": str(file)}
        configuration = Configuration.of({"pipeline": source, "steps": 2})
        pipeline = SimulatedLoader(ScriptedDevice(Script())).load(configuration.knobs)
        return drawing_key(pipeline, configuration, [Subject("a cat", 0)], Inputs())

    assert key("draws = 1") == key("draws = 1") != key("draws = 2")


def test_predictions_of_one_relative_path_hang_on_the_folder(tmp_path: Path) -> None:
    """What a folder's files predict holds for the folder with those files, not for its name."""

    def question(name: str, sample_size: int) -> Question:
        folder = tmp_path / name
        (folder / "model").mkdir(parents=True)
        (folder / "model" / "model_index.json").write_text(json.dumps({"size": sample_size}))
        (folder / "suite.yaml").write_text("pipeline: {path: ./model}")
        suite = load_suite(folder / "suite.yaml")
        target = Target(name="CPU", compute_capability=None, limit_bytes=None, context_bytes=0)
        return Question(suite, configurations(suite), target)

    def kept() -> int:
        return len(list((tmp_path / "kept").iterdir()))

    predictor = Predictor(tmp_path / "kept", {}, COMMAND)
    one = question("one", 8)
    found = predictor.predict(one)
    assert set(found) == {configuration.key for configuration in one.configurations}
    assert kept() == 1
    predictor.predict(question("other", 8))
    assert kept() == 1
    predictor.predict(question("third", 16))
    assert kept() == 2
