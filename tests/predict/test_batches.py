"""Peaks that lie on a line are taken from it; all others are asked for."""

from __future__ import annotations

from sdbench.predict.batches import at_each, between
from sdbench.predict.peaks import Peaks


class Peaked:
    """Peaks by a formula, and what was asked of it."""

    def __init__(self, bend: int = 0, reserved: bool = True) -> None:
        self.bend = bend
        self.reserved = reserved
        self.asked: list[int] = []

    def __call__(self, size: int) -> Peaks:
        self.asked.append(size)
        stages = {"load": 1000, "denoiser": 1000 + 100 * size + self.bend * size**2}
        return Peaks(stages, 2000 + 50 * size if self.reserved else None)


def test_three_batch_sizes_on_a_line_tell_all_others() -> None:
    peaked = Peaked()
    found = at_each((1, 2, 4, 8, 16), peaked)
    assert sorted(peaked.asked) == [1, 2, 16]
    assert {size: found[size] for size in (1, 2, 4, 8, 16)} == {
        size: Peaked()(size) for size in (1, 2, 4, 8, 16)
    }


def test_peaks_that_bend_are_all_asked_for() -> None:
    peaked = Peaked(bend=7)
    found = at_each((1, 2, 4, 8), peaked)
    assert sorted(peaked.asked) == [1, 2, 4, 8]
    assert found[2].allocated_bytes == 1000 + 200 + 28


def test_few_batch_sizes_are_asked_for() -> None:
    for sizes in ((3,), (1, 4), (1, 2, 4)):
        peaked = Peaked()
        assert sorted(at_each(sizes, peaked)) == list(sizes)
        assert sorted(peaked.asked) == list(sizes)


def test_what_is_not_reserved_stays_so() -> None:
    low, high = Peaked(reserved=False)(1), Peaked(reserved=False)(3)
    assert between(low, high, 0.5).reserved_bytes is None
