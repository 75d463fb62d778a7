from __future__ import annotations

from collections import Counter
from itertools import product
from random import Random
from typing import Any

import factories
import pytest

from sdbench.derive.cells import cell_key, sampler_key
from sdbench.errors import IllegalValue
from sdbench.fleet.shards import (
    EmptyShard,
    Shard,
    deal,
    joined,
    parse_joined,
    parse_shard,
    shard_of,
)
from sdbench.run.plan import load_key
from sdbench.suite.configuration import Configuration

AXES: dict[str, tuple[Any, ...]] = {
    "dtype": ("fp32", "fp16", "bf16"),
    "scheduler": ("euler", "ddim", "heun"),
    "steps": (2, 4, 6),
    "batch_size": (1, 2),
}


def grid(**axes: Any) -> list[Configuration]:
    return [
        Configuration(factories.knobs(**dict(zip(axes, values, strict=True))))
        for values in product(*axes.values())
    ]


def sizes(shards: tuple[tuple[Configuration, ...], ...]) -> list[int]:
    return [len(shard) for shard in shards]


def test_a_shard_is_read_from_its_number_and_how_many_there_are() -> None:
    assert parse_shard("2/4") == Shard(2, 4)
    assert str(Shard(2, 4)) == "2/4"


@pytest.mark.parametrize("raw", ["", "2", "0/4", "5/4", "1/0", "-1/4", "a/b", "1/1001", "1/2/3"])
def test_what_is_no_shard_is_refused_with_what_is_legal(raw: str) -> None:
    with pytest.raises(IllegalValue, match="legal is i/n with 1 <= i <= n <= 1000, such as 2/4"):
        parse_shard(raw)


def test_shards_that_were_joined_are_read_back() -> None:
    assert joined((3, 1), 4) == "1,3 of 4"
    assert parse_joined("1,3 of 4") == ((1, 3), 4)
    assert parse_joined("2/4") == ((2,), 4)
    with pytest.raises(IllegalValue):
        parse_joined("1;3/4")


@pytest.mark.parametrize("seed", range(40))
def test_every_configuration_is_in_exactly_one_shard(seed: int) -> None:
    draw = Random(seed)
    axes = {
        name: draw.sample(values, draw.randint(1, len(values))) for name, values in AXES.items()
    }
    configurations = grid(**axes)
    configurations = draw.sample(configurations, draw.randint(1, len(configurations)))
    count = draw.randint(1, 8)
    shards = deal(configurations, count)
    dealt = Counter(one.key for shard in shards for one in shard)
    assert dealt == Counter(one.key for one in configurations)
    places = {one.key: place for place, one in enumerate(configurations)}
    assert all(list(shard) == sorted(shard, key=lambda o: places[o.key]) for shard in shards)
    assert deal(tuple(configurations), count) == shards
    assert min(sizes(shards)) > 0 or len(configurations) < count


def test_a_load_stays_whole_where_there_are_enough_of_them() -> None:
    shards = deal(grid(dtype=("fp32", "fp16", "bf16"), steps=(2, 4)), 2)
    assert sizes(shards) == [4, 2]
    loads = [{load_key(one) for one in shard} for shard in shards]
    assert not loads[0] & loads[1]


def test_cells_stay_whole_where_loads_are_too_few() -> None:
    shards = deal(grid(dtype=("fp32", "fp16"), batch_size=(1, 2), steps=(2, 4, 6)), 4)
    assert sizes(shards) == [3, 3, 3, 3]
    assert [len({cell_key(one.knobs) for one in shard}) for shard in shards] == [1, 1, 1, 1]


def test_samplers_stay_whole_where_cells_are_too_few() -> None:
    shards = deal(grid(scheduler=("euler", "ddim", "heun"), steps=(2, 4)), 3)
    assert [len({sampler_key(one.knobs) for one in shard}) for shard in shards] == [1, 1, 1]


def test_of_equally_full_shards_one_that_loads_the_pipeline_anyway_is_taken() -> None:
    """Six equal cells of two loads on two shards: each shard loads one pipeline."""
    configurations = grid(dtype=("fp32", "fp16", "bf16"), batch_size=(1, 2), steps=(2, 4))
    shards = deal(configurations, 4)  # three loads are too few for four shards
    assert sizes(shards) == [4, 4, 2, 2]
    assert [len({load_key(one) for one in shard}) for shard in shards[2:]] == [1, 1]


def test_the_largest_load_goes_first_to_the_emptiest_shard() -> None:
    small = grid(dtype=("fp16",), steps=(2,)) + grid(dtype=("bf16",), steps=(2, 4))
    shards = deal(small + grid(dtype=("fp32",), steps=(2, 4, 6)), 2)
    assert sizes(shards) == [3, 3]
    assert {one.knobs["dtype"] for one in shards[0]} == {"fp32"}


def test_a_shard_without_configurations_is_refused_with_how_many_would_do() -> None:
    configurations = grid(steps=(2, 4, 6))
    assert [len(shard_of(configurations, Shard(i, 3))) for i in (1, 2, 3)] == [1, 1, 1]
    with pytest.raises(EmptyShard, match=r"shard 4/4 has nothing .* name at most 3 shards"):
        shard_of(configurations, Shard(4, 4))
