from __future__ import annotations

from dataclasses import replace

import pytest
from imagined import Imagined, grid

from sdbench.derive.cells import loop_key
from sdbench.derive.evaluations import Evaluations
from sdbench.derive.observation import observe

KNOBS = {(one.knobs["scheduler"], one.knobs["steps"]): one for one in grid(batches=(1,))}


def of(*measured: tuple[str, int]) -> Evaluations:
    records = Imagined().measure(KNOBS[place] for place in measured).values()
    return Evaluations(seen for one in records if (seen := observe(one)) is not None)


@pytest.mark.parametrize(("scheduler", "at_16"), [("euler", 16), ("heun", 31)])
def test_two_numbers_of_steps_tell_all_others(scheduler: str, at_16: int) -> None:
    """A second-order scheduler takes 2 n - 1."""
    known = of((scheduler, 2), (scheduler, 6))
    assert known.of(loop_key(KNOBS[scheduler, 16].knobs), 16) == at_16


def test_one_number_of_steps_tells_others_where_each_takes_one_evaluation() -> None:
    assert of(("euler", 4)).of(loop_key(KNOBS["euler", 4].knobs), 12) == 12
    known = of(("heun", 4))
    assert known.of(loop_key(KNOBS["heun", 4].knobs), 4) == 7
    assert known.of(loop_key(KNOBS["heun", 4].knobs), 12) is None  # 7 / 4 of 12 are not 23


@pytest.mark.parametrize(
    "counts",
    [{10: 3, 20: 7}, {12: 11, 20: 19}, {1: 1}, {4: 4, 8: 8, 12: 11}],
    ids=["a share", "fewer than steps", "one step", "no line"],
)
def test_what_is_no_line_in_whole_numbers_tells_nothing(counts: dict[int, int]) -> None:
    """So with strength, of which each pipeline rounds in its own way."""
    (record,) = Imagined().measure([KNOBS["euler", 4]]).values()
    seen = observe(record)
    assert seen is not None
    known = Evaluations(replace(seen, steps=one, evaluations=n) for one, n in counts.items())
    assert known.of(seen.loop, 40) is None
    assert all(known.of(seen.loop, one) == n for one, n in counts.items())


def test_a_scheduler_that_was_not_measured_tells_nothing() -> None:
    assert of(("euler", 4)).of(loop_key(KNOBS["heun", 4].knobs), 4) is None
