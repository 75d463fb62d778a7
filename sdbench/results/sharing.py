"""Equal parts of records as one object: most records of a run say the same of most things.

Without it a record takes twice the memory that its line takes on disk, most of it for what really
ran and for the pictures' agreement, which whole groups of configurations have in common.
"""

from __future__ import annotations

import marshal
from collections.abc import Hashable, Mapping
from dataclasses import fields, replace
from hashlib import blake2b
from typing import Any, TypeVar

from sdbench.jsontypes import JsonValue
from sdbench.results.fidelity import Fidelity
from sdbench.results.figure import Figure
from sdbench.results.record import Record

_MARSHAL_VERSION = 2
"""Later ones write whether a value is shared, so that equal values may differ in bytes."""

_DIGEST_BYTES = 16

_Value = TypeVar("_Value", bound=Hashable)


class SharedParts:
    """The parts of the records seen so far."""

    def __init__(self) -> None:
        self._knobs: dict[str, Mapping[str, JsonValue]] = {}
        self._plain: dict[bytes, Mapping[str, Any]] = {}
        self._values: dict[Hashable, Any] = {}
        self._fidelities: dict[tuple[str | None, str | None], Fidelity] = {}

    def shared(self, record: Record) -> Record:
        """The record itself, with parts of earlier ones in place of its own equal ones.

        Args:
            record: One that nobody else has yet: it is changed, though it is equal to what it was.
        """
        changed: dict[str, Any] = {
            "knobs": self._of_knobs(record.key, record.knobs),
            "effective": self._of_plain(record.effective),
            "fidelity": self._of_fidelity(record.fidelity),
            "is_outlier": self._of_value(record.is_outlier),
            "is_throttled": self._of_value(record.is_throttled),
        }
        for name in _FIGURES:
            figure: Figure = getattr(record, name)
            if figure.value is None:
                changed[name] = self._of_value(figure)
        for name, value in changed.items():
            # `replace` makes a record anew, which takes as long as a quarter of reading one.
            object.__setattr__(record, name, value)
        return record

    def _of_knobs(self, key: str, knobs: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
        """Those of an earlier round; a key tells 1 from 1.0, which are equal here."""
        known = self._knobs.setdefault(key, knobs)
        return known if known == knobs else knobs

    def _of_plain(self, value: Mapping[str, Any]) -> Mapping[str, Any]:
        """Of JSON; values of different types are never one, as 1 and 1.0 would be by equality."""
        content: Any = value
        written = marshal.dumps(content, _MARSHAL_VERSION)
        return self._plain.setdefault(blake2b(written, digest_size=_DIGEST_BYTES).digest(), value)

    def _of_value(self, value: _Value) -> _Value:
        known: _Value = self._values.setdefault(value, value)
        return known

    def _of_fidelity(self, fidelity: Fidelity) -> Fidelity:
        name = (fidelity.measured_with, fidelity.reason)
        if (known := self._fidelities.get(name)) == fidelity and known is not None:
            return known
        if fidelity.reference is not None:
            fidelity = replace(
                fidelity,
                reference=self._of_value(fidelity.reference),
                subjects=self._of_value(fidelity.subjects),
            )
        self._fidelities[name] = fidelity
        return fidelity


_FIGURES = tuple(one.name for one in fields(Record) if one.type == Figure.__name__)
