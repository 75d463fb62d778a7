"""From the default configuration to the recommended one, a knob at a time, as far as measured."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from sdbench.analysis.advice import Advice
from sdbench.analysis.competing import same_picture
from sdbench.analysis.gain import Gain
from sdbench.analysis.measurement import Measurement, by_latency
from sdbench.analysis.reasons import AMOUNT_KNOBS
from sdbench.knobs.registry import KNOBS


class Change(str, Enum):
    """What a step does to the latency of an image, as far as its intervals tell."""

    FASTER = "faster"
    SLOWER = "slower"
    WITHIN_NOISE = "within noise"
    NO_INTERVAL = "a single timed call, no interval"


@dataclass(frozen=True, slots=True)
class WaterfallStep:
    """One step of the way.

    Attributes:
        knobs: The knobs that it turns; several where what lies between was not measured.
        before: The measurement that it begins with.
        after: The one that it ends with.
    """

    knobs: tuple[str, ...]
    before: Measurement
    after: Measurement

    @property
    def change(self) -> Change:
        """Whether it gains, loses, or cannot be told from noise."""
        before, after = self.before.latency_per_image, self.after.latency_per_image
        assert before and after  # only timed measurements are steps
        if not (before.has_interval and after.has_interval):
            return Change.NO_INTERVAL
        if before.overlaps(after):
            return Change.WITHIN_NOISE
        return Change.FASTER if after.point < before.point else Change.SLOWER

    @property
    def times_as_fast(self) -> float:
        """Latency of an image before over that after."""
        before, after = self.before.latency_per_image, self.after.latency_per_image
        assert before and after
        return before.point / after.point if after.point else 1.0


@dataclass(frozen=True, slots=True)
class Waterfall:
    """The way from a plain configuration to the recommended one.

    Attributes:
        start: Where it begins.
        steps: Its steps; none where the start is what is recommended.
        not_default: Why it does not begin with the default configuration; None where it does.
    """

    start: Measurement
    steps: tuple[WaterfallStep, ...]
    not_default: str | None = None

    @property
    def has_combined_steps(self) -> bool:
        """Whether a step turns several knobs at once."""
        return any(len(step.knobs) > 1 for step in self.steps)


def waterfall(measured: Sequence[Measurement], advice: Advice) -> Waterfall | None:
    """The way to the recommendation through what was measured; None where nothing is recommended.

    Of all ways that the run has measured it is one with the most steps, so that as many as can
    be turn one knob alone; of these the one that gains most first.
    """
    chosen = advice.best.chosen
    if chosen is None or chosen.latency_per_image is None:
        return None
    competing = [m for m in measured if m.is_timed and same_picture(m, chosen)]
    gain = advice.best.gain
    if gain is not None and gain.default.is_timed:
        start, reason = gain.default, None
    else:
        start, reason = _plainest(competing, advice.names), _absence(gain)
    return Waterfall(start, tuple(_steps(competing, start, chosen)), reason)


def _absence(gain: Gain | None) -> str:
    if gain is None:
        return "the default configuration was not measured"
    return f"the default configuration has no latency ({gain.default.status_word})"


def _plainest(competing: Iterable[Measurement], names: Collection[str]) -> Measurement:
    """The one with the fewest knobs turned away from what diffusers does; of these the most work.

    Of equals it is the first of the plan.
    """

    def order(m: Measurement) -> tuple[float, ...]:
        turned = sum(m.knobs[name] != KNOBS[name].neutral for name in names if name in m.knobs)
        amounts = (m.knobs.get(name) for name in AMOUNT_KNOBS)
        return turned, *(-value if isinstance(value, (int, float)) else 0 for value in amounts)

    return min(competing, key=order)


def _steps(
    competing: Iterable[Measurement], start: Measurement, chosen: Measurement
) -> Iterable[WaterfallStep]:
    turned = [n for n in KNOBS if start.knobs.get(n) != chosen.knobs.get(n)]
    between = _between(competing, start, chosen, turned)
    whole = (1 << len(turned)) - 1
    at, before = 0, start
    lengths = _longest_ways(between, whole, len(turned))
    while at != whole:
        following = [m for m in lengths if m & at == at and lengths[m] == lengths[at] - 1]
        position = min(following, key=lambda mask: by_latency(between[mask]))
        flipped = at ^ position
        knobs = tuple(name for bit, name in enumerate(turned) if flipped >> bit & 1)
        yield WaterfallStep(knobs, before, between[position])
        at, before = position, between[position]


def _between(
    competing: Iterable[Measurement],
    start: Measurement,
    chosen: Measurement,
    turned: Sequence[str],
) -> dict[int, Measurement]:
    """Measurements with each knob as at the start or as chosen, by a mask of those as chosen."""
    fixed = [(n, start.knobs.get(n)) for n in KNOBS if n not in turned]
    ends = [(n, start.knobs.get(n), chosen.knobs.get(n)) for n in turned]
    found = {0: start, (1 << len(turned)) - 1: chosen}
    for m in competing:
        mask = _mask(m.knobs, ends)
        if mask is not None and all(m.knobs.get(name) == value for name, value in fixed):
            found.setdefault(mask, m)
    return found


def _mask(knobs: Mapping[str, object], ends: Sequence[tuple[str, object, object]]) -> int | None:
    mask = 0
    for bit, (name, first, last) in enumerate(ends):
        value = knobs.get(name)
        if value == last:
            mask |= 1 << bit
        elif value != first:
            return None
    return mask


def _longest_ways(masks: Collection[int], whole: int, bits: int) -> dict[int, int]:
    """For each mask that a longest way from 0 may lead by, the most steps from it to the end.

    Steps of one knob alone are tried first, since a full grid always has such a way.
    """
    known = set(masks)
    single = {whole: 0}
    for mask in sorted(known - {whole}, key=int.bit_count, reverse=True):
        ahead = [mask | 1 << bit for bit in range(bits) if not mask >> bit & 1]
        if any(one in single for one in ahead):
            single[mask] = bits - mask.bit_count()
    if 0 in single:
        return single
    lengths = {whole: 0}
    for mask in sorted(known - {whole}, key=int.bit_count, reverse=True):
        lengths[mask] = 1 + max(n for one, n in lengths.items() if one & mask == mask)
    return lengths
