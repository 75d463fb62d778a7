from collections.abc import Sequence

from factories import around, knobs, record

from sdbench.analysis.measurement import Measurement, measurement_of
from sdbench.analysis.recommend import recommend
from sdbench.report.stages import Stages, stages
from sdbench.results.record import Status
from sdbench.suite.configuration import Configuration
from sdbench.suite.model import Limits, Objective

DEFAULT_KEY = Configuration(knobs()).key


def measured(image_s: float, *, fields: dict | None = None, **knob_values) -> Measurement:
    """One whose call is nine tenths denoiser, one tenth VAE."""
    call_s = image_s * knob_values.get("batch_size", 1)
    staged = {
        "stages_s": {"denoiser": (0.9 * call_s,) * 6, "vae_decode": (0.1 * call_s,) * 6},
        "denoiser_evaluations": 20,
        "load_s": 5.0,
        "first_call_s": call_s,
    }
    return measurement_of(
        record(samples_s=around(call_s), fields={**staged, **(fields or {})}, **knob_values)
    )


def shown(members: Sequence[Measurement], default: str | None = DEFAULT_KEY) -> Stages:
    keys = {default} if default else set()
    found = stages(members, recommend(members, Limits(), Objective(), default_keys=keys))
    assert found is not None
    return found


def test_default_and_recommended_stand_on_one_scale():
    found = shown([measured(2.0), measured(0.5, dtype="bf16")])
    assert [column.role for column in found.columns] == ["default", "recommended"]
    denoiser, vae = found.rows
    assert (denoiser.name, vae.name) == ("denoiser", "vae_decode")
    # 2 s is the whole width: 1.8 s are 0.9 of it, 0.45 s are 0.225.
    assert [round(cell.width, 6) for cell in denoiser.cells if cell] == [0.9, 0.225]
    assert [round(cell.share, 6) for cell in vae.cells if cell] == [0.1, 0.1]
    assert [cell.image for cell in denoiser.cells if cell] == ["1.80 s", "450 ms"]


def test_an_image_and_a_call_are_told_apart():
    found = shown([measured(2.0), measured(0.5, batch_size=4)])
    column = found.columns[1]
    assert (column.image, column.call) == ("500 ms", "2.00 s")
    assert column.batch == "one call of 4 images"
    cell = found.rows[0].cells[1]
    assert cell is not None
    assert (cell.image, cell.call) == ("450 ms", "1.80 s")


def test_a_stage_that_one_of_them_has_not_is_a_gap():
    checked = {"stages_s": {"denoiser": (1.0,) * 6, "safety_checker": (0.1,) * 6}}
    found = shown([measured(2.0, fields=checked), measured(0.5, dtype="bf16")])
    gaps = {row.name: [cell is None for cell in row.cells] for row in found.rows}
    assert gaps["safety_checker"] == [False, True]


def test_without_a_default_or_without_its_calls_the_recommended_stands_alone():
    alone = shown([measured(1.0), measured(0.5, dtype="bf16")], default=None)
    assert [column.role for column in alone.columns] == ["recommended"]
    assert alone.remark is not None
    failed = measurement_of(record(status=Status.OOM))
    without = shown([failed, measured(0.5, dtype="bf16")])
    assert without.remark == "The default configuration has no timed call (oom)."


def test_the_default_as_the_recommended_one_is_shown_once():
    found = shown([measured(0.5), measured(1.0, dtype="bf16")])
    assert [column.role for column in found.columns] == ["default and recommended"]


def test_where_nothing_is_recommended_the_first_measured_one_is_shown():
    members = [measured(1.0, fields={"peak_rss_bytes": measured(1.0).memory["peak_rss_bytes"]})]
    advice = recommend(members, Limits(latency_s=0.1), Objective())
    found = stages(members, advice)
    assert found is not None
    assert [column.role for column in found.columns] == ["measured"]


def test_a_run_without_timed_stages_has_no_such_section():
    members = [measurement_of(record())]
    assert stages(members, recommend(members, Limits(), Objective())) is None


def test_a_device_that_waits_for_the_host_is_told():
    busy = {"device_samples_s": (0.2,) * 6}
    found = shown([measured(0.5, fields=busy)])
    # 0.2 s of 0.5 s, and pauses between kernels count as busy.
    assert found.columns[0].facts == (
        "20 denoiser evaluations",
        "the device was busy for at most 40 % of the calls: it waited for the host, which a faster "
        "device would not shorten",
    )


def test_the_start_stands_apart_with_what_pays_it_back():
    compiled = measured(
        1.0, compile="default", fields={"first_call_s": 61.0, "warmup_s": (1.0, 1.0)}
    )
    found = shown([measured(2.0), compiled])
    assert found.start is not None
    assert dict(found.start.rows) == {
        "loading": (("5.00 s", ""), ("5.00 s", "")),
        "first call": (("2.00 s", ""), ("61.0 s", "")),
        "further calls to warm up": (("none", ""), ("2.00 s", "2 calls")),
        "a timed call, to compare": (("2.00 s", ""), ("1.00 s", "")),
    }
    # Intervals of +- 2 %: between 0.94 s and 1.06 s are saved with each image.
    assert found.start.paybacks == (
        "The recommended configuration starts 60.0 s later than the default, and pays back after "
        "60 images (57 to 64 by the intervals).",
    )


def test_a_compilation_that_is_not_recommended_is_compared_with_the_same_without():
    members = [
        measured(1.0),
        measured(0.9, steps=5),
        measured(1.5, compile="default", fields={"first_call_s": 61.5}),
    ]
    found = shown(members)
    assert found.start is not None
    assert found.start.paybacks == (
        "The fastest one that compiles (compile default) starts 60.0 s later than the "
        "same without compilation, and nothing pays it back: an image takes no less time.",
    )
