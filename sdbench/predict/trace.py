"""What one call of a configuration allocates and frees, in order, told without computing it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

LOAD_STAGE = "load"
"""The stage of weights and buffers, which are there before the call."""


@dataclass(frozen=True, slots=True)
class Event:
    """A storage begins or ends.

    Attributes:
        storage: Number of the storage, counted from 0 in the order of their beginnings. None is
            used twice: a storage that is resized ends, and another begins.
        bytes: Its size, the same at its end as at its beginning; above 0.
        is_free: Whether it ends.
        stage: The stage that it happened in; ``load`` for weights and buffers.
    """

    storage: int
    bytes: int
    is_free: bool
    stage: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Convolution:
    """A convolution, for models of the workspace that a library takes meanwhile.

    Attributes:
        at: Events before its workspace: ``events[:at]`` are over when it is taken, and the last
            of them is the beginning of the convolution's output.
        stage: The stage that it ran in.
        dtype: Data type of its operands as torch names it, such as ``float16``.
        input_bytes: Size of its input.
        output_bytes: Size of its output.
        weight_bytes: Size of its weights.
        input_shape: Batch, channels, and the sides.
        output_shape: Likewise.
        kernel: Sides of the kernel.
        stride: Strides along the sides.
        groups: Groups of channels.
        is_transposed: Whether it is a transposed one.
        is_channels_last: Whether its weights or its input are in channels-last format.
    """

    at: int
    stage: str
    dtype: str
    input_bytes: int
    output_bytes: int
    weight_bytes: int
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    groups: int
    is_transposed: bool
    is_channels_last: bool


@dataclass(frozen=True)
class Trace:
    """What one call allocates and frees.

    Attributes:
        events: In order; those of the weights and buffers first.
        convolutions: In order.
        matmul_at: Events before the first matrix product (as `Convolution.at`), which is when a
            BLAS library takes its workspace; None without any.
        host_bytes: Weights that wait in host memory while the device does not need them.
    """

    events: Sequence[Event]
    convolutions: Sequence[Convolution] = ()
    matmul_at: int | None = None
    host_bytes: int = 0

    @cached_property
    def stage_peak_bytes(self) -> Mapping[str, int]:
        """The most live bytes within each stage, those that were there when it began among them."""
        peaks: dict[str, int] = {}
        live = 0
        stage = None
        for event in self.events:
            if event.stage != stage:
                stage = event.stage
                peaks[stage] = max(peaks.get(stage, 0), live)
            live += -event.bytes if event.is_free else event.bytes
            peaks[stage] = max(peaks[stage], live)
        return MappingProxyType(peaks)

    @property
    def peak_bytes(self) -> int:
        """The most live bytes of the call."""
        return max(self.stage_peak_bytes.values(), default=0)

    @property
    def stage(self) -> str | None:
        """The stage that sets the peak, the first of them where several do; None without any."""
        peaks = self.stage_peak_bytes
        return max(peaks, key=peaks.__getitem__, default=None)
