"""Equal parts of records become one object, and nothing else changes."""

from __future__ import annotations

import factories

from sdbench.results.record import Record
from sdbench.results.sharing import SharedParts


def _read(record: Record) -> Record:
    return Record.from_line(record.to_line())


def test_what_records_have_in_common_is_one_object() -> None:
    common = {"effective": {"scheduler": {"class": "Euler", "config": {"beta": 0.1}}}}
    made = factories.record(fidelity=factories.fidelity(0.5), fields=common)
    parts = SharedParts()
    one, other = parts.shared(_read(made)), parts.shared(_read(made))
    assert one.knobs is other.knobs
    assert one.effective is other.effective
    assert one.fidelity is other.fidelity
    assert one.is_outlier is other.is_outlier
    assert one.peak_reserved_bytes is other.peak_reserved_bytes


def test_a_record_is_equal_to_what_it_was() -> None:
    parts = SharedParts()
    for made in (
        factories.record(fidelity=factories.fidelity(0.5), batch_size=1),
        factories.record(fidelity=factories.fidelity(0.6), batch_size=2),
        factories.record(fidelity=factories.unscored("not drawn"), batch_size=4),
        factories.record(fidelity=factories.fidelity(0.7), batch_size=1),
    ):
        assert parts.shared(_read(made)) == _read(made)


def test_other_fidelities_have_the_reference_in_common() -> None:
    parts = SharedParts()
    one, other = (
        parts.shared(_read(factories.record(fidelity=factories.fidelity(score))))
        for score in (0.5, 0.6)
    )
    assert one.fidelity != other.fidelity
    assert one.fidelity.reference is other.fidelity.reference
    assert one.fidelity.subjects is other.fidelity.subjects


def test_one_and_one_point_zero_stay_what_they_are() -> None:
    """They are equal, and read differently in a table and in an export."""
    parts = SharedParts()
    lines = [
        factories.record(fields={"effective": {"threads": value}}).to_line()
        for value in (1, 1.0, True)
    ]
    read = [parts.shared(Record.from_line(line)) for line in lines]
    assert [one.to_line() for one in read] == lines
