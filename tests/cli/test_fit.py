"""``sdbench fit``, as a user types it, on a scripted device."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sdbench.cli.main import main
from sdbench.units import MIB

SUITE = """
name: small
pipeline: {builtin: tiny}
fixed: {steps: 2}
axes: {batch_size: [1, 4]}
measure: {warmup: 1, min_samples: 2, max_samples: 2}
fidelity: off
"""
SCRIPT = {
    "weights_bytes": 1000 * MIB,
    "activation_bytes": 50 * MIB,
    "vae_activation_bytes": 300 * MIB,
}
Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def fit(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Call:
    """Runs ``sdbench fit`` on a small suite and a scripted device: exit code, output, errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    Path("small.yaml").write_text(SUITE)
    Path("script.json").write_text(json.dumps(SCRIPT))

    def call(*arguments: str) -> tuple[int, str, str]:
        words = ["sdbench", "fit", "small.yaml", "--device", "scripted:script.json", *arguments]
        monkeypatch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as ended:
            main()
        output, errors = capsys.readouterr()
        return int(ended.value.code or 0), output, errors

    return call


def test_the_answer_is_text_on_the_output_and_progress_goes_elsewhere(fit: Call) -> None:
    code, output, errors = fit("--memory-limit", "1400MiB")
    assert code == 0
    assert output.startswith("On Scripted device, within 1.37 GiB. Wanted: 2 steps, batch 4.")
    assert "pipe.vae.enable_slicing()" in output
    assert output.splitlines()[-1].startswith("results: results/small-fit/")
    assert "into results/small-fit/" in errors
    assert "oom         as wanted: " in errors
    assert "vae_slicing on" in errors


def test_programs_read_json_alone_from_the_output(fit: Call) -> None:
    code, output, _ = fit("--memory-limit", "1400MiB", "--no-costs", "--json")
    read = json.loads(output)
    assert (code, read["fits"], read["changes"]) == (0, True, {"vae_slicing": "on"})
    assert read["limit_bytes"] == 1400 * MIB
    assert [step["verdict"] for step in read["steps"]] == ["out_of_memory", "fits"]
    assert "enable_slicing" in read["code"]
    assert read["wanted"]["knobs"]["batch_size"] == 4


def test_where_nothing_fits_the_exit_code_is_3_and_the_nearest_miss_is_told(fit: Call) -> None:
    code, output, _ = fit("--memory-limit", "40MiB", "--json")
    read = json.loads(output)
    assert (code, read["fits"], read["code"]) == (3, False, None)
    assert read["nearest_miss"]["missing_bytes"] == 160 * MIB


def test_another_value_can_be_wanted(fit: Call) -> None:
    arguments = ("--set", "batch_size=1", "--set", "vae_tiling=on")
    code, output, _ = fit("--memory-limit", "1400MiB", *arguments, "--json")
    read = json.loads(output)
    assert (code, read["changes"]) == (0, {})
    assert read["wanted"]["knobs"]["batch_size"] == 1
    assert read["wanted"]["knobs"]["vae_tiling"] == "on"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((), "Give --memory-limit"),
        (("--memory-limit", "6"), "a size with its unit"),
        (("--memory-limit", "1GiB", "--set", "batch_size"), "is no KNOB=VALUE"),
        (("--memory-limit", "1GiB", "--set", "batchsize=2"), "did you mean 'batch_size'?"),
        (("--memory-limit", "1GiB", "--set", "batch_size=0"), "a whole number above 0"),
        (("--memory-limit", "1GiB", "--set", "dtype=[fp32"), "dtype: "),
    ],
)
def test_wrong_usage_is_exit_code_2(fit: Call, arguments: tuple[str, ...], complaint: str) -> None:
    code, output, errors = fit(*arguments)
    assert (code, output) == (2, "")
    assert complaint in " ".join(errors.split())


def test_the_suites_own_limit_counts_where_none_is_given(fit: Call) -> None:
    with Path("small.yaml").open("a") as suite:
        suite.write("limits: {memory: 3GiB}\n")
    code, output, _ = fit("--json")
    assert (code, json.loads(output)["limit_bytes"]) == (0, 3 * 1024 * MIB)
