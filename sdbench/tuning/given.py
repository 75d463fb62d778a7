"""What a pipeline that the caller has loaded is, in the words of knobs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import DiffusionPipeline

from sdbench.jsontypes import JsonValue
from sdbench.knobs.base import Unsupported
from sdbench.knobs.dtype import TORCH_NAMES
from sdbench.knobs.pipeline import LOADED
from sdbench.knobs.task import Task
from sdbench.pipelines.builtin import EMOJI_FOLDER, build_pipeline
from sdbench.pipelines.digest import content_digest
from sdbench.pipelines.effective import modules
from sdbench.pipelines.tasks import for_task
from sdbench.tuning.errors import CannotTune

_EMOJI_NAMES = ("emoji", "emoji-int8")
"""Built-in pipelines of the same folder: what they hold tells them apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A loaded pipeline.

    Attributes:
        knobs: Values of the knobs that are turned while loading, and of the task.
        torch_device: Where it runs, such as ``cpu`` or ``cuda:0``.
        obstacle: Why it cannot be loaded again, as words after "it"; None where it can.
    """

    knobs: Mapping[str, JsonValue]
    torch_device: str
    obstacle: str | None


def given(pipe: Any) -> Given:
    """What a pipeline is.

    Raises:
        CannotTune: It is no pipeline of diffusers, or its data type is none that sdbench knows.
    """
    if not isinstance(pipe, DiffusionPipeline):
        raise CannotTune(
            f"{type(pipe).__name__} is no pipeline of diffusers: give what from_pretrained "
            "returned, or a folder or the id of a hub"
        )
    dtype = _dtype(pipe)
    source, obstacle = _source(pipe)
    knobs: dict[str, JsonValue] = {
        "pipeline": source,
        "dtype": dtype,
        "offload": _offload(pipe),
        "allocator": "default",
        "compile": _compiled(pipe),
        "task": _task(pipe).value,
    }
    return Given(knobs=knobs, torch_device=_device(pipe), obstacle=obstacle)


def _denoiser(pipe: Any) -> Any:
    return getattr(pipe, "unet", None) or getattr(pipe, "transformer", None)


def _dtype(pipe: Any) -> str:
    denoiser = _denoiser(pipe)
    seen = (denoiser if denoiser is not None else pipe).dtype
    words = {getattr(torch, name): word for word, name in TORCH_NAMES.items()}
    if seen not in words:
        raise CannotTune(
            f"the denoiser of {type(pipe).__name__} computes in {seen}; what is measured computes "
            f"in {', '.join(TORCH_NAMES.values())}"
        )
    return words[seen]


def _source(pipe: Any) -> tuple[dict[str, JsonValue], str | None]:
    """Where it can be loaded from again; or its class, and why it cannot."""
    name = str(pipe.config.get("_name_or_path") or "")
    obstacle = _obstacle(pipe, name)
    if obstacle is None and Path(name) == EMOJI_FOLDER:
        found = next((one for one in _EMOJI_NAMES if _is_built_in(pipe, one)), None)
        if found is not None:
            return {"builtin": found}, None
        obstacle = "holds other weights than the built-in one"
    if obstacle is not None:
        return {LOADED: type(pipe).__name__}, obstacle
    return ({"path": str(Path(name).resolve())} if Path(name).is_dir() else {"id": name}), None


def _obstacle(pipe: Any, name: str) -> str | None:
    kind = type(pipe)
    dtypes = {p.dtype for module in modules(pipe).values() for p in module.parameters()}
    if not name:
        return "does not know where it was loaded from (it was not made by from_pretrained)"
    if not Path(name).is_dir() and name.count("/") != 1:
        return f"was loaded from {name!r}, which is not there"
    if not kind.__module__.startswith("diffusers."):
        return f"is of a class of its own, {kind.__name__}"
    if any(getattr(module, "peft_config", None) for module in modules(pipe).values()):
        return "has adapters loaded"
    if len(dtypes) > 1:
        names = ", ".join(sorted(str(one).removeprefix("torch.") for one in dtypes))
        return f"has weights of several data types ({names})"
    return None


def _is_built_in(pipe: Any, name: str) -> bool:
    built = build_pipeline(name, pipe.unet.dtype)
    built.scheduler = pipe.scheduler
    return content_digest(built) == content_digest(pipe)


def _offload(pipe: Any) -> str:
    """How its weights wait: the ways of one kind cannot be told apart, and need not be."""
    if getattr(pipe, "_all_hooks", None):
        return "model"
    parts = [part for module in modules(pipe).values() for part in module.modules()]
    if any(hasattr(part, "_hf_hook") for part in parts):
        return "sequential"
    registries = (getattr(part, "_diffusers_hook", None) for part in parts)
    if any(registry and registry.get_hook("group_offloading") for registry in registries):
        return "group"
    return "none"


def _compiled(pipe: Any) -> str:
    denoiser = _denoiser(pipe)
    is_compiled = denoiser is not None and (
        denoiser._compiled_call_impl is not None or hasattr(denoiser, "_orig_mod")
    )
    return "default" if is_compiled else "off"


def _task(pipe: Any) -> Task:
    """The task that it does itself; of several, the first."""
    for task in Task:
        try:
            if for_task(pipe, task) is pipe:
                return task
        except Unsupported:
            continue
    return Task.TEXT_TO_IMAGE


def _device(pipe: Any) -> str:
    device = torch.device(pipe._execution_device)
    if device.type == "cuda" and device.index is None:
        return f"cuda:{torch.cuda.current_device()}"
    return str(device)
