from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sdbench.devices.script import Script
from sdbench.devices.scripted import ScriptedDevice
from sdbench.measure.drawing import Drawing, draw
from sdbench.pipelines.simulated import SimulatedLoader
from sdbench.results.fidelity import Subject
from sdbench.suite.configuration import Configuration
from tests.factories import solver


def test_it_draws_each_subject_by_itself() -> None:
    pipeline = SimulatedLoader(ScriptedDevice(Script())).load({})
    configuration = Configuration.of({"pipeline": {"id": "a/b"}, "steps": 3, "batch_size": 4})
    subjects = [Subject("a", 0), Subject("b", 0), Subject("a", 0)]

    with pipeline.configured(configuration) as call:
        drawn = draw(call, subjects)

    assert drawn.pictures.shape == (3, 16, 16, 3)
    assert (drawn.pictures[0] == drawn.pictures[2]).all()
    assert (drawn.pictures[0] != drawn.pictures[1]).any()
    assert drawn.solver.denoiser_evaluations == 3


def test_a_drawing_is_read_as_it_was_written(tmp_path: Path) -> None:
    drawing = Drawing(
        pictures=np.arange(2 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 4, 4, 3),
        latents=np.array([[1.5, np.inf]], np.float32),
        solver=solver(randomness="why", first_timestep=None),
    )
    path = tmp_path / "drawing.npz"

    drawing.save(path)
    again = Drawing.load(path)

    assert (again.pictures == drawing.pictures).all()
    assert (again.latents == drawing.latents).all()
    assert again.solver == drawing.solver
    assert [entry.name for entry in tmp_path.iterdir()] == ["drawing.npz"]


def test_a_drawing_that_is_not_there_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nothing"):
        Drawing.load(tmp_path / "nothing.npz")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", b"no archive"])
def test_a_damaged_drawing_is_a_value_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "damaged.npz"
    path.write_bytes(content)

    with pytest.raises(ValueError):  # noqa: PT011
        Drawing.load(path)
