"""What `sdbench ab` detects on this machine: known changes, planted into the embedded pipeline.

    python benchmarks/detection.py [--repetitions 20] [--resume] [--records FILE] [-- OPTIONS]

A repetition is one A/B job of the real command on the CPU. Its configurations differ in the
guidance scale alone, which costs no time; on the candidate's side some of them meet with a change
(`planted/`), the others compare the build with itself. Each repetition is appended to a file, so
that a bench that was cut off goes on with --resume. Exit code 1 where the goals are missed: false
red of at most 1 % at A/A, +10 % and the leak caught in at least 95 %.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from statistics import fmean, median

from sdbench.compare.comparison import Finding, Row
from sdbench.compare.paired import compare_ab
from sdbench.compare.verdict import Verdict
from sdbench.results.ab import AB_FILE, read_ab_job
from sdbench.units import MIB

PLANTED = Path(__file__).with_name("planted")
RECORDS = Path("build/detection.jsonl")

UNCHANGED = 4
"""Configurations that nothing is planted into; one of them is the control, too."""
KINDS = ("loop", "block", "copy")
SHARES = (0.03, 0.05, 0.10)
LEAKED_BYTES = 64 * MIB

SUITE = """\
name: detection
pipeline: {{builtin: emoji}}
inputs: {{prompts: [an emoji of a red apple]}}
fixed: {{scheduler: euler, steps: {steps}, height: {pixels}, width: {pixels}, threads: 1}}
axes:
  guidance_scale: {scales}
measure:
  {{warmup: 1, max_warmup: 2, min_samples: {samples}, max_samples: {samples}, default: off}}
fidelity: off
gates: {{latency: 2%}}
"""

FALSE_RED, CAUGHT = 0.01, 0.95
"""The goals, as shares."""

VERDICTS = (Verdict.SLOWER, Verdict.SAME, Verdict.AMBIGUOUS, Verdict.FASTER)


@dataclass(frozen=True)
class Found:
    """What a job says of one configuration.

    Attributes:
        kind: What was planted, or ``none``.
        share: How much longer the call was made.
        latency: Verdict on its latency.
        memory: Verdict on its peak of memory.
        ratio: How many times as long the call took.
        low: Lower end of the interval.
        high: Upper end.
        detectable_ratio: The smallest slowdown that could have been seen, as it was printed.
        pairs: Pairs that decided.
        is_confirmed: Whether fresh ones did.
    """

    kind: str
    share: float
    latency: str
    memory: str
    ratio: float
    low: float
    high: float
    detectable_ratio: float
    pairs: int
    is_confirmed: bool

    @property
    def label(self) -> str:
        """The change in words."""
        if self.kind == "none":
            return "+0 % (A/A)"
        return f"+{self.share:.0%} by a {self.kind}" if self.share else "a leak of 64 MiB"


def changes() -> dict[float, tuple[str, float]]:
    """What is planted, by guidance scale."""
    planted = [("none", 0.0)] * UNCHANGED
    planted += [(kind, share) for share in SHARES for kind in KINDS]
    planted.append(("leak", 0.0))
    return {round(3 + index / 100, 2): change for index, change in enumerate(planted)}


def variable() -> str:
    """The same as the planted module reads it."""
    return json.dumps(
        {
            str(scale): {"kind": kind, "share": share, "size_bytes": LEAKED_BYTES}
            for scale, (kind, share) in changes().items()
            if kind != "none"
        }
    )


def repetition(arguments: argparse.Namespace) -> dict[str, object]:
    """One job: how it ended, and what it says of each configuration."""
    with tempfile.TemporaryDirectory() as folder:
        suite = Path(folder) / "detection.yaml"
        scales = list(changes())
        suite.write_text(
            SUITE.format(
                steps=arguments.steps,
                pixels=arguments.pixels,
                samples=arguments.samples,
                scales=scales,
            )
        )
        begun = time.monotonic()
        ended = subprocess.run(
            [
                *(sys.executable, "-m", "sdbench", "ab", str(suite), "--device", "cpu"),
                *("--candidate-env", f"PYTHONPATH={PLANTED.resolve()}"),
                *("--candidate-env", f"SDBENCH_PLANTED={variable()}"),
                *("--results", folder, *arguments.options),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        jobs = list(Path(folder).glob(f"*/*/{AB_FILE}"))
        if not jobs:
            raise SystemExit(f"`sdbench ab` ended with {ended.returncode}:\n{ended.stderr}")
        comparison = compare_ab(read_ab_job(jobs[0].parent))
    control = comparison.control
    return {
        "exit_code": ended.returncode,
        "seconds": round(time.monotonic() - begun, 1),
        "control": control.verdict.value if control else "none",
        "unfit": list(comparison.unfit),
        "incomplete": list(comparison.incomplete),
        "rows": [asdict(_found(row)) for row in comparison.rows],
    }


def _found(row: Row) -> Found:
    kind, share = changes()[round(float(str(row.knobs["guidance_scale"])), 2)]
    latency = row.finding("latency")
    assert latency is not None
    assert latency.effect is not None, latency.reason
    memory = row.finding("peak_allocated")
    return Found(
        kind=kind,
        share=share,
        latency=latency.verdict.value,
        memory=memory.verdict.value if memory else "none",
        ratio=latency.effect.ratio,
        low=latency.effect.low,
        high=latency.effect.high,
        detectable_ratio=_number(latency),
        pairs=latency.effect.units,
        is_confirmed=row.is_confirmed,
    )


def _number(finding: Finding) -> float:
    assert finding.detectable_ratio is not None
    return finding.detectable_ratio


def share(flags: Iterable[bool]) -> float:
    """The share of those that hold."""
    return fmean(list(flags) or [math.nan])


def table(jobs: Sequence[dict[str, object]]) -> list[str]:
    """Prints what was detected; gives the goals that were missed."""
    rows = [[Found(**row) for row in job["rows"]] for job in jobs]  # type: ignore[attr-defined]
    by_label: dict[str, list[Found]] = {}
    for one in (one for some in rows for one in some):
        by_label.setdefault(one.label, []).append(one)
    codes, controls = (Counter(job[name] for job in jobs) for name in ("exit_code", "control"))
    seconds = median(float(str(job["seconds"])) for job in jobs)
    print(f"{len(jobs)} repetitions, {seconds:.0f} s each in the middle")
    print(f"exit codes {dict(codes)}, controls {dict(controls)}\n")
    heads = "".join(f"{one.value:>11}" for one in VERDICTS)
    print(f"{'planted':24}{'measured':>9}{heads}{'memory up':>11}{'pairs':>7}{'detectable':>12}")
    missed = []
    for label, found in by_label.items():
        ratio = math.exp(fmean(math.log(one.ratio) for one in found))
        shares = {one: share(row.latency == one.value for row in found) for one in VERDICTS}
        more = share(row.memory == Verdict.MORE.value for row in found)
        print(f"{label:24}{ratio - 1:+9.1%}", end="")
        print("".join(f"{shares[one]:11.0%}" for one in VERDICTS), end="")
        print(f"{more:11.0%}{fmean(row.pairs for row in found):7.1f}", end="")
        detectable = median(row.detectable_ratio for row in found) - 1
        print(f"{detectable:+12.1%}" if detectable < 1 else f"{'> 100%':>12}")
        if found[0].kind == "none" and max(shares[Verdict.SLOWER], more) > FALSE_RED:
            missed.append(f"{label}: false red {max(shares[Verdict.SLOWER], more):.1%}")
        if found[0].share == max(SHARES) and shares[Verdict.SLOWER] < CAUGHT:
            missed.append(f"{label}: caught in {shares[Verdict.SLOWER]:.0%}")
        if found[0].kind == "leak" and more < CAUGHT:
            missed.append(f"{label}: caught in {more:.0%}")
    _detectable([one for some in rows for one in some if one.share])
    return missed


def _detectable(found: Sequence[Found]) -> None:
    """Whether what is printed as the smallest detectable change agrees with what was caught."""
    print("\nplanted change / smallest detectable one     caught (nominal 80 % at 1)")
    bounds = (0.0, 0.5, 0.8, 1.25, 2.0, math.inf)
    for low, high in pairwise(bounds):
        some = [one for one in found if low <= one.share / (one.detectable_ratio - 1) < high]
        if some:
            caught = share(one.latency == Verdict.SLOWER.value for one in some)
            print(f"{f'{low:g} to {high:g}':45}{caught:.0%} of {len(some)}")


def main() -> int:
    """Repeats, and prints the table; 1 where a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=20)
    parser.add_argument("--resume", action="store_true", help="go on with those in the file")
    parser.add_argument("--records", type=Path, default=RECORDS, help=f"by default {RECORDS}")
    parser.add_argument("--table", action="store_true", help="measure nothing, print the table")
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--pixels", type=int, default=32)
    parser.add_argument("--samples", type=int, default=6)
    parser.add_argument("options", nargs="*", help="options of `sdbench ab`, after --")
    arguments = parser.parse_args()
    keeps = arguments.resume or arguments.table
    if arguments.records.exists() and not keeps:
        parser.error(f"{arguments.records} exists: go on with --resume, or remove it")
    lines = arguments.records.read_text().splitlines() if arguments.records.exists() else []
    jobs = [json.loads(line) for line in lines]
    arguments.records.parent.mkdir(parents=True, exist_ok=True)
    while len(jobs) < arguments.repetitions and not arguments.table:
        jobs.append(repetition(arguments))
        with arguments.records.open("a") as file:
            file.write(json.dumps(jobs[-1]) + "\n")
        print(f"{len(jobs)} of {arguments.repetitions}: {jobs[-1]['seconds']} s", flush=True)
    missed = table(jobs)
    print("\n" + ("\n".join(f"missed: {one}" for one in missed) or "all goals are met"))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
