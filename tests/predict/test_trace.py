"""Peaks of a trace, derived by hand from its events."""

from __future__ import annotations

from sdbench.predict.trace import Event, Trace


def test_each_stage_begins_with_what_is_there() -> None:
    trace = Trace(
        (
            Event(0, 100, False, "load"),  # load: 100
            Event(1, 50, False, "denoiser"),  # denoiser: 150
            Event(1, 50, True, "denoiser"),
            Event(2, 20, False, "denoiser"),  # 120
            Event(2, 20, True, "vae_decode"),  # it began with 120
            Event(3, 10, False, "vae_decode"),  # 110
            Event(4, 45, False, "denoiser"),  # a second evaluation: 155
        )
    )
    assert trace.stage_peak_bytes == {"load": 100, "denoiser": 155, "vae_decode": 120}
    assert trace.peak_bytes == 155
    assert trace.stage == "denoiser"


def test_of_stages_with_equal_peaks_the_first_sets_it() -> None:
    trace = Trace((Event(0, 7, False, "load"), Event(0, 7, True, "other")))
    assert trace.stage_peak_bytes == {"load": 7, "other": 7}
    assert trace.stage == "load"


def test_nothing_has_no_stage() -> None:
    assert (Trace(()).peak_bytes, Trace(()).stage) == (0, None)
