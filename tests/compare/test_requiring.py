"""Comparisons that are no answer where the conditions differ."""

from __future__ import annotations

import comparisons as ready

from sdbench.compare.comparison import Ending
from sdbench.compare.requiring import requiring_same_conditions


def test_what_would_be_advisory_is_unfit_and_nothing_of_it_is_a_regression() -> None:
    """Memory that grew would be a regression in any environment, but not in another torch's."""
    found = requiring_same_conditions(ready.regression(advisory=("the runs differ in torch",)))
    assert found.ending is Ending.UNFIT
    assert found.advisory == ()
    assert found.unfit == ("the runs differ in torch",)
    assert tuple(found.regressions()) == ()


def test_a_comparison_that_gates_stays_as_it_is() -> None:
    assert requiring_same_conditions(ready.slower()) == ready.slower()
