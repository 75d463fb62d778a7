"""Predicted memory beside published figures: how near, and whether the verdict is right.

    python benchmarks/published_memory.py [--all] [--calibration]

It prints Markdown; docs/memory-prediction.md holds what it printed. It takes minutes, and needs
neither GPU nor model hub. Figures are compared only with what they are: the allocator's peak,
what it reserved after a call, or a share of the GPU's memory. ``--all`` lists every row,
``--calibration`` rewrites the pairs that intervals are made of.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median, quantiles

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from published_rows import Definition, Excluded, Row, read_rows
from published_traces import Tracer

from sdbench.knobs.base import Unsupported
from sdbench.predict import calibration
from sdbench.predict.allocator import NoCapacity
from sdbench.predict.gpus import target_for
from sdbench.predict.peaks import Peaks, peaks
from sdbench.predict.verdict import verdict
from sdbench.results.figure import Origin
from sdbench.results.prediction import Fit
from sdbench.units import GIB, MIB


@dataclass(frozen=True, slots=True)
class Compared:
    """A row and what is predicted of it.

    Attributes:
        row: The row.
        peaks: On a device without end.
        reserved_bytes: What is reserved on the row's GPU, whose memory may end before.
    """

    row: Row
    peaks: Peaks
    reserved_bytes: int

    @property
    def predicted_bytes(self) -> int:
        """What the row's figure is compared with."""
        if self.row.definition in (Definition.RESERVED, Definition.SHARE):
            return self.reserved_bytes
        return self.peaks.allocated_bytes

    @property
    def error(self) -> float:
        """Predicted over published, less 1."""
        assert self.row.published_bytes is not None
        return self.predicted_bytes / self.row.published_bytes - 1

    @property
    def fit(self) -> Fit | None:
        """The verdict; None where the GPU is not told."""
        if self.row.gpu is None:
            return None
        target = target_for(self.row.gpu.name)
        least = self.peaks.least_capacity_bytes
        return verdict(self.peaks.allocated_bytes, target, least).fit

    @property
    def is_wrong(self) -> bool:
        """Whether the verdict says the contrary of what happened."""
        return self.fit is (Fit.FITS if self.row.ran_out else Fit.DOES_NOT_FIT)


def compare(row: Row, tracer: Tracer) -> Compared:
    """A row beside its prediction.

    Raises:
        Unsupported: It cannot be predicted.
    """
    trace = tracer.trace(row)
    found = peaks(trace, row.capability)
    assert found.reserved_bytes is not None
    reserved_bytes = found.reserved_bytes
    if row.gpu is not None:
        free_bytes = row.gpu.usable_bytes - row.gpu.context_bytes
        try:
            within = peaks(trace, row.capability, capacity_bytes=free_bytes)
            reserved_bytes = within.reserved_bytes or 0
        except NoCapacity:
            reserved_bytes = free_bytes
    return Compared(row, found, reserved_bytes)


def main() -> None:
    """Prints the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--calibration", action="store_true")
    arguments = parser.parse_args()
    compared, excluded = [], Counter[str]()
    tracer = Tracer()
    for row in sorted(read_rows(), key=_load_order):
        if isinstance(row, Excluded):
            excluded[row.reason] += 1
            continue
        try:
            compared.append(compare(row, tracer))
        except Unsupported as error:
            excluded[f"not predicted: {error}"] += 1
        print(f"row {row.number}", file=sys.stderr)
    compared.sort(key=lambda each: each.row.number)
    for part in (_errors(compared), _verdicts(compared), _excluded(excluded)):
        print("\n".join(part), end="\n\n")
    shown = [each for each in compared if arguments.all or each.row.definition in _SHOWN]
    print("\n".join(_rows(shown)))
    if arguments.calibration:
        _write_calibration(compared)


_SHOWN = (Definition.ALLOCATED, Definition.NOT_STATED)
"""Definitions whose rows are listed one by one without being asked for."""


def _load_order(row: Row | Excluded) -> tuple[str, int]:
    """Rows of one load together."""
    if isinstance(row, Excluded):
        return "", row.number
    return f"{row.knobs['pipeline']} {row.knobs['dtype']}", row.number


def _errors(compared: Sequence[Compared]) -> Iterable[str]:
    yield "| published figure | rows | median error | 90th percentile | largest | mean, signed |"
    yield "|---|---|---|---|---|---|"
    for definition in Definition:
        for is_fitted in (True, False):
            errors = [
                each.error
                for each in compared
                if each.row.definition is definition
                and each.row.is_fitted is is_fitted
                and not each.row.ran_out
            ]
            if errors:
                title = f"{definition.value}{', fitted' if is_fitted else ''}"
                yield f"| {title} | {len(errors)} | {_summary(errors)} |"


def _summary(errors: Sequence[float]) -> str:
    sizes = sorted(abs(error) for error in errors)
    p90 = quantiles(sizes, n=10, method="inclusive")[-1] if len(sizes) > 1 else sizes[0]
    mean = sum(errors) / len(errors)
    return " | ".join(
        (
            *(f"{100 * size:.1f} %" for size in (median(sizes), p90, sizes[-1])),
            f"{100 * mean:+.1f} %",
        )
    )


def _verdicts(compared: Sequence[Compared]) -> Iterable[str]:
    known = [each for each in compared if each.fit is not None]
    yield "| published | rows | fits | may fit | does not fit |"
    yield "|---|---|---|---|---|"
    for ran_out in (False, True):
        own = [each for each in known if each.row.ran_out is ran_out]
        counts = Counter(each.fit for each in own)
        name = "ran out of memory" if ran_out else "ran"
        cells = " | ".join(str(counts[fit]) for fit in Fit)
        yield f"| {name} | {len(own)} | {cells} |"
    wrong = [each for each in known if each.is_wrong]
    decided = sum(each.fit is not Fit.MAY_FIT for each in known)
    share = 1 - len(wrong) / len(known)
    yield ""
    yield (
        f"Of {len(known)} verdicts {len(wrong)} are wrong ({100 * share:.1f} % are not), and "
        f"{decided} are decided, of which {100 * (1 - len(wrong) / decided):.1f} % are right."
    )
    for each in wrong:
        yield (
            f"- row {each.row.number}: {each.row.model}, {each.row.gpu_name}, "
            f"{each.row.settings}: predicted {each.peaks.allocated_bytes / GIB:.2f} GiB"
        )


def _excluded(excluded: Counter[str]) -> Iterable[str]:
    yield "| rows left out | why |"
    yield "|---|---|"
    for reason, count in excluded.most_common():
        yield f"| {count} | {reason} |"


def _rows(compared: Sequence[Compared]) -> Iterable[str]:
    titles = "row model GPU settings published predicted error stage fitted verdict".split()
    yield f"| {' | '.join(titles)} |"
    yield "|---" * len(titles) + "|"
    for each in compared:
        row, size = each.row, each.row.published_bytes
        fit = each.fit
        cells = (
            str(row.number),
            row.model,
            row.gpu_name,
            row.settings,
            "out of memory" if size is None else f"{size / GIB:.3f} GiB",
            f"{each.predicted_bytes / GIB:.3f} GiB",
            "" if row.ran_out else f"{100 * each.error:+.1f} %",
            str(each.peaks.stage),
            "yes" if row.is_fitted else "",
            "" if fit is None else fit.value.replace("_", " "),
        )
        yield f"| {' | '.join(cells)} |"


def _write_calibration(compared: Sequence[Compared]) -> None:
    """The pairs whose figure is the allocator's peak, rows of one configuration each once."""
    seen = set()
    with calibration.TABLE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(
            ("subject", "predicted_mib", "measured_mib", "is_fitted", "origin", "source")
        )
        for each in compared:
            row = each.row
            pair = (row.model, row.settings, row.capability, each.predicted_bytes)
            if row.definition is Definition.ALLOCATED and not row.ran_out and pair not in seen:
                seen.add(pair)
                assert row.published_bytes is not None
                writer.writerow(
                    (
                        f"{row.model} on {row.gpu_name}: {row.settings}",
                        f"{each.predicted_bytes / MIB:.1f}",
                        f"{row.published_bytes / MIB:.1f}",
                        "yes" if row.is_fitted else "no",
                        Origin.DERIVED.value,
                        row.source,
                    )
                )


if __name__ == "__main__":
    main()
