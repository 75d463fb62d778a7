"""How long a sweep takes beside the peer that does this job, and beside a bare loop.

    python benchmarks/peer.py [--peer-python PYTHON] [--configurations 8] [--rounds 1]

Eight configurations of the tiny pipeline on the CPU, three times in turn, each by a command line of
its own: optimum-benchmark with its own process launcher, `sdbench run --plan exhaustive`, and the
floor, a bare loop in one process that loads the pipeline once for each data type. All load the same
files, and take the same numbers of warm-ups and timed calls. (The peer's warm-ups are of two steps,
whatever the configuration's.) sdbench and the peer measure latency and peak memory, the floor
latency alone; with --no-peer-memory so does the peer. The others draw no pictures to be judged and
predict no memory, so sdbench does not, either; --predict lets it. Which comes first changes from
round to round; of each the round of the median time counts.

The goals: the peer takes at least `LEAST_PEER_RATIO` times as long as sdbench, and sdbench at most
`MOST_FLOOR_RATIO` times as long as the floor. Exit code 1 where one is missed.

The peer needs an older transformers than sdbench's, so it gets an environment of its own, which is
made in build/peer-venv where --peer-python names none.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

from sdbench.results.record import Status
from sdbench.results.store import find_runs, read_run

LEAST_PEER_RATIO = 10.0
MOST_FLOOR_RATIO = 1.5

PEER_PACKAGES = (
    "optimum-benchmark==0.6.0",
    "transformers<5",
    "diffusers",
    "torch==2.13.0",
    "accelerate",
)

PEER, SDBENCH, FLOOR = "peer", "sdbench", "floor"
PROMPT = "a photo of an astronaut riding a horse on mars"
CONFIGURATIONS = tuple(
    {"dtype": dtype, "steps": steps, "batch_size": batch}
    for dtype, steps, batch in product(("fp32", "bf16"), (2, 4), (1, 2))
)
WARMUP, SAMPLES = 2, 10

_HERE = Path(__file__).parent
_SUITE = "peer"


@dataclass(frozen=True, slots=True)
class Job:
    """What all three measure.

    Attributes:
        pipeline: Folder of the pipeline.
        configurations: For each its dtype, steps and batch size.
        warmup: Calls after the first one and before those that are timed.
        samples: Timed calls.
        is_predicted: Whether sdbench predicts memory before, which the others do not.
        has_peer_memory: Whether the peer measures memory, as sdbench always does.
    """

    pipeline: Path
    configurations: Sequence[Mapping[str, Any]]
    warmup: int = WARMUP
    samples: int = SAMPLES
    is_predicted: bool = False
    has_peer_memory: bool = True

    def to_json(self) -> str:
        """What the peer's side and the floor read."""
        return json.dumps(
            {
                "pipeline": str(self.pipeline.absolute()),
                "prompt": PROMPT,
                "configurations": [dict(one) for one in self.configurations],
                "warmup": self.warmup,
                "samples": self.samples,
                "peer_memory": self.has_peer_memory,
            }
        )

    def suite(self) -> str:
        """What sdbench reads: exactly these configurations, and as many calls."""
        return json.dumps(
            {
                "name": _SUITE,
                "pipeline": {"path": str(self.pipeline.absolute())},
                "inputs": {"prompts": [PROMPT]},
                "axes": {
                    name: list(dict.fromkeys(one[name] for one in self.configurations))
                    for name in self.configurations[0]
                },
                "measure": {
                    "warmup": self.warmup,
                    "max_warmup": self.warmup,
                    "min_samples": self.samples,
                    "max_samples": self.samples,
                    "time_budget": "10min",
                    "default": "off",
                    "confirm_rounds": 0,
                },
                "fidelity": "off",
            }
        )


@dataclass(frozen=True, slots=True)
class Taken:
    """How long one of the three took.

    Attributes:
        wall_s: From the start of its command to its end.
        calls_s: Seconds of all timed calls together.
        medians_s: Median seconds of a timed call, for each configuration.
    """

    wall_s: float
    calls_s: float
    medians_s: Sequence[float]

    @property
    def calls_ratio(self) -> float:
        """Share of the time that were timed calls."""
        return self.calls_s / self.wall_s

    @classmethod
    def of(cls, wall_s: float, samples_s: Sequence[Sequence[float]]) -> Taken:
        """From the timed calls of each configuration."""
        return cls(wall_s, sum(map(sum, samples_s)), [median(some) for some in samples_s])


def save_pipeline(folder: Path) -> None:
    """Saves the tiny pipeline so that old and new transformers load it.

    Without what judges pictures, whose classes differ; and with the vocabulary in files of its own,
    which the older one asks for.
    """
    from sdbench.pipelines.builtin import build_pipeline

    pipe = build_pipeline("tiny")
    pipe.register_modules(safety_checker=None, feature_extractor=None)
    pipe.register_to_config(requires_safety_checker=False)
    pipe.save_pretrained(folder)
    tokenizer = folder / "tokenizer"
    model = json.loads((tokenizer / "tokenizer.json").read_text(encoding="utf-8"))["model"]
    (tokenizer / "vocab.json").write_text(json.dumps(model["vocab"]), encoding="utf-8")
    merges = ["#version: 0.2", *(" ".join(merge) for merge in model["merges"])]
    (tokenizer / "merges.txt").write_text("\n".join(merges) + "\n", encoding="utf-8")


def by_script(script: str, python: str, job: Job, folder: Path) -> Taken:
    """One of the two whose side is a script beside this one."""
    job_file, answer = folder / "job.json", folder / "answer.json"
    job_file.write_text(job.to_json(), encoding="utf-8")
    command = [python, str(_HERE / script), str(job_file), str(answer)]
    wall_s = timed(command, folder)
    told = json.loads(answer.read_text(encoding="utf-8"))
    return Taken.of(wall_s, [one["samples_s"] for one in told])


def by_sdbench(job: Job, folder: Path) -> Taken:
    """The same by the command line."""
    suite = folder / "suite.yaml"
    suite.write_text(job.suite(), encoding="utf-8")
    command = [sys.executable, "-m", "sdbench", "run", str(suite), "--plan", "exhaustive"]
    command += ["--results", str(folder), "--device", "cpu"]
    command += [] if job.is_predicted else ["--no-predict"]
    wall_s = timed(command, folder)
    run = read_run(find_runs(folder, _SUITE)[-1])
    bad = [one.reason for one in run.records if one.status is not Status.OK]
    if bad or len(run.records) != len(job.configurations):
        sys.exit(f"sdbench did not measure all: {bad}")
    samples_s = {_shared(job, one.knobs): one.samples_s for one in run.records}
    return Taken.of(wall_s, [samples_s[_shared(job, one)] for one in job.configurations])


def _shared(job: Job, knobs: Mapping[str, Any]) -> tuple[Any, ...]:
    """What tells a configuration of a job from its others."""
    return tuple(knobs[name] for name in job.configurations[0])


def timed(command: Sequence[str], folder: Path) -> float:
    """Seconds that a command takes from its start to its end.

    Python may keep what it compiles: else each start would compile anew, and the peer starts most.

    Raises:
        SystemExit: It failed.
    """
    log = folder / "log.txt"
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    started_s = time.perf_counter()
    with log.open("w", encoding="utf-8") as out:
        ended = subprocess.run(
            command, cwd=folder, env=environment, stdout=out, stderr=subprocess.STDOUT, check=False
        )
    wall_s = time.perf_counter() - started_s
    if ended.returncode:
        sys.exit(f"{' '.join(command)} ended with exit code {ended.returncode}: {log}")
    return wall_s


def middle(taken: Sequence[Taken]) -> Taken:
    """The one of the median time, of several rounds of one of the three."""
    return sorted(taken, key=lambda one: one.wall_s)[len(taken) // 2]


def missed(peer: Taken | None, ours: Taken, floor: Taken) -> list[str]:
    """The goals that were missed, in words."""
    words = []
    if peer is not None and peer.wall_s < LEAST_PEER_RATIO * ours.wall_s:
        ratio = peer.wall_s / ours.wall_s
        words.append(f"the peer takes {ratio:.2f} times as long, less than {LEAST_PEER_RATIO:g}")
    if ours.wall_s > MOST_FLOOR_RATIO * floor.wall_s:
        ratio = ours.wall_s / floor.wall_s
        words.append(f"sdbench takes {ratio:.2f} times the floor, more than {MOST_FLOOR_RATIO:g}")
    return words


def report(peer: Taken | None, ours: Taken, floor: Taken) -> None:
    """Prints times, shares and ratios."""
    for name, one in ((PEER, peer), (SDBENCH, ours), (FLOOR, floor)):
        if one is not None:
            per_call = median(m / f for m, f in zip(one.medians_s, floor.medians_s, strict=True))
            print(
                f"{name:8} {one.wall_s:7.1f} s, of which {one.calls_ratio:.0%} timed calls; a call "
                f"takes {per_call:.2f} times the floor's"
            )
    if peer is not None:
        print(f"peer / sdbench:  {peer.wall_s / ours.wall_s:.2f}")
    print(f"sdbench / floor: {ours.wall_s / floor.wall_s:.2f}")


def peer_python(given: str | None) -> str:
    """The interpreter of the peer's environment, which is made where none is given."""
    if given is not None:
        found = shutil.which(given)
        if found is None:
            sys.exit(f"--peer-python {given}: there is no such program")
        return str(Path(found).absolute())  # it is called in another folder
    folder = _HERE.parent / "build" / "peer-venv"
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    install = [str(python), "-m", "pip", "install", "--quiet", *PEER_PACKAGES]
    subprocess.run(install, check=True)
    return str(python)


def main() -> int:
    """Prints the comparison; 1 where a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer-python", help="an interpreter that has optimum-benchmark 0.6.0")
    parser.add_argument("--no-peer", action="store_true", help="sdbench and the floor alone")
    parser.add_argument("--configurations", type=int, choices=(2, 4, 8), default=8)
    parser.add_argument("--samples", type=int, default=SAMPLES)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--predict", action="store_true", help="let sdbench predict memory, too")
    parser.add_argument(
        "--peer-memory",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="let the peer measure memory, as sdbench always does",
    )
    parser.add_argument("--threads", type=int, help="threads of all three; by default torch's own")
    arguments = parser.parse_args()
    python = None if arguments.no_peer else peer_python(arguments.peer_python)
    if arguments.threads is not None:
        os.environ["OMP_NUM_THREADS"] = str(arguments.threads)
    taken: dict[str, list[Taken]] = {}
    with tempfile.TemporaryDirectory(prefix="peer-") as name:
        pipeline = Path(name) / "tiny"
        save_pipeline(pipeline)
        job = Job(
            pipeline,
            CONFIGURATIONS[: arguments.configurations],
            samples=arguments.samples,
            is_predicted=arguments.predict,
            has_peer_memory=arguments.peer_memory,
        )
        sides: dict[str, Callable[[Path], Taken]] = {
            SDBENCH: lambda folder: by_sdbench(job, folder),
            FLOOR: lambda folder: by_script("peer_floor.py", sys.executable, job, folder),
        }
        if python is not None:
            sides[PEER] = lambda folder: by_script("peer_optimum.py", python, job, folder)
        for number in range(arguments.rounds):
            order = list(sides) if number % 2 == 0 else list(reversed(sides))
            for side in order:
                folder = Path(name) / f"{side}-{number}"
                folder.mkdir()
                taken.setdefault(side, []).append(sides[side](folder))
                print(f"round {number}: {side} {taken[side][-1].wall_s:.1f} s", flush=True)
    peer = middle(taken[PEER]) if PEER in taken else None
    ours, floor = middle(taken[SDBENCH]), middle(taken[FLOOR])
    report(peer, ours, floor)
    misses = missed(peer, ours, floor)
    for words in misses:
        print(f"missed: {words}")
    return 1 if misses else 0


if __name__ == "__main__":
    sys.exit(main())
