"""A run for the action github-action-benchmark, whose ``tool`` is then ``customSmallerIsBetter``.

Each configuration with timed calls has an entry for its latency and one for its peak memory. The
format holds one number an entry, and a smaller one is better: fidelity stands in the text beside
it, and what has no latency is counted in an entry of its own, which names all of these with their
reasons. One more than before is an alert there, since anything is infinitely more than none.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sdbench.analysis.measurement import Measurement, measurements
from sdbench.analysis.wording import count, interval_text, score_text
from sdbench.report.export_shared import derived_count, latency_of, stable_names
from sdbench.results.store import Run
from sdbench.units import MIB

WITHOUT_LATENCY = "configurations without a latency"
"""Name of the entry that counts them."""


def write_github_action_benchmark(run: Run, path: Path) -> None:
    """Writes a run as entries of github-action-benchmark."""
    content = github_action_benchmark(run)
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def github_action_benchmark(run: Run) -> list[dict[str, Any]]:
    """The entries of a run, in the order of the plan."""
    measured = measurements(run)
    names = stable_names(measured)
    entries = [entry for m in measured for entry in _entries(m, names[m.key])]
    failed = [m for m in measured if not latency_of(m) and not m.is_derived]
    return [*entries, _without_latency(failed, names, derived_count(measured))]


def _entries(m: Measurement, name: str) -> Iterator[dict[str, Any]]:
    latency = latency_of(m)
    if not latency:
        return
    told = [f"key {m.key}", m.status_word, count(latency.sample_count, "call")]
    if latency.sample_count > 1:
        told.append(f"interval {interval_text(latency)}")
    if m.fidelity_score is not None:
        told.append(f"fidelity {score_text(m.fidelity_score)}")
    extra = "\n".join(told)
    time: dict[str, Any] = {"name": f"{name}: latency", "unit": "s", "value": latency.point}
    if latency.sample_count > 1:
        time["range"] = f"± {latency.half_width:.2g}"
    yield {**time, "extra": extra}
    if (peak_bytes := m.peak_allocated_bytes) is not None:
        memory = {"name": f"{name}: peak memory", "unit": "MiB", "value": peak_bytes / MIB}
        yield {**memory, "extra": extra}


def _without_latency(
    failed: Sequence[Measurement], names: dict[str, str], derived: int
) -> dict[str, Any]:
    told = [f"{names[m.key]}: {m.status_word}: {m.reason}" for m in failed]
    if derived:
        told.append(f"left out, since derived and not measured: {count(derived, 'configuration')}")
    return {
        "name": WITHOUT_LATENCY,
        "unit": "configurations",
        "value": len(failed),
        "extra": "\n".join(told) or "all were timed",
    }
