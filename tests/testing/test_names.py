from __future__ import annotations

import pytest

from sdbench.suite.configuration import Configuration
from sdbench.suite.model import Suite
from sdbench.testing.names import folder_name, item_names, marker_values

SUITE = Suite(name="ci")


def named(*knobs: dict[str, object]) -> tuple[str, ...]:
    return item_names(SUITE, [Configuration.of(one) for one in knobs])  # type: ignore[arg-type]


def test_names_hold_what_varies_and_begin_with_the_sampler() -> None:
    assert named(
        {"dtype": "bf16", "steps": 10, "scheduler": "euler", "height": 64},
        {"dtype": "fp32", "steps": 20, "scheduler": "default", "height": 64},
    ) == ("euler-10_steps-bf16", "default_scheduler-20_steps-fp32")


def test_options_of_a_value_become_words_that_pytest_can_filter_by() -> None:
    trailing = {"name": "pndm", "timestep_spacing": "trailing"}
    assert named({"scheduler": trailing}, {"scheduler": "pndm"}) == (
        "pndm_timestep_spacing_trailing",
        "pndm",
    )


def test_where_nothing_varies_the_suite_gives_its_name() -> None:
    assert named({"steps": 4}) == ("ci",)


def test_names_that_would_be_equal_are_told_apart_by_their_keys() -> None:
    long = "a fox " * 30
    configurations = [Configuration.of({"prompt": long + end}) for end in ("in snow", "in rain")]
    first, second = item_names(SUITE, configurations)
    assert first != second
    assert first.endswith(configurations[0].key)


def test_no_name_parts_a_node_id() -> None:
    (first, _) = named({"prompt": "a::b [c] / d"}, {"prompt": "e"})
    assert first == "prompt_a_b_c_d"


def test_a_marker_has_plain_values() -> None:
    values = marker_values({"steps": 4, "scheduler": {"name": "pndm", "beta": 1}, "height": None})
    assert values == {"steps": 4, "scheduler": "pndm", "height": None}


@pytest.mark.parametrize(
    ("node_id", "check", "folder"),
    [
        ("tests/test_speed.py::test_speed", None, "tests-test_speed.py-test_speed"),
        ("test_speed.py::test_speed[fp16-4]", "wide", "test_speed.py-test_speed-fp16-4-wide"),
    ],
)
def test_a_check_has_a_folder_that_its_test_names(
    node_id: str, check: str | None, folder: str
) -> None:
    assert folder_name(node_id, check) == folder


def test_long_names_of_folders_end_as_the_test_does_and_stay_apart() -> None:
    names = {folder_name(f"{deep}/{'folder/' * 30}test_a.py::test_b", None) for deep in "xy"}
    assert len(names) == 2
    assert all("test_a.py-test_b-" in name and len(name) < 100 for name in names)
