"""What all stages of the training share: a loss, averages, the learning rate, and a report."""

from __future__ import annotations

import copy
import math
import time
from typing import Any

import torch
from torch import Tensor, nn


def gradient_loss(drawn: Tensor, wanted: Tensor) -> Tensor:
    """Mean absolute error of the differences of neighbouring pixels, both ways."""
    error = drawn - wanted
    return error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()


class Average:
    """An exponential moving average of a model's parameters that warms up."""

    def __init__(self, model: Any, decay: float = 0.998) -> None:
        self.model = copy.deepcopy(model).eval()
        self._decay = decay

    def update(self, model: nn.Module, step: int) -> None:
        """Takes in the parameters after a step."""
        decay = min(self._decay, (1 + step) / (10 + step))
        pairs = zip(self.model.parameters(), model.parameters(), strict=True)
        with torch.no_grad():
            for kept, new in pairs:
                kept.lerp_(new, 1 - decay)


def cosine(optimizer: torch.optim.Optimizer, steps: int, warmup: int = 100) -> Any:
    """A short linear rise, then half a cosine down to nothing."""
    return torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: min(1.0, (step + 1) / warmup) * 0.5 * (1 + math.cos(math.pi * step / steps)),
    )


def parameters(model: nn.Module) -> int:
    """How many numbers a model has."""
    return sum(parameter.numel() for parameter in model.parameters())


def report(stage: str, step: int, steps: int, loss: Tensor, started: float) -> None:
    """A line every hundred steps."""
    if (step + 1) % 100 == 0:
        seconds = time.perf_counter() - started
        print(f"{stage} {step + 1}/{steps}: loss {float(loss):.4f}, {seconds:.0f} s", flush=True)
