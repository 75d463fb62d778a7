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


def test_a_scheduler_is_at_home_where_its_steps_tell_a_line() -> None:
    """Heun has one number of steps in the home cell, and the anchor in another one."""
    one_only = (("heun", 1), ("euler", 2))
    holed = [
        one
        for one in grid()
        if (one.knobs["batch_size"] == 1 or one.knobs["scheduler"] != "dpmpp_2m")
        and (
            one.knobs["steps"] == 4
            or (one.knobs["scheduler"], one.knobs["batch_size"]) not in one_only
        )
    ]
    chosen = design(holed)
    assert chosen.home == cell_key(grid()[0].knobs)
    assert {("heun", 2, 2), ("heun", 2, 8)} <= places(chosen.identifying)
    assert {("ddim", 2, 2), ("ddim", 2, 8)} <= places(chosen.identifying)


def test_each_scheduler_is_measured_once_for_each_strength_and_guidance() -> None:
    """Their evaluations differ: what tells one strength tells nothing of another."""
    for name, values in (("strength", (0.4, 0.8)), ("guidance_scale", (1.0, 5.0))):
        both = [one for value in values for one in grid(**{name: value})]
        assert len(design(both).identifying) == 2 * len(design(grid()).identifying)
