"""How a run begun from Python goes: a line a configuration on standard error, or nothing."""

from __future__ import annotations

import sys

from sdbench.cli.progress import PlainProgress


class ErrorLines(PlainProgress):
    """The lines of `sdbench run`, on standard error: standard output is the caller's."""

    def write(self, line: str) -> None:
        """Writes a line at once."""
        print(line, file=sys.stderr, flush=True)


class Silence(PlainProgress):
    """Says nothing."""

    def write(self, line: str) -> None:
        """Writes nothing."""
