"""What is swept where the caller does not say: a sensible handful."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

from sdbench.jsontypes import JsonValue
from sdbench.knobs.scheduler import SHORT_NAMES

FAST_SCHEDULERS = ("dpmpp_2m", "unipc", "euler")
"""Good in few steps without noise of their own, so that a fidelity can be told. They begin at the
first timestep (trailing); what most pipelines ship begins later, and draws another picture."""

MOST_SCHEDULERS = 3
"""With the one that the pipeline ships."""

STEPS = (10, 20, 30)
BATCH_SIZES = (1, 4)

GPU_DTYPES = ("fp16", "bf16")
"""Swept by workers on a GPU; the default configuration, in fp32, is measured besides."""


def default_sweep(
    pipe: Any, *, saves_memory: bool, fixed: Container[str], dtypes: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Axes and added configurations, as a suite would write them.

    Slicing and tiling take time to save memory, so they are swept only where it is limited.

    Args:
        pipe: The loaded pipeline; None where only its name is known.
        saves_memory: Whether memory is limited.
        fixed: Knobs that are not to be swept.
        dtypes: Data types to sweep.
    """
    axes: dict[str, list[JsonValue]] = {
        "dtype": list(dtypes),
        "scheduler": _schedulers(pipe),
        "steps": list(STEPS),
        "batch_size": list(BATCH_SIZES),
    }
    axes = {name: values for name, values in axes.items() if values and name not in fixed}
    savers = {
        name: value
        for name, value in (_savers(pipe) if saves_memory else {}).items()
        if name not in fixed
    }
    include = []
    if savers:
        slices = {name: value for name, value in savers.items() if name == "vae_slicing"}
        whole = {name: value for name, value in savers.items() if name != "vae_slicing"}
        singly = [size for size in axes.get("batch_size", []) if size == 1]
        batches = [size for size in axes.get("batch_size", []) if size != 1]
        if whole:
            include.append({**axes, **({"batch_size": singly} if singly else {}), **whole})
        if batches:
            include.append({**axes, "batch_size": batches, **whole, **slices})
            if whole and slices:
                include.append({**axes, "batch_size": batches, **slices})
    return {"axes": axes, "include": include}


def _schedulers(pipe: Any) -> list[JsonValue]:
    if pipe is None:
        return ["default", *map(_trailing, FAST_SCHEDULERS[: MOST_SCHEDULERS - 1])]
    shipped = pipe.scheduler
    compatible = {one.__name__ for one in getattr(shipped, "compatibles", ())}
    others = [
        name
        for name in FAST_SCHEDULERS
        if SHORT_NAMES[name][0] in compatible and SHORT_NAMES[name][0] != type(shipped).__name__
    ]
    return ["default", *map(_trailing, others[: MOST_SCHEDULERS - 1])] if others else []


def _trailing(name: str) -> JsonValue:
    return {"name": name, "timestep_spacing": "trailing"}


def _savers(pipe: Any) -> Mapping[str, JsonValue]:
    """What saves memory on this pipeline, as far as can be seen; all of it where nothing can."""
    if pipe is None:
        return {"attention_slicing": "auto", "vae_slicing": "on"}
    savers: dict[str, JsonValue] = {}
    if hasattr(getattr(pipe, "unet", None), "set_attention_slice"):
        savers["attention_slicing"] = "auto"
    vae = getattr(pipe, "vae", None)
    if getattr(vae, "use_slicing", None) is False:
        savers["vae_slicing"] = "on"
    if getattr(vae, "use_tiling", None) is False and _is_larger_than_a_tile(pipe):
        savers["vae_tiling"] = "on"
    return savers


def _is_larger_than_a_tile(pipe: Any) -> bool:
    """Whether images of the pipeline's own size are decoded in several tiles."""
    side = getattr(pipe, "default_sample_size", None)
    tile = getattr(pipe.vae, "tile_latent_min_size", None)
    return isinstance(side, int) and isinstance(tile, (int, float)) and side > tile
