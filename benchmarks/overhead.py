"""What the harness adds to a call: raw calls and measured ones, interleaved in one process.

    python benchmarks/overhead.py [--pairs 500] [--steps 2]

A pair is one raw and one measured call of the same pipeline, in ABBA order, so that drift falls on
both alike. Raw is `pipe(...)` between two readings of the clock; measured is what a record holds.
The harness's work in a call is nearly the same however long the call is, so a call of few steps is
the hard case. The goal is a ratio of at most 1.01.
"""

from __future__ import annotations

import argparse
import time
from statistics import median
from typing import Any

import torch
from paired import median_ratio

from sdbench.devices.cpu import CpuDevice
from sdbench.measure.timing import StageMarks, time_call
from sdbench.pipelines.base import Call
from sdbench.pipelines.diffusers_pipeline import DiffusersPipeline
from sdbench.pipelines.tiny import build_pipeline
from sdbench.suite.configuration import Configuration
from sdbench.suite.model import Inputs

PROMPT = "a photo of an astronaut riding a horse on mars"
WARMUP_CALLS = 3


def raw_s(pipe: Any, steps: int) -> float:
    """Seconds of a call as a user would time it."""
    generator = [torch.Generator("cpu").manual_seed(0)]
    start_s = time.perf_counter()
    pipe(prompt=[PROMPT], num_inference_steps=steps, generator=generator)
    return time.perf_counter() - start_s


def measured_s(call: Call, device: CpuDevice) -> float:
    """Seconds of a call as a record holds them."""
    marks = StageMarks(device)
    with call.observed(marks):
        timing, _ = time_call(call, device, marks)
    return timing.wall_s


def main() -> None:
    """Prints the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=500)
    parser.add_argument("--steps", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    pipe = build_pipeline()
    pipe.set_progress_bar_config(disable=True)
    device = CpuDevice()
    pipeline = DiffusersPipeline(pipe, Inputs(prompts=(PROMPT,)), "cpu")
    configuration = Configuration.of({"pipeline": {"builtin": "tiny"}, "steps": arguments.steps})
    raw: list[float] = []
    measured: list[float] = []
    with pipeline.configured(configuration) as call:
        for _ in range(WARMUP_CALLS):
            raw_s(pipe, arguments.steps)
        for pair in range(arguments.pairs):
            if pair % 2 == 0:
                raw.append(raw_s(pipe, arguments.steps))
                measured.append(measured_s(call, device))
            else:
                measured.append(measured_s(call, device))
                raw.append(raw_s(pipe, arguments.steps))
    print(f"raw call, median:      {median(raw) * 1e3:.1f} ms")
    print(f"measured call, median: {median(measured) * 1e3:.1f} ms")
    print(f"measured / raw:        {median_ratio(raw, measured)}")


if __name__ == "__main__":
    main()
