"""How the cost grows: 50, 500, 5,000 configurations from suite to report, 100,000 records read.

    python benchmarks/growth.py [--sizes 50 500 5000] [--records 100000] [--keep FOLDER]

Everything is the processor's time of this process, so that other programs on the machine do not
count; waiting for the disk does not, either, and is printed apart. A step grows from one size to
the next with the exponent log(time ratio) / log(size ratio). n log n has 1.20 from 50 to 500, and
1.14 from 500 to 5,000; n squared has 2. The exit code is 1 where a step has more than `TOLERANCE`
above n log n, where the records take longer to read than `MOST_READ_S`, or more memory than
`MOST_READ_BYTES`. Records are those of `growth_records`: about 7 kB each.
"""

from __future__ import annotations

import argparse
import gc
import math
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import growth_records

from sdbench.analysis.disputes import disputed
from sdbench.analysis.measurement import measurements
from sdbench.analysis.planned import planned_knobs
from sdbench.analysis.recommend import recommend_for_run
from sdbench.analysis.tops import tops
from sdbench.derive.staged import BatchKind, StagedPlan
from sdbench.report.export import export
from sdbench.report.html import write_html
from sdbench.report.markdown import markdown
from sdbench.report.text import advice_text
from sdbench.results.record import Record
from sdbench.results.store import RunWriter, read_run
from sdbench.results.table import table
from sdbench.run.plan import plan
from sdbench.suite.configuration import Configuration
from sdbench.suite.model import Suite
from sdbench.units import GIB, format_bytes

SIZES = (50, 500, 5_000)
RECORDS = 100_000

TOLERANCE = 0.2
"""Of the exponent. Equal work has scattered by a fifth from one moment to the next on the machines
that this ran on: 1.2 over a tenfold size is 0.08. n squared is 0.8 above n log n."""

LEAST_S = 0.1
"""A step that takes less at the larger size is judged by nothing: it is noise, and no matter."""

MOST_READ_S = 10.0
MOST_READ_BYTES = GIB
_SYNCED = 20
_READER = Path(__file__).with_name("growth_read.py")


@dataclass
class Steps:
    """Processor seconds of each step, by its name."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Times what is done meanwhile.

        A look through all garbage takes as long as some steps, and is due when steps before have
        made enough: it comes first.
        """
        gc.collect()
        started_s = time.process_time()
        yield
        self.seconds[name] = time.process_time() - started_s


@dataclass(frozen=True)
class Growth:
    """How a step grew from one size to another.

    Attributes:
        step: Its name.
        sizes: Configurations before and after.
        seconds: Processor seconds before and after.
    """

    step: str
    sizes: tuple[int, int]
    seconds: tuple[float, float]

    @property
    def exponent(self) -> float:
        """Of the size that the time grows with; 0 where it was too short to be seen before."""
        before, after = self.seconds
        return math.log(after / before) / math.log(self._ratio) if before > 0 < after else 0.0

    @property
    def of_n_log_n(self) -> float:
        """What n log n would have."""
        before, after = self.sizes
        return 1 + math.log(math.log(after) / math.log(before)) / math.log(self._ratio)

    @property
    def is_worse(self) -> bool:
        """Whether it is clearly worse than n log n."""
        return self.seconds[1] >= LEAST_S and self.exponent > self.of_n_log_n + TOLERANCE

    @property
    def _ratio(self) -> float:
        return self.sizes[1] / self.sizes[0]


@dataclass(frozen=True)
class Reading:
    """What it took to read a run in a process of its own.

    Attributes:
        records: How many it holds.
        processor_s: Processor seconds of reading it, imports apart.
        peak_bytes: Largest resident memory of the process, with the interpreter and all imports.
    """

    records: int
    processor_s: float
    peak_bytes: int


def take_steps(count: int, folder: Path) -> dict[str, float]:
    """Processor seconds of each step with so many configurations, by its name.

    Args:
        count: A key of `growth_records.AXES`.
        folder: Where the run and its reports go.
    """
    steps = Steps()
    with steps.timed("read and expand the suite"):
        suite = growth_records.suite(count)
        expanded = growth_records.expanded(suite)
    with steps.timed("plan"):
        planned = plan(expanded)
    records = {one.key: one for one in growth_records.records(planned)}
    with steps.timed("plan in stages, derive"):
        usual_call_s = _plan_in_stages(planned, records)
    run_folder = folder / f"run-{count}"
    with steps.timed("store"):
        growth_records.write(run_folder, suite, records.values(), records)
    with steps.timed("read"):
        run = read_run(run_folder)
    with steps.timed("measurements"):
        measurements(run)
    with steps.timed("recommend"):
        advice = recommend_for_run(run)
    with steps.timed("best of every kind"):
        tops(run)
        disputed(run, usual_call_s)
    with steps.timed("table"):
        table(run, planned_knobs(run))
    with steps.timed("report on a terminal"):
        advice_text(advice)
    with steps.timed("report in Markdown"):
        markdown(run)
    with steps.timed("report as a page"):
        write_html(run, page_of(folder, count))
    for name in ("csv", "json", "pytest-benchmark"):
        with steps.timed(f"export as {name}"):
            export(run, name, folder / f"export-{count}.{name}")
    return steps.seconds


def page_of(folder: Path, count: int) -> Path:
    """Where the page goes."""
    return folder / f"report-{count}.html"


def _plan_in_stages(
    planned: Sequence[Configuration], records: Mapping[str, Record]
) -> dict[str, float]:
    """What a staged run asks of its plan, all that it measures being there at once.

    Returns:
        Seconds of a call at the machine's usual pace, by key.
    """
    stages = StagedPlan(planned)
    settled: dict[str, Record] = {}
    while (batch := stages.next(settled)) is not None:
        seen = {one.key: records[one.key] for one in batch.configurations}
        if batch.kind is BatchKind.AGAIN:
            seen = {key: replace(one, first_look_s=one.samples_s[0]) for key, one in seen.items()}
        settled |= seen
    stages.derived(settled)
    stages.remarks(settled)
    return stages.usual_call_s(settled)


def growths(taken: Mapping[int, Mapping[str, float]]) -> list[Growth]:
    """How each step grew from each size to the next."""
    return [
        Growth(step, (few, many), (taken[few][step], taken[many][step]))
        for few, many in pairwise(sorted(taken))
        for step in taken[few]
    ]


def sync_s(folder: Path, suite: Suite, record: Record) -> tuple[float, float]:
    """Seconds of storing and syncing one record: of the processor, and of the clock."""
    with RunWriter.create(folder, growth_records.info(suite, ())) as writer:
        started_s = time.process_time(), time.perf_counter()
        for _ in range(_SYNCED):
            writer.append(record)
        processor_s, wall_s = time.process_time() - started_s[0], time.perf_counter() - started_s[1]
    return processor_s / _SYNCED, wall_s / _SYNCED


def read_apart(run_folder: Path) -> Reading:
    """Reads a run in a process of its own."""
    told = subprocess.run(
        [sys.executable, _READER, run_folder], check=True, capture_output=True, text=True
    ).stdout.split()
    return Reading(int(told[0]), float(told[1]), int(told[2]))


def write_records(count: int, folder: Path) -> Path:
    """A run of so many records, each of a configuration of its own."""
    suite = growth_records.suite(count)
    expanded = growth_records.expanded(suite)
    keys = [one.key for one in expanded]
    run_folder = folder / f"records-{count}"
    growth_records.write(run_folder, suite, growth_records.records(expanded), keys)
    return run_folder


def _print_steps(taken: Mapping[int, Mapping[str, float]], found: Sequence[Growth]) -> None:
    sizes = sorted(taken)
    head = [f"{size:,}" for size in sizes] + [f"{few:,}-{many:,}" for few, many in pairwise(sizes)]
    print(f"{'processor seconds':<28}" + "".join(f"{text:>12}" for text in head))
    for step in taken[sizes[0]]:
        times = [f"{taken[size][step]:.3f}" for size in sizes]
        exponents = [
            f"{one.exponent:.2f}" + ("!" if one.is_worse else "")
            for one in found
            if one.step == step
        ]
        print(f"{step:<28}" + "".join(f"{text:>12}" for text in times + exponents))
    allowed = [f"{one.of_n_log_n:.2f}" for one in found if one.step == found[0].step]
    print(f"{'n log n':<28}" + " " * 12 * len(sizes) + "".join(f"{text:>12}" for text in allowed))


def _printed_growth(sizes: Sequence[int], folder: Path) -> bool:
    """Whether no step grows worse than it may."""
    take_steps(min(growth_records.AXES), folder)  # what is imported or cached once
    taken = {size: take_steps(size, folder) for size in sizes}
    found = growths(taken)
    _print_steps(taken, found)
    for size in sizes:
        print(f"page of {size:,}: {format_bytes(page_of(folder, size).stat().st_size)}")
    suite = growth_records.suite(min(growth_records.AXES))
    one = next(growth_records.records(growth_records.expanded(suite)))
    processor_s, wall_s = sync_s(folder / "synced", suite, one)
    print(
        f"a record stored and synced: {processor_s * 1e3:.2f} ms of the processor, "
        f"{wall_s * 1e3:.2f} ms of the clock"
    )
    for growth in found:
        if growth.is_worse:
            print(
                f"{growth.step}: grows with exponent {growth.exponent:.2f} from "
                f"{growth.sizes[0]:,} to {growth.sizes[1]:,}; n log n has {growth.of_n_log_n:.2f}"
            )
    return not any(growth.is_worse for growth in found)


def _printed_reading(count: int, folder: Path) -> bool:
    """Whether the records are read within the time and the memory."""
    run_folder = write_records(count, folder)
    size = (run_folder / "records.jsonl").stat().st_size
    reading = read_apart(run_folder)
    print(
        f"{reading.records:,} records ({format_bytes(size)}): {reading.processor_s:.1f} s of the "
        f"processor, {format_bytes(reading.peak_bytes)} resident"
    )
    return reading.processor_s < MOST_READ_S and reading.peak_bytes < MOST_READ_BYTES


@contextmanager
def _folder(kept: Path | None) -> Iterator[Path]:
    folder = kept or Path(tempfile.mkdtemp(prefix="growth-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield folder
    finally:
        if kept is None:
            shutil.rmtree(folder)


def main() -> int:
    """Prints the table; 1 where a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, choices=growth_records.AXES)
    parser.add_argument("--records", type=int, default=RECORDS, choices=growth_records.AXES)
    parser.add_argument("--keep", type=Path, help="a new folder for the runs and their reports")
    arguments = parser.parse_args()
    checks: Sequence[Callable[[Path], bool]] = (
        lambda folder: _printed_growth(sorted(arguments.sizes), folder),
        lambda folder: _printed_reading(arguments.records, folder),
    )
    with _folder(arguments.keep) as folder:
        passed = [check(folder) for check in checks]
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
