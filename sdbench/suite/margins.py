"""The kinds of value that gates hold, as pydantic reads them at the border.

Like `sdbench.suite.quantities`: a suite file says ``latency: 5%`` or ``latency: off``, the suite as
resolved 0.05 or None.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationInfo, WithJsonSchema

from sdbench.errors import IllegalValue
from sdbench.suite.quantities import (
    RESOLVED,
    SCORE_PATTERN,
    SIZE_PATTERN,
    parse_headroom,
    parse_score,
    read_by,
)
from sdbench.units import parse_bytes

ALL_STAGES = "all"
"""Stands for every stage that is not named."""

STAGES = (
    "text_encoding",
    "denoiser",
    "scheduler_step",
    "vae_encode",
    "vae_decode",
    "safety_checker",
    "other",
)
"""The stages of a call, as the pipelines name them."""

MOST_PSNR_DB = 58.9
"""What pictures that count as equal have: the error of rounding to 8 bits alone."""

OFF = "off"
FAIL, ALLOW = "fail", "allow"

MARGIN_LEGAL = "a share above 0 and up to 1, such as 5% or 0.05, or off"
GROWTH_LEGAL = "a share from 0 to 1, such as 5% or 0.05, or off"
STAGES_LEGAL = f"{MARGIN_LEGAL}; or a mapping of stages to these, such as {{denoiser: 5%}}"
SLACK_LEGAL = "a size with its unit, such as 16MiB, or 0"
PICTURE_LEGAL = f"a number of decibels above 0 and up to {MOST_PSNR_DB}, such as 30, or off"

_DECIBELS = re.compile(r"\s*([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*(?:dB)?\s*")
_NO_BYTES = re.compile(r"\s*0{1,19}\s*(?:[KMGT]i?)?B?\s*")
_OFF_SCHEMA = {"enum": [OFF, False]}
_WORD_OF_MISSING = {FAIL: True, ALLOW: False}


def parse_slack(raw: object) -> int:
    """A size in whole bytes from ``"16MiB"``, or 0 for none.

    Raises:
        IllegalValue: Neither a size with its unit nor 0.
    """
    is_zero = isinstance(raw, (int, float)) and not isinstance(raw, bool) and raw == 0
    if is_zero or (isinstance(raw, str) and _NO_BYTES.fullmatch(raw)):
        return 0
    try:
        return parse_bytes(raw)
    except IllegalValue:
        raise IllegalValue(raw, SLACK_LEGAL) from None


def parse_picture(raw: object) -> float:
    """A PSNR in dB from ``30``, ``"30"`` or ``"30dB"``.

    Raises:
        IllegalValue: Not such a number, or outside of 0 (excluded) to `MOST_PSNR_DB`.
    """
    if isinstance(raw, str) and (match := _DECIBELS.fullmatch(raw)):
        psnr_db = float(match[1])
    elif isinstance(raw, (int, float)) and not isinstance(raw, bool):
        psnr_db = float(raw)
    else:
        raise IllegalValue(raw, PICTURE_LEGAL)
    if not 0 < psnr_db <= MOST_PSNR_DB:
        raise IllegalValue(raw, PICTURE_LEGAL)
    return psnr_db


def _or_off(
    parse: Callable[[object], float], legal: str, *, may_be_zero: bool = False
) -> Callable[[Any, ValidationInfo], Any]:
    """A validator of what may be off too, which None stands for."""
    read = read_by(_with_legal(parse, legal), legal, may_be_zero=may_be_zero)

    def read_or_off(raw: Any, info: ValidationInfo) -> Any:
        return None if _is_off(raw) else read(raw, info)

    return read_or_off


def _with_legal(parse: Callable[[object], float], legal: str) -> Callable[[object], float]:
    def parse_with_legal(raw: object) -> float:
        try:
            return parse(raw)
        except IllegalValue:
            raise IllegalValue(raw, legal) from None

    return parse_with_legal


def _is_off(raw: object) -> bool:
    return raw is False or raw == OFF


_read_margin = _or_off(parse_score, MARGIN_LEGAL)


def _read_stages(raw: Any, info: ValidationInfo) -> Any:
    """One margin stands for a mapping of all stages to it."""
    if isinstance(raw, Mapping):
        return raw
    try:
        _read_margin(raw, info)
    except IllegalValue:
        raise IllegalValue(raw, STAGES_LEGAL) from None
    return {ALL_STAGES: raw}


def _read_missing(raw: Any, info: ValidationInfo) -> Any:
    if info.context == RESOLVED:
        return raw
    if not isinstance(raw, str) or raw not in _WORD_OF_MISSING:
        raise IllegalValue(raw, tuple(_WORD_OF_MISSING))
    return _WORD_OF_MISSING[raw]


MARGIN_SCHEMA: Mapping[str, Any] = {
    "anyOf": [
        _OFF_SCHEMA,
        {"type": "string", "pattern": SCORE_PATTERN},
        {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
    ]
}

Margin = Annotated[float | None, BeforeValidator(_read_margin), WithJsonSchema({**MARGIN_SCHEMA})]
"""A share by which a time may grow; nothing within a margin of 0 could ever be told."""

Growth = Annotated[
    float | None,
    BeforeValidator(_or_off(parse_headroom, GROWTH_LEGAL, may_be_zero=True)),
    WithJsonSchema(
        {
            "anyOf": [
                _OFF_SCHEMA,
                {"type": "string", "pattern": SCORE_PATTERN},
                {"type": "number", "minimum": 0, "maximum": 1},
            ]
        }
    ),
]
"""A share, or a difference of scores, by which what is deterministic may change, 0 included."""

StageMargins = Annotated[Mapping[str, Margin], BeforeValidator(_read_stages)]
"""Margins by stage; one margin stands for all stages."""

Slack = Annotated[
    int,
    Field(strict=True),
    BeforeValidator(read_by(parse_slack, SLACK_LEGAL, may_be_zero=True)),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": SIZE_PATTERN}, {"const": 0}]}),
]
"""A size, or 0: with its unit in a file, in bytes once resolved."""

PicturePsnr = Annotated[
    float | None,
    BeforeValidator(_or_off(parse_picture, PICTURE_LEGAL)),
    WithJsonSchema(
        {
            "anyOf": [
                _OFF_SCHEMA,
                {"type": "string", "pattern": r"^\s*[0-9]+(\.[0-9]+)?\s*(dB)?\s*$"},
                {"type": "number", "exclusiveMinimum": 0, "maximum": MOST_PSNR_DB},
            ]
        }
    ),
]
"""A PSNR in dB."""

Missing = Annotated[
    bool,
    BeforeValidator(_read_missing),
    WithJsonSchema({"enum": [*_WORD_OF_MISSING]}),
]
"""Whether what has no data fails: ``fail`` or ``allow`` in a file."""
