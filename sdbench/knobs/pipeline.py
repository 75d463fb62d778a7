"""Which pipeline is loaded, and where from: a hub, a folder, a file, built in, or built anew."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Mapping
from pathlib import Path, PureWindowsPath
from typing import Any

from sdbench.errors import IllegalValue
from sdbench.jsontypes import JsonValue
from sdbench.knobs.base import Code, Effect, LoadKnob

BUILTIN_PIPELINES = ("tiny", "emoji", "emoji-int8")
ARCHITECTURES = (
    *("sd15", "sd21", "sdxl", "sd3_medium", "flux1_dev"),
    *("pixart_alpha", "kolors"),
)
"""Published pipelines that can be built with random weights, without a download."""

RANDOM_WEIGHTS = "random"

_CODE_OPTIONS = ("custom_pipeline", "trust_remote_code")
OPTIONS: Mapping[str, tuple[str, ...]] = {
    "id": ("revision", "variant", *_CODE_OPTIONS, "allow_pickle"),
    "path": ("variant", *_CODE_OPTIONS, "allow_pickle"),
    "single_file": ("pipeline_class", "config", "allow_pickle"),
    "builtin": _CODE_OPTIONS,
    "architecture": ("weights", *_CODE_OPTIONS),
    "loaded": (),
}
"""The options that each source takes."""

SOURCES = tuple(OPTIONS)
LOADED = "loaded"
"""A pipeline of this class that a process had in memory (`sdbench.tune`), and that nothing says how
to load again. No suite file has it."""

_WORDS: Mapping[str, tuple[str, ...]] = {
    "builtin": BUILTIN_PIPELINES,
    "architecture": ARCHITECTURES,
    "weights": (RANDOM_WEIGHTS,),
}
_SWITCHES = ("trust_remote_code", "allow_pickle")
_URL_SCHEMES = ("https://", "http://")

LEGAL = (
    "a mapping with one of id (of a hub), path (of a folder), single_file (a checkpoint in one "
    f"file), builtin ({', '.join(BUILTIN_PIPELINES)}) or architecture "
    f"({', '.join(ARCHITECTURES)}; with weights: {RANDOM_WEIGHTS}); or a hub id, or a built-in "
    "name, as a word"
)


class PipelineKnob(LoadKnob):
    name = "pipeline"
    effect = Effect.CONTENT
    summary = "the pipeline (checkpoint) that is loaded"

    def parse(self, raw: JsonValue) -> JsonValue:
        if isinstance(raw, str):
            raw = {"builtin" if raw in BUILTIN_PIPELINES else "id": raw}
            if "id" in raw and "/" not in str(raw["id"]):
                raise IllegalValue(raw["id"], [*BUILTIN_PIPELINES, "owner/name of a hub"])
        if not isinstance(raw, Mapping) or sum(source in raw for source in SOURCES) != 1:
            raise IllegalValue(raw, LEGAL)
        source = _source(raw)
        for key, value in raw.items():
            if key != source and key not in OPTIONS[source]:
                raise IllegalValue(key, [source, *OPTIONS[source]])
            if key in _SWITCHES:
                if not isinstance(value, bool):
                    raise IllegalValue(value, ["true", "false"])
            elif key in _WORDS:
                if value not in _WORDS[key]:
                    raise IllegalValue(value, _WORDS[key])
            elif not isinstance(value, str) or not value:
                raise IllegalValue(value, f"a text for {key}")
            elif key == LOADED and not value.isidentifier():
                raise IllegalValue(value, "the name of a class")
        if source == "architecture" and "weights" not in raw:
            raise IllegalValue(raw, f"an architecture with weights: {RANDOM_WEIGHTS}")
        return {
            key: portable_path(str(raw[key])) if _is_local(key, str(raw[key])) else raw[key]
            for key in sorted(raw)
            if (key, raw[key]) != ("allow_pickle", False)
        }

    def schema(self) -> dict[str, Any]:
        mappings = [
            {
                "type": "object",
                "properties": {key: _schema_of(key) for key in (source, *options)},
                "required": [source, "weights"] if source == "architecture" else [source],
                "additionalProperties": False,
            }
            for source, options in OPTIONS.items()
            if source != LOADED
        ]
        return {"anyOf": [{"type": "string"}, *mappings]}

    def located(self, value: JsonValue, folder: Path) -> JsonValue:
        assert isinstance(value, Mapping)
        return {
            key: absolute_path(str(option), folder) if _is_local(key, str(option)) else option
            for key, option in value.items()
        }

    def text(self, value: JsonValue) -> str:
        if not isinstance(value, Mapping):
            return super().text(value)
        source = _source(value)
        options = [f"{key}={value[key]}" for key in OPTIONS[source] if key in value]
        return f"{value[source]} ({', '.join(options)})" if options else str(value[source])

    def load_arguments(self, value: JsonValue) -> dict[str, Any]:
        """What ``from_pretrained`` or ``from_single_file`` is given beside the source."""
        assert isinstance(value, Mapping)
        source = _source(value)
        unasked = ("allow_pickle", "pipeline_class", "weights")
        arguments = {
            key: value[key] for key in OPTIONS[source] if key in value and key not in unasked
        }
        if source in ("id", "path") and not value.get("allow_pickle"):
            arguments["use_safetensors"] = True
        return arguments

    def code(self, value: JsonValue) -> Code:
        assert isinstance(value, Mapping)
        source = _source(value)
        if source in ("builtin", "architecture"):
            return _code_of_built(value, source)
        name = pipeline_class(value) if source == "single_file" else "DiffusionPipeline"
        method = "from_single_file" if source == "single_file" else "from_pretrained"
        arguments = self.load_arguments(value).items()
        options = (f"{key}={python_literal(option)}" for key, option in arguments)
        return Code(
            imports=(f"from diffusers import {name}",),
            load_function=f"{name}.{method}",
            load_arguments=(python_literal(value[source]), *options),
        )


DEFAULT_PIPELINE_CLASS = "StableDiffusionPipeline"


def pipeline_class(source: Mapping[str, Any]) -> str:
    """The class that reads a single file: as named, or that of Stable Diffusion 1 and 2."""
    return str(source.get("pipeline_class", DEFAULT_PIPELINE_CLASS))


def portable_path(text: str) -> str:
    """A path as written, in a form that is the same on any machine.

    Without detours; a relative one has forward slashes and begins with a dot, so that nothing takes
    it for the id of a hub. One that names a Windows drive stays as it is.
    """
    if PureWindowsPath(text).drive:
        return text
    if not is_relative(text):
        return posixpath.normpath(text)
    normal = posixpath.normpath(text.replace("\\", "/"))
    is_marked = normal.startswith("/") or normal.split("/")[0] in (".", "..")
    return normal if is_marked else f"./{normal}"


def is_relative(text: str) -> bool:
    """Whether a path must be told what it is relative to."""
    return not (text.startswith(("/", "~")) or PureWindowsPath(text).drive)


def expanded(text: str) -> str:
    """A path with the user's folder in place of ``~``; any other text as it is."""
    return str(Path(text).expanduser()) if text.startswith("~") else text


def absolute_path(text: str, folder: Path) -> str:
    """The absolute form of a path that is relative to ``folder``, itself absolute."""
    return os.path.normpath(folder / Path(text).expanduser())


def python_literal(option: JsonValue) -> str:
    """An option as Python has it; what loads files there does not know what ``~`` stands for."""
    return repr(expanded(option) if isinstance(option, str) else option)


def has_relative_path(source: JsonValue) -> bool:
    """Whether a pipeline names a file or folder that must be told what it is relative to."""
    return isinstance(source, Mapping) and any(
        _is_local(key, str(option)) and is_relative(str(option)) for key, option in source.items()
    )


def has_random_weights(source: JsonValue) -> bool:
    """Whether what is loaded draws noise, so that no picture of it can be judged."""
    return isinstance(source, Mapping) and (
        source.get("builtin") == "tiny" or "architecture" in source
    )


def custom_pipeline(source: JsonValue) -> str | None:
    """The custom pipeline that the components are loaded into, or None."""
    return source.get("custom_pipeline") if isinstance(source, Mapping) else None


def is_built(source: JsonValue) -> bool:
    """Whether sdbench makes the components itself, without ``from_pretrained``."""
    return isinstance(source, Mapping) and _source(source) in ("builtin", "architecture")


def is_given(source: JsonValue) -> bool:
    """Whether it is a pipeline that only the process that tuned it had."""
    return isinstance(source, Mapping) and LOADED in source


def runs_code(source: JsonValue) -> bool:
    """Whether loading it runs Python that comes neither with sdbench nor with diffusers."""
    return isinstance(source, Mapping) and any(source.get(option) for option in _CODE_OPTIONS)


def _source(value: Mapping[str, Any]) -> str:
    return next(source for source in SOURCES if source in value)


def _schema_of(key: str) -> dict[str, Any]:
    if key in _SWITCHES:
        return {"type": "boolean"}
    return {"enum": list(_WORDS[key])} if key in _WORDS else {"type": "string"}


def _is_local(key: str, text: str) -> bool:
    """Whether an option names a file or folder of this machine."""
    if key == "path":
        return True
    if key == "single_file":
        return not text.startswith(_URL_SCHEMES)
    if key in ("custom_pipeline", "config"):
        return text.startswith((".", "/", "~")) or text.endswith(".py")
    return False


def _code_of_built(value: Mapping[str, Any], source: str) -> Code:
    module = "builtin" if source == "builtin" else "architectures"
    return Code(
        imports=(f"from sdbench.pipelines.{module} import build_pipeline",),
        load_function="build_pipeline",
        load_arguments=(repr(value[source]),),
    )
