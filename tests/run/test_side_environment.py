"""What of the caller must not reach a side, and what must not be stored of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import venvs

from sdbench.run.interpreter import Interpreter, resolve_python
from sdbench.run.side_environment import (
    HIDDEN,
    shown_variables,
    side_environment,
    without_secrets,
)


def test_what_leads_to_the_callers_packages_is_left_out(tmp_path: Path) -> None:
    ours = {
        "PYTHONHOME": "/ours",
        "VIRTUAL_ENV": "/ours",
        "CONDA_PREFIX": "/ours",
        "__PYVENV_LAUNCHER__": "/ours/bin/python",
        "PATH": os.pathsep.join(["/ours/bin", "/usr/bin"]),
        "HF_HOME": "/models",
    }
    interpreter = resolve_python(str(venvs.bare_venv(tmp_path / "main")))
    got = side_environment(ours, interpreter, {})
    assert got == {
        "PATH": os.pathsep.join([str(interpreter.folder), "/usr/bin"]),
        "HF_HOME": "/models",
        "PYTHONHASHSEED": "0",
        "PYTHONSAFEPATH": "1",
    }


def test_a_search_path_is_kept_and_means_the_same_folders_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty part of it means the present folder, which is another for workers."""
    monkeypatch.chdir(tmp_path)
    ours = {"PYTHONPATH": os.pathsep.join(["src", "", "/lib"]), "HF_HOME": "cache"}
    got = side_environment(ours, Interpreter("/x/python", "x"), {})
    assert got["PYTHONPATH"] == os.pathsep.join([str(tmp_path / "src"), "/lib"])
    assert got["HF_HOME"] == str(tmp_path / "cache")


def test_a_sides_own_variables_come_before_all_else() -> None:
    ours = {"OMP_NUM_THREADS": "8"}
    own = {"OMP_NUM_THREADS": "1", "ANY_NAME": "x", "PYTHONSAFEPATH": ""}
    assert side_environment(ours, Interpreter("/x/python", "x"), own).items() >= own.items()


def test_secrets_are_not_stored() -> None:
    given = {"HF_TOKEN": "hf_abc", "MY_API_KEY": "k", "DATABASE_PASSWORD": "", "A": "b"}
    shown = shown_variables(given)
    assert shown == {name: HIDDEN if name != "A" else "b" for name in given}
    line = ["sdbench", "ab", "--candidate-env", "HF_TOKEN=hf_abc", "--candidate-env=A=b"]
    assert without_secrets(line, given) == (
        *("sdbench", "ab", "--candidate-env", f"HF_TOKEN={HIDDEN}", "--candidate-env=A=b"),
    )
