from __future__ import annotations

from dataclasses import replace

import pytest
from factories import around, record

from sdbench.analysis.measurement import Measurement, measurement_of
from sdbench.analysis.objective import contenders, figure_of, like_for_like, swept_figure_of
from sdbench.analysis.recommend import recommend
from sdbench.suite.model import Limits, Metric, Objective

PER_IMAGE = Metric.LATENCY_PER_IMAGE


def swept(median_s: float, steps: int = 20, **knobs) -> Measurement:
    return measurement_of(record(steps=steps, samples_s=around(median_s), **knobs))


def confirmed(swept_s: float, fresh_s: float, **knobs) -> Measurement:
    """Measured again: its figure is that of the fresh rounds."""
    before, after = swept(swept_s, **knobs), swept(fresh_s, **knobs)
    return replace(
        after,
        confirmed_rounds=2,
        swept_latency=before.latency,
        swept_latency_per_image=before.latency_per_image,
    )


A = confirmed(1.0, 1.2, dtype="fp16")
B = swept(1.1, dtype="bf16")
C = swept(0.9, dtype="fp32")


def ranked(*measured: Measurement):
    return [(figure_of(m, PER_IMAGE), m) for m in measured]


def test_what_lost_in_the_sweep_cannot_win_for_not_having_been_measured_again():
    """The machine was slower in the fresh rounds: 1.2 s are not slower than the sweep's 1.1 s."""
    assert [m for _, m in contenders(ranked(A, B), PER_IMAGE)] == [A]


def test_what_won_in_the_sweep_may_win():
    assert [m for _, m in contenders(ranked(A, B, C), PER_IMAGE)] == [A, C]


def test_without_fresh_rounds_all_may_win():
    assert [m for _, m in contenders(ranked(B, C), PER_IMAGE)] == [B, C]


def test_memory_is_no_matter_of_rounds():
    assert contenders(ranked(A, B), Metric.MEMORY) == ranked(A, B)


@pytest.mark.parametrize(
    ("one", "other", "points"),
    [
        (A, B, (1.0, 1.1)),  # one was measured again: both in the sweep
        (B, A, (1.1, 1.0)),
        (B, C, (1.1, 0.9)),
        (A, confirmed(2.0, 2.2), (1.2, 2.2)),  # both were: both in fresh rounds
    ],
)
def test_like_is_compared_with_like(one, other, points):
    ours, theirs = like_for_like(one, other, PER_IMAGE)
    assert (ours.point, theirs.point) == pytest.approx(points)


def test_the_swept_figure_of_an_image_is_that_of_a_call_over_its_images():
    batch = confirmed(4.0, 5.0, batch_size=4)
    assert swept_figure_of(batch, PER_IMAGE).point == pytest.approx(1.0)
    assert swept_figure_of(batch, Metric.LATENCY).point == pytest.approx(4.0)


def test_nothing_without_a_figure_is_compared():
    untimed = measurement_of(record(steps=20))
    assert like_for_like(A, replace(untimed, latency_per_image=None), PER_IMAGE) is None


def test_the_choice_stays_with_what_was_measured_again_and_says_what_looks_faster():
    advice = recommend([A, B], Limits(), Objective())
    assert advice.best.chosen is A
    assert advice.best.ties == ()
    assert "By the sweep's figures alone 1 other looks as good or better" in advice.best.reason
    assert "It is the fastest per image of those that were measured again." in advice.best.reason


def test_the_gain_over_a_default_that_was_not_measured_again_is_that_of_the_sweep():
    # 1.1 s against 1.0 s in the sweep; 1.1 against the fresh 1.2 would be a loss.
    advice = recommend([A, B], Limits(), Objective(), default_keys={B.key})
    assert advice.best.gain.ratio == pytest.approx(1.1)
