"""The floor of `peer.py`: a bare loop in one process, and nothing but what cannot be left out.

    python benchmarks/peer_floor.py JOB ANSWER

The pipeline is loaded once for each data type; each configuration gets a first call, the warm-ups
and the timed calls. ANSWER gets the seconds of each timed call, as that of the peer.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import torch
from diffusers import DiffusionPipeline

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def samples_s(pipe: Any, knobs: dict[str, Any], job: dict[str, Any]) -> list[float]:
    """Seconds of each timed call of a configuration."""
    found = []
    for call in range(1 + job["warmup"] + job["samples"]):
        generators = [torch.Generator().manual_seed(seed) for seed in range(knobs["batch_size"])]
        started_s = time.perf_counter()
        pipe(
            prompt=[job["prompt"]] * knobs["batch_size"],
            num_inference_steps=knobs["steps"],
            generator=generators,
        )
        if call > job["warmup"]:
            found.append(time.perf_counter() - started_s)
    return found


def main(job_path: Path, answer_path: Path) -> None:
    """Measures one after the other."""
    job = json.loads(job_path.read_text(encoding="utf-8"))
    answers = []
    pipe, loaded = None, None
    for knobs in job["configurations"]:
        started_s = time.perf_counter()
        if knobs["dtype"] != loaded:
            loaded = knobs["dtype"]
            pipe = DiffusionPipeline.from_pretrained(
                job["pipeline"], torch_dtype=_DTYPES[loaded], local_files_only=True
            )
            pipe.set_progress_bar_config(disable=True)
        found = samples_s(pipe, knobs, job)
        answers.append({"wall_s": time.perf_counter() - started_s, "samples_s": found})
    answer_path.write_text(json.dumps(answers), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
