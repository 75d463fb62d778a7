"""Runs of made-up records, drawn from a seed, and limits that cut through their figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

from factories import derived, fidelity, inferred_oom, record, run, unscored

from sdbench.analysis.measurement import Measurement, measurements
from sdbench.results.record import Record, Status
from sdbench.results.store import Run
from sdbench.suite.model import Axis, Limits, Metric, Objective, Suite
from sdbench.units import MIB

FIXED = {"pipeline": {"builtin": "tiny"}}
FAILURES = (Status.OOM, Status.ERROR, Status.TIMEOUT, Status.UNSTABLE, Status.UNSUPPORTED)
REASONS = ("the sampler is random", "no reference: N and 2N disagree.", "not drawn", "cut off")


def random_run(
    folder: Path,
    seed: int,
    axes: Mapping[str, Sequence[Any]],
    *,
    metric: Metric = Metric.LATENCY_PER_IMAGE,
    limits: Limits | None = None,
    has_default: bool = True,
    run_limit_bytes: int | None = None,
    missing: Sequence[str] = (),
    told_share: float = 0.0,
) -> Run:
    """A run of the grid of ``axes``, with failures, ties, unknown figures and fresh rounds.

    Args:
        folder: An existing folder.
        seed: What the figures are drawn from.
        axes: Values by knob.
        metric: What the suite minimises.
        limits: The suite's.
        has_default: Whether the default configurations are measured too.
        run_limit_bytes: The run's memory limit.
        missing: Keys of planned configurations without a record.
        told_share: Share of the configurations that are derived, or inferred to run out of memory.
    """
    draw = Random(seed)
    grid = [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]
    suite = Suite(
        name="random",
        fixed=FIXED,
        axes=tuple(Axis(name, tuple(values)) for name, values in axes.items()),
        objective=Objective(minimize=metric),
        limits=limits or Limits(),
    )
    if has_default:
        from sdbench.suite.defaults import default_configurations

        grid += [dict(one.knobs) for one in default_configurations(suite)]
    records = {one.key: one for one in (_record(draw, knobs) for knobs in grid)}
    if told_share:
        records = {
            key: _told(draw, one) if draw.random() < told_share else one
            for key, one in records.items()
        }
    fresh = [_fresh(draw, one) for one in records.values() if draw.random() < 0.2]
    fingerprint: dict[str, Any] = {"device": "Test CPU"}
    if run_limit_bytes is not None:
        fingerprint["memory_limit_bytes"] = run_limit_bytes
    return run(
        folder,
        [*records.values(), *(one for one in fresh if one is not None)],
        suite=suite,
        missing=missing,
        fingerprint=fingerprint,
    )


def _record(draw: Random, knobs: Mapping[str, Any]) -> Record:
    if draw.random() < 0.12:
        return record(status=draw.choice(FAILURES), **knobs)
    batch, steps = knobs.get("batch_size") or 1, knobs.get("steps") or 30
    speed = draw.choice((1.0, 1.0, 1.02, 1.3, 2.0))
    median_s = 0.01 * batch**0.8 * steps * speed * draw.choice((1.0, draw.uniform(0.98, 1.3)))
    spread = draw.choice((0.001, 0.02, 0.1))
    count = draw.choice((1, 3, 5, 6, 8, 12, 20, 25))
    samples = [median_s * (1 + spread * draw.uniform(-1, 1)) for _ in range(count)]
    allocated = draw.choice((300, 310, 600 * draw.uniform(0.5, 3))) + 60 * batch
    return record(
        samples_s=samples,
        allocated_mib=None if draw.random() < 0.1 else allocated,
        reserved_mib=draw.choice((None, allocated * 1.1)),
        device_used_mib=draw.choice((None, allocated * 1.2 + 300)),
        rss_mib=draw.choice((None, 900, 40)),
        fidelity=_fidelity(draw, steps),
        fields={"is_throttled": tuple(draw.random() < 0.1 for _ in samples)},
        **knobs,
    )


def _told(draw: Random, measured: Record) -> Record:
    """What others tell of a configuration, in place of what was measured of it."""
    if measured.status is not Status.OK:
        return inferred_oom(**measured.knobs)
    allocated = measured.peak_allocated_bytes.value
    return derived(
        median(measured.samples_s),
        spread=draw.choice((0.01, 0.05)),
        sources=draw.choice((1, 12)),
        allocated_mib=None if allocated is None else allocated / MIB,
        rss_mib=draw.choice((None, 900)),
        fidelity=measured.fidelity,
        **measured.knobs,
    )


def _fidelity(draw: Random, steps: int) -> Any:
    chance = draw.random()
    if chance < 0.15:
        return unscored(draw.choice(REASONS))
    score = min(1.0, max(0.02, 1 - 3 / steps - draw.choice((0.0, 0.01, draw.uniform(0, 0.3)))))
    worst = score * draw.choice((1.0, draw.uniform(0.7, 1)))
    known = fidelity(score, worst, is_degenerate=chance > 0.95)
    return replace(known, worst_score=None) if chance < 0.2 else known


def _fresh(draw: Random, swept: Record) -> Record | None:
    """A fresh round that comes out a little otherwise."""
    if swept.status is not Status.OK:
        return None
    shift = draw.uniform(0.95, 1.1)
    return replace(swept, round=1, samples_s=tuple(shift * s for s in swept.samples_s))


def random_limits(draw: Random, measured: Sequence[Measurement]) -> Limits:
    """Limits near or at the figures of a run, as a reader would try them, and beyond them."""
    timed = [m for m in measured if m.latency is not None]

    def near(values: Sequence[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        if not known or draw.random() < 0.4:
            return None
        return draw.choice(known) * draw.choice((1.0, 1.0, 1.02, draw.uniform(0.6, 1.3)))

    memory = near([m.peak_memory_bytes for m in timed])
    fidelity_limit = near([m.pessimistic_fidelity for m in timed])
    batch = near([m.batch_size for m in timed])
    return Limits(
        memory_bytes=None if memory is None else max(1, int(memory)),
        latency_s=near([m.p95_s for m in timed]),
        fidelity=None if not fidelity_limit else min(1.0, fidelity_limit),
        batch_size=None if batch is None else max(1, int(batch)),
        headroom_ratio=draw.choice((0.02, 0.02, 0.0, 0.1)),
    )


def many_limits(seed: int, the_run: Run, number: int) -> list[Limits]:
    """Limits for a run, drawn from a seed; the first ones are none at all."""
    draw = Random(seed)
    measured = measurements(the_run)
    return [Limits(), *(random_limits(draw, measured) for _ in range(number - 1))]
