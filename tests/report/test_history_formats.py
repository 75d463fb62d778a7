"""A history in its formats, all made from one: two steps, a change of torch, a failure, a gap."""

from __future__ import annotations

import json
import random
import re
from xml.etree import ElementTree

import pytest
from factories import fidelity, record
from histories import calls, run_of

from sdbench.analysis.history import history
from sdbench.report.history import gate, history_view
from sdbench.report.history_chart import HEIGHT, WIDTH, history_chart
from sdbench.report.history_formats import TEXTS, write_history
from sdbench.report.history_text import history_text
from sdbench.results.record import Status

RUNS = 36
TRAP = "<script>alert(1)</script> | `a` "


def level_s(day: int) -> float:
    return 1.0 if day < 12 else 1.2


def records(day: int, generator: random.Random):
    latency_s = level_s(day) * (1.3 if day >= 24 else 1.0) * generator.lognormvariate(0, 0.01)
    first = record(
        steps=4,
        prompt=TRAP,
        samples_s=calls(latency_s),
        allocated_mib=200 if day < 20 else 264,
        fidelity=fidelity(0.9),
    )
    second = record(steps=9, status=Status.OK if day < 30 else Status.OOM)
    return [first] if day == 3 else [first, second]


@pytest.fixture(scope="module")
def view():
    generator = random.Random(1)
    return history_view(
        history(
            run_of(
                day,
                records(day, generator),
                fingerprint={"torch": "2.13.0"} if day >= 24 else None,
            )
            for day in range(RUNS)
        )
    )


def test_the_changes_are_told_the_newest_first(view):
    told = [(change.when, change.words, change.is_worse) for change in view.changes]
    assert [when for when, _, _ in told] == ["2026-01-31", "2026-01-25", "2026-01-21", "2026-01-13"]
    assert told[0][1:] == ("status ok -> oom", True)
    assert re.fullmatch(r"\d+\.\d % slower, 1\.\d+ s -> 1\.\d+ s, as the conditions.*", told[1][1])
    assert told[2][1:] == ("allocated memory 200 MiB -> 264 MiB (+32.0 %)", True)
    assert re.fullmatch(r"(19|20|21)\.\d % slower, .* s -> 1\.\d+ s", told[3][1])


def test_levels_that_differ_by_chance_are_not_told_where_conditions_change():
    generator = random.Random(2)
    runs = [
        run_of(
            day,
            [record(steps=4, samples_s=calls(generator.lognormvariate(0, 0.03)))],
            fingerprint={"torch": f"2.{day // 8}"},
        )
        for day in range(40)
    ]
    found = history(runs)
    assert len(found.series[0].steps) == 4
    assert len(history_view(found).changes) <= 1


def test_the_spread_is_told_as_the_gates_take_it(view):
    assert "gates: {between_runs: " in view.between_runs
    assert [gate(ratio) for ratio in (0.0, 0.0101, 0.02, 0.0512)] == ["0.1%", "1.1%", "2%", "5.2%"]


@pytest.mark.parametrize("columns", [30, 60, 100, 160])
def test_text_keeps_to_its_width_and_says_what_it_is_for(view, columns):
    text = history_text(view, columns)
    assert max(map(len, text.splitlines())) <= columns
    assert "for reading, not for gating" in " ".join(text.split())
    assert any(bar in text for bar in "▁█")


def test_text_tells_steps_conditions_and_gaps(view):
    lines = history_text(view, 160).splitlines()
    assert "Of 2 configurations 1 became slower in a step over 36 runs." in lines[2]
    assert "  2026-01-25  torch 2.12.0 -> 2.13.0" in lines
    nine = lines[next(n for n, line in enumerate(lines) if line.startswith("9 steps")) + 1]
    assert nine.strip().split("  ")[0] == "▁▁▁ " + "▁" * 20 + "│" + "▁" * 6 + "×" * 6
    assert "oom" in nine


def test_json_has_every_value(view):
    content = json.loads(TEXTS["json"](view))
    assert (content["schema"], content["suite"], len(content["runs"])) == (1, "nightly", RUNS)
    assert [one["runs"] for one in content["conditions"]] == [24, 12]
    (change,) = content["changes_of_conditions"]
    assert change["differences"] == ["torch 2.12.0 -> 2.13.0"]
    first, second = content["configurations"]
    assert [(one["position"], one["has_new_conditions"]) for one in first["steps"]] == [
        (12, False),
        (24, True),
    ]
    assert first["steps"][0]["ratio"] == pytest.approx(1.2, abs=0.02)
    assert second["points"][3] is None
    assert second["points"][35]["status"] == "oom"
    assert content["between_runs"]["ratio"] == pytest.approx(0.01, rel=0.5)


def test_markdown_is_rendered_as_it_stands(view):
    text = TEXTS["markdown"](view)
    assert "### History of nightly: 36 runs from 2026-01-01 to 2026-02-05" in text
    assert "<script>" not in text
    assert "status ok -&gt; oom" in text
    assert "For reading, not for gating" in text


def test_the_page_holds_no_script_and_what_a_prompt_says_is_text(view):
    page = TEXTS["html"](view)
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "default-src 'none'" in page
    assert page.count("<svg ") == 2


def test_every_chart_is_an_svg_with_a_label_within_its_bounds(view):
    page = TEXTS["html"](view)
    for text in re.findall(r"<svg .*?</svg>", page, re.DOTALL):
        svg = ElementTree.fromstring(text)
        assert svg.get("role") == "img"
        assert svg.get("aria-label", "").startswith("Latency of ")
        for dot in svg.iter("circle"):
            assert 0 <= float(dot.get("cx", "-1")) <= WIDTH
            assert 0 <= float(dot.get("cy", "-1")) <= HEIGHT


def test_a_chart_has_a_dot_a_run_a_line_a_level_and_marks_changes(view):
    first, second = (history_chart(one.series, view) for one in view.series)
    assert len(first.dots) == RUNS
    assert [round(x2 - x1) for x1, x2, _ in first.levels] == [round(12 / 36 * 302)] * 3
    heights = [y for _, _, y in first.levels]
    assert heights == sorted(heights, reverse=True)
    assert [change.text for change in first.changes] == ["torch 2.12.0 -> 2.13.0"]
    assert first.levels[1][1] == first.changes[0].at
    assert (len(second.dots), len(second.failures)) == (29, 6)
    assert {dot.colour for dot in first.dots} == {0, 1}
    assert 2 <= len(first.ticks) <= 6


def test_what_no_run_has_timed_has_no_chart():
    failed = record(steps=4, status=Status.OOM)
    view = history_view(history([run_of(day, [failed]) for day in range(2)]))
    assert history_chart(view.series[0].series, view) is None
    page = TEXTS["html"](view)
    assert "No run has timed it." in page
    assert "Nothing that stands out from noise." in page


@pytest.mark.parametrize("format_name", TEXTS)
def test_every_format_is_written_to_a_file(view, format_name, tmp_path):
    write_history(view, format_name, tmp_path / "new" / "history")
    assert (tmp_path / "new" / "history").read_text() == TEXTS[format_name](view)


@pytest.mark.parametrize("format_name", TEXTS)
def test_two_runs_are_enough_for_every_format(format_name):
    found = history([run_of(day, [record()]) for day in range(2)])
    assert "2 runs" in TEXTS["text"](history_view(found))
    assert TEXTS[format_name](history_view(found))


def test_runs_of_one_day_are_told_apart_by_their_time():
    runs = [run_of(day, [record(steps=4)]) for day in (0, 0.25, 1)]
    assert history_view(history(runs)).moments == (
        "2026-01-01 00:00",
        "2026-01-01 06:00",
        "2026-01-02 00:00",
    )
