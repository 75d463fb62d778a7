"""What a comparison says of one metric of one configuration."""

from __future__ import annotations

from enum import Enum


class Verdict(str, Enum):
    """The verdicts.

    FASTER, SLOWER: a time, beyond its margin for certain. LESS, MORE: memory. BETTER, WORSE: a
    picture. FIXED, BROKEN: a status. SAME: within the margin for certain. AMBIGUOUS: the data
    cannot tell. MISSING: one side has no data where the other has some, or neither has. NEW, GONE:
    a configuration that only the candidate, or only the baseline, was asked for.
    """

    FASTER = "FASTER"
    LESS = "LESS"
    BETTER = "BETTER"
    FIXED = "FIXED"
    SAME = "SAME"
    NEW = "NEW"
    GONE = "GONE"
    AMBIGUOUS = "AMBIGUOUS"
    MISSING = "MISSING"
    SLOWER = "SLOWER"
    MORE = "MORE"
    WORSE = "WORSE"
    BROKEN = "BROKEN"

    @property
    def is_regression(self) -> bool:
        """Whether it is worse than before for certain."""
        return self in _REGRESSIONS

    @property
    def is_improvement(self) -> bool:
        """Whether it is better than before for certain."""
        return self in _IMPROVEMENTS

    @property
    def is_unchecked(self) -> bool:
        """Whether there is nothing to hold against anything: data is missing on a side."""
        return self in _UNCHECKED


_UNCHECKED = (Verdict.MISSING, Verdict.NEW, Verdict.GONE)
_REGRESSIONS = (Verdict.SLOWER, Verdict.MORE, Verdict.WORSE, Verdict.BROKEN)
_IMPROVEMENTS = (Verdict.FASTER, Verdict.LESS, Verdict.BETTER, Verdict.FIXED)

_ORDER = (
    Verdict.BROKEN,
    Verdict.SLOWER,
    Verdict.MORE,
    Verdict.WORSE,
    Verdict.MISSING,
    Verdict.GONE,
    Verdict.NEW,
    Verdict.AMBIGUOUS,
    Verdict.FIXED,
    Verdict.FASTER,
    Verdict.LESS,
    Verdict.BETTER,
    Verdict.SAME,
)


def gravity(verdict: Verdict) -> int:
    """Sorts verdicts: the gravest first."""
    return _ORDER.index(verdict)
