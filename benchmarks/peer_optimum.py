"""The peer's side of `peer.py`: each configuration by optimum-benchmark's own process launcher.

    python benchmarks/peer_optimum.py JOB ANSWER

It runs in the peer's environment, and imports nothing of sdbench. JOB is what `peer.py` wrote. For
each configuration ANSWER gets the wall time of its launch, and the seconds of each timed call.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from optimum_benchmark import (
    Benchmark,
    BenchmarkConfig,
    InferenceConfig,
    ProcessConfig,
    PyTorchConfig,
)

_DTYPES = {"fp32": "float32", "bf16": "bfloat16"}


def config_of(job: dict[str, Any], number: int) -> BenchmarkConfig:
    """What the peer calls a benchmark: one configuration.

    Without a least duration, so that it takes as many calls as the others do.
    """
    knobs = job["configurations"][number]
    return BenchmarkConfig(
        name=f"configuration-{number}",
        launcher=ProcessConfig(),
        backend=PyTorchConfig(
            model=job["pipeline"],
            library="diffusers",
            task="text-to-image",
            model_type="stable-diffusion",
            device="cpu",
            torch_dtype=_DTYPES[knobs["dtype"]],
        ),
        scenario=InferenceConfig(
            iterations=job["samples"],
            duration=0,
            memory=job["peer_memory"],
            warmup_runs=job["warmup"],
            input_shapes={"batch_size": knobs["batch_size"]},
            call_kwargs={"num_inference_steps": knobs["steps"]},
        ),
    )


def main(job_path: Path, answer_path: Path) -> None:
    """Launches one after the other."""
    job = json.loads(job_path.read_text(encoding="utf-8"))
    answers = []
    for number in range(len(job["configurations"])):
        started_s = time.perf_counter()
        report = Benchmark.launch(config_of(job, number))
        wall_s = time.perf_counter() - started_s
        answers.append({"wall_s": wall_s, "samples_s": list(report.call.latency.values)})
    answer_path.write_text(json.dumps(answers), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
