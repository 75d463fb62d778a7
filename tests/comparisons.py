"""Comparisons in one line each, for tests of everything that shows or exports them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from factories import STARTED_AT, knobs

from sdbench.analysis.wording import settings
from sdbench.compare.comparison import Comparison, Finding, Kind, Row, Side, Unit
from sdbench.compare.effect import Effect
from sdbench.compare.verdict import Verdict
from sdbench.compare.wording import interval, slower_or_faster
from sdbench.suite.configuration import Configuration
from sdbench.units import GIB, MIB, format_bytes

T_OF_SEVEN = 2.365
"""Student's t at 97.5 % with seven degrees of freedom."""


def effect(ratio: float, low: float, high: float, units: int = 8) -> Effect:
    """An effect with its interval; the error is that of eight pairs."""
    return Effect(
        ratio=ratio,
        low=low,
        high=high,
        units=units,
        log_error=math.log(high / low) / 2 / T_OF_SEVEN,
        degrees=units - 1,
    )


def time(
    verdict: Verdict = Verdict.SAME,
    ratio: float = 1.001,
    low: float = 0.995,
    high: float = 1.007,
    *,
    metric: str = "latency",
    baseline_s: float = 1.0,
    margin: float | None = 0.02,
    **fields: Any,
) -> Finding:
    """A time whose candidate is ``ratio`` of the baseline; gated unless ``margin`` is None."""
    content: dict[str, Any] = {
        "metric": metric,
        "unit": Unit.SECONDS,
        "verdict": verdict,
        "reason": _reason(verdict, effect(ratio, low, high)),
        "is_gated": margin is not None,
        "baseline": baseline_s,
        "candidate": baseline_s * ratio,
        "margin": margin,
        "effect": effect(ratio, low, high),
        "detectable_ratio": None if margin is None else 1.034,
    }
    return Finding(**{**content, **fields})


def _reason(verdict: Verdict, found: Effect) -> str:
    told = slower_or_faster(found)
    match verdict:
        case Verdict.SAME:
            return f"within 2.0 % either way ({interval(found)})"
        case Verdict.AMBIGUOUS:
            return f"{told}: a change beyond 2.0 % is neither shown nor ruled out"
        case _:
            return f"{told}, beyond the margin of 2.0 %"


def memory(
    verdict: Verdict = Verdict.SAME, baseline: float = GIB, candidate: float = GIB, **fields: Any
) -> Finding:
    """A peak of live tensors in bytes, gated at 2 %."""
    content: dict[str, Any] = {
        "metric": "peak_allocated",
        "unit": Unit.BYTES,
        "verdict": verdict,
        "reason": f"{format_bytes(round(candidate))} allocated on both sides",
        "is_gated": True,
        "baseline": baseline,
        "candidate": candidate,
        "margin": 0.02,
    }
    return Finding(**{**content, **fields})


def score(
    verdict: Verdict = Verdict.SAME, baseline: float = 0.95, candidate: float = 0.95, **fields: Any
) -> Finding:
    """A fidelity, gated at 0.02."""
    content: dict[str, Any] = {
        "metric": "fidelity",
        "unit": Unit.SCORE,
        "verdict": verdict,
        "reason": f"{baseline:.2f} -> {candidate:.2f}: within 0.02",
        "is_gated": True,
        "baseline": baseline,
        "candidate": candidate,
        "margin": 0.02,
    }
    return Finding(**{**content, **fields})


def picture(verdict: Verdict = Verdict.SAME, psnr_db: float = 58.9, **fields: Any) -> Finding:
    """How far the two builds' pictures agree, gated at 30 dB."""
    content: dict[str, Any] = {
        "metric": "picture",
        "unit": Unit.DECIBEL,
        "verdict": verdict,
        "reason": f"the pictures of one seed agree by {psnr_db} dB",
        "is_gated": True,
        "candidate": psnr_db,
        "margin": 30.0,
    }
    return Finding(**{**content, **fields})


def status(
    verdict: Verdict = Verdict.SAME, baseline: str = "ok", candidate: str = "ok", **fields: Any
) -> Finding:
    """How the configuration ended."""
    content: dict[str, Any] = {
        "metric": "status",
        "unit": Unit.STATUS,
        "verdict": verdict,
        "reason": f"{baseline} -> {candidate}",
        "is_gated": True,
        "baseline": baseline,
        "candidate": candidate,
    }
    return Finding(**{**content, **fields})


def absent(
    verdict: Verdict = Verdict.MISSING, metric: str = "latency", unit: Unit = Unit.SECONDS
) -> Finding:
    """A gated metric without data."""
    return Finding(
        metric=metric,
        unit=unit,
        verdict=verdict,
        reason="the candidate has no measurement of it",
        is_gated=True,
        baseline=1.0 if unit is Unit.SECONDS else "ok",
    )


def row(*findings: Finding, is_confirmed: bool = False, name: str = "", **values: Any) -> Row:
    """A configuration; named by the ``values`` that differ from neutral unless ``name`` does.

    A name without values is its key, too, so that many rows are many configurations.
    """
    knob_values = knobs(**values)
    return Row(
        key=Configuration(knob_values).key if values or not name else name,
        knobs=knob_values,
        name=name or settings(knob_values, tuple(values)),
        findings=findings or (status(), time(), memory()),
        is_confirmed=is_confirmed,
    )


def side(label: str, **facts: str) -> Side:
    """A side on the test machine."""
    content = {"python": "3.11.7", "torch": "2.13.0", "diffusers": "0.42.1"}
    return Side(
        label=label,
        source=f"venv-{label}",
        device="Test GPU",
        started_at=STARTED_AT,
        facts={**content, **facts},
    )


def comparison(*rows: Row, **fields: Any) -> Comparison:
    """A paired comparison with a quiet control; two unchanged configurations without ``rows``."""
    shown = rows or (row(steps=4), row(steps=10))
    content: dict[str, Any] = {
        "kind": Kind.PAIRED,
        "suite": "ci",
        "baseline": side("baseline"),
        "candidate": side("candidate", diffusers="0.43.0"),
        "rows": shown,
        "control": time(),
        "family_size": sum(f.is_gated and f.effect is not None for r in shown for f in r.findings),
    }
    return Comparison(**{**content, **fields})


def stored(*rows: Row, **fields: Any) -> Comparison:
    """A comparison of two stored runs."""
    content: dict[str, Any] = {"kind": Kind.STORED, "control": None, "units": "processes"}
    return comparison(*rows, **{**content, **fields})


ALARM = (
    "the baseline against itself is 6.0 % slower (4.0 to 8.0 %), beyond the margin of 2.0 %: no "
    "time of this job can be trusted"
)
SLOWER = time(Verdict.SLOWER, 1.071, 1.052, 1.09)
MORE = memory(
    Verdict.MORE,
    GIB,
    GIB + 64 * MIB,
    reason="1.00 GiB -> 1.06 GiB allocated (+6.2 %): it grew by 64.0 MiB, beyond 20.5 MiB, "
    "the larger of 2.0 % and 16.0 MiB",
)
WORSE = score(
    Verdict.WORSE,
    0.95,
    0.88,
    reason="0.95 (worst 0.93) -> 0.88 (worst 0.85): it fell by 0.080, beyond 0.02",
)
OTHER_PICTURE = picture(
    Verdict.WORSE, 24.5, reason="the pictures of one seed agree by 24.5 dB, less than 30 dB"
)
BROKEN = status(Verdict.BROKEN, "ok", "oom", reason="ok -> oom: out of memory in vae_decode")
FASTER = time(Verdict.FASTER, 0.93, 0.915, 0.945)
UNCLEAR = time(
    Verdict.AMBIGUOUS,
    1.021,
    0.996,
    1.04,
    detectable_ratio=1.052,
    units_needed=24,
)


def clean(**fields: Any) -> Comparison:
    """Nothing changed; one configuration is less certain than the other."""
    return comparison(
        row(scheduler="euler", steps=4),
        row(status(), time(detectable_ratio=1.06), memory(), scheduler="euler", steps=10),
        **fields,
    )


def regression(**fields: Any) -> Comparison:
    """Each kind of regression once, one improvement, one unchanged configuration."""
    return comparison(
        row(status(), SLOWER, memory(), scheduler="dpmpp_2m", steps=10, is_confirmed=True),
        row(status(), time(), MORE, scheduler="euler", steps=10),
        row(BROKEN, scheduler="euler", steps=20),
        row(status(), time(), WORSE, OTHER_PICTURE, scheduler="ddim", steps=10),
        row(status(), FASTER, memory(), scheduler="euler", steps=4),
        row(status(), time(), memory(), scheduler="ddim", steps=4),
        **fields,
    )


def slower(**fields: Any) -> Comparison:
    """One slower configuration among two, and nothing else."""
    return comparison(
        row(status(), SLOWER, memory(), scheduler="dpmpp_2m", steps=10, is_confirmed=True),
        row(scheduler="euler", steps=4),
        **fields,
    )


def ambiguous(**fields: Any) -> Comparison:
    """One configuration that the data cannot judge, among two."""
    return comparison(
        row(status(), UNCLEAR, memory(), scheduler="dpmpp_2m", steps=10),
        row(scheduler="euler", steps=4),
        **fields,
    )


def missing(**fields: Any) -> Comparison:
    """One configuration without data on one side, among two."""
    return comparison(
        row(absent(metric="status", unit=Unit.STATUS), absent(), scheduler="euler", steps=10),
        row(scheduler="euler", steps=4),
        **fields,
    )


def other_plan(**fields: Any) -> Comparison:
    """One configuration that is new, one that is gone, one that stayed."""

    def listed(verdict: Verdict, reason: str, **values: Any) -> Finding:
        content: dict[str, Any] = {"metric": "status", "unit": Unit.STATUS, "is_gated": True}
        return Finding(**content, verdict=verdict, reason=reason, **values)

    new = listed(Verdict.NEW, "only the candidate was asked for it", candidate="ok")
    gone = listed(Verdict.GONE, "only the baseline was asked for it", baseline="ok")
    return comparison(
        row(new, scheduler="euler", steps=20),
        row(gone, scheduler="euler", steps=10),
        row(scheduler="euler", steps=4),
        **fields,
    )


def advisory(**fields: Any) -> Comparison:
    """A slower configuration in stored runs of two versions of torch."""
    content: Mapping[str, Any] = {
        "kind": Kind.STORED,
        "control": None,
        "units": "processes",
        "candidate": side("candidate", torch="2.14.0"),
        "advisory": ("the two runs were measured under other conditions: torch 2.13.0 -> 2.14.0",),
    }
    return slower(**{**content, **fields})


def unfit(**fields: Any) -> Comparison:
    """A slower configuration, while another process was on the device."""
    return slower(**{"unfit": ("another process (4711) was on the device",), **fields})


def interrupted(**fields: Any) -> Comparison:
    """Nothing changed as far as was measured."""
    return comparison(**{"incomplete": ("the job was interrupted: 3 of 4 pairs",), **fields})


def alarming_control(**fields: Any) -> Comparison:
    """A slower configuration in a job in which the baseline differs from itself, too."""
    control = time(Verdict.SLOWER, 1.06, 1.04, 1.08, is_gated=False, reason=ALARM)
    content: Mapping[str, Any] = {"control": control, "unfit": (control.reason,)}
    return slower(**{**content, **fields})


READY = {
    "clean": clean,
    "regression": regression,
    "slower": slower,
    "ambiguous": ambiguous,
    "missing": missing,
    "other_plan": other_plan,
    "advisory": advisory,
    "unfit": unfit,
    "interrupted": interrupted,
    "alarming_control": alarming_control,
}
"""Every comparison that is ready, by its name."""
