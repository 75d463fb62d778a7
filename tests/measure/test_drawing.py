from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sdbench.devices.script import Script
from sdbench.devices.scripted import ScriptedDevice
from sdbench.measure.drawing import Drawing, draw
from sdbench.pipelines.base import Solver
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


class Draughtsman:
    """Draws a picture of one level for each seed, and writes down what it is asked for at once.

    Args:
        pixels: Side of the pictures.
        most: More at once than this are refused.
        randomness: Why its sampler is random.
    """

    def __init__(self, pixels: int = 64, most: int = 100, randomness: str | None = None) -> None:
        self.asked: list[list[int]] = []
        self._pixels = pixels
        self._most = most
        self._randomness = randomness

    def draw(self, subjects: Sequence[Subject]) -> list[tuple[Any, Any]]:
        self.asked.append([one.seed for one in subjects])
        if len(subjects) > self._most:
            raise RuntimeError("no list of prompts")
        size = (self._pixels, self._pixels)
        return [(Image.new("L", size, one.seed), np.float32([one.seed])) for one in subjects]

    def solver(self) -> Solver:
        return solver(randomness=self._randomness)


def of_one_prompt(count: int) -> list[Subject]:
    return [Subject("a", seed) for seed in range(count)]


ONE_BY_ONE = [[seed] for seed in range(10)]


@pytest.mark.parametrize(
    ("pixels", "asked"),
    [
        (64, [[0], [1, 2, 3, 4, 5, 6, 7, 8], [9]]),
        (256, [[0], [1, 2, 3, 4], [5, 6, 7, 8], [9]]),
        (512, ONE_BY_ONE),
        (1024, ONE_BY_ONE),
    ],
)
def test_small_pictures_are_drawn_several_at_once(pixels: int, asked: list[list[int]]) -> None:
    call: Any = Draughtsman(pixels)
    drawn = draw(call, of_one_prompt(10))
    assert call.asked == asked
    assert drawn.pictures[:, 0, 0, 0].tolist() == list(range(10))
    assert drawn.latents.ravel().tolist() == list(range(10))


def test_pictures_of_several_prompts_are_never_drawn_in_one_pass() -> None:
    """Some pipelines pad a prompt to the longest of those beside it."""
    call: Any = Draughtsman()
    prompts = ("a", "a", "a", "b", "b", "a")
    draw(call, [Subject(prompt, seed) for seed, prompt in enumerate(prompts)])
    assert call.asked == [[0], [1, 2], [3, 4], [5]]


def test_what_adds_noise_of_its_own_is_drawn_one_by_one() -> None:
    call: Any = Draughtsman(randomness="it adds noise")
    draw(call, of_one_prompt(10))
    assert call.asked == ONE_BY_ONE


def test_a_pass_may_be_limited_to_one_picture() -> None:
    call: Any = Draughtsman()
    draw(call, of_one_prompt(10), most_at_once=1)
    assert call.asked == ONE_BY_ONE


def test_where_several_at_once_fail_the_rest_is_drawn_one_by_one() -> None:
    call: Any = Draughtsman(256, most=1)
    told: list[Exception] = []
    drawn = draw(call, of_one_prompt(7), refused=told.append)
    assert call.asked == [[0], [1, 2, 3, 4], [1], [2], [3], [4], [5], [6]]
    assert drawn.pictures[:, 0, 0, 0].tolist() == list(range(7))
    assert [str(error) for error in told] == ["no list of prompts"]


def test_what_fails_one_by_one_fails() -> None:
    call: Any = Draughtsman(most=0)
    with pytest.raises(RuntimeError, match="no list"):
        draw(call, of_one_prompt(2))


class Generous(Draughtsman):
    """Gives a picture more than it is asked for."""

    def draw(self, subjects: Sequence[Subject]) -> list[tuple[Any, Any]]:
        drawn = super().draw(subjects)
        return [*drawn, drawn[0]]


def test_of_more_pictures_than_subjects_the_first_counts() -> None:
    drawn = draw(Generous(), of_one_prompt(3))  # type: ignore[arg-type]
    assert drawn.pictures[:, 0, 0, 0].tolist() == [0, 1, 2]


class Forgetful(Draughtsman):
    """Tells the latents of its first picture alone."""

    def draw(self, subjects: Sequence[Subject]) -> list[tuple[Any, Any]]:
        drawn = super().draw(subjects)
        return drawn if len(self.asked) == 1 else [(picture, None) for picture, _ in drawn]


def test_latents_of_some_pictures_alone_are_left_out() -> None:
    drawn = draw(Forgetful(), of_one_prompt(3))  # type: ignore[arg-type]
    assert drawn.latents.size == 0


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
