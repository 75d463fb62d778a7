"""What of a suite a caller's arguments take the place of."""

from __future__ import annotations

from typing import Any

import pytest

from sdbench.suite.expand import configurations
from sdbench.suite.model import Axis, FidelityProtocol, Inputs, Limits, Protocol, Suite
from sdbench.tuning.errors import CannotTune
from sdbench.tuning.request import Request, with_given

GIVEN = {
    "pipeline": {"loaded": "FluxPipeline"},
    "dtype": "bf16",
    "offload": "none",
    "allocator": "default",
    "compile": "off",
    "task": "text-to-image",
}
PIPELINE, OTHER = {"id": "owner/name"}, {"id": "owner/other"}
BASE = Suite(
    name="base",
    inputs=Inputs(prompts=("a dog",), seed=3),
    fixed={"pipeline": PIPELINE, "height": 512},
    measure=Protocol(min_samples=3),
    limits=Limits(latency_s=2.0, fidelity=0.9),
)


def parsed(**arguments: Any) -> Suite:
    return Request(**arguments).parsed(PIPELINE)


def over(base: Suite, **arguments: Any) -> Suite:
    request = Request(suite=base, **arguments)
    return request.over(base, request.parsed(PIPELINE))


def test_the_name_tells_the_pipeline() -> None:
    assert parsed().name == "tune-name"
    assert Request().parsed({"path": "/models/my model/"}).name == "tune-my-model"


def test_without_a_suite_the_defaults_are_those_of_a_person_who_waits() -> None:
    assert parsed().measure == Protocol(max_samples=10, time_budget_s=20.0)
    assert parsed().fidelity == FidelityProtocol(reference_steps=50)
    assert parsed(fidelity=None).fidelity is None
    assert parsed(measure={"min_samples": 7}).measure.min_samples == 7


def test_objects_are_taken_as_they_are() -> None:
    limits, protocol = Limits(memory_bytes=5), Protocol(warmup=3)
    suite = parsed(limits=limits, measure=protocol, fidelity=FidelityProtocol(seeds=9))
    assert (suite.limits, suite.measure, suite.fidelity) == (
        limits,
        protocol,
        FidelityProtocol(seeds=9),
    )


def test_a_range_is_an_axis() -> None:
    assert parsed(axes={"steps": range(10, 40, 10)}).axes[0].values == (10, 20, 30)


def test_a_suites_own_sections_stay_where_nothing_is_given() -> None:
    assert over(BASE) == BASE


def test_what_is_given_takes_the_place_of_a_suites_own() -> None:
    suite = over(BASE, prompt="a cat", limits={"latency": None}, fixed={"height": 256})
    assert suite.inputs == Inputs(prompts=("a cat",), seed=3)
    assert suite.limits == Limits(fidelity=0.9)
    assert suite.fixed["height"] == 256
    assert suite.measure == BASE.measure
    assert over(BASE, fidelity=None).fidelity is None


def test_what_is_swept_is_no_longer_fixed() -> None:
    suite = over(BASE, axes={"height": [256, 512]})
    assert [one.knobs["height"] for one in configurations(suite)] == [256, 512]


def test_the_loaded_pipeline_takes_the_place_of_the_suites() -> None:
    suite = with_given(BASE, GIVEN)
    assert suite.fixed == {**GIVEN, "height": 512}


def test_a_suite_that_loads_otherwise_is_refused() -> None:
    with pytest.raises(CannotTune, match="dtype fp32 is turned while a pipeline is loaded"):
        with_given(over(BASE, fixed={"dtype": "fp32"}), GIVEN)
    with pytest.raises(CannotTune, match="sweeps pipelines"):
        with_given(Suite(name="two", axes=(Axis("pipeline", (PIPELINE, OTHER)),)), GIVEN)


def test_offloaded_models_stay_with_the_pipeline_that_has_their_hooks() -> None:
    offloaded = {**GIVEN, "offload": "model"}
    with pytest.raises(CannotTune, match="only the pipeline's own task"):
        with_given(over(BASE, fixed={"task": "image-to-image"}), offloaded)
