"""What of the derived configurations is measured: what may be recommended within some limits."""

from __future__ import annotations

from pathlib import Path

from factories import PIPELINE, around, fidelity, mebibytes, record, run

from sdbench.analysis.measurement import measurement_of
from sdbench.analysis.tops import own_memory_bytes, tops
from sdbench.results.derived import DerivedLatency
from sdbench.results.figure import Figure, Origin
from sdbench.results.record import Record, Status
from sdbench.suite.model import Axis, Limits, Protocol, Suite

SUITE = Suite(name="test", fixed={"pipeline": PIPELINE}, measure=Protocol(default=False))


def timed(median_s: float, **values: object) -> Record:
    return record(samples_s=around(median_s), **{"steps": 4, **values})  # type: ignore[arg-type]


def derived(
    call_s: float, allocated_mib: float = 200, score: float = 0.9, **values: object
) -> Record:
    peak = mebibytes(allocated_mib).value
    return record(
        status=Status.SKIPPED,
        fidelity=fidelity(score),
        fields={
            "images_per_call": 1,
            "peak_allocated_bytes": Figure(peak, Origin.DERIVED),
            "derived_latency": DerivedLatency(
                call_s=call_s,
                low_s=call_s * 0.98,
                high_s=call_s * 1.02,
                confidence=0.95,
                images_per_call=1,
                sources=4,
                basis="four others",
            ),
        },
        **{"steps": 4, **values},
    )  # type: ignore[arg-type]


def test_what_was_measured_is_not_among_them(tmp_path: Path) -> None:
    records = [timed(1.0, scheduler="euler"), timed(2.0, scheduler="ddim")]
    assert tops(run(tmp_path, records, suite=SUITE)) == ()


def test_the_derived_choice_is_the_first(tmp_path: Path) -> None:
    best, thrifty = derived(0.5, scheduler="ddim"), derived(0.9, 100, scheduler="heun")
    beaten = derived(0.8, scheduler="pndm")
    made = run(tmp_path, [timed(1.0, scheduler="euler"), beaten, thrifty, best], suite=SUITE)
    assert tops(made) == (best.key, thrifty.key)


def test_a_frontier_has_three_dimensions(tmp_path: Path) -> None:
    best = derived(0.5, score=0.6, scheduler="ddim")
    faithful = derived(0.9, score=0.9, scheduler="heun")
    beaten = derived(0.9, score=0.5, scheduler="pndm")
    made = run(tmp_path, [best, beaten, faithful], suite=SUITE)
    assert tops(made) == (best.key, faithful.key)


def test_each_amount_of_work_has_a_frontier_and_the_fastest_of_each_come_first(
    tmp_path: Path,
) -> None:
    """Without a fidelity limit other steps do not compete; the choice is for the most of them."""
    many, many_thrifty = derived(2.0, steps=20), derived(3.0, 50, steps=20, scheduler="euler")
    few, few_thrifty = derived(0.5, steps=4), derived(0.9, 50, steps=4, scheduler="euler")
    made = run(tmp_path, [few_thrifty, few, many_thrifty, many], suite=SUITE)
    assert tops(made) == (many.key, few.key, many_thrifty.key, few_thrifty.key)


def test_under_a_fidelity_limit_steps_compete(tmp_path: Path) -> None:
    suite = Suite(
        name="test",
        fixed={"pipeline": PIPELINE},
        measure=Protocol(default=False),
        limits=Limits(fidelity=0.8),
    )
    slow, fast = derived(2.0, steps=20), derived(0.5, steps=4)
    assert tops(run(tmp_path, [slow, fast], suite=suite)) == (fast.key,)


def test_on_the_cpu_tensors_tell_configurations_apart_and_not_the_process() -> None:
    """Which keeps what earlier ones needed; on a device its own figures count."""
    from sdbench.units import MIB

    on_cpu = record(allocated_mib=200, rss_mib=900)
    assert own_memory_bytes(measurement_of(on_cpu)) == 200 * MIB
    without = record(allocated_mib=None, rss_mib=900)
    assert own_memory_bytes(measurement_of(without)) == 900 * MIB
    on_device = record(allocated_mib=200, reserved_mib=300, rss_mib=900)
    assert own_memory_bytes(measurement_of(on_device)) == 300 * MIB


def test_no_more_are_named_than_asked_for(tmp_path: Path) -> None:
    records = [derived(1 + at / 10, 200 - at, steps=at + 2) for at in range(6)]
    made = run(tmp_path, records, suite=SUITE)
    assert len(tops(made)) == 6
    assert tops(made, most=2) == tops(made)[:2]


def test_a_derived_default_is_measured_since_the_gain_is_stated_against_it(tmp_path: Path) -> None:
    suite = Suite(
        name="test",
        fixed={"pipeline": PIPELINE, "steps": 4},
        axes=(Axis("dtype", ("fp32", "fp16")),),
    )
    default, half = derived(3.0), timed(1.0, dtype="fp16")
    assert tops(run(tmp_path, [half, default], suite=suite)) == (default.key,)
