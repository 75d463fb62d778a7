"""Cells: configurations that share all terms of their latency but the scheduler's own.

    latency = fixed + evaluations(scheduler, steps) x denoiser + steps x (scheduler step + rest)

The fixed part, the denoiser's evaluation and the rest hang on what is loaded and on what is asked
for (data type, attention, batch, size), and on neither scheduler nor steps: that is a cell.
"""

from __future__ import annotations

from collections.abc import Mapping

from sdbench.jsontypes import JsonValue, canonical_json

_WITHIN = ("scheduler", "steps")
"""Knobs in which configurations of one cell differ."""

_LOOP = ("pipeline", "task", "scheduler", "strength")
_GUIDANCE = "guidance_scale"


def cell_key(knobs: Mapping[str, JsonValue]) -> str:
    """Equal for configurations of one cell.

    Guidance costs a second picture, or nothing: how much of it costs no time.
    """
    shared = {name: value for name, value in knobs.items() if name not in _WITHIN}
    if _GUIDANCE in shared:
        shared[_GUIDANCE] = _guidance(knobs)
    return canonical_json(shared)


def sampler_key(knobs: Mapping[str, JsonValue]) -> str:
    """Equal for configurations of one scheduler with the same options."""
    return canonical_json(knobs.get("scheduler"))


def loop_key(knobs: Mapping[str, JsonValue]) -> str:
    """Equal for configurations whose steps take equally many evaluations of the denoiser.

    For the second picture of guidance some pipelines evaluate it once more.
    """
    return canonical_json([*(knobs.get(name) for name in _LOOP), _guidance(knobs)])


def steps_of(knobs: Mapping[str, JsonValue]) -> int | None:
    """Steps that a configuration asks for; None where the pipeline decides, and nothing follows."""
    steps = knobs.get("steps")
    return steps if isinstance(steps, int) else None


def _guidance(knobs: Mapping[str, JsonValue]) -> JsonValue:
    scale = knobs.get(_GUIDANCE)
    return ("on" if scale > 1 else "off") if isinstance(scale, (int, float)) else scale
