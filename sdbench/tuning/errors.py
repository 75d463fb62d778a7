"""What can be wrong with what a caller from Python asks for."""

from __future__ import annotations

from sdbench.errors import SdbenchError


class CannotTune(SdbenchError):
    """The pipeline or the request cannot be measured like this; the message says what can."""


class CannotApply(SdbenchError):
    """A recommendation cannot be applied to this pipeline; the message says what can be done."""
