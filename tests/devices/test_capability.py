from __future__ import annotations

import pytest

from sdbench.devices.capability import abilities, has_kernels


@pytest.mark.parametrize(
    ("capability", "expected"),
    [
        ((5, 2), ()),  # GTX 980
        ((6, 1), ("fp16",)),  # GTX 1080
        ((7, 5), ("fp16", "fp16 tensor cores")),  # T4
        ((8, 0), ("fp16", "fp16 tensor cores", "bf16", "TF32", "flash attention")),  # A100
        ((8, 9), ("fp16", "fp16 tensor cores", "bf16", "TF32", "flash attention", "fp8")),  # L4
        ((12, 0), ("fp16", "fp16 tensor cores", "bf16", "TF32", "flash attention", "fp8")),
    ],
)
def test_abilities_come_with_a_generation(
    capability: tuple[int, int], expected: tuple[str, ...]
) -> None:
    assert abilities(capability) == expected


@pytest.mark.parametrize(
    ("capability", "architectures", "expected"),
    [
        ((8, 6), ["sm_80"], True),  # runs on a later minor version
        ((8, 6), ["sm_89"], False),  # but not on an earlier one
        ((9, 0), ["sm_80", "sm_86"], False),  # nor on another major one
        ((9, 0), ["sm_80", "compute_80"], True),  # which compiles what is intermediate
        ((7, 0), ["sm_75", "compute_120"], False),
        ((12, 0), ["sm_90a", "sm_120"], True),
        ((9, 0), ["sm_90a"], True),
        ((8, 0), ["gfx90a"], False),
    ],
)
def test_kernels_run_on_their_own_generation(
    capability: tuple[int, int], architectures: list[str], expected: bool
) -> None:
    assert has_kernels(capability, architectures) is expected
