"""Random weights, made in place on the device, a tensor at a time.

Their values keep a signal's size from layer to layer, so that every activation is finite in half
precision. Zeros would be finite too, but a GPU that multiplies them draws less power and clocks
higher than with a trained model.
"""

from __future__ import annotations

import math

import torch

_SEED = 0
_BLOCK_LENGTH = 1_000_003
"""How many numbers are drawn; a prime, so that a matrix's rows do not repeat with them."""


def fill_with_noise(model: torch.nn.Module, dtype: torch.dtype, torch_device: str) -> None:
    """Give the parameters of an empty model values, and bring its buffers to the device.

    Args:
        model: Its parameters lie on the meta device. Shared ones stay shared.
        dtype: Data type of parameters and of buffers that are not integers. Parameters that the
            model's class keeps in fp32 when fp16 is asked for are in fp32, as with a checkpoint.
        torch_device: Where the values are made.
    """
    noise = _Noise(torch_device)
    kept = kept_in_fp32(model) if dtype == torch.float16 else frozenset()
    made: dict[int, torch.nn.Parameter] = {}
    for path, module in model.named_modules():
        own = torch.float32 if kept.intersection(path.split(".")) else dtype
        for name, empty in module.named_parameters(recurse=False):
            if id(empty) not in made:
                values = torch.empty(empty.shape, dtype=own, device=torch_device)
                _fill(values, name, noise)
                made[id(empty)] = torch.nn.Parameter(values, requires_grad=empty.requires_grad)
            module._parameters[name] = made[id(empty)]
        for name, buffer in module.named_buffers(recurse=False):
            new = dtype if buffer.is_floating_point() else buffer.dtype
            module._buffers[name] = buffer.to(torch_device, new)


def kept_in_fp32(model: torch.nn.Module) -> frozenset[str]:
    """Names of submodules that are not loaded in fp16, such as ``wo`` of T5."""
    return frozenset(getattr(model, "_keep_in_fp32_modules", None) or ())


def _fill(values: torch.Tensor, name: str, noise: _Noise) -> None:
    """Biases 0, scales of norms and thresholds 1, all else noise that keeps a signal's size."""
    if values.ndim < 2:
        values.fill_(0 if name.endswith("bias") else 1)
    else:
        fan_in = values.numel() // len(values)
        noise.fill(values, 1 / math.sqrt(fan_in))


class _Noise:
    """A block of uniform noise of deviation 1, read round and round.

    On a CPU, drawing each number of a large model would take longer than all else of its building.
    """

    def __init__(self, torch_device: str) -> None:
        generator = torch.Generator().manual_seed(_SEED)
        half_width = math.sqrt(3)  # a uniform distribution from -sqrt(3) to sqrt(3) has deviation 1
        block = torch.empty(_BLOCK_LENGTH).uniform_(-half_width, half_width, generator=generator)
        self._block = block.to(torch_device)
        self._position = 0

    def fill(self, values: torch.Tensor, deviation: float) -> None:
        flat = values.view(-1)
        start = 0
        while start < len(flat):
            count = min(len(flat) - start, _BLOCK_LENGTH - self._position)
            piece = self._block[self._position : self._position + count]
            torch.mul(piece, deviation, out=flat[start : start + count])
            start += count
            self._position = (self._position + count) % _BLOCK_LENGTH
