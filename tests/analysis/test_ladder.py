"""The search, on devices whose memory is a formula."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import factories
import pytest

from sdbench.analysis.candidate import Candidate
from sdbench.analysis.ladder import PATIENCE, Search
from sdbench.analysis.ladder_step import Verdict
from sdbench.analysis.rungs import Surroundings
from sdbench.results.figure import Figure, Origin
from sdbench.results.out_of_memory import OutOfMemory
from sdbench.results.prediction import Fit, Prediction
from sdbench.results.record import Record, Status
from sdbench.suite.configuration import Configuration
from sdbench.units import MIB

GPU, CPU = Surroundings("cuda:0"), Surroundings("cpu")
Peaks = Callable[[Mapping[str, Any]], Mapping[str, float]]
"""Peak of each stage in MiB, in the order of the call."""


def sd15(knobs: Mapping[str, Any]) -> dict[str, float]:
    """Something like Stable Diffusion 1.5 at 512 x 512."""
    half = 1 if knobs["dtype"] == "fp32" else 2
    weights = 4000 * {"none": 1, "model": 0.8, "group": 0.1, "sequential": 0.05}[knobs["offload"]]
    batch = knobs["batch_size"]
    decoded = 1 if knobs["vae_slicing"] == "on" else batch
    tiled = 0.3 if knobs["vae_tiling"] == "on" else 1
    attention = {"off": 4, "auto": 2, "max": 1}[knobs["attention_slicing"]]
    plain = attention if knobs["attention"] == "eager" or attention < 4 else 1
    return {
        "load": weights / half,
        "denoiser": (weights + 260 * plain * batch) / half,
        "vae_decode": (weights + 2000 * decoded * tiled + 30 * batch) / half,
    }


def run(configuration: Configuration, limit_mib: float, peaks: Peaks = sd15) -> Record:
    """What a round under a limit yields."""
    found = peaks(configuration.knobs)
    too_large = next((stage for stage, mib in found.items() if mib > limit_mib), None)
    values = {n: v for n, v in configuration.knobs.items() if n != "pipeline"}
    if too_large is None:
        fields = {"stage_peak_allocated_bytes": {s: int(m * MIB) for s, m in found.items()}}
        return factories.record(allocated_mib=max(found.values()), fields=fields, **values)
    told = OutOfMemory(
        phase="loading" if too_large == "load" else "memory pass",
        stage=None if too_large == "load" else too_large,
        allocated_bytes=int(limit_mib * MIB),
        requested_bytes=MIB,
    )
    fields = {"out_of_memory": told, "first_call_s": None if too_large == "load" else 1.0}
    return factories.record(status=Status.OOM, fields=fields, **values)


def searched(search: Search, limit_mib: float, peaks: Peaks = sd15) -> Search:
    """The search at its end."""
    while (candidate := search.next) is not None:
        search = search.told(candidate, run(candidate.configuration, limit_mib, peaks))
    return search


def search_for(limit_mib: float, around: Surroundings = GPU, **values: Any) -> Search:
    wanted = Configuration.of({"pipeline": factories.PIPELINE, **values})
    return Search(wanted, around, int(limit_mib * MIB))


def answer(search: Search) -> dict[str, Any] | None:
    return search.answer.candidate.change if search.answer else None


def tried(search: Search) -> list[dict[str, Any]]:
    return [step.candidate.change for step in search.steps]


@pytest.mark.parametrize(
    ("limit_mib", "expected"),
    [
        # wanted: batch 8 in fp32: load 4000, denoiser 6080, VAE 20240 MiB
        (21000, {}),
        (7000, {"vae_slicing": "on"}),
        (5000, {"vae_slicing": "on", "dtype": "bf16"}),
        (3100, {"dtype": "bf16", "vae_slicing": "on", "batch_size": 4}),
        (1500, {"dtype": "bf16", "vae_slicing": "on", "offload": "group"}),
    ],
)
def test_the_least_loss_that_fits_is_found(limit_mib: float, expected: dict[str, Any]) -> None:
    search = searched(search_for(limit_mib, batch_size=8), limit_mib)
    assert answer(search) == expected


@pytest.mark.parametrize("limit_mib", [300, 800, 1500, 2400, 3100, 4500, 6000, 20000])
@pytest.mark.parametrize("batch", [1, 4])
def test_it_is_the_one_that_trying_everything_would_find(limit_mib: float, batch: int) -> None:
    search = search_for(limit_mib, batch_size=batch)
    fitting = [
        candidate
        for candidate in search.candidates()
        if max(sd15(candidate.configuration.knobs).values()) <= limit_mib
    ]
    found = searched(search, limit_mib)
    if not fitting:
        assert found.answer is None
    else:
        assert found.answer is not None
        assert found.answer.candidate.loss == fitting[0].loss
    assert len(found.steps) <= PATIENCE + 13


def test_a_rung_that_does_not_touch_the_stage_is_not_tried_alone() -> None:
    """The denoiser does not fit: decoding in parts cannot help, alone or together."""
    search = searched(search_for(5900, batch_size=8, attention="eager"), 5900)
    first_with_vae = next(i for i, change in enumerate(tried(search)) if "vae_slicing" in change)
    assert first_with_vae > 0
    assert search.steps[0].stage == "denoiser"
    assert {"vae_slicing": "on"} not in tried(search)
    assert {"vae_tiling": "on"} not in tried(search)


def test_where_loading_fails_only_smaller_weights_are_tried() -> None:
    search = searched(search_for(30, batch_size=8), 30)
    assert {name for change in tried(search) for name in change} == {"dtype", "offload"}
    assert len(search.steps) == PATIENCE + 1


def test_where_nothing_fits_the_strongest_set_is_tried_early() -> None:
    search = searched(search_for(101, batch_size=8), 101)
    assert search.answer is None
    assert len(search.steps) <= PATIENCE + 4
    assert search.steps[PATIENCE].candidate.strength == max(
        step.candidate.strength for step in search.steps[: PATIENCE + 1]
    )


def test_patience_is_followed_by_halving() -> None:
    """Once something fits, what is run next lies in the middle of what would lose less."""
    search = searched(search_for(700, batch_size=8), 700)
    verdicts = [step.verdict for step in search.steps]
    assert verdicts[:PATIENCE] == [Verdict.OUT_OF_MEMORY] * PATIENCE
    assert verdicts.count(Verdict.FITS) > 1
    losses = [s.candidate.loss for s in search.steps if s.verdict is Verdict.FITS]
    assert losses == sorted(losses, reverse=True)


def test_one_image_is_not_decoded_image_by_image() -> None:
    for candidate in search_for(1, batch_size=4).candidates():
        change = candidate.change
        assert not (change.get("batch_size") == 1 and change.get("vae_slicing") == "on")


def test_one_image_needs_no_more_than_one_decoded_at_a_time() -> None:
    candidates = search_for(1, batch_size=4).candidates()
    (single,) = [one for one in candidates if one.change == {"batch_size": 1}]
    (sliced,) = [one for one in candidates if one.change == {"vae_slicing": "on"}]
    assert single.levels("vae_decode")["vae_slicing"] == sliced.levels("vae_decode")["vae_slicing"]
    assert "vae_slicing" not in single.levels("load")


def refusing(knob: str) -> Callable[[Candidate], Record]:
    """Rounds in which everything is too large, and one knob cannot be turned."""

    def record(candidate: Candidate) -> Record:
        configuration = candidate.configuration
        if knob in candidate.change:
            values = {n: v for n, v in configuration.knobs.items() if n != "pipeline"}
            return factories.record(status=Status.UNSUPPORTED, **values)
        return run(configuration, 2500)

    return record


def test_a_rung_that_cannot_be_taken_is_not_tried_again() -> None:
    search = search_for(2500, CPU, batch_size=8)
    record = refusing("vae_tiling")
    while (candidate := search.next) is not None:
        search = search.told(candidate, record(candidate))
    refused = [change for change in tried(search) if "vae_tiling" in change]
    assert len(refused) <= 1
    assert search.strongest is not None
    assert "vae_tiling" not in search.strongest.change


def test_what_is_wanted_and_unsupported_ends_the_search() -> None:
    search = search_for(2500, batch_size=8)
    unsupported = factories.record(status=Status.UNSUPPORTED, batch_size=8)
    assert search.next is not None
    search = search.told(search.next, unsupported)
    assert search.next is None
    assert search.answer is None


@pytest.mark.parametrize("status", [Status.ERROR, Status.TIMEOUT, Status.SKIPPED])
def test_what_is_wanted_and_fails_otherwise_ends_the_search(status: Status) -> None:
    search = search_for(2500, batch_size=8)
    assert search.next is not None
    search = search.told(search.next, factories.record(status=status, batch_size=8))
    assert search.next is None


def predictions(search: Search, limit_mib: float) -> dict[str, Prediction]:
    found = {}
    for candidate in search.candidates():
        key = candidate.configuration.key
        peaks = sd15(candidate.configuration.knobs)
        stage = max(peaks, key=peaks.__getitem__)
        fits = peaks[stage] <= limit_mib
        found[key] = Prediction(
            key=key,
            peak_allocated_bytes=Figure(int(peaks[stage] * MIB), Origin.PREDICTED),
            interval_bytes=None,
            stage=stage,
            peak_reserved_bytes=Figure.absent("a test"),
            verdict=Fit.FITS if fits else Fit.DOES_NOT_FIT,
            reason="a test",
        )
    return found


def test_with_predictions_only_what_is_wanted_and_what_fits_are_run() -> None:
    search = search_for(1500, batch_size=8)
    search = searched(search.predicted(predictions(search, 1500)), 1500)
    assert answer(search) == {"dtype": "bf16", "vae_slicing": "on", "offload": "group"}
    assert [step.candidate.change for step in search.steps if step.record] == [{}, answer(search)]
    assert Verdict.PREDICTED_NOT_TO_FIT in {step.verdict for step in search.steps}


def test_a_prediction_that_was_too_hopeful_costs_a_run() -> None:
    search = search_for(1500, batch_size=8)
    search = searched(search.predicted(predictions(search, 3000)), 1500)
    assert answer(search) == {"dtype": "bf16", "vae_slicing": "on", "offload": "group"}


def test_gaps_in_the_allocators_memory_bring_its_setting_into_play() -> None:
    search = search_for(2500, batch_size=8)
    wanted = search.next
    assert wanted is not None
    oom = run(wanted.configuration, 2500)
    assert oom.out_of_memory is not None
    for told in (
        replace(oom.out_of_memory, suggests_expandable_segments=True),
        replace(oom.out_of_memory, requested_bytes=MIB, reserved_unallocated_bytes=2 * MIB),
    ):
        after = search.told(wanted, replace(oom, out_of_memory=told))
        assert after.next is not None
        assert after.next.change == {"allocator": "expandable_segments"}
    assert not any("allocator" in one.change for one in search.told(wanted, oom).candidates())


def test_plain_attention_processors_bring_slices_into_play() -> None:
    search = search_for(5900, batch_size=8)
    wanted = search.next
    assert wanted is not None
    seen = {"attention_processors": {"unet": {"AttnProcessor": 16}, "vae": {"AttnProcessor2_0": 1}}}
    record = replace(run(wanted.configuration, 5900), effective=seen)
    slicings = {
        one.change.get("attention_slicing") for one in search.told(wanted, record).candidates()
    }
    assert slicings == {None, "auto", "max"}
    efficient = {"attention_processors": {"unet": {"AttnProcessor2_0": 16}}}
    record = replace(record, effective=efficient)
    assert search.told(wanted, record).candidates() == search.candidates()
