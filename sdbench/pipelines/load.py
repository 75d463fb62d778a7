"""Loading of a diffusers pipeline: from a hub, a folder or a file, built in, or built anew."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sdbench.jsontypes import JsonValue
from sdbench.knobs.base import LoadKnob
from sdbench.knobs.pipeline import LOADED, is_built, is_given, pipeline_class, runs_code
from sdbench.knobs.registry import KNOBS
from sdbench.pipelines.diffusers_pipeline import DiffusersPipeline
from sdbench.pipelines.errors import (
    PICKLE_SUFFIXES,
    SAFE_SUFFIX,
    LoadError,
    code_error,
    explain,
    pickle_error,
)
from sdbench.suite.model import Inputs

__all__ = ["DiffusersLoader", "LoadError"]

_INDEX = "model_index.json"
_OF_FILES = (OSError, ValueError)
"""What diffusers raises for files that it cannot use."""
_OF_CODE = (*_OF_FILES, AttributeError, ImportError, SyntaxError, TypeError)
"""What it raises besides for code that is no pipeline, or is one for other components."""


class DiffusersLoader:
    """Loads diffusers pipelines for one device.

    Args:
        inputs: What they are asked to draw.
        torch_device: Where they run, such as ``cpu`` or ``cuda:0``.
        trust_remote_code: Whether the user allowed code from a model's repository to run.
    """

    def __init__(self, inputs: Inputs, torch_device: str, trust_remote_code: bool) -> None:
        self._inputs = inputs
        self._torch_device = torch_device
        self._trust_remote_code = trust_remote_code

    def load(self, knobs: Mapping[str, JsonValue]) -> DiffusersPipeline:
        """The pipeline with its load knobs turned.

        Raises:
            LoadError: It cannot be found or read, or its code is not trusted.
            Unsupported: A load knob cannot be turned to its value here.
        """
        load_knobs = [knob for knob in KNOBS.values() if isinstance(knob, LoadKnob)]
        arguments: dict[str, Any] = {}
        for knob in load_knobs:
            knob.before_load(knobs[knob.name], self._torch_device)
            arguments.update(knob.load_arguments(knobs[knob.name]))
        source = knobs["pipeline"]
        assert isinstance(source, Mapping)
        if runs_code(source) and not (source.get("trust_remote_code") and self._trust_remote_code):
            raise code_error()
        _require_files(source)
        try:
            pipe = self._from_source(source, arguments, knobs["offload"] == "none")
        except LoadError:
            raise
        except Exception as error:
            explained = explain(error, source)
            if explained is not None:
                raise explained from error
            if isinstance(error, _OF_CODE if "custom_pipeline" in source else _OF_FILES):
                text = KNOBS["pipeline"].text(source)
                raise LoadError(f"{text} cannot be loaded{_hint(source)}: {error}") from error
            raise
        pipe.set_progress_bar_config(disable=True)
        for knob in load_knobs:
            knob.after_load(pipe, knobs[knob.name], self._torch_device)
        return DiffusersPipeline(pipe, self._inputs, self._torch_device)

    def _from_source(
        self, source: Mapping[str, Any], arguments: dict[str, Any], stays_on_device: bool
    ) -> Any:
        if is_built(source):
            return _built(source, arguments, self._torch_device if stays_on_device else "cpu")
        import diffusers

        if "single_file" in source:
            name = pipeline_class(source)
            reader: Any = getattr(diffusers, name, None)
            if not hasattr(reader, "from_single_file"):
                raise LoadError(
                    f"diffusers {diffusers.__version__} reads no single file as {name}: "
                    "`pipeline_class` names a pipeline of it such as StableDiffusionXLPipeline"
                )
            return reader.from_single_file(source["single_file"], **arguments)
        return diffusers.DiffusionPipeline.from_pretrained(
            source.get("id", source.get("path")), **arguments
        )


def _built(source: Mapping[str, Any], arguments: dict[str, Any], torch_device: str) -> Any:
    """A pipeline of sdbench's own, or its components in a custom one."""
    dtype = arguments["dtype"]
    if "builtin" in source:
        from sdbench.pipelines.builtin import build_pipeline

        pipe = build_pipeline(source["builtin"], dtype)
    else:
        from sdbench.pipelines import architectures

        pipe = architectures.build_pipeline(source["architecture"], dtype, torch_device)
    if "custom_pipeline" not in source:
        return pipe
    from diffusers import DiffusionPipeline

    return DiffusionPipeline.from_pipe(
        pipe, custom_pipeline=source["custom_pipeline"], trust_remote_code=True, dtype=dtype
    )


def _hint(source: Mapping[str, Any]) -> str:
    if "single_file" in source and "pipeline_class" not in source:
        return f" as {pipeline_class(source)} (for another, name its class by `pipeline_class`)"
    return ""


def _require_files(source: Mapping[str, Any]) -> None:
    """Refuses what can be told by a look at the files, before anything is read."""
    if is_given(source):
        raise LoadError(
            f"the {source[LOADED]} that was tuned was in memory only, and nothing says how to load "
            "it again: name it by `path` or `id`"
        )
    code = source.get("custom_pipeline", "")
    if code.endswith(".py") and not Path(code).is_file():
        raise LoadError(f"there is no file {code}; `custom_pipeline` names a file or a repository")
    if "path" in source:
        _require_folder(source)
    if "single_file" in source:
        _require_single_file(source)


def _require_folder(source: Mapping[str, Any]) -> None:
    folder = Path(source["path"])
    if not folder.is_dir():
        raise LoadError(f"there is no folder {folder}; `path` names a folder that has a {_INDEX}")
    if not (folder / _INDEX).is_file():
        raise LoadError(
            f"{folder} has no {_INDEX}, so it is no pipeline: name the folder above its models, or "
            "a checkpoint in one file by {single_file: ...}"
        )
    if not source.get("allow_pickle") and any(map(_is_pickled, _components(folder))):
        raise pickle_error(str(folder))


def _components(folder: Path) -> list[Path]:
    """The folders of a pipeline's components."""
    index = json.loads((folder / _INDEX).read_text(encoding="utf-8"))
    return [folder / name for name in index if (folder / name).is_dir()]


def _is_pickled(component: Path) -> bool:
    """Whether a component has weights, and none of them are safetensors."""
    suffixes = {file.suffix for file in component.iterdir()}
    return SAFE_SUFFIX not in suffixes and bool(suffixes & set(PICKLE_SUFFIXES))


def _require_single_file(source: Mapping[str, Any]) -> None:
    name = source["single_file"]
    is_remote = "://" in name
    if not is_remote and not Path(name).is_file():
        raise LoadError(f"there is no file {name}; `single_file` names a checkpoint in one file")
    if not source.get("allow_pickle") and Path(name).suffix in PICKLE_SUFFIXES:
        raise pickle_error(name)
