"""What NVIDIA's libraries take of a device's memory while they compute, beside the tensors.

cuBLAS takes one block at its first matrix product and keeps it. cuDNN takes one for each
convolution and gives it back: its kernels for tensor cores want channels last, so that they copy
input and output; Winograd's transform filters. torch asks both for memory of its own allocator, so
it counts as allocated. How much cuDNN takes is nowhere documented: it is a model, fitted.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, replace

from sdbench.predict.target import Capability
from sdbench.predict.trace import Convolution
from sdbench.units import KIB

PASCAL: Capability = (6, 0)
VOLTA: Capability = (7, 0)
AMPERE: Capability = (8, 0)
ADA: Capability = (8, 9)
HOPPER: Capability = (9, 0)

HALF = ("float16", "bfloat16")
_WINOGRAD_KERNEL = (3, 3)


def blas_bytes(capability: Capability) -> int:
    """Workspace of cuBLAS: torch's default for ``CUBLAS_WORKSPACE_CONFIG``.

    ``:4096:2:16:8`` is 2 blocks of 4096 KiB and 8 of 16 KiB; from Hopper on ``:4096:8``
    (aten/src/ATen/cuda/CublasHandlePool.cpp).
    """
    if capability >= HOPPER:
        return 8 * 4096 * KIB
    return 2 * 4096 * KIB + 8 * 16 * KIB


@dataclass(frozen=True, slots=True)
class ConvolutionWorkspace:
    """What cuDNN takes for a convolution whose kernel is larger than one pixel.

    Channels last takes none of it where cuDNN finds the whole model in it; no published figure
    says so, and normalisation in between undoes it, so none is deducted.

    Attributes:
        ratio: Workspace as a multiple of input and output.
        filter_bytes: What comes on top for each pair of channels of a kernel of 3x3: the filters
            as Winograd's convolution transforms them.
        is_fitted: Whether published figures of such devices were there to fit it; otherwise it is
            assumed to be as on the nearest architecture that had some.
    """

    ratio: float
    filter_bytes: int = 0
    is_fitted: bool = False

    def bytes_of(self, convolution: Convolution) -> int:
        """Workspace of one convolution."""
        if math.prod(convolution.kernel) == 1:
            return 0
        size = self.ratio * (convolution.input_bytes + convolution.output_bytes)
        if convolution.kernel == _WINOGRAD_KERNEL:
            size += self.filter_bytes * _filters(convolution)
        return int(size)


def _filters(convolution: Convolution) -> int:
    """Pairs of an input and an output channel."""
    return convolution.input_shape[1] * convolution.output_shape[1] // convolution.groups


@dataclass(frozen=True, slots=True)
class Architecture:
    """Workspaces of the devices of a compute capability, and of later ones up to the next entry.

    Attributes:
        since: The first compute capability.
        half: Of convolutions in fp16 and bf16.
        single: Of convolutions in fp32.
    """

    since: Capability
    half: ConvolutionWorkspace
    single: ConvolutionWorkspace


@dataclass(frozen=True, slots=True)
class Workspaces:
    """Workspaces by architecture, ascending; those before the first are as the first."""

    architectures: tuple[Architecture, ...]

    def index_of(self, capability: Capability) -> int:
        """Which of the architectures a device belongs to."""
        since = [each.since for each in self.architectures]
        return max(bisect_right(since, capability) - 1, 0)

    def with_ratio(self, index: int, is_half: bool, ratio: float) -> Workspaces:
        """The same, but for one architecture's ratio of one precision, which now is fitted."""
        changed = self.architectures[index]
        if is_half:
            changed = replace(changed, half=replace(changed.half, ratio=ratio, is_fitted=True))
        else:
            changed = replace(changed, single=replace(changed.single, ratio=ratio, is_fitted=True))
        return Workspaces((*self.architectures[:index], changed, *self.architectures[index + 1 :]))

    def convolution_bytes(self, convolution: Convolution, capability: Capability) -> int:
        """Workspace of a convolution."""
        architecture = self.architectures[self.index_of(capability)]
        used = architecture.half if convolution.dtype in HALF else architecture.single
        return used.bytes_of(convolution)


FITTED = Workspaces(
    (
        Architecture(
            PASCAL,
            half=ConvolutionWorkspace(2.0, filter_bytes=136, is_fitted=True),
            single=ConvolutionWorkspace(0.0, is_fitted=True),
        ),
        Architecture(VOLTA, half=ConvolutionWorkspace(1.0), single=ConvolutionWorkspace(0.0)),
        Architecture(
            AMPERE,
            half=ConvolutionWorkspace(1.0, is_fitted=True),
            single=ConvolutionWorkspace(0.5, is_fitted=True),
        ),
        Architecture(ADA, half=ConvolutionWorkspace(1.0), single=ConvolutionWorkspace(0.5)),
    )
)
"""Fitted on torch.cuda.max_memory_allocated of these rows of benchmarks/data/published_memory.csv:

- Pascal, half: SD 1.4 at 512x512 on Tesla P100 and GTX 1070, 3519.1 MiB, where the VAE sets the
  peak, and with model offloading 2707.8 MiB, where the denoiser does: its filters are the largest.
  136 bytes would be a tile of 4x4 in fp32 and one of 6x6 in fp16;
- Pascal, single (the VAE of SDXL): SDXL at 512x512 on Tesla P100, 7662.6 MiB;
- Ampere, half: SD 1.5 at 512x512 on RTX 3090 and A800, 2.62 GiB;
- Ampere, single, which is TF32: SDXL at 1024x1024 on RTX 3090 and A800, 10.47 GiB.

Assumed: Volta and Turing have tensor cores for half precision as Ampere has, and none for single.
Ada, Hopper and Blackwell are as Ampere.
"""
