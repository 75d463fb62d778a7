"""A run in Bencher Metric Format: ``bencher run --adapter json --file FILE``.

Each configuration is a benchmark. Its measures: ``latency`` in nanoseconds, which is the unit of
Bencher's measure of that name, ``peak-memory`` in bytes and ``fidelity`` (1 is the converged
picture), and ``failures``: 0, or 1 where the configuration ran out of memory, failed or is missing.
The format holds numbers only, so that without the latter such a configuration would just be absent,
which no threshold sees. Source: bencher.dev/docs/reference/bencher-metric-format.
"""

from __future__ import annotations

import json
from pathlib import Path

from sdbench.analysis.measurement import Measurement, measurements
from sdbench.report.export_shared import latency_of, stable_names
from sdbench.results.store import Run

NANOSECONDS = 1e9

LONGEST_NAME = 1024
"""Characters that Bencher takes as the name of a benchmark."""

Metric = dict[str, float | int]


def write_bencher(run: Run, path: Path) -> None:
    """Writes a run as Bencher Metric Format."""
    path.write_text(json.dumps(bencher(run), indent=2) + "\n", encoding="utf-8")


def bencher(run: Run) -> dict[str, dict[str, Metric]]:
    """The measures of each configuration by its name, in the order of the plan.

    Derived ones are left out: a tracker would take them for measurements.
    """
    measured = measurements(run)
    names = stable_names(measured)
    return {_short(names[m.key], m.key): _measures(m) for m in measured if not m.is_derived}


def _short(name: str, key: str) -> str:
    """A name that is not too long; one that is cut has its key, so that it stays the only one."""
    if len(name) <= LONGEST_NAME:
        return name
    end = f"… ({key})"
    return name[: LONGEST_NAME - len(end)] + end


def _measures(m: Measurement) -> dict[str, Metric]:
    latency = latency_of(m)
    measures: dict[str, Metric] = {"failures": {"value": 0 if latency else 1}}
    if latency:
        estimate = latency.scaled(NANOSECONDS)
        measures["latency"] = {"value": round(estimate.point)}
        if estimate.sample_count > 1:
            measures["latency"] |= {
                "lower_value": round(estimate.low),
                "upper_value": round(estimate.high),
            }
    if (peak_bytes := m.peak_allocated_bytes) is not None:
        measures["peak-memory"] = {"value": peak_bytes}
    if m.fidelity_score is not None:
        measures["fidelity"] = {"value": m.fidelity_score}
    return measures
