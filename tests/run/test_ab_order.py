"""What an A/B job is asked for: its control, and whether its sides differ at all."""

from __future__ import annotations

import pytest
from ab_jobs import installation

from sdbench.run.ab_order import NoControl, are_the_same, chosen_control
from sdbench.run.order import Order


def test_the_control_is_chosen_by_its_settings(plain: Order) -> None:
    configurations = plain.configurations
    assert chosen_control(configurations, None) == configurations[0]
    assert chosen_control(configurations, "none") is None
    assert chosen_control(configurations, "steps 4, dtype fp16") == configurations[4]
    assert chosen_control(configurations, "dtype=fp16,steps=6") == configurations[5]
    assert chosen_control(configurations, configurations[3].key) == configurations[3]
    with pytest.raises(
        NoControl, match=r"no configuration of the suite is 'steps 5'; .*'dtype fp32, steps 2'"
    ):
        chosen_control(configurations, "steps 5")


def test_sides_are_the_same_where_nothing_but_their_names_differs() -> None:
    assert are_the_same(installation("main"), installation("change"))
    assert not are_the_same(installation(), installation(packages={"torch": "2.14.0"}))
    assert not are_the_same(installation(), installation(variables={"OMP_NUM_THREADS": "1"}))
    assert not are_the_same(installation(), installation(overrides={"attention": "eager"}))
