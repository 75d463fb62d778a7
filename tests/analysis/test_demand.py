from __future__ import annotations

import itertools

from sdbench.analysis.demand import half_dtype, most_demanding
from sdbench.suite.configuration import Configuration


def test_the_most_demanding_configuration_is_wanted() -> None:
    values = itertools.product([1, 4], [512, 1024], ["fp16", "fp32"], ["max", "off"])
    swept = [
        Configuration.of(
            {"batch_size": b, "height": h, "width": h, "dtype": d, "attention_slicing": s}
        )
        for b, h, d, s in values
    ]
    assert most_demanding(swept) == swept[-1]
    assert most_demanding(swept[::-1]) == swept[-1]


def test_of_equally_demanding_configurations_the_first_is_wanted() -> None:
    swept = [Configuration.of({"scheduler": name}) for name in ("euler", "ddim")]
    assert most_demanding(swept) == swept[0]


def test_the_half_precision_of_a_suite_is_the_one_it_sweeps() -> None:
    swept = [Configuration.of({"dtype": dtype}) for dtype in ("fp32", "fp16")]
    assert half_dtype(swept) == "fp16"
    assert half_dtype(swept[:1]) is None
