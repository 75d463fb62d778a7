from __future__ import annotations

import pytest

from sdbench.errors import IllegalValue, SdbenchError, causes, describe_legal, nearest
from sdbench.results.store import RunFolderError


def test_an_illegal_value_is_shown_with_the_legal_ones() -> None:
    error = IllegalValue("fp", ["fp32", "bf16"])
    assert str(error) == "'fp' is not legal: did you mean 'fp32'? legal: fp32, bf16"
    assert error.seen == "fp"
    assert error.legal == ["fp32", "bf16"]


def test_an_illegal_value_is_a_value_error_so_that_pydantic_reports_it_with_its_place() -> None:
    assert issubclass(IllegalValue, ValueError)


def test_what_is_legal_can_be_a_phrase() -> None:
    assert describe_legal(0, "a whole number above 0") == "legal is a whole number above 0"


@pytest.mark.parametrize(
    ("seen", "word"),
    [
        ("eulr", "euler"),
        ("EULER", "euler"),
        ("pndmscheduler", "PNDMScheduler"),
        ("something else", None),
        ("", None),
        (3, None),
        (None, None),
    ],
)
def test_the_nearest_word_is_found_whatever_its_case(seen: object, word: str | None) -> None:
    assert nearest(seen, ["euler", "PNDMScheduler", "ddim"]) == word


def test_without_a_near_word_only_the_legal_ones_are_listed() -> None:
    assert describe_legal("zzz", ["on", "off"]) == "legal: on, off"


def test_a_wrong_command_ends_with_2_and_an_unreadable_run_with_3() -> None:
    assert SdbenchError("...").exit_code == 2
    assert RunFolderError("...").exit_code == 3


def test_all_that_led_to_an_error_is_found_once() -> None:
    cause, context, error = ValueError("cause"), KeyError("context"), RuntimeError("error")
    error.__cause__, error.__context__ = cause, context
    cause.__context__ = error  # a circle, which wrong code can make
    assert list(causes(error)) == [error, cause, context]
