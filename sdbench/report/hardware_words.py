"""A hardware comparison in words: figures no finer than their intervals, ties named."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from statistics import median

from sdbench.analysis.contenders import Contender
from sdbench.analysis.hardware import HardwareComparison, Mean
from sdbench.analysis.launch_share import UPPER_BOUND, is_launch_bound, launch_share
from sdbench.analysis.measurement import Measurement
from sdbench.analysis.prices import IMAGES_OF_A_COST, Rate
from sdbench.analysis.ranking import obstacles_to_ranking, ranked
from sdbench.analysis.saturation import FIXED_BOUND_ABOVE, Ending, Saturation
from sdbench.analysis.wording import count
from sdbench.statistics import Estimate
from sdbench.units import format_number

Rates = Sequence[Rate | None]

ENDING_WORDS = {
    Ending.SATURATED: "saturated",
    Ending.OUT_OF_MEMORY: "not saturated: larger ones run out of memory",
    Ending.LARGEST_MEASURED: "not saturated: largest measured",
    Ending.ONLY_ONE: "the only one measured",
}


def number_text(estimate: Estimate | None) -> str:
    """An estimate's value without a unit, no finer than its interval justifies."""
    if estimate is None:
        return "–"
    return format_number(estimate.point, estimate.half_width or None)


def range_text(estimate: Estimate) -> str:
    """An estimate's interval without a unit."""
    if not estimate.has_interval:
        return "no interval"
    finest = estimate.half_width / 10 or None
    return f"{format_number(estimate.low, finest)} to {format_number(estimate.high, finest)}"


def ratio_text(estimate: Estimate | None, *, is_reference: bool = False) -> str:
    """How many times the reference, with its interval: ``1.92 × (1.88 to 1.96)``."""
    if is_reference:
        return "reference"
    if estimate is None:
        return "–"
    return f"{multiple_text(estimate)} ({range_text(estimate)})"


def multiple_text(estimate: Estimate | None) -> str:
    """How many times the reference, without its interval: ``1.92 ×``."""
    return "–" if estimate is None else f"{number_text(estimate)} ×"


def saturation_text(one: Saturation | None) -> str:
    """A saturating batch: ``batch 8, saturated``."""
    return f"batch {one.at.batch_size}, {ENDING_WORDS[one.ending]}" if one else "–"


def speed_text(estimate: Estimate) -> str:
    """Images an hour in words."""
    return f"{number_text(estimate)} images an hour"


def worth_text(estimate: Estimate, rate: Rate) -> str:
    """Images an hour by what they cost, in words."""
    unit = rate.unit
    return (
        f"{number_text(rate.images_per_unit(estimate))} images per {unit} "
        f"({cost_text(estimate, rate)})"
    )


def cost_text(estimate: Estimate, rate: Rate) -> str:
    """What `IMAGES_OF_A_COST` images cost, in words."""
    cost = number_text(rate.cost(estimate))
    return f"{cost} {rate.currency} for {IMAGES_OF_A_COST:,} images".replace("  ", " ")


def order_sentence(
    groups: Sequence[Sequence[int]],
    names: Sequence[str],
    figures: Callable[[int], str],
    superlative: str,
) -> str:
    """Devices in order, the first ones with the superlative, ties named.

    Args:
        groups: Indices, best first; those of a group cannot be told apart.
        names: Names of the devices.
        figures: What is said of one of them.
        superlative: Such as ``the fastest``.
    """
    first, *rest = groups
    if len(first) > 1 and not rest:
        tied = _listed(names[index] for index in first)
        return f"{tied} cannot be told apart: {_listed(map(figures, first))}."
    if len(first) == 1:
        text = f"{names[first[0]]} is {superlative} with {figures(first[0])}"
    else:
        text = f"{_tied(first, names)} are {superlative}, with {_listed(map(figures, first))}"
    for group in rest:
        apart = ", which cannot be told apart," if len(group) > 1 else ""
        text += (
            f"; then {_listed(names[i] for i in group)}{apart} with {_listed(map(figures, group))}"
        )
    return f"{text}."


def headline(comparison: HardwareComparison, rates: Rates) -> tuple[str, ...]:
    """How the devices rank: by throughput, by cost where prices were given, and why not."""
    contenders = comparison.contenders
    names = [one.name for one in contenders]
    obstacles = obstacles_to_ranking(contenders)
    if obstacles:
        sentences = [f"What the devices recommend is not ranked: {'; '.join(obstacles)}."]
        return (*_by_the_mean(comparison, rates), *sentences)
    speeds = [one.images_per_h for one in contenders]
    sentences = [order_sentence(ranked(speeds), names, lambda i: _speed(speeds, i), "the fastest")]
    worths = _worths(speeds, rates)
    if sum(worth is not None for worth in worths) > 1:
        told = order_sentence(
            ranked(worths), names, lambda i: _worth(speeds, rates, i), "the cheapest"
        )
        sentences.append(told)
    return tuple(sentences)


def mean_sentence(comparison: HardwareComparison, mean: Mean, what: str) -> str:
    """A mean over the same configurations in words.

    Args:
        comparison: The comparison.
        mean: One of its means.
        what: What it is over, such as ``at batch 1``.
    """
    names = [one.name for one in comparison.contenders]
    reference = names[comparison.reference]
    if not mean.count:
        return f"No configuration was measured on every device {what}."
    told = "; ".join(
        f"{name} is {ratio_text(value)} as fast"
        for index, (name, value) in enumerate(zip(names, mean.ratios, strict=True))
        if index != comparison.reference
    )
    return (
        f"{_capital(what)}, {count(mean.count, 'configuration')} measured on every device, "
        f"geometric mean against {reference}: {told}."
    )


def batch_one_sentences(comparison: HardwareComparison) -> tuple[str, ...]:
    """Of which devices batch 1 does not tell how fast they are, and why."""
    sentences = []
    for index, one in enumerate(comparison.contenders):
        if one.is_cpu:
            continue
        ones = [m for f in comparison.families if (m := f.at_one.measured[index]) is not None]
        larger = [s.at for f in comparison.families if (s := f.saturations[index]) is not None]
        shares = [x for f in comparison.families if (x := f.fixed_shares[index]) is not None]
        sentence = _idle_sentence(one, ones, larger) or _fixed_sentence(one, shares)
        if sentence:
            sentences.append(sentence)
    return tuple(sentences)


def _idle_sentence(
    one: Contender, ones: Sequence[Measurement], larger: Sequence[Measurement]
) -> str | None:
    bound = [m.record for m in ones if m.record is not None and is_launch_bound(m.record)]
    if not bound:
        return None
    figures = [launch_share(record) for record in bound]
    middle = median(float(figure.value) for figure in figures if figure.value is not None)
    at_most = "at most " if any(figure.reason == UPPER_BOUND for figure in figures) else ""
    still = sum(
        m.record is not None and bool(is_launch_bound(m.record)) and m.batch_size != 1
        for m in larger
    )
    tail = f" At the saturating batch it still waits in {still} of {len(larger)}." if still else ""
    return (
        f"At batch 1 this measures the CPU, not the GPU: {one.name} was busy for {at_most}"
        f"{middle:.0%} of a call in {len(bound)} of {count(len(ones), 'configuration')}, and "
        f"waited for the host otherwise. Compare it at the saturating batch.{tail}"
    )


def _fixed_sentence(one: Contender, shares: Sequence[float]) -> str | None:
    if not shares or (middle := median(shares)) <= FIXED_BOUND_ABOVE:
        return None
    return (
        f"Batch 1 does not tell how fast {one.name} is: at least {middle:.0%} of such a call does "
        "not grow with the images. That is launching by the CPU, or kernels too small to fill the "
        "device. Compare it at the saturating batch."
    )


def _by_the_mean(comparison: HardwareComparison, rates: Rates) -> list[str]:
    """The ranking by the same configurations, where the recommendations cannot be ranked."""
    mean = comparison.decisive
    if not mean.count:
        return []
    names = [one.name for one in comparison.contenders]

    def speed(index: int) -> str:
        if index == comparison.reference:
            return "1 × (the reference)"
        return ratio_text(mean.ratios[index])

    where = " at the saturating batch" if mean is comparison.at_saturation else ""
    what = f"By {count(mean.count, 'configuration')} measured on every device{where}"
    sentences = [
        f"{what}, {order_sentence(_around(mean, comparison), names, speed, 'the fastest')}"
    ]
    worths = relative_worths(mean, comparison.reference, rates)
    if sum(worth is not None for worth in worths) > 1:
        unit = next(rate.unit for rate in rates if rate)

        def worth(index: int) -> str:
            if index == comparison.reference:
                return f"1 × the images per {unit} (the reference)"
            return f"{ratio_text(worths[index])} the images per {unit}"

        told = order_sentence(ranked(_exact(worths, comparison)), names, worth, "the cheapest")
        sentences.append(told)
    return sentences


def relative_worths(mean: Mean, reference: int, rates: Rates) -> list[Estimate | None]:
    """Images for one unit of the currency over the reference's, in the same configurations."""
    base = rates[reference]
    return [
        value.scaled(base.per_h / rate.per_h) if value and rate and base else None
        for value, rate in zip(mean.ratios, rates, strict=True)
    ]


def _around(mean: Mean, comparison: HardwareComparison) -> tuple[tuple[int, ...], ...]:
    return ranked(_exact(mean.ratios, comparison))


def _exact(
    values: Sequence[Estimate | None], comparison: HardwareComparison
) -> list[Estimate | None]:
    """Ratios to the reference, its own to itself without an interval: the others hold its noise."""
    own = [value.sample_count for value in values if value is not None]
    return [
        Estimate(1.0, 1.0, 1.0, 1.0, max(own))
        if index == comparison.reference and value is not None
        else value
        for index, value in enumerate(values)
    ]


def _worths(speeds: Sequence[Estimate | None], rates: Rates) -> list[Estimate | None]:
    return [
        rate.images_per_unit(speed) if speed and rate else None
        for speed, rate in zip(speeds, rates, strict=True)
    ]


def _speed(speeds: Sequence[Estimate | None], index: int) -> str:
    speed = speeds[index]
    assert speed is not None
    return speed_text(speed)


def _worth(speeds: Sequence[Estimate | None], rates: Rates, index: int) -> str:
    speed, rate = speeds[index], rates[index]
    assert speed is not None and rate is not None
    return worth_text(speed, rate)


def _tied(group: Sequence[int], names: Sequence[str]) -> str:
    return f"{_listed(names[index] for index in group)}, which cannot be told apart,"


def _listed(words: Iterable[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
