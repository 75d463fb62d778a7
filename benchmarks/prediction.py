"""Predicted against real peaks of live tensor bytes on the CPU.

    python benchmarks/prediction.py [--full | --only-full]

Each configuration of the embedded pipeline is traced without values, and run; `--full` adds
Stable Diffusion 1.5 in fp32 and SDXL in bf16, which take 6 and 8 GB and some minutes, and
`--only-full` runs these alone. Real is what a record holds: the peak that the memory pass counts.
Seconds are of the processor. The table is Markdown; the exit code is 1 where a prediction is
further off than 0.5 %.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch

from sdbench.devices.cpu import CpuDevice
from sdbench.jsontypes import JsonValue
from sdbench.knobs.base import Cost
from sdbench.knobs.registry import describe
from sdbench.measure.memory import measure_memory
from sdbench.pipelines.base import Pipeline
from sdbench.pipelines.load import DiffusersLoader
from sdbench.predict.tracing import Weightless
from sdbench.suite.configuration import Configuration
from sdbench.suite.model import Inputs
from sdbench.units import MIB

LIMIT_RATIO = 0.005
INPUTS = Inputs(prompts=("a photo of an astronaut riding a horse on mars",))
EMOJI: Mapping[str, JsonValue] = {"pipeline": {"builtin": "emoji"}, "steps": 3}

LOADS: tuple[Mapping[str, JsonValue], ...] = ({}, {"dtype": "bf16"})
VALUES: tuple[Mapping[str, JsonValue], ...] = (
    {},
    {"scheduler": "ddim"},
    {"scheduler": "euler"},
    {"scheduler": "heun"},
    {"scheduler": "lms"},
    {"scheduler": "dpmpp_2m"},
    {"scheduler": "unipc"},
    {"steps": 1},
    {"steps": 10},
    {"batch_size": 2},
    {"batch_size": 4},
    {"batch_size": 3, "vae_slicing": "on"},
    {"batch_size": 2, "attention_slicing": "auto"},
    {"attention_slicing": "max"},
    {"attention": "eager"},
    {"attention": "eager", "batch_size": 2},
    {"guidance_scale": 1.0},
    {"guidance_scale": 1.0, "batch_size": 4},
    {"height": 96, "width": 96},
    {"height": 64, "width": 128},
    {"height": 128, "width": 128},
    {"height": 128, "width": 128, "vae_tiling": "on"},
    {"height": 128, "width": 128, "attention": "eager"},
    {"channels_last": "on"},
    {"safety_checker": "off"},
    {"task": "image-to-image", "strength": 0.5},
    {"task": "inpainting", "height": 64, "width": 64},
)
FULL: tuple[Mapping[str, JsonValue], ...] = (
    {"pipeline": {"architecture": "sd15", "weights": "random"}, "height": 512, "width": 512},
    {
        "pipeline": {"architecture": "sdxl", "weights": "random"},
        "dtype": "bf16",
        "height": 512,
        "width": 512,
    },
)


@dataclass(frozen=True, slots=True)
class Row:
    """A configuration, its two peaks, and the seconds of CPU time that the trace took."""

    name: str
    real_bytes: int
    predicted_bytes: int
    stage: str
    real_stage: str
    trace_s: float

    @property
    def error_ratio(self) -> float:
        """How far the prediction is off."""
        return self.predicted_bytes / self.real_bytes - 1


def rows_of_load(configurations: list[Configuration]) -> Iterator[Row]:
    """Rows of configurations that share a load."""
    traces = []
    weightless = Weightless(INPUTS, configurations[0].knobs)
    for configuration in configurations:
        begun_s = time.process_time()
        trace = weightless.trace(configuration.knobs, None)
        traces.append((trace.peak_bytes, trace.stage or "", time.process_time() - begun_s))
    del weightless
    pipeline = DiffusersLoader(INPUTS, "cpu", False).load(configurations[0].knobs)
    for configuration, (predicted, stage, trace_s) in zip(configurations, traces, strict=True):
        real, real_stage = real_peak(pipeline, configuration)
        yield Row(name_of(configuration), real, predicted, stage, real_stage, trace_s)


def real_peak(pipeline: Pipeline, configuration: Configuration) -> tuple[int, str]:
    """Bytes that the memory pass counts, and the stage that they were counted in."""
    with pipeline.configured(configuration) as call:
        peaks, _ = measure_memory(call, CpuDevice())
    by_stage = peaks.allocated_bytes_by_stage
    assert isinstance(peaks.allocated_bytes.value, int)
    return peaks.allocated_bytes.value, max(by_stage, key=by_stage.__getitem__)


def name_of(configuration: Configuration) -> str:
    """What a configuration turns."""
    source: Any = configuration.knobs["pipeline"]
    turned = describe({k: v for k, v in configuration.knobs.items() if k != "pipeline"})
    return f"{next(iter(source.values()))}: {turned}"


def print_row(row: Row) -> None:
    """A line of the table."""
    print(
        f"| {row.name} | {row.real_bytes / MIB:.2f} | {row.predicted_bytes / MIB:.2f} "
        f"| {row.error_ratio:+.4%} | {row.real_stage} | {row.stage} | {row.trace_s:.1f} |",
        flush=True,
    )


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--only-full", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    loads: list[list[Configuration]] = []
    if not arguments.only_full:
        loads += [[Configuration.of({**EMOJI, **load, **v}) for v in VALUES] for load in LOADS]
    if arguments.full or arguments.only_full:
        loads += [[Configuration.of({**knobs, "steps": 1})] for knobs in FULL]
    print("| configuration | real MiB | predicted MiB | error | real stage | stage | trace s |")
    print("| --- | ---: | ---: | ---: | --- | --- | ---: |")
    errors: list[float] = []
    for configurations in loads:
        assert len({str(c.part(Cost.LOAD)) for c in configurations}) == 1
        for row in rows_of_load(configurations):
            print_row(row)
            errors.append(abs(row.error_ratio))
    print(f"\n{len(errors)} configurations: median error {median(errors):.4%}, ", end="")
    print(f"largest {max(errors):.4%}")
    if max(errors) > LIMIT_RATIO:
        sys.exit(1)


if __name__ == "__main__":
    main()
