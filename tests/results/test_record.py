from __future__ import annotations

import json
import math

import pytest
from factories import fidelity
from pydantic import ValidationError

from sdbench.results.fidelity import Fidelity
from sdbench.results.figure import Figure, Origin
from sdbench.results.prediction import Fit
from sdbench.results.record import NOT_REACHED, RECORD_SCHEMA, Record, Status, StopReason

FULL = Record(
    key="0123456789ab",
    knobs={
        "pipeline": {"builtin": "tiny"},
        "scheduler": {"name": "euler", "use_karras_sigmas": True},
        "steps": 20,
        "guidance_scale": 7.0,
        "negative": None,
    },
    round=2,
    worker="worker-3",
    started_at="2026-01-02T03:04:05Z",
    status=Status.UNSTABLE,
    reason="the interval is still ± 8 % after 30 samples",
    load_s=12.5,
    first_call_s=3.25,
    warmup_s=(1.5, 1.0625),
    samples_s=(1.0, 1.125, 0.1),
    device_samples_s=(0.9, 1.0, 0.1),
    is_outlier=(False, False, True),
    is_throttled=(False, True, False),
    stop_reason=StopReason.MAX_SAMPLES,
    images_per_call=4,
    stages_s={"denoiser": (0.75, 0.8), "vae_decode": (0.1, 0.2)},
    denoiser_evaluations=40,
    peak_allocated_bytes=Figure.measured(2**31, "includes the weights"),
    peak_reserved_bytes=Figure(2**31 + 1, Origin.INFERRED),
    peak_device_used_bytes=Figure.absent("NVML is not installed"),
    stage_peak_allocated_bytes={"denoiser": 2**30},
    device_state={"before": {"sm_clock_mhz": 1980, "temperature_c": 41.5}, "reasons": ["power"]},
    fidelity=fidelity(0.98, worst=0.95),
    effective={"scheduler": "EulerDiscreteScheduler", "timesteps": [999, 0]},
    images=("images/0123456789ab-0.png",),
    notes=("a second process was on the device",),
)

WRITTEN_BY_0_1_0 = (
    '{"schema": 1, "key": "0123456789ab", "knobs": {"steps": 20}, "round": 0, '
    '"worker": "worker-1", "started_at": "2026-01-02T03:04:05Z", "status": "oom", '
    '"reason": "out of memory", "samples_s": [], "peak_allocated_bytes": {"value": 1024, '
    '"origin": "measured", "reason": null}}'
)
"""A line of the first version, in the text in which it was written: it is read for ever."""


def test_a_record_equals_itself_after_a_round_trip() -> None:
    assert Record.from_line(FULL.to_line()) == FULL


def test_a_record_is_one_line_of_ascii_whatever_it_says() -> None:
    line = FULL.to_line()
    assert line.isascii()
    assert "\n" not in line


def test_numbers_keep_their_type_so_that_keys_stay_equal() -> None:
    knobs = Record.from_line(FULL.to_line()).knobs
    assert [type(knobs[name]) for name in ("steps", "guidance_scale")] == [int, float]
    assert isinstance(Record.from_line(FULL.to_line()).peak_allocated_bytes.value, int)


def test_a_record_needs_only_what_every_round_has() -> None:
    record = Record(key="k", knobs={}, worker="w", started_at="", status=Status.SKIPPED)
    assert record.schema == RECORD_SCHEMA
    assert record.peak_allocated_bytes == NOT_REACHED
    assert Record.from_line(record.to_line()) == record


def test_the_format_names_statuses_stop_reasons_and_origins_by_these_words() -> None:
    """Lines on disk hold these words: a word that is renamed here makes old runs unreadable."""
    assert [status.value for status in Status] == [
        "ok",
        "oom",
        "timeout",
        "error",
        "unsupported",
        "skipped",
        "unstable",
    ]
    assert {"converged", "max_samples", "time_budget", "throttled"} <= {r.value for r in StopReason}
    assert [origin.value for origin in Origin] == ["measured", "inferred", "predicted", "derived"]


@pytest.mark.parametrize(
    ("field", "value"),
    [("status", "fine"), ("stop_reason", "bored"), ("samples_s", [None]), ("round", "first")],
)
def test_a_value_that_is_not_legal_is_refused_with_its_field(field: str, value: object) -> None:
    line = json.dumps({**json.loads(FULL.to_line()), field: value})
    with pytest.raises(ValidationError, match=field):
        Record.from_line(line)


def test_a_line_of_the_first_version_can_be_read() -> None:
    record = Record.from_line(WRITTEN_BY_0_1_0)
    assert record.status is Status.OOM
    assert record.peak_allocated_bytes == Figure.measured(1024)
    assert record.peak_rss_bytes == NOT_REACHED


def test_a_field_of_the_future_is_ignored() -> None:
    """A field that old readers may miss comes without a new version: they read on without it.

    What they must not miss comes with a new version, and that they refuse (see `test_store`).
    """
    line = json.dumps({**json.loads(FULL.to_line()), "energy_joules": 12.5})
    assert Record.from_line(line) == FULL


def test_an_absent_figure_says_why() -> None:
    figure = Figure.absent("NVML is not installed")
    assert (figure.value, figure.origin) == (None, None)
    assert figure.reason == "NVML is not installed"


def test_a_measured_figure_may_carry_a_remark() -> None:
    figure = Figure.measured(5, "a lower bound")
    assert (figure.value, figure.origin, figure.reason) == (5, Origin.MEASURED, "a lower bound")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_figure_is_finite_or_absent(value: float) -> None:
    with pytest.raises(ValueError, match="a figure is finite or absent"):
        Figure.measured(value)


@pytest.mark.parametrize(
    ("value", "origin", "reason"),
    [(None, None, None), (None, None, ""), (None, Origin.MEASURED, "why"), (1.0, None, None)],
)
def test_a_figure_has_an_origin_or_a_reason_for_being_absent(
    value: float | None, origin: Origin | None, reason: str | None
) -> None:
    with pytest.raises(ValueError, match="a figure with"):
        Figure(value, origin, reason)


def test_a_figure_that_breaks_this_rule_is_refused_in_a_line_too() -> None:
    nothing = {"value": None, "origin": None, "reason": None}
    line = json.dumps({**json.loads(FULL.to_line()), "peak_rss_bytes": nothing})
    with pytest.raises(ValidationError, match="peak_rss_bytes"):
        Record.from_line(line)


def test_a_fidelity_without_a_score_or_a_reason_is_refused_in_a_line_too() -> None:
    line = json.dumps({**json.loads(FULL.to_line()), "fidelity": {"score": None}})
    with pytest.raises(ValidationError, match="fidelity"):
        Record.from_line(line)


def test_a_line_from_before_there_was_fidelity_keeps_its_reason() -> None:
    old = {"value": None, "origin": None, "reason": "fidelity is not measured by this version"}
    line = json.dumps({**json.loads(FULL.to_line()), "fidelity": old})
    assert Record.from_line(line).fidelity == Fidelity.absent(old["reason"])


@pytest.mark.parametrize(
    ("status", "fit", "is_ruled_out", "is_answer"),
    [
        (Status.OK, Fit.FITS, False, True),
        (Status.OK, Fit.DOES_NOT_FIT, False, True),
        (Status.OOM, Fit.FITS, False, True),
        (Status.SKIPPED, None, False, False),
        (Status.SKIPPED, Fit.DOES_NOT_FIT, True, True),
        (Status.ERROR, Fit.DOES_NOT_FIT, False, False),
    ],
)
def test_a_skip_is_an_answer_where_it_was_predicted_not_to_fit(
    status, fit, is_ruled_out, is_answer
):
    record = Record(key="k", knobs={}, worker="w", started_at="", status=status, predicted_fit=fit)
    assert (record.is_ruled_out, record.is_answer) == (is_ruled_out, is_answer)
