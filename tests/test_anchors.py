"""Bugs that tools of this field have had, each by its name; sdbench is not to have them.

Further ones are told where their code is: pids of a container that match no process and a memory
that grows with each poll in tests/devices, figures for one call that are divided by iterations
again and planned calls that are stored as if they were run in tests/report.
"""

from __future__ import annotations

import ast
from pathlib import Path

import factories
import pytest
from ab_jobs import processes, stored
from click.testing import CliRunner

import sdbench
from sdbench.cli.compare import compare
from sdbench.compare.stored import compare_runs
from sdbench.compare.verdict import Verdict
from sdbench.measure.throttling import accepted_samples
from sdbench.results import table
from sdbench.suite.gates import Gates


def test_samples_of_unequal_size_are_compared_and_not_called_significant(tmp_path: Path) -> None:
    """pyperf: the comparison raised, and the exception was taken for a significant difference."""
    before = stored(tmp_path, processes([1.0, 1.01, 0.99, 1.0, 1.02]))
    after = stored(tmp_path, processes([1.0, 0.99]))
    latency = compare_runs(before, after, Gates(between_runs=0.001)).rows[0].finding("latency")
    assert latency is not None
    assert latency.verdict in (Verdict.SAME, Verdict.AMBIGUOUS)
    assert latency.effect is not None
    assert latency.effect.low < 1 < latency.effect.high


def test_twice_as_slow_does_not_exit_with_zero(tmp_path: Path) -> None:
    """pyperf: compare_to exits with 0 whatever it finds."""
    before, after = (stored(tmp_path, processes([value] * 3)) for value in (1.0, 2.0))
    told = CliRunner().invoke(compare, [str(before.folder), str(after.folder)])
    assert told.exit_code == 1
    assert "SLOWER" in told.output


def test_a_configuration_that_the_baseline_lacks_is_not_passed_over(tmp_path: Path) -> None:
    """pytest-benchmark: a renamed test that is ten times slower is checked against nothing."""
    before = stored(tmp_path, processes([1.0] * 3, steps=10))
    after = stored(tmp_path, processes([10.0] * 3, steps=11))
    told = CliRunner().invoke(compare, [str(before.folder), str(after.folder)])
    assert told.exit_code == 3
    assert "NEW" in told.output
    assert "GONE" in told.output


def test_a_memory_that_is_not_known_is_missing_and_neither_zero_nor_added(tmp_path: Path) -> None:
    """optimum-benchmark: None was added to bytes; a pid that was not found counted as 0 bytes."""
    known, unknown = processes([1.0] * 3, reserved_mib=300), processes([1.0] * 3)
    gates = Gates(peak_reserved=0.02)
    comparison = compare_runs(stored(tmp_path, known), stored(tmp_path, unknown), gates)
    peak = comparison.rows[0].finding("peak_reserved")
    assert peak is not None
    assert (peak.verdict, peak.candidate) == (Verdict.MISSING, None)
    assert "this device does not tell" in peak.reason


def test_no_duration_is_taken_from_the_wall_clock() -> None:
    """zeus: time.time() jumps when the clock is set; durations come from a monotonic one."""
    package = Path(sdbench.__file__).parent
    users = [
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and node.attr in ("time", "time_ns")
        and isinstance(node.value, ast.Name)
        and node.value.id == "time"
    ]
    assert users == []


@pytest.mark.parametrize("count", [1, 2, 3, 10])
def test_throttling_never_discards_every_sample(count: int) -> None:
    """nvbench: with a throttled GPU all samples were discarded, and it measured for ever."""
    assert accepted_samples([1.0] * count, [True] * count) is None
    throttled = (True,) * count
    record = factories.record(samples_s=[1.0] * count, fields={"is_throttled": throttled})
    assert len(table.accepted_samples(record)) == count
