"""A loaded diffusers pipeline: configured, called, observed, and put back as it was."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

from sdbench.jsontypes import JsonValue
from sdbench.knobs.base import CallKnob, Request, SetupKnob
from sdbench.knobs.registry import KNOBS
from sdbench.knobs.task import task_of
from sdbench.pipelines.base import DENOISER, Solver, StageObserver
from sdbench.pipelines.digest import content_digest
from sdbench.pipelines.drawing import final_latents, fp32_noise
from sdbench.pipelines.effective import effective_state, modules
from sdbench.pipelines.inputs import call_arguments, generators
from sdbench.pipelines.sampler import randomness, reference_scheduler
from sdbench.pipelines.stages import observed_stages
from sdbench.pipelines.tasks import TaskPipelines, entry_point
from sdbench.results.fidelity import Subject
from sdbench.suite.configuration import Configuration
from sdbench.suite.model import Inputs


class DiffusersPipeline:
    """A diffusers pipeline on its device, ready to be configured.

    Args:
        pipe: The pipeline as it was loaded, for whichever task.
        inputs: What it is asked to draw.
        torch_device: Where it runs, such as ``cpu`` or ``cuda:0``.
    """

    def __init__(self, pipe: Any, inputs: Inputs, torch_device: str) -> None:
        self._pipe = pipe
        self._pipes = TaskPipelines(pipe, torch_device)
        self._inputs = inputs
        self._torch_device = torch_device

    @contextmanager
    def configured(self, configuration: Configuration) -> Iterator[DiffusersCall]:
        """Turns the setup and call knobs, gives the call, and takes everything back.

        Raises:
            Unsupported: A knob cannot be turned to its value here.
        """
        with ExitStack() as undo:
            yield self._configure(configuration, undo)

    def content_digest(self) -> str:
        """Names the weights and the shipped scheduler: equal for equal content, anywhere."""
        return content_digest(self._pipe)

    def reference_scheduler(self) -> JsonValue:
        """The scheduler, as a suite would write it, that draws a converged reference."""
        return reference_scheduler(self._pipe.scheduler)

    def left_changed(self) -> list[str]:
        """What is not as it was loaded."""
        return self._pipes.left_changed()

    def resident(self) -> Iterable[Any]:
        """Weights and buffers of all components."""
        return _resident(self._pipe)

    def _configure(self, configuration: Configuration, undo: ExitStack) -> DiffusersCall:
        pipe, task = self._pipes.configured_for(configuration.knobs), task_of(configuration.knobs)
        _copy_scheduler(pipe, undo)
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
                applied = knob.apply(pipe, value, configuration.knobs, self._torch_device)
                undo.callback(applied.undo)
                checks.append(lambda images, applied=applied: applied.verify())  # type: ignore[misc]
            elif isinstance(knob, CallKnob):
                request = knob.turn(request, value)
                checks.append(
                    lambda images, knob=knob, value=value: knob.verify(value, images)  # type: ignore[misc]
                )

        def call_for(request: Request) -> DiffusersCall:
            arguments = call_arguments(pipe, task, self._inputs, request)
            function = entry_point(pipe, task)
            return DiffusersCall(pipe, function, request, arguments, tuple(checks), call_for)

        return call_for(request)


def _resident(pipe: Any) -> Iterator[Any]:
    for module in modules(pipe).values():
        yield from module.parameters()
        yield from module.buffers()


def _copy_scheduler(pipe: Any, undo: ExitStack) -> None:
    """A scheduler keeps tensors of its last call: the copy takes them along when it goes."""
    shipped = pipe.scheduler
    pipe.scheduler = copy.deepcopy(shipped)
    undo.callback(setattr, pipe, "scheduler", shipped)


@dataclass(slots=True)
class DiffusersCall:
    """One call of a configured diffusers pipeline; see `sdbench.pipelines.base.Call`."""

    _pipe: Any
    _function: Callable[..., Any]
    _request: Request
    _arguments: dict[str, Any]
    _checks: tuple[Callable[[Sequence[Any]], None], ...]
    _call_for: Callable[[Request], DiffusersCall]
    _generators: Any = None
    _evaluations: int = 0

    @property
    def images_per_call(self) -> int:
        """Images that it draws."""
        return self._request.batch_size

    def prepare(self) -> None:
        """Seeds one generator an image: ``seed``, ``seed + 1`` and so on."""
        first = self._request.seed
        self._generators = generators(range(first, first + self._request.batch_size))

    def __call__(self) -> Sequence[Any]:
        """Runs the pipeline and returns its images (PIL)."""
        output = self._function(**self._arguments, generator=self._generators)
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

    def draw(self, subjects: Sequence[Subject]) -> Sequence[tuple[Any, Any]]:
        """Pictures (PIL) from noise drawn in fp32, each with what it was decoded from."""
        prompts = tuple(one.prompt for one in subjects)
        call = self._call_for(replace(self._request, prompts=prompts, batch_size=len(subjects)))
        call._generators = generators(one.seed for one in subjects)
        counter = _EvaluationCounter()
        with fp32_noise(), final_latents(self._pipe) as latents, call.observed(counter):
            images = call()
            self._evaluations = counter.evaluations
            return list(zip(images, latents(len(images)), strict=True))

    def solver(self) -> Solver:
        """How the last pictures of `draw` came about."""
        scheduler = self._pipe.scheduler
        return Solver(
            scheduler=type(scheduler).__name__,
            first_timestep=float(scheduler.timesteps[0]),
            train_timesteps=scheduler.config.get("num_train_timesteps"),
            denoiser_evaluations=self._evaluations,
            randomness=randomness(scheduler),
        )

    def resident(self) -> Iterable[Any]:
        """Weights and buffers of all components."""
        return _resident(self._pipe)


class _EvaluationCounter:
    """Counts evaluations of the denoiser."""

    def __init__(self) -> None:
        self.evaluations = 0

    def enter_stage(self, stage: str) -> None:
        """Counts it, where it is one."""
        self.evaluations += stage == DENOISER

    def leave_stage(self, stage: str) -> None:
        """It was counted."""
