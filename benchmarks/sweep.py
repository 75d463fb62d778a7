"""What a staged run saves, and what it costs: the same suite exhaustively and in stages.

    python benchmarks/sweep.py [--grid small|medium|large] [--results DIR] [--resume]

Both are real command lines, one after the other, with equal protocols, and each with references of
its own. Printed are: the wall times; what was measured and what derived; how far derived latencies
are from those that the exhaustive run measured, as they are and with the common drift between the
two runs taken out (the median ratio over what both measured), and against what was measured less
the machine's pace at that moment (`sdbench.derive.pace`), beside how well a measurement itself
repeats; and for sets of limits (`sweep_answers`) what both runs recommend. Where these differ, the
two configurations are measured again, call by call in turn.

An interval says where a measurement would lie in these minutes, and an exhaustive run takes an
hour, in which the machine goes elsewhere. So a random sample of what was derived is measured right
after the staged run, and that tells whether its intervals hold.

The goals: the staged run takes at most `MOST_TIME_RATIO` of the time; for at least `LEAST_SETS`
sets of limits what it recommends is, measured again, at most `MOST_SLOWER_RATIO` slower than the
exhaustive run's choice, and keeps to the limits by that run's figures; and `LEAST_COVERAGE` of the
derived intervals hold what was measured right after. Exit code 1 where one is missed.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from paired import Ratio
from sweep_answers import Answers, answers, by_tensor_bytes, questions, seconds_per_image
from sweep_errors import (
    Errors,
    counts,
    derived,
    drift_ratio,
    errors_of_derived,
    errors_of_measured,
    measured_s,
    usual_s,
)

from sdbench.jsontypes import JsonValue
from sdbench.results.plan_file import EXHAUSTIVE, STAGED
from sdbench.results.store import Run, find_runs, read_run
from sdbench.suite.load import suite_from_json

MOST_TIME_RATIO = 0.1
LEAST_SETS = 20
MOST_SLOWER_RATIO = 0.03
LEAST_COVERAGE = 0.95

SAMPLED = 150
"""Derived configurations that are measured right after the staged run."""

NAME = "sweep"
SAMPLE = "sample"
_WALL_FILE = "wall.json"
_INCOMPLETE = 3

Again = Callable[[Mapping[str, JsonValue], Mapping[str, JsonValue]], Ratio]
"""The ratio of seconds per image, the second over the first."""


@dataclass(frozen=True, slots=True)
class Grid:
    """What is swept.

    Attributes:
        schedulers: Short names, with fields of their own where they need some; each begins at the
            first timestep, and draws no noise of its own.
        steps: Numbers of steps.
        batches: Batch sizes.
        sliced_steps: Of the steps the first ones, which are swept with attention slicing too. It
            draws other pictures, and to draw all of these takes both runs equally long.
        samples: Timed calls of each configuration.
    """

    schedulers: tuple[str, ...]
    steps: tuple[int, ...]
    batches: tuple[int, ...]
    sliced_steps: int
    samples: int

    @property
    def count(self) -> int:
        """Configurations."""
        steps = len(self.steps) + self.sliced_steps
        return len(self.schedulers) * steps * len(self.batches)

    def suite(self, has_fidelity: bool) -> str:
        """The suite as YAML. Pictures are small, so that a configuration takes about a second."""
        schedulers = ", ".join(
            f"{{name: {name}, timestep_spacing: trailing}}" for name in self.schedulers
        )
        whole = list(self.steps[self.sliced_steps :])
        exclude = f"[{{attention_slicing: max, steps: {whole}}}]" if whole else "[]"
        fidelity = "{prompts: [an emoji of a red apple], reference_steps: 100}"
        swept = f"""\
axes:
  scheduler: [{schedulers}]
  steps: {list(self.steps)}
  attention_slicing: [off, max]
  batch_size: {list(self.batches)}
exclude: {exclude}"""
        return self._suite_of(swept, fidelity if has_fidelity else "off")

    def sample(self, chosen: Sequence[Mapping[str, JsonValue]]) -> str:
        """A suite of these configurations alone, one or more, without pictures."""
        first, *others = ({knob: [one[knob]] for knob in _SWEPT} for one in chosen)
        swept = f"axes: {json.dumps(first)}\ninclude: {json.dumps(others)}"
        return self._suite_of(swept, "off")

    def _suite_of(self, swept: str, fidelity: str) -> str:
        return f"""\
name: {NAME}
pipeline: {{builtin: emoji}}
inputs: {{prompts: [an emoji of a red apple, an emoji of a penguin]}}
fixed: {{guidance_scale: 3, threads: 1, height: {_PIXELS}, width: {_PIXELS}}}
{swept}
measure:
  warmup: 1
  max_warmup: 2
  min_samples: {self.samples}
  max_samples: {self.samples}
  time_budget: 60s
  timeout: 5min
  default: off
  confirm_rounds: 0
fidelity: {fidelity}
"""


_PIXELS = 32
_SWEPT = ("scheduler", "steps", "attention_slicing", "batch_size")

_SCHEDULERS = ("dpmpp_2m", "pndm", "heun", "ddim", "euler", "unipc", "deis", "kdpm2")
_KARRAS = (
    "dpmpp_2m_karras",
    "euler_karras",
    "lms_karras",
    "unipc, use_karras_sigmas: true",
    "deis, use_karras_sigmas: true",
)
GRIDS = {
    "small": Grid(_SCHEDULERS[:3], (3, 5, 8, 12), (1, 3), 4, 10),
    "medium": Grid(_SCHEDULERS, (4, 6, 8, 10, 13, 16, 20, 25), (1, 2, 3, 4), 8, 10),
    "large": Grid((*_SCHEDULERS, *_KARRAS, "lms"), tuple(range(2, 18)), tuple(range(1, 9)), 4, 6),
}


def sweep(plan: str, suite: Path, results: Path) -> float:
    """Runs a plan by its command line; how many seconds it took, from start to end.

    Raises:
        SystemExit: It ended otherwise than with all measured, or with something missing.
    """
    command = [sys.executable, "-m", "sdbench", "run", str(suite), "--plan", plan]
    command += ["--results", str(results), "--device", "cpu", "--no-predict", "--no-confirm"]
    results.mkdir(parents=True, exist_ok=True)
    log = results / "log.txt"
    started_s = time.perf_counter()
    with log.open("w", encoding="utf-8") as out:
        code = subprocess.run(command, stdout=out, stderr=subprocess.STDOUT, check=False).returncode
    wall_s = time.perf_counter() - started_s
    if code not in (0, _INCOMPLETE):
        sys.exit(f"the {plan} run ended with exit code {code}: {log}")
    (results / _WALL_FILE).write_text(json.dumps({"wall_s": wall_s}), encoding="utf-8")
    return wall_s


def stored_wall_s(results: Path) -> float | None:
    """How long the run took that lies there; None where there is none, or it was cut off."""
    file = results / _WALL_FILE
    return float(json.loads(file.read_text(encoding="utf-8"))["wall_s"]) if file.exists() else None


def newest(results: Path) -> Run:
    """The newest run of the sweep in a folder."""
    return read_run(find_runs(results, NAME)[-1])


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a staged choice did, measured again beside the exhaustive one.

    Attributes:
        answers: What both runs recommend.
        ratio: Seconds per image of the staged choice over those of the exhaustive one; None where
            they are the same, or one is lacking.
    """

    answers: Answers
    ratio: Ratio | None

    @property
    def is_good(self) -> bool:
        """Whether it keeps to the limits, and is not slower than allowed."""
        if self.answers.is_same:
            return True
        is_fast = self.ratio is not None and self.ratio.point <= 1 + MOST_SLOWER_RATIO
        return is_fast and bool(self.answers.keeps_to_limits)

    def __str__(self) -> str:
        mark = "" if self.is_good else "  <- missed"
        return f"{self.answers.question}: {self._told}{mark}"

    @property
    def _told(self) -> str:
        both = self.answers
        if both.is_same:
            return "the same configuration"
        if both.is_lacking:
            return f"{'staged' if both.staged is None else 'exhaustive'} has no answer"
        beyond = "" if both.keeps_to_limits else ", beyond the limits"
        return f"{self.ratio}{beyond}"


def verdicts(found: Sequence[Answers], again: Again) -> list[Verdict]:
    """Measures again what differs, each pair once."""
    known: dict[tuple[str, str], Ratio] = {}
    judged = []
    for one in found:
        ratio = None
        if one.staged is not None and one.best is not None and not one.is_same:
            pair = (one.best.key, one.staged.key)
            if pair not in known:
                known[pair] = again(one.best.knobs, one.staged.knobs)
            ratio = known[pair]
        judged.append(Verdict(one, ratio))
    return judged


def missed(
    time_ratio: float, judged: Sequence[Verdict], errors: Errors, least_sets: int = LEAST_SETS
) -> list[str]:
    """The goals that were missed, in words.

    Args:
        time_ratio: The staged run's wall time over the exhaustive one's.
        judged: How the staged run's choices did.
        errors: Errors of what was derived, against what was measured right after.
        least_sets: Sets of limits that there have to be.
    """
    bad = [one for one in judged if not one.is_good]
    goals = {
        f"staged takes {time_ratio:.1%} of the time, more than {MOST_TIME_RATIO:.0%}": (
            time_ratio <= MOST_TIME_RATIO
        ),
        f"{len(judged)} sets of limits have an answer, fewer than {least_sets}": (
            len(judged) >= least_sets
        ),
        f"{len(bad)} recommendations are beyond the limits or more than "
        f"{MOST_SLOWER_RATIO:.0%} slower": not bad,
        "nothing was derived": errors.count > 0,
        f"{errors.coverage or 0:.1%} of the derived intervals hold what was measured, fewer than "
        f"{LEAST_COVERAGE:.0%}": errors.coverage is None or errors.coverage >= LEAST_COVERAGE,
    }
    return [words for words, is_met in goals.items() if not is_met]


def tell_errors(staged: Run, exhaustive: Run) -> None:
    """Prints how far derived latencies are from those of a run that took much longer."""
    truth_s, ours_s, told = measured_s(exhaustive), measured_s(staged), derived(staged)
    drift = drift_ratio(ours_s, truth_s)
    without = errors_of_derived(told, truth_s, drift)
    print("derived latencies against what the exhaustive run measured")
    print(f"  as they are:          {errors_of_derived(told, truth_s)}")
    print(f"  without common drift: {without} (the staged run's calls took {drift:.3f} times)")
    usual_truth_s, usual_ours_s = usual_s(exhaustive), usual_s(staged)
    usual_drift = drift_ratio(usual_ours_s, usual_truth_s)
    points_s = {key: one.call_s for key, one in told.items()}
    at_pace = errors_of_measured(points_s, usual_truth_s, usual_drift)
    print(f"  at its usual pace:    {at_pace}")
    print("what both runs measured, against each other")
    print(f"  as they are:          {errors_of_measured(ours_s, truth_s)}")
    print(f"  without common drift: {errors_of_measured(ours_s, truth_s, drift)}")
    both_at_pace = errors_of_measured(usual_ours_s, usual_truth_s, usual_drift)
    print(f"  at its usual pace:    {both_at_pace}")
    if told:
        factor = median(one.high_s / one.call_s for one in told.values())
        logs = errors_of_measured(ours_s, truth_s).log_ratios
        held = sum(abs(log) <= math.log(factor) for log in logs)
        print(f"  {held} of {len(logs)} lie within an interval as wide as a derived one")


def measured_soon(staged: Run, grid: Grid, folder: Path, count: int = SAMPLED) -> Errors:
    """Measures a random sample of what a run derived, and prints how far that was off.

    Args:
        staged: The run, which has just ended.
        grid: What it swept.
        folder: Where the sample's run is kept; one that lies there is read.
        count: Configurations of the sample at most.
    """
    if stored_wall_s(folder) is None:
        rest = [one for one in staged.latest.values() if one.is_derived]
        chosen = random.Random(0).sample(rest, min(count, len(rest)))
        folder.mkdir(parents=True, exist_ok=True)
        suite = folder / f"{NAME}.yaml"
        suite.write_text(grid.sample([one.knobs for one in chosen]), encoding="utf-8")
        sweep(EXHAUSTIVE, suite, folder)
    errors = errors_of_derived(derived(staged), measured_s(newest(folder)))
    print(f"derived latencies against a random sample, measured right after\n  {errors}")
    return errors


def judge(staged: Run, exhaustive: Run, again: Again) -> list[Verdict]:
    """Prints a line for each set of limits, and what a noisy sweep alone would have lost."""
    ours, theirs = by_tensor_bytes(staged), by_tensor_bytes(exhaustive)
    judged = verdicts(answers(ours, theirs, questions(theirs)), again)
    for one in judged:
        print(f"  {one}")
    truth = {m.key: m for m in theirs}
    ratios = [
        ours_s / best_s
        for one in judged
        if one.answers.staged is not None
        and one.answers.best is not None
        and (ours_s := seconds_per_image(truth[one.answers.staged.key])) is not None
        and (best_s := seconds_per_image(one.answers.best)) is not None
    ]
    if ratios:
        print(f"  by the exhaustive run's own figures, the worst: {max(ratios):.4f}")
    return judged


def main() -> int:
    """Prints the comparison; 1 where a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--grid", choices=GRIDS, default="large")
    parser.add_argument("--results", type=Path, help="where the runs are kept")
    parser.add_argument("--resume", action="store_true", help="use runs that lie there already")
    parser.add_argument(
        "--fidelity", action=argparse.BooleanOptionalAction, default=True, help="draw pictures too"
    )
    arguments = parser.parse_args()
    if arguments.resume and arguments.results is None:
        parser.error("--resume needs the runs of --results DIR")
    folder = arguments.results or Path(tempfile.mkdtemp(prefix="sweep-"))
    folder.mkdir(parents=True, exist_ok=True)
    grid = GRIDS[arguments.grid]
    suite = folder / f"{NAME}.yaml"
    suite.write_text(grid.suite(arguments.fidelity), encoding="utf-8")
    print(f"{grid.count} configurations; results: {folder}", flush=True)
    walls_s, runs = {}, {}
    for plan in (STAGED, EXHAUSTIVE):
        kept = stored_wall_s(folder / plan) if arguments.resume else None
        walls_s[plan] = kept if kept is not None else sweep(plan, suite, folder / plan)
        runs[plan] = newest(folder / plan)
        ended = ", ".join(f"{count} {word}" for word, count in counts(runs[plan]).items())
        print(f"{plan}: {walls_s[plan]:.1f} s; {ended}", flush=True)
        if plan == STAGED:
            errors = measured_soon(runs[STAGED], grid, folder / SAMPLE)
    time_ratio = walls_s[STAGED] / walls_s[EXHAUSTIVE]
    print(f"staged / exhaustive: {time_ratio:.3f}")
    for remark in runs[STAGED].plan_remarks:
        print(f"  {remark}")
    tell_errors(runs[STAGED], runs[EXHAUSTIVE])
    print("the staged run's choice over the exhaustive one's, measured again in turn", flush=True)
    judged = judge(runs[STAGED], runs[EXHAUSTIVE], _again(runs[EXHAUSTIVE]))
    same = sum(one.answers.is_same for one in judged)
    print(f"{len(judged)} sets of limits, the same choice for {same}")
    misses = missed(time_ratio, judged, errors)
    for words in misses:
        print(f"missed: {words}")
    return 1 if misses else 0


def _again(run: Run) -> Again:
    """What measures pairs again; torch comes in when the first one is asked for."""

    def ratio(one: Mapping[str, JsonValue], other: Mapping[str, JsonValue]) -> Ratio:
        from measured_again import MeasuredAgain

        return MeasuredAgain(suite_from_json(run.info.suite).inputs).ratio(one, other)

    return ratio


if __name__ == "__main__":
    sys.exit(main())
