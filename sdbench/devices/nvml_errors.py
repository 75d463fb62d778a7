"""Why NVML does not tell something, in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import pynvml

from sdbench.results.figure import Figure

Value = TypeVar("Value")

_MIG = " (a GPU in MIG mode tells this only to administrators)"


def nvml_reason(error: Exception) -> str:
    """What went wrong, such as ``NVML: GPU is lost``."""
    is_refused = isinstance(error, pynvml.NVMLError_NoPermission)
    return f"NVML: {error}{_MIG if is_refused else ''}"


def value_or_reason(read: Callable[[], Value]) -> Value | str:
    """What ``read`` returns, or why NVML does not tell it."""
    try:
        return read()
    except pynvml.NVMLError as error:
        return nvml_reason(error)


def figure(read: Callable[[], Any]) -> Figure:
    """The number that ``read`` returns, or None with the reason."""
    try:
        return Figure.measured(read())
    except pynvml.NVMLError as error:
        return Figure.absent(nvml_reason(error))
