"""How far the latencies of a run can be trusted, and which configurations to look at twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sdbench.analysis.advice import Advice
from sdbench.analysis.measurement import Measurement, by_latency
from sdbench.analysis.noise import Noise, has_company, noise
from sdbench.analysis.ratios import is_told_from_one, ratio
from sdbench.analysis.wording import count, estimate_text, interval_text, settings
from sdbench.results.crowding import crowded_ratio
from sdbench.results.record import Status
from sdbench.results.store import Run

MOST_MARKED = 30
"""More rows are no marks any more; the table of all configurations tells the status of each."""

WIDE = 3.0
"""An interval that is so many times as wide as the run's usual one is marked."""

LEAST_WIDE_RATIO = 0.02
"""A narrower half-width is not marked, however narrow the others are."""


@dataclass(frozen=True, slots=True)
class Marked:
    """A configuration that was not measured like the others.

    Attributes:
        settings: The configuration in words.
        row: Its position in the plan.
        marks: What is to be known of it.
    """

    settings: str
    row: int
    marks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A configuration that was measured again in fresh rounds.

    Attributes:
        settings: The configuration in words.
        row: Its position in the plan.
        is_recommended: Whether it is the answer.
        swept: Latency of an image in the sweep.
        swept_interval: Its interval.
        fresh: The same in the fresh rounds.
        fresh_interval: Its interval.
        change: How the fresh one differs.
        rounds: How many there were.
    """

    settings: str
    row: int
    is_recommended: bool
    swept: str
    swept_interval: str
    fresh: str
    fresh_interval: str
    change: str
    rounds: int


@dataclass(frozen=True, slots=True)
class NoiseView:
    """The noise of a run.

    Attributes:
        smallest: The smallest difference that it can tell, in a sentence.
        sentences: What that rests on, and what disturbed the measurement.
        shift: How the fresh rounds compare with the sweep; None where there were none.
        confirmed: The configurations that were measured again, the fastest first.
        marked: Those that were not measured like the others.
        left_out: How many more of these there are.
    """

    smallest: str
    sentences: tuple[str, ...]
    shift: str | None
    confirmed: tuple[Confirmed, ...]
    marked: tuple[Marked, ...]
    left_out: int


def noise_view(run: Run, measured: Sequence[Measurement], advice: Advice) -> NoiseView | None:
    """The noise of a run; None where nothing was timed."""
    if all(m.latency is None or m.is_derived for m in measured):
        return None
    found = noise(run)
    marked = [
        (m, row, marks) for row, m in enumerate(measured) if (marks := tuple(_marks(m, found)))
    ]
    marked.sort(key=lambda one: (one[0].status is not Status.UNSTABLE, -len(one[2])))
    confirmed = [
        (m, row) for row, m in enumerate(measured) if m.confirmed_rounds and m.swept_latency
    ]
    confirmed.sort(key=lambda one: by_latency(one[0]))
    return NoiseView(
        smallest=_smallest(found),
        sentences=tuple(filter(None, (_basis(found), f"{_disturbances(found)}."))),
        shift=_shift(found),
        confirmed=tuple(_confirmed(m, row, advice) for m, row in confirmed),
        marked=tuple(
            Marked(settings(m.knobs, advice.names), row, marks)
            for m, row, marks in marked[:MOST_MARKED]
        ),
        left_out=max(0, len(marked) - MOST_MARKED),
    )


def percent(share: float) -> str:
    """A share (1.0 = 100 %) in percent, with two digits and no more."""
    value = 100 * abs(share)
    return f"{value:.0f} %" if value >= 9.95 else f"{value:.2g} %"


def _smallest(found: Noise) -> str:
    if found.smallest_ratio is None:
        return f"What difference this run can tell is not known: {found.within_reason}."
    difference = percent(found.smallest_ratio)
    if found.between_ratio is None:
        return f"The smallest difference that this run can tell is at least {difference}."
    return f"The smallest difference in latency that this run can tell is about {difference}."


def _basis(found: Noise) -> str:
    """What the smallest difference follows from."""
    parts = []
    if found.median_half_width is not None:
        timed = count(len(found.half_widths), "configuration")
        parts.append(
            f"within a round half of {timed} know their median to ± "
            f"{percent(found.median_half_width)} or better"
        )
    if found.between_sd is not None:
        again = count(found.confirmed, "configuration")
        parts.append(
            f"from round to round the {again} measured again differ by "
            f"{percent(found.between_sd)} (one sigma)"
        )
    elif found.between_reason is not None:
        parts.append(found.between_reason)
    text = "; ".join(parts)
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _shift(found: Noise) -> str | None:
    """How the fresh rounds differ from the sweep; no finer than twice the standard error."""
    shift, sd = found.shift_ratio, found.between_sd
    if shift is None:
        return None
    if sd is not None and abs(shift) <= 2 * sd / found.confirmed**0.5:
        words = "no different from the sweep, as far as can be told"
    else:
        words = f"{percent(shift)} {'slower' if shift > 0 else 'faster'} than the sweep"
    return (
        f"On average they are {words}. What is fastest of many owes some of it to luck, which "
        "fresh rounds take away again: latencies in this report are theirs where there are any."
    )


def _disturbances(found: Noise) -> str:
    counted = (
        (found.unstable, "unstable, since most calls were throttled"),
        (found.throttled, "throttled in a timed call"),
        (found.outlying, "with a call far from the median, which counts"),
        (found.accompanied or 0, "with another process on the device"),
        (found.crowded or 0, "that waited for a processor for 5 % of a call or more"),
    )
    told = [f"{words}: {number}" for number, words in counted if number]
    nothing = "No configuration was throttled"
    if found.crowded == 0:
        nothing += ", or waited for a processor for 5 % of a call or more"
    text = f"Configurations {'; '.join(told)}" if told else nothing
    if found.accompanied is None:
        return f"{text}; {found.accompanied_reason}"
    return text


def _marks(m: Measurement, found: Noise) -> Iterator[str]:
    record = m.record
    if record is None or m.latency is None or m.is_derived:
        return
    calls = len(record.samples_s)
    if m.status is Status.UNSTABLE:
        yield "unstable: its latency is of throttled calls"
    if throttled := sum(record.is_throttled):
        yield f"{throttled} of {count(calls, 'call')} throttled"
    if outlying := sum(record.is_outlier):
        yield f"{outlying} of {count(calls, 'call')} far from the median"
    if has_company(record):
        yield "another process on the device"
    if (waited := crowded_ratio(record)) is not None:
        yield f"waited for a processor for {percent(waited)} of a call"
    own, usual = found.half_widths.get(m.key), found.median_half_width
    if own is not None and usual is not None and own > max(LEAST_WIDE_RATIO, WIDE * usual):
        yield f"interval ± {percent(own)}"


def _confirmed(m: Measurement, row: int, advice: Advice) -> Confirmed:
    fresh, swept, latency = m.latency_per_image, m.swept_latency, m.latency
    assert fresh and swept and latency
    swept_image = swept.scaled(fresh.point / latency.point)
    change = ratio(fresh, swept_image)
    told = "within noise"
    if not change.has_interval:
        told = "single calls: not known"
    elif is_told_from_one(change):
        told = f"{percent(change.point - 1)} {'slower' if change.point > 1 else 'faster'}"
    chosen = advice.best.chosen
    return Confirmed(
        settings=settings(m.knobs, advice.names),
        row=row,
        is_recommended=chosen is not None and chosen.key == m.key,
        swept=estimate_text(swept_image),
        swept_interval=interval_text(swept_image),
        fresh=estimate_text(fresh),
        fresh_interval=interval_text(fresh),
        change=told,
        rounds=m.confirmed_rounds,
    )
