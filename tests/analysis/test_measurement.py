import pytest
from factories import NOT_COMPARABLE, around, derived, fidelity, inferred_oom, record, run

from sdbench.analysis.measurement import measurement_of, measurements
from sdbench.results.fidelity import Fidelity
from sdbench.results.figure import Origin
from sdbench.results.record import Status
from sdbench.units import MIB


def test_latency_per_image_is_the_call_over_its_images():
    m = measurement_of(record(samples_s=around(2.0), batch_size=4))
    assert m.latency is not None
    assert m.latency_per_image is not None
    assert (m.latency.point, m.latency_per_image.point) == (2.0, 0.5)


def test_on_the_cpu_the_resident_memory_is_the_pessimistic_end():
    m = measurement_of(record(allocated_mib=200, rss_mib=900))
    assert (m.peak_memory_figure, m.peak_memory_bytes) == ("peak_rss_bytes", 900 * MIB)


def test_on_an_accelerator_the_host_memory_does_not_count_against_the_device():
    m = measurement_of(
        record(allocated_mib=200, reserved_mib=300, device_used_mib=700, rss_mib=3000)
    )
    assert (m.peak_memory_figure, m.peak_memory_bytes) == ("peak_device_used_bytes", 700 * MIB)


def test_without_any_known_peak_there_is_none():
    m = measurement_of(record(allocated_mib=None, rss_mib=None))
    assert (m.peak_memory_figure, m.peak_memory_bytes) == (None, None)


def test_a_round_that_ran_out_of_memory_has_no_latency():
    m = measurement_of(record(status=Status.OOM))
    assert (m.latency, m.latency_per_image, m.p95_s) == (None, None, None)


def test_a_planned_configuration_without_a_record_is_missing(tmp_path):
    present, absent = measurements(run(tmp_path, [record()], missing=["0123456789ab"]))
    assert (present.status_word, absent.status_word) == ("ok", "missing")
    assert absent.reason is not None
    assert absent.fidelity_score is None
    assert absent.fidelity.reason == absent.reason


def test_fidelity_is_the_records_own():
    m = measurement_of(record(fidelity=fidelity(0.9, worst=0.8)))
    assert (m.fidelity_score, m.fidelity.worst_score, m.is_degenerate) == (0.9, 0.8, False)
    unknown = measurement_of(record(fidelity=Fidelity.absent(NOT_COMPARABLE)))
    assert (unknown.fidelity_score, unknown.is_degenerate) == (None, None)


def test_latency_is_that_of_fresh_rounds_where_there_are_any(tmp_path):
    swept = record(steps=4, samples_s=around(1.0))
    fresh = record(steps=4, samples_s=around(2.0), fields={"round": 1})
    (m,) = measurements(run(tmp_path, [swept, fresh]))
    assert m.latency is not None
    assert m.swept_latency is not None
    assert (m.latency.point, m.swept_latency.point, m.confirmed_rounds) == (2.0, 1.0, 1)


def test_a_derived_latency_ranks_with_its_interval_and_says_where_it_comes_from():
    m = measurement_of(derived(2.0, spread=0.1, sources=3, batch_size=2))
    assert (m.status, m.status_word, m.is_timed) == (Status.OK, "derived", True)
    assert m.latency_origin is Origin.DERIVED
    assert (m.is_derived, m.source_count) == (True, 3)
    assert m.latency_per_image.point == pytest.approx(1.0)
    assert (m.latency.low, m.latency.high, m.latency.sample_count) == pytest.approx((1.8, 2.2, 0))
    assert m.latency.has_interval
    assert m.p95_s == pytest.approx(2.2)
    assert m.peak_memory_origin is Origin.DERIVED
    assert m.reason == (
        "derived from 3 measured configurations: the terms of others with the same settings"
    )


def test_what_is_inferred_to_run_out_of_memory_has_run_out():
    m = measurement_of(inferred_oom(batch_size=8))
    assert (m.status, m.status_word, m.is_timed) == (Status.OOM, "inferred-oom", False)
    assert m.latency_origin is None


def test_a_measured_latency_says_so():
    m = measurement_of(record())
    assert (m.latency_origin, m.is_derived, m.source_count) == (Origin.MEASURED, False, None)
