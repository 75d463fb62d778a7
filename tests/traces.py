"""Traces made by hand, in one line each."""

from __future__ import annotations

from typing import Any

from sdbench.predict.trace import LOAD_STAGE, Convolution, Event


def begin(storage: int, size_bytes: int, stage: str = "denoiser") -> Event:
    """A storage begins."""
    return Event(storage, size_bytes, False, stage)


def end(storage: int, size_bytes: int, stage: str = "denoiser") -> Event:
    """A storage ends."""
    return Event(storage, size_bytes, True, stage)


def weights(storage: int, size_bytes: int) -> Event:
    """Weights are loaded."""
    return begin(storage, size_bytes, LOAD_STAGE)


def convolution(
    dtype: str = "float16",
    kernel: tuple[int, int] = (3, 3),
    at: int = 0,
    stage: str = "denoiser",
    side: int = 32,
) -> Convolution:
    """16 channels in, as many out."""
    element_bytes = 4 if dtype == "float32" else 2
    shape = (1, 16, side, side)
    values: dict[str, Any] = {
        "input_bytes": 16 * side * side * element_bytes,
        "output_bytes": 16 * side * side * element_bytes,
        "weight_bytes": 16 * 16 * kernel[0] * kernel[1] * element_bytes,
        "input_shape": shape,
        "output_shape": shape,
        "stride": (1, 1),
        "groups": 1,
        "is_transposed": False,
        "is_channels_last": False,
    }
    return Convolution(dtype=dtype, kernel=kernel, at=at, stage=stage, **values)
