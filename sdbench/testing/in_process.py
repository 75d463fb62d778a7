"""Measures a loaded pipeline where it is, in the process of the tests, as `sdbench.tune` does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sdbench.jsontypes import JsonValue
from sdbench.knobs.base import Cost
from sdbench.knobs.registry import KNOBS
from sdbench.results.store import Run, read_run
from sdbench.run.order import Order
from sdbench.run.session import run_suite
from sdbench.run.worker_process import CannotStart
from sdbench.suite.expand import configurations
from sdbench.suite.load import suite_from_mapping
from sdbench.suite.model import Suite
from sdbench.testing.suite_run import once
from sdbench.tuning.errors import CannotTune
from sdbench.tuning.progress import Silence
from sdbench.tuning.request import QUICK, with_given

_INPUTS = {
    "prompt": "prompts",
    "negative_prompt": "negative_prompt",
    "seed": "seed",
    "image": "image",
    "mask": "mask",
}
"""Settings that a suite has among its inputs; all others are knobs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a test asks to be measured.

    Attributes:
        name: Name of the suite that it makes, and of its folder of results.
        settings: Knobs and inputs, in the words of suites.
        measure: How it is measured, as in a suite.
        gates: What fails against a baseline, as in a suite; None for a suite's defaults.
        is_timed: Whether times are wanted; otherwise the pipeline is called just once more.
    """

    name: str
    settings: Mapping[str, JsonValue]
    measure: Mapping[str, Any] = field(default_factory=dict)
    gates: Mapping[str, Any] | None = None
    is_timed: bool = True

    def suite(self, pipeline: JsonValue) -> Suite:
        """The suite of one configuration that it stands for.

        Args:
            pipeline: The pipeline, as a suite would write it.

        Raises:
            SuiteError: A setting, or its value, is not legal; the message names the legal ones.
        """
        sections: dict[str, Any] = {
            "name": self.name,
            "pipeline": pipeline,
            "inputs": {_INPUTS[k]: value for k, value in self.settings.items() if k in _INPUTS},
            "fixed": {k: value for k, value in self.settings.items() if k not in _INPUTS},
            "measure": {**QUICK, **self.measure},
            "fidelity": "off",
        }
        if self.gates is not None:
            sections["gates"] = dict(self.gates)
        suite = suite_from_mapping(sections, Path.cwd())
        return suite if self.is_timed else once(suite)


def measured_here(pipe: Any, ask: Ask, results: Path, command_line: Sequence[str]) -> Run:
    """A run of one configuration of a pipeline, which is left exactly as it was.

    Args:
        pipe: The loaded pipeline.
        ask: What to measure.
        results: Folder that holds all results.
        command_line: What the user wrote, for reading.

    Raises:
        CannotTune: It is no pipeline that can be measured, or would have to be loaded otherwise.
        SuiteError: A setting is not legal.
        KeyboardInterrupt: Ctrl-C.
    """
    from sdbench.tuning.applying import keep
    from sdbench.tuning.as_given import left_as_given
    from sdbench.tuning.given import given
    from sdbench.tuning.local_worker import LocalLauncher

    told = given(pipe)
    _refuse_other_loads(ask, told.knobs)
    suite = with_given(ask.suite(told.knobs["pipeline"]), told.knobs)
    chosen = configurations(suite)
    order = Order(
        suite=suite,
        configurations=chosen,
        results=results,
        device=told.torch_device,
        command_line=tuple(command_line),
    )
    keep(pipe)
    with left_as_given(pipe) as as_given:
        launcher = LocalLauncher(pipe, told, as_given)
        outcome = run_suite(order, launcher, Silence(chosen))
    if outcome.stopped == "interrupted":
        raise KeyboardInterrupt
    if outcome.stopped is not None:
        raise CannotStart(outcome.stopped)
    return read_run(outcome.folder)


def _refuse_other_loads(ask: Ask, own: Mapping[str, JsonValue]) -> None:
    """What is settled when a pipeline is loaded is no setting of a check."""
    for name, value in ask.settings.items():
        if name not in KNOBS or KNOBS[name].cost is not Cost.LOAD or value == own[name]:
            continue
        has = KNOBS[name].text(own[name])
        raise CannotTune(
            f"{name} is settled when a pipeline is loaded, and this one has {has}: load another "
            f"one for the test, or leave {name} out"
        )
