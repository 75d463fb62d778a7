"""Predictions for a terminal and for programs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sdbench.predict.target import Target
from sdbench.report import predictions
from sdbench.report.predictions import predictions_json, print_predictions
from sdbench.results.figure import Figure, Origin
from sdbench.results.prediction import Fit, Prediction
from sdbench.suite.configuration import Configuration
from sdbench.units import GIB, MIB

T4 = Target(
    name="Tesla T4", compute_capability=(7, 5), limit_bytes=8 * GIB, context_bytes=400 * MIB
)
NO_LIMIT = Target(name="CPU", compute_capability=None, limit_bytes=None, context_bytes=0)


def of(**values: Any) -> Configuration:
    return Configuration.of({"pipeline": {"builtin": "emoji"}, **values})


def predicted(item: Configuration, peak_gib: float | None, fit: Fit | None) -> Prediction:
    if peak_gib is None:
        absent = Figure.absent("quantised layers are not predicted")
        return Prediction(
            key=item.key,
            peak_allocated_bytes=absent,
            interval_bytes=None,
            stage=None,
            peak_reserved_bytes=absent,
            verdict=None,
            reason="quantised layers are not predicted",
        )
    peak = int(peak_gib * GIB)
    return Prediction(
        key=item.key,
        peak_allocated_bytes=Figure(peak, Origin.PREDICTED),
        interval_bytes=(int(peak * 0.9), int(peak * 1.05)),
        stage="vae_decode",
        stage_peak_allocated_bytes={"load": peak // 2, "vae_decode": peak},
        peak_reserved_bytes=Figure(peak + GIB, Origin.PREDICTED),
        verdict=fit,
        reason="of what is free",
    )


ITEMS = [of(steps=steps, batch_size=batch) for batch in (1, 2, 4, 8) for steps in (10, 20)]
NEEDS = {1: (3.0, Fit.FITS), 2: (7.8, Fit.MAY_FIT), 4: (12.0, Fit.DOES_NOT_FIT), 8: (None, None)}
FOUND = {item.key: predicted(item, *NEEDS[int(str(item.knobs["batch_size"]))]) for item in ITEMS}


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Callable[..., list[str]]:
    def call(target: Target = T4, columns: int = 110) -> list[str]:
        print_predictions("my-suite", ITEMS, FOUND, target, columns)
        return capsys.readouterr().out.splitlines()

    return call


def test_what_needs_the_same_memory_is_one_row(printed: Callable[..., list[str]]) -> None:
    lines = printed()
    assert lines[0] == "my-suite: 8 configurations, 4 of different memory"
    assert [line.split() for line in lines if line.startswith("batch")] == [
        "batch 1 2 3.00 GiB vae decode 4.00 GiB fits".split(),
        "batch 2 2 7.80 GiB vae decode 8.80 GiB may fit".split(),
        "batch 4 2 12.0 GiB vae decode 13.0 GiB does not fit".split(),
        "batch 8 [1] 2 – – – –".split(),
    ]


def test_it_says_for_what_and_with_what(printed: Callable[..., list[str]]) -> None:
    assert printed(columns=160)[1:4] == [
        "for Tesla T4, compute capability 7.5, 8 GiB for a process, of which a CUDA context takes "
        "400 MiB",
        "all with: pipeline emoji",
        "peaks are expected within -10.0% to +5.0%",
    ]


def test_the_last_line_counts_verdicts_and_the_one_before_says_why_there_is_none(
    printed: Callable[..., list[str]],
) -> None:
    assert printed()[-2:] == [
        "[1] quantised layers are not predicted",
        "2 of 8 fit in 8 GiB, 2 may, 2 do not, 2 cannot be predicted",
    ]


def test_without_a_limit_no_verdict_is_counted(printed: Callable[..., list[str]]) -> None:
    assert printed(NO_LIMIT)[-1] == (
        "6 of 8 configurations predicted, no memory limit is known, 2 cannot be predicted"
    )


@pytest.mark.parametrize("columns", [60, 80, 120, 160])
def test_no_line_is_wider_than_the_terminal(
    printed: Callable[..., list[str]], columns: int
) -> None:
    lines = printed(columns=columns)
    assert max(map(len, lines)) <= columns
    assert any("does not fit" in line for line in lines)


def test_programs_get_every_configuration_in_the_order_of_the_suite() -> None:
    told = predictions_json(ITEMS, FOUND, T4)
    assert told["schema"] == 1
    assert told["target"] == {
        "name": "Tesla T4",
        "compute_capability": "7.5",
        "limit_bytes": 8 * GIB,
        "context_bytes": 400 * MIB,
    }
    assert [each["key"] for each in told["configurations"]] == [item.key for item in ITEMS]
    first, last = told["configurations"][0], told["configurations"][-1]
    assert first == {
        "key": ITEMS[0].key,
        "knobs": dict(ITEMS[0].knobs),
        "peak_allocated_bytes": 3 * GIB,
        "peak_allocated_interval_bytes": [int(3 * GIB * 0.9), int(3 * GIB * 1.05)],
        "peak_stage": "vae_decode",
        "stage_peak_allocated_bytes": {"load": 3 * GIB // 2, "vae_decode": 3 * GIB},
        "peak_reserved_bytes": 4 * GIB,
        "peak_reserved_reason": None,
        "verdict": "fits",
        "reason": "of what is free",
    }
    assert last["peak_allocated_bytes"] is None
    assert last["peak_allocated_interval_bytes"] is None
    assert last["verdict"] is None
    assert last["reason"] == "quantised layers are not predicted"


def test_guidance_scales_of_one_kind_are_all_named(capsys: pytest.CaptureFixture[str]) -> None:
    items = [of(guidance_scale=scale) for scale in (1.0, 5.0, 7.5)]
    found = {item.key: predicted(item, 3.0, Fit.FITS) for item in items}
    print_predictions("s", items, found, T4, 160)
    output = capsys.readouterr().out
    assert "guidance_scale 1.0 " in output
    assert "guidance_scale 5.0 or 7.5 " in output


def test_words_stand_for_all_verdicts() -> None:
    assert set(predictions.FIT_WORDS) == set(Fit)
