from factories import around, knobs, record

from sdbench.analysis.advice import Advice
from sdbench.analysis.measurement import Measurement, measurement_of
from sdbench.analysis.recommend import recommend
from sdbench.analysis.waterfall import Change, Waterfall, waterfall
from sdbench.results.record import Status
from sdbench.suite.configuration import Configuration
from sdbench.suite.model import Limits, Objective

DEFAULT_KEY = Configuration(knobs()).key


def measured(**knob_values) -> Measurement:
    latency_s = knob_values.pop("latency_s")
    status = knob_values.pop("status", Status.OK)
    samples_s = around(latency_s) if status is Status.OK else ()
    return measurement_of(record(samples_s=samples_s, status=status, **knob_values))


def grid(*latencies_s: float | None) -> list[Measurement]:
    """fp32 and bf16, by attention slicing off and max, by batch 1 and 2; None was not measured."""
    settings = [
        {"dtype": dtype, "attention_slicing": slicing, "vae_slicing": vae}
        for dtype in ("fp32", "bf16")
        for slicing in ("off", "max")
        for vae in ("off", "on")
    ]
    pairs = zip(settings, latencies_s, strict=True)
    return [measured(**values, latency_s=s) for values, s in pairs if s is not None]


def advised(members: list[Measurement], default: str | None = DEFAULT_KEY) -> Advice:
    keys = {default} if default else set()
    return recommend(members, Limits(), Objective(), default_keys=keys)


def way(members: list[Measurement], default: str | None = DEFAULT_KEY) -> Waterfall:
    found = waterfall(members, advised(members, default))
    assert found is not None
    return found


def turned(found: Waterfall) -> list[tuple[str, ...]]:
    return [step.knobs for step in found.steps]


def test_each_step_turns_one_knob_and_the_largest_gain_comes_first():
    # From 8 s: dtype alone 4 s, attention slicing alone 7 s, VAE slicing alone 6 s.
    found = way(grid(8.0, 6.0, 7.0, 5.5, 4.0, 3.0, 3.5, 2.0))
    assert found.not_default is None
    assert turned(found) == [("dtype",), ("vae_slicing",), ("attention_slicing",)]
    points = [step.after.latency_per_image.point for step in found.steps]
    assert points == [4.0, 3.0, 2.0]
    assert [step.change for step in found.steps] == [Change.FASTER] * 3
    assert [step.times_as_fast for step in found.steps] == [2.0, 4 / 3, 1.5]


def test_the_way_leads_only_through_what_was_measured():
    """The largest gain first would be dtype, and then there is nothing with one knob more."""
    found = way(grid(8.0, 6.0, 7.0, 5.5, 4.0, None, None, 2.0))
    assert turned(found) == [("vae_slicing",), ("attention_slicing",), ("dtype",)]
    assert not found.has_combined_steps


def test_where_no_such_way_was_measured_a_step_turns_several_knobs():
    found = way(grid(8.0, None, None, None, 4.0, None, None, 2.0))
    assert turned(found) == [("dtype",), ("attention_slicing", "vae_slicing")]
    assert found.has_combined_steps
    assert turned(way(grid(8.0, *[None] * 6, 2.0))) == [
        ("dtype", "attention_slicing", "vae_slicing")
    ]


def test_a_step_that_loses_and_one_within_noise_are_told():
    # VAE slicing: 4.0 to 4.02 s with intervals of 2 %; attention slicing needs what follows.
    found = way(grid(8.0, None, 9.0, 9.1, None, None, None, 2.0))
    assert [(step.knobs, step.change) for step in found.steps] == [
        (("attention_slicing",), Change.SLOWER),
        (("vae_slicing",), Change.WITHIN_NOISE),
        (("dtype",), Change.FASTER),
    ]


def test_a_single_timed_call_tells_no_change():
    members = [
        measured(latency_s=4.0),
        measurement_of(record(dtype="bf16", samples_s=(2.0,))),
    ]
    assert [step.change for step in way(members).steps] == [Change.NO_INTERVAL]


def test_without_a_measured_default_it_begins_with_the_plainest():
    # Of those in fp32 with slicing off the one of the most steps.
    members = [
        measured(dtype=dtype, steps=steps, scheduler="euler", latency_s=steps * second_s)
        for dtype, second_s in (("bf16", 0.1), ("fp32", 0.2))
        for steps in (5, 20)
    ]
    found = way(members, default=None)
    assert found.not_default == "the default configuration was not measured"
    assert (found.start.knobs["dtype"], found.start.knobs["steps"]) == ("fp32", 20)
    assert turned(found) == [("dtype",)]


def test_a_default_that_ran_out_of_memory_is_no_beginning():
    members = [
        measured(latency_s=0, status=Status.OOM),
        measured(dtype="bf16", latency_s=2.0),
        measured(dtype="bf16", attention_slicing="max", latency_s=1.0),
    ]
    found = way(members)
    assert found.not_default == "the default configuration has no latency (oom)"
    assert turned(found) == [("attention_slicing",)]


def test_what_failed_is_no_step_of_the_way():
    members = grid(8.0, 6.0, None, None, 4.0, None, None, None)
    failed = [
        measured(dtype="bf16", vae_slicing="on", latency_s=0, status=Status.ERROR),
        measured(dtype="bf16", vae_slicing="on", attention_slicing="max", latency_s=1.0),
    ]
    assert turned(way([*members, *failed])) == [
        ("dtype",),
        ("attention_slicing", "vae_slicing"),
    ]


def test_the_default_itself_needs_no_step():
    found = way([measured(latency_s=1.0), measured(dtype="bf16", latency_s=2.0)])
    assert found.steps == ()


def test_what_draws_another_picture_is_no_step():
    members = [
        measured(latency_s=4.0),
        measured(guidance_scale=3.0, dtype="bf16", latency_s=1.0),
        measured(dtype="bf16", latency_s=2.0),
    ]
    found = waterfall(members, advised(members))
    assert found is not None
    assert found.steps[-1].after.knobs["guidance_scale"] == found.start.knobs["guidance_scale"]


def test_nothing_recommended_has_no_way():
    members = [measured(latency_s=0, status=Status.ERROR)]
    assert waterfall(members, advised(members)) is None
