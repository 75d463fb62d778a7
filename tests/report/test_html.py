import json
import re
from dataclasses import replace
from html import unescape
from typing import Any

import pytest
from factories import PIPELINE, REFERENCE, around, fidelity, info, record, run, unscored

from sdbench.report import chart
from sdbench.report.glossary import GLOSSARY
from sdbench.report.html import html, island, write_html
from sdbench.report.view import report_view
from sdbench.results.fidelity import Subject
from sdbench.results.figure import Figure, Origin
from sdbench.results.record import Status
from sdbench.results.store import RunWriter, read_run
from sdbench.suite.model import Inputs, Suite
from sdbench.units import MIB

ATTACK = "<script>alert(1)</script>"


def suite(**fields) -> Suite:
    return Suite(**{"name": "test", "fixed": {"pipeline": PIPELINE}, **fields})


def own_part(page: str) -> str:
    """The page without plotly's own script."""
    return re.sub(r"<script>/\*\*.*?</script>", "", page, count=1, flags=re.DOTALL)


def scripts(page: str) -> list[str]:
    """The page's own script elements, as they begin."""
    return re.findall(r"<script[^>]*>", own_part(page))


def island_of(page: str, name: str) -> Any:
    """The page's data of a name."""
    found = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', page)
    assert found is not None
    return json.loads(found[1])


def test_the_answer_its_reason_and_its_code_come_first(tmp_path):
    one = run(tmp_path, [record(steps=20), record(steps=20, dtype="bf16", samples_s=around(0.5))])
    view = report_view(one)
    page = html(one)
    assert view.advice.what in page
    assert "its interval overlaps no other&#39;s" in page
    assert "pipe.to(&#34;cpu&#34;)" in page
    assert page.index('id="answer"') < page.index('id="chart"') < page.index('id="configurations"')


def test_the_page_asks_no_network_for_anything(tmp_path):
    page = own_part(html(run(tmp_path, [record()])))
    assert re.findall(r'(?:src|href)="(?!#|data:)[^"]*"', page) == []
    assert "http" not in page.replace("http-equiv", "")
    assert "default-src 'none'" in page


def test_code_may_be_made_of_text_only_where_webgl_needs_it(tmp_path, monkeypatch):
    one = run(tmp_path, [record(steps=1), record(steps=2)])
    policy = re.compile(r"script-src ([^;]*);")
    assert policy.findall(html(one)) == ["'unsafe-inline'"]
    monkeypatch.setattr(chart, "MOST_SVG", 1)
    assert policy.findall(html(one)) == ["'unsafe-inline' 'unsafe-eval'"]


def test_text_from_the_suite_is_escaped_wherever_it_appears(tmp_path):
    attacks = suite(
        inputs=Inputs(prompts=(ATTACK,), negative_prompt=f"<!-- {ATTACK}"),
    )
    records = [
        record(prompt=ATTACK),
        record(prompt=f'"><img src=x onerror=alert(1)> {ATTACK}'),
        record(
            prompt="it's",
            status=Status.ERROR,
            fields={"reason": f'it\'s "quoted" {ATTACK}', "notes": (ATTACK,)},
        ),
        record(
            prompt="b",
            fields={
                "effective": {
                    "scheduler": {"class": ATTACK},
                    "attention_processors": {ATTACK: {ATTACK: 1}},
                },
                "peak_device_used_bytes": Figure.absent(ATTACK),
                "stages_s": {ATTACK: (1.0,)},
            },
        ),
    ]
    page = html(
        run(
            tmp_path,
            records,
            suite=attacks,
            device=ATTACK,
            environment={ATTACK: ATTACK},
            fingerprint={ATTACK: [ATTACK]},
        )
    )
    assert ATTACK not in page
    assert "<img src=x" not in page
    assert scripts(page) == scripts(html(run(tmp_path / "plain", [record(), record(steps=2)])))


def test_text_of_a_fidelity_is_escaped_wherever_it_appears(tmp_path):
    subjects = (Subject(ATTACK, 0), Subject(ATTACK, 1))
    reference = replace(REFERENCE, scheduler=ATTACK, pictures=(ATTACK,))
    records = [
        record(steps=1, fidelity=unscored(ATTACK, subjects=subjects)),
        *(
            record(
                steps=steps,
                fidelity=fidelity(
                    0.5, subjects=subjects, reference=reference, pictures={0: f'"{ATTACK}'}
                ),
            )
            for steps in (2, 3)
        ),
    ]
    page = html(run(tmp_path, records))
    assert "convergence-chart" in page
    assert ATTACK not in page
    assert scripts(page) == scripts(html(run(tmp_path / "plain", [record(), record(steps=2)])))


def test_the_json_island_cannot_be_left_and_reads_back_the_same():
    data = {"text": f"</script><!-- {ATTACK} & \u2028"}
    text = str(island(data))
    assert "<" not in text
    assert ">" not in text
    assert json.loads(text) == data


def test_a_very_long_prompt_does_not_flood_headline_or_table(tmp_path):
    long = "word " * 2000
    view = report_view(run(tmp_path, [record(prompt=long), record(prompt="short")]))
    assert len(view.advice.headline) < 400
    assert len(json.dumps(view.chart)) < 5000


def test_an_incomplete_run_is_announced_loudly(tmp_path):
    page = html(run(tmp_path, [record()], missing=["0123456789ab"]))
    assert 'role="alert"' in page
    assert "1 of 2 configurations have no record" in " ".join(page.split())


def test_a_complete_run_has_no_banner(tmp_path):
    assert 'role="alert"' not in html(run(tmp_path, [record()]))


def test_without_javascript_the_page_says_where_the_table_is(tmp_path):
    page = html(run(tmp_path, [record()]))
    (told,) = re.findall(r"<noscript><p>(The table.*?)</p></noscript>", page)
    assert "sdbench export" in told


def test_each_word_of_the_glossary_that_the_page_uses_is_defined(tmp_path):
    page = html(run(tmp_path, [record(fidelity=fidelity(0.5)), record(steps=2)]))
    used = re.findall(r'data-term="([^"]+)" data-definition="([^"]+)"', own_part(page))
    assert {name for name, _ in used} >= {"frontier", "fidelity"}
    assert all(unescape(definition) == GLOSSARY[name] for name, definition in used)


def test_a_run_where_all_failed_has_no_chart_but_an_explanation(tmp_path):
    records = [record(steps=s, status=Status.OOM) for s in (1, 2)]
    page = html(run(tmp_path, records))
    assert "no configuration can be recommended" in page
    assert "there is nothing to draw" in page
    assert "plotly.js v" not in page


def test_a_run_without_any_record_is_a_page_too(tmp_path):
    page = html(run(tmp_path, [], missing=["0123456789ab"]))
    assert "1 without a record" in page


def test_a_figure_that_is_not_available_is_a_dash_with_its_reason(tmp_path):
    known = record(steps=1, device_used_mib=300)
    data = island_of(html(run(tmp_path, [known, record(steps=2)])), "table-data")
    (column,) = [one for one in data["columns"] if one["label"] == "used on device"]
    text, *_, remark = column["entries"][1]
    assert (text, data["texts"][remark]) == ("–", "this device does not tell")


def test_a_figure_that_nobody_has_is_said_once_instead_of_a_column_of_dashes(tmp_path):
    view = report_view(run(tmp_path, [record(steps=1), record(steps=2)]))
    assert "reserved" not in [column.label for column in view.table.columns]
    assert ("reserved", "not available: this device does not tell") in [
        (fact.label, fact.text) for fact in view.shared
    ]


def test_a_figure_that_was_not_measured_shows_its_origin(tmp_path):
    inferred = Figure(300 * MIB, Origin.INFERRED)
    view = report_view(run(tmp_path, [record(fields={"peak_device_used_bytes": inferred})]))
    cells = [cell for row in view.table.rows for cell in row.cells]
    assert ("300 MiB", Origin.INFERRED) in [(cell.text, cell.origin) for cell in cells]


def test_one_sample_is_shown_without_an_interval(tmp_path):
    view = report_view(run(tmp_path, [record(samples_s=(1.0,))]))
    cells = [cell.detail for cell in view.table.rows[0].cells]
    assert cells.count("one sample, no interval") == 2


def test_only_knobs_that_vary_have_columns_and_shared_ones_are_said_once(tmp_path):
    records = [record(steps=s, guidance_scale=7.5) for s in (10, 20)]
    view = report_view(run(tmp_path, records))
    labels = [column.label for column in view.table.columns]
    assert "steps" in labels
    assert "guidance_scale" not in labels
    assert ("guidance_scale", "7.5") in [(fact.label, fact.text) for fact in view.shared]


def test_an_interval_of_few_samples_says_its_own_confidence(tmp_path):
    """Every interval was called one of 95 %, also that of three samples."""
    few = record(steps=2, samples_s=(0.9, 1.0, 1.1))
    enough = record(steps=4, samples_s=around(2.0))
    one = run(tmp_path, [few, enough])
    view = report_view(one)
    at = [column.label for column in view.table.columns].index("latency of a call")
    # The range of n samples holds the median with probability 1 - 2 / 2**n.
    assert (view.table.rows[0].cells[at].detail or "").endswith(" s, 75 % interval, 3 samples")
    assert "%" not in (view.table.rows[1].cells[at].detail or "")
    assert "95 %" in (view.table.columns[at].hint or "")
    assert "bars: 95 % intervals, those of few samples less: 75 % at least." in html(one)


def test_intervals_of_enough_samples_are_called_95_percent(tmp_path):
    assert "bars: 95 % intervals." in html(run(tmp_path, [record()]))


def test_the_confidence_of_an_interval_is_never_rounded_up(tmp_path):
    # Five samples: 93.75 %.
    view = report_view(run(tmp_path, [record(samples_s=(1.0, 1.1, 1.2, 1.3, 1.4))]))
    assert "93 % interval, 5 samples" in str([cell.detail for cell in view.table.rows[0].cells])


def test_the_counts_tell_how_every_planned_configuration_ended(tmp_path):
    records = [
        record(steps=1),
        record(steps=2),
        record(steps=3, status=Status.OOM),
        record(steps=4, status=Status.TIMEOUT),
    ]
    view = report_view(run(tmp_path, records, missing=["0123456789ab"]))
    counts = {count.status: count.number for count in view.counts}
    assert counts == {"ok": 2, "oom": 1, "timeout": 1, "missing": 1}
    assert (view.total, view.missing) == (5, 1)


def test_what_was_measured_beyond_the_plan_counts_and_is_not_called_planned(tmp_path):
    """The run of a search plans what is wanted alone: "of 3 planned" was said of it."""
    tried = [record(steps=1, status=Status.OOM), record(steps=2)]
    wanted = record(steps=3, status=Status.OOM)
    with RunWriter.create(tmp_path / "run", info(suite(), [wanted.key])) as writer:
        for one in (wanted, *tried):
            writer.append(one)
    searched = read_run(tmp_path / "run")
    assert (report_view(searched).total, report_view(searched).missing) == (3, 0)
    assert "of 3 configurations" in html(searched)
    assert "planned" not in own_part(html(searched))


@pytest.mark.parametrize("status", Status)
def test_every_status_renders(status, tmp_path):
    page = html(run(tmp_path, [record(status=status, fields={"load_s": None})]))
    assert f"status-{status.value}" in page


def test_the_file_is_written_whole(tmp_path):
    path = tmp_path / "reports" / "report.html"
    write_html(run(tmp_path, [record()]), path)
    assert path.read_text(encoding="utf-8").rstrip().endswith("</html>")
    assert [path] == list(path.parent.iterdir())
