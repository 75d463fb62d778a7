"""The values that JSON can hold, and their one canonical text."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

JsonValue = None | bool | int | float | str | Sequence[Any] | Mapping[str, Any]


def canonical_json(value: JsonValue) -> str:
    """The text of ``value`` that is equal for equal values, on any machine."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=dict)
