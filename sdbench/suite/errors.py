"""What is wrong with a suite, in one line that says where."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sdbench.errors import SdbenchError, describe_legal, nearest

_MOST_WORDS_LISTED = 24
"""Longer lists are cut: above this a reader searches instead of reads. All knobs still fit."""
_WORDS_OF_A_CUT_LIST = 12
_MOST_CHARACTERS_SHOWN = 80


class SuiteError(SdbenchError):
    """A suite that cannot be used; its text is one line.

    Attributes:
        problem: What is wrong, and what would be legal.
        file: The file as it was named, or None where the suite does not come from a file.
        line: Line of the offending key or value from 1, or None where there is none.
        column: Its column from 1, or None.
        key: Dotted path of the offending key, such as ``axes.steps[2]``; None for the whole file.
    """

    exit_code = 2

    def __init__(
        self,
        problem: str,
        *,
        file: str | None = None,
        line: int | None = None,
        column: int | None = None,
        key: str | None = None,
    ) -> None:
        self.problem, self.file, self.line, self.column, self.key = problem, file, line, column, key
        place = f"{file}:{line}" if file is not None and line is not None else file
        super().__init__(": ".join(part for part in (place, key, problem) if part))


def show(value: object) -> str:
    """A value as a user would recognise it, on one line, cut where it is long."""
    if isinstance(value, str):
        text = repr(value)
    else:
        text = json.dumps(value, ensure_ascii=False, default=str)
    if len(text) <= _MOST_CHARACTERS_SHOWN:
        return text
    return f"{text[: _MOST_CHARACTERS_SHOWN - 1]}…"


def phrase_legal(seen: object, legal: Sequence[str] | str) -> str:
    """`describe_legal`, but with a long list of words cut."""
    if isinstance(legal, str) or len(legal) <= _MOST_WORDS_LISTED:
        return describe_legal(seen, legal)
    suggestion = nearest(seen, legal)
    hint = f"did you mean {suggestion!r}? " if suggestion else ""
    listed = ", ".join(legal[:_WORDS_OF_A_CUT_LIST])
    return f"{hint}legal: {listed}, ... ({len(legal)} in all; see `sdbench schema`)"


def phrase_illegal(seen: object, legal: Sequence[str] | str) -> str:
    """What is wrong with a value that is not legal."""
    claim = "has no value" if seen is None else f"{show(seen)} is not legal"
    return f"{claim}: {phrase_legal(seen, legal)}"


def phrase_unknown(kind: str, seen: object, legal: Sequence[str]) -> str:
    """What is wrong with a key that does not exist; ``kind`` is ``key`` or ``knob``."""
    return f"unknown {kind}: {phrase_legal(seen, legal)}"
