"""The answer of a search: what it saves and costs, or what came nearest."""

from __future__ import annotations

import json
from typing import Any

import factories
import pytest

from sdbench.analysis.climb import Climb, nearest_miss
from sdbench.analysis.fit_answer import FitAnswer, fit_answer
from sdbench.analysis.ladder import Search
from sdbench.results.figure import Figure, Origin
from sdbench.results.out_of_memory import OutOfMemory
from sdbench.results.prediction import Fit, Prediction
from sdbench.results.record import Record, Status
from sdbench.suite.configuration import Configuration
from sdbench.units import MIB

WANTED = Configuration.of({"pipeline": factories.PIPELINE, "batch_size": 2})
LIMIT_MIB = 150


def ran_out(stage: str | None = "vae_decode", **values: Any) -> Record:
    told = OutOfMemory(
        phase="memory pass" if stage else "loading",
        stage=stage,
        allocated_bytes=140 * MIB,
        requested_bytes=20 * MIB,
    )
    fields = {"out_of_memory": told}
    return factories.record(status=Status.OOM, fields=fields, **{"batch_size": 2, **values})


def fitting(seconds: float = 1.0, allocated_mib: float = 120, **values: Any) -> Record:
    samples = factories.around(seconds)
    return factories.record(
        samples_s=samples, allocated_mib=allocated_mib, **{"batch_size": 2, **values}
    )


def climbed(*records: Record) -> Climb:
    """A search on a CPU that was told these records, in the order in which it asks."""
    climb = Climb(WANTED, [WANTED], LIMIT_MIB * MIB)
    climb.begin("cpu", {})
    for record in records:
        configuration = climb.next()
        assert configuration is not None
        assert configuration.key == record.key
        climb.tell(record)
    return climb


def answered(climb: Climb, *unlimited: Record) -> FitAnswer:
    by_key = {record.key: record for record in unlimited}
    return fit_answer(climb.search, by_key, "Test CPU", "results/x", "pipe = ...\n")


SLICED = {"vae_slicing": "on"}


def test_a_rung_is_compared_with_what_was_wanted_under_the_same_conditions() -> None:
    climb = climbed(ran_out(), fitting(9.0, **SLICED))
    answer = answered(climb, fitting(1.0, 200), fitting(1.5, 125, **SLICED))
    (gain,) = answer.gains
    assert gain.saved_bytes == Figure.measured(75 * MIB)
    assert gain.latency_ratio.value == pytest.approx(1.5)
    assert gain.latency_ratio.origin is Origin.MEASURED
    assert gain.is_tie is False


def test_what_takes_as_long_is_a_tie() -> None:
    climb = climbed(ran_out(), fitting(**SLICED))
    (gain,) = answered(climb, fitting(1.0, 200), fitting(1.01, **SLICED)).gains
    assert gain.is_tie


def test_where_what_was_wanted_never_runs_the_cost_is_the_one_expected() -> None:
    climb = climbed(ran_out(), fitting(**SLICED))
    (gain,) = answered(climb, ran_out()).gains
    assert gain.latency_ratio.origin is Origin.PREDICTED
    assert gain.saved_bytes.value is None
    assert gain.saved_bytes.reason == (
        "what was wanted could not be measured, with or without the limit"
    )


def prediction(configuration: Configuration, mib: int) -> Prediction:
    return Prediction(
        key=configuration.key,
        peak_allocated_bytes=Figure(mib * MIB, Origin.PREDICTED),
        interval_bytes=None,
        stage="vae_decode",
        peak_reserved_bytes=Figure.absent("a test"),
        verdict=Fit.MAY_FIT,
        reason="a test",
    )


def test_what_was_not_measured_is_told_as_predicted() -> None:
    climb = climbed()
    sliced = Configuration({**WANTED.knobs, **SLICED})
    found = [prediction(WANTED, 200), prediction(sliced, 110)]
    climb.expect({one.key: one for one in found})
    for record in (ran_out(), fitting(**SLICED)):
        climb.next()
        climb.tell(record)
    (gain,) = answered(climb).gains
    assert gain.saved_bytes == Figure(90 * MIB, Origin.PREDICTED)


def test_the_answers_fidelity_is_the_one_that_was_judged_later() -> None:
    climb = climbed(ran_out(), fitting(**SLICED))
    found = climb.answer()
    assert found is not None
    climb.tell_judged(
        factories.record(batch_size=2, vae_slicing="on", fidelity=factories.fidelity(0.9))
    )
    measurement = answered(climb).measurement
    assert measurement is not None
    assert measurement.fidelity_score == 0.9


def test_what_fits_as_it_is_gives_nothing_up_and_asks_for_no_more_rounds() -> None:
    climb = climbed(fitting())
    assert climb.follow_up() == []
    answer = answered(climb)
    assert answer.gains == ()
    assert answer.to_json()["changes"] == {}


def test_the_follow_up_measures_what_was_wanted_and_each_rung_alone() -> None:
    climb = climbed(ran_out(), ran_out("denoiser", **SLICED), ran_out(batch_size=1))
    assert climb.next() is not None
    climb.tell(fitting(vae_slicing="on", dtype="bf16"))
    asked = [
        {n: v for n, v in one.knobs.items() if v != WANTED.knobs[n]} for one in climb.follow_up()
    ]
    answer = climb.search.answer
    assert answer is not None
    assert asked == [{}, *(dict(rung.change) for rung in answer.candidate.rungs)]
    assert len(asked) == 3


def nothing_fits() -> Climb:
    """Memory runs out while loading, also in half precision."""
    return climbed(ran_out(None), ran_out(None, dtype="bf16"))


def test_the_nearest_miss_is_measured_without_the_limit() -> None:
    climb = nothing_fits()
    asked = climb.follow_up()
    strongest = {"dtype": "bf16", "batch_size": 1}
    assert [one.knobs["batch_size"] for one in asked] == [2, 1]
    smallest = fitting(1.0, 170, **strongest)
    miss = answered(climb, fitting(1.0, 190, dtype="bf16"), smallest).miss
    assert miss is not None
    assert miss.candidate.change == strongest
    assert miss.missing_bytes == 20 * MIB
    assert not miss.is_lower_bound


def test_a_nearest_miss_that_does_not_run_either_needs_what_it_asked_for_at_least() -> None:
    miss = answered(nothing_fits()).miss
    assert miss is not None
    assert miss.is_lower_bound
    assert miss.peak_bytes == Figure(160 * MIB, Origin.DERIVED)
    assert miss.missing_bytes == 10 * MIB


def test_a_search_without_a_step_has_no_nearest_miss() -> None:
    assert nearest_miss(climbed().search) is None


def test_programs_read_every_step_and_the_answer() -> None:
    answer = answered(climbed(ran_out(), fitting(**SLICED)))
    read = json.loads(json.dumps(answer.to_json()))
    assert read["schema"] == 1
    assert read["fits"] is True
    assert read["limit_bytes"] == LIMIT_MIB * MIB
    assert read["changes"] == SLICED
    assert read["knobs"]["vae_slicing"] == "on"
    assert read["code"] == "pipe = ...\n"
    assert [step["verdict"] for step in read["steps"]] == ["out_of_memory", "fits"]
    assert read["steps"][0]["stage"] == "vae_decode"
    assert read["steps"][0]["needed_at_least_bytes"] == 160 * MIB
    assert read["steps"][1]["peak_allocated_bytes"]["value"] == 120 * MIB
    assert read["nearest_miss"] is None


def test_programs_read_what_is_missing() -> None:
    read = json.loads(json.dumps(answered(nothing_fits()).to_json()))
    assert read["fits"] is False
    assert read["configuration"] is None
    assert read["nearest_miss"]["missing_bytes"] == 10 * MIB


@pytest.mark.parametrize(
    ("capability", "expected"),
    [("7.5", "fp16"), ("8.0", "bf16"), ("12.0", "bf16"), (None, "bf16")],
)
def test_half_precision_follows_from_the_compute_capability(
    capability: str | None, expected: str
) -> None:
    climb = Climb(WANTED, [WANTED], LIMIT_MIB * MIB)
    climb.begin("cuda:0", {"compute_capability": capability} if capability else {})
    assert isinstance(climb.search, Search)
    halves = {one.knobs["dtype"] for one in climb.candidates()} - {"fp32"}
    assert halves == {expected}
