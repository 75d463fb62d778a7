"""A run as pytest-benchmark stores its own: for ``pytest-benchmark compare`` and all that reads it.

Each configuration with timed calls is a benchmark. Its rounds are the calls that were really timed
and that count, one iteration each, so that no figure is one for several calls and none is divided.
The format has no place for a benchmark without times, of which its readers want at least one:
configurations that ran out of memory or failed are listed under ``sdbench``, beside ``benchmarks``,
with their status and reason. Of those that were derived, and not measured, it gives the number.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean, median, stdev
from typing import Any

from sdbench.analysis.measurement import Measurement, measurements
from sdbench.knobs.registry import varying_knobs
from sdbench.report.export_shared import derived_count, latency_of, stable_names
from sdbench.results.store import Run
from sdbench.results.table import MEMORY_FIGURES, accepted_samples

FORMAT_VERSION = "5.3.1"
"""Version of pytest-benchmark whose files these are like."""

CALLS_PER_ROUND = 1
"""pytest-benchmark's iterations: a round of ours is one call, and its time that of one call."""

WHISKER = 1.5
"""Tukey's fences: a datum further than so many interquartile ranges from the quartiles is out."""


def write_pytest_benchmark(run: Run, path: Path) -> None:
    """Writes a run as pytest-benchmark's JSON."""
    path.write_text(json.dumps(pytest_benchmark(run), indent=4) + "\n", encoding="utf-8")


def pytest_benchmark(run: Run) -> dict[str, Any]:
    """A run as the content of a file of pytest-benchmark."""
    measured = measurements(run)
    names = stable_names(measured)
    suite = str(run.info.suite.get("name", ""))
    known = [m.knobs for m in measured if m.knobs]
    varying = varying_knobs(known) if known else ()
    return {
        "machine_info": _machine(run),
        "commit_info": _commit(run, suite),
        "benchmarks": [
            _benchmark(m, names[m.key], suite, varying, run) for m in measured if latency_of(m)
        ],
        "datetime": run.info.started_at,
        "version": FORMAT_VERSION,
        "sdbench": {
            "schema": 1,
            "fingerprint": run.info.fingerprint,
            "without_times": [
                {"name": names[m.key], "fullname": f"{suite}::{names[m.key]}", **_told(m)}
                for m in measured
                if not latency_of(m) and not m.is_derived
            ],
            "derived_left_out": derived_count(measured),
        },
    }


def _benchmark(
    m: Measurement, name: str, suite: str, varying: Sequence[str], run: Run
) -> dict[str, Any]:
    assert m.record is not None
    return {
        "group": suite,
        "name": name,
        "fullname": f"{suite}::{name}",
        "params": {knob: m.knobs.get(knob) for knob in varying} or None,
        "param": name,
        "extra_info": _told(m),
        "options": _options(run),
        "stats": stats(accepted_samples(m.record)),
    }


def _told(m: Measurement) -> dict[str, Any]:
    """What is known of a configuration beside its times."""
    throttled = sum(m.record.is_throttled) if m.record else 0
    return {
        "key": m.key,
        "status": m.status_word,
        "reason": m.reason,
        **{name: m.memory_bytes(name) for name in MEMORY_FIGURES},
        "fidelity": m.fidelity_score,
        "fidelity_reason": m.fidelity.reason,
        "throttled_calls": throttled,
    }


def stats(samples_s: Sequence[float]) -> dict[str, Any]:
    """Pytest-benchmark's statistics of timed calls, in seconds, from at least one of them.

    Quartiles are its own: of an even number of calls the medians of both halves, of an odd number
    weighted means of the two that are nearest (Wikipedia, Quartile, methods 2 and 3).
    """
    data = sorted(samples_s)
    mean = fmean(data)
    spread = stdev(data) if len(data) > 1 else 0.0
    q1, q3 = _quartiles(data)
    low, high = q1 - WHISKER * (q3 - q1), q3 + WHISKER * (q3 - q1)
    far = sum(not mean - spread <= one <= mean + spread for one in data)
    beyond = sum(not low <= one <= high for one in data)
    return {
        "min": data[0],
        "max": data[-1],
        "mean": mean,
        "stddev": spread,
        "rounds": len(data),
        "median": median(data),
        "iqr": q3 - q1,
        "q1": q1,
        "q3": q3,
        "iqr_outliers": beyond,
        "stddev_outliers": far,
        "outliers": f"{far};{beyond}",
        "ld15iqr": data[min(bisect_left(data, low), len(data) - 1)],
        "hd15iqr": data[max(bisect_right(data, high) - 1, 0)],
        "ops": 1 / mean if mean else 0.0,
        "total": math.fsum(data),
        "data": list(samples_s),
        "iterations": CALLS_PER_ROUND,
    }


def _quartiles(data: Sequence[float]) -> tuple[float, float]:
    count = len(data)
    if count == 1:
        return data[0], data[0]
    if count % 2 == 0:
        return median(data[: count // 2]), median(data[count // 2 :])
    n = count // 4
    if count % 4 == 1:
        return 0.25 * data[n - 1] + 0.75 * data[n], 0.75 * data[3 * n] + 0.25 * data[3 * n + 1]
    upper = 0.25 * data[3 * n + 1] + 0.75 * data[3 * n + 2]
    return 0.75 * data[n] + 0.25 * data[n + 1], upper


def _options(run: Run) -> dict[str, Any]:
    """How it was asked to be measured; what was done is in the statistics."""
    measure = run.info.suite.get("measure")
    asked = measure if isinstance(measure, Mapping) else {}
    return {
        "disable_gc": False,
        "timer": "perf_counter",
        "min_rounds": asked.get("min_samples"),
        "max_time": asked.get("time_budget_s"),
        "min_time": 0.0,
        "warmup": bool(asked.get("warmup", True)),
    }


def _machine(run: Run) -> dict[str, Any]:
    """The machine, as far as a run tells; its name on the network is not among it."""
    told = run.info.fingerprint
    python = told.get("python")
    return {
        "node": None,
        "processor": told.get("machine"),
        "machine": told.get("machine"),
        "python_implementation": None,
        "python_implementation_version": python,
        "python_version": python,
        "release": None,
        "system": None,
        "cpu": {"brand_raw": run.info.device},
    }


def _commit(run: Run, suite: str) -> dict[str, Any]:
    """The commit that was checked out, where the run tells."""
    commit = run.info.environment.get("commit")
    text = commit if isinstance(commit, str) else "unversioned"
    return {
        "id": text.removesuffix("-dirty"),
        "time": None,
        "author_time": None,
        "dirty": text.endswith("-dirty"),
        "project": suite,
        "branch": "(unknown)",
    }
