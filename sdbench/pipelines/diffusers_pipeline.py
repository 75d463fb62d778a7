"""A loaded diffusers pipeline: configured, called, observed, and put back as it was."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from sdbench.knobs.base import CallKnob, Request, SetupKnob
from sdbench.knobs.registry import KNOBS
from sdbench.pipelines.base import StageObserver
from sdbench.pipelines.effective import effective_state, modules
from sdbench.pipelines.inputs import call_arguments, generators
from sdbench.pipelines.stages import observed_stages
from sdbench.suite.configuration import Configuration
from sdbench.suite.model import Inputs, Task


class DiffusersPipeline:
    """A diffusers pipeline on its device, ready to be configured.

    Args:
        pipe: The pipeline for the task.
        task: What it is asked to do.
        inputs: What it is asked to draw.
        torch_device: Where it runs, such as ``cpu`` or ``cuda:0``.
    """

    def __init__(self, pipe: Any, task: Task, inputs: Inputs, torch_device: str) -> None:
        self._pipe = pipe
        self._task = task
        self._inputs = inputs
        self._torch_device = torch_device
        self._initial_state = effective_state(self._pipe)

    @contextmanager
    def configured(self, configuration: Configuration) -> Iterator[DiffusersCall]:
        """Turns the setup and call knobs, gives the call, and takes everything back.

        Raises:
            Unsupported: A knob cannot be turned to its value here.
        """
        with ExitStack() as undo:
            yield self._configure(configuration, undo)

    def left_changed(self) -> list[str]:
        """What is not as it was loaded."""
        state = effective_state(self._pipe)
        return [name for name in state if state[name] != self._initial_state[name]]

    def _configure(self, configuration: Configuration, undo: ExitStack) -> DiffusersCall:
        self._copy_scheduler(undo)
        checks: list[Callable[[Sequence[Any]], None]] = []
        request = Request(
            prompts=self._inputs.prompts,
            negative_prompt=self._inputs.negative_prompt,
            seed=self._inputs.seed,
        )
        for name, value in configuration.knobs.items():
            knob = KNOBS[name]
            if value == knob.neutral:
                continue
            if isinstance(knob, SetupKnob):
                applied = knob.apply(self._pipe, value, configuration.knobs, self._torch_device)
                undo.callback(applied.undo)
                checks.append(lambda images, applied=applied: applied.verify())  # type: ignore[misc]
            elif isinstance(knob, CallKnob):
                request = knob.turn(request, value)
                checks.append(
                    lambda images, knob=knob, value=value: knob.verify(value, images)  # type: ignore[misc]
                )
        arguments = call_arguments(self._pipe, self._task, self._inputs, request)
        return DiffusersCall(self._pipe, request, arguments, tuple(checks))

    def _copy_scheduler(self, undo: ExitStack) -> None:
        """A scheduler keeps tensors of its last call: the copy takes them along when it goes."""
        shipped = self._pipe.scheduler
        self._pipe.scheduler = copy.deepcopy(shipped)
        undo.callback(setattr, self._pipe, "scheduler", shipped)


@dataclass(slots=True)
class DiffusersCall:
    """One call of a configured diffusers pipeline; see `sdbench.pipelines.base.Call`."""

    _pipe: Any
    _request: Request
    _arguments: dict[str, Any]
    _checks: tuple[Callable[[Sequence[Any]], None], ...]
    _generators: Any = None

    @property
    def images_per_call(self) -> int:
        """Images that it draws."""
        return self._request.batch_size

    def prepare(self) -> None:
        """Seeds one generator an image."""
        self._generators = generators(self._request)

    def __call__(self) -> Sequence[Any]:
        """Runs the pipeline and returns its images (PIL)."""
        output = self._pipe(**self._arguments, generator=self._generators)
        images: Sequence[Any] = output.images
        return images

    def observed(self, observer: StageObserver) -> AbstractContextManager[None]:
        """While entered, ``observer`` is told of every stage."""
        return observed_stages(self._pipe, observer)

    def verify(self, images: Sequence[Any]) -> None:
        """Checks that every setting took effect; raises `Unsupported` where one did not."""
        for check in self._checks:
            check(images)

    def effective(self) -> dict[str, Any]:
        """What really ran, with the first timestep and the number of timesteps."""
        state = effective_state(self._pipe)
        timesteps = self._pipe.scheduler.timesteps
        state["scheduler"] |= {
            "first_timestep": float(timesteps[0]),
            "timesteps": len(timesteps),
        }
        return state

    def resident(self) -> Iterable[Any]:
        """Weights and buffers of all components."""
        for module in modules(self._pipe).values():
            yield from module.parameters()
            yield from module.buffers()
