from factories import NOT_COMPARABLE, PIPELINE, around, fidelity, record, run, unscored

from sdbench.analysis.advice import Advice
from sdbench.analysis.measurement import measurements
from sdbench.analysis.recommend import recommend, recommend_for_run
from sdbench.report.contents import contents
from sdbench.report.convergence import (
    MOST_OTHERS,
    Convergence,
    convergence_chart,
    convergences,
)
from sdbench.report.html import html
from sdbench.results.fidelity import Agreement, Fidelity
from sdbench.results.record import Record
from sdbench.results.store import Run
from sdbench.suite.model import Limits, Objective, Suite


def shown(tmp_path, records: list[Record]) -> tuple[Convergence, ...]:
    one = run(tmp_path, records)
    advice = recommend_for_run(one)
    return converging(one, advice)


def converging(one: Run, advice: Advice) -> tuple[Convergence, ...]:
    measured = measurements(one)
    positions = {m.key: row for row, m in enumerate(measured)}
    return convergences(contents(measured, advice.names), advice, positions)


def drawn(score: float, evaluations: int, **fields) -> Fidelity:
    return fidelity(score, denoiser_evaluations=evaluations, **fields)


def test_each_scheduler_is_a_line_from_few_steps_to_many(tmp_path):
    records = [
        record(scheduler="euler", steps=20, fidelity=drawn(0.9, 20), samples_s=around(2.0)),
        record(scheduler="euler", steps=5, fidelity=drawn(0.4, 5), samples_s=around(0.5)),
        record(scheduler="heun", steps=5, fidelity=drawn(0.6, 9), samples_s=around(0.9)),
        record(scheduler="heun", steps=20, fidelity=drawn(1.0, 39), samples_s=around(3.9)),
    ]
    (found,) = shown(tmp_path, records)
    assert found.has_chart
    euler, heun = found.lines
    assert (euler["label"], heun["label"]) == ("euler", "heun")
    assert euler["style"] != heun["style"]
    assert [(p["evaluations"], p["latency_s"], p["score"]) for p in euler["points"]] == [
        (5, 0.5, 0.4),
        (20, 2.0, 0.9),
    ]
    assert [p["evaluations"] for p in heun["points"]] == [9, 39]
    assert "fidelity 0.40 (worst 0.40)" in euler["points"][0]["texts"]


def test_a_stochastic_sampler_is_listed_with_the_reason_and_draws_no_line(tmp_path):
    records = [
        record(scheduler="euler", steps=5, fidelity=drawn(0.4, 5)),
        record(scheduler="euler", steps=9, fidelity=drawn(0.5, 9)),
        record(scheduler="euler_a", steps=5, fidelity=unscored(NOT_COMPARABLE)),
    ]
    (found,) = shown(tmp_path, records)
    assert [(row.label, row.reason) for row in found.map.rows] == [
        ("euler", None),
        ("euler_a", NOT_COMPARABLE),
    ]
    assert [line["label"] for line in found.lines] == ["euler"]


def numerical(psnr_db: float) -> Agreement:
    return Agreement(psnr_db=(psnr_db,), ssim=(1.0,))


def test_the_line_is_in_the_arithmetic_of_the_recommendation_and_others_are_beside_it(tmp_path):
    records = [
        record(steps=s, dtype=dtype, samples_s=around(s * each_s), fidelity=drawn(score, s))
        for dtype, score, each_s in (("bf16", 0.5, 0.1), ("fp32", 0.6, 0.2))
        for s in (5, 9)
    ]
    (found,) = shown(tmp_path, records)
    (line,) = found.lines
    assert (line["label"], found.shared) == ("default scheduler", ("bf16",))
    assert [p["score"] for p in line["points"]] == [0.5, 0.5]
    assert [p["score"] for p in line["others"]] == [0.6, 0.6]
    assert [p["row"] for p in line["points"]] == [0, 1]
    assert line["others"][0]["texts"][0] == "default scheduler, 5 steps, fp32"


def nothing_recommended(tmp_path, records: list[Record]) -> tuple[Convergence, ...]:
    limits = Limits(latency_s=1e-6)
    suite = Suite(name="test", fixed={"pipeline": PIPELINE}, limits=limits)
    one = run(tmp_path, records, suite=suite)
    return converging(one, recommend_for_run(one))


def test_without_a_recommendation_the_line_is_of_plain_arithmetic(tmp_path):
    records = [
        record(steps=s, dtype=dtype, fidelity=drawn(score, s))
        for dtype, score in (("bf16", 0.5), ("fp32", 0.6))
        for s in (5, 9)
    ]
    (found,) = nothing_recommended(tmp_path, records)
    assert [p["score"] for p in found.lines[0]["points"]] == [0.6, 0.6]
    assert found.shared == ()


def test_without_plain_arithmetic_the_line_is_of_what_agrees_best_with_it(tmp_path):
    records = [
        record(steps=s, dtype=dtype, fidelity=drawn(0.5, s, numerical=numerical(psnr_db)))
        for dtype, psnr_db in (("bf16", 30.0), ("fp16", 45.0))
        for s in (5, 9)
    ]
    (found,) = nothing_recommended(tmp_path, records)
    assert found.shared == ("fp16",)


def test_a_scheduler_in_other_arithmetic_than_most_says_so(tmp_path):
    records = [
        record(steps=s, scheduler=name, dtype=dtype, fidelity=drawn(0.5, s))
        for name, dtype in (("euler", "bf16"), ("heun", "bf16"), ("ddim", "fp32"))
        for s in (5, 9)
    ]
    (found,) = shown(tmp_path, records)
    assert [row.label for row in found.map.rows] == ["euler", "heun", "ddim, fp32"]
    assert found.shared == ("bf16",)


def test_options_that_all_schedulers_have_are_told_once(tmp_path):
    spacing = {"timestep_spacing": "trailing"}
    records = [
        record(steps=s, scheduler={"name": name, **spacing, **more}, fidelity=drawn(0.5, s))
        for name, more in (("euler", {}), ("heun", {}), ("heun", {"use_karras_sigmas": True}))
        for s in (5, 9)
    ]
    (found,) = shown(tmp_path, records)
    assert found.shared == ("timestep_spacing=trailing",)
    labels = [row.label for row in found.map.rows]
    assert labels == ["euler", "heun", "heun (use_karras_sigmas=True)"]
    assert [row.style for row in found.map.rows] == [0, 1, 2]


def test_of_very_many_other_points_some_are_drawn_and_the_rest_is_counted(tmp_path):
    others = MOST_OTHERS + 10
    records = [
        *(record(steps=s, samples_s=around(0.01), fidelity=drawn(0.5, s)) for s in (1, 2)),
        *(
            record(steps=2 + n, dtype="bf16", samples_s=around(9.0), fidelity=drawn(0.5, 9))
            for n in range(others)
        ),
    ]
    one = run(tmp_path, records, suite=Suite(name="test", fixed={"pipeline": PIPELINE}))
    advice = recommend(measurements(one), Limits(fidelity=0.1), Objective())
    (found,) = converging(one, advice)
    assert len(found.lines[0]["others"]) == others // 2
    assert found.left_out == others // 2


def test_the_reference_is_described_with_ceiling_and_floor(tmp_path):
    (found,) = shown(tmp_path, [record(steps=s, fidelity=drawn(0.5, s)) for s in (5, 9)])
    assert found.reference == (
        "The reference is euler with 100 steps in fp32. With half of them it agrees by 50.0 dB "
        "with itself (the ceiling, fidelity 1); pictures of other seeds agree by 10.0 dB (the "
        "floor, fidelity 0). A fidelity is the median of 2 pictures: 2 prompts of 1 seed. It is "
        "agreement with the converged image, not quality."
    )


def test_each_content_has_a_chart_of_its_own_and_one_point_makes_none(tmp_path):
    records = [
        *(record(guidance_scale=1.0, steps=s, fidelity=drawn(0.5, s)) for s in (5, 9)),
        *(record(guidance_scale=7.5, steps=s, fidelity=drawn(0.5, s)) for s in (5, 9)),
        record(guidance_scale=9.0, steps=5, fidelity=drawn(0.5, 5)),
    ]
    assert [found.title for found in shown(tmp_path, records)] == [
        "guidance_scale 1.0",
        "guidance_scale 7.5",
    ]


def test_where_no_picture_has_a_fidelity_the_reasons_are_told(tmp_path):
    records = [
        record(steps=5, fidelity=unscored("the reference has not converged")),
        record(steps=9, fidelity=unscored("the reference has not converged")),
    ]
    page = html(run(tmp_path, records))
    assert "No picture has a fidelity: the reference has not converged (2)." in page
    assert 'class="convergence-chart"' not in page


def test_a_run_where_nothing_was_drawn_has_no_such_section(tmp_path):
    assert shown(tmp_path, [record(steps=5), record(steps=9)]) == ()


def test_the_limit_is_in_the_chart(tmp_path):
    suite = Suite(name="test", fixed={"pipeline": PIPELINE}, limits=Limits(fidelity=0.9))
    records = [record(steps=s, fidelity=drawn(0.5, s)) for s in (5, 9)]
    one = run(tmp_path, records, suite=suite)
    advice = recommend_for_run(one)
    found = converging(one, advice)
    chart = convergence_chart(found, advice)
    assert (chart["limit"], chart["limit_label"]) == (0.9, "limit 0.9")
    assert len(chart["charts"]) == 1
