"""What can be given up of which configuration, on which device."""

from __future__ import annotations

import math
from typing import Any

import pytest
from factories import PIPELINE

from sdbench.analysis.rungs import PICTURE_LOSS, Rung, Surroundings, rungs
from sdbench.knobs.registry import KNOBS
from sdbench.suite.configuration import Configuration

GPU, CPU = Surroundings("cuda:0"), Surroundings("cpu")


def changes(around: Surroundings, **values: Any) -> list[dict[str, Any]]:
    wanted = Configuration.of({"pipeline": PIPELINE, **values})
    return [dict(rung.change) for rung in rungs(wanted, around)]


def of_dimension(dimension: str, around: Surroundings, **values: Any) -> list[Rung]:
    wanted = Configuration.of({"pipeline": PIPELINE, **values})
    return [rung for rung in rungs(wanted, around) if rung.dimension == dimension]


def test_one_fp32_image_on_a_gpu() -> None:
    assert changes(GPU) == [
        {"dtype": "bf16"},
        {"vae_tiling": "on"},
        {"offload": "model"},
        {"offload": "group"},
        {"offload": "sequential"},
    ]


def test_a_batch_on_a_cpu_has_nowhere_to_be_offloaded_to() -> None:
    assert changes(CPU, batch_size=6) == [
        {"dtype": "bf16"},
        {"vae_slicing": "on"},
        {"vae_tiling": "on"},
        {"batch_size": 3},
        {"batch_size": 1},
    ]


@pytest.mark.parametrize(
    ("around", "expected"),
    [
        (Surroundings("cuda:0"), "bf16"),
        (Surroundings("cuda:0", has_bf16=False), "fp16"),
        (Surroundings("cuda:0", half_dtype="fp16"), "fp16"),
        (Surroundings("cpu", has_bf16=False), "bf16"),
        (Surroundings("cpu", half_dtype="fp16"), "bf16"),
    ],
)
def test_half_precision_is_the_suites_or_the_devices_and_never_fp16_on_a_cpu(
    around: Surroundings, expected: str
) -> None:
    (rung,) = of_dimension("dtype", around)
    assert rung.change == {"dtype": expected}


def test_what_is_given_up_already_is_not_given_up_again() -> None:
    turned = {"dtype": "fp16", "vae_slicing": "on", "vae_tiling": "on", "offload": "group"}
    assert changes(GPU, batch_size=2, **turned) == [
        {"batch_size": 1, "vae_slicing": "off"},
        {"offload": "sequential"},
    ]


def test_tf32_goes_with_fp32() -> None:
    assert changes(GPU, tf32="on")[0] == {"dtype": "bf16", "tf32": "default"}


def test_efficient_attention_is_not_replaced_by_slices() -> None:
    assert of_dimension("attention", GPU) == []
    assert of_dimension("attention", GPU, attention="sdpa") == []


def test_plain_attention_that_was_seen_can_be_sliced() -> None:
    seen = Surroundings("cuda:0", has_plain_attention=True)
    found = [rung.change for rung in of_dimension("attention", seen)]
    assert found == [{"attention_slicing": "auto"}, {"attention_slicing": "max"}]
    assert of_dimension("attention", seen, attention_slicing="max") == []


def test_plain_attention_that_is_asked_for_gives_way_to_the_fused_product_first() -> None:
    found = of_dimension("attention", GPU, attention="eager")
    cheapest = min(found, key=lambda rung: rung.loss)
    assert cheapest.change == {"attention": "default"}
    assert cheapest.level == max(rung.level for rung in found)
    assert {rung.change["attention"] for rung in found} == {"default"}


def test_the_allocator_is_turned_only_where_memory_is_fragmented() -> None:
    assert of_dimension("allocator", GPU) == []
    (rung,) = of_dimension("allocator", Surroundings("cuda:0", is_fragmented=True))
    assert rung.change == {"allocator": "expandable_segments"}
    assert of_dimension("allocator", Surroundings("cpu", is_fragmented=True)) == []


def test_costs_rise_as_people_know_them() -> None:
    by_change = {
        str(next(iter(rung.change.values()))): rung.loss
        for dimension in ("vae_slicing", "dtype", "offload")
        for rung in of_dimension(dimension, GPU, batch_size=2)
    }
    expected = ["on", "bf16", "model", "group", "sequential"]
    assert sorted(by_change, key=by_change.__getitem__) == expected


def test_what_is_expected_to_be_faster_gains_nothing_by_it() -> None:
    """Half precision is faster on a GPU; its loss is that of the picture alone."""
    (rung,) = of_dimension("dtype", GPU)
    assert rung.latency_factor < 1
    assert rung.loss == PICTURE_LOSS
    (slower,) = of_dimension("dtype", CPU)
    assert slower.loss == pytest.approx(math.log(slower.latency_factor) + PICTURE_LOSS)


@pytest.mark.parametrize(
    ("dimension", "stage", "expected"),
    [
        ("dtype", "load", True),
        ("offload", "load", True),
        ("batch_size", "load", False),
        ("batch_size", "denoiser", True),
        ("vae_slicing", "vae_decode", True),
        ("vae_slicing", "denoiser", False),
        ("vae_slicing", None, True),
    ],
)
def test_a_rung_lowers_the_peak_of_some_stages(
    dimension: str, stage: str | None, expected: bool
) -> None:
    (rung, *_) = of_dimension(dimension, GPU, batch_size=2)
    assert rung.lowers(stage) is expected


@pytest.mark.parametrize("around", [GPU, CPU])
def test_every_change_is_legal_and_reads_well(around: Surroundings) -> None:
    wanted = Configuration.of({"pipeline": PIPELINE, "batch_size": 8, "attention": "eager"})
    for rung in rungs(wanted, around):
        for name, value in rung.change.items():
            assert KNOBS[name].parse(value) == value
        assert rung.reason[0].islower()
