"""What the controller and a worker say to each other: one JSON object a line.

controller                            worker
    | -- Start ------------------------> |
    | <------------------------ Ready -- |   (or Refused, and the worker ends)
    | -- Measure ----------------------> |
    | <------------------------ Phase -- |   any number, outside of timed windows
    | <---------------------- Waiting -- |   before each timed call, where calls are in turns
    | -- Turn -------------------------> |
    | <--------------------- Finished -- |   (or Declined, and another worker is asked)
    | -- Draw -------------------------> |
    | <------------------------ Phase -- |
    | <------------------------ Drawn -- |
    |        (end of input) -----------> |   the worker ends
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, TypeAdapter

from sdbench.jsontypes import JsonValue
from sdbench.results.fidelity import Subject
from sdbench.results.record import Record, Status, StopReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Tells a worker what it works for.

    Attributes:
        suite: The suite as resolved, its pictures named by absolute paths.
        device: Word for the device, such as ``auto`` or ``cuda:0``.
        trust_remote_code: Whether the user allowed models' own code on the command line.
        name: Name of the worker in records.
        memory_limit_bytes: What it may use of the device's memory, or None.
        folder: What relative paths among knobs are relative to; None where there are none.
    """

    type: Literal["start"] = "start"
    suite: Mapping[str, Any]
    device: str
    trust_remote_code: bool
    name: str
    memory_limit_bytes: int | None = None
    folder: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """Asks for one round of one configuration.

    Attributes:
        knobs: Its knobs.
        round: The round's number.
        images_folder: Where an image goes, or None.
        in_turns: Whether the worker waits before each timed call until it is its turn. An sdbench
            that knows no turns takes its calls without waiting.
    """

    type: Literal["measure"] = "measure"
    knobs: Mapping[str, JsonValue]
    round: int
    images_folder: str | None
    in_turns: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Lets a worker that waits take a timed call, or tells it why it is to take no more."""

    type: Literal["turn"] = "turn"
    stop_reason: StopReason | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """Asks for pictures to compare.

    Attributes:
        knobs: The configuration that draws them, one picture a call.
        is_reference: Whether the scheduler is to be the one for a reference.
        subjects: What to draw.
        folder: Where the drawing is written.
        is_shared: Whether it is named by its content, and taken from there if it exists.
    """

    type: Literal["draw"] = "draw"
    knobs: Mapping[str, JsonValue]
    is_reference: bool = False
    subjects: tuple[Subject, ...]
    folder: str
    is_shared: bool


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
    """What the worker does now.

    Attributes:
        name: Word for it; ``loading`` before a pipeline is loaded.
        rss_bytes: Resident memory of the worker on the host, or None where it is not known.
    """

    type: Literal["phase"] = "phase"
    name: str
    rss_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """The worker waits for its turn; ``stop_reason`` says why it needs no further call, if so."""

    type: Literal["waiting"] = "waiting"
    stop_reason: StopReason | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A round has ended.

    Attributes:
        record: What it yielded.
        is_spent: Whether the worker must not be used again: its device is in error for as long as
            the process lives, or memory did not come back.
    """

    type: Literal["finished"] = "finished"
    record: Record
    is_spent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A drawing is there, or why it is not.

    Attributes:
        status: How it ended.
        reason: Why it did not end ``ok``.
        path: The drawing's file, or None.
        scheduler: The scheduler that drew it, as a suite would write it.
        is_spent: Whether the worker must not be used again.
    """

    type: Literal["drawn"] = "drawn"
    status: Status
    reason: str | None = None
    path: str | None = None
    scheduler: JsonValue = None
    is_spent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Declined:
    """The worker did not begin, since it must not be used again: another is to be asked."""

    type: Literal["declined"] = "declined"
    reason: str


LOADING = "loading"
DRAWING = "drawing"

Command: TypeAlias = Start | Measure | Turn | Draw
Event: TypeAlias = Ready | Refused | Declined | Phase | Waiting | Finished | Drawn

COMMANDS: TypeAdapter[Command] = TypeAdapter(Annotated[Command, Field(discriminator="type")])
EVENTS: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="type")])
