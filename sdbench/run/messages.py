"""What the controller and a worker say to each other: one JSON object a line.

controller                            worker
    | -- Start ------------------------> |
    | <------------------------ Ready -- |   (or Refused, and the worker ends)
    | -- Measure ----------------------> |
    | <------------------------ Phase -- |   any number, outside of timed windows
    | <--------------------- Finished -- |
    |        (end of input) -----------> |   the worker ends
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from sdbench.jsontypes import JsonValue
from sdbench.results.record import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Tells a worker what it works for.

    Attributes:
        suite: The suite as resolved.
        device: Word for the device, such as ``auto`` or ``cuda:0``.
        trust_remote_code: Whether the user allowed models' own code on the command line.
        name: Name of the worker in records.
    """

    type: Literal["start"] = "start"
    suite: Mapping[str, Any]
    device: str
    trust_remote_code: bool
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """Asks for one round of one configuration; an image goes into ``images_folder``."""

    type: Literal["measure"] = "measure"
    knobs: Mapping[str, JsonValue]
    round: int
    images_folder: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """The worker has its device.

    Attributes:
        device: Name of the device as people read it.
        slug: Its name in a run's folder.
        torch_device: Where torch puts tensors.
        fingerprint: What must be equal for two runs to be comparable.
        environment: Versions and settings, for reading.
    """

    type: Literal["ready"] = "ready"
    device: str
    slug: str
    torch_device: str
    fingerprint: Mapping[str, JsonValue]
    environment: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The worker cannot start, and why."""

    type: Literal["refused"] = "refused"
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """What the worker does now; ``loading`` before a pipeline is loaded."""

    type: Literal["phase"] = "phase"
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A round has ended."""

    type: Literal["finished"] = "finished"
    record: Record


LOADING = "loading"

Command = Annotated[Start | Measure, Field(discriminator="type")]
Event = Annotated[Ready | Refused | Phase | Finished, Field(discriminator="type")]

COMMANDS: TypeAdapter[Start | Measure] = TypeAdapter(Command)
EVENTS: TypeAdapter[Ready | Refused | Phase | Finished] = TypeAdapter(Event)
