"""A suite from what a caller gives in Python: the same sections, words and errors as in a file."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, is_dataclass, replace
from pathlib import Path
from typing import Any

from sdbench.jsontypes import JsonValue
from sdbench.knobs.base import Cost
from sdbench.knobs.pipeline import SOURCES
from sdbench.knobs.registry import KNOBS
from sdbench.suite.load import load_suite, suite_from_mapping
from sdbench.suite.located import located
from sdbench.suite.model import Axis, FidelityProtocol, Limits, Objective, Protocol, Suite
from sdbench.tuning.errors import CannotTune

QUICK = {"max_samples": 10, "time_budget": "20s"}
"""How configurations are measured where the caller does not say: enough samples for an interval of
95 % confidence, and no more than a person who waits bears."""

CHEAP = {"reference_steps": 50}
"""How fidelity is measured where the caller does not say: half of a suite's steps for the
reference, which is refused where so few have not converged."""

_SECTIONS = ("limits", "objective", "measure", "fidelity")
_LIMIT_FIELDS = {"memory": "memory_bytes", "latency": "latency_s", "headroom": "headroom_ratio"}
"""Fields of the limits that are called otherwise in a suite."""

_LONGEST_NAME = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The arguments of `sdbench.tune` that make a suite; None where one was not given."""

    prompt: str | Sequence[str] | None = None
    limits: Limits | Mapping[str, Any] | None = None
    objective: Objective | Mapping[str, Any] | str | None = None
    axes: Mapping[str, Sequence[JsonValue]] | None = None
    fixed: Mapping[str, JsonValue] | None = None
    measure: Protocol | Mapping[str, Any] | None = None
    fidelity: FidelityProtocol | Mapping[str, Any] | bool | None = True
    suite: Suite | str | os.PathLike[str] | None = None

    def parsed(self, pipeline: JsonValue, sweep: Mapping[str, Any] | None = None) -> Suite:
        """The suite of what was given, and of the defaults of this module.

        Args:
            pipeline: The pipeline, as a suite would write it.
            sweep: Axes and added configurations, where the caller has given no axes.

        Raises:
            SuiteError: A key or value is not legal; the message names the legal ones.
        """
        sections = {
            "name": _name(pipeline),
            "pipeline": pipeline,
            "fixed": dict(self.fixed) if isinstance(self.fixed, Mapping) else self.fixed or {},
            "axes": _listed_axes(self.axes),
            **(sweep or {}),
        }
        if self.prompt is not None:
            sections["inputs"] = {"prompts": _listed(self.prompt)}
        objects = {}
        for name in _SECTIONS:
            given = self._section(name)
            if is_dataclass(given):
                objects[name] = given
            elif given is not None:
                sections[name] = given
        suite = located(suite_from_mapping(sections, Path.cwd()))
        return replace(suite, **objects)  # type: ignore[arg-type]

    def over(self, base: Suite, parsed: Suite) -> Suite:
        """A suite with what was given in place of its own.

        Args:
            base: The suite.
            parsed: What was given, as `parsed` tells it.
        """
        given = {
            name: getattr(parsed, name) for name in _SECTIONS if getattr(self, name) is not None
        }
        given["limits"] = self.limits_over(base.limits, parsed.limits)
        if self.fidelity is True:
            del given["fidelity"]
        elif self.fidelity is None:
            given["fidelity"] = None
        fixed = {**base.fixed, **parsed.fixed}
        axes = tuple(axis for axis in base.axes if axis.knob not in parsed.fixed)
        if self.axes is not None:
            swept = {axis.knob for axis in parsed.axes}
            fixed = {name: value for name, value in fixed.items() if name not in swept}
            given |= {"exclude": (), "include": ()}
            axes = parsed.axes
        if self.prompt is not None:
            given["inputs"] = replace(base.inputs, prompts=parsed.inputs.prompts)
        return replace(base, fixed=fixed, axes=axes, **given)

    def limits_over(self, base: Limits, parsed: Limits) -> Limits:
        """Limits with those that were given in place of their own; None takes one away."""
        if not isinstance(self.limits, Mapping):
            return base if self.limits is None else parsed
        names = [_LIMIT_FIELDS.get(name, name) for name in self.limits]
        return replace(base, **{name: getattr(parsed, name) for name in names})

    def base(self) -> Suite | None:
        """The suite that was given; read, where it is a file.

        Raises:
            SuiteError: It cannot be read, or is not legal.
        """
        if self.suite is None or isinstance(self.suite, Suite):
            return self.suite
        return load_suite(Path(self.suite))

    def _section(self, name: str) -> Any:
        """What stands for a section, None for a suite's own default."""
        given = getattr(self, name)
        quick, cheap = (QUICK, CHEAP) if self.suite is None else ({}, {})
        if name == "objective" and isinstance(given, str):
            return {"minimize": given}
        if name == "measure" and not is_dataclass(given):
            return {**quick, **given} if isinstance(given, Mapping) else given or quick
        if name == "fidelity":
            if given is None or given is False:
                return "off"
            own = {} if given is True else given
            return {**cheap, **own} if isinstance(own, Mapping) else own
        return given


def with_given(suite: Suite, given: Mapping[str, JsonValue]) -> Suite:
    """A suite for the one pipeline that is loaded already.

    Args:
        suite: The suite.
        given: What the loaded pipeline is: values of the knobs of loading, and its task.

    Raises:
        CannotTune: The suite turns a knob of loading.
    """
    loading = {name: value for name, value in given.items() if KNOBS[name].cost is Cost.LOAD}
    for name, values in _values(suite).items():
        others = [value for value in values if value != loading.get(name, value)]
        if others and name != "pipeline":
            legal = [knob.name for knob in KNOBS.values() if knob.cost is not Cost.LOAD]
            raise CannotTune(
                f"{name} {KNOBS[name].text(others[0])} is turned while a pipeline is loaded, and "
                f"this one is loaded with {KNOBS[name].text(loading[name])}: measure in workers "
                f"by in_workers=True, or turn what can be turned here: {', '.join(legal)}"
            )
    swept = {axis.knob for axis in suite.axes}
    if "pipeline" in swept:
        raise CannotTune("the suite sweeps pipelines, and one is given: use in_workers=True")
    _refuse_handed_over_hooks(suite, given)
    fixed = {name: value for name, value in given.items() if name not in swept}
    own = {name: value for name, value in suite.fixed.items() if name not in loading}
    axes = tuple(axis for axis in suite.axes if axis.knob not in loading)
    include = tuple(
        {name: values for name, values in rule.items() if name not in loading}
        for rule in suite.include
    )
    return replace(
        suite, fixed={**fixed, **own}, axes=axes, include=tuple(rule for rule in include if rule)
    )


def _values(suite: Suite) -> dict[str, list[JsonValue]]:
    """All that a suite turns each knob to."""
    values: dict[str, list[JsonValue]] = {name: [value] for name, value in suite.fixed.items()}
    for axis in (*suite.axes, *(Axis(k, v) for rule in suite.include for k, v in rule.items())):
        values.setdefault(axis.knob, []).extend(axis.values)
    return values


def _refuse_handed_over_hooks(suite: Suite, given: Mapping[str, JsonValue]) -> None:
    """Offloaded models are moved by hooks of one pipeline; that of another task takes them over."""
    tasks = _values(suite).get("task", [])
    if given["offload"] == "model" and any(task != given["task"] for task in tasks):
        raise CannotTune(
            "with offload model, only the pipeline's own task can be measured in this process: "
            "leave `task` out, or use in_workers=True"
        )


def _listed_axes(axes: Any) -> Any:
    """A list for each axis; what is no mapping as it is, to be refused with its name."""
    if not isinstance(axes, Mapping):
        return {} if axes is None else axes
    return {name: _listed(values) for name, values in axes.items()}


def _listed(values: Any) -> Any:
    """A list of what can be walked through; anything else as it is, to be refused with its name."""
    if isinstance(values, (str, Mapping)) or not hasattr(values, "__iter__"):
        return values
    return list(values)


def _name(pipeline: JsonValue) -> str:
    """A name for the suite, and for its folder of results."""
    text = str(pipeline)
    if isinstance(pipeline, Mapping):
        text = next((str(pipeline[one]) for one in SOURCES if one in pipeline), "pipeline")
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", text.rstrip("/").rpartition("/")[2]).strip("-.")
    return f"tune-{stem or 'pipeline'}"[:_LONGEST_NAME]
