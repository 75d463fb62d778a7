"""The pipeline that a worker has loaded: exchanged, and put in order after each round.

What a round leaves would count towards the next one. So memory is compared with what it was, and a
worker that cannot be put in order is spent.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sdbench.devices.base import Device
from sdbench.measure.loading import load_measured
from sdbench.measure.out_of_memory import first_line
from sdbench.measure.recovery import CARRIED_OVER_BYTES, clear, excess_bytes, let_go
from sdbench.measure.round import failure
from sdbench.pipelines.base import Loader, Pipeline
from sdbench.results.figure import Figure
from sdbench.results.record import Status
from sdbench.run.messages import LOADING
from sdbench.run.plan import load_key
from sdbench.suite.configuration import Configuration
from sdbench.suite.located import located_knobs
from sdbench.units import format_bytes

_FAILURES = (Status.OOM, Status.ERROR)
"""After these, memory and the device are looked at before the next configuration."""

_LOADED_BEFORE = Figure.absent("the pipeline was loaded before this round")


class Spent(Exception):
    """The worker must not be used again, and has not begun with what it was asked for."""


class WorkerPipeline:
    """At most one pipeline on a device.

    Args:
        loader: What loads it.
        device: Where.
        on_phase: Told before a load begins.
        folder: What relative paths among knobs are relative to; None where there are none.

    Attributes:
        pipeline: What is loaded, or None.
        failure: Where the last load failed, what a record says of it; None otherwise.
        is_spent: Whether the worker must not be used again: its device is in error for as long as
            the process lives, or memory did not come back.
    """

    def __init__(
        self,
        loader: Loader,
        device: Device,
        on_phase: Callable[[str], None],
        folder: Path | None = None,
    ) -> None:
        self.pipeline: Pipeline | None = None
        self.failure: Mapping[str, Any] | None = None
        self.is_spent = False
        self._loader = loader
        self._device = device
        self._on_phase = on_phase
        self._folder = folder
        self._key: str | None = None
        self._empty_bytes = self._loaded_bytes = device.allocated_bytes()

    def load(self, configuration: Configuration) -> dict[str, Any]:
        """Loads what a configuration needs, unless it was the last that was loaded, or failed to.

        Returns:
            Fields of a record: how long it took, its peak of memory, and remarks.

        Raises:
            Spent: The pipeline before is gone, and its memory did not come back.
        """
        key = load_key(configuration)
        if key == self._key:
            return {} if self.failure else {"load_peak_allocated_bytes": _LOADED_BEFORE}
        if self._key is not None:
            self._make_room()
        self._on_phase(LOADING)
        self._key = key
        fields: dict[str, Any] = {}
        begun_ns = self._device.now_ns()
        try:
            knobs = located_knobs(configuration.knobs, self._folder)
            self.pipeline, peak = load_measured(self._loader, knobs, self._device)
            fields["load_peak_allocated_bytes"] = peak
        except Exception as error:
            self.failure = _at_load(failure(error, self._device, LOADING))
        fields["load_s"] = (self._device.now_ns() - begun_ns) * 1e-9
        if self.failure is None:
            gc.collect()  # what loading leaves would count as the pipeline's
            self._loaded_bytes = self._device.allocated_bytes()
        else:
            fields["notes"] = tuple(self._recover())
        return fields

    def put_back(self, status: Status) -> list[str]:
        """Frees what a round or a drawing left; a pipeline that it left changed is dropped.

        Args:
            status: How it ended.

        Returns:
            Remarks on what was not as it should be.
        """
        notes = self._recover() if status in _FAILURES else self._free()
        if self.pipeline is None or self.is_spent:
            return notes
        changed = list(self.pipeline.left_changed())
        if changed:
            self._drop()
            notes.append(f"the pipeline was left changed ({', '.join(changed)}): dropped")
        return notes

    def _free(self) -> list[str]:
        try:
            clear(self._device)
        except Exception as error:
            return self._given_up(error)
        return []

    def _recover(self) -> list[str]:
        """Makes sure, after a failure, that the next configuration finds what it should.

        Memory is compared with what it was after loading; if some did not come back, the pipeline
        is dropped, and compared again. A worker that is in order neither way is spent.

        Returns:
            Remarks on what was not in order.
        """
        try:
            return self._recovered()
        except Exception as error:
            return self._given_up(error)

    def _recovered(self) -> list[str]:
        clear(self._device)
        self._device.synchronize()
        baseline_bytes = self._empty_bytes if self.pipeline is None else self._loaded_bytes
        excess = excess_bytes(self._device, baseline_bytes)
        if not excess:
            return []
        held = f"{format_bytes(excess)} stayed in use after the failure"
        if self.pipeline is not None:
            self._drop()
            excess = excess_bytes(self._device, self._empty_bytes)
            if not excess:
                return [f"{held}: the pipeline was dropped, and they came back"]
        self.is_spent = True
        return [f"{held}, and did not come back: a new worker goes on"]

    def _given_up(self, error: Exception) -> list[str]:
        """Remarks on a device in error for good, which raises whatever it is asked for."""
        let_go(error)
        self.is_spent = True
        return [f"{_silent(error)}: a new worker goes on"]

    def _make_room(self) -> None:
        """Drops the pipeline before another is loaded.

        Raises:
            Spent: Its memory did not come back, or the device answers no more.
        """
        try:
            self._drop()
            excess = excess_bytes(self._device, self._empty_bytes, CARRIED_OVER_BYTES)
        except Exception as error:
            let_go(error)
            raise Spent(_silent(error)) from None
        if excess:
            raise Spent(f"{format_bytes(excess)} stayed in use after another pipeline was gone")

    def _drop(self) -> None:
        self.pipeline = self._key = self.failure = None
        clear(self._device)


def _at_load(failed: Mapping[str, Any]) -> dict[str, Any]:
    """What a record says of a failed load; memory that ran out tells its phase by itself."""
    if failed["status"] is Status.OOM:
        return dict(failed)
    return {**failed, "reason": f"at load: {failed['reason']}"}


def _silent(error: Exception) -> str:
    return f"the device answers no more ({first_line(error)})"
