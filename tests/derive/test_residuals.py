from __future__ import annotations

import math
from typing import Any

import pytest

from sdbench.derive.observation import DENOISER, Observation
from sdbench.derive.residuals import Residual, interval_factor, single_errors

HELD_OUT = [f"held out {number}" for number in range(8)]
CHOSEN = [f"chosen {number}" for number in range(30)]


def residual(key: str, log_ratio: float, call_s: float = 1.0) -> Residual:
    fields: dict[str, Any] = {"cell": "1", "sampler": "euler", "loop": "euler", "steps": 4}
    one = Observation(
        key=key,
        evaluations=4,
        call_s=call_s,
        stages_s={DENOISER: call_s},
        images_per_call=1,
        **fields,
    )
    return Residual(one, log_ratio, log_ratio)


def test_what_was_chosen_for_its_latency_tells_nothing_of_all_others() -> None:
    found = [residual(key, 0.1) for key in HELD_OUT] + [residual(key, 0.001) for key in CHOSEN]
    assert single_errors(found, HELD_OUT, {}) == [0.1] * 8


def test_where_few_were_held_out_all_that_check_are_taken() -> None:
    found = [residual(key, 0.1) for key in HELD_OUT[:3]] + [residual("chosen", 0.05)]
    assert single_errors(found, HELD_OUT, {}) == [0.1, 0.1, 0.1, 0.05]


def test_a_measurement_that_was_repeated_counts_as_it_was_at_first() -> None:
    """The second look took 2 s, 2 % more than derived; the first one 3 s."""
    found = [residual(key, math.log(1.02), call_s=2.0) for key in HELD_OUT]
    errors = single_errors(found, HELD_OUT, {HELD_OUT[0]: 3.0})
    assert errors[0] == pytest.approx(math.log(1.02 * 1.5))
    assert errors[1:] == pytest.approx([math.log(1.02)] * 7)


def test_the_interval_is_student_s_t_of_the_root_mean_square() -> None:
    """t of 97.5 % and 8 degrees of freedom is 2.306."""
    assert interval_factor([0.1, -0.1] * 4) == pytest.approx(math.exp(0.2306), rel=1e-3)


def test_one_error_tells_no_interval() -> None:
    assert interval_factor([0.1]) is None
