import pytest
from factories import derived, record
from hardware_runs import run_on, sweep

from sdbench.analysis.hardware import NothingInCommon, compare_hardware
from sdbench.analysis.saturation import Ending
from sdbench.results.record import Status


def test_ratios_are_of_the_same_configurations_and_above_1_for_the_faster_device(tmp_path):
    slow = run_on(tmp_path, "slow", sweep(1.0))
    fast = run_on(tmp_path, "fast", sweep(0.25))
    comparison = compare_hardware([slow, fast])
    assert [row.sides.ratios[1].point for row in comparison.rows] == pytest.approx([4, 4, 4])
    assert compare_hardware([slow, fast], 1).over_all.ratios[0].point == pytest.approx(0.25)
    # One image a second and four: 3,600 and 14,400 an hour.
    assert comparison.rows[0].sides.images_per_h[0].point == pytest.approx(3600)
    assert comparison.rows[0].sides.images_per_h[1].point == pytest.approx(14400)


def test_a_mean_is_over_what_every_device_measured_and_never_over_another_set(tmp_path):
    """Batch 4 did not fit on the third, so that the first gains nothing from being fast at it."""
    first = run_on(tmp_path, "first", [*sweep(1.0, batches=(1, 2)), *sweep(0.1, batches=(4,))])
    second = run_on(tmp_path, "second", sweep(0.5))
    third = run_on(tmp_path, "third", sweep(0.25, fits=2))
    mean = compare_hardware([first, second, third]).over_all
    assert mean.count == 2
    assert [one.point for one in mean.ratios] == pytest.approx([1, 2, 4])
    assert mean.ranges[2] == pytest.approx((4, 4))


def test_what_ran_out_of_memory_or_is_missing_stays_in_its_row(tmp_path):
    large = run_on(tmp_path, "large", sweep(1.0))
    small = run_on(tmp_path, "small", sweep(1.0, fits=2, batches=(2, 4)))
    rows = {row.knobs["batch_size"]: row for row in compare_hardware([large, small]).rows}
    assert rows[1].sides.measured[1] is None
    assert rows[4].sides.measured[1].status is Status.OOM
    assert rows[4].sides.ratios[1] is None
    assert [rows[batch].sides.is_complete for batch in (1, 2, 4)] == [False, True, False]


def test_each_device_stands_at_its_own_saturating_batch(tmp_path):
    # The first draws 1 image a second at any batch, the second 1, 1.96 and 3.77.
    first = run_on(tmp_path, "first", sweep(1.0))
    second = run_on(tmp_path, "second", sweep(0.02, 0.98))
    (family,) = compare_hardware([first, second]).families
    assert [one.at.batch_size for one in family.saturations] == [1, 4]
    assert [one.ending for one in family.saturations] == [
        Ending.SATURATED,
        Ending.LARGEST_MEASURED,
    ]
    assert family.at_one.ratios[1].point == pytest.approx(1.0)
    assert family.at_saturation.ratios[1].point == pytest.approx(4 / 1.06)
    assert family.fixed_shares[0] is None
    assert family.fixed_shares[1] == pytest.approx(0.98, abs=0.01)


def test_a_family_of_one_batch_is_in_no_mean_of_saturating_batches(tmp_path):
    """The default configuration, measured at batch 1 alone, pulled the mean towards batch 1."""
    records = [
        [*sweep(s, f), *sweep(s, f, batches=(1,), steps=9)] for s, f in ((1, 0), (0.02, 0.98))
    ]
    runs = [run_on(tmp_path, f"gpu {i}", one) for i, one in enumerate(records)]
    comparison = compare_hardware(runs)
    assert (comparison.at_saturation.count, comparison.at_one.count) == (1, 2)
    assert comparison.decisive is comparison.at_saturation
    alone = compare_hardware([run_on(tmp_path, name, [record()]) for name in "ab"])
    assert alone.at_saturation.count == 0
    assert alone.decisive is alone.over_all


def test_runs_without_a_configuration_in_common_are_refused(tmp_path):
    one = run_on(tmp_path, "one", [record(steps=1)])
    other = run_on(tmp_path, "other", [record(steps=2)])
    with pytest.raises(NothingInCommon, match="one has 1 of suite test; other has 1"):
        compare_hardware([one, other])


def test_what_was_derived_is_in_no_ratio(tmp_path):
    first = run_on(tmp_path, "first", sweep(1.0))
    second = run_on(tmp_path, "second", [*sweep(0.5, batches=(1, 2)), derived(2.0, batch_size=4)])
    comparison = compare_hardware([first, second])
    assert comparison.over_all.count == 2
    last = comparison.rows[2].sides
    assert last.measured[1].status_word == "derived"
    assert (last.images_per_h[1], last.ratios[1]) == (None, None)
    (family,) = comparison.families
    assert family.saturations[1].at.batch_size <= 2
