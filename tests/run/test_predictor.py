"""Predictions from a process that imports torch: here one that does not, and answers as told."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import stand_in_predictor
from stand_in_predictor import SLICED

from sdbench.predict.target import Target
from sdbench.results.figure import Figure, Origin
from sdbench.results.prediction import Fit, Prediction
from sdbench.run.predicting_process import CannotPredict
from sdbench.run.predictor import Predictor, Question, predictor_for, shares
from sdbench.suite.configuration import Configuration
from sdbench.suite.expand import configurations
from sdbench.suite.load import load_suite
from sdbench.units import MIB

SUITE = """
pipeline: {builtin: emoji}
axes:
  dtype: [fp32, fp16]
  attention_slicing: [off, max]
  batch_size: [1, 2]
  steps: [2, 4, 6]
"""
CPU = Target(name="CPU", compute_capability=None, limit_bytes=None, context_bytes=0)


def limited(limit_mib: int) -> Target:
    return Target(
        name="a CPU", compute_capability=None, limit_bytes=limit_mib * MIB, context_bytes=0
    )


@pytest.fixture
def question(tmp_path: Path) -> Callable[..., Question]:
    def make(target: Target = CPU, suite: str = SUITE) -> Question:
        path = tmp_path / "suite.yaml"
        path.write_text(suite)
        loaded = load_suite(path)
        return Question(loaded, configurations(loaded), target)

    return make


@pytest.fixture
def predictor(tmp_path: Path) -> Callable[..., Predictor]:
    def make(*fault: str) -> Predictor:
        command = (*stand_in_predictor.COMMAND, *fault)
        return Predictor(tmp_path / "kept", os.environ, command)

    return make


def by_knobs(asked: Question, found: dict[str, Prediction], **values: Any) -> Prediction:
    """The prediction of the one configuration that has these values, and two steps."""
    (configuration,) = (
        each
        for each in asked.configurations
        if {**values, "steps": 2}.items() <= dict(each.knobs).items()
    )
    return found[configuration.key]


def test_every_configuration_has_a_prediction_or_the_reason(
    question: Callable[..., Question], predictor: Callable[..., Predictor]
) -> None:
    asked = question(limited(150))
    found = predictor().predict(asked)
    assert set(found) == {each.key for each in asked.configurations}
    largest = by_knobs(asked, found, dtype="fp32", attention_slicing="off", batch_size=2)
    assert largest.peak_allocated_bytes == Figure(200 * MIB, Origin.PREDICTED)
    assert largest.verdict is Fit.DOES_NOT_FIT
    assert largest.stage == "vae_decode"
    small = by_knobs(asked, found, dtype="fp16", attention_slicing="off", batch_size=1)
    assert small.peak_allocated_bytes.value == 75 * MIB
    assert small.verdict is Fit.FITS
    sliced = by_knobs(asked, found, dtype="fp16", attention_slicing="max", batch_size=1)
    assert (sliced.peak_allocated_bytes, sliced.verdict) == (Figure.absent(SLICED), None)
    assert sliced.reason == SLICED


def test_what_is_kept_starts_no_process(
    question: Callable[..., Question], predictor: Callable[..., Predictor]
) -> None:
    first = predictor().predict(question())
    told: list[tuple[int, int]] = []
    again = predictor("crash").predict(question(), lambda done, of: told.append((done, of)))
    assert (again, told) == (first, [])


def test_a_limit_is_held_against_what_is_kept(
    question: Callable[..., Question], predictor: Callable[..., Predictor]
) -> None:
    predictor().predict(question())
    asked = question(limited(100))
    found = predictor("crash").predict(asked)
    largest = by_knobs(asked, found, dtype="fp32", attention_slicing="off", batch_size=2)
    assert largest.verdict is Fit.DOES_NOT_FIT


def test_no_more_is_reserved_than_there_is(
    question: Callable[..., Question], predictor: Callable[..., Predictor]
) -> None:
    """A configuration that fits was said to reserve more than the device has."""
    asked = question(limited(160))
    found = predictor().predict(asked)
    single = by_knobs(asked, found, dtype="fp32", attention_slicing="off", batch_size=1)
    # The peak is 150 MiB, and 170 would be reserved.
    assert single.verdict is Fit.FITS
    assert single.peak_reserved_bytes == Figure(
        160 * MIB, Origin.PREDICTED, "all that is free: with more it would hold 170 MiB"
    )
    double = by_knobs(asked, found, dtype="fp32", attention_slicing="off", batch_size=2)
    assert double.peak_reserved_bytes.value == 220 * MIB


def test_what_was_kept_without_what_a_limit_asks_for_is_asked_again(
    question: Callable[..., Question], predictor: Callable[..., Predictor], tmp_path: Path
) -> None:
    """Between its peak and what it would reserve, fragmentation decides whether it fits."""
    predictor().predict(question(limited(1000)))
    log = str(tmp_path / "log")
    predictor("log", log).predict(question(limited(900)))
    assert not Path(log).exists()
    predictor("log", log).predict(question(limited(160)))
    assert Path(log).exists()


def test_the_real_process_predicts_the_smallest_pipeline(
    question: Callable[..., Question], tmp_path: Path
) -> None:
    asked = question(suite="pipeline: {builtin: tiny}\nfixed: {steps: 2}\n")
    (found,) = Predictor(tmp_path / "kept", os.environ).predict(asked).values()
    assert found.peak_allocated_bytes.origin is Origin.PREDICTED
    assert found.stage in found.stage_peak_allocated_bytes
    assert (found.peak_allocated_bytes.value or 0) > MIB
    assert found.peak_reserved_bytes.reason == "the CPU's allocator reserves nothing of its own"


def test_progress_counts_kinds(
    question: Callable[..., Question], predictor: Callable[..., Predictor]
) -> None:
    told: list[tuple[int, int]] = []
    predictor().predict(question(), lambda done, of: told.append((done, of)))
    assert told == [(done, 8) for done in range(9)]


def test_a_crash_costs_what_it_came_with_and_another_process_goes_on(
    question: Callable[..., Question], predictor: Callable[..., Predictor]
) -> None:
    asked = question()
    found = predictor("crash").predict(asked)
    assert found.keys() == {each.key for each in asked.configurations}
    known = by_knobs(asked, found, dtype="fp32", attention_slicing="off", batch_size=2)
    assert known.peak_allocated_bytes.value == 200 * MIB
    lost = by_knobs(asked, found, dtype="fp16", attention_slicing="off", batch_size=2)
    assert lost.peak_allocated_bytes.value is None
    assert "exit code 5" in (lost.peak_allocated_bytes.reason or "")
    assert "the stand-in crashed" in (lost.peak_allocated_bytes.reason or "")
    again = predictor().predict(asked)
    healed = by_knobs(asked, again, dtype="fp16", attention_slicing="off", batch_size=2)
    assert healed.peak_allocated_bytes.value == 100 * MIB


def test_processes_that_die_without_an_answer_are_one_error(
    question: Callable[..., Question], predictor: Callable[..., Predictor]
) -> None:
    with pytest.raises(CannotPredict, match=r"exit code 5.*the stand-in crashed") as failed:
        predictor("broken").predict(question())
    found = failed.value.found.values()
    assert all(prediction.peak_allocated_bytes.value is None for prediction in found)


def test_a_hang_ends_with_the_time(
    question: Callable[..., Question], predictor: Callable[..., Predictor]
) -> None:
    with pytest.raises(CannotPredict, match=r"no end within 0\.01 s"):
        predictor("hang").predict(question(), timeout_s=0.01)


def test_what_is_no_answer_is_an_error(
    question: Callable[..., Question], predictor: Callable[..., Predictor]
) -> None:
    with pytest.raises(CannotPredict, match=r"'no answer.*is no answer"):
        predictor("babble").predict(question())


def test_the_process_sees_no_gpu(
    question: Callable[..., Question], predictor: Callable[..., Predictor], tmp_path: Path
) -> None:
    predictor("log", str(tmp_path / "log")).predict(question())
    assert (tmp_path / "log").read_text() == "CUDA_VISIBLE_DEVICES=''\n"


def test_nothing_is_predicted_for_a_script(tmp_path: Path) -> None:
    assert predictor_for("scripted", tmp_path, {}) is None
    assert predictor_for("scripted:a.json", tmp_path, {}) is None
    assert predictor_for("cpu", tmp_path, {}) is not None


def test_groups_are_shared_out_where_it_pays() -> None:
    one_group = [Configuration.of({"batch_size": size}) for size in range(1, 20)]
    assert shares(one_group, cores=8) == [list(range(19))]
    groups = [
        Configuration.of({"height": 8 * side, "batch_size": size})
        for size in (1, 2)
        for side in range(1, 9)
    ]
    shared = shares(groups, cores=8)
    assert shared == [[0, 8, 1, 9, 2, 10, 3, 11], [4, 12, 5, 13, 6, 14, 7, 15]]
    assert len(shares(groups, cores=1)) == 1
    assert shares([], cores=8) == []


def test_two_processes_tell_what_one_would(
    question: Callable[..., Question],
    predictor: Callable[..., Predictor],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    alone = predictor().predict(question())
    shutil.rmtree(tmp_path / "kept")
    monkeypatch.setattr("sdbench.run.predictor._GROUPS_OF_A_PROCESS", 2)
    monkeypatch.setattr("sdbench.run.predictor.usable_cores", lambda: 2)
    together = predictor("log", str(tmp_path / "log")).predict(question())
    assert together == alone
    assert len((tmp_path / "log").read_text().splitlines()) == 2


PREDICT_AND_HANG = """
import os, sys
from pathlib import Path
from sdbench.predict.target import Target
from sdbench.run.predictor import Predictor, Question
from sdbench.suite.expand import configurations
from sdbench.suite.load import load_suite

suite = load_suite(Path(sys.argv[1]))
target = Target(name="CPU", compute_capability=None, limit_bytes=None, context_bytes=0)
predictor = Predictor(Path(sys.argv[2]), os.environ, sys.argv[3:])
told = lambda done, of: print(done, flush=True)
predictor.predict(Question(suite, configurations(suite), target), told)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_the_process_ends_with_its_controller(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "suite.yaml").write_text(SUITE)
    arguments = [str(tmp_path / "suite.yaml"), str(tmp_path / "kept")]
    controller = subprocess.Popen(
        [sys.executable, "-c", PREDICT_AND_HANG, *arguments, *stand_in_predictor.COMMAND, "hang"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert controller.stdout is not None
    for line in controller.stdout:
        if line == "4\n":
            break
    children = Path(f"/proc/{controller.pid}/task/{controller.pid}/children").read_text()
    (pid,) = children.split()
    with os.fdopen(os.pidfd_open(int(pid)), "rb") as ended:
        controller.send_signal(number)
        controller.communicate()
        assert select.select([ended], [], [], 30)[0], "the process that predicts is still there"
