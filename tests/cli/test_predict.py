"""``sdbench predict``; the process that predicts stands in."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import stand_in_predictor

from sdbench.cli.main import main
from sdbench.run import predict_target, predictor
from sdbench.units import GIB, MIB

SUITE = """
pipeline: {builtin: emoji}
axes:
  dtype: [fp32, fp16]
  batch_size: [1, 2]
  steps: [2, 4]
measure: {default: off}
"""

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def predict(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Call:
    """Runs ``sdbench predict`` on a suite in an empty folder: exit code, output, errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(predictor, "COMMAND", stand_in_predictor.COMMAND)
    monkeypatch.setattr(predict_target, "has_gpu_driver", lambda: False)
    Path("suite.yaml").write_text(SUITE)

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["sdbench", "predict", "suite.yaml", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        output, errors = capsys.readouterr()
        return int(ended.value.code or 0), output, errors

    return call


def test_it_says_what_fits(predict: Call) -> None:
    code, output, errors = predict("--device", "cpu", "--memory-limit", "160MiB")
    assert (code, errors) == (0, "")
    assert "suite: 8 configurations, 4 of different memory" in output
    assert output.endswith("6 of 8 fit in 160 MiB, 2 do not\n")
    assert len(list(Path("results/.predictions").glob("*.json"))) == 4


def test_the_default_is_predicted_too(predict: Call) -> None:
    Path("suite.yaml").write_text(SUITE.replace("[fp32, fp16]", "[fp16]").replace("off", "on"))
    told = json.loads(predict("--device", "cpu", "--json")[1])
    assert [each["knobs"]["dtype"] for each in told["configurations"]] == ["fp16"] * 4 + ["fp32"]


def test_it_predicts_for_a_gpu_that_is_not_there(predict: Call) -> None:
    code, output, _ = predict("--device-name", "Tesla T4", "--json")
    told = json.loads(output)
    assert code == 0
    assert told["target"]["compute_capability"] == "7.5"
    assert told["target"]["limit_bytes"] > 14 * GIB
    assert {each["verdict"] for each in told["configurations"]} == {"fits"}


def test_a_limit_alone_is_that_of_a_gpu_whose_kind_is_named(predict: Call) -> None:
    code, output, _ = predict("--memory-limit", "8GiB")
    assert code == 0
    assert "compute capability 8.0" in output
    told = json.loads(predict("--memory-limit", "8GiB", "--json")[1])
    assert told["target"]["limit_bytes"] == 8 * GIB
    assert told["target"]["context_bytes"] > 100 * MIB


def test_without_a_gpu_it_predicts_for_this_cpu_and_its_memory(predict: Call) -> None:
    code, output, _ = predict("--json")
    target = json.loads(output)["target"]
    assert code == 0
    assert target["name"].startswith("CPU: ")
    assert target["compute_capability"] is None
    assert target["limit_bytes"] > 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--device-name", "Tesla T44"], "--device-name: 'Tesla T44' is not legal: did you mean"),
        (["--device-name", "Tesla T4", "--device", "cpu"], "leave one out"),
        (["--memory-limit", "8"], "a size with its unit"),
        (["--device", "tpu"], "cpu"),
    ],
    ids=str,
)
def test_wrong_usage_is_exit_code_2(predict: Call, arguments: list[str], words: str) -> None:
    code, output, errors = predict(*arguments)
    assert (code, output) == (2, "")
    assert words in errors


def test_a_crash_is_one_message_and_exit_code_3(
    predict: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predictor, "COMMAND", (*stand_in_predictor.COMMAND, "broken"))
    code, output, errors = predict("--device", "cpu")
    assert (code, output) == (3, "")
    assert errors.startswith("sdbench: memory cannot be predicted: the worker ended with exit code")
    assert "Traceback" not in errors


def test_where_nothing_can_be_predicted_it_is_exit_code_3(predict: Call) -> None:
    Path("suite.yaml").write_text(SUITE + "fixed: {attention_slicing: max}\n")
    code, output, _ = predict("--device", "cpu")
    assert code == 3
    assert f"[1] {stand_in_predictor.SLICED}" in output


NO_TORCH = """
import sys
from sdbench.run import predictor
predictor.COMMAND = sys.argv[1:3]
from sdbench.cli.main import main
sys.argv = ["sdbench", *sys.argv[3:]]
try:
    main()
finally:
    print("heavy:", sorted({"torch", "diffusers", "transformers"} & set(sys.modules)))
"""


def test_the_command_imports_no_torch(predict: Call, tmp_path: Path) -> None:
    arguments = ["predict", "suite.yaml", "--memory-limit", "8GiB"]
    finished = subprocess.run(
        [sys.executable, "-c", NO_TORCH, *stand_in_predictor.COMMAND, *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "8 of 8 fit in 8 GiB" in finished.stdout
    assert finished.stdout.splitlines()[-1] == "heavy: []"
