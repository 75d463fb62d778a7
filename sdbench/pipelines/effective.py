"""What of a pipeline is really in use, as opposed to what was asked for."""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch

from sdbench.knobs.attention import attention_models


def effective_state(pipe: Any) -> dict[str, Any]:
    """Classes, options and flags of a pipeline, as JSON can hold them.

    Equal before and after a configuration if and only if its settings were taken back.
    """
    return {
        "pipeline_class": type(pipe).__name__,
        "scheduler": {
            "class": type(pipe.scheduler).__name__,
            "config": {
                name: value
                for name, value in sorted(pipe.scheduler.config.items())
                if isinstance(value, (bool, int, float, str)) and not name.startswith("_")
            },
        },
        "attention_processors": {
            name: dict(
                sorted(Counter(_processor_text(p) for p in model.attn_processors.values()).items())
            )
            for name, model in attention_models(pipe)
        },
        "dtypes": {name: _dtype_text(module) for name, module in modules(pipe).items()},
        "compiled": [
            name for name, module in modules(pipe).items() if module._compiled_call_impl is not None
        ],
        "memory_formats": {
            name: "channels_last"
            for name, module in modules(pipe).items()
            if any(_is_channels_last(p) for p in module.parameters())
        },
        "vae": {
            flag: value
            for flag in ("use_slicing", "use_tiling")
            if (value := getattr(getattr(pipe, "vae", None), flag, None)) is not None
        },
        "threads": torch.get_num_threads(),
        "tf32": {
            "matmul": torch.backends.cuda.matmul.allow_tf32,
            "cudnn": torch.backends.cudnn.allow_tf32,
        },
    }


def modules(pipe: Any) -> dict[str, torch.nn.Module]:
    """The components of a pipeline that hold weights, by name."""
    return {
        name: component
        for name, component in pipe.components.items()
        if isinstance(component, torch.nn.Module)
    }


def _processor_text(processor: Any) -> str:
    backend = getattr(processor, "_attention_backend", None)
    slice_size = getattr(processor, "slice_size", None)
    details = [str(getattr(backend, "value", backend))] if backend is not None else []
    details += [f"slice_size={slice_size}"] if slice_size is not None else []
    name = type(processor).__name__
    return f"{name}({', '.join(details)})" if details else name


def _dtype_text(module: torch.nn.Module) -> str:
    found = {str(p.dtype).removeprefix("torch.") for p in module.parameters()}
    return "+".join(sorted(found)) or "none"


def _is_channels_last(parameter: torch.Tensor) -> bool:
    return (
        parameter.dim() == 4
        and not parameter.is_contiguous()
        and parameter.is_contiguous(memory_format=torch.channels_last)
    )
