"""Loading of a diffusers pipeline: from a hub, a local folder, or built in."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sdbench.errors import SdbenchError
from sdbench.jsontypes import JsonValue
from sdbench.knobs.base import LoadKnob
from sdbench.knobs.registry import KNOBS
from sdbench.pipelines.diffusers_pipeline import DiffusersPipeline
from sdbench.pipelines.inputs import for_task
from sdbench.suite.model import Inputs, Task


class LoadError(SdbenchError):
    """A pipeline that cannot be loaded; the message says what to do."""


class DiffusersLoader:
    """Loads diffusers pipelines for one task and one device.

    Args:
        task: What the pipelines are asked to do.
        inputs: What they are asked to draw.
        torch_device: Where they run, such as ``cpu`` or ``cuda:0``.
        trust_remote_code: Whether the user allowed code from a model's repository to run.
    """

    def __init__(
        self, task: Task, inputs: Inputs, torch_device: str, trust_remote_code: bool
    ) -> None:
        self._task = task
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
            arguments.update(knob.load_arguments(knobs[knob.name]))
        source = knobs["pipeline"]
        assert isinstance(source, Mapping)
        pipe = self._from_source(source, arguments)
        pipe = for_task(pipe, self._task)  # before offloading, whose hooks it would not take over
        pipe.set_progress_bar_config(disable=True)
        for knob in load_knobs:
            knob.after_load(pipe, knobs[knob.name], self._torch_device)
        return DiffusersPipeline(pipe, self._task, self._inputs, self._torch_device)

    def _from_source(self, source: Mapping[str, Any], arguments: dict[str, Any]) -> Any:
        if "builtin" in source:
            module = importlib.import_module(f"sdbench.pipelines.{source['builtin']}")
            return module.build_pipeline(dtype=arguments["dtype"])
        runs_code = source.get("trust_remote_code") or "custom_pipeline" in source
        if runs_code and not (source.get("trust_remote_code") and self._trust_remote_code):
            raise LoadError(
                "this pipeline runs code of its own: that needs `trust_remote_code: true` in the "
                "suite AND `--trust-remote-code` on the command line"
            )
        from diffusers import DiffusionPipeline

        name = source.get("id", source.get("path"))
        if "path" in source and not Path(source["path"]).is_dir():
            raise LoadError(
                f"there is no folder {name}; `path` names a folder that has a model_index.json"
            )
        try:
            return DiffusionPipeline.from_pretrained(name, **arguments)
        except (OSError, ValueError) as error:
            raise LoadError(f"{name} cannot be loaded: {error}") from error
