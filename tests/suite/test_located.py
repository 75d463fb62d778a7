"""Paths stay as they are written, so that keys are equal, and are found from the suite's folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from sdbench.suite.configuration import Configuration
from sdbench.suite.expand import configurations
from sdbench.suite.load import load_suite, suite_from_json
from sdbench.suite.located import has_relative_paths, located, located_knobs
from sdbench.suite.model import Suite

PATHS = """
inputs: {image: in.png, mask: ../mask.png}
axes:
  pipeline:
    - {path: models/a}
    - {single_file: b.safetensors, config: ./config}
    - {single_file: 'https://hub.example/b.safetensors', config: owner/name}
    - {builtin: tiny, custom_pipeline: code.py}
    - {id: owner/name, custom_pipeline: a_community_pipeline}
    - {path: /absolute/folder}
exclude: [{pipeline: {path: models/a}}]
include: [{pipeline: {path: ../c}}]
"""


def checkout(folder: Path) -> Path:
    """A suite in a folder of its own."""
    folder.mkdir()
    (folder / "paths.yaml").write_text(PATHS)
    return folder / "paths.yaml"


def test_two_checkouts_have_equal_keys(tmp_path: Path) -> None:
    """Paths were made absolute, so that a baseline of another checkout had other configurations."""
    one, other = (load_suite(checkout(tmp_path / name)) for name in ("here", "there"))
    assert [c.key for c in configurations(one)] == [c.key for c in configurations(other)]
    assert one == other
    assert one.to_json() == other.to_json()


def test_a_stored_suite_tells_nothing_of_the_machine(tmp_path: Path) -> None:
    suite = load_suite(checkout(tmp_path / "here"))
    assert str(tmp_path) not in str(suite.to_json())
    again = suite_from_json(suite.to_json())
    assert again == suite
    assert (suite.folder, again.folder) == (tmp_path / "here", None)


def test_relative_paths_are_those_of_the_suites_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They were relative to wherever the command ran."""
    file = checkout(tmp_path / "suites")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    suite = located(load_suite(Path("..") / "suites" / file.name))
    folder = str(tmp_path / "suites")
    assert suite.inputs.image == f"{folder}/in.png"
    assert suite.inputs.mask == str(tmp_path / "mask.png")
    assert suite.axes[0].values == (
        {"path": f"{folder}/models/a"},
        {"single_file": f"{folder}/b.safetensors", "config": f"{folder}/config"},
        {"single_file": "https://hub.example/b.safetensors", "config": "owner/name"},
        {"builtin": "tiny", "custom_pipeline": f"{folder}/code.py"},
        {"id": "owner/name", "custom_pipeline": "a_community_pipeline"},
        {"path": "/absolute/folder"},
    )
    assert suite.exclude == ({"pipeline": ({"path": f"{folder}/models/a"},)},)
    assert suite.include == ({"pipeline": ({"path": str(tmp_path / "c")},)},)


def test_what_is_located_stays_where_it_is(tmp_path: Path) -> None:
    once = located(load_suite(checkout(tmp_path / "here")))
    assert located(once) == once


def test_without_a_folder_paths_stay_as_they_are() -> None:
    suite = Suite(name="stored", fixed={"pipeline": {"path": "./model"}})
    assert located(suite) == suite
    assert located_knobs(suite.fixed, None) == {"pipeline": {"path": "./model"}}


def test_a_run_that_was_stored_with_absolute_paths_is_read_as_it_is() -> None:
    """Before, all paths were made absolute when a suite was loaded."""
    fixed = {"pipeline": {"path": "/home/someone/model"}}
    stored = Suite(name="old", fixed=fixed).to_json()
    assert suite_from_json(stored).fixed == fixed
    assert Configuration.of(suite_from_json(stored).fixed).key == Configuration.of(fixed).key


@pytest.mark.parametrize(
    ("source", "image", "is_relative"),
    [
        ({"path": "./model"}, None, True),
        ({"path": "/model"}, None, False),
        ({"path": "~/model"}, None, False),
        ({"id": "owner/name"}, None, False),
        ({"builtin": "emoji", "custom_pipeline": "./code.py"}, None, True),
        ({"builtin": "emoji"}, "./in.png", True),
    ],
)
def test_it_is_told_where_paths_need_a_folder(
    source: dict[str, str], image: str | None, is_relative: bool
) -> None:
    suite = suite_from_json(
        {"name": "x", "axes": [], "fixed": {"pipeline": source}, "inputs": {"image": image}}
    )
    assert has_relative_paths(suite, source) is is_relative
