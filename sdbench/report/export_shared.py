"""What exports for other programs share: names of configurations, and which of them have times."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from sdbench.analysis.measurement import Measurement
from sdbench.analysis.wording import settings
from sdbench.results.rounds import TIMED_STATUSES
from sdbench.statistics import Estimate


def stable_names(measured: Sequence[Measurement]) -> dict[str, str]:
    """A name for each configuration, by key: the same from run to run, and no two alike.

    It is made of all settings that are turned away from neutral, not only of those that vary within
    the run: a suite that grows by an axis keeps the names that it had. Where two read alike, as two
    long prompts may, each has its key beside it; where no settings are known, it is the key alone.
    """
    words = {m.key: settings(m.knobs) if m.knobs else m.key for m in measured}
    seen = Counter(words.values())
    return {key: f"{text} ({key})" if seen[text] > 1 else text for key, text in words.items()}


def latency_of(m: Measurement) -> Estimate | None:
    """Seconds of a call; None where the configuration did not end with timed calls, or was derived.

    What ran before a timeout or an error is no figure that other programs could tell from others.
    """
    return m.latency if m.status in TIMED_STATUSES and not m.is_derived else None


def derived_count(measured: Iterable[Measurement]) -> int:
    """Configurations that exports for other programs leave out, since they were not measured."""
    return sum(m.is_derived for m in measured)
