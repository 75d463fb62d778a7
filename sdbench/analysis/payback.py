"""After how many images a slower start, such as a compilation, has paid back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import fsum

from sdbench.analysis.measurement import Measurement, by_latency
from sdbench.jsontypes import canonical_json
from sdbench.knobs.base import Cost
from sdbench.knobs.registry import KNOBS
from sdbench.results.record import Record
from sdbench.statistics import Estimate

NO_EARLIER = "it starts no later"
NOT_FASTER = "an image takes no less time"
WITHIN_NOISE = "whether it saves any time cannot be told from noise"

_LOAD_KNOBS = tuple(name for name, knob in KNOBS.items() if knob.cost is Cost.LOAD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Startup:
    """What comes before the steady calls.

    Attributes:
        load_s: Seconds of loading the pipeline; None where no round of this load tells.
        first_call_s: Seconds of the first call, which compiles and picks kernels.
        warmup_s: Seconds of each further call before the timed ones.
        call_s: Median seconds of a timed call.
    """

    load_s: float | None
    first_call_s: float
    warmup_s: tuple[float, ...]
    call_s: float

    @property
    def excess_s(self) -> float:
        """Seconds that loading and these calls take beyond what steady calls would have taken."""
        calls_s = (self.first_call_s, *self.warmup_s)
        return (self.load_s or 0.0) + fsum(max(0.0, one_s - self.call_s) for one_s in calls_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Payback:
    """Whether a slower start is worth it.

    Attributes:
        extra_s: Seconds that it starts later than what it is compared with; None where not known.
        images: From this number of images on it has saved time; None where it never has, or where
            that is not known.
        low_images: The same by the end of the intervals that favours it.
        high_images: The same by the other end.
        counts_loading: Whether the time of loading is in it; both sides' must be known.
        reason: Why there is no number; None where there is one.
    """

    extra_s: float | None = None
    images: float | None = None
    low_images: float | None = None
    high_images: float | None = None
    counts_loading: bool = False
    reason: str | None = None


def loads_s(measured: Iterable[Measurement]) -> dict[str, float]:
    """Seconds of loading by what is loaded: a pipeline is loaded for many configurations at once.

    Where the same was loaded again, the last one counts.
    """
    return {
        load_key(m): m.record.load_s
        for m in measured
        if m.record is not None and m.record.load_s is not None
    }


def load_key(m: Measurement) -> str:
    """What must be equal for two configurations to share a load."""
    return canonical_json({name: m.knobs[name] for name in _LOAD_KNOBS if name in m.knobs})


def startup(m: Measurement, loads: Mapping[str, float]) -> Startup | None:
    """What comes before the steady calls of a measurement; None where it was not timed.

    Args:
        m: The measurement.
        loads: What `loads_s` gives for its run.
    """
    record: Record | None = m.record
    if record is None or record.first_call_s is None or m.latency is None:
        return None
    return Startup(
        load_s=record.load_s if record.load_s is not None else loads.get(load_key(m)),
        first_call_s=record.first_call_s,
        warmup_s=record.warmup_s,
        call_s=m.latency.point,
    )


def payback(slow: Measurement, plain: Measurement, loads: Mapping[str, float]) -> Payback:
    """From how many images on a configuration that starts later has saved time.

    Both draw n images in ``excess + n * seconds an image``, so they meet where the seconds that
    one starts later equal those that it has saved. The range comes from the intervals of both
    latencies; how long a start takes was seen once, and has none.

    Args:
        slow: The one that may start later.
        plain: What it is compared with: the default, or the same without compilation.
        loads: What `loads_s` gives for the run.
    """
    ours, theirs = startup(slow, loads), startup(plain, loads)
    ours_image, theirs_image = slow.latency_per_image, plain.latency_per_image
    if ours is None or theirs is None or ours_image is None or theirs_image is None:
        return Payback(reason="one of the two was not timed")
    counts_loading = ours.load_s is not None and theirs.load_s is not None
    extra_s = ours.excess_s - theirs.excess_s
    if not counts_loading:
        extra_s -= (ours.load_s or 0.0) - (theirs.load_s or 0.0)
    reason = _obstacle(extra_s, ours_image, theirs_image)
    if reason is not None:
        return Payback(extra_s=extra_s, counts_loading=counts_loading, reason=reason)
    return Payback(
        extra_s=extra_s,
        images=extra_s / (theirs_image.point - ours_image.point),
        low_images=extra_s / (theirs_image.high - ours_image.low),
        high_images=extra_s / (theirs_image.low - ours_image.high),
        counts_loading=counts_loading,
    )


def _obstacle(extra_s: float, ours: Estimate, theirs: Estimate) -> str | None:
    if extra_s <= 0:
        return NO_EARLIER
    if ours.overlaps(theirs):
        return WITHIN_NOISE
    return NOT_FASTER if ours.point > theirs.point else None


def compiled_pairs(
    measured: Iterable[Measurement],
) -> list[tuple[Measurement, Measurement]]:
    """Each timed configuration that compiles, with the same one without; the fastest first.

    Of derived ones no start is known.
    """
    timed = [
        m
        for m in measured
        if m.latency_per_image is not None and not m.is_derived and "compile" in m.knobs
    ]
    if all(m.knobs["compile"] == "off" for m in timed):
        return []
    plain = {_without_compile(m): m for m in timed if m.knobs["compile"] == "off"}
    pairs = [
        (m, plain[key])
        for m in timed
        if m.knobs["compile"] != "off" and (key := _without_compile(m)) in plain
    ]
    return sorted(pairs, key=lambda pair: by_latency(pair[0]))


def _without_compile(m: Measurement) -> str:
    return canonical_json({name: value for name, value in m.knobs.items() if name != "compile"})
