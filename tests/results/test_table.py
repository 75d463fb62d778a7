import pandas as pd
import pytest
from factories import (
    NOT_COMPARABLE,
    PIPELINE,
    around,
    derived,
    fidelity,
    inferred_oom,
    info,
    record,
    run,
)

from sdbench.results.fidelity import Fidelity
from sdbench.results.figure import Figure, Origin
from sdbench.results.prediction import Fit
from sdbench.results.record import Status, StopReason
from sdbench.results.store import Run
from sdbench.results.table import accepted_samples, latest_records, stage_medians, table
from sdbench.suite.configuration import Configuration
from sdbench.suite.model import Suite
from sdbench.units import MIB


def test_there_is_a_row_for_each_configuration_in_the_order_of_the_plan(tmp_path):
    fast, slow = record(steps=2), record(steps=4)
    swapped = info(Suite(name="test", fixed={"pipeline": PIPELINE}), (slow.key, fast.key))
    rows = table(Run(tmp_path, swapped, (fast, slow)))
    assert list(rows["key"]) == [slow.key, fast.key]
    assert list(rows["steps"]) == [4, 2]


def test_the_latest_record_of_a_configuration_counts(tmp_path):
    first, second = record(samples_s=around(1)), record(samples_s=around(2), fields={"round": 1})
    rows = table(run(tmp_path, [first, second]))
    assert list(rows["latency_s"]) == [2.0]


def test_a_planned_configuration_without_a_record_is_a_row_that_says_so(tmp_path):
    absent = Configuration.of({"pipeline": PIPELINE, "steps": 4})
    incomplete = run(tmp_path, [record(steps=2)], missing=[absent.key])
    last = table(incomplete, {absent.key: absent.knobs}).iloc[-1]
    assert last["status"] == "missing"
    assert "not measured" in last["reason"]
    assert last["steps"] == 4
    assert last["latency_s"] is pd.NA


def test_a_missing_configuration_of_unknown_knobs_has_empty_cells(tmp_path):
    rows = table(run(tmp_path, [record(steps=2)], missing=["0123456789ab"]))
    assert rows.iloc[-1]["steps"] is pd.NA


def test_latency_comes_with_its_interval_p95_and_share_of_an_image(tmp_path):
    samples = (1.0, 1.2, 1.4, 1.6, 1.8, 2.0)
    row = table(run(tmp_path, [record(samples_s=samples, batch_size=4)])).iloc[0]
    # Median of six: (1.4 + 1.6) / 2; the 95 % interval of six samples is their whole range;
    # p95 by nearest rank: ceil(0.95 * 6) = 6, the largest.
    assert row["latency_s"] == 1.5
    assert (row["latency_low_s"], row["latency_high_s"]) == (1.0, 2.0)
    assert row["latency_p95_s"] == 2.0
    assert row["latency_per_image_s"] == 0.375
    assert row["samples"] == 6


def test_one_sample_has_no_interval(tmp_path):
    row = table(run(tmp_path, [record(samples_s=(1.0,))])).iloc[0]
    assert row["latency_s"] == 1.0
    assert row["latency_low_s"] is pd.NA
    assert row["latency_high_s"] is pd.NA
    assert row["latency_confidence"] is pd.NA


def test_the_interval_of_few_samples_comes_with_the_confidence_that_it_has(tmp_path):
    few = record(samples_s=(1.0, 1.1, 1.2), steps=2)
    rows = table(run(tmp_path, [few, record(samples_s=around(1.0), steps=4)]))
    # The range of n samples holds the median with probability 1 - 2 / 2**n.
    assert list(rows["latency_confidence"]) == [0.75, 0.96875]


def test_a_memory_figure_comes_with_its_origin_or_its_reason(tmp_path):
    inferred = Figure(300 * MIB, Origin.INFERRED, "from the context's usual size")
    one = record(fields={"peak_device_used_bytes": inferred})
    row = table(run(tmp_path, [one])).iloc[0]
    assert row["peak_allocated_bytes"] == 200 * MIB
    assert row["peak_allocated_bytes_origin"] == "measured"
    assert row["peak_device_used_bytes_origin"] == "inferred"
    assert row["peak_reserved_bytes"] is pd.NA
    assert row["peak_reserved_bytes_reason"] == "this device does not tell"


def test_fidelity_comes_with_what_it_is_made_of_or_its_reason(tmp_path):
    drawn = record(steps=2, fidelity=fidelity(0.75, worst=0.5))
    stochastic = record(steps=4, fidelity=Fidelity(reason=NOT_COMPARABLE, is_degenerate=True))
    rows = table(run(tmp_path, [drawn, stochastic]))
    first, second = rows.iloc[0], rows.iloc[1]
    # The pictures score 0.5 and 1.0, which is 30 and 50 dB on a scale from 10 to 50 dB.
    assert (first["fidelity"], first["fidelity_worst"]) == (0.75, 0.5)
    assert (first["psnr_db"], first["psnr_worst_db"]) == (40.0, 30.0)
    assert (first["ssim"], first["ssim_worst"]) == (0.75, 0.5)
    assert abs(first["latent_rmse"] - 0.15) < 1e-12
    assert (first["floor_psnr_db"], first["ceiling_psnr_db"]) == (10.0, 50.0)
    assert (first["numerical_psnr_db"], first["numerical_ssim"]) == (59.0, 0.999)
    assert abs(first["numerical_latent_rmse"] - 0.015) < 1e-12
    assert first["fidelity_reason"] is pd.NA
    assert second["fidelity"] is pd.NA
    assert second["psnr_db"] is pd.NA
    assert second["fidelity_reason"] == NOT_COMPARABLE
    assert list(rows["is_degenerate"]) == [False, True]


def test_a_yes_or_no_stays_one_beside_gaps(tmp_path):
    records = [record(steps=2, fidelity=fidelity(0.9)), record(steps=4, status=Status.OOM)]
    rows = table(run(tmp_path, records))
    assert str(rows["is_degenerate"].dtype) == "boolean"
    assert rows["is_degenerate"].iloc[1] is pd.NA
    assert str(rows["fidelity"].dtype) == "Float64"


def test_stages_are_medians_and_stand_beside_what_really_ran(tmp_path):
    one = record(
        fields={
            "stages_s": {"denoiser": (0.7, 0.9, 0.8), "vae_decode": (0.1, 0.1, 0.3)},
            "denoiser_evaluations": 20,
            "effective": {
                "scheduler": {"class": "PNDMScheduler", "config": {}},
                "attention_processors": {"unet": {"AttnProcessor2_0": 32}, "vae": {"Other": 2}},
            },
            "notes": ("first", "second"),
        }
    )
    row = table(run(tmp_path, [one])).iloc[0]
    assert (row["stage_denoiser_s"], row["stage_vae_decode_s"]) == (0.8, 0.1)
    assert row["denoiser_evaluations"] == 20
    assert row["scheduler_class"] == "PNDMScheduler"
    assert row["attention_processors"] == "unet: AttnProcessor2_0; vae: Other"
    assert row["notes"] == "first; second"


def test_whole_numbers_stay_whole_beside_gaps_and_mixed_knobs_become_text(tmp_path):
    records = [
        record(attention_slicing="auto"),
        record(attention_slicing=2),
        record(attention_slicing="max", status=Status.OOM),
    ]
    rows = table(run(tmp_path, records))
    assert str(rows["peak_allocated_bytes"].dtype) == "Int64"
    assert list(rows["attention_slicing"]) == ["auto", "2", "max"]


def test_throttled_samples_do_not_count_unless_the_round_is_unstable():
    marks = {"is_throttled": (False, True), "stop_reason": StopReason.MAX_SAMPLES}
    assert accepted_samples(record(samples_s=(1.0, 9.0), fields=marks)) == (1.0,)
    unstable = record(status=Status.UNSTABLE, samples_s=(1.0, 9.0), fields=marks)
    assert accepted_samples(unstable) == (1.0, 9.0)


def test_stages_of_throttled_calls_do_not_count_either():
    """A throttled call was left out of the latency, and counted in its stages."""
    marks = {"is_throttled": (False, True), "stages_s": {"denoiser": (0.9, 8.0)}}
    assert stage_medians(record(samples_s=(1.0, 9.0), fields=marks)) == {"denoiser": 0.9}
    unstable = record(status=Status.UNSTABLE, samples_s=(1.0, 9.0), fields=marks)
    assert stage_medians(unstable) == {"denoiser": 4.45}


def test_samples_are_never_all_left_out():
    all_marked = {"is_throttled": (True, True)}
    assert accepted_samples(record(samples_s=(1.0, 9.0), fields=all_marked)) == (1.0, 9.0)


def test_what_was_measured_beside_the_plan_comes_after_it(tmp_path):
    planned, beside = record(steps=2), record(steps=4)
    plan = info(Suite(name="test", fixed={"pipeline": PIPELINE}), (planned.key,))
    assert list(latest_records(Run(tmp_path, plan, (beside, planned)))) == [
        planned.key,
        beside.key,
    ]


def test_a_prediction_stands_beside_the_measurement_with_its_error(tmp_path):
    predicted = Figure(210 * MIB, Origin.PREDICTED)
    fields = {"predicted_allocated_bytes": predicted, "predicted_fit": Fit.FITS}
    rows = table(run(tmp_path, [record(steps=2, fields=fields), record(steps=4)]))
    first, second = rows.iloc[0], rows.iloc[1]
    assert first["predicted_allocated_bytes"] == 210 * MIB
    assert first["predicted_allocated_bytes_origin"] == "predicted"
    assert first["predicted_fit"] == "fits"
    # 210 MiB were predicted, 200 measured.
    assert abs(first["prediction_error_ratio"] - 0.05) < 1e-9
    assert second["predicted_allocated_bytes"] is pd.NA
    assert second["predicted_allocated_bytes_reason"] == "it was not predicted"
    assert second["prediction_error_ratio"] is pd.NA


def test_what_was_derived_has_its_interval_and_says_where_it_comes_from(tmp_path):
    told = derived(2.0, spread=0.1, sources=7, batch_size=2, stages_s={"denoiser": 2.0})
    frame = table(run(tmp_path, [record(), told, inferred_oom(batch_size=8)]))
    assert list(frame["status"]) == ["ok", "derived", "inferred-oom"]
    assert list(frame["latency_origin"].fillna("")) == ["measured", "derived", ""]
    row = frame.iloc[1]
    assert row["latency_s"] == pytest.approx(2.0)
    assert (row["latency_low_s"], row["latency_high_s"]) == pytest.approx((1.8, 2.2))
    assert row["latency_p95_s"] == pytest.approx(2.2)
    assert (row["samples"], row["derived_from"]) == (0, 7)
    assert row["peak_allocated_bytes_origin"] == "derived"
    assert row["stage_denoiser_s"] == pytest.approx(2.0)
