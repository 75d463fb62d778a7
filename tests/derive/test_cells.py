from __future__ import annotations

import factories

from sdbench.derive.cells import cell_key, steps_of


def test_schedulers_and_steps_share_a_cell_and_nothing_else_does() -> None:
    one = factories.knobs(scheduler="euler", steps=4)
    assert cell_key(one) == cell_key(factories.knobs(scheduler="ddim", steps=50))
    for other in ({"batch_size": 2}, {"dtype": "fp16"}, {"height": 512}, {"attention": "eager"}):
        assert cell_key(one) != cell_key(factories.knobs(scheduler="euler", steps=4, **other))


def test_how_much_guidance_costs_no_time_but_whether_there_is_any_does() -> None:
    some, more, none = (cell_key(factories.knobs(guidance_scale=g)) for g in (3, 7.5, 1))
    assert some == more != none
    assert cell_key(factories.knobs()) not in (some, none)


def test_steps_that_the_pipeline_decides_are_not_known() -> None:
    assert steps_of(factories.knobs()) is None
    assert steps_of(factories.knobs(steps=4)) == 4
