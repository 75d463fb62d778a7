from __future__ import annotations

from sdbench.knobs.base import Cost
from sdbench.knobs.registry import KNOBS, neutral_values
from sdbench.suite.configuration import Configuration

VALUES = {
    "pipeline": {"builtin": "tiny"},
    "scheduler": {"name": "euler", "use_karras_sigmas": True},
    "steps": 20,
    "guidance_scale": 7.5,
}


def test_a_configuration_has_a_value_for_every_knob_in_the_order_of_the_registry() -> None:
    assert list(Configuration.of({"steps": 20, "dtype": "fp16"}).knobs) == list(KNOBS)


def test_the_key_of_a_configuration_never_changes() -> None:
    """Results on disk are found by these keys: a change here orphans every recorded run."""
    assert Configuration.of(VALUES).key == "b351279c46d4"


def test_the_key_does_not_depend_on_the_order_of_the_knobs() -> None:
    backwards = dict(reversed(VALUES.items()))

    assert Configuration.of(backwards).key == Configuration.of(VALUES).key
    assert Configuration(backwards).key == Configuration(VALUES).key


def test_the_key_does_not_depend_on_the_order_of_options_within_a_value() -> None:
    swapped = {**VALUES, "scheduler": {"use_karras_sigmas": True, "name": "euler"}}

    assert Configuration.of(swapped).key == Configuration.of(VALUES).key


def test_a_neutral_value_does_not_change_the_key_so_that_a_new_knob_keeps_old_keys() -> None:
    assert Configuration.of({**neutral_values(), **VALUES}).key == Configuration(VALUES).key


def test_every_other_value_changes_the_key() -> None:
    others = [{"steps": 21}, {"batch_size": 2}, {"dtype": "bf16"}, {"guidance_scale": 7.0}]
    keys = {Configuration.of({**VALUES, **other}).key for other in others}

    assert len(keys | {Configuration.of(VALUES).key}) == 5


def test_a_part_has_the_knobs_of_one_cost() -> None:
    configuration = Configuration.of(VALUES)

    assert configuration.part(Cost.CALL)["steps"] == 20
    assert "steps" not in configuration.part(Cost.LOAD)
    assert sum(len(configuration.part(cost)) for cost in Cost) == len(KNOBS)
