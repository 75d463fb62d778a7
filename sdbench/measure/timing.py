"""One timed call, and where its time went."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sdbench.devices.base import OTHER_STAGE, Device
from sdbench.pipelines.base import DENOISER, Call


@dataclass(frozen=True, slots=True)
class Timing:
    """One timed call.

    Attributes:
        wall_s: Seconds between two synchronisations around the call, by the host's clock.
        device_s: Seconds by the device's own events; None where it has no clock of its own.
        stages_s: Seconds of each stage, summed over the call; ``other`` is the rest.
        denoiser_evaluations: How often the denoiser ran.
    """

    wall_s: float
    device_s: float | None
    stages_s: Mapping[str, float]
    denoiser_evaluations: int


class StageMarks:
    """Notes when stages begin and end, by the device's marks, without waiting for it."""

    def __init__(self, device: Device) -> None:
        self._mark = device.mark
        self._device = device
        self._begun: Any = None
        self._marks: list[tuple[str, Any, Any]] = []

    def clear(self) -> None:
        """Forgets the call before."""
        self._marks.clear()

    def enter_stage(self, stage: str) -> None:
        """Notes the beginning of a stage."""
        self._begun = self._mark()

    def leave_stage(self, stage: str) -> None:
        """Notes its end."""
        self._marks.append((stage, self._begun, self._mark()))

    def totals_s(self) -> dict[str, float]:
        """Seconds of each stage; call after synchronising."""
        totals: Counter[str] = Counter()
        for stage, begun, ended in self._marks:
            totals[stage] += self._device.seconds_between(begun, ended)  # type: ignore[assignment]
        return dict(totals)

    def count(self, stage: str) -> int:
        """How often a stage ran."""
        return sum(marked == stage for marked, _, _ in self._marks)


def time_call(call: Call, device: Device, marks: StageMarks) -> tuple[Timing, Sequence[Any]]:
    """Times one call; ``marks`` must be observing it.

    Inside the timed window runs nothing but the call, its stage marks and the synchronisation.

    Returns:
        The timing, and the images.
    """
    marks.clear()
    call.prepare()
    device.synchronize()
    begun = device.mark() if device.has_own_clock else None
    start_ns = device.now_ns()
    images = call()
    ended = device.mark() if device.has_own_clock else None
    device.synchronize()
    wall_s = (device.now_ns() - start_ns) * 1e-9
    device_s = device.seconds_between(begun, ended) if device.has_own_clock else None
    stages_s = marks.totals_s()
    total_s = wall_s if device_s is None else device_s
    stages_s[OTHER_STAGE] = max(0.0, total_s - sum(stages_s.values()))
    return Timing(wall_s, device_s, stages_s, marks.count(DENOISER)), images
