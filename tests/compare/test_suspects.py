from __future__ import annotations

from pathlib import Path

import ab_jobs
import factories

from sdbench.compare.suspects import wanted
from sdbench.results.record import Status
from sdbench.suite.gates import Gates

SLOWER = (1.10, 1.11, 1.09, 1.10)
PRECISE = (1.10, 1.11, 1.09, 1.10, 1.10, 1.11, 1.09, 1.10)
VAGUE = (1.0, 1.2, 0.9, 1.3, 1.0, 1.2, 0.9, 1.3)


def test_what_looks_no_slower_gets_no_fresh_pairs(tmp_path: Path) -> None:
    assert wanted(ab_jobs.ab_job(tmp_path, *ab_jobs.pairs(ab_jobs.NO_DIFFERENCE))) == ()


def test_what_looks_faster_gets_no_fresh_pairs(tmp_path: Path) -> None:
    assert wanted(ab_jobs.ab_job(tmp_path, *ab_jobs.pairs((0.9, 0.91, 0.89, 0.9)))) == ()


def test_half_the_margin_makes_a_suspect(tmp_path: Path) -> None:
    job = ab_jobs.ab_job(tmp_path, *ab_jobs.pairs((1.011, 1.011, 1.011, 1.011)))
    assert wanted(job) == tuple(job.info.twins)


def test_a_suspect_by_a_gated_stage_is_one(tmp_path: Path) -> None:
    before, after = ab_jobs.pairs(ab_jobs.NO_DIFFERENCE)
    slow = [ab_jobs.with_stage(one, "vae_decode", 0.2) for one in after]
    usual = [ab_jobs.with_stage(one, "vae_decode", 0.1) for one in before]
    (tmp_path / "gated").mkdir()
    (tmp_path / "shown").mkdir()
    gates = Gates(stages={"vae_decode": 0.1})
    assert wanted(ab_jobs.ab_job(tmp_path / "gated", usual, slow, gates=gates))
    assert not wanted(ab_jobs.ab_job(tmp_path / "shown", usual, slow))


def test_a_first_look_that_was_cut_off_makes_no_suspects(tmp_path: Path) -> None:
    assert wanted(ab_jobs.ab_job(tmp_path, *ab_jobs.pairs(SLOWER[:3]))) == ()


def test_fresh_pairs_go_on_to_their_least_number_whatever_they_show(tmp_path: Path) -> None:
    for fresh in range(8):
        place = tmp_path / str(fresh)
        place.mkdir()
        job = ab_jobs.ab_job(place, *ab_jobs.pairs((*SLOWER, *[1.0] * fresh)))
        assert wanted(job) == tuple(job.info.twins)


def test_a_narrow_interval_ends_the_fresh_pairs(tmp_path: Path) -> None:
    assert wanted(ab_jobs.ab_job(tmp_path, *ab_jobs.pairs((*SLOWER, *PRECISE)))) == ()


def test_a_wide_interval_asks_for_more_up_to_the_most(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "most").mkdir()
    more = ab_jobs.ab_job(tmp_path / "more", *ab_jobs.pairs((*SLOWER, *VAGUE)))
    most = ab_jobs.ab_job(tmp_path / "most", *ab_jobs.pairs((*SLOWER, *VAGUE, *VAGUE)))
    assert wanted(more) == tuple(more.info.twins)
    assert wanted(most) == ()


def test_significance_does_not_end_them(tmp_path: Path) -> None:
    doubled = (1.8, 2.3, 1.9, 2.2, 1.7, 2.4, 1.9, 2.2)
    job = ab_jobs.ab_job(tmp_path, *ab_jobs.pairs((*SLOWER, *doubled)))
    assert wanted(job) == tuple(job.info.twins)


def test_what_failed_on_a_side_gets_no_more(tmp_path: Path) -> None:
    before, after = ab_jobs.pairs(SLOWER)
    after[3] = factories.record(status=Status.OOM, fields={"round": 3})
    assert wanted(ab_jobs.ab_job(tmp_path, before, after)) == ()
