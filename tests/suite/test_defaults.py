from __future__ import annotations

import json

import pytest

from sdbench.suite.configuration import Configuration
from sdbench.suite.defaults import default_configurations, unswept_defaults, with_defaults
from sdbench.suite.expand import configurations
from sdbench.suite.load import suite_from_json
from sdbench.suite.model import Axis, Protocol, Suite

TINY = {"builtin": "tiny"}


def suite(*axes: Axis, **fields: object) -> Suite:
    return Suite(**{"name": "test", "fixed": {"pipeline": TINY}, "axes": axes, **fields})


def test_the_default_has_what_the_suite_fixes_and_else_what_diffusers_does() -> None:
    one = suite(
        Axis("dtype", ("fp16", "bf16")),
        Axis("steps", (10, 20)),
        fixed={"pipeline": TINY, "attention": "eager"},
    )

    (default,) = default_configurations(one)

    assert default == Configuration.of({"pipeline": TINY, "attention": "eager"})
    assert default.knobs["dtype"] == "fp32"
    assert default.knobs["steps"] is None


def test_there_is_a_default_for_each_picture_that_is_asked_for() -> None:
    one = suite(
        Axis("height", (256, 512)), Axis("guidance_scale", (3.0, 7.5)), Axis("dtype", ("bf16",))
    )

    defaults = default_configurations(one)

    assert [(d.knobs["height"], d.knobs["guidance_scale"]) for d in defaults] == [
        (256, 3.0),
        (256, 7.5),
        (512, 3.0),
        (512, 7.5),
    ]
    assert {d.knobs["dtype"] for d in defaults} == {"fp32"}


def test_a_suite_can_do_without() -> None:
    one = suite(Axis("dtype", ("bf16",)), measure=Protocol(default=False))

    assert default_configurations(one) == ()
    assert unswept_defaults(one) == ()


@pytest.mark.parametrize(
    ("axes", "fields", "is_swept"),
    [
        ((Axis("dtype", ("fp32", "bf16")),), {}, True),
        ((Axis("dtype", ("fp16", "bf16")),), {}, False),
        ((Axis("steps", (10, None)),), {}, True),
        ((Axis("steps", (10, 20)),), {}, False),
        ((Axis("dtype", ("fp32", "bf16")),), {"exclude": ({"dtype": ("fp32",)},)}, False),
        ((Axis("dtype", ("bf16",)),), {"include": ({"dtype": ("fp16", "fp32")},)}, True),
        ((Axis("dtype", ("bf16",)),), {"include": ({"threads": (1,)},)}, False),
        ((), {}, True),
    ],
)
def test_a_default_that_the_suite_stands_for_anyway_is_told_from_an_added_one(
    axes: tuple[Axis, ...], fields: dict[str, object], is_swept: bool
) -> None:
    one = suite(*axes, **fields)
    swept = configurations(one)

    assert (unswept_defaults(one) == ()) is is_swept
    # The same by what the suite expands to.
    assert (default_configurations(one)[0] in swept) is is_swept
    assert with_defaults(one, swept) == (*swept, *unswept_defaults(one))


def test_a_picture_that_nothing_draws_has_no_default() -> None:
    one = suite(Axis("height", (256, 512)), Axis("dtype", ("bf16",)), exclude=({"height": (512,)},))
    swept = configurations(one)

    (added,) = with_defaults(one, swept)[len(swept) :]

    assert added.knobs["height"] == 256


def test_a_suite_that_was_dumped_before_there_were_defaults_has_them() -> None:
    dumped = json.loads(json.dumps(suite().to_json()))
    del dumped["measure"]["default"], dumped["measure"]["confirm_rounds"]
    del dumped["limits"]["headroom_ratio"], dumped["limits"]["batch_size"]

    assert suite_from_json(dumped) == suite()
