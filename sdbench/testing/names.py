"""Names of test items and of folders: readable, the same on every machine, and easy to type."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence

from sdbench.analysis.wording import setting, spoken_order
from sdbench.jsontypes import JsonValue
from sdbench.knobs.registry import varying_knobs
from sdbench.suite.configuration import Configuration
from sdbench.suite.model import Suite

_NO_WORD = re.compile(r"[^\w.+]+")
"""What ``pytest -k`` takes for no part of a name, and ``-``, which parts the settings."""

_NO_FOLDER = re.compile(r"[^A-Za-z0-9._]+")
_LONGEST_FOLDER = 80
_HEX_DIGITS = 8


def item_names(suite: Suite, configurations: Sequence[Configuration]) -> tuple[str, ...]:
    """A name for each configuration: what varies, in words, as ``dpmpp_2m-10_steps-bf16``.

    Where two would be equal, their keys tell them apart; where nothing varies, the suite's name
    stands for it.
    """
    varying = varying_knobs([one.knobs for one in configurations])
    ordered = spoken_order(varying)
    names = [_name(one.knobs, ordered) or suite.name for one in configurations]
    counts = Counter(names)
    return tuple(
        name if counts[name] == 1 else f"{name}-{one.key}"
        for name, one in zip(names, configurations, strict=True)
    )


def _name(knobs: Mapping[str, JsonValue], ordered: Sequence[str]) -> str:
    words = (_NO_WORD.sub("_", setting(name, knobs[name])).strip("_") for name in ordered)
    return "-".join(words)


def marker_values(knobs: Mapping[str, JsonValue]) -> dict[str, str | int | float | bool | None]:
    """The settings as a marker's keywords, for ``pytest -m "sdbench(steps=10)"``.

    What is no plain value (a scheduler with options) stands for the word that it is called by.
    """
    return {name: _plain(value) for name, value in knobs.items()}


def _plain(value: JsonValue) -> str | int | float | bool | None:
    if isinstance(value, Mapping):
        return next((word for word in value.values() if isinstance(word, str)), None)
    return value if isinstance(value, (str, int, float)) else None


def folder_name(node_id: str, check: str | None) -> str:
    """The folder, and the suite's name, of a check in a user's test.

    Args:
        node_id: The test, as pytest names it.
        check: The check's name, where the test has several.
    """
    told = node_id if check is None else f"{node_id}-{check}"
    name = _NO_FOLDER.sub("-", told).strip("-.")
    if name == told or len(name) <= _LONGEST_FOLDER:
        return name
    digest = hashlib.sha256(told.encode()).hexdigest()[:_HEX_DIGITS]
    return f"{name[-_LONGEST_FOLDER:].strip('-.')}-{digest}"
