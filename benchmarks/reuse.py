"""Whether a reused worker measures what a fresh one does, for every knob.

    python benchmarks/reuse.py [--pairs 6] [--knob vae_slicing]

One worker is reused for everything; beside it, each round gets a worker of its own. A pair is one
round of each, in ABBA order; its figure is the median of the round's samples. Peak tensor bytes
and the image must be equal; the ratio of the latencies should have 1 in its interval.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from paired import paired_ratio

from sdbench.results.record import Record, Status
from sdbench.run.controller import Controller, Job
from sdbench.run.environment import worker_environment
from sdbench.run.fork_launch import ForkServerLauncher
from sdbench.suite.configuration import Configuration
from sdbench.suite.model import Protocol, Suite

PIPELINE = {"builtin": "tiny"}
SHARED = {"pipeline": PIPELINE, "steps": 4, "threads": 1}
TURNED: tuple[dict[str, Any], ...] = (
    {},
    {"dtype": "bf16"},
    {"scheduler": "dpmpp_2m_karras"},
    {"scheduler": "heun"},
    {"attention": "eager"},
    {"attention": "sliced"},
    {"attention_slicing": "auto"},
    {"attention_slicing": "max"},
    {"vae_slicing": "on", "batch_size": 2},
    {"vae_tiling": "on", "height": 128, "width": 128},
    {"channels_last": "on"},
    {"steps": 8},
    {"batch_size": 2},
    {"height": 96, "width": 128},
    {"guidance_scale": 1.0},
    {"threads": 2},
    {"prompt": "a bowl of soup"},
    {"compile": "default"},
)


class Silent:
    """A listener that does nothing."""

    def phase(self, configuration: Configuration, phase: str) -> None:
        """Nothing."""

    def finished(self, configuration: Configuration, record: Record) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""


def image_digest(folder: Path, record: Record) -> str:
    """A digest of the round's image."""
    return hashlib.sha256((folder / record.images[0]).read_bytes()).hexdigest()


def main() -> None:
    """Prints a line for each knob."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=6)
    parser.add_argument("--knob", help="this knob alone")
    arguments = parser.parse_args()
    protocol = Protocol(max_warmup=2, min_samples=5, max_samples=5)
    suite = Suite(name="reuse", fixed=SHARED, measure=protocol)
    job = Job(suite, "cpu")
    launcher = ForkServerLauncher(worker_environment(os.environ))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "images").mkdir()
        with Controller(job, launcher, folder / "logs") as reused:
            for turned in TURNED:
                if arguments.knob is None or arguments.knob in turned:
                    compare(turned, arguments.pairs, job, launcher, reused, folder)


def compare(
    turned: dict[str, Any],
    pairs: int,
    job: Job,
    launcher: ForkServerLauncher,
    reused: Controller,
    folder: Path,
) -> None:
    """Measures one configuration both ways and prints its line."""
    configuration = Configuration.of({**SHARED, **turned})
    fresh_s: list[float] = []
    reused_s: list[float] = []
    same_bytes = same_image = True

    def round_of(controller: Controller) -> tuple[Record, str]:
        record = controller.round(configuration, 0, folder, Silent())
        assert record.status is Status.OK, record.reason
        return record, image_digest(folder, record)

    def fresh_round() -> tuple[Record, str]:
        controller = Controller(job, launcher, folder / "logs")
        try:
            return round_of(controller)
        finally:
            controller.kill_worker()

    for pair in range(pairs):
        order = (fresh_round, lambda: round_of(reused))
        first, second = order if pair % 2 == 0 else order[::-1]
        results = (first(), second())
        (fresh, fresh_image), (again, again_image) = results if pair % 2 == 0 else results[::-1]
        fresh_s.append(median(fresh.samples_s))
        reused_s.append(median(again.samples_s))
        same_bytes &= fresh.peak_allocated_bytes == again.peak_allocated_bytes
        same_image &= fresh_image == again_image
    ratio = paired_ratio(fresh_s, reused_s)
    holds = "" if ratio.low <= 1 <= ratio.high else "  <- differs"
    name = ", ".join(f"{knob} {value}" for knob, value in turned.items()) or "(nothing turned)"
    print(
        f"{name:44} latency reused/fresh {ratio}{holds}; "
        f"peak bytes {'equal' if same_bytes else 'DIFFER'}, "
        f"image {'equal' if same_image else 'DIFFERS'}",
        flush=True,
    )


if __name__ == "__main__":
    main()
