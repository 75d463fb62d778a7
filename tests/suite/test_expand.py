from __future__ import annotations

from pathlib import Path

import pytest

from sdbench.jsontypes import JsonValue
from sdbench.suite.errors import SuiteError
from sdbench.suite.expand import configurations
from sdbench.suite.load import load_suite
from sdbench.suite.model import Axis, Suite

SUITES = Path(__file__).parents[2] / "suites"
TWO_AXES = (Axis("dtype", ("fp32", "fp16")), Axis("steps", (5, 10)))


def suite(**parts: object) -> Suite:
    return Suite(**{"name": "s", "fixed": {"pipeline": {"builtin": "tiny"}}, **parts})  # type: ignore[arg-type]


def swept(expanded: Suite, *names: str) -> list[tuple[JsonValue, ...]]:
    return [tuple(one.knobs[name] for name in names) for one in configurations(expanded)]


def test_the_last_axis_varies_fastest() -> None:
    assert swept(suite(axes=TWO_AXES), "dtype", "steps") == [
        ("fp32", 5),
        ("fp32", 10),
        ("fp16", 5),
        ("fp16", 10),
    ]


def test_the_declared_order_of_axes_counts_and_not_that_of_the_registry() -> None:
    assert swept(suite(axes=TWO_AXES[::-1]), "dtype", "steps") == [
        ("fp32", 5),
        ("fp16", 5),
        ("fp32", 10),
        ("fp16", 10),
    ]


def test_fixed_values_are_in_every_configuration_and_all_else_is_neutral() -> None:
    fixed = {"pipeline": {"builtin": "tiny"}, "height": 64}

    assert swept(suite(fixed=fixed, axes=TWO_AXES[1:]), "height", "batch_size") == [(64, 1)] * 2


def test_a_suite_without_axes_is_one_configuration() -> None:
    assert len(configurations(suite())) == 1


def test_a_rule_of_exclude_matches_where_all_of_its_values_match() -> None:
    exclude = ({"dtype": ("fp32",), "steps": (10,)},)

    assert swept(suite(axes=TWO_AXES, exclude=exclude), "dtype", "steps") == [
        ("fp32", 5),
        ("fp16", 5),
        ("fp16", 10),
    ]


def test_a_list_in_a_rule_of_exclude_matches_each_of_its_values() -> None:
    exclude = ({"dtype": ("fp32",), "steps": (5, 10)},)

    assert swept(suite(axes=TWO_AXES, exclude=exclude), "dtype", "steps") == [
        ("fp16", 5),
        ("fp16", 10),
    ]


def test_several_rules_of_exclude_each_leave_something_out() -> None:
    exclude = ({"dtype": ("fp32",)}, {"steps": (5,)})

    assert swept(suite(axes=TWO_AXES, exclude=exclude), "dtype", "steps") == [("fp16", 10)]


def test_include_adds_each_value_of_its_lists_behind_the_product() -> None:
    include = ({"scheduler": ("lcm",), "steps": (2, 4)},)

    assert swept(suite(axes=TWO_AXES[1:], include=include), "scheduler", "steps") == [
        ("default", 5),
        ("default", 10),
        ("lcm", 2),
        ("lcm", 4),
    ]


def test_include_keeps_fixed_values_unless_it_names_them() -> None:
    fixed = {"pipeline": {"builtin": "tiny"}, "height": 64, "width": 64}
    include = ({"height": (128,)},)

    assert swept(suite(fixed=fixed, include=include), "height", "width") == [(64, 64), (128, 64)]


def test_include_brings_back_what_exclude_left_out() -> None:
    exclude, include = ({"dtype": ("fp32",)},), ({"dtype": ("fp32",), "steps": (5,)},)

    assert swept(suite(axes=TWO_AXES, exclude=exclude, include=include), "dtype", "steps") == [
        ("fp16", 5),
        ("fp16", 10),
        ("fp32", 5),
    ]


def test_a_configuration_that_include_repeats_comes_once() -> None:
    include = ({"dtype": ("fp32",), "steps": (5,)},)

    assert len(configurations(suite(axes=TWO_AXES, include=include))) == 4


def test_a_million_configurations_are_refused_before_one_is_built() -> None:
    axes = (Axis("steps", tuple(range(1, 1001))), Axis("batch_size", tuple(range(1, 1001))))

    with pytest.raises(SuiteError) as refused:
        configurations(suite(axes=axes))
    assert str(refused.value) == (
        "suite s stands for 1,000,000 configurations (steps 1,000 x batch_size 1,000), more than "
        "the limit of 10,000: sweep less, or raise it by `max_configurations: 1000000` in the "
        "suite or `--max-configurations 1000000`"
    )


def test_a_product_too_large_for_any_computer_is_refused_at_once() -> None:
    axes = tuple(
        Axis(knob, tuple(range(8, 8008, 8)))
        for knob in ("steps", "batch_size", "height", "width", "threads", "guidance_scale")
    )

    with pytest.raises(SuiteError, match="stands for 1,000,000,000,000,000,000 configurations"):
        configurations(suite(axes=axes))


def test_the_limit_counts_what_include_adds() -> None:
    expanded = suite(axes=TWO_AXES, include=({"steps": (1, 2)},), max_configurations=5)

    with pytest.raises(SuiteError) as refused:
        configurations(expanded)
    assert str(refused.value) == (
        "suite s stands for 6 configurations (dtype 2 x steps 2, and 2 by include), more than the "
        "limit of 5: sweep less, or raise it by `max_configurations: 6` in the suite or "
        "`--max-configurations 6`"
    )


def test_the_callers_limit_goes_before_that_of_the_suite() -> None:
    assert len(configurations(suite(axes=TWO_AXES, max_configurations=3), 4)) == 4
    with pytest.raises(SuiteError, match="more than the limit of 3"):
        configurations(suite(axes=TWO_AXES), 3)


def test_a_suite_that_excludes_everything_is_refused() -> None:
    with pytest.raises(SuiteError) as refused:
        configurations(suite(axes=TWO_AXES, exclude=({"steps": (5, 10)},)))
    assert str(refused.value) == (
        "suite s stands for no configuration: exclude matches every one of them"
    )


@pytest.mark.parametrize(("name", "count"), [("demo", 32), ("sd15", 216)])
def test_the_suites_of_the_repository_expand(name: str, count: int) -> None:
    expanded = configurations(load_suite(SUITES / f"{name}.yaml"))

    assert len(expanded) == count
    assert len({one.key for one in expanded}) == count
