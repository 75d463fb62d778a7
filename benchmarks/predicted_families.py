"""Peaks predicted for every architecture that sdbench ships: figures that nothing was fitted on.

    python benchmarks/predicted_families.py [--device-name "A100 80GB"] [--dtype fp16]

One image of the size that the pipeline draws by itself; fp16, or bf16 where a pipeline is published
in it. It prints Markdown; docs/memory-prediction.md holds what it printed.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from sdbench.pipelines.architectures.build import names
from sdbench.predict.gpus import target_for
from sdbench.predict.peaks import peaks
from sdbench.predict.tracing import trace
from sdbench.predict.verdict import verdict
from sdbench.suite.configuration import Configuration
from sdbench.suite.model import Inputs
from sdbench.units import format_bytes

STAGES = ("load", "text_encoding", "denoiser", "vae_decode", "safety_checker")
PUBLISHED_IN_BF16 = ("flux1_dev",)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device-name", default="A100 80GB")
    parser.add_argument("--dtype", choices=("fp32", "fp16", "bf16"))
    arguments = parser.parse_args()
    target = target_for(arguments.device_name)
    titles = ("pipeline", "dtype", *STAGES, "peak", "reserved", f"on {target.name}")
    print(f"| {' | '.join(titles)} |")
    print("|---" * len(titles) + "|")
    for name in names():
        dtype = arguments.dtype or ("bf16" if name in PUBLISHED_IN_BF16 else "fp16")
        knobs = Configuration.of({"pipeline": {"architecture": name}, "dtype": dtype}).knobs
        traced = trace(Inputs(prompts=("a horse",)), knobs, target.compute_capability)
        found = peaks(traced, target.compute_capability)
        by_stage = found.allocated_bytes_by_stage
        told = verdict(found.allocated_bytes, target, found.least_capacity_bytes)
        cells = (
            name,
            dtype,
            *(format_bytes(by_stage.get(stage)) for stage in STAGES),
            f"{format_bytes(found.allocated_bytes)} ({found.stage})",
            format_bytes(found.reserved_bytes),
            "" if told.fit is None else told.fit.value.replace("_", " "),
        )
        print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
