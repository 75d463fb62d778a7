"""What is measured again: the choice and what it was chosen from, and what it is compared with."""

from __future__ import annotations

from pathlib import Path

from factories import PIPELINE, around, fidelity, record, run

from sdbench.analysis.confirmation import MOST_CONFIRMED, leaders
from sdbench.results.record import Record, Status
from sdbench.suite.model import Axis, Limits, Protocol, Suite

PLAIN = Suite(name="test", fixed={"pipeline": PIPELINE}, measure=Protocol(default=False))
WITH_DEFAULT = Suite(
    name="test", fixed={"pipeline": PIPELINE, "steps": 4}, axes=(Axis("dtype", ("fp32", "fp16")),)
)


def timed(median_s: float, **values: object) -> Record:
    return record(samples_s=around(median_s), **{"steps": 4, **values})  # type: ignore[arg-type]


def test_it_is_the_choice_and_what_cannot_be_told_from_it(tmp_path: Path) -> None:
    euler, ddim = timed(1.00, scheduler="euler"), timed(1.01, scheduler="ddim")
    slow = timed(2.0, scheduler="pndm")
    made = run(tmp_path, [slow, ddim, euler], suite=PLAIN)
    assert leaders(made) == (euler.key, ddim.key)


def test_of_many_ties_it_is_those_of_the_least_medians(tmp_path: Path) -> None:
    """The choice is among them: it is one whose median lies within the fastest one's interval."""
    names = ("euler", "ddim", "pndm", "heun", "lms", "unipc", "dpmpp_2m")
    records = [timed(1 + at / 1000, scheduler=name) for at, name in enumerate(names)]
    made = run(tmp_path, list(reversed(records)), suite=PLAIN)
    assert leaders(made) == tuple(one.key for one in records[:MOST_CONFIRMED])


def test_the_default_that_the_gain_is_stated_against_is_among_them(tmp_path: Path) -> None:
    default, half = timed(3.0), timed(1.0, dtype="fp16")
    made = run(tmp_path, [half, default], suite=WITH_DEFAULT)
    assert leaders(made) == (half.key, default.key)


def test_a_default_that_did_not_end_well_is_not_tried_again(tmp_path: Path) -> None:
    half = timed(1.0, dtype="fp16")
    made = run(tmp_path, [half, record(status=Status.OOM, steps=4)], suite=WITH_DEFAULT)
    assert leaders(made) == (half.key,)


def test_the_choice_without_the_fidelity_limit_is_among_them(tmp_path: Path) -> None:
    good = timed(2.0, steps=20, fidelity=fidelity(0.95))
    poor = timed(1.0, steps=4, fidelity=fidelity(0.5))
    suite = Suite(
        name="test",
        fixed={"pipeline": PIPELINE},
        measure=Protocol(default=False),
        limits=Limits(fidelity=0.9),
    )
    assert leaders(run(tmp_path, [poor, good], suite=suite)) == (good.key, poor.key)


def test_where_nothing_qualifies_nothing_is_measured_again(tmp_path: Path) -> None:
    made = run(tmp_path, [record(status=Status.OOM, steps=4)], suite=WITH_DEFAULT)
    assert leaders(made) == ()
