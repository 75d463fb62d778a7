"""Plants changes into diffusers, in each Python that has this folder on its PYTHONPATH.

Python imports a module of this name as it starts. Which configuration meets with which change
stands in the variable SDBENCH_PLANTED: {"3.05": {"kind": "loop", "share": 0.05}}, by guidance
scale. Classes are changed as diffusers' modules are imported, so that whatever looks at them later
sees nothing else; neither sdbench nor the other side's processes have any of it.
"""

from __future__ import annotations

import functools
import importlib.abc
import importlib.machinery
import json
import os
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

VARIABLE = "SDBENCH_PLANTED"

_LOOP_ADDITIONS = 1000
"""Additions in a unit of the busy loop, and bytes in one of copying: tens of microseconds each."""
_COPIED_BYTES = 512 * 1024

Patch = Callable[[ModuleType, Any], None]


def _plant_call(module: ModuleType, planted: Any) -> None:
    from planted import LEAK

    original = module.StableDiffusionPipeline.__call__
    leaked: dict[float, list[Any]] = {}

    @functools.wraps(original)
    def __call__(self: Any, *args: Any, **kwargs: Any) -> Any:
        guidance_scale = kwargs.get("guidance_scale", 0.0)
        with planted.call(guidance_scale) as change:
            if change is not None and change.kind == LEAK:
                import torch

                block = torch.empty(change.size_bytes, dtype=torch.uint8)
                leaked.setdefault(guidance_scale, []).append(block)
            else:
                # Other configurations are measured in the same process, and have no leak.
                leaked.clear()
            return original(self, *args, **kwargs)

    module.StableDiffusionPipeline.__call__ = __call__


def _plant_loop(module: ModuleType, planted: Any) -> None:
    from planted import LOOP

    original = module.EulerDiscreteScheduler.step

    @functools.wraps(original)
    def step(self: Any, *args: Any, **kwargs: Any) -> Any:
        planted.visit(LOOP, lambda: sum(range(_LOOP_ADDITIONS)))
        return original(self, *args, **kwargs)

    module.EulerDiscreteScheduler.step = step


def _plant_block(module: ModuleType, planted: Any) -> None:
    from planted import BLOCK

    original = module.UNetMidBlock2DCrossAttn.forward

    @functools.wraps(original)
    def forward(self: Any, hidden_states: Any, *args: Any, **kwargs: Any) -> Any:
        planted.visit(BLOCK, lambda: self.resnets[0].conv1(hidden_states))
        return original(self, hidden_states, *args, **kwargs)

    module.UNetMidBlock2DCrossAttn.forward = forward


def _plant_copy(module: ModuleType, planted: Any) -> None:
    from planted import COPY

    original = module.AutoencoderKL.decode

    @functools.cache
    def tensors() -> tuple[Any, Any]:
        """Made when a call needs them: torch's threads would not survive the fork of a worker."""
        import torch

        source = torch.zeros(_COPIED_BYTES, dtype=torch.uint8)
        return source, torch.zeros_like(source)

    @functools.wraps(original)
    def decode(self: Any, *args: Any, **kwargs: Any) -> Any:
        source, target = tensors()
        planted.visit(COPY, lambda: target.copy_(source))
        return original(self, *args, **kwargs)

    module.AutoencoderKL.decode = decode


PATCHES: dict[str, Patch] = {
    "diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion": _plant_call,
    "diffusers.schedulers.scheduling_euler_discrete": _plant_loop,
    "diffusers.models.unets.unet_2d_blocks": _plant_block,
    "diffusers.models.autoencoders.autoencoder_kl": _plant_copy,
}


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the modules that are to be changed, and changes them once they are executed."""

    def __init__(self, planted: Any) -> None:
        self._planted = planted

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        patch = PATCHES.get(name)
        if patch is None:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            execute(module)
            patch(module, self._planted)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def install(text: str) -> None:
    """Makes imports from now on plant what a text of the variable's form says."""
    from planted import Change, Planted

    changes = {float(scale): Change(**change) for scale, change in json.loads(text).items()}
    sys.meta_path.insert(0, _Finder(Planted(changes)))


if VARIABLE in os.environ:
    install(os.environ[VARIABLE])
