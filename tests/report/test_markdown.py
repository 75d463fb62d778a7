from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import factories
import pytest

from sdbench.report.markdown import MOST_ROWS, escaped, fenced, markdown
from sdbench.results.record import Record, Status
from sdbench.suite.model import Inputs, Limits, Suite
from sdbench.units import MIB

markdown_it = pytest.importorskip("markdown_it", reason="rich brings it")

WILD = "a|b `c` *d* _e_ <script>alert(1)</script> [f](g) @octocat #12 $x$ https://evil.example\n# h"


def record(seconds: float, allocated_mib: float, **more: Any) -> Record:
    return factories.record(
        samples_s=factories.around(seconds), allocated_mib=allocated_mib, rss_mib=None, **more
    )


def report(folder: Path, *records: Record, limits: Limits | None = None, **fixed: Any) -> str:
    suite = Suite(
        name="test",
        fixed={"pipeline": factories.PIPELINE, **fixed},
        limits=limits or Limits(),
    )
    return markdown(factories.run(folder, records, suite=suite))


def rendered(text: str) -> str:
    html: str = markdown_it.MarkdownIt("commonmark").enable("table").render(text)
    return html


def rows(text: str) -> list[list[str]]:
    """The body of the first table, as cells of HTML."""
    body = re.search(r"<tbody>(.*?)</tbody>", rendered(text), re.DOTALL)
    assert body is not None
    return [
        re.findall(r"<td[^>]*>(.*?)</td>", line, re.DOTALL)
        for line in re.findall(r"<tr>(.*?)</tr>", body[1], re.DOTALL)
    ]


def test_the_answer_the_frontier_and_the_code_in_this_order(tmp_path: Path) -> None:
    text = report(
        tmp_path,
        record(1.0, 300, dtype="fp32"),
        record(0.5, 400, dtype="bf16"),
        record(2.0, 500, dtype="fp16"),
        factories.record(status=Status.OOM, batch_size=64),
    )
    assert text.startswith("### test on Test CPU\n\n**On Test CPU, no memory limit was given")
    assert rows(text) == [
        ["★", "bf16, batch 1", "500 ms", "510 ms", "400 MiB"],
        ["default", "fp32, batch 1", "1.00 s", "1.02 s", "300 MiB"],
    ]
    assert "peak memory (allocated)" in text
    assert "4 configurations: 3 measured, 1 out of memory." in text
    assert text.index("| ★ |") < text.index("<details>") < text.index("```python\nimport torch")
    assert "2.0 times as fast as the default" in text
    assert text.rstrip().endswith("</sub>")
    assert "torch 2.13.0" in text


def test_every_details_is_closed_and_has_empty_lines_for_what_is_inside(tmp_path: Path) -> None:
    text = report(tmp_path, record(1.0, 300))
    opened = re.findall(r"<details>\n<summary>[^<]+</summary>\n\n", text)
    assert len(opened) == text.count("<details>") == text.count("\n\n</details>") == 3
    assert '<code class="language-python">' in rendered(text)


def test_nothing_in_a_prompt_is_markup_or_a_link_or_a_mention(tmp_path: Path) -> None:
    text = report(tmp_path, record(1.0, 300, prompt=WILD), record(2.0, 300, prompt="b" * 10_000))
    outside = re.sub(r"```.*?\n```", "", text, flags=re.DOTALL)
    html = rendered(outside)
    for tag in ("<script", "<em>", "<a ", "<h1", "<code"):
        assert tag not in html
    assert "@octocat" not in outside
    assert "https://" not in outside
    assert "#12" not in outside
    assert len(outside) < 5_000


@pytest.mark.parametrize(
    "text",
    [
        WILD,
        "- a list",
        "1. another",
        "= heading",
        "a_b __c__ ~~d~~",
        "![x](y)",
        "&lt; \\| end\\",
        "+ plus",
        "www.example.org",
    ],
)
def test_what_is_escaped_is_shown_as_it_stands(text: str) -> None:
    shown = rendered(escaped(text))
    line = " ".join(text.split())
    expected = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert shown == f"<p>{expected}</p>\n"


def test_a_pipe_stays_within_its_cell() -> None:
    table = f"| a | b |\n| --- | --- |\n| {escaped('x|y')} | z |"
    assert rows(table) == [["x|y", "z"]]


def test_names_of_knobs_stay_readable_unrendered() -> None:
    assert escaped("vae_slicing on") == "vae_slicing on"


def test_a_fence_is_longer_than_any_run_of_backticks() -> None:
    assert fenced("a ```` b", "python") == "`````python\na ```` b\n`````"


def test_a_long_frontier_keeps_both_ends_the_recommendation_and_the_default(
    tmp_path: Path,
) -> None:
    scores = [factories.fidelity(0.3 + 0.02 * n) for n in range(30)]
    records = [
        record(1.0 + 0.1 * n, 300, fidelity=score, guidance_scale=3, steps=n + 1)
        for n, score in enumerate(scores)
    ]
    text = report(tmp_path, *records, limits=Limits(fidelity=0.55), guidance_scale=3)
    table = rows(text)
    assert len(table) == MOST_ROWS
    assert "(10 of 30 shown)" in text
    # The worst picture's 0.3 + 0.02 n is 0.56 for n = 13: 14 steps.
    assert [row[1] for row in table if row[0] == "★"] == ["14 steps"]
    assert (table[0][1], table[-1][1]) == ("1 step", "30 steps")
    assert table[0][-2:] == ["0.30", "0.30"]


def test_a_default_that_is_beaten_is_told_apart_from_the_frontier(tmp_path: Path) -> None:
    text = report(tmp_path, record(1.0, 300, dtype="fp32"), record(0.5, 200, dtype="bf16"))
    assert [row[0] for row in rows(text)] == ["★", "default"]
    assert "beats these, but for the default, in latency and memory at once" in text


def test_where_nothing_qualifies_it_says_why_and_has_no_code(tmp_path: Path) -> None:
    text = report(tmp_path, record(1.0, 300), limits=Limits(memory_bytes=200 * MIB))
    assert "no configuration can be recommended" in text
    assert "over the memory limit" in text
    assert "```" not in text
    assert "would let in" in text


def test_a_run_with_holes_says_so(tmp_path: Path) -> None:
    suite = Suite(name="t", fixed={"pipeline": factories.PIPELINE}, inputs=Inputs(prompts=("a",)))
    run = factories.run(tmp_path, [record(1.0, 300)], suite=suite, missing=["gone"])
    assert "**This run is incomplete.** 2 configurations: 1 measured, 1 without a record." in (
        markdown(run)
    )


def test_derived_figures_say_so_and_so_does_how_it_was_measured(tmp_path):
    one = factories.run(
        tmp_path,
        [factories.record(samples_s=factories.around(2.0)), factories.derived(1.0, dtype="bf16")],
    )
    text = markdown(one)
    assert "1.00 s an image, derived (970 ms to 1.03 s" in text
    assert "It was not measured: its latency is derived from 12 measured configurations" in text
    assert "| 1.00 s (derived) | 1.03 s | 900 MiB (derived) |" in text
    assert "<summary>How it was measured</summary>\n\n- 1 of 2 configurations was measured" in text


def test_where_all_was_measured_nothing_is_said_of_how(tmp_path):
    assert "How it was measured" not in markdown(factories.run(tmp_path, [factories.record()]))
