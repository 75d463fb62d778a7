"""The commands, as a user types them. They run in the test's process; no torch is needed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import factories
import pytest

from sdbench import __version__
from sdbench.cli.main import COMMANDS, main
from sdbench.results.record import Status
from sdbench.run import session

SUITE = """
pipeline: {builtin: tiny}
axes:
  scheduler: [euler, ddim]
  steps: [2, 4]
measure: {min_samples: 2, max_samples: 2, default: off, confirm_rounds: 0}
"""
CONFIRMED = SUITE.replace(", default: off, confirm_rounds: 0", "")


@pytest.fixture
def sdbench(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[..., tuple[int, str, str]]:
    """Runs a command line in an empty folder: exit code, output, errors."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["sdbench", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        output, errors = capsys.readouterr()
        return int(ended.value.code or 0), output, errors

    return call


Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def suite(tmp_path: Path) -> str:
    (tmp_path / "suite.yaml").write_text(SUITE)
    return "suite.yaml"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(sdbench: Call, command: str) -> None:
    code, output, _ = sdbench(command, "--help")
    assert code == 0
    assert "Example: sdbench " + command in " ".join(output.split())


def test_help_lists_every_command_with_what_it_does(sdbench: Call) -> None:
    _, output, _ = sdbench("--help")
    words = " ".join(output.split())
    for command, summary in COMMANDS.items():
        assert f"{command} {summary}" in words


def test_the_version_is_printed(sdbench: Call) -> None:
    assert sdbench("--version") == (0, f"sdbench, version {__version__}\n", "")


def test_show_lists_what_would_be_measured_in_order(sdbench: Call, suite: str) -> None:
    code, output, _ = sdbench("show", suite)
    assert code == 0
    assert [line.split("  ")[-1] for line in output.splitlines()[2:]] == [
        "scheduler euler, steps 2",
        "scheduler euler, steps 4",
        "scheduler ddim, steps 2",
        "scheduler ddim, steps 4",
    ]


def test_show_prints_keys_and_knobs_for_programs(sdbench: Call, suite: str) -> None:
    _, output, _ = sdbench("show", suite, "--json")
    shown = json.loads(output)
    assert shown["schema"] == 1
    assert len({item["key"] for item in shown["configurations"]}) == 4
    assert shown["configurations"][0]["knobs"]["scheduler"] == "euler"


def test_show_marks_the_default_which_is_measured_too(sdbench: Call, suite: str) -> None:
    Path(suite).write_text(CONFIRMED)
    lines = sdbench("show", suite)[1].splitlines()
    assert "configurations: 5" in lines[0]
    assert lines[-1].endswith("scheduler default, steps default (the default)")
    assert sum("(the default)" in line for line in lines) == 1
    shown = json.loads(sdbench("show", suite, "--json")[1])["configurations"]
    assert [item["is_default"] for item in shown] == [False] * 4 + [True]


def test_a_swept_default_is_marked_and_not_measured_twice(sdbench: Call, suite: str) -> None:
    swept = CONFIRMED.replace("[euler, ddim]", "[default, ddim]")
    Path(suite).write_text(swept.replace("steps: [2, 4]", "dtype: [fp32, fp16]"))
    shown = json.loads(sdbench("show", suite, "--json")[1])["configurations"]
    assert [item["is_default"] for item in shown] == [True, False, False, False]


def test_a_wrong_suite_is_one_message_and_exit_code_2(sdbench: Call, tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text(SUITE.replace("ddim", "dimm"))
    code, output, errors = sdbench("show", "wrong.yaml")
    assert (code, output) == (2, "")
    assert errors.startswith(
        "sdbench: wrong.yaml:4: axes.scheduler[1]: 'dimm' is not legal: did you mean 'ddim'?"
    )
    assert "Traceback" not in errors


def test_an_unknown_command_and_an_unknown_option_are_exit_code_2(sdbench: Call) -> None:
    assert sdbench("runn")[0] == 2
    assert sdbench("show", "--nothing")[0] == 2


def test_schema_prints_the_published_schema(sdbench: Call) -> None:
    _, output, _ = sdbench("schema")
    published = Path(__file__).parents[2] / "suites" / "suite.schema.json"
    assert output == published.read_text()


def test_a_run_ends_with_its_recommendation_and_exit_code_0(sdbench: Call, suite: str) -> None:
    code, output, errors = sdbench("run", suite, "--device", "scripted", "--report", "r.html")
    assert (code, errors) == (0, "")
    assert output.startswith("Scripted device: 4 configurations\ninto results/suite/")
    assert "[4/4] ok " in output
    assert (
        "On Scripted device, no memory limit was given, no fidelity limit was given:"
    ) in " ".join(output.split())
    assert "4 configurations: 4 ok" in output
    assert Path("r.html").read_text().startswith("<!doctype html>")


def test_without_confirmation_nothing_is_measured_again(sdbench: Call, suite: str) -> None:
    Path(suite).write_text(CONFIRMED)
    code, output, _ = sdbench("run", suite, "--device", "scripted", "--no-confirm")
    assert code == 0
    assert "measuring again" not in output
    assert "5 configurations: 5 ok\n" in output


def test_an_interrupted_confirmation_is_exit_code_3_and_goes_on(
    sdbench: Call, suite: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    Path(suite).write_text(CONFIRMED)
    with monkeypatch.context() as patched:
        patched.setattr(session, "confirm", interrupted)
        code, output, errors = sdbench("run", suite, "--device", "scripted")
    command = "sdbench run suite.yaml --device scripted --resume"
    assert (code, errors) == (3, f"interrupted; go on with: {command}\n")
    assert "5 configurations: 5 ok\n" in output
    code, output, _ = sdbench(*command.split()[1:])
    lines = output.splitlines()
    (first, second) = (n for n, line in enumerate(lines) if line.startswith("measuring again"))
    assert code == 0
    assert lines[first] == "measuring again: 3 configurations, fresh round 1 of 2"
    assert lines[second] == "measuring again: 3 configurations, fresh round 2 of 2"
    assert [line[:5] for line in lines[first + 1 : second]] == ["[1/3]", "[2/3]", "[3/3]"]
    assert "5 configurations: 5 ok; 3 measured again" in output
    assert "Its latency is that of 2 fresh rounds" in " ".join(output.split())


def test_all_configurations_get_the_rounds_that_were_asked_for(sdbench: Call, suite: str) -> None:
    Path(suite).write_text(CONFIRMED)
    code, output, _ = sdbench("run", suite, "--device", "scripted", "--rounds", "3")
    announced = [line for line in output.splitlines() if line.startswith("measuring again")]
    assert code == 0
    assert announced == [
        f"measuring again: 5 configurations, fresh round {number} of 2" for number in (1, 2)
    ]
    assert "5 configurations: 5 ok; 5 measured again\n" in output


@pytest.mark.parametrize("rounds", ["0", "-1", "many"])
def test_rounds_are_a_number_from_1_upwards(sdbench: Call, suite: str, rounds: str) -> None:
    code, _, errors = sdbench("run", suite, "--rounds", rounds)
    assert code == 2
    assert "--rounds" in errors


def test_a_run_with_holes_says_so_by_exit_code_3(sdbench: Call, suite: str, tmp_path: Path) -> None:
    script = tmp_path / "script.json"
    script.write_text(json.dumps({"faults": [{"fault": "error", "knobs": {"steps": 4}}]}))
    code, output, _ = sdbench("run", suite, "--device", f"scripted:{script}")
    assert code == 3
    assert "4 configurations: 2 ok, 2 error" in output
    assert "RuntimeError: the script says so" in output


def test_out_of_memory_is_an_answer_and_exit_code_0(
    sdbench: Call, suite: str, tmp_path: Path
) -> None:
    script = tmp_path / "script.json"
    script.write_text(json.dumps({"faults": [{"fault": "oom", "knobs": {"steps": 4}}]}))
    code, output, _ = sdbench("run", suite, "--device", f"scripted:{script}")
    assert code == 0
    assert "4 configurations: 2 ok, 2 oom" in output


def test_a_device_that_is_not_there_is_exit_code_2(sdbench: Call, suite: str) -> None:
    code, _, errors = sdbench("run", suite, "--device", "scripted:nothing.json")
    assert code == 2
    assert errors.startswith("sdbench: nothing.json is no script of a device")


def test_recommend_takes_limits_and_prints_json(sdbench: Call, tmp_path: Path) -> None:
    records = [
        factories.record(steps=4, scheduler="euler", samples_s=factories.around(1.0)),
        factories.record(steps=4, scheduler="ddim", samples_s=factories.around(2.0)),
    ]
    factories.run(tmp_path / "results", records)
    code, output, _ = sdbench("recommend", "results", "--memory", "4GiB", "--json")
    advice = json.loads(output)
    assert code == 0
    assert advice["recommendation"]["knobs"]["scheduler"] == "euler"
    assert advice["limits"]["memory_bytes"] == 4 * 2**30


def test_recommend_refuses_a_limit_without_a_unit(sdbench: Call, tmp_path: Path) -> None:
    factories.run(tmp_path / "results", [factories.record(steps=4)])
    code, _, errors = sdbench("recommend", "results", "--memory", "4")
    assert code == 2
    assert "a size with its unit" in errors


def test_recommend_takes_a_least_fidelity(sdbench: Call, tmp_path: Path) -> None:
    records = [
        factories.record(
            steps=steps,
            samples_s=factories.around(steps / 10),
            fidelity=factories.fidelity(score),
        )
        for steps, score in ((10, 0.4), (20, 0.95), (50, 0.99))
    ]
    factories.run(tmp_path / "results", records)
    for written in ("0.9", "90%"):
        code, output, _ = sdbench("recommend", "results", "--min-fidelity", written, "--json")
        advice = json.loads(output)
        assert code == 0
        assert advice["limits"]["fidelity"] == 0.9
        assert advice["recommendation"]["knobs"]["steps"] == 20
        assert advice["without_fidelity_limit"]["recommendation"]["knobs"]["steps"] == 10
    assert "--min-fidelity" in sdbench("recommend", "results")[1]


@pytest.mark.parametrize("written", ["0", "1.5", "120%", "-1", "much"])
def test_recommend_refuses_a_fidelity_that_is_no_share(
    sdbench: Call, tmp_path: Path, written: str
) -> None:
    factories.run(tmp_path / "results", [factories.record(steps=4)])
    code, _, errors = sdbench("recommend", "results", f"--min-fidelity={written}")
    assert code == 2
    assert "a share above 0 and up to 1" in errors


def test_a_folder_without_a_run_is_exit_code_3(sdbench: Call) -> None:
    code, _, errors = sdbench("recommend", "nowhere")
    assert code == 3
    assert errors.startswith("sdbench: nowhere is neither a run nor a folder of runs")


def test_a_run_is_found_from_within_its_folders(
    sdbench: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`sdbench recommend .` ended in a traceback, since "." has no name."""
    made = factories.run(tmp_path / "results" / "test", [factories.record(steps=4)])
    for folder, path in [(made.folder, "."), (made.folder, ".."), (made.folder.parent.parent, ".")]:
        monkeypatch.chdir(folder)
        code, output, _ = sdbench("recommend", path)
        assert code == 0
        assert "On Test CPU" in output


def test_results_that_cannot_be_written_are_one_message_and_exit_code_3(
    sdbench: Call, suite: str
) -> None:
    Path("plain").write_text("")
    code, _, errors = sdbench("run", suite, "--device", "scripted", "--results", "plain/results")
    assert code == 3
    assert errors == "sdbench: cannot read or write plain/results/suite: Not a directory\n"


def test_an_export_that_cannot_be_written_is_one_message_and_exit_code_3(
    sdbench: Call, tmp_path: Path
) -> None:
    factories.run(tmp_path / "results", [factories.record(steps=4)])
    Path("plain").write_text("")
    code, output, errors = sdbench("export", "results", "-o", "plain/table.csv")
    assert (code, output) == (3, "")
    assert errors.startswith("sdbench: cannot write plain/table.csv: ")
    assert errors.count("\n") == 1


def test_a_report_that_could_not_be_written_is_refused_before_the_sweep(
    sdbench: Call, suite: str
) -> None:
    """The sweep was measured for hours, and the report then failed."""
    code, output, errors = sdbench("run", suite, "--device", "scripted", "--report", "new/r.html")
    assert (code, output) == (2, "")
    assert "there is no folder" in errors
    assert not Path("results").exists()


def test_a_reader_who_has_seen_enough_ends_a_command_quietly(suite: str, tmp_path: Path) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    finished = subprocess.run(
        [sys.executable, "-c", "from sdbench.cli.main import main; main()", "show", suite],
        cwd=tmp_path,
        stdout=write_end,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(write_end)
    assert finished.stderr == ""
    assert finished.returncode == 141  # 1 is a regression's


@pytest.mark.parametrize("ending", ["csv", "parquet", "json"])
def test_export_writes_by_the_files_ending(sdbench: Call, tmp_path: Path, ending: str) -> None:
    factories.run(tmp_path / "results", [factories.record(steps=4)])
    code, output, _ = sdbench("export", "results", "-o", f"table.{ending}")
    assert (code, output) == (0, f"wrote table.{ending}\n")
    assert Path(f"table.{ending}").stat().st_size > 0


def test_export_refuses_an_unknown_ending(sdbench: Call, tmp_path: Path) -> None:
    factories.run(tmp_path / "results", [factories.record(steps=4)])
    code, _, errors = sdbench("export", "results", "-o", "table.xlsx")
    assert code == 2
    assert "ends in none of .csv, .parquet, .json" in errors


def test_report_writes_a_file_also_of_a_run_that_failed(sdbench: Call, tmp_path: Path) -> None:
    factories.run(tmp_path / "results", [factories.record(status=Status.OOM, steps=4)])
    code, output, _ = sdbench("report", "results", "-o", "report.html")
    assert (code, output) == (0, "wrote report.html\n")


NO_TORCH = """
import sys
from sdbench.cli.main import main
for line in sys.argv[1:]:
    sys.argv = ["sdbench", *line.split()]
    try:
        main()
    except SystemExit as ended:
        code = ended.code or 0
    heavy = sorted({"torch", "diffusers", "transformers"} & set(sys.modules))
    print("heavy:", line, code, heavy)
"""
WITHOUT_TORCH = (
    "--help",
    "show suite.yaml",
    "schema",
    "recommend results",
    "report results",
    "export results -o table.csv",
    "run suite.yaml --device scripted",
    "devices",
)


def test_no_command_imports_torch(suite: str, tmp_path: Path) -> None:
    """One process goes through them all, since it is the imports that take long."""
    factories.run(tmp_path / "results", [factories.record(steps=4)])
    finished = subprocess.run(
        [sys.executable, "-c", NO_TORCH, *WITHOUT_TORCH],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    told = [line for line in finished.stdout.splitlines() if line.startswith("heavy:")]
    assert told == [f"heavy: {command} 0 []" for command in WITHOUT_TORCH]


def test_devices_lists_the_cpu(sdbench: Call) -> None:
    code, output, _ = sdbench("devices", "--json")
    found = json.loads(output)
    assert code == 0
    assert found["devices"][0]["word"] == "cpu"
    assert found["versions"]["torch"]
