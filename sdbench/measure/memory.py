"""The memory pass: one call of its own, in which nothing is timed."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sdbench.devices.base import Device, MemoryPeaks
from sdbench.pipelines.base import Call
from sdbench.results.figure import Figure, Origin


def measure_memory(call: Call, device: Device) -> tuple[MemoryPeaks, Sequence[Any]]:
    """Peaks of one call, and its images."""
    gc.collect()
    call.prepare()
    with device.watch_memory(call.resident()) as watch, call.observed(watch):
        images = call()
        device.synchronize()
        peaks = watch.peaks()
    if call.effective().get("compiled") and not device.sees_compiled_memory:
        peaks = replace(peaks, allocated_bytes=_of_eager_mode(peaks.allocated_bytes))
    return peaks, images


def _of_eager_mode(allocated_bytes: Figure) -> Figure:
    remark = "counted in eager mode, since counting tensors keeps compiled modules from running"
    return replace(allocated_bytes, origin=Origin.INFERRED, reason=remark)
