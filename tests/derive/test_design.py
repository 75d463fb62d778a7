from __future__ import annotations

from collections import Counter

import factories
from imagined import BATCHES, SCHEDULERS, STEPS, grid

from sdbench.derive.cells import cell_key
from sdbench.derive.design import LONGEST_REACH, design
from sdbench.suite.configuration import Configuration


def places(configurations: tuple[Configuration, ...]) -> set[tuple[str, int, int]]:
    return {
        (one.knobs["scheduler"], one.knobs["batch_size"], one.knobs["steps"])  # type: ignore[misc]
        for one in configurations
    }


def test_one_scheduler_in_each_cell_and_each_scheduler_in_one() -> None:
    """With the fewest steps, and the least from which the line reaches the most: 16 / 2.5 = 6.4."""
    chosen = design(grid())
    anchors = {("euler", batch, steps) for batch in BATCHES for steps in (2, 8)}
    others = {(scheduler, 1, steps) for scheduler in SCHEDULERS for steps in (2, 8)}
    assert places(chosen.identifying) == anchors | others
    assert max(STEPS) <= LONGEST_REACH * 8


def test_held_out_ones_lie_in_all_cells_and_are_drawn_alike_each_time() -> None:
    configurations = grid()
    chosen = design(configurations)
    assert len(chosen.held_out) == 6
    assert not places(chosen.held_out) & places(chosen.identifying)
    assert list(Counter(cell_key(one.knobs) for one in chosen.held_out).values()) == [2, 2, 2]
    assert len({one.knobs["scheduler"] for one in chosen.held_out}) == 4
    assert design(configurations) == chosen


def test_a_cell_that_lacks_the_common_scheduler_takes_its_own() -> None:
    holed = [
        one
        for one in grid()
        if not (one.knobs["batch_size"] == 4 and one.knobs["scheduler"] == "euler")
    ]
    assert ("ddim", 4, 2) in places(design(holed).identifying)


def test_what_has_no_number_of_steps_is_measured_itself() -> None:
    untold = Configuration(factories.knobs(scheduler="euler", batch_size=1))
    assert untold in design([*grid(), untold]).identifying
    assert design([untold]).held_out == ()
