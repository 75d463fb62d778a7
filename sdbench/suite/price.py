"""The price of a device's time, as people write it on a command line: ``L4=0.70/h``."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from fractions import Fraction

from sdbench.errors import IllegalValue

PRICE_LEGAL = (
    'a device and its price above 0 for a time (s, min, h or day), such as "L4=0.70/h", '
    '"NVIDIA L4=$0.70/h" or "L4=0.70EUR/h"'
)
_SECONDS_PER_UNIT = {"s": 1, "min": 60, "h": 3600, "day": 86_400}
_SECONDS_PER_H = 3600
_AMOUNT = re.compile(
    r"(?P<before>[^0-9.\s]{0,3})\s*(?P<number>[0-9]{0,12}\.?[0-9]{1,12})\s*(?P<after>[^0-9.\s/]{0,3})"
    r"\s*/\s*(?P<unit>[a-z]+)"
)
_CODE = re.compile(r"[A-Za-z]{3}")


@dataclass(frozen=True, slots=True)
class Price:
    """What an hour of a device costs.

    Attributes:
        device: The device's name, or a part of it, as it was given.
        per_h: The price of an hour, in `currency`; above 0.
        currency: A currency's sign or its code of three letters; empty where none was given.
    """

    device: str
    per_h: float
    currency: str = ""


def parse_price(raw: object) -> Price:
    """The price in ``"L4=0.70/h"``; a currency may stand before or after the number.

    Raises:
        IllegalValue: No device, no price above 0, an unknown unit of time, or two currencies.
    """
    device, equals, amount = raw.rpartition("=") if isinstance(raw, str) else ("", "", "")
    match = _AMOUNT.fullmatch(amount.strip())
    if not device.strip() or not equals or match is None:
        raise IllegalValue(raw, PRICE_LEGAL)
    currencies = [text for text in (match["before"], match["after"]) if text]
    if len(currencies) > 1 or not all(map(_is_currency, currencies)):
        raise IllegalValue(raw, PRICE_LEGAL)
    seconds = _SECONDS_PER_UNIT.get(match["unit"])
    number = Fraction(match["number"])
    if seconds is None or not number:
        raise IllegalValue(raw, PRICE_LEGAL)
    per_h = float(number * _SECONDS_PER_H / seconds)
    return Price(device.strip(), per_h, "".join(currencies).upper())


def _is_currency(text: str) -> bool:
    """Whether it is a code of three letters, or a sign such as €, also as in US$."""
    if _CODE.fullmatch(text):
        return True
    return text.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ") == text[-1:] and (
        unicodedata.category(text[-1]) == "Sc"
    )
