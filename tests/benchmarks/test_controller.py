"""The bench of the controller counts what it spends while a worker measures, and nothing else."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

_FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def controller(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(_FOLDER)
    return importlib.import_module("controller")


def _readings(*seconds: float) -> Iterator[float]:
    return iter(seconds)


def test_what_is_spent_in_rounds_and_between_them_is_told_apart(controller: ModuleType) -> None:
    # The processor's clock and the wall's at: begin, end, begin, end.
    processor, wall = _readings(1.0, 1.5, 3.5, 4.0), _readings(10.0, 60.0, 62.0, 112.0)
    meter = controller.Meter(lambda: next(processor), lambda: next(wall))
    for _ in range(2):
        meter.begins()
        meter.ends(with_record=True)
    assert meter.rounds == 2
    assert meter.measuring == controller.Spent(1.0, 100.0)
    assert meter.measuring.ratio == pytest.approx(0.01)
    assert meter.between == controller.Spent(2.0, 2.0)


def test_an_answer_that_nobody_waited_for_counts_nothing(controller: ModuleType) -> None:
    meter = controller.Meter(lambda: 1.0, lambda: 2.0)
    meter.ends(with_record=True)
    assert meter.rounds == 0
    assert meter.between == controller.Spent()


def test_a_sweep_is_metered_round_by_round(controller: ModuleType, tmp_path: Path) -> None:
    meter = controller.sweep(controller.suite(2, 1), 2, tmp_path, "scripted")
    assert meter.rounds == 2
    assert meter.measuring.processor_s > 0
    assert meter.measuring.wall_s > 0
    assert meter.first is not None
