from __future__ import annotations

import pytest
from traces import convolution

from sdbench.predict.workspaces import FITTED, blas_bytes
from sdbench.units import MIB


@pytest.mark.parametrize(
    ("capability", "size_mib"), [((6, 1), 8.125), ((8, 9), 8.125), ((9, 0), 32), ((12, 0), 32)]
)
def test_cublas_takes_more_from_hopper_on(capability: tuple[int, int], size_mib: float) -> None:
    assert blas_bytes(capability) == size_mib * MIB


@pytest.mark.parametrize(
    ("capability", "dtype", "expected"),
    [
        # Input and output are 32 KiB each in half precision, 64 KiB each in single.
        ((8, 0), "float16", 65536),
        ((8, 6), "bfloat16", 65536),
        ((8, 0), "float32", 65536),
        ((7, 5), "float16", 65536),
        ((7, 5), "float32", 0),
        ((9, 0), "float16", 65536),
        # Twice 64 KiB, and 136 bytes for each of 16 x 16 filters.
        ((6, 0), "float16", 131072 + 34816),
        ((6, 1), "float32", 0),
        ((5, 2), "float16", 131072 + 34816),
    ],
)
def test_a_convolutions_workspace_depends_on_architecture_and_precision(
    capability: tuple[int, int], dtype: str, expected: int
) -> None:
    assert FITTED.convolution_bytes(convolution(dtype), capability) == expected


def test_a_convolution_of_one_pixel_is_a_matrix_product_and_takes_none() -> None:
    assert FITTED.convolution_bytes(convolution(kernel=(1, 1)), (6, 0)) == 0


def test_winograd_transforms_filters_of_3x3_alone() -> None:
    assert FITTED.convolution_bytes(convolution(kernel=(5, 5)), (6, 0)) == 131072


def test_one_ratio_can_be_changed_and_then_counts_as_fitted() -> None:
    index = FITTED.index_of((9, 0))
    changed = FITTED.with_ratio(index, is_half=True, ratio=0.5)
    assert changed.convolution_bytes(convolution(), (9, 0)) == 32768
    assert changed.architectures[index].half.is_fitted
    assert not FITTED.architectures[index].half.is_fitted
    assert changed.convolution_bytes(convolution(), (8, 0)) == 65536
