"""Two configurations measured in turn in one process, for a ratio that no drift moves."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack

from diffusers.utils import logging as quiet
from paired import Ratio, median_ratio

from sdbench.devices.cpu import CpuDevice
from sdbench.jsontypes import JsonValue
from sdbench.measure.timing import StageMarks, time_call
from sdbench.pipelines.load import DiffusersLoader
from sdbench.suite.configuration import Configuration
from sdbench.suite.model import Inputs

WARMUP_CALLS = 2
PAIRS, MOST_PAIRS = 15, 45
"""Pairs at first, and at most where the interval does not tell yet."""

MARGIN = 1.03
"""The bound that the interval is to tell the ratio from."""


class MeasuredAgain:
    """Measures pairs of configurations of one suite on the CPU.

    Args:
        inputs: What they are asked to draw.
        pairs: Pairs of calls at first.
    """

    def __init__(self, inputs: Inputs, pairs: int = PAIRS) -> None:
        quiet.disable_progress_bar()
        self._loader = DiffusersLoader(inputs, "cpu", trust_remote_code=False)
        self._device = CpuDevice()
        self._pairs = pairs

    def ratio(self, one: Mapping[str, JsonValue], other: Mapping[str, JsonValue]) -> Ratio:
        """Seconds per image of the other over those of the one.

        Each has a pipeline of its own, both loaded together, and every second pair begins with the
        other. More pairs are taken while the interval holds `MARGIN`.
        """
        taken: tuple[list[float], list[float]] = ([], [])
        with ExitStack() as stack:
            calls = []
            for knobs in (one, other):
                pipeline = self._loader.load(knobs)
                calls.append(stack.enter_context(pipeline.configured(Configuration(dict(knobs)))))
            for call in calls:
                for _ in range(WARMUP_CALLS):
                    time_call(call, self._device, StageMarks(self._device))
            images = [_images(knobs) for knobs in (one, other)]
            while True:
                for number in range(self._pairs):
                    for side in (0, 1) if number % 2 == 0 else (1, 0):
                        timing, _ = time_call(calls[side], self._device, StageMarks(self._device))
                        taken[side].append(timing.wall_s / images[side])
                found = median_ratio(*taken)
                if not found.low <= MARGIN <= found.high or len(taken[0]) >= MOST_PAIRS:
                    return found


def _images(knobs: Mapping[str, JsonValue]) -> int:
    count = knobs["batch_size"]
    assert isinstance(count, int)
    return count
