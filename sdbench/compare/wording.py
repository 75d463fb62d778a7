"""Changes in words, no finer than they justify; one form for all formats."""

from __future__ import annotations

from sdbench.compare.effect import Effect


def percent(share: float) -> str:
    """A share as a percentage: ``7.1 %``, ``0.3 %``, ``0.04 %``, ``120 %``."""
    value = 100 * abs(share)
    digits = 0 if value >= 99.5 else 2 if 0.005 <= value < 0.095 else 1
    return f"{'-' if share < 0 and float(f'{value:.{digits}f}') else ''}{value:.{digits}f} %"


def signed_percent(share: float) -> str:
    """A change as a percentage with its sign: ``+7.1 %``, ``-0.3 %``; ``0.0 %`` has none."""
    text = percent(share)
    return f"+{text}" if share > 0 and any(digit in text for digit in "123456789") else text


def interval(effect: Effect) -> str:
    """The interval of a change: ``-0.3 to 5.2 %``."""
    return f"{percent(effect.low - 1).removesuffix(' %')} to {percent(effect.high - 1)}"


def slower_or_faster(effect: Effect) -> str:
    """A change with its interval, both in the direction of the word.

    As ``7.1 % slower (5.2 to 9.0 %)``, or ``1.0 % faster (-0.5 to 2.5 %)``.
    """
    if effect.ratio >= 1:
        return f"{percent(effect.ratio - 1)} slower ({interval(effect)})"
    ends = f"{percent(1 - effect.high).removesuffix(' %')} to {percent(1 - effect.low)}"
    return f"{percent(1 - effect.ratio)} faster ({ends})"
