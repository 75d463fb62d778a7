"""How attention is computed: torch's fused product, the plain one, slices, or a backend."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sdbench.jsontypes import JsonValue
from sdbench.knobs.base import Applied, Choice, Code, SetupKnob, Unsupported

BACKENDS = (
    "native",
    "_native_cudnn",
    "_native_efficient",
    "_native_flash",
    "_native_math",
    "flash",
    "_flash_3",
    "flex",
    "sage",
)
"""Backends of diffusers' attention dispatcher, for models whose processors use it."""


class AttentionKnob(Choice, SetupKnob):
    """``sdpa`` verifies what most pipelines ship; slicing (its own knob) replaces it."""

    name = "attention"
    choices = ("default", "sdpa", "eager", "sliced", "xformers", *BACKENDS)
    neutral = "default"
    summary = "attention implementation, or a backend of diffusers' attention dispatcher"

    def apply(
        self, pipe: Any, value: JsonValue, knobs: Mapping[str, JsonValue], torch_device: str
    ) -> Applied:
        slicing = knobs["attention_slicing"]
        if slicing != "off" and value != "sdpa":
            raise Unsupported(
                f"attention_slicing {slicing} replaces the attention processors, so attention "
                f"{value} would change nothing"
            )
        models = list(attention_models(pipe))
        if not models:
            raise Unsupported(f"{type(pipe).__name__} has no attention processors to set")
        restore = remember_processors(pipe)
        try:
            _set(pipe, models, str(value))
        except Exception:
            restore()
            raise
        return Applied(restore)

    def code(self, value: JsonValue) -> Code:
        match value:
            case "default" | "sdpa":
                return Code()
            case "eager":
                return Code(
                    imports=("from diffusers.models.attention_processor import AttnProcessor",),
                    statements=(
                        "pipe.unet.set_attn_processor(AttnProcessor())",
                        "pipe.vae.set_attn_processor(AttnProcessor())",
                    ),
                )
            case "sliced":
                return Code(statements=("pipe.enable_attention_slicing()",))
            case "xformers":
                return Code(statements=("pipe.enable_xformers_memory_efficient_attention()",))
            case _:
                return Code(statements=(f'pipe.transformer.set_attention_backend("{value}")',))


def attention_models(pipe: Any) -> Iterator[tuple[str, Any]]:
    """The pipeline's components that have attention processors, with their names."""
    for name, component in pipe.components.items():
        if getattr(component, "attn_processors", None):
            yield name, component


def remember_processors(pipe: Any) -> Callable[[], None]:
    """A function that puts every attention processor (and its backend) back as it is now."""
    remembered = [
        (model, dict(model.attn_processors), _backends_of(model))
        for _, model in attention_models(pipe)
    ]

    def restore() -> None:
        for model, processors, backends in remembered:
            model.set_attn_processor(dict(processors))
            for processor, backend in backends:
                processor._attention_backend = backend

    return restore


def _backends_of(model: Any) -> list[tuple[Any, Any]]:
    return [
        (processor, processor._attention_backend)
        for processor in model.attn_processors.values()
        if hasattr(processor, "_attention_backend")
    ]


def processor_names(model: Any) -> set[str]:
    """Class names of a model's attention processors."""
    return {type(processor).__name__ for processor in model.attn_processors.values()}


def _set(pipe: Any, models: list[tuple[str, Any]], value: str) -> None:
    if value == "sdpa":
        for name, model in models:
            plain = {n for n in processor_names(model) if "2_0" not in n}
            if plain and not _backends_of(model):
                raise Unsupported(f"{name} runs {', '.join(sorted(plain))}, not SDPA")
    elif value == "eager":
        _set_eager(models)
    elif value == "sliced":
        slice_attention(pipe, "auto")
    elif value == "xformers":
        if importlib.util.find_spec("xformers") is None:
            raise Unsupported("xformers is not installed")
        try:
            pipe.enable_xformers_memory_efficient_attention()
        except (ValueError, NotImplementedError, RuntimeError) as error:
            raise Unsupported(f"xformers refuses: {error}") from None
    else:
        _set_backend(models, value)


def _set_eager(models: list[tuple[str, Any]]) -> None:
    from diffusers.models.attention_processor import AttnAddedKVProcessor, AttnProcessor

    eager = {"AttnProcessor2_0": AttnProcessor, "AttnAddedKVProcessor2_0": AttnAddedKVProcessor}
    for name, model in models:
        unknown = processor_names(model) - set(eager)
        if unknown:
            raise Unsupported(f"no plain attention for {', '.join(sorted(unknown))} of {name}")
        model.set_attn_processor(
            {
                layer: eager[type(processor).__name__]()
                for layer, processor in model.attn_processors.items()
            }
        )


def _set_backend(models: list[tuple[str, Any]], backend: str) -> None:
    from diffusers.models.attention_dispatch import _AttentionBackendRegistry

    switchable = [model for _, model in models if _backends_of(model)]
    if not switchable:
        names = sorted(set().union(*(processor_names(model) for _, model in models)))
        raise Unsupported(
            f"{', '.join(names)} does not use diffusers' attention dispatcher, so backend "
            f"{backend} would change nothing"
        )
    active = _AttentionBackendRegistry._active_backend
    try:
        for model in switchable:
            model.set_attention_backend(backend)
    except (ValueError, RuntimeError, ImportError) as error:
        raise Unsupported(f"attention backend {backend} is not usable here: {error}") from None
    finally:
        _AttentionBackendRegistry._active_backend = active


def slice_attention(pipe: Any, slice_size: str | int) -> None:
    """Turns attention slicing on and verifies that a sliced processor is in use.

    Raises:
        Unsupported: The pipeline ignores it (FLUX, SD 3, Wan), or the slice is too large.
    """
    try:
        pipe.enable_attention_slicing(slice_size)
    except ValueError as error:
        raise Unsupported(f"attention slices of {slice_size}: {error}") from None
    sliced = {name for _, model in attention_models(pipe) for name in processor_names(model)}
    if not any(name.startswith("Sliced") for name in sliced):
        raise Unsupported(
            f"attention slicing changes nothing on {type(pipe).__name__}: none of its models "
            "takes it"
        )
