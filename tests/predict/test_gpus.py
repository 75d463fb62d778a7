from __future__ import annotations

import pytest

from sdbench.errors import IllegalValue
from sdbench.predict.gpus import gpu_named, gpus, target_for
from sdbench.units import GIB, MIB


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Tesla T4", "Tesla T4"),
        ("t4", "Tesla T4"),
        ("A100-80GB", "A100 80GB"),
        ("NVIDIA A100-SXM4-80GB", "A100 80GB"),
        ("NVIDIA A100 80GB PCIe", "A100 80GB"),
        ("NVIDIA A100-PCIE-40GB", "A100 40GB"),
        ("NVIDIA H100 80GB HBM3", "H100"),
        ("NVIDIA H100 PCIe", "H100 PCIe"),
        ("RTX 3090", "GeForce RTX 3090"),
        ("rtx3090", "GeForce RTX 3090"),
        ("NVIDIA GeForce RTX 3090 Ti", "GeForce RTX 3090 Ti"),
        ("RTX 3080-10GB", "GeForce RTX 3080"),
        ("NVIDIA RTX A6000", "RTX A6000"),
        ("NVIDIA A10G", "A10"),
        ("NVIDIA L40S", "L40S"),
        ("NVIDIA L4", "L4"),
        ("Tesla P100-PCIE-16GB", "Tesla P100 16GB"),
        ("Tesla V100-SXM2-32GB", "Tesla V100 32GB"),
        ("Quadro RTX 8000", "Quadro RTX 8000"),
    ],
)
def test_names_as_nvml_and_people_write_them(name: str, expected: str) -> None:
    assert gpu_named(name).name == expected


@pytest.mark.parametrize("name", ["A100", "V100", "RTX 3090 48GB", "GeForce 256", "", "cpu"])
def test_an_unknown_or_ambiguous_name_is_answered_with_the_known_ones(name: str) -> None:
    with pytest.raises(IllegalValue, match="Tesla T4"):
        gpu_named(name)


def test_every_gpu_is_found_by_its_own_name_and_has_less_memory_than_its_box_says() -> None:
    for gpu in gpus():
        assert gpu_named(gpu.name) is gpu
        assert 0.9 * gpu.memory_gb * 10**9 < gpu.usable_bytes < gpu.memory_gb * GIB
        assert 0 < gpu.context_bytes < GIB
        assert gpu.source


def test_a_target_is_limited_by_its_gpu_and_by_what_the_user_allows() -> None:
    whole = target_for("RTX 3090")
    assert (whole.compute_capability, whole.limit_bytes) == ((8, 6), 24248 * MIB)
    assert target_for("RTX 3090", 8 * GIB).limit_bytes == 8 * GIB
    assert target_for("RTX 3090", 80 * GIB).limit_bytes == 24248 * MIB


def test_a_limit_alone_stands_for_a_gpu_of_that_memory() -> None:
    target = target_for(None, 8 * GIB)
    assert (target.name, target.compute_capability) == ("an Ampere GPU", (8, 0))
    assert target.limit_bytes == 8 * GIB
    assert target_for(None).limit_bytes is None


def test_the_cpu_has_neither_context_nor_limit_of_its_own() -> None:
    target = target_for("cpu", None)
    assert (target.compute_capability, target.context_bytes, target.limit_bytes) == (None, 0, None)
