"""The memory pass: one call of its own, in which nothing is timed."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from typing import Any

from sdbench.devices.base import Device, MemoryPeaks
from sdbench.pipelines.base import Call


def measure_memory(call: Call, device: Device) -> tuple[MemoryPeaks, Sequence[Any]]:
    """Peaks of one call, and its images."""
    gc.collect()
    call.prepare()
    with device.watch_memory(call.resident()) as watch, call.observed(watch):
        images = call()
        device.synchronize()
        peaks = watch.peaks()
    return peaks, images
