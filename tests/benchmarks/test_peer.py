"""What `benchmarks/peer.py` asks of each of the three, and says of what they took."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from sdbench.suite.expand import configurations
from sdbench.suite.load import load_suite

_FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def peer(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(_FOLDER)
    return importlib.import_module("peer")


@pytest.mark.parametrize("count", [2, 4, 8])
def test_all_three_measure_the_same_configurations(
    peer: ModuleType, tmp_path: Path, count: int
) -> None:
    job = peer.Job(tmp_path / "tiny", peer.CONFIGURATIONS[:count], samples=7)
    file = tmp_path / "suite.yaml"
    file.write_text(job.suite(), encoding="utf-8")
    suite = load_suite(file)
    told = json.loads(job.to_json())
    names = ("dtype", "steps", "batch_size")
    ours = [{name: one.knobs[name] for name in names} for one in configurations(suite)]
    key = json.dumps
    assert sorted(ours, key=key) == sorted(told["configurations"], key=key)
    assert suite.measure.min_samples == suite.measure.max_samples == told["samples"] == 7
    assert suite.measure.warmup == suite.measure.max_warmup == told["warmup"]
    assert told["peer_memory"]
    assert suite.fidelity is None
    assert not suite.measure.default


def test_the_pipeline_that_is_saved_has_what_old_tokenizers_ask_for(
    peer: ModuleType, tmp_path: Path
) -> None:
    peer.save_pipeline(tmp_path)
    index = json.loads((tmp_path / "model_index.json").read_text(encoding="utf-8"))
    assert index["safety_checker"] == [None, None]
    assert index["feature_extractor"] == [None, None]
    assert not (tmp_path / "safety_checker").exists()
    vocabulary = json.loads((tmp_path / "tokenizer" / "vocab.json").read_text(encoding="utf-8"))
    assert "<|endoftext|>" in vocabulary
    merges = (tmp_path / "tokenizer" / "merges.txt").read_text(encoding="utf-8")
    assert merges.startswith("#version")


def test_the_share_of_timed_calls_and_their_medians_are_told(
    peer: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = peer.Taken.of(100.0, [(4.0, 4.0, 2.0), (5.0, 5.0)])
    ours = peer.Taken.of(10.0, [(1.0, 1.0, 1.0), (2.5, 2.5)])
    floor = peer.Taken.of(8.0, [(1.0, 1.0, 1.0), (2.5, 2.5)])
    assert theirs.calls_ratio == 0.2
    assert theirs.medians_s == [4.0, 5.0]
    peer.report(theirs, ours, floor)
    out = capsys.readouterr().out
    assert "100.0 s, of which 20% timed calls; a call takes 3.00 times the floor's" in out
    assert "peer / sdbench:  10.00" in out
    assert "sdbench / floor: 1.25" in out


def test_each_goal_that_is_missed_is_told(peer: ModuleType) -> None:
    def taken(wall_s: float) -> object:
        return peer.Taken.of(wall_s, [(1.0,)])

    assert peer.missed(taken(150.0), taken(15.0), taken(10.0)) == []
    assert peer.missed(None, taken(15.0), taken(10.0)) == []
    assert peer.missed(taken(149.0), taken(16.0), taken(10.0)) == [
        "the peer takes 9.31 times as long, less than 10",
        "sdbench takes 1.60 times the floor, more than 1.5",
    ]


def test_of_several_rounds_the_middle_one_counts(peer: ModuleType) -> None:
    rounds = [peer.Taken.of(wall_s, [(1.0,)]) for wall_s in (9.0, 1.0, 5.0)]
    assert peer.middle(rounds).wall_s == 5.0


def test_a_command_that_fails_ends_the_bench(peer: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="ended with exit code 2"):
        peer.timed(["sh", "-c", "exit 2"], tmp_path)


def test_the_peers_interpreter_is_found_from_wherever_it_is_called(
    peer: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    python = Path("venv/python")
    python.parent.mkdir()
    python.symlink_to(sys.executable)
    assert peer.peer_python("venv/python") == str(tmp_path / python), "as it is: not what it links"
    with pytest.raises(SystemExit, match="there is no such program"):
        peer.peer_python("venv/other")
