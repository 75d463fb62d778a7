"""What a knob is: its legal values, what turning it costs, how it is turned, and its Python.

A new knob is one file that subclasses `LoadKnob`, `SetupKnob` or `CallKnob`, one line in
`sdbench.knobs.registry`, and one test. Importing a knob imports neither torch nor diffusers:
suites are validated, shown and reported on machines that have neither. Only the methods that turn
a knob may import them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import Any, ClassVar

from sdbench.errors import IllegalValue
from sdbench.jsontypes import JsonValue, canonical_json


def _nothing() -> None:
    """Checks nothing."""


class Cost(str, Enum):
    """What turning a knob costs. The plan turns costly knobs least often."""

    LOAD = "load"
    """Needs a freshly loaded pipeline."""
    SETUP = "setup"
    """Changes the loaded pipeline, and is undone afterwards."""
    CALL = "call"
    """Changes the arguments of the call alone."""


class Effect(str, Enum):
    """What turning a knob does to the picture."""

    CONTENT = "content"
    """Another picture is asked for."""
    SAMPLER = "sampler"
    """The same picture, solved for otherwise."""
    NUMERICS = "numerics"
    """The same arithmetic, rounded otherwise."""
    NONE = "none"
    """Nothing, but for the last bits."""


PICTURE_EFFECTS = (Effect.CONTENT, Effect.SAMPLER, Effect.NUMERICS)
"""Configurations that agree in all knobs of these effects draw the same picture."""


class Unsupported(Exception):
    """The pipeline, the device or the installation cannot take a knob's value.

    Raised while turning a knob, also where the setting would silently change nothing. The message
    is the reason that a record carries.
    """


@dataclass(frozen=True, slots=True)
class Request:
    """What one call of the pipeline is asked for; call knobs turn it into another.

    Attributes:
        prompts: Prompts, cycled through to fill a batch.
        negative_prompt: Negative prompt for every image, or None.
        seed: Seed of the first image; image ``i`` of a batch uses ``seed + i``.
        batch_size: Images in one call.
        arguments: Further keyword arguments of the pipeline's call.
    """

    prompts: tuple[str, ...]
    negative_prompt: str | None = None
    seed: int = 0
    batch_size: int = 1
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def with_argument(self, name: str, value: Any) -> Request:
        """The same request with one keyword argument more."""
        return replace(self, arguments={**self.arguments, name: value})


@dataclass(frozen=True, slots=True)
class Applied:
    """A setup knob that has been turned.

    Attributes:
        undo: Takes the change back.
        verify: Called once after the first call of the pipeline; raises `Unsupported` where the
            setting changed nothing.
    """

    undo: Callable[[], None]
    verify: Callable[[], None] = _nothing


@dataclass(frozen=True, slots=True)
class Code:
    """The Python that a user would write for a knob's value.

    Attributes:
        imports: Import statements.
        load_function: What loads the pipeline, such as ``DiffusionPipeline.from_pretrained``.
        load_arguments: Arguments of ``from_pretrained``, such as ``dtype=torch.float16``.
        statements: Statements on the loaded ``pipe``; ``{device}`` stands for the device.
        call_arguments: Arguments of ``pipe(...)``.
        environment: Variables that must be set before torch is imported.
    """

    imports: tuple[str, ...] = ()
    load_function: str | None = None
    load_arguments: tuple[str, ...] = ()
    statements: tuple[str, ...] = ()
    call_arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


class Knob(ABC):
    """One thing that can be turned.

    Attributes:
        name: The word for it in a suite.
        cost: What turning it costs.
        effect: What turning it does to the picture.
        neutral: The value that leaves a pipeline as it was loaded; not part of a configuration's
            key, so that a knob added later leaves old keys as they are.
        summary: One line for help texts and the schema.
    """

    name: ClassVar[str]
    cost: ClassVar[Cost]
    effect: ClassVar[Effect] = Effect.NUMERICS
    neutral: ClassVar[JsonValue] = None
    summary: ClassVar[str]

    @abstractmethod
    def parse(self, raw: JsonValue) -> JsonValue:
        """The canonical form of a value as written in a suite.

        Raises:
            IllegalValue: It is not legal for this knob.
        """

    @abstractmethod
    def schema(self) -> dict[str, Any]:
        """JSON Schema of a value as written in a suite."""

    def located(self, value: JsonValue, folder: Path) -> JsonValue:
        """A value whose relative paths, if it has any, are those of ``folder``, made absolute."""
        return value

    def text(self, value: JsonValue) -> str:
        """A value as people read it."""
        if value is None:
            return "default"
        return value if isinstance(value, str) else canonical_json(value)

    def code(self, value: JsonValue) -> Code:
        """The Python that turns this knob to ``value``."""
        return Code()


class LoadKnob(Knob):
    """A knob that is turned while the pipeline is loaded."""

    cost = Cost.LOAD

    def before_load(self, value: JsonValue, torch_device: str) -> None:
        """Changes the process before anything is loaded; called for the neutral value too.

        Raises:
            Unsupported: The device or the installation cannot take the value.
        """

    def load_arguments(self, value: JsonValue) -> dict[str, Any]:
        """Keyword arguments for ``from_pretrained``."""
        return {}

    def after_load(self, pipe: Any, value: JsonValue, torch_device: str) -> None:
        """Changes the pipeline that was just loaded, in the order of the registry.

        Raises:
            Unsupported: The pipeline, device or installation cannot take the value.
        """


class SetupKnob(Knob):
    """A knob that changes the loaded pipeline, and takes the change back."""

    cost = Cost.SETUP

    @abstractmethod
    def apply(
        self, pipe: Any, value: JsonValue, knobs: Mapping[str, JsonValue], torch_device: str
    ) -> Applied:
        """Turns the knob and verifies that it took effect.

        Called only with values other than `neutral`. Nothing may be left changed when it raises.

        Args:
            pipe: The loaded pipeline.
            value: This knob's value.
            knobs: The values of all knobs of the configuration.
            torch_device: Where the pipeline runs, such as ``cpu`` or ``cuda:0``.

        Raises:
            Unsupported: The value cannot be taken or would change nothing.
        """


class CallKnob(Knob):
    """A knob that is an argument of the call."""

    cost = Cost.CALL

    @abstractmethod
    def turn(self, request: Request, value: JsonValue) -> Request:
        """The request with this knob turned to ``value`` (never `neutral`)."""

    def verify(self, value: JsonValue, images: Sequence[Any]) -> None:
        """Checks the images of the first call.

        Raises:
            Unsupported: They show that the setting changed nothing.
        """


class Choice(Knob):
    """A knob whose values are words.

    Attributes:
        choices: The legal words.
    """

    choices: ClassVar[Sequence[str]]

    def parse(self, raw: JsonValue) -> JsonValue:
        if not isinstance(raw, str) or raw not in self.choices:
            raise IllegalValue(raw, self.choices)
        return raw

    def schema(self) -> dict[str, Any]:
        return {"enum": list(self.choices)}


class Switch(Choice):
    """A knob that is on or off; booleans are taken for the words."""

    choices = ("off", "on")
    neutral = "off"

    def parse(self, raw: JsonValue) -> JsonValue:
        return super().parse({True: "on", False: "off"}[raw] if isinstance(raw, bool) else raw)

    def schema(self) -> dict[str, Any]:
        return {"enum": ["off", "on", True, False]}


class PositiveInteger(Knob):
    """A knob whose values are whole numbers from ``step`` upwards, in multiples of ``step``."""

    step: ClassVar[int] = 1

    def parse(self, raw: JsonValue) -> JsonValue:
        if isinstance(raw, bool) or not isinstance(raw, int) or raw < 1 or raw % self.step:
            multiple = f" that {self.step} divides" if self.step > 1 else ""
            raise IllegalValue(raw, f"a whole number above 0{multiple}")
        return raw

    def schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.step, "multipleOf": self.step}
