"""What is kept is found again as long as nothing that it follows from has changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from stand_in_predictor import footprint

from sdbench.predict import cache as predict_cache
from sdbench.predict.cache import PredictionCache, pipeline_content
from sdbench.predict.footprint import Footprint
from sdbench.suite.configuration import Configuration
from sdbench.suite.model import Inputs

ONE = Configuration.of({"pipeline": {"builtin": "tiny"}})


def cache(folder: Path, **values: Any) -> PredictionCache:
    usual: dict[str, Any] = {"inputs": Inputs(), "capability": None, "versions": {"torch": "2.13"}}
    return PredictionCache(folder, **{**usual, **values})


def of(**values: Any) -> Configuration:
    return Configuration.of({"pipeline": {"builtin": "tiny"}, **values})


def test_what_was_kept_is_found_again(tmp_path: Path) -> None:
    cache(tmp_path / "new").keep(ONE, footprint(150))
    assert cache(tmp_path / "new").load(ONE) == footprint(150)
    assert [path.suffix for path in (tmp_path / "new").iterdir()] == [".json"]


def test_it_holds_for_all_that_need_the_same_memory(tmp_path: Path) -> None:
    cache(tmp_path).keep(ONE, footprint(150))
    assert cache(tmp_path).load(of(steps=9, threads=1)) == footprint(150)


@pytest.mark.parametrize(
    "changed",
    [
        {"capability": (8, 0)},
        {"versions": {"torch": "2.14"}},
        {"inputs": Inputs(negative_prompt="")},
    ],
    ids=str,
)
def test_it_does_not_hold_under_other_circumstances(
    tmp_path: Path, changed: dict[str, Any]
) -> None:
    cache(tmp_path).keep(ONE, footprint(150))
    assert cache(tmp_path, **changed).load(ONE) is None


def test_a_package_that_was_missing_and_is_there_makes_a_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That a scheduler needs torchsde was said for ever, also after it was installed."""
    with monkeypatch.context() as without:
        without.setattr(predict_cache, "find_spec", lambda name: None)
        kept = Footprint.absent("needs the package torchsde", is_lasting=True)
        cache(tmp_path).keep(of(scheduler="dpmpp_sde"), kept)
    assert cache(tmp_path).load(of(scheduler="dpmpp_sde")) is None


def test_it_does_not_hold_for_other_knobs(tmp_path: Path) -> None:
    cache(tmp_path).keep(ONE, footprint(150))
    assert cache(tmp_path).load(of(batch_size=2)) is None


def test_what_may_change_is_not_kept(tmp_path: Path) -> None:
    cache(tmp_path).keep(ONE, Footprint.absent("there is no such file", is_lasting=False))
    assert list(tmp_path.iterdir()) == []


def test_a_reason_is_kept(tmp_path: Path) -> None:
    unknown = Footprint.absent("quantised layers are not predicted", is_lasting=True)
    cache(tmp_path).keep(ONE, unknown)
    assert cache(tmp_path).load(ONE) == unknown


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"stage": 3}', b"\xff\xfe"])
def test_a_damaged_file_counts_as_none_and_is_replaced(tmp_path: Path, content: bytes) -> None:
    cache(tmp_path).keep(ONE, footprint(150))
    (path,) = tmp_path.iterdir()
    path.write_bytes(content)
    assert cache(tmp_path).load(ONE) is None
    cache(tmp_path).keep(ONE, footprint(150))
    assert cache(tmp_path).load(ONE) == footprint(150)


def test_a_folder_that_cannot_be_made_keeps_nothing(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    kept = cache(tmp_path / "plain" / "below")
    kept.keep(ONE, footprint(150))
    assert kept.load(ONE) is None


def a_pipeline(folder: Path) -> Path:
    (folder / "unet").mkdir(parents=True)
    (folder / "model_index.json").write_text("{}")
    (folder / "unet" / "config.json").write_text(json.dumps({"layers": 2}))
    (folder / "unet" / "weights.safetensors").write_bytes(b"12345678")
    return folder


def test_a_folder_is_named_by_what_describes_the_pipeline(tmp_path: Path) -> None:
    folder = a_pipeline(tmp_path / "a")
    before = pipeline_content({"path": str(folder)})
    assert pipeline_content({"path": str(a_pipeline(tmp_path / "b"))}) == before
    (folder / "unet" / "weights.safetensors").write_bytes(b"87654321")
    assert pipeline_content({"path": str(folder)}) == before
    (folder / "unet" / "config.json").write_text(json.dumps({"layers": 3}))
    assert pipeline_content({"path": str(folder)}) != before


def test_a_folder_that_is_not_there_is_not_kept(tmp_path: Path) -> None:
    absent = Configuration.of({"pipeline": {"path": str(tmp_path / "nowhere")}})
    kept = cache(tmp_path / "kept")
    kept.keep(absent, footprint(150))
    assert kept.load(absent) is None
    assert not (tmp_path / "kept").exists()


def test_a_repository_of_code_is_not_kept_but_a_file_of_it_is(tmp_path: Path) -> None:
    assert pipeline_content({"builtin": "tiny", "custom_pipeline": "owner/code"}) is None
    code = tmp_path / "code.py"
    code.write_text("a = 1")
    before = pipeline_content({"builtin": "tiny", "custom_pipeline": str(code)})
    code.write_text("a = 2")
    assert before != pipeline_content({"builtin": "tiny", "custom_pipeline": str(code)})
