"""``sdbench recommend``, as a user types it, on runs that were written by hand."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import factories
import pytest
from factories import around, fidelity, record

from sdbench.cli.main import main
from sdbench.suite.model import Axis, Inputs, Limits, Suite
from sdbench.units import MIB

Call = Callable[..., tuple[int, str, str]]

PROMPT = "a <script>alert('1')</script>\n\"quoted\" 猫: #off"
SUITE = Suite(
    name="sweep",
    inputs=Inputs(prompts=(PROMPT, "off"), seed=3),
    fixed={"pipeline": factories.PIPELINE},
    axes=(Axis("batch_size", (1, 8)),),
    limits=Limits(memory_bytes=1000 * MIB),
)
SINGLE = record(steps=2, samples_s=around(1.0), rss_mib=900)
EIGHT = record(steps=2, batch_size=8, samples_s=around(4.0), rss_mib=970)
"""Half a second an image; with 2 % of headroom 989.4 MiB, with 5 % 1018.5 MiB."""


@pytest.fixture
def call(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Call:
    """Runs ``sdbench`` beside a run in ``results``: exit code, output, errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    factories.run(tmp_path / "results", [SINGLE, EIGHT], suite=SUITE)

    def run_command(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["sdbench", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        output, errors = capsys.readouterr()
        return int(ended.value.code or 0), output, errors

    return run_command


@pytest.fixture(autouse=True)
def results(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()


def chosen_batch(call: Call, *options: str) -> int | None:
    code, output, _ = call("recommend", "results", *options, "--json")
    assert code == 0
    found = json.loads(output)["recommendation"]
    return found["knobs"]["batch_size"] if found else None


def test_the_suites_limits_hold_where_none_are_given(call: Call) -> None:
    assert chosen_batch(call) == 8


@pytest.mark.parametrize(
    ("options", "batch"),
    [
        (["--max-batch", "8"], 8),
        (["--max-batch", "4"], 1),
        (["--headroom", "3%"], 8),
        (["--headroom", "0.05"], 1),
        (["--headroom", "12%"], None),
        (["--headroom", "0", "--memory", "970MiB"], 8),
        (["--headroom", "0%", "--memory", "969MiB"], 1),
        (["--latency", "2s"], 1),
        (["--memory", "100MiB"], None),
        (["--memory", "none", "--headroom", "12%"], 8),
        (["--max-batch", "none"], 8),
    ],
)
def test_each_limit_can_be_given(call: Call, options: list[str], batch: int | None) -> None:
    assert chosen_batch(call, *options) == batch


@pytest.mark.parametrize(
    ("option", "value", "legal"),
    [
        ("--max-batch", "0", "0 is not in the range x>=1"),
        ("--max-batch", "many", "'many' is not a valid integer"),
        ("--headroom", "120%", "legal is a share from 0 to 1, such as 5% or 0.05"),
        ("--format", "html", "'html' is not one of 'text', 'python', 'suite', 'json'"),
    ],
)
def test_what_is_no_limit_is_refused(call: Call, option: str, value: str, legal: str) -> None:
    code, output, errors = call("recommend", "results", option, value)
    assert (code, output) == (2, "")
    assert legal in " ".join(errors.split())


def test_json_is_the_short_form_of_a_format(call: Call) -> None:
    assert call("recommend", "results", "--json") == (
        call("recommend", "results", "--format", "json")
    )


def test_the_python_alone_is_what_the_json_has_and_is_python(call: Call) -> None:
    code, output, errors = call("recommend", "results", "--format", "python")
    assert (code, errors) == (0, "")
    advice = json.loads(call("recommend", "results", "--json")[1])
    assert output == advice["recommendation"]["code"]
    compile(output, "recommended", "exec")


def test_the_suite_alone_stands_for_that_configuration(call: Call) -> None:
    code, output, errors = call("recommend", "results", "--format", "suite")
    assert (code, errors) == (0, "")
    Path("again.yaml").write_text(output, encoding="utf-8")
    shown = json.loads(call("show", "again.yaml", "--json")[1])
    assert shown["suite"] == "sweep-again"
    assert [item["key"] for item in shown["configurations"]] == [EIGHT.key]
    assert (
        output == json.loads(call("recommend", "results", "--json")[1])["recommendation"]["suite"]
    )


@pytest.mark.parametrize("form", ["python", "suite"])
def test_where_nothing_qualifies_only_the_reason_is_printed_and_the_exit_code_is_3(
    call: Call, form: str
) -> None:
    code, output, errors = call("recommend", "results", "--memory", "100MiB", "--format", form)
    assert (code, output) == (3, "")
    assert "no configuration can be recommended" in errors
    assert "2 over the memory limit" in errors
    assert "its peak memory of 900 MiB with 2% headroom exceeds 100 MiB" in errors


def test_for_people_nothing_that_qualifies_is_an_answer(call: Call) -> None:
    code, output, errors = call("recommend", "results", "--memory", "100MiB")
    assert (code, errors) == (0, "")
    assert "918 MiB of memory would let in batch 1." in output


def test_the_answer_stands_first_and_fits_the_terminal(call: Call) -> None:
    _, output, _ = call("recommend", "results", "--max-batch", "4")
    answer, relaxing, *_ = output.split("\n\n")
    assert answer.splitlines()[:4] == [
        "On Test CPU, within 1000 MiB, batch at most 4, no fidelity limit was given:",
        "  batch 1",
        "  1.00 s an image (p95 of a call 1.02 s), 200 MiB allocated, 900 MiB resident in",
        "      the process",
    ]
    assert relaxing.splitlines() == [
        "What relaxing a limit buys:",
        "  batch 8: 2.0 times as fast (batch 8)",
        "  The memory limit is not binding.",
    ]


def test_python_can_be_piped_as_it_is(call: Call, tmp_path: Path) -> None:
    """In a process of its own, so that nothing else is on its output."""
    command = [sys.executable, "-m", "sdbench", "recommend", "results", "--format", "python"]
    printed = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True).stdout
    assert printed.decode().splitlines()[0] == "import torch"
    assert printed.endswith(b"\n")
    assert not printed.endswith(b"\n\n")


def test_a_fidelity_limit_is_held_against_the_worst_picture(call: Call, tmp_path: Path) -> None:
    good, uneven = (
        record(steps=steps, samples_s=around(steps / 10), fidelity=fidelity(0.95, worst=worst))
        for steps, worst in ((20, 0.92), (10, 0.85))
    )
    (tmp_path / "drawn").mkdir()
    factories.run(tmp_path / "drawn", [good, uneven])
    _, output, _ = call("recommend", "drawn", "--min-fidelity", "0.9")
    assert "  20 steps\n" in output
    assert "  fidelity 0.85: 2.0 times as fast (10 steps)" in output


def test_the_json_says_how_a_staged_run_came_to_its_figures(call: Call, tmp_path: Path) -> None:
    told = json.loads(call("recommend", "results", "--json")[1])
    assert told["how_measured"] is None
    (tmp_path / "staged").mkdir()
    records = [SINGLE, factories.derived(2.0, steps=2, batch_size=8)]
    factories.run(tmp_path / "staged", records, suite=SUITE, plan="staged")
    told = json.loads(call("recommend", "staged/run", "--json")[1])
    assert told["recommendation"]["latency_origin"] == "derived"
    assert (told["how_measured"]["measured"], told["how_measured"]["derived"]) == (1, 1)


def test_an_export_for_other_programs_says_how_many_it_left_out(call: Call, tmp_path: Path) -> None:
    (tmp_path / "staged").mkdir()
    factories.run(tmp_path / "staged", [SINGLE, factories.derived(steps=3)], suite=SUITE)
    export = ("export", "staged/run", "-o", "run.json")
    code, _, errors = call(*export, "--format", "bencher")
    assert code == 0
    assert "left out, since derived and not measured: 1 configuration;" in errors
    assert call(*export, "--format", "json")[2] == ""
