"""The kinds of number that a suite holds, as pydantic reads them at the border.

A suite file says ``time_budget: 60s``; the suite as resolved says ``time_budget_s: 60.0``. Both
are read by the same annotations: the context `RESOLVED` tells the second from the first.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, WithJsonSchema

from sdbench.errors import IllegalValue
from sdbench.units import (
    RATIO_LEGAL,
    SIZE_LEGAL,
    TIME_LEGAL,
    parse_bytes,
    parse_ratio,
    parse_seconds,
)

RESOLVED = {"is_resolved": True}
"""Context of a validation whose quantities are plain numbers in bytes and seconds already."""

_NUMBER = r"^\s*[0-9]*\.?[0-9]+\s*"
SIZE_PATTERN = _NUMBER + r"([KMGT]i?)?B\s*$"
TIME_PATTERN = _NUMBER + r"(us|ms|s|min|h)\s*$"
RATIO_PATTERN = _NUMBER + r"%\s*$"
SCORE_PATTERN = _NUMBER + r"%?\s*$"
COUNT_PATTERN = r"^\s*0*[1-9][0-9]{0,8}\s*$"

COUNT_LEGAL = "a whole number above 0, such as 4"
SCORE_LEGAL = "a share above 0 and up to 1, such as 0.9 or 90%"
HEADROOM_LEGAL = "a share from 0 to 1, such as 5% or 0.05"


def parse_score(raw: object) -> float:
    """A fidelity's score (1.0 = 100 %) from ``"90%"``, ``"0.9"`` or ``0.9``.

    Raises:
        IllegalValue: Not a share, or outside of 0 to 1 (0 excluded).
    """
    is_bare = isinstance(raw, str) and "%" not in raw and re.match(SCORE_PATTERN, raw)
    try:
        return parse_ratio(float(raw) if is_bare and isinstance(raw, str) else raw)
    except IllegalValue:
        raise IllegalValue(raw, SCORE_LEGAL) from None


def parse_headroom(raw: object) -> float:
    """A share that is kept free (1.0 = 100 %) from ``"5%"``, ``0.05``, or 0 for none.

    Raises:
        IllegalValue: Not a share, or outside of 0 to 1.
    """
    if (isinstance(raw, (int, float)) and not isinstance(raw, bool) and raw == 0) or (
        isinstance(raw, str) and re.fullmatch(r"\s*0*\.?0+\s*%?\s*", raw)
    ):
        return 0.0
    try:
        return parse_score(raw)
    except IllegalValue:
        raise IllegalValue(raw, HEADROOM_LEGAL) from None


def parse_count(raw: object) -> int:
    """A whole number above 0 from ``4`` or ``"4"``.

    Raises:
        IllegalValue: Not such a number.
    """
    if isinstance(raw, str) and re.fullmatch(COUNT_PATTERN, raw, re.ASCII):
        raw = int(raw)
    if not isinstance(raw, int) or isinstance(raw, bool) or raw < 1:
        raise IllegalValue(raw, COUNT_LEGAL)
    return raw


def read_by(
    parse: Callable[[Any], float], legal: str, *, may_be_zero: bool = False
) -> Callable[[Any, ValidationInfo], Any]:
    """A validator that parses what a file says and leaves what was resolved as it is."""

    def read(raw: Any, info: ValidationInfo) -> Any:
        if info.context == RESOLVED:
            return raw
        try:
            quantity = parse(raw)
        except OverflowError:
            raise IllegalValue(raw, legal) from None
        if not math.isfinite(quantity) or quantity < 0 or (quantity == 0 and not may_be_zero):
            raise IllegalValue(raw, legal)
        return quantity

    return read


def _on_or_off(raw: Any) -> Any:
    return {"on": True, "off": False}.get(raw, raw) if isinstance(raw, str) else raw


Switch = Annotated[
    bool, BeforeValidator(_on_or_off, json_schema_input_type=bool | Literal["on", "off"])
]
"""On or off, as YAML 1.2 has words for it, or a boolean."""

Count = Annotated[int, Field(strict=True)]
"""A whole number; neither a boolean nor a text is taken for one."""

Bytes = Annotated[
    int,
    Field(strict=True),
    BeforeValidator(read_by(parse_bytes, SIZE_LEGAL)),
    WithJsonSchema({"type": "string", "pattern": SIZE_PATTERN}),
]
"""A size: with its unit in a file, in bytes once resolved."""

Seconds = Annotated[
    float,
    Field(allow_inf_nan=False),
    BeforeValidator(read_by(parse_seconds, TIME_LEGAL)),
    WithJsonSchema({"type": "string", "pattern": TIME_PATTERN}),
]
"""A duration: with its unit in a file, in seconds once resolved."""

Ratio = Annotated[
    float,
    BeforeValidator(read_by(parse_ratio, RATIO_LEGAL)),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": RATIO_PATTERN},
                {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
            ]
        }
    ),
]
"""A share, 1.0 = 100 %: as a percentage or a fraction in a file, as a fraction once resolved."""

Score = Annotated[
    float,
    BeforeValidator(read_by(parse_score, SCORE_LEGAL)),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": SCORE_PATTERN},
                {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
            ]
        }
    ),
]
"""A fidelity's score: as a percentage or a fraction in a file, as a fraction once resolved."""

Headroom = Annotated[
    float,
    BeforeValidator(read_by(parse_headroom, HEADROOM_LEGAL, may_be_zero=True)),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": SCORE_PATTERN},
                {"type": "number", "minimum": 0, "maximum": 1},
            ]
        }
    ),
]
"""A share that is kept free, 0 included; otherwise like `Ratio`."""
