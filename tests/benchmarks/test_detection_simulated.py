"""The benches of detection plant what they say, and judge by the real loop and comparison."""

from __future__ import annotations

import gc
import importlib
import json
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from sdbench.compare.verdict import Verdict
from sdbench.devices.noise import Noise
from sdbench.results.ab import AbJob
from sdbench.suite.expand import configurations
from sdbench.suite.load import load_suite

_FOLDER = Path(__file__).parents[2] / "benchmarks"
LITTLE = Noise(process_ratio=0.002, iteration_ratio=0.002, drift_ratio=0.002, seed=1)


def _module(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(_FOLDER)
    return importlib.import_module(name)


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The bench; what it imported stays, and no round need look through it for garbage."""
    module = _module("detection_simulated", monkeypatch)
    gc.freeze()
    return module


@pytest.mark.parametrize("in_turns", [False, True])
def test_a_job_says_what_was_planted_where_there_is_little_noise(
    simulated: ModuleType, tmp_path: Path, in_turns: bool
) -> None:
    found = simulated.ab(LITTLE, tmp_path, (0.0, 0.05), in_turns)
    assert [row.verdict for row in found.rows] == [Verdict.SAME, Verdict.SLOWER]
    assert [row.is_confirmed for row in found.rows] == [False, True]
    assert [row.pairs for row in found.rows] == [4, 8]
    assert found.is_red
    assert not found.is_falsely_red
    assert all(0.02 < row.detectable < 0.03 for row in found.rows)


def test_workers_of_a_job_follow_one_another_on_one_machine(
    simulated: ModuleType, tmp_path: Path
) -> None:
    # A state that nothing forgets: all workers of both sides meet the same one.
    still = Noise(drift_ratio=0.5, drift_time_s=1e12, seed=1)
    measured: AbJob = simulated.job(still, (0.0,), tmp_path, in_turns=False)[0]
    samples_s = [
        one for run in (measured.baseline, measured.candidate) for one in run.records[0].samples_s
    ]
    assert samples_s == pytest.approx([samples_s[0]] * len(samples_s), rel=1e-4)
    assert samples_s[0] != pytest.approx(1.0, rel=0.01)


def test_a_machine_that_wanders_is_the_same_for_calls_that_take_turns(
    simulated: ModuleType, tmp_path: Path
) -> None:
    wandering = Noise(drift_ratio=0.15, drift_time_s=60.0, seed=1)
    errors = []
    for in_turns in (False, True):
        folder = tmp_path / str(in_turns)
        comparison = simulated.job(wandering, (0.0,), folder, in_turns)[1]
        errors.append(comparison.rows[0].finding("latency").effect.log_error)
    assert errors[1] < errors[0] / 2


def test_stored_runs_differ_by_the_spread_that_is_simulated(
    simulated: ModuleType, tmp_path: Path
) -> None:
    spreads = simulated.BETWEEN_RUNS
    found = simulated.stored(LITTLE, tmp_path, (0.0, 0.5))
    assert len(found) == len(spreads)
    assert {len(some) for some in found} == {len(spreads)}
    widely_assumed = found[0][spreads.index(max(spreads))]
    assert [row.verdict for row in widely_assumed.rows] == [Verdict.AMBIGUOUS, Verdict.SLOWER]


def test_a_seed_repeats_a_job(simulated: ModuleType, tmp_path: Path) -> None:
    noise = replace(simulated.NOISES["noisy CPU"], seed=3)
    jobs = [simulated.ab(noise, tmp_path / name, (0.03,), True) for name in ("one", "other")]
    assert jobs[0] == jobs[1]


def test_each_planted_change_has_a_configuration_of_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    detection = _module("detection", monkeypatch)
    changes = detection.changes()
    assert list(changes.values())[:4] == [("none", 0.0)] * 4
    assert len(set(changes.values())) == len(changes) - 3 == 11
    path = tmp_path / "detection.yaml"
    path.write_text(detection.SUITE.format(steps=4, pixels=32, samples=6, scales=list(changes)))
    scales = [one.knobs["guidance_scale"] for one in configurations(load_suite(path))]
    assert scales == list(changes)
    planted = json.loads(detection.variable())
    assert [float(scale) for scale in planted] == scales[4:]
    assert planted["3.04"] == {"kind": "loop", "share": 0.03, "size_bytes": 64 * 2**20}
