"""``sdbench report`` of several runs."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from sdbench.cli.main import cli, main

SUITE = """
pipeline: {builtin: tiny}
fixed: {scheduler: euler, steps: 4}
axes:
  batch_size: [1, 2, 4]
measure: {min_samples: 2, max_samples: 2, default: off, confirm_rounds: 0}
fidelity: off
"""
LARGE = "{name: NVIDIA H100, denoiser_s: 0.001, scheduler_step_s: 0.02}"
SMALL = "{name: NVIDIA L4, memory_bytes: 6500000000}"

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run on each of two scripted GPUs: `large` and `small`."""
    folder = tmp_path_factory.mktemp("runs")
    (folder / "suite.yaml").write_text(SUITE)
    for name, script in (("large", LARGE), ("small", SMALL)):
        (folder / f"{name}.yaml").write_text(script)
        device = f"scripted:{folder / name}.yaml"
        arguments = ["run", str(folder / "suite.yaml"), "--device", device]
        outcome = CliRunner().invoke(cli, [*arguments, "--results", str(folder / name)])
        assert outcome.exit_code == 0, outcome.output
    return folder


@pytest.fixture
def sdbench(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, runs: Path
) -> Call:
    """Runs a command line in a folder of its own that has the runs."""
    for name in ("large", "small"):
        shutil.copytree(runs / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["sdbench", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        output, errors = capsys.readouterr()
        return int(ended.value.code or 0), output, errors

    return call


def test_two_runs_are_compared_with_prices_and_an_out_of_memory(sdbench: Call) -> None:
    prices = ("--price", "l4=0.70EUR/h", "--price", "H100=3 EUR/h")
    assert sdbench("report", "large", "small", *prices, "-o", "both.html") == (
        0,
        "wrote both.html\n",
        "",
    )
    page = Path("both.html").read_text(encoding="utf-8")
    assert "NVIDIA H100 is the fastest with " in page
    assert " images per EUR (" in page
    assert "2 measured, 1 out of memory" in page


def test_the_reference_can_be_named(sdbench: Call) -> None:
    assert sdbench("report", "large", "small", "--relative-to", "L4")[0] == 0
    assert "reference: NVIDIA L4" in Path("report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["large", "small", "--price", "L4=cheap"], "legal is a device and its price above 0"),
        (["large", "small", "--price", "T4=1/h"], "there are: NVIDIA H100 (run "),
        (["large", "small", "--relative-to", "NVIDIA"], "'NVIDIA' stands for 2 runs"),
        (["large", "large"], "given 2 times"),
        (["large", "--price", "H100=1/h"], "name two or more"),
        (["large", "--relative-to", "H100"], "name two or more"),
        ([], "Missing argument 'RUN...'"),
    ],
)
def test_what_cannot_be_compared_is_said_and_nothing_is_written(
    sdbench: Call, arguments: list[str], expected: str
) -> None:
    code, _, errors = sdbench("report", *arguments)
    assert code == 2
    assert expected in " ".join(errors.split())
    assert not Path("report.html").exists()
