import pytest
from factories import record
from hardware_runs import sweep

from sdbench.analysis.measurement import measurement_of
from sdbench.analysis.saturation import Ending, fixed_share, saturation
from sdbench.results.record import Status


def family(*args, **kwargs):
    return [measurement_of(one) for one in sweep(*args, **kwargs)]


def stands(found):
    return found.at.batch_size, found.ending


def test_it_is_the_smallest_batch_beyond_which_images_a_second_grow_by_less_than_5_percent():
    # 1 s an image and 0.1 s a call: 1.1, 1.05, 1.025, 1.0125 s an image. From batch 2 to 8 it is
    # 3.7 %, from 1 to 8 it is 8.6 %.
    assert stands(saturation(family(1.0, 0.1, batches=(1, 2, 4, 8)))) == (2, Ending.SATURATED)


def test_a_gain_that_comes_late_counts():
    # Each doubling gains 3 to 4 %, both together more than 5 %.
    late = [
        measurement_of(record(batch_size=batch, samples_s=(batch * per_image_s,) * 6))
        for batch, per_image_s in ((1, 1.0), (2, 0.97), (4, 0.94))
    ]
    assert stands(saturation(late)) == (2, Ending.SATURATED)


def test_a_largest_batch_that_still_gains_is_not_called_saturated():
    assert stands(saturation(family(0.01, 1.0))) == (4, Ending.LARGEST_MEASURED)


def test_memory_that_keeps_larger_batches_away_is_named():
    found = saturation(family(0.01, 1.0, batches=(1, 2, 4), fits=2))
    assert stands(found) == (2, Ending.OUT_OF_MEMORY)


def test_one_batch_alone_says_nothing_of_saturation():
    assert stands(saturation(family(1.0, batches=(4,)))) == (4, Ending.ONLY_ONE)
    assert saturation(family(1.0, fits=0)) is None


def test_a_gain_within_the_intervals_is_none():
    # 1.1 s against 1.0 s an image are 10 %, with intervals of 20 % each.
    assert stands(saturation(family(0.9, 0.2, batches=(1, 2), spread=0.2))) == (1, Ending.SATURATED)


def test_what_was_unstable_stands_for_nothing():
    unstable = measurement_of(record(batch_size=8, samples_s=(1.0,) * 6, status=Status.UNSTABLE))
    found = saturation([*family(1.0, batches=(1, 2)), unstable])
    assert stands(found) == (1, Ending.SATURATED)


def test_the_share_that_does_not_grow_with_the_images_is_told_from_two_batches():
    # 3 s a call and 1 s an image: 3 of the 4 s of batch 1.
    assert fixed_share(family(1.0, 3.0, spread=0)) == pytest.approx(0.75)
    assert fixed_share(family(1.0, 0.0, spread=0.01)) is None
    assert fixed_share(family(1.0, 3.0, batches=(2, 4))) is None
    assert fixed_share(family(1.0, 3.0, batches=(1,))) is None


def test_the_intervals_make_that_share_smaller_never_larger():
    # Ends: 3.96 s of batch 1 and 5.05 s of batch 2, so 1 - 1.09 / 3.96.
    assert fixed_share(family(1.0, 3.0, spread=0.01)) == pytest.approx(1 - 1.09 / 3.96)
