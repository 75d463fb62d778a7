"""What the measuring code needs of a loaded pipeline, and nothing more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from sdbench.jsontypes import JsonValue
from sdbench.results.fidelity import Subject
from sdbench.suite.configuration import Configuration

TEXT_ENCODING = "text_encoding"
DENOISER = "denoiser"
SCHEDULER_STEP = "scheduler_step"
VAE_ENCODE = "vae_encode"
VAE_DECODE = "vae_decode"
SAFETY_CHECKER = "safety_checker"


class StageObserver(Protocol):
    """Told of every stage of a call, as it begins and as it ends. Stages do not nest."""

    def enter_stage(self, stage: str) -> None:
        """A stage begins."""

    def leave_stage(self, stage: str) -> None:
        """It ended, also by an exception."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Solver:
    """How a picture came about.

    Attributes:
        scheduler: Class of the scheduler.
        first_timestep: The timestep that it began at, or None where it has none.
        train_timesteps: Timesteps that the model was trained on, or None.
        denoiser_evaluations: Evaluations of the denoiser for one picture (NFE).
        randomness: Why its pictures converge to no solution, or None where they do.
    """

    scheduler: str
    first_timestep: float | None
    train_timesteps: int | None
    denoiser_evaluations: int
    randomness: str | None


class Call(Protocol):
    """One call of a configured pipeline, which can be repeated and draws the same each time."""

    @property
    def images_per_call(self) -> int:
        """Images that it draws."""

    def prepare(self) -> None:
        """Does what a user does before the call (seeding), outside of the timed window."""

    def __call__(self) -> Sequence[Any]:
        """Runs the pipeline and returns its images (PIL)."""

    def observed(self, observer: StageObserver) -> AbstractContextManager[None]:
        """While entered, ``observer`` is told of every stage."""

    def verify(self, images: Sequence[Any]) -> None:
        """Checks, after the first call, that every setting took effect.

        Raises:
            Unsupported: One of them changed nothing.
        """

    def effective(self) -> dict[str, Any]:
        """What really ran: classes, timesteps, attention processors, data types."""

    def draw(self, subjects: Sequence[Subject]) -> Sequence[tuple[Any, Any]]:
        """Pictures (PIL) in one pass from noise drawn in fp32, each with its latents.

        These are what it was decoded from, an fp32 array, or None for a pipeline that has none.
        """

    def solver(self) -> Solver:
        """How the last pictures of `draw` came about."""

    def resident(self) -> Iterable[Any]:
        """The tensors that exist before a call: weights and buffers."""


class Pipeline(Protocol):
    """A loaded pipeline."""

    def configured(self, configuration: Configuration) -> AbstractContextManager[Call]:
        """Turns the setup and call knobs, gives the call, and takes everything back.

        Raises:
            Unsupported: A knob cannot be turned to its value here.
        """

    def content_digest(self) -> str:
        """Names the weights and the shipped scheduler: equal for equal content, anywhere."""

    def reference_scheduler(self) -> JsonValue:
        """The scheduler, as a suite would write it, that draws a converged reference."""

    def left_changed(self) -> Sequence[str]:
        """What is not as it was loaded; a pipeline that was left changed must be dropped."""

    def resident(self) -> Iterable[Any]:
        """The tensors that exist once it is loaded: weights and buffers."""


class Loader(Protocol):
    """Loads pipelines."""

    def load(self, knobs: Mapping[str, JsonValue]) -> Pipeline:
        """The pipeline with its load knobs turned.

        Raises:
            Unsupported: A load knob cannot be turned to its value here.
        """
