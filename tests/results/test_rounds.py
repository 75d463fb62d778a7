"""The sweep's round and fresh ones as one record, which the table and the analyses share."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from factories import around, fidelity, mebibytes, record, run

from sdbench.analysis.measurement import measurements
from sdbench.results.figure import Figure
from sdbench.results.record import Record, Status
from sdbench.results.rounds import Rounds, rounds_by_key
from sdbench.results.table import accepted_samples, table
from sdbench.units import MIB

LUCKY = record(samples_s=around(1.0), fidelity=fidelity(0.9), allocated_mib=200)


def fresh(
    number: int, median_s: float = 2.0, status: Status = Status.OK, **fields: object
) -> Record:
    content = {"round": number, "worker": f"worker-{number + 1}", **fields}
    samples = around(median_s) if status in (Status.OK, Status.UNSTABLE) else None
    return record(status=status, samples_s=samples, fields=content)


def test_without_fresh_rounds_the_sweep_stands() -> None:
    assert Rounds(LUCKY).settled == LUCKY
    assert Rounds(LUCKY).confirmed == 0


def test_latency_rests_on_fresh_rounds_alone_pooled() -> None:
    rounds = Rounds(LUCKY, (fresh(1, 2.0), fresh(2, 2.2)))
    settled = rounds.settled
    assert settled.samples_s == (*around(2.0), *around(2.2))
    assert len(settled.is_throttled) == len(settled.is_outlier) == 12
    assert (settled.status, settled.round, rounds.confirmed) == (Status.OK, 2, 2)


def test_throttled_calls_of_a_fresh_round_are_left_out() -> None:
    marks = (True, *(False,) * 5)
    rounds = Rounds(LUCKY, (fresh(1), fresh(2, is_throttled=marks)))
    assert accepted_samples(rounds.settled) == (*around(2.0), *around(2.0)[1:])


def test_stages_are_those_of_fresh_rounds_and_go_with_their_calls() -> None:
    swept = replace(LUCKY, stages_s={"denoiser": (1.0,) * 6, "gone": (1.0,) * 6})
    rounds = Rounds(
        swept,
        (fresh(1, stages_s={"denoiser": (2.0,) * 6}), fresh(2, stages_s={"denoiser": (3.0,) * 6})),
    )
    assert rounds.settled.stages_s == {"denoiser": (2.0,) * 6 + (3.0,) * 6}


def test_peaks_are_the_largest_of_all_rounds() -> None:
    known = fresh(
        1,
        peak_allocated_bytes=mebibytes(150),
        peak_rss_bytes=mebibytes(950),
        peak_reserved_bytes=mebibytes(300),
        stage_peak_allocated_bytes={"denoiser": 5, "vae_decode": 7},
    )
    swept = replace(LUCKY, stage_peak_allocated_bytes={"denoiser": 6})
    settled = Rounds(swept, (known, fresh(2, peak_rss_bytes=Figure.absent("lost")))).settled
    assert settled.peak_allocated_bytes.value == 200 * MIB
    assert settled.peak_reserved_bytes.value == 300 * MIB
    assert settled.peak_rss_bytes.value == 950 * MIB
    assert settled.peak_device_used_bytes == LUCKY.peak_device_used_bytes
    assert settled.stage_peak_allocated_bytes == {"denoiser": 6, "vae_decode": 7}


def test_the_fidelity_is_the_sweeps_and_remarks_are_kept_once() -> None:
    swept = replace(LUCKY, notes=("a", "b"))
    settled = Rounds(swept, (fresh(1, notes=("b", "c")),)).settled
    assert settled.fidelity == LUCKY.fidelity
    assert settled.notes == ("a", "b", "c")


@pytest.mark.parametrize("status", [Status.OOM, Status.ERROR, Status.TIMEOUT, Status.SKIPPED])
@pytest.mark.parametrize("is_last", [True, False])
def test_a_fresh_round_that_failed_is_not_outvoted(status: Status, is_last: bool) -> None:
    numbers = (1, 2) if is_last else (2, 1)
    failed = fresh(numbers[1], status=status, reason="the reason")
    in_order = sorted((fresh(numbers[0]), failed), key=lambda one: one.round)
    rounds = Rounds(LUCKY, tuple(in_order))
    settled = rounds.settled
    assert (settled.status, settled.reason) == (status, "in a fresh round: the reason")
    assert (settled.samples_s, rounds.confirmed) == ((), 0)
    assert settled.fidelity == LUCKY.fidelity


def test_an_unstable_fresh_round_makes_it_unstable() -> None:
    unstable = fresh(1, status=Status.UNSTABLE, reason="throttled")
    settled = Rounds(LUCKY, (unstable, fresh(2))).settled
    assert (settled.status, settled.reason) == (Status.UNSTABLE, "in a fresh round: throttled")
    assert len(accepted_samples(settled)) == 12


def test_a_later_sweep_begins_anew() -> None:
    """A run that goes on measures again what ended without an answer."""
    failed = fresh(1, status=Status.ERROR)
    assert rounds_by_key([LUCKY, failed, LUCKY]) == {LUCKY.key: Rounds(LUCKY)}


def test_of_two_records_of_one_round_the_later_counts() -> None:
    first, second = fresh(1, 2.0), fresh(1, 3.0)
    assert rounds_by_key([LUCKY, first, second])[LUCKY.key].fresh == (second,)


def test_the_table_shows_the_same_latency_as_the_analyses(tmp_path: Path) -> None:
    other = record(steps=4)
    made = run(tmp_path, [LUCKY, other, fresh(1, 2.0), fresh(2, 2.2)])
    rows = table(made)
    m, plain = measurements(made)
    assert m.latency is not None
    assert m.swept_latency is not None
    assert rows.iloc[0]["latency_s"] == m.latency.point == pytest.approx(2.1, abs=0.05)
    assert rows.iloc[0]["latency_p95_s"] == m.p95_s
    assert list(rows["confirmed_rounds"]) == [m.confirmed_rounds, plain.confirmed_rounds] == [2, 0]
    assert m.swept_latency.point == 1.0
    assert plain.swept_latency is None
