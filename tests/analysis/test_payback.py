import pytest
from factories import around, derived, record

from sdbench.analysis.measurement import Measurement, measurement_of
from sdbench.analysis.payback import (
    NO_EARLIER,
    NOT_FASTER,
    WITHIN_NOISE,
    Payback,
    compiled_pairs,
    loads_s,
    payback,
    startup,
)
from sdbench.results.record import Status


def measured(
    image_s: float,
    *,
    compile: str = "off",
    first_call_s: float | None = None,
    warmup_s: tuple[float, ...] = (),
    load_s: float | None = 5.0,
    spread: float = 0.1,
    **knob_values,
) -> Measurement:
    call_s = image_s * knob_values.get("batch_size", 1)
    fields = {
        "load_s": load_s,
        "first_call_s": call_s if first_call_s is None else first_call_s,
        "warmup_s": warmup_s,
    }
    samples_s = around(call_s, spread)
    return measurement_of(
        record(compile=compile, samples_s=samples_s, fields=fields, **knob_values)
    )


def compared(slow: Measurement, plain: Measurement) -> Payback:
    return payback(slow, plain, loads_s([slow, plain]))


def test_it_pays_back_where_the_seconds_saved_equal_those_it_starts_later():
    # 61 s - 1 s beyond a steady call: 60 s later; 2 s - 1 s saved with each image: 60 images.
    # 0.9 to 1.1 and 1.8 to 2.2: between 0.7 s and 1.3 s are saved.
    found = compared(measured(1.0, compile="default", first_call_s=61.0), measured(2.0))
    assert found.extra_s == pytest.approx(60.0)
    assert found.images == pytest.approx(60.0)
    assert found.low_images == pytest.approx(60 / 1.3)
    assert found.high_images == pytest.approx(60 / 0.7)
    assert found.counts_loading
    assert found.reason is None


def test_images_are_counted_and_not_calls():
    # A call of 4 takes 4 s: 64 s - 4 s later; 1 s saved with each image.
    slow = measured(1.0, compile="default", first_call_s=64.0, batch_size=4)
    assert compared(slow, measured(2.0)).images == pytest.approx(60.0)


def test_slow_calls_after_the_first_are_part_of_the_start():
    slow = measured(1.0, compile="default", first_call_s=41.0, warmup_s=(21.0, 1.0))
    assert compared(slow, measured(2.0)).images == pytest.approx(60.0)


def test_loading_counts_where_both_times_are_known():
    slow = measured(1.0, compile="default", first_call_s=61.0, load_s=15.0)
    assert compared(slow, measured(2.0)).extra_s == pytest.approx(70.0)
    found = compared(slow, measured(2.0, load_s=None))
    assert (found.extra_s, found.counts_loading) == (pytest.approx(60.0), False)


def test_a_load_is_told_by_another_configuration_that_shares_it():
    first, second = measured(2.0), measured(2.0, steps=5, load_s=None)
    other = measured(2.0, dtype="bf16", load_s=None)
    loads = loads_s([first, second, other])
    assert [startup(m, loads).load_s for m in (first, second, other)] == [5.0, 5.0, None]


@pytest.mark.parametrize(
    ("image_s", "first_call_s", "reason"),
    [(1.0, 1.0, NO_EARLIER), (3.0, 61.0, NOT_FASTER), (1.9, 61.0, WITHIN_NOISE)],
)
def test_where_nothing_is_saved_there_is_a_reason_and_no_number(image_s, first_call_s, reason):
    slow = measured(image_s, compile="default", first_call_s=first_call_s)
    found = compared(slow, measured(2.0))
    assert (found.images, found.reason) == (None, reason)


def test_what_was_not_timed_has_no_start():
    failed = measurement_of(record(status=Status.OOM))
    assert startup(failed, {}) is None
    assert payback(failed, measured(1.0), {}).reason == "one of the two was not timed"


def test_what_compiles_is_paired_with_the_same_without():
    plain, compiled = measured(2.0), measured(1.0, compile="default")
    faster, alone = measured(0.5, compile="max-autotune"), measured(1.0, compile="default", steps=9)
    assert compiled_pairs([plain, compiled, faster, alone]) == [(faster, plain), (compiled, plain)]


def test_of_what_is_derived_no_start_is_known():
    plain = measurement_of(derived(2.0))
    assert startup(plain, {}) is None
    assert compiled_pairs([plain, measured(1.0, compile="default")]) == []
