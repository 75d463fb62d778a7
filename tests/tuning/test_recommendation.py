from __future__ import annotations

import re
from pathlib import Path

import pytest
from tiny_pipelines import build

import sdbench
from sdbench.analysis.recommend import recommend_for_run
from sdbench.report.text import advice_text
from sdbench.results.store import RunFolderError
from sdbench.suite.errors import SuiteError
from sdbench.suite.model import Limits, Metric
from sdbench.tuning.errors import CannotApply
from sdbench.tuning.recommendation import Recommendation


def test_a_run_read_back_gives_the_same_answer(best: Recommendation) -> None:
    again = sdbench.load_run(best.folder)
    assert str(again) == str(best)
    assert again.code == best.code


def test_the_newest_run_of_a_folder_is_read(best: Recommendation) -> None:
    assert sdbench.load_run(str(best.folder.parents[1])).folder == best.folder


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="neither a run nor a folder of runs"):
        sdbench.load_run(tmp_path)


def test_it_says_what_the_command_line_says(best: Recommendation) -> None:
    assert str(best) == advice_text(recommend_for_run(best.run)).rstrip()
    assert best.ties == best.advice.best.ties
    assert best.reason == best.advice.best.reason
    assert repr(best).startswith("<sdbench.Recommendation: On CPU")


def test_other_limits_need_no_other_measurement(best: Recommendation) -> None:
    tight = best.recommend(limits={"memory": "1MiB"})
    assert tight.chosen is None
    assert tight.limits.memory_bytes == 2**20
    assert tight.recommend(limits={"memory": None}).chosen is not None
    assert best.recommend(limits=Limits(latency_s=1e-9)).chosen is None
    least = best.recommend(objective="memory")
    assert least.advice.objective.minimize is Metric.MEMORY


def test_limits_that_are_not_given_stay(best: Recommendation) -> None:
    both = best.recommend(limits={"latency": "1h"})
    assert both.limits.headroom_ratio == best.limits.headroom_ratio
    assert both.limits.latency_s == 3600


def test_a_slip_in_a_limit_is_named(best: Recommendation) -> None:
    with pytest.raises(SuiteError, match="did you mean 'latency'"):
        best.recommend(limits={"latencie": "1s"})


def test_nothing_recommended_cannot_be_applied(best: Recommendation) -> None:
    with pytest.raises(CannotApply, match="nothing is recommended"):
        best.recommend(limits={"memory": "1MiB"}).apply(build())


def test_the_table_has_a_row_for_each_configuration(best: Recommendation) -> None:
    table = best.table()
    assert len(table) == 4
    assert set(table["scheduler"]) == {"default", "euler"}


def test_the_report_is_written(best: Recommendation, tmp_path: Path) -> None:
    path = best.report(tmp_path / "report.html")
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_a_notebook_shows_the_answer_and_nothing_of_it_runs(best: Recommendation) -> None:
    html = best._repr_html_()
    assert best.advice.what in html
    assert "<script" not in html
    assert "&lt;script&gt;alert(" in html
    assert not re.search(r"\b(src|href|url)\b", html)


def test_a_notebook_shows_the_nearest_miss_where_nothing_is_recommended(
    best: Recommendation,
) -> None:
    html = best.recommend(limits={"memory": "1MiB"})._repr_html_()
    assert "no configuration can be recommended" in html
