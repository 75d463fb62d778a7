"""How far a run's latencies can be trusted, against figures derived by hand and a simulation."""

from __future__ import annotations

import math
import random
from pathlib import Path
from statistics import stdev

import pytest
from factories import around, derived, record, run

from sdbench.analysis.noise import (
    CONFIRMED_ONE,
    NO_DRIVER,
    NOT_CONFIRMED,
    NOTHING_TIMED,
    noise,
    smallest_difference_ratio,
)
from sdbench.results.device_memory import DeviceMemory
from sdbench.results.figure import Figure, Origin
from sdbench.results.record import Record, Status
from sdbench.units import MIB


def again(swept: Record, median_s: float, number: int = 1) -> Record:
    """A fresh round of a configuration."""
    return record(
        samples_s=around(median_s),
        fields={"round": number},
        **{name: swept.knobs[name] for name in ("steps", "scheduler")},
    )


def beside(others_bytes: Figure) -> DeviceMemory:
    nothing = Figure.absent("not looked at")
    return DeviceMemory(
        peak_used_bytes=nothing,
        peak_process_bytes=nothing,
        context_bytes=nothing,
        other_processes_bytes=others_bytes,
        driver_reserved_bytes=nothing,
        total_bytes=nothing,
        sampling_period_s=None,
        readings=1,
    )


def test_within_a_round_two_intervals_must_not_touch(tmp_path: Path) -> None:
    spreads = {2: 0.01, 4: 0.02, 6: 0.09}
    records = [record(steps=n, samples_s=around(n, spread)) for n, spread in spreads.items()]
    found = noise(run(tmp_path, records))
    assert list(found.half_widths.values()) == pytest.approx([0.01, 0.02, 0.09])
    assert found.median_half_width == pytest.approx(0.02)
    # 2 * 0.02 / (1 - 0.02): 1.00 + 2 % touches 1.0408 - 2 %.
    assert found.within_ratio == pytest.approx(0.04 / 0.98)
    assert found.smallest_ratio == found.within_ratio
    assert found.within_reason is None


def test_without_a_second_round_the_difference_between_rounds_is_not_known(tmp_path: Path) -> None:
    found = noise(run(tmp_path, [record(steps=2), record(steps=4)]))
    assert (found.confirmed, found.shift_ratio, found.between_sd) == (0, None, None)
    assert (found.between_ratio, found.between_reason) == (None, NOT_CONFIRMED)


def test_one_configuration_measured_again_shows_a_shift_and_no_scatter(tmp_path: Path) -> None:
    swept = record(steps=2, samples_s=around(1.0))
    found = noise(run(tmp_path, [swept, again(swept, 1.1)]))
    assert found.confirmed == 1
    assert found.shift_ratio == pytest.approx(0.1)
    assert (found.between_sd, found.between_reason) == (None, CONFIRMED_ONE)


def test_between_rounds_it_is_the_scatter_of_the_shifts(tmp_path: Path) -> None:
    """A shift that all have in common, as of a warmer device, hides no difference between them."""
    shifts = {2: 1.02, 4: 1.04, 6: 1.06, 8: 1.08}
    swept = [record(steps=n, samples_s=around(1.0)) for n in shifts]
    fresh = [again(one, shifts[one.knobs["steps"]]) for one in swept]  # type: ignore[index]
    found = noise(run(tmp_path, [*swept, *fresh]))
    logs = [math.log(shift) for shift in shifts.values()]
    assert found.confirmed == 4
    assert found.between_sd == pytest.approx(stdev(logs))
    # t.975 and t.80 of 3 degrees of freedom: 3.182 and 0.978, together 2 k(4) = 2 * 2.08.
    assert found.between_ratio == pytest.approx(math.exp(2 * 2.08 * stdev(logs)) - 1)
    assert found.shift_ratio == pytest.approx(math.exp(sum(logs) / 4) - 1)
    assert found.smallest_ratio == found.between_ratio


@pytest.mark.parametrize(("count", "k"), [(4, 2.08), (6, 1.42), (8, 1.15), (12, 0.89), (16, 0.75)])
def test_the_quantiles_are_those_of_the_known_factors_k(count: int, k: float) -> None:
    shifts = [(-1.0) ** n for n in range(count)]
    scale = 0.01 / stdev(shifts)
    seen = smallest_difference_ratio([scale * one for one in shifts])
    assert math.log1p(seen) / 0.01 / math.sqrt(count) == pytest.approx(k, abs=0.006)


def test_a_difference_of_that_size_is_seen_four_times_in_five() -> None:
    """One further pair of configurations, tested with the scatter of the shifts; a fixed seed."""
    draw = random.Random(5)
    count, sigma, t_975 = 6, 0.01, 2.571
    seen = trials = 4000
    for _ in range(trials):
        shifts = [draw.gauss(0.03, sigma) for _ in range(count)]
        sd = stdev(shifts)
        true_difference = math.log1p(smallest_difference_ratio(shifts)) * sigma / sd
        seen -= abs(draw.gauss(true_difference, sigma)) <= t_975 * sd
    assert seen / trials == pytest.approx(0.8, abs=0.04)


def test_what_is_marked_is_counted_by_configuration(tmp_path: Path) -> None:
    marks = (False,) * 5 + (True,)
    records = [
        record(steps=2),
        record(steps=4, fields={"is_throttled": marks, "is_outlier": marks}),
        record(steps=6, status=Status.UNSTABLE, fields={"is_throttled": (True,) * 6}),
        record(steps=8, status=Status.OOM),
    ]
    found = noise(run(tmp_path, records))
    assert (found.throttled, found.unstable, found.outlying) == (2, 1, 1)


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        (Figure.measured(1 * MIB), 1),
        (Figure.measured(0), 0),
        (Figure(127 * MIB, Origin.INFERRED), 0),
        (Figure(128 * MIB, Origin.INFERRED), 1),
    ],
)
def test_company_on_the_device_is_counted_where_a_driver_tells(
    tmp_path: Path, others: Figure, expected: int
) -> None:
    records = [record(steps=2), record(steps=4, fields={"device_memory": beside(others)})]
    found = noise(run(tmp_path, records))
    assert (found.accompanied, found.accompanied_reason) == (expected, None)


def test_what_is_not_known_says_why(tmp_path: Path) -> None:
    found = noise(run(tmp_path, [record(samples_s=(1.0,))]))
    assert (found.accompanied, found.accompanied_reason) == (None, NO_DRIVER)
    assert (found.within_ratio, found.within_reason) == (None, NOTHING_TIMED)
    assert (found.median_half_width, found.smallest_ratio) == (None, None)


def test_derived_latencies_take_no_part(tmp_path):
    records = [record(steps=4, samples_s=around(1.0, 0.02)), derived(steps=8, spread=0.5)]
    found = noise(run(tmp_path, records))
    assert list(found.half_widths) == [records[0].key]


def test_what_waited_for_a_processor_is_counted_where_the_system_tells(tmp_path):
    waits = [(0.4,) * 6, (0.0,) * 6, ()]
    records = [
        record(steps=2 + n, samples_s=(1.0,) * 6, fields={"waited_s": one})
        for n, one in enumerate(waits)
    ]
    assert noise(run(tmp_path / "told", records)).crowded == 1
    assert noise(run(tmp_path / "untold", records[2:])).crowded is None
