"""Errors that end a command. Each is raised typed, and printed once by the command line."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence


class SdbenchError(Exception):
    """Base of all errors whose message is meant for the user.

    Attributes:
        exit_code: Exit code of a command that this error ends (2: usage, 3: incomplete).
    """

    exit_code = 2


class IllegalValue(ValueError):
    """A value that is not among the legal ones.

    Attributes:
        seen: The value as it was given.
        legal: What would be legal, as words to choose from or as one phrase.
    """

    def __init__(self, seen: object, legal: Sequence[str] | str) -> None:
        self.seen = seen
        self.legal = legal
        super().__init__(f"{seen!r} is not legal: {describe_legal(seen, legal)}")


def causes(error: BaseException) -> Iterator[BaseException]:
    """An exception and all that led to it, each once."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop(0)
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [one.__cause__, one.__context__]


def nearest(seen: object, words: Sequence[str]) -> str | None:
    """The word of ``words`` closest to ``seen``, or None where none is close."""
    if not isinstance(seen, str):
        return None
    folded = {word.lower(): word for word in words}
    found = difflib.get_close_matches(seen.lower(), folded, n=1, cutoff=0.6)
    return folded[found[0]] if found else None


def describe_legal(seen: object, legal: Sequence[str] | str) -> str:
    """One phrase that says what is legal, led by the nearest word where there is one."""
    if isinstance(legal, str):
        return f"legal is {legal}"
    suggestion = nearest(seen, legal)
    hint = f"did you mean {suggestion!r}? " if suggestion else ""
    return f"{hint}legal: {', '.join(legal)}"
