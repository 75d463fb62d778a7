"""What a search says on a terminal."""

from __future__ import annotations

from typing import Any

import factories
import pytest

from sdbench.analysis.climb import Climb
from sdbench.analysis.fit_answer import fit_answer
from sdbench.report.ladder_text import ladder_text
from sdbench.results.out_of_memory import OutOfMemory
from sdbench.results.record import Record, Status
from sdbench.suite.configuration import Configuration
from sdbench.units import MIB

WANTED = Configuration.of({"pipeline": factories.PIPELINE, "batch_size": 4})
CODE = "import torch\n\npipe.vae.enable_slicing()\n"


def ran_out(**values: Any) -> Record:
    told = OutOfMemory(
        phase="memory pass", stage="vae_decode", allocated_bytes=140 * MIB, requested_bytes=20 * MIB
    )
    fields = {"out_of_memory": told}
    return factories.record(status=Status.OOM, fields=fields, **{"batch_size": 4, **values})


def text(
    *records: Record, unlimited: tuple[Record, ...] = (), columns: int = 100, **fields: Any
) -> str:
    climb = Climb(WANTED, [WANTED], 150 * MIB)
    climb.begin("cpu", {})
    for record in records:
        climb.next()
        climb.tell(record)
    by_key = {record.key: record for record in unlimited}
    code = CODE if climb.search.answer else None
    return ladder_text(
        fit_answer(climb.search, by_key, "Test CPU", "results/x", code, **fields), columns
    )


SLICED = factories.record(batch_size=4, vae_slicing="on", allocated_mib=120)
LARGE = factories.record(batch_size=4, allocated_mib=200)


def test_the_answer_says_what_fits_what_it_saves_and_how_to_apply_it() -> None:
    said = " ".join(text(ran_out(), SLICED, unlimited=(LARGE,)).split())
    assert "On Test CPU, within 150 MiB. Wanted: batch 4." in said
    assert "1 out of memory ≥ 160 MiB – as wanted (in vae_decode)" in said
    assert "2 fits 120 MiB 250 ms an image vae_slicing on" in said
    assert "It fits within 150 MiB with vae_slicing on: the peak is 120 MiB, 30.0 MiB below" in said
    assert "vae_slicing on: saves 80.0 MiB, an image takes as long, the same pictures" in said
    assert said.endswith("import torch pipe.vae.enable_slicing()")


@pytest.mark.parametrize("columns", [60, 79, 80, 120])
def test_lines_keep_to_the_width(columns: int) -> None:
    said = text(ran_out(), SLICED, unlimited=(LARGE,), columns=columns)
    assert max(map(len, said.splitlines())) <= columns


def test_on_a_narrow_terminal_a_step_takes_two_lines() -> None:
    lines = text(ran_out(), SLICED, columns=60).splitlines()
    first = lines.index("  1  as wanted")
    assert lines[first + 1] == "     out of memory, ≥ 160 MiB, in vae_decode"
    assert lines[first + 2] == "  2  vae_slicing on"
    assert lines[first + 3].startswith("     fits, 120 MiB, ")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [(0.9, 0.8, "fidelity 0.80 instead of 0.90"), (0.9, 0.9, "fidelity 0.90 (decodes")],
)
def test_what_a_rung_does_to_the_picture_is_told(
    before: float, after: float, expected: str
) -> None:
    unlimited = tuple(
        factories.record(batch_size=4, fidelity=factories.fidelity(score), **values)
        for score, values in ((before, {}), (after, {"vae_slicing": "on"}))
    )
    assert expected in " ".join(text(ran_out(), SLICED, unlimited=unlimited).split())


def test_what_fits_as_it_is_needs_no_change() -> None:
    small = factories.record(batch_size=4, allocated_mib=120)
    said = " ".join(text(small).split())
    assert "It fits within 150 MiB as it is" in said
    assert "There is nothing to give up." in said


def test_where_nothing_fits_it_says_what_is_missing() -> None:
    told = OutOfMemory(phase="loading", allocated_bytes=140 * MIB, requested_bytes=20 * MIB)
    failed = [
        factories.record(status=Status.OOM, fields={"out_of_memory": told}, batch_size=4, **values)
        for values in ({}, {"dtype": "bf16"})
    ]
    said = " ".join(text(*failed).split())
    assert "1 out of memory ≥ 160 MiB – as wanted (while loading)" in said
    assert "Nothing fits within 150 MiB: 2 sets of settings tried" in said
    assert "it needs at least 160 MiB, so 10.0 MiB or more is missing" in said


def test_what_does_not_run_at_all_is_told_with_the_reason() -> None:
    said = " ".join(text(factories.record(status=Status.ERROR, batch_size=4)).split())
    assert "There is no answer: what was wanted does not run (it ended error)." in said


def test_a_search_that_was_cut_off_has_no_answer_yet() -> None:
    said = text(ran_out(), stopped="interrupted")
    assert "The search ended early (interrupted): there is no answer yet." in " ".join(said.split())


def test_costs_that_were_not_measured_are_told_as_expected() -> None:
    said = " ".join(text(ran_out(), SLICED).split())
    assert "an image is expected to take as long" in said
