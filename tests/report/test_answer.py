from dataclasses import replace

from factories import PIPELINE, REFERENCE, around, fidelity, record, run, unscored
from picture_files import write_pictures

from sdbench.analysis.recommend import recommend_for_run
from sdbench.report.answer import AnswerPictures, answer_pictures
from sdbench.report.html import html
from sdbench.report.pictures import Album
from sdbench.results.fidelity import Fidelity
from sdbench.results.record import Status
from sdbench.results.store import Run
from sdbench.suite.model import Limits, Suite


def suite(least: float | None) -> Suite:
    return Suite(name="test", fixed={"pipeline": PIPELINE}, limits=Limits(fidelity=least))


def two_speeds(tmp_path, least: float | None) -> Run:
    records = [
        record(steps=50, samples_s=around(5.0), fidelity=fidelity(0.9, 0.8)),
        record(
            steps=5,
            samples_s=around(0.5),
            fidelity=fidelity(0.3, 0.2, pictures={0: "images/fast.png"}),
        ),
    ]
    return run(tmp_path, records, suite=suite(least))


def shown(one: Run) -> AnswerPictures | None:
    return answer_pictures(recommend_for_run(one), Album(one.folder))


def test_what_a_limit_rules_out_stands_beside_the_answer_and_the_reference(tmp_path):
    found = shown(write_pictures(two_speeds(tmp_path, 0.8)))
    assert found is not None
    assert found.subject == "“a fox”, seed 0"
    assert [(e.role, e.settings) for e in found.exhibits] == [
        ("reference", "euler, 100 steps, fp32"),
        ("recommended", "50 steps"),
        ("without the fidelity limit", "5 steps"),
    ]
    assert found.exhibits[1].figures == ("5.0 s an image", "fidelity 0.90 (worst 0.80)")
    assert found.exhibits[2].figures == ("500 ms an image", "fidelity 0.30 (worst 0.20)")
    assert len({e.picture.uri for e in found.exhibits}) == 3
    assert found.exhibits[1].picture.alt == "50 steps: “a fox”, seed 0"


def test_without_a_limit_there_is_the_answer_beside_the_reference(tmp_path):
    found = shown(write_pictures(two_speeds(tmp_path, None)))
    assert found is not None
    assert [e.role for e in found.exhibits] == ["reference", "recommended"]


def test_a_limit_that_costs_nothing_adds_no_third_picture(tmp_path):
    one = write_pictures(two_speeds(tmp_path, 0.2))
    found = shown(one)
    assert found is not None
    assert [e.role for e in found.exhibits] == ["reference", "recommended"]
    assert "Without the fidelity limit the choice would be the same." in html(one)


def test_where_nothing_keeps_to_the_limit_the_nearest_miss_is_shown(tmp_path):
    found = shown(write_pictures(two_speeds(tmp_path, 0.95)))
    assert found is not None
    assert [e.role for e in found.exhibits] == [
        "reference",
        "nearest miss",
        "without the fidelity limit",
    ]


def test_what_was_asked_for_another_picture_does_not_stand_beside_the_answer(tmp_path):
    other = replace(REFERENCE, key="reference-2")
    near = record(guidance_scale=1.0, fidelity=fidelity(0.7, reference=other))
    far = record(guidance_scale=7.5, fidelity=fidelity(0.3))
    found = shown(write_pictures(run(tmp_path, [far, near], suite=suite(0.9))))
    assert found is not None
    assert [e.role for e in found.exhibits] == ["reference", "nearest miss"]


def test_pictures_that_are_gone_leave_a_reason_and_no_broken_image(tmp_path):
    page = html(two_speeds(tmp_path, 0.8))
    assert "<img" not in page.replace("<image", "")
    assert "no picture: the run&#39;s folder has no images/fast.png" in page


def test_a_fidelity_that_was_not_measured_leaves_a_sentence_with_the_reason(tmp_path):
    off = Fidelity.absent("the suite says `fidelity: off`")
    one = run(tmp_path, [record(fidelity=off)])
    assert shown(one) == AnswerPictures(absence="the suite says `fidelity: off`")
    assert "No pictures to compare: the suite says `fidelity: off`." in html(one)


def test_a_reference_that_is_unfit_leaves_the_answers_picture_with_the_reason(tmp_path):
    unfit = unscored("the reference is unfit: it begins too late", reference=None)
    found = shown(write_pictures(run(tmp_path, [record(fidelity=unfit)])))
    assert found is not None
    assert [e.role for e in found.exhibits] == ["recommended"]
    assert found.exhibits[0].figures[-1] == "the reference is unfit: it begins too late"


def test_where_nothing_was_measured_there_is_nothing_to_show(tmp_path):
    assert shown(run(tmp_path, [record(status=Status.OOM)])) is None
