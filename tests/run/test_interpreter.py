"""Which Python a word means."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import venvs

from sdbench.run.interpreter import Interpreter, NoPython, resolve_python

PYTHON = Path("bin/python")


def test_a_virtual_environment_is_named_by_its_folder(tmp_path: Path) -> None:
    folder = venvs.bare_venv(tmp_path / "main")
    for text in (folder, folder / PYTHON):
        found = resolve_python(str(text))
        assert found == Interpreter(str(folder / PYTHON), "main")
        assert found.is_in_venv


@pytest.mark.parametrize("name", [".venv", "venv", "env"])
def test_a_usual_name_is_told_with_the_folder_around_it(tmp_path: Path, name: str) -> None:
    """Both sides may be called ``.venv``, each in a checkout of its own."""
    folder = venvs.bare_venv(tmp_path / "change" / name)
    assert resolve_python(str(folder)).name == f"change/{name}"


def test_a_relative_path_is_found_from_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    venvs.bare_venv(tmp_path / "main")
    monkeypatch.chdir(tmp_path)
    assert resolve_python("main").path == str(tmp_path / "main" / PYTHON)


def test_a_name_is_looked_for_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "python9").symlink_to(sys.executable)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert resolve_python("python9") == Interpreter(str(tmp_path / "python9"), "python9")


def test_without_a_word_it_is_the_one_that_runs_this() -> None:
    assert resolve_python(None).path == str(Path(sys.executable).absolute())


def test_what_is_no_python_is_told_with_what_was_looked_for(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no program")
    for text, words in (
        (tmp_path, "is no virtual environment: it has none of bin/python, bin/python3"),
        (tmp_path / "file", "is no interpreter: it cannot be executed"),
        (tmp_path / "nothing", "there is no folder of a virtual environment, no interpreter"),
        ("no-such-python", "no command of this name"),
    ):
        with pytest.raises(NoPython, match=words) as refused:
            resolve_python(str(text))
        assert refused.value.exit_code == 2
