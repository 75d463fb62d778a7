from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest
import torch
from diffusers import UNet2DConditionModel

from sdbench.devices.cpu import CpuDevice
from sdbench.measure.loading import load_measured
from sdbench.pipelines.builtin import EMOJI_FOLDER
from sdbench.units import MIB


class Loaded:
    def __init__(self, weights: list[torch.Tensor]) -> None:
        self._weights = weights

    def resident(self) -> Iterable[torch.Tensor]:
        return self._weights


class Loader:
    """Loads 8 MB, with 4 MB of scratch; or has all of it before, as from another thread."""

    def __init__(self, unseen: list[torch.Tensor] | None = None) -> None:
        self._unseen = unseen

    def load(self, knobs: Mapping[str, Any]) -> Any:
        if self._unseen is not None:
            return Loaded(self._unseen)
        scratch = torch.empty(1_000_000)
        weights = [torch.empty(1_000_000), torch.empty(1_000_000)]
        assert scratch.numel()
        return Loaded(weights)


def test_the_peak_of_a_load_counts_its_scratch() -> None:
    _, peak = load_measured(Loader(), {}, CpuDevice())
    assert peak.value == 12_000_000


def test_weights_that_came_about_unseen_count_too() -> None:
    weights = [torch.empty(2_000_000)]
    _, peak = load_measured(Loader(weights), {}, CpuDevice())
    assert peak.value == 8_000_000


@pytest.mark.parametrize("is_unseen", [False, True])
def test_a_limit_holds_while_loading(is_unseen: bool) -> None:
    unseen = [torch.empty(2_000_000)] if is_unseen else None
    device = CpuDevice()
    device.limit_memory(7_000_000)
    with pytest.raises(torch.OutOfMemoryError, match="allowed"):
        load_measured(Loader(unseen), {}, device)


class CheckpointLoader:
    def load(self, knobs: Mapping[str, Any]) -> Any:
        return UNet2DConditionModel.from_pretrained(EMOJI_FOLDER / "unet", use_safetensors=True)


def test_a_checkpoint_that_does_not_fit_is_out_of_memory_whatever_libraries_say() -> None:
    """torch makes a ValueError of what is raised while a safetensors file is read."""
    device = CpuDevice()
    device.limit_memory(3 * MIB)
    with pytest.raises(torch.OutOfMemoryError, match="allowed"):
        load_measured(CheckpointLoader(), {}, device)
