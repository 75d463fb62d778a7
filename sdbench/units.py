"""Sizes, times and ratios: as people write them, and as sdbench prints them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from fractions import Fraction

from sdbench.errors import IllegalValue

KIB, MIB, GIB = 2**10, 2**20, 2**30

_BYTES_PER_UNIT: dict[str, int | Fraction] = {
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": KIB,
    "MiB": MIB,
    "GiB": GIB,
    "TiB": 2**40,
}
_SECONDS_PER_UNIT: dict[str, int | Fraction] = {
    "us": Fraction(1, 10**6),
    "ms": Fraction(1, 10**3),
    "s": 1,
    "min": 60,
    "h": 3600,
}
_QUANTITY = re.compile(r"\s*([0-9]{0,19}\.?[0-9]{1,19})\s*([A-Za-z%]+)\s*")

_TOO_LARGE = 2**63
"""No size in bytes or time in seconds reaches it, and every program can hold what is below."""

SIZE_LEGAL = "a size with its unit, such as 8GiB, 500MiB or 16GB"
TIME_LEGAL = "a time with its unit, such as 250ms, 60s, 10min or 1h"
RATIO_LEGAL = "a percentage above 0% such as 1%, or a fraction between 0 and 1"


def _parse_quantity(raw: object, per_unit: Mapping[str, int | Fraction], legal: str) -> Fraction:
    """The quantity, exact: as floats, 57% and 0.57 or 1.001KB and 1001B would differ."""
    match = _QUANTITY.fullmatch(raw) if isinstance(raw, str) else None
    if match is None or match[2] not in per_unit:
        raise IllegalValue(raw, legal)
    quantity = Fraction(match[1]) * per_unit[match[2]]
    if not 0 < quantity < _TOO_LARGE:
        raise IllegalValue(raw, legal)
    return quantity


def parse_bytes(raw: object) -> int:
    """A size in whole bytes from ``"8GiB"`` (binary units) or ``"8GB"`` (decimal units).

    Raises:
        IllegalValue: No unit, an unknown unit, or below one byte.
    """
    size_bytes = int(_parse_quantity(raw, _BYTES_PER_UNIT, SIZE_LEGAL))
    if size_bytes < 1:
        raise IllegalValue(raw, SIZE_LEGAL)
    return size_bytes


def parse_seconds(raw: object) -> float:
    """A duration in seconds from ``"250ms"``, ``"60s"``, ``"10min"`` or ``"1h"``.

    Raises:
        IllegalValue: No unit, an unknown unit, or not above zero.
    """
    return float(_parse_quantity(raw, _SECONDS_PER_UNIT, TIME_LEGAL))


def parse_ratio(raw: object) -> float:
    """A ratio (1.0 = 100 %) from ``"1%"`` or ``0.01``.

    Raises:
        IllegalValue: Not a percentage, or outside of 0 to 1 (0 excluded).
    """
    if isinstance(raw, str):
        ratio = float(_parse_quantity(raw, {"%": Fraction(1, 100)}, RATIO_LEGAL))
    elif isinstance(raw, (int, float)) and not isinstance(raw, bool):
        ratio = float(raw)
    else:
        raise IllegalValue(raw, RATIO_LEGAL)
    if not 0 < ratio <= 1:
        raise IllegalValue(raw, RATIO_LEGAL)
    return ratio


def format_bytes(size_bytes: int | None) -> str:
    """A size in B, KiB, MiB or GiB, three significant digits or whole; a dash without one."""
    if size_bytes is None:
        return "–"
    if size_bytes < 0:
        return "-" + format_bytes(-size_bytes)
    for unit, name in ((GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")):
        value = size_bytes / unit
        if _rounded(value) >= 1:
            return f"{value:.{max(0, _DIGITS - 1 - _exponent(value))}f} {name}"
    return f"{size_bytes} B"


def format_seconds(duration_s: float | None, half_width_s: float | None = None) -> str:
    """A duration, no finer than its interval justifies.

    Args:
        duration_s: The duration in seconds, or None (printed as a dash).
        half_width_s: Half the width of its interval in seconds; the last digit printed is the
            interval's leading one, or the duration's own leading one where the interval is wider.
            Without it, three significant digits are printed.
    """
    if duration_s is None:
        return "–"
    if duration_s < 0:
        return "-" + format_seconds(-duration_s, half_width_s)
    scale, name = (1.0, "s") if _rounded(duration_s) >= 1 else (1e3, "ms")
    half_width = None if half_width_s is None else half_width_s * scale
    return f"{_significant(duration_s * scale, half_width)} {name}"


def format_number(value: float, half_width: float | None = None) -> str:
    """A number from 0 upwards, thousands apart, no finer than its interval justifies.

    Args:
        value: The number.
        half_width: As for `format_seconds`.
    """
    whole, point, decimals = _significant(value, half_width).partition(".")
    return f"{int(whole):,}{point}{decimals}"


_DIGITS = 3
"""Significant digits where no interval says how many are justified."""


def _rounded(value: float) -> float:
    """The value as it is printed, so that what rounds up to the next unit is printed in it."""
    return float(f"{value:.{_DIGITS - 1}e}")


def _exponent(value: float) -> int:
    """Power of ten of the leading digit, once the value is rounded: 1 for 9.996, not 0."""
    return math.floor(math.log10(_rounded(value)))


def _significant(value: float, half_width: float | None = None) -> str:
    """A value from 0 upwards with `_DIGITS` digits, or fewer where its interval is wide."""
    if value == 0:
        return "0"
    decimals = _DIGITS - 1 - _exponent(value)
    if half_width is not None and half_width > 0:
        justified = -_exponent(half_width) if math.isfinite(half_width) else -math.inf
        decimals = min(decimals, int(max(justified, -_exponent(value))))
    return f"{round(value, decimals) if decimals < 0 else value:.{max(decimals, 0)}f}"
