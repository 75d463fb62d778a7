"""What of a configuration decides how much memory it needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sdbench.jsontypes import JsonValue, canonical_json
from sdbench.knobs.registry import KNOBS
from sdbench.knobs.scheduler import SHORT_NAMES
from sdbench.suite.configuration import Configuration

WITHOUT_EFFECT = frozenset({"scheduler", "steps", "threads", "prompt"})
"""Knobs that decide next to nothing. Most pipelines pad prompts to one length; of the others a
prompt's tokens are few beside the picture's. What most schedulers keep are some latents: less than
0.1 % of the peak of the built-in pipeline emoji, the smallest that draws anything (seven
schedulers), and far less for Stable Diffusion."""

_TOY = {"builtin": "tiny"}
"""Its latents are as large as all else: schedulers move its peak by up to 1.2 %."""

_BROWNIAN = ("DPMSolverSDEScheduler", "CosineDPMSolverMultistepScheduler")
"""Schedulers whose noise comes from torchsde's Brownian tree, which keeps up to 45 tensors of the
latents' shape: 0.7 % of emoji's peak at batch 4 with VAE slicing, 1.1 % of Stable Diffusion's at
batch 8 with sequential offloading."""

_SCHEDULER = "scheduler"
_BATCH = "batch_size"
_GUIDANCE = "guidance_scale"
_GUIDED_SCALE = 2.0
_UNGUIDED_SCALE = 1.0
"""Stand for all scales above 1, at which most pipelines evaluate twice as much, and for those
from above 0 to 1, at which they do not."""


def memory_knobs(configuration: Configuration) -> dict[str, JsonValue]:
    """The configuration that stands for all that need the same memory: one value for every knob."""
    knobs = dict(configuration.knobs)
    for name in WITHOUT_EFFECT:
        if name != _SCHEDULER or not _moves_memory(knobs):
            knobs[name] = KNOBS[name].neutral
    scale: Any = knobs[_GUIDANCE]
    if scale:
        knobs[_GUIDANCE] = _GUIDED_SCALE if scale > 1 else _UNGUIDED_SCALE
    return knobs


def _moves_memory(knobs: Mapping[str, JsonValue]) -> bool:
    """Whether the scheduler does, as few do."""
    name = str(knobs[_SCHEDULER])
    class_name, _ = SHORT_NAMES.get(name, (name, {}))
    return class_name in _BROWNIAN or knobs["pipeline"] == _TOY


def memory_key(configuration: Configuration) -> str:
    """Equal for configurations that need the same memory."""
    return canonical_json(memory_knobs(configuration))


def group_key(configuration: Configuration) -> str:
    """Equal for configurations that need the same memory but for the batch size."""
    knobs = memory_knobs(configuration)
    del knobs[_BATCH]
    return canonical_json(knobs)
