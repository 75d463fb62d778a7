"""The page ranks as `sdbench recommend` does: within any limits both give the same answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from page_waits import wait_until
from random_runs import many_limits, random_run

from sdbench.analysis.advice import Advice, Choice
from sdbench.analysis.recommend import recommend_for_run
from sdbench.analysis.relaxing_words import relaxations_lines
from sdbench.cli.main import cli
from sdbench.report.html import write_html
from sdbench.results.store import Run
from sdbench.suite.model import Limits, Metric
from sdbench.units import GIB, MIB

sync_api = pytest.importorskip("playwright.sync_api")

SETS_OF_LIMITS = 60
"""For each run."""

STEPS = {
    "steps": (4, 10, 20, 50),
    "dtype": ("fp32", "bf16"),
    "batch_size": (1, 2, 4, 8),
    "scheduler": ("euler", "ddim"),
}
SIZES = {"height": (256, 512), "steps": (10, 20), "dtype": ("fp32", "fp16"), "batch_size": (1, 4)}
CONTENTS = {
    "guidance_scale": (1.0, 7.5),
    "dtype": ("fp32", "bf16"),
    "attention_slicing": ("off", "max"),
}

RUNS: dict[str, dict[str, Any]] = {
    "steps": {"seed": 1, "axes": STEPS},
    "calls": {"seed": 2, "axes": STEPS, "metric": Metric.LATENCY},
    "memory": {"seed": 3, "axes": STEPS, "metric": Metric.MEMORY, "has_default": False},
    "sizes": {"seed": 4, "axes": SIZES, "limits": Limits(memory_bytes=GIB, fidelity=0.7)},
    "contents": {"seed": 5, "axes": CONTENTS, "run_limit_bytes": 3 * GIB, "missing": ("a" * 12,)},
    "staged": {"seed": 9, "axes": STEPS, "told_share": 0.6},
    "one": {"seed": 6, "axes": {"dtype": ("bf16",)}, "has_default": False},
}

ANSWER = """
(sets) => sets.map((given) => {
  const advice = adviceFor(page, given);
  const key = (m) => (m === null ? null : page.rows.key[m.row]);
  const told = (choice, isHeadline) => ({
    chosen: key(choice.chosen),
    ties: choice.ties.map(key),
    miss: key(choice.miss),
    excess: choice.excess.map(({ figure, value, limit, ratio }) => [figure, value, limit, ratio]),
    relaxations: choice.relaxations.map((one) => (
      [one.limit, one.given, one.to, key(one.choice), one.ratio])),
    lines: relaxationLines(page, choice),
    gain: choice.gain && [
      key(choice.gain.default), choice.gain.ratio, choice.gain.obstacle, choice.gain.isChosen],
    reason: reasonOf(page, choice, advice, isHeadline),
  });
  return {
    headline: headlineText(page, advice),
    best: told(advice.best, true),
    choices: advice.choices.map((choice) => told(choice, false)),
    free: advice.free && freeText(page, advice),
  };
})
"""
"""What the page's engine says within each of several limits."""


def open_once(context: sync_api.BrowserContext, path: Path) -> Iterator[sync_api.Page]:
    """A page that several tests share, since it takes longer to open than to try."""
    complaints: list[str] = []
    page = context.new_page()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(path.as_uri())
    yield page
    page.close()
    assert complaints == []


@pytest.fixture(scope="module", params=RUNS)
def ranked(request, context, tmp_path_factory) -> Iterator[tuple[Run, Path, sync_api.Page]]:
    folder = tmp_path_factory.mktemp(request.param)
    one = random_run(folder, **RUNS[request.param])
    write_html(one, folder / "report.html")
    for page in open_once(context, folder / "report.html"):
        yield one, folder / "report.html", page


def as_json(limits: Limits, run: Run) -> dict[str, Any]:
    return {
        "memory_bytes": limits.memory_bytes,
        "latency_s": limits.latency_s,
        "fidelity": limits.fidelity,
        "batch_size": limits.batch_size,
        "headroom_ratio": limits.headroom_ratio,
        "run_memory_bytes": run.info.memory_limit_bytes,
    }


def told(choice: Choice, advice: Advice) -> dict[str, Any]:
    gain = choice.gain
    return {
        "chosen": choice.chosen.key if choice.chosen else None,
        "ties": [m.key for m in choice.ties],
        "miss": choice.nearest_miss.key if choice.nearest_miss else None,
        "excess": [[e.figure, e.value, e.limit, e.ratio] for e in choice.excess],
        "relaxations": [
            [r.limit.value, r.given, r.to, r.choice.key if r.choice else None, r.ratio]
            for r in choice.relaxations
        ],
        "lines": relaxations_lines(choice, advice.names, advice.objective.minimize),
        "gain": gain and [gain.default.key, gain.ratio, gain.obstacle, gain.is_chosen],
        "reason": choice.reason,
    }


def answer(run: Run, limits: Limits) -> dict[str, Any]:
    advice = recommend_for_run(run, limits)
    free = advice.without_fidelity_limit
    return {
        "headline": advice.headline,
        "best": told(advice.best, advice),
        "choices": [told(choice, advice) for choice in advice.by_work],
        "free": free.reason if free else None,
    }


def test_the_page_answers_as_the_command_does_within_any_limits(ranked):
    run, _, page = ranked
    sets = many_limits(7, run, SETS_OF_LIMITS)
    answers = page.evaluate(ANSWER, [as_json(limits, run) for limits in sets])
    expected = [answer(run, limits) for limits in sets]
    for limits, seen, wanted in zip(sets, answers, expected, strict=True):
        assert seen == wanted, limits
    if run.info.suite["axes"][0]["knob"] == "steps":
        # The limits cut through the run: many answers, among them none at all.
        assert len({one["best"]["chosen"] for one in expected}) > 10
        assert any(one["best"]["chosen"] is None for one in expected)
        assert any(one["best"]["ties"] for one in expected)


def recommended(folder: Path, options: list[str]) -> dict[str, Any]:
    """What the command says, as its JSON."""
    outcome = CliRunner().invoke(cli, ["recommend", str(folder), "--json", *options])
    assert outcome.exit_code == 0, outcome.output
    advice: dict[str, Any] = json.loads(outcome.output)
    return advice


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> tuple[Run, Path]:
    """A run whose suite limits memory and fidelity."""
    folder = tmp_path_factory.mktemp("report")
    limits = Limits(memory_bytes=900 * MIB, fidelity=0.5)
    one = random_run(folder, seed=8, axes=STEPS, limits=limits)
    write_html(one, folder / "report.html")
    return one, folder / "report.html"


@pytest.fixture(scope="module")
def shared(context, report) -> Iterator[sync_api.Page]:
    yield from open_once(context, report[1])


@pytest.fixture
def page(shared) -> sync_api.Page:
    """The report within the suite's own limits, as it opens."""
    shared.evaluate("document.getElementById('limits').reset()")
    assert shared.evaluate("location.hash") == ""
    return shared


def command_options(page: sync_api.Page) -> list[str]:
    """The options of the command line that the page shows."""
    shown = page.locator("#command").text_content() or ""
    assert shown.startswith("sdbench recommend run ")
    return shown.split()[3:]


def shows(page: sync_api.Page, advice: dict[str, Any]) -> None:
    """Requires that the page shows what the command says."""
    sync_api.expect(page.locator("#answer")).to_have_text(advice["headline"])
    chosen = advice["recommendation"]
    assert page.evaluate("state.answer.chosen") == (
        page.evaluate("(key) => page.rows.key.indexOf(key)", chosen["key"]) if chosen else None
    )
    if chosen:
        assert page.locator("#code").text_content() == chosen["code"]
        assert page.locator("#suite").text_content() == chosen["suite"]
    ties = page.evaluate("state.answer.ties.map((row) => page.rows.key[row])")
    assert ties == [tie["key"] for tie in advice["ties"]]


TYPED = [
    {},
    *({"memory": size} for size in ("0.5", "600 MiB", "800MiB", "1", "2.5GiB", "1GB", "")),
    *({"fidelity": score, "memory": ""} for score in ("0.3", "70%", "0.85", "0.97", "")),
    *({"latency": time, "fidelity": ""} for time in ("100ms", "0.35", "1.5", "1min")),
    *({"batch": batch, "memory": "1.2"} for batch in ("1", "2", "4", "8")),
    {"memory": "700MiB", "latency": "0.5", "fidelity": "0.6", "batch": "4"},
    {"memory": "1GiB", "latency": "", "fidelity": "", "batch": "2"},
]
"""What a reader types: more than 20 sets of limits."""


def test_what_is_typed_gives_the_answer_of_the_command_line_that_the_page_shows(page, report):
    run, _ = report
    answers = set()
    for typed in TYPED:
        page.evaluate("document.getElementById('limits').reset()")
        for name, text in typed.items():
            page.locator(f"#limit-{name}").fill(text)
        page.evaluate("() => new Promise((done) => requestAnimationFrame(() => done(true)))")
        advice = recommended(run.folder, command_options(page))
        shows(page, advice)
        answers.add(advice["headline"])
    assert len(TYPED) > 20
    assert len(answers) > 15


def test_a_slider_moved_by_keyboard_changes_the_answer_to_what_the_command_says(page, report):
    run, _ = report
    before = page.locator("#answer").text_content()
    slider = page.locator("[data-limit=memory] input[type=range]")
    slider.focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    sync_api.expect(page.locator("#answer")).not_to_have_text(before)
    sync_api.expect(page.locator("#limit-memory")).not_to_have_value("900 MiB")
    advice = recommended(run.folder, command_options(page))
    assert advice["limits"]["memory_bytes"] < 900 * MIB
    shows(page, advice)
    page.keyboard.press("End")
    sync_api.expect(slider).to_have_attribute("aria-valuetext", "no limit")
    sync_api.expect(page.locator("#limit-memory")).to_have_value("")
    sync_api.expect(page.locator("#command")).to_contain_text("--memory none")
    shows(page, recommended(run.folder, command_options(page)))


def test_a_limit_that_is_none_is_marked_and_the_last_answer_stays(page):
    field = page.locator("#limit-fidelity")
    field.fill("0.8")
    sync_api.expect(page.locator("#answer")).to_contain_text("fidelity at least 0.8")
    field.fill("1.8")
    sync_api.expect(field).to_have_attribute("aria-invalid", "true")
    problem = page.locator("#problem-fidelity")
    sync_api.expect(problem).to_contain_text("a share above 0 and up to 1")
    sync_api.expect(problem).to_contain_text("Still in force: 0.8")
    sync_api.expect(page.locator("#reset-limits")).to_be_enabled()
    sync_api.expect(page.locator("#answer")).to_contain_text("fidelity at least 0.8")
    field.fill("80%")
    sync_api.expect(field).to_have_attribute("aria-invalid", "false")
    sync_api.expect(problem).to_be_hidden()


def test_where_nothing_qualifies_the_nearest_miss_is_shown_and_nothing_to_run(page):
    page.locator("#limit-memory").fill("1 MiB")
    sync_api.expect(page.locator("#answer .what")).to_have_text(
        "no configuration can be recommended"
    )
    sync_api.expect(page.locator("#miss")).to_contain_text("with 2% headroom exceeds 1 MiB by")
    sync_api.expect(page.locator("#run")).to_be_hidden()
    sync_api.expect(page.locator("#why summary")).to_have_text("Why none")
    sync_api.expect(page.locator("#relaxing li").first).to_contain_text("of memory would let in")


def test_the_address_keeps_the_limits_and_a_reset_takes_the_suites_own(page):
    suites = page.locator("#answer").text_content()
    page.locator("#limit-memory").fill("650 MiB")
    page.locator("#limit-latency").fill("0.3")
    told = "within 650 MiB, p95 of a call at most 300 ms"
    sync_api.expect(page.locator("#answer")).to_contain_text(told)
    changed = page.locator("#answer").text_content()
    assert page.evaluate("location.hash") == "#memory=650MiB&latency=0.3s"
    page.locator("#contents a").last.click()
    wait_until(page, "scrollY > 0 && location.hash === '#memory=650MiB&latency=0.3s'")
    page.reload()
    sync_api.expect(page.locator("#answer")).to_have_text(changed)
    sync_api.expect(page.locator("#limit-latency")).to_have_value("0.3")
    page.locator("#reset-limits").click()
    sync_api.expect(page.locator("#answer")).to_have_text(suites)
    sync_api.expect(page.locator("#limit-memory")).to_have_value("900 MiB")
    sync_api.expect(page.locator("#limit-latency")).to_have_value("")
    sync_api.expect(page.locator("#reset-limits")).to_be_disabled()
    assert page.evaluate("location.hash") == ""


def test_after_a_reset_what_was_typed_before_does_not_come_back(page):
    page.locator("#limit-batch").fill("1")
    sync_api.expect(page.locator("#answer")).to_contain_text("batch at most 1")
    page.locator("#reset-limits").click()
    page.locator("#limit-memory").fill("800 MiB")
    sync_api.expect(page.locator("#answer")).to_contain_text("within 800 MiB")
    sync_api.expect(page.locator("#answer")).not_to_contain_text("batch at most")


def test_the_pictures_are_those_of_the_answer_or_none_are_shown(page):
    pictures = page.locator("#answer-pictures")
    sync_api.expect(pictures).to_be_visible()
    page.locator("#limit-batch").fill("1")
    sync_api.expect(pictures).to_be_hidden()
    page.locator("#limit-batch").fill("")
    sync_api.expect(pictures).to_be_visible()


def test_every_field_has_a_name_a_unit_and_a_slider_of_the_same_name(page):
    for name in ("Memory at most", "p95 of a call at most", "Worst fidelity at least"):
        sync_api.expect(page.get_by_role("textbox", name=name)).to_be_visible()
        sync_api.expect(page.get_by_role("slider", name=name)).to_be_visible()
    memory = page.get_by_role("textbox", name="Memory at most")
    sync_api.expect(memory).to_have_accessible_description("GiB")


def test_an_address_may_take_a_limit_of_the_suite_away(page):
    page.evaluate("location.hash = '#memory=&fidelity=none'")
    sync_api.expect(page.locator("#answer")).to_contain_text("no memory limit was given")
    # What is no limit at all is left as the suite has it.
    sync_api.expect(page.locator("#answer")).to_contain_text("fidelity at least 0.5")


def test_the_copy_buttons_copy_what_their_tab_shows(page):
    page.get_by_role("button", name="Copy the Python").click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.locator("#code").text_content()
    assert "pipe = " in copied
    page.get_by_role("tab", name="Python").focus()
    page.keyboard.press("ArrowRight")
    sync_api.expect(page.get_by_role("tab", name="Suite")).to_be_focused()
    sync_api.expect(page.locator("#panel-code")).to_be_hidden()
    page.get_by_role("button", name="Copy the suite").click()
    sync_api.expect(page.locator("#panel-suite [role=status]")).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.locator("#suite").text_content()
    page.locator(".command summary").click()
    page.locator(".command .copy").click()
    command = page.evaluate("navigator.clipboard.readText()")
    assert command == "sdbench recommend run --memory 900MiB --min-fidelity 0.5"


def test_a_new_answer_is_read_out_once_and_not_at_each_key(opened, report):
    page = opened(report[1])
    page.clock.install()
    page.reload()
    page.clock.run_for(5000)
    sync_api.expect(page.locator("#announced")).to_have_text("")
    page.locator("#limit-memory").press_sequentially("0")
    page.clock.run_for(100)
    page.locator("#limit-memory").fill("700MiB")
    page.clock.run_for(100)
    sync_api.expect(page.locator("#announced")).to_have_text("")
    page.clock.run_for(1000)
    sync_api.expect(page.locator("#announced")).to_have_text(
        page.locator("#answer").text_content() or ""
    )


def test_the_choice_for_each_work_follows_the_limits(page):
    rows = page.locator("#by-work tbody tr")
    assert rows.count() == 0 or page.locator("#by-work").is_hidden()
    link = page.locator("#contents").get_by_role("link", name="The choice for each amount of work")
    sync_api.expect(link).to_be_hidden()
    page.locator("#limit-fidelity").fill("")
    sync_api.expect(link).to_be_visible()
    sync_api.expect(rows).to_have_count(4)
    works = page.locator("#by-work tbody th").all_inner_texts()
    assert [work.split(" headline")[0] for work in works] == [
        "50 steps",
        "20 steps",
        "10 steps",
        "4 steps",
    ]
    sync_api.expect(page.locator("#by-work tr.recommended")).to_have_count(1)


SECTIONS = ("answer", "confirmed", "miss", "relaxing", "ties", "why", "run", "by-work")
"""By id: what is said on the server and again by the scripts."""


def test_the_page_says_the_same_before_any_script_has_run(ranked):
    _, path, page = ranked
    page.evaluate("setLimits(page.limits)")
    seen = page.evaluate(
        """(ids) => {
          const words = (root, id) => {
            const element = root.getElementById(id);
            return [element.hidden, element.textContent.replace(/\\s+/g, "")];
          };
          const served = new DOMParser().parseFromString(SERVED, "text/html");
          return ids.map((id) => [words(served, id), words(document, id)]);
        }""".replace(
            "SERVED",
            json.dumps(path.read_text(encoding="utf-8").split("<main>")[1].split("</main>")[0]),
        ),
        list(SECTIONS),
    )
    for name, (served, scripted) in zip(SECTIONS, seen, strict=True):
        assert served == scripted, name
