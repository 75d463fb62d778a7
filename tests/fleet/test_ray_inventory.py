from __future__ import annotations

from typing import Any

import pytest

from sdbench.errors import IllegalValue
from sdbench.fleet.inventory import FleetGpu, choose, kind_of, wanted_kinds
from sdbench.units import GIB


def gpu(name: str = "Tesla T4", **values: Any) -> FleetGpu:
    told = {"node": "10.0.0.1", "memory_bytes": 15 * GIB, "driver": "570.1", "mig": False}
    return FleetGpu(name=name, **{**told, **values})


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("NVIDIA L4", "L4"),
        ("Tesla T4", "Tesla T4"),
        ("NVIDIA A100-SXM4-80GB", "A100 80GB"),
        ("a GPU of tomorrow", "a GPU of tomorrow"),
    ],
)
def test_a_kind_is_known_however_its_name_is_written(name: str, kind: str) -> None:
    assert kind_of(name) == kind


def test_words_for_one_kind_are_one() -> None:
    assert wanted_kinds(["T4", "A100-80GB", "Tesla T4"]) == ("Tesla T4", "A100 80GB")


def test_an_unknown_kind_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(IllegalValue, match=r"'T44' is not legal: .*Tesla T4"):
        wanted_kinds(["T44"])


def test_every_kind_of_the_cluster_is_chosen_where_none_is_named() -> None:
    choice = choose([gpu(), gpu("NVIDIA L4"), gpu()], ())

    assert choice.groups == {"Tesla T4": (0, 2), "L4": (1,)}
    assert (choice.missing, choice.notes) == ((), ())


def test_a_kind_that_nobody_has_is_missing() -> None:
    choice = choose([gpu()], ("Tesla T4", "L4"))

    assert choice.groups == {"Tesla T4": (0,)}
    assert choice.missing == ("L4",)


def test_of_unequal_gpus_of_one_kind_the_most_that_are_equal_are_chosen() -> None:
    choice = choose([gpu(driver="550.2"), gpu(), gpu(node="10.0.0.2")], ("Tesla T4",))

    assert choice.groups == {"Tesla T4": (1, 2)}
    assert choice.notes == (
        "10.0.0.1: Tesla T4, 15.0 GiB, driver 550.2: left out, it differs in memory, driver or "
        "power limit from 10.0.0.1: Tesla T4, 15.0 GiB, driver 570.1",
    )


def test_a_divided_gpu_is_left_out_with_the_reason() -> None:
    divided = gpu(mig=True, problem="it is divided into instances (MIG), so it is no whole GPU")

    choice = choose([divided], ("Tesla T4",))

    assert choice.missing == ("Tesla T4",)
    assert choice.notes == (
        "10.0.0.1: Tesla T4, 15.0 GiB, driver 570.1: left out, it is divided into instances "
        "(MIG), so it is no whole GPU",
    )
