"""Each kind of configuration is estimated once, and a failure costs its group alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stand_in_predictor import SLICED, StandIn, footprint

from sdbench.knobs.base import Unsupported
from sdbench.pipelines.errors import LoadError
from sdbench.predict.footprint import Footprint
from sdbench.predict.predictor import predict
from sdbench.suite.configuration import Configuration


def of(**values: Any) -> Configuration:
    return Configuration.of({"pipeline": {"builtin": "tiny"}, **values})


def test_each_configuration_is_told_once_in_its_place() -> None:
    asked = [of(batch_size=4), of(), of(dtype="fp16"), of(batch_size=2, steps=9), of(steps=3)]
    found = dict(predict(asked, StandIn()))
    peaks = [found[index] for index in range(len(asked))]
    assert peaks == [footprint(each) for each in (300, 150, 75, 200, 150)]


def test_a_group_is_estimated_at_once_with_its_batch_sizes_in_order() -> None:
    estimator = StandIn()
    list(predict([of(batch_size=4), of(steps=3), of(batch_size=2), of(steps=9)], estimator))
    assert [sizes for _, sizes in estimator.asked] == [(1, 2, 4)]


def test_what_is_unsupported_costs_its_group_and_will_stay_so() -> None:
    asked = [of(), of(attention_slicing="max"), of(attention_slicing="max", batch_size=2)]
    found = dict(predict(asked, StandIn()))
    assert found[0] == footprint(150)
    assert found[1] == found[2] == Footprint.absent(SLICED, is_lasting=True)


class Failing(StandIn):
    def __init__(self, error: Exception, smallest: int = 1) -> None:
        super().__init__()
        self.error = error
        self.smallest = smallest

    def footprints(
        self, knobs: Mapping[str, Any], batch_sizes: Sequence[int]
    ) -> Mapping[int, Footprint]:
        if batch_sizes[0] <= self.smallest:
            raise self.error
        return super().footprints(knobs, batch_sizes)


def test_what_one_batch_cannot_do_costs_it_alone() -> None:
    """VAE slicing has nothing to cut of one image, and all batch sizes were without a figure."""
    estimator = Failing(Unsupported("a batch of one has no parts"))
    found = dict(predict([of(batch_size=size) for size in (1, 2, 4)], estimator))
    assert [found[index].peak_allocated_bytes.value is None for index in range(3)] == [
        True,
        False,
        False,
    ]
    assert found[0].peak_allocated_bytes.reason == "a batch of one has no parts"


def test_a_file_that_is_not_there_may_be_there_the_next_time() -> None:
    found = dict(predict([of()], Failing(LoadError("there is no folder x"))))
    assert found[0] == Footprint.absent("there is no folder x", is_lasting=False)


def test_a_bug_costs_the_group_and_names_itself() -> None:
    found = dict(predict([of(), of(batch_size=2)], Failing(KeyError("unet"), smallest=2)))
    assert found[1] == Footprint.absent("KeyError: 'unet'", is_lasting=False)
