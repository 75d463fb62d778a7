"""A run as a table: a row for every planned configuration, measured or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sdbench.jsontypes import JsonValue, canonical_json
from sdbench.knobs.registry import KNOBS
from sdbench.results.fidelity import Fidelity
from sdbench.results.figure import Figure, Origin
from sdbench.results.memory_table import memory_cells, stage_peak_cells
from sdbench.results.record import Record, Status
from sdbench.results.store import Run
from sdbench.statistics import Estimate, median_estimate, quantile

if TYPE_CHECKING:
    from pandas import DataFrame

MISSING = "missing"
"""Stands for the status of a planned configuration that has no record."""

RULED_OUT = "predicted-oom"
"""Stands for the status of a configuration that was not measured since it was predicted not to fit,
as apart from others that were skipped."""

DERIVED = "derived"
"""Stands for the status of a configuration whose figures follow from those of measured ones."""

INFERRED_OOM = "inferred-oom"
"""Stands for the status of a configuration that was not measured since what needs no more memory
ran out of it."""

NO_RECORD = "planned, and not measured: the run was cut off or is still going on"

MEMORY_FIGURES = (
    "peak_allocated_bytes",
    "peak_reserved_bytes",
    "peak_device_used_bytes",
    "peak_rss_bytes",
)
"""The memory figures of a record, from the most exact to the most inclusive."""

P95 = 0.95


def latest_records(run: Run) -> dict[str, Record | None]:
    """What is known of each configuration by key, None where a planned one has no record.

    It is the sweep's record and those of fresh rounds as one (`Rounds.settled`). The order is the
    plan's; what was measured beside the plan comes after it.
    """
    latest: dict[str, Record | None] = dict.fromkeys(run.info.planned_keys)
    latest.update(run.latest)
    return latest


def latency_estimate(record: Record) -> Estimate | None:
    """Seconds of one call: the median of the timed calls, or what was derived in its place."""
    if record.is_derived and (derived := record.derived_latency) is not None:
        return Estimate(derived.call_s, derived.low_s, derived.high_s, derived.confidence, 0)
    samples = accepted_samples(record)
    return median_estimate(samples) if samples else None


def latency_origin(record: Record) -> Origin | None:
    """Where the latency of a record comes from; None where it has none."""
    if record.is_derived:
        return Origin.DERIVED
    return Origin.MEASURED if record.samples_s else None


def p95_s(record: Record) -> float | None:
    """95th percentile of a call in seconds; of a derived latency the upper end of its interval."""
    if record.is_derived and (derived := record.derived_latency) is not None:
        return derived.high_s
    samples = accepted_samples(record)
    return quantile(samples, P95) if samples else None


def accepted_samples(record: Record) -> tuple[float, ...]:
    """The timed calls, in seconds, that the estimate rests on.

    Throttled ones are left out, unless the round was called unstable for having too many, or
    none would be left.
    """
    return _accepted(record, record.samples_s)


def accepted_waits(record: Record) -> tuple[float, ...]:
    """For each of these calls, seconds that it waited for a processor; empty if not told."""
    told = len(record.waited_s) == len(record.samples_s)
    return _accepted(record, record.waited_s) if told else ()


def _accepted(record: Record, values_s: tuple[float, ...]) -> tuple[float, ...]:
    """Of one value for each timed call, those of the accepted calls."""
    throttled = record.is_throttled
    if record.status is Status.UNSTABLE or len(throttled) != len(values_s):
        return values_s
    kept = tuple(s for s, marked in zip(values_s, throttled, strict=True) if not marked)
    return kept or values_s


def scheduler_class(record: Record) -> str | None:
    """Class of the scheduler that really ran, where the record tells."""
    seen = record.effective.get("scheduler")
    return str(seen["class"]) if isinstance(seen, Mapping) and "class" in seen else None


def attention_processors(record: Record) -> str | None:
    """Attention processors that really ran, as ``unet: AttnProcessor2_0``."""
    seen = record.effective.get("attention_processors")
    if not isinstance(seen, Mapping):
        return None
    return (
        "; ".join(f"{part}: {', '.join(map(str, names))}" for part, names in seen.items()) or None
    )


def table(
    run: Run, planned_knobs: Mapping[str, Mapping[str, JsonValue]] | None = None
) -> DataFrame:
    """A row for each configuration, from all of its rounds, in the order of the plan.

    Args:
        run: The run.
        planned_knobs: The knobs of configurations by key, for those that have no record
            (`sdbench.analysis.planned.planned_knobs`); their cells are empty otherwise.

    Returns:
        Columns: ``key``; one for each knob; ``status`` (``missing`` where there is no record,
        ``derived`` and ``inferred-oom`` where the figures of others tell its own) and
        ``reason``; latencies in seconds, with their origin and the confidence that their interval
        really has, and in ``confirmed_rounds`` the fresh rounds that they rest on (0 where it is
        the sweep); ``derived_from``, the measured configurations that a derived one rests on; each
        memory figure in bytes with its origin and, where it is not available, the reason; the
        predicted peak likewise, with the share by which it is above the measured one; what else the
        record tells of memory and energy (`sdbench.results.memory_table.memory_cells`); the
        fidelity's score or the reason why there is none, with what it is made of;
        ``stage_<name>_s`` with the median seconds of a stage in one call, and its peak of live
        tensor bytes; what really ran; and
        notes.
    """
    import pandas as pd

    knobs = {**(planned_knobs or {}), **{record.key: record.knobs for record in run.records}}
    rounds = run.rounds
    rows = [
        {
            "key": key,
            **{name: _cell(knobs.get(key, {}).get(name)) for name in KNOBS},
            **(
                _measured(record, rounds[key].confirmed)
                if record
                else {"status": MISSING, "reason": NO_RECORD}
            ),
        }
        for key, record in latest_records(run).items()
    ]
    columns = _columns(rows)
    frame: DataFrame = pd.DataFrame(
        {name: _column([row.get(name) for row in rows]) for name in columns}
    )
    return frame


def _column(values: list[Any]) -> Any:
    """A column of one type, which it keeps beside gaps; mixed types become text."""
    import pandas as pd

    types = {type(value) for value in values if value is not None}
    if types == {int}:
        return pd.array(values, dtype="Int64")
    if types == {float}:
        return pd.array(values, dtype="Float64")
    if types == {bool}:
        return pd.array(values, dtype="boolean")
    texts = [None if value is None else str(value) for value in values]
    return pd.array(texts, dtype="string")


def _columns(rows: Sequence[Mapping[str, object]]) -> list[str]:
    """All columns that any row has, stages together where the first of them stands."""
    fixed = ["key", *KNOBS, *_measured(_EMPTY)]
    stages = dict.fromkeys(name for row in rows for name in row if name not in fixed)
    at = fixed.index("denoiser_evaluations")
    return [*fixed[:at], *stages, *fixed[at:]]


def _measured(record: Record, confirmed_rounds: int = 0) -> dict[str, Any]:
    samples = accepted_samples(record)
    estimate, origin = latency_estimate(record), latency_origin(record)
    has_interval = estimate is not None and estimate.has_interval
    images = record.images_per_call
    row: dict[str, Any] = {
        "status": _status(record),
        "reason": record.reason,
        "latency_s": estimate.point if estimate else None,
        "latency_origin": origin.value if origin else None,
        "latency_low_s": estimate.low if estimate and has_interval else None,
        "latency_high_s": estimate.high if estimate and has_interval else None,
        "latency_confidence": estimate.confidence if estimate and has_interval else None,
        "latency_p95_s": p95_s(record),
        "latency_per_image_s": estimate.point / images if estimate and images else None,
        "samples": len(samples),
        "derived_from": record.derived_latency.sources if record.derived_latency else None,
        "confirmed_rounds": confirmed_rounds,
        "stop_reason": record.stop_reason.value if record.stop_reason else None,
        "load_s": record.load_s,
        "first_call_s": record.first_call_s,
    }
    for name in (*MEMORY_FIGURES, "predicted_allocated_bytes"):
        figure: Figure = getattr(record, name)
        row[name] = figure.value
        row[f"{name}_origin"] = figure.origin.value if figure.origin else None
        row[f"{name}_reason"] = figure.reason
    row["prediction_error_ratio"] = record.prediction_error_ratio
    row["predicted_fit"] = record.predicted_fit.value if record.predicted_fit else None
    row.update(memory_cells(record))
    row.update(_fidelity(record.fidelity))
    for stage, stage_s in stage_medians(record).items():
        row[f"stage_{stage}_s"] = stage_s
    row.update(stage_peak_cells(record))
    row["denoiser_evaluations"] = record.denoiser_evaluations
    row["scheduler_class"] = scheduler_class(record)
    row["attention_processors"] = attention_processors(record)
    row["notes"] = "; ".join(record.notes) or None
    return row


def _status(record: Record) -> str:
    if record.is_derived:
        return DERIVED
    return INFERRED_OOM if record.is_inferred_oom else record.status.value


def _fidelity(fidelity: Fidelity) -> dict[str, Any]:
    nearness, numerical = fidelity.against_reference, fidelity.numerical
    reference = fidelity.reference
    return {
        "fidelity": fidelity.score,
        "fidelity_worst": fidelity.worst_score,
        "fidelity_reason": fidelity.reason,
        "psnr_db": nearness.median_psnr_db if nearness else None,
        "psnr_worst_db": nearness.worst_psnr_db if nearness else None,
        "ssim": nearness.median_ssim if nearness else None,
        "ssim_worst": nearness.worst_ssim if nearness else None,
        "latent_rmse": nearness.median_latent_rmse if nearness else None,
        "floor_psnr_db": reference.floor_psnr_db if reference else None,
        "ceiling_psnr_db": reference.ceiling_psnr_db if reference else None,
        "numerical_psnr_db": numerical.median_psnr_db if numerical else None,
        "numerical_ssim": numerical.median_ssim if numerical else None,
        "numerical_latent_rmse": numerical.median_latent_rmse if numerical else None,
        "is_degenerate": fidelity.is_degenerate,
    }


def stage_estimates(record: Record) -> dict[str, Estimate]:
    """For each stage, the median of its seconds in one accepted call, with its interval.

    A derived stage has none.
    """
    if record.is_derived and record.derived_latency is not None:
        stages_s = record.derived_latency.stages_s
        return {stage: Estimate(one_s, one_s, one_s, 0.0, 1) for stage, one_s in stages_s.items()}
    return {
        stage: median_estimate(_accepted(record, samples))
        for stage, samples in record.stages_s.items()
        if samples
    }


def stage_medians(record: Record) -> dict[str, float]:
    """For each stage, the median of its seconds in one accepted call, or what was derived."""
    return {stage: estimate.point for stage, estimate in stage_estimates(record).items()}


def _cell(value: Any) -> Any:
    """A knob's value for a cell: mappings and lists as text, plain values as they are."""
    if isinstance(value, (Mapping, list, tuple)):
        return canonical_json(value)
    return value


_EMPTY = Record(key="", knobs={}, worker="", started_at="", status=Status.SKIPPED)
