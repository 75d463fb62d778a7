"""The bench of growth takes every step, judges by n log n, and reads in a process apart."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest

from sdbench.results.record import Record, Status
from sdbench.results.store import read_run

_FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def growth(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(_FOLDER)
    return importlib.import_module("growth")


@pytest.fixture
def growth_records(growth: ModuleType) -> ModuleType:
    return importlib.import_module("growth_records")


def test_every_size_has_as_many_configurations_as_it_says(growth_records: ModuleType) -> None:
    for count in (5, 50, 500):
        expanded = growth_records.expanded(growth_records.suite(count))
        assert len(expanded) == count + 1  # and the default one
        assert len({one.key for one in expanded}) == count + 1


def test_twice_the_steps_take_the_denoiser_twice_as_long(growth_records: ModuleType) -> None:
    by_steps = {
        one.knobs["steps"]: one
        for one in growth_records.records(growth_records.expanded(growth_records.suite(5)))
    }
    two, four = by_steps[2], by_steps[4]
    assert four.stages_s["denoiser"] == pytest.approx([2 * one for one in two.stages_s["denoiser"]])
    assert four.stages_s["vae_decode"] == two.stages_s["vae_decode"]
    assert sum(four.samples_s) == pytest.approx(sum(map(sum, four.stages_s.values())))
    assert four.fidelity.score > two.fidelity.score


def test_a_record_is_as_large_as_a_real_one(growth_records: ModuleType) -> None:
    one = next(growth_records.records(growth_records.expanded(growth_records.suite(5))))
    assert one.status is Status.OK
    assert 6_000 < len(one.to_line()) < 9_000  # those of results/baselines/ci have 6 kB, on a CPU
    assert Record.from_line(one.to_line()) == one


def test_every_step_is_taken(growth: ModuleType, tmp_path: Path) -> None:
    seconds = growth.take_steps(5, tmp_path)
    assert {"plan", "store", "read", "recommend", "table", "report as a page"} <= set(seconds)
    assert all(one >= 0 for one in seconds.values())
    run = read_run(tmp_path / "run-5")
    assert len(run.records) == 6
    assert not run.missing_keys
    assert growth.page_of(tmp_path, 5).read_text(encoding="utf-8").startswith("<!doctype html>")
    assert (tmp_path / "export-5.csv").read_text().count("\n") == 7


def test_n_log_n_is_let_through_and_n_squared_is_not(growth: ModuleType) -> None:
    # From 500 to 5,000 n log n takes 10 * ln 5000 / ln 500 = 13.7 times as long, n squared 100.
    taken = {500: {"sorted": 1.0, "pairs": 1.0}, 5_000: {"sorted": 13.7, "pairs": 100.0}}
    ordered, pairs = growth.growths(taken)
    assert ordered.exponent == pytest.approx(1.137, abs=0.001)
    assert ordered.of_n_log_n == pytest.approx(1.137, abs=0.001)
    assert not ordered.is_worse
    assert pairs.exponent == pytest.approx(2.0)
    assert pairs.is_worse


def test_what_takes_next_to_no_time_is_not_judged(growth: ModuleType) -> None:
    (found,) = growth.growths({500: {"pairs": 0.0009}, 5_000: {"pairs": 0.09}})
    assert found.exponent == pytest.approx(2.0)
    assert not found.is_worse


def test_records_are_read_in_a_process_of_its_own(growth: ModuleType, tmp_path: Path) -> None:
    reading = growth.read_apart(growth.write_records(5, tmp_path))
    assert reading.records == 6
    assert reading.processor_s > 0
    assert reading.peak_bytes > 10_000_000  # an interpreter alone has more
