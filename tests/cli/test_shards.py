"""``run --shard``, ``merge`` and ``run --devices``, as a user types them, on scripted devices."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from machines import machine

from sdbench.cli.main import main
from sdbench.fleet import local
from sdbench.results.record import Status
from sdbench.results.store import RunWriter, find_runs, read_run
from sdbench.run import inventory as inventory_module
from sdbench.run.processes import PROC, ProcessId, own_processes, still_alive

SUITE = """
name: demo
pipeline: {builtin: tiny}
axes:
  dtype: [fp32, fp16]
  steps: [2, 4]
fidelity: off
measure: {min_samples: 2, max_samples: 2, default: off, confirm_rounds: 0, timeout: 60s}
"""
PLAIN = ("--no-predict", "--no-neighbour-check")

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def sdbench(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Call:
    """Runs a command line in a folder with a suite: exit code, output, errors."""
    monkeypatch.chdir(tmp_path)
    Path("suite.yaml").write_text(SUITE)

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["sdbench", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        output, errors = capsys.readouterr()
        return int(ended.value.code or 0), output, errors

    return call


def script(file: str, **values: Any) -> str:
    Path(f"{file}.json").write_text(json.dumps({"noise_ratio": 0, **values}))
    return f"scripted:{file}.json"


def test_shards_are_measured_one_by_one_gone_on_with_and_joined(sdbench: Call) -> None:
    """Each shard is a run of its own, and `--resume` finds the newest run of the same shard."""
    arguments = ("run", "suite.yaml", "--device", "scripted", "--no-predict", "--shard")
    code, output, _ = sdbench(*arguments, "1/2")
    assert code == 0
    assert "2 configurations: 2 ok; shard 1/2 of the suite alone" in output
    assert "once all shards are measured, join them with: sdbench merge results/demo" in output
    assert "On Scripted device" not in output, "a shard cannot tell what is best"
    (one,) = find_runs(Path("results"))
    assert one.name.endswith("-shard1of2")

    code, output, _ = sdbench("merge", "results/demo", "-o", "results/demo/half")
    assert code == 3
    assert "1 shard is missing: 2/2" in output
    assert "2 configurations have no record:\n  steps 2\n  steps 4\n" in output

    assert "this is shard 1 of 2 of the suite alone" in sdbench("recommend", "results/demo")[2]

    assert sdbench(*arguments, "2/2")[0] == 0
    (two,) = Path("results").glob("demo/*-shard2of2")
    records = one / "records.jsonl"
    records.write_text(records.read_text().splitlines()[0] + "\n")
    assert sdbench(*arguments, "1/2", "--resume")[0] == 0
    assert len(records.read_text().splitlines()) == 2

    code, output, _ = sdbench("merge", str(one), str(two))
    assert code == 0
    assert "4 configurations: 4 ok\n" in output
    (whole,) = Path("results").glob("demo/*-shards-merged")
    code, output, _ = sdbench("recommend", str(whole))
    assert (code, output.splitlines()[1]) == (0, "  4 steps, fp16")
    assert sdbench("report", str(whole), "-o", "report.html")[0] == 0
    code, output, _ = sdbench("compare", "results/demo/half", str(whole))
    assert code == 3
    assert "Incomplete: 2 configurations without data on a side" in output


@pytest.mark.parametrize("shard", ["0/4", "5/4", "x", "1/0"])
def test_what_is_no_shard_is_exit_code_2(sdbench: Call, shard: str) -> None:
    code, _, errors = sdbench("run", "suite.yaml", "--shard", shard)
    assert code == 2
    assert "legal is i/n with 1 <= i <= n" in " ".join(errors.split())


def test_more_shards_than_configurations_are_refused_before_anything_starts(sdbench: Call) -> None:
    code, _, errors = sdbench("run", "suite.yaml", "--shard", "5/8", "--device", "scripted")
    assert code == 2
    assert "name at most 4 shards" in errors
    assert not Path("results").exists()


def test_a_shard_that_is_still_being_written_is_told(sdbench: Call) -> None:
    """All its records may be there, and fresh rounds still come."""
    for shard in ("1/2", "2/2"):
        sdbench("run", "suite.yaml", "--device", "scripted", "--no-predict", "--shard", shard)
    one, _ = find_runs(Path("results"))
    with RunWriter.resume(one):
        code, output, _ = sdbench("merge", "results/demo")
    assert code == 3
    assert f"{one.resolve()} is still being written" in output
    assert sdbench("merge", "results/demo")[0] == 0


def test_a_merge_of_nothing_is_exit_code_3(sdbench: Call) -> None:
    code, _, errors = sdbench("merge", "results")
    assert code == 3
    assert "neither a run nor a folder of runs" in errors


def test_equal_devices_share_the_suite_and_their_runs_are_joined(sdbench: Call) -> None:
    words = f"{script('a')},{script('b', denoiser_s=0.03)}"
    code, output, errors = sdbench(
        "run", "suite.yaml", "--devices", words, "--no-predict", "--report", "report.html"
    )
    assert (code, errors) == (0, "")
    lines = output.splitlines()
    assert "[scripted:a.json] Scripted device: 2 configurations" in lines
    assert "[scripted:b.json] Scripted device: 2 configurations" in lines
    assert "4 configurations: 4 ok" in lines
    assert "report: report.html" in lines
    assert "join them with" not in output, "that is done"
    whole = read_run(find_runs(Path("results"))[-1])
    assert whole.info.shard is None
    assert {record.worker for record in whole.records} == {"shard1/worker-1", "shard2/worker-1"}
    # 107 ms and 127 ms: 8.5 % to either side of their median.
    alone = [line for line in whole.plan_remarks if "8.5 % less" in line or "8.5 % more" in line]
    assert len(alone) == 2
    assert set(alone) <= set(lines)


def test_devices_of_different_kinds_measure_all_of_it_and_are_compared(sdbench: Call) -> None:
    words = f"{script('a')},{script('b', name='Other device')}"
    code, output, _ = sdbench("run", "suite.yaml", "--devices", words, *PLAIN)
    assert code == 0
    wholes = [read_run(folder) for folder in find_runs(Path("results"))[-2:]]
    assert {run.info.device for run in wholes} == {"Scripted device", "Other device"}
    assert [len(run.records) for run in wholes] == [4, 4]
    assert "different devices are not merged; compare them with: sdbench report" in output
    code, _, errors = sdbench("run", "suite.yaml", "--devices", words, *PLAIN, "--resume")
    assert code == 2
    assert "--resume goes on with devices of one kind" in " ".join(errors.split())


def test_a_device_that_fails_does_not_stop_the_other(sdbench: Call) -> None:
    words = f"{script('a')},{script('b', faults=[{'fault': 'crash', 'at': 'load'}])}"
    code, output, _ = sdbench("run", "suite.yaml", "--devices", words, *PLAIN)
    assert code == 3
    whole = read_run(find_runs(Path("results"))[-1])
    statuses = [record.status for record in whole.records]
    assert statuses[:2] == [Status.OK, Status.OK]
    assert Status.OK not in statuses[2:]
    assert "4 configurations: 2 ok" in output


def test_what_refuses_to_go_on_does_not_answer_with_an_earlier_run(sdbench: Call) -> None:
    """The suite was changed: what was measured before answers another question."""
    words = f"{script('a')},{script('b')}"
    assert sdbench("run", "suite.yaml", "--devices", words, *PLAIN)[0] == 0
    before = find_runs(Path("results"))
    Path("suite.yaml").write_text(SUITE.replace("[2, 4]", "[3, 5]"))
    code, output, _ = sdbench("run", "suite.yaml", "--devices", words, *PLAIN, "--resume")
    assert code == 3
    assert "[scripted:a.json] ended with exit code 2, and its earlier run is left out" in output
    assert "steps, fp" not in output
    assert find_runs(Path("results")) == before


def test_a_device_whose_command_line_crashed_at_its_end_is_told(
    sdbench: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """All records are there, and still something went wrong."""
    failing = tmp_path / "failing.py"
    failing.write_text(
        "import subprocess, sys\n"
        "subprocess.run([sys.executable, '-m', 'sdbench', *sys.argv[2:]], check=True)\n"
        "sys.exit(7)\n"
    )
    monkeypatch.setattr(local, "_SDBENCH", (sys.executable, str(failing)))
    code, output, _ = sdbench("run", "suite.yaml", "--devices", script("a"), *PLAIN)
    assert "4 configurations: 4 ok" in output
    assert "[scripted:a.json] ended with exit code 7" in output
    assert code == 3


def test_a_slip_in_the_suites_hardware_is_told_once(sdbench: Call) -> None:
    Path("suite.yaml").write_text(f"{SUITE}hardware: [L5]\n")
    code, output, errors = sdbench("run", "suite.yaml", "--devices", script("a"), *PLAIN)
    assert (code, output) == (2, "")
    assert "hardware" in errors


def test_one_device_alone_has_no_neighbours(sdbench: Call) -> None:
    code, output, _ = sdbench("run", "suite.yaml", "--devices", script("a"), "--no-predict")
    assert code == 0
    assert "neighbour check" not in output
    assert "4 configurations: 4 ok" in output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--devices", "cpu"), "legal is all, or devices such as cuda:0,cuda:1"),
        (("--devices", "scripted:no.json"), "no.json is no script of a device"),
        (("--devices", "all", "--device", "cpu"), "together with --device: name all devices"),
        (("--devices", "all", "--shard", "1/2"), "together with --shard"),
    ],
)
def test_wrong_devices_are_exit_code_2(
    sdbench: Call, arguments: tuple[str, ...], message: str
) -> None:
    code, _, errors = sdbench("run", "suite.yaml", *arguments)
    assert code == 2
    assert message in " ".join(errors.split())


def test_all_of_no_gpus_says_what_to_do(sdbench: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    found = inventory_module.Inventory(machine(), {})
    monkeypatch.setattr(inventory_module, "inventory", lambda: found)
    code, _, errors = sdbench("run", "suite.yaml", "--devices", "all")
    assert code == 2
    assert "there is no GPU here" in errors
    assert "`--device cpu` measures on the CPU" in errors


def processes_in(folder: Path) -> list[str]:
    """Command lines of the processes that run in a folder, this one apart."""
    found = []
    for process in PROC.iterdir():
        if not process.name.isdecimal() or int(process.name) == os.getpid():
            continue
        try:
            if (process / "cwd").readlink() == folder:
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


@pytest.mark.skipif(not PROC.is_dir(), reason="looks for processes in /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_all_devices_joins_what_there_is_and_can_be_gone_on_with(
    sdbench: Call, tmp_path: Path, number: signal.Signals
) -> None:
    """The first device is through, the second hangs in its first call when the signal comes."""
    words = f"{script('a')},{script('b', faults=[{'fault': 'hang'}])}"
    arguments = ["run", "suite.yaml", "--devices", words, *PLAIN]
    process = subprocess.Popen(
        [sys.executable, "-m", "sdbench", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    assert process.stdout is not None
    awaited = {"[scripted:a.json] results:", "[scripted:b.json] into"}
    while awaited:
        line = process.stdout.readline()
        assert line, "it ended too early"
        awaited = {one for one in awaited if not line.startswith(one)}
    assert len(processes_in(tmp_path)) > 1
    process.send_signal(number)
    output, errors = process.communicate()
    assert process.returncode == 3
    assert processes_in(tmp_path) == []
    assert "[scripted:b.json] interrupted" in output.splitlines()
    assert "2 configurations have no record" in output
    assert f"interrupted; go on with: sdbench {' '.join(arguments)} --resume" in errors
    script("b")
    code, output, _ = sdbench(*arguments, "--resume")
    assert code == 0
    assert "4 configurations: 4 ok" in output
    assert len([one for one in find_runs(Path("results")) if "-shard" in one.name]) == 4


@pytest.mark.skipif(sys.platform != "linux", reason="the system can end a process with its parent")
def test_a_killed_command_leaves_no_device_behind(sdbench: Call, tmp_path: Path) -> None:
    """The end of the pipe is that of the last process that could write to it."""
    words = f"{script('a', faults=[{'fault': 'hang'}])},{script('b', faults=[{'fault': 'hang'}])}"
    process = subprocess.Popen(
        [sys.executable, "-m", "sdbench", "run", "suite.yaml", "--devices", words, *PLAIN],
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    awaited = {"[scripted:a.json] into", "[scripted:b.json] into"}
    while awaited:
        line = process.stdout.readline()
        assert line, "it ended too early"
        awaited = {one for one in awaited if not line.startswith(one)}
    known: list[ProcessId] = [one for one in own_processes() if one.parent() == process.pid]
    assert len(known) == 2
    process.kill()
    process.wait()
    assert still_alive(known, 60.0) == frozenset()
