"""Loading of a pipeline, with the memory that it takes."""

from __future__ import annotations

from collections.abc import Mapping

from sdbench.devices.base import Device
from sdbench.jsontypes import JsonValue
from sdbench.pipelines.base import Loader, Pipeline
from sdbench.results.figure import Figure


def load_measured(
    loader: Loader, knobs: Mapping[str, JsonValue], device: Device
) -> tuple[Pipeline, Figure]:
    """The loaded pipeline, and the peak of live tensor bytes meanwhile.

    What libraries load in threads of their own may not be seen as it comes about. So where more is
    there at the end than was seen, the weights are counted once more.
    """
    with device.watch_memory(()) as watch:
        pipeline = loader.load(knobs)
        device.synchronize()
        peak = watch.peaks().allocated_bytes
    if peak.value is not None and peak.value < device.allocated_bytes():
        with device.watch_memory(pipeline.resident()) as watch:
            resident = watch.peaks().allocated_bytes
        peak = max(peak, resident, key=lambda figure: figure.value or 0)
    return pipeline, peak
