"""What comes before the steady calls, and after how many images it has paid back."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sdbench.analysis.measurement import Measurement
from sdbench.analysis.payback import (
    NO_EARLIER,
    Payback,
    Startup,
    compiled_pairs,
    payback,
    startup,
)
from sdbench.analysis.wording import count, settings
from sdbench.units import format_number, format_seconds

NOT_LOADED_HERE = "not timed"


@dataclass(frozen=True, slots=True)
class StartView:
    """The start of each configuration, in words.

    Attributes:
        rows: What it consists of, with a text and a detail for each configuration.
        paybacks: After how many images a slower start has paid back, in sentences.
    """

    rows: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    paybacks: tuple[str, ...]


def start_view(
    measured: Sequence[Measurement], shown: Mapping[str, Measurement], loads: Mapping[str, float]
) -> StartView | None:
    """The start of the configurations that are shown; None where one of them is not known.

    Args:
        measured: All of the run, for pairs that differ in compilation alone.
        shown: The configurations by what they are, such as ``default``.
        loads: What `sdbench.analysis.payback.loads_s` gives for the run.
    """
    starts = [startup(m, loads) for m in shown.values()]
    known = [one for one in starts if one is not None]
    if len(known) < len(starts):
        return None
    rows = (
        ("loading", tuple(_load_words(one) for one in known)),
        ("first call", tuple((format_seconds(one.first_call_s), "") for one in known)),
        ("further calls to warm up", tuple(_warmup_words(one) for one in known)),
        ("a timed call, to compare", tuple((format_seconds(one.call_s), "") for one in known)),
    )
    return StartView(rows, tuple(_paybacks(measured, shown, loads)))


def _load_words(start: Startup) -> tuple[str, str]:
    return (NOT_LOADED_HERE if start.load_s is None else format_seconds(start.load_s)), ""


def _warmup_words(start: Startup) -> tuple[str, str]:
    if not start.warmup_s:
        return "none", ""
    return format_seconds(sum(start.warmup_s)), count(len(start.warmup_s), "call")


def _paybacks(
    measured: Sequence[Measurement], shown: Mapping[str, Measurement], loads: Mapping[str, float]
) -> Iterator[str]:
    default, chosen = shown.get("default"), shown.get("recommended")
    if default is not None and chosen is not None:
        found = payback(chosen, default, loads)
        if found.reason != NO_EARLIER:
            yield _sentence("The recommended configuration", "the default", found)
    pairs = compiled_pairs(measured)
    ours = [pair for pair in pairs if chosen is not None and pair[0].key == chosen.key]
    for compiled, plain in ours or pairs[:1]:
        if ours and default is not None and plain.key == default.key:
            continue
        subject = "The recommended configuration" if ours else _named(compiled)
        yield _sentence(subject, "the same without compilation", payback(compiled, plain, loads))


def _named(m: Measurement) -> str:
    return f"The fastest one that compiles ({settings(m.knobs)})"


def _sentence(subject: str, other: str, found: Payback) -> str:
    loading = "" if found.counts_loading else ", loading not counted"
    if found.extra_s is None:
        return f"{subject} cannot be compared with {other}: {found.reason}."
    if found.extra_s <= 0:
        return f"{subject} starts no later than {other}{loading}."
    begun = f"{subject} starts {format_seconds(found.extra_s)} later than {other}{loading}"
    if found.images is None or found.low_images is None or found.high_images is None:
        return f"{begun}, and nothing pays it back: {found.reason}."
    images = f"{_whole(found.images)} image{'' if math.ceil(found.images) == 1 else 's'}"
    low, high = _whole(found.low_images), _whole(found.high_images)
    span = "" if low == high else f" ({low} to {high} by the intervals)"
    return f"{begun}, and pays back after {images}{span}."


def _whole(images: float) -> str:
    """A number of images, rounded up; of large ones three digits."""
    whole = math.ceil(images)
    return format_number(whole) if whole >= 1000 else str(whole)
