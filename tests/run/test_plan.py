from __future__ import annotations

from typing import Any

from sdbench.run.plan import load_key, plan
from sdbench.suite.configuration import Configuration


def of(**values: Any) -> Configuration:
    return Configuration.of({"pipeline": {"builtin": "tiny"}, **values})


def test_configurations_that_share_a_load_come_together() -> None:
    first, second, third = of(dtype="fp32", steps=1), of(dtype="fp16"), of(dtype="fp32", steps=2)
    assert plan([first, second, third]) == (first, third, second)


def test_within_a_load_those_that_share_a_setup_come_together() -> None:
    first = of(scheduler="euler", steps=1)
    second = of(scheduler="ddim", steps=1)
    third = of(scheduler="euler", steps=2)
    assert plan([first, second, third]) == (first, third, second)


def test_the_suites_order_is_kept_otherwise() -> None:
    configurations = [of(steps=steps) for steps in (8, 2, 5)]
    assert plan(configurations) == tuple(configurations)


def test_only_load_knobs_need_another_load() -> None:
    assert load_key(of(steps=1, scheduler="euler", batch_size=4)) == load_key(of())
    for knob, value in (("dtype", "fp16"), ("offload", "model"), ("compile", "default")):
        assert load_key(of(**{knob: value})) != load_key(of())
