"""What the controller and the process that predicts say to each other: one JSON object a line.

controller                            predicting process
    | -- Wanted -----------------------> |
    | <-------------------- Predicted -- |   one for each configuration, in any order
    |        (end of output) <---------- |   all are told
    |        (end of input) -----------> |   the process ends, also in the middle
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from sdbench.jsontypes import JsonValue
from sdbench.predict.footprint import Footprint
from sdbench.predict.target import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be predicted.

    Attributes:
        suite: The suite as resolved, its files named by absolute paths.
        configurations: One value for every knob of each.
        target: The device.
        trust_remote_code: Whether the user allowed models' own code on the command line.
    """

    suite: Mapping[str, Any]
    configurations: tuple[Mapping[str, JsonValue], ...]
    target: Target
    trust_remote_code: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicted:
    """What the configuration at ``index`` of those that are wanted needs."""

    index: int
    footprint: Footprint


WANTED: TypeAdapter[Wanted] = TypeAdapter(Wanted)
PREDICTED: TypeAdapter[Predicted] = TypeAdapter(Predicted)
