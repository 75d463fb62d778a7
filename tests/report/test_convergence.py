from factories import NOT_COMPARABLE, PIPELINE, around, fidelity, record, run, unscored

from sdbench.analysis.measurement import measurements
from sdbench.analysis.recommend import recommend_for_run
from sdbench.report.contents import contents
from sdbench.report.convergence import Convergence, convergence_chart, convergences
from sdbench.report.html import html
from sdbench.results.fidelity import Agreement, Fidelity
from sdbench.results.record import Record
from sdbench.suite.model import Limits, Suite


def shown(tmp_path, records: list[Record]) -> tuple[Convergence, ...]:
    one = run(tmp_path, records)
    advice = recommend_for_run(one)
    return convergences(contents(measurements(one), advice.names), advice)


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


def test_the_table_tells_what_each_number_of_steps_reaches(tmp_path):
    records = [
        record(scheduler="euler", steps=20, fidelity=drawn(0.9, 20), samples_s=around(2.0)),
        record(scheduler="euler", steps=5, fidelity=drawn(0.4, 5), samples_s=around(0.5)),
        record(scheduler="heun", steps=5, fidelity=drawn(0.6, 9, is_degenerate=True)),
    ]
    (found,) = shown(tmp_path, records)
    assert found.steps == ("5 steps", "20 steps")
    euler, heun = found.rows
    # 10 dB are 0, 50 dB are 1.
    assert [(c.score, c.figures) for c in euler.cells if c] == [
        ("0.40", ("26.0 dB", "5 NFE", "500 ms")),
        ("0.90", ("46.0 dB", "20 NFE", "2.00 s")),
    ]
    assert heun.cells[1] is None
    assert heun.cells[0] is not None
    assert heun.cells[0].is_degenerate


def test_a_stochastic_sampler_is_listed_with_the_reason_and_draws_no_line(tmp_path):
    records = [
        record(scheduler="euler", steps=5, fidelity=drawn(0.4, 5)),
        record(scheduler="euler", steps=9, fidelity=drawn(0.5, 9)),
        record(scheduler="euler_a", steps=5, fidelity=unscored(NOT_COMPARABLE)),
    ]
    (found,) = shown(tmp_path, records)
    assert [(row.label, row.reason) for row in found.rows] == [
        ("euler", None),
        ("euler_a", NOT_COMPARABLE),
    ]
    assert [line["label"] for line in found.lines] == ["euler"]


def test_the_line_is_of_plain_arithmetic_and_other_arithmetic_is_beside_it(tmp_path):
    records = [
        record(steps=s, dtype=dtype, fidelity=drawn(score, s))
        for dtype, score in (("bf16", 0.5), ("fp32", 0.6))
        for s in (5, 9)
    ]
    (found,) = shown(tmp_path, records)
    (line,) = found.lines
    assert line["label"] == "default scheduler"
    assert [p["score"] for p in line["points"]] == [0.6, 0.6]
    assert [p["score"] for p in line["others"]] == [0.5, 0.5]
    assert line["others"][0]["texts"][0] == "default scheduler, 5 steps, bf16"


def test_without_plain_arithmetic_the_line_is_of_what_agrees_best_with_it(tmp_path):
    def numerical(psnr_db: float) -> Agreement:
        return Agreement(psnr_db=(psnr_db,), ssim=(1.0,))

    records = [
        record(steps=s, dtype=dtype, fidelity=drawn(0.5, s, numerical=numerical(psnr_db)))
        for dtype, psnr_db in (("bf16", 30.0), ("fp16", 45.0))
        for s in (5, 9)
    ]
    (found,) = shown(tmp_path, records)
    assert [row.label for row in found.rows] == ["default scheduler, fp16"]


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
    found = convergences(contents(measurements(one), advice.names), advice)
    chart = convergence_chart(found, advice)
    assert (chart["limit"], chart["limit_label"]) == (0.9, "limit 0.9")
    assert len(chart["charts"]) == 1
