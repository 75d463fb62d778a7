"""What is installed beside an interpreter, as it tells itself, and as its workers import it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import venvs

from sdbench import __version__
from sdbench.jsontypes import JsonValue
from sdbench.run import installation
from sdbench.run.fork_launch import ForkServerLauncher
from sdbench.run.installation import NoInstallation, Probed, probe
from sdbench.run.interpreter import Interpreter, resolve_python
from sdbench.run.launch import SpawnLauncher
from sdbench.run.messages import Ready, Start
from sdbench.run.order import Order
from sdbench.run.side_environment import (
    side_environment,
)

BEFORE_3_11 = {"PYTHONSAFEPATH": ""}
"""As for a Python that does not know the variable."""


def asked(interpreter: Interpreter, folder: Path, **variables: str) -> Probed:
    environment = side_environment(os.environ, interpreter, variables)
    return probe(interpreter, environment, folder, variables, {})


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """Where workers run."""
    (tmp_path / "empty").mkdir()
    return tmp_path / "empty"


def test_tells_versions_of_all_that_is_installed(empty: Path) -> None:
    told = asked(resolve_python(None), empty).installation
    assert told.python == ".".join(map(str, sys.version_info[:3]))
    assert told.packages["pydantic"].split(" ")[0] == _version_here("pydantic")
    assert told.packages["sdbench"].split(" ")[0] == __version__


def test_tells_the_sdbench_of_the_other_installation(tmp_path: Path, empty: Path) -> None:
    folder = venvs.venv(tmp_path / "change", sdbench=venvs.other_sdbench("9.8.7"))
    probed = asked(resolve_python(str(folder)), empty)
    assert probed.installation.packages["sdbench"] == "9.8.7"
    assert probed.sdbench_folder.parent == folder / venvs.SITE_PACKAGES


def test_a_checkout_where_it_is_called_does_not_hide_what_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``python -c`` and ``python -m`` look into the present folder first."""
    folder = venvs.venv(tmp_path / "change", sdbench=venvs.other_sdbench("9.8.7"))
    (tmp_path / "sdbench").mkdir()
    (tmp_path / "sdbench" / "__init__.py").write_text("__version__ = 'of the checkout'")
    monkeypatch.chdir(tmp_path)
    told = asked(resolve_python(str(folder)), tmp_path).installation
    assert told.packages["sdbench"] == "9.8.7"


def test_an_installation_without_sdbench_is_told_what_to_do(tmp_path: Path, empty: Path) -> None:
    interpreter = resolve_python(str(venvs.bare_venv(tmp_path / "main")))
    words = r"^main has no sdbench \(No module named 'sdbench'\): install it there"
    with pytest.raises(NoInstallation, match=words) as refused:
        asked(interpreter, empty)
    assert refused.value.exit_code == 2


def test_what_is_printed_at_the_start_is_not_taken_for_the_answer(
    tmp_path: Path, empty: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text("print('hello', end='')")
    told = asked(resolve_python(None), empty, PYTHONPATH=str(tmp_path)).installation
    assert told.packages["sdbench"].split(" ")[0] == __version__
    assert told.variables == {"PYTHONPATH": f"…/{tmp_path.name}"}


def test_the_commit_of_what_came_from_a_repository_is_told(tmp_path: Path, empty: Path) -> None:
    folder = venvs.venv(tmp_path / "change")
    _install(
        folder,
        "Fast_Thing",
        {"url": "https://example.org/x", "vcs_info": {"vcs": "git", "commit_id": "a" * 40}},
    )
    checkout = tmp_path / "checkout"
    commit = _commit(checkout)
    _install(folder, "edited", {"url": checkout.as_uri(), "dir_info": {"editable": True}})
    (checkout / "file").write_text("changed")
    told = asked(resolve_python(str(folder)), empty).installation
    assert told.packages["fast-thing"] == f"1.0 ({'a' * 12})"
    assert told.packages["edited"] == f"1.0 ({commit}-dirty)"


def test_nothing_of_this_machine_is_told_but_the_last_names_of_paths(
    tmp_path: Path, empty: Path
) -> None:
    folder = venvs.venv(tmp_path / "venvs" / "change")
    told = asked(
        resolve_python(str(folder)), empty, PYTHONPATH=f"{empty}{os.pathsep}{tmp_path}"
    ).installation
    assert str(tmp_path.parent) not in repr(told)
    assert told.source == "change"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (subprocess.TimeoutExpired([], 1), "did not say within 60 s what is installed there"),
        (PermissionError(13, "Permission denied"), "cannot be started: Permission denied"),
        (
            subprocess.CalledProcessError(1, [], "", "Traceback\nSyntaxError: invalid\n"),
            "does not say what is installed there: SyntaxError: invalid",
        ),
        (subprocess.CompletedProcess([], 0, "usage: x", ""), "is no Python: it answers 'usage"),
    ],
)
def test_no_answer_is_one_message(
    monkeypatch: pytest.MonkeyPatch, empty: Path, answer: Any, words: str
) -> None:
    def run(*arguments: Any, **options: Any) -> Any:
        assert options["timeout"] == 60
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(installation.subprocess, "run", run)
    with pytest.raises(NoInstallation, match=words):
        probe(Interpreter("/x/python", "x"), {}, empty, {}, {})


@pytest.mark.parametrize(
    ("is_forked", "variables"),
    [(False, {}), (True, {}), (False, BEFORE_3_11), (True, BEFORE_3_11)],
)
def test_workers_of_two_installations_import_what_is_installed_in_each(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    empty: Path,
    order: Callable[..., Order],
    is_forked: bool,
    variables: dict[str, str],
) -> None:
    """Called in a checkout, both sides would import the checkout: whatever differs, all is well."""
    (tmp_path / "sdbench").symlink_to(Path(installation.__file__).parents[1])
    monkeypatch.chdir(tmp_path)
    versions: dict[str, JsonValue] = {}
    for name, version in (("main", "1.0"), ("change", "2.0")):
        folder = venvs.venv(tmp_path / name, sdbench=venvs.other_sdbench(version))
        interpreter = resolve_python(str(folder))
        environment = side_environment(os.environ, interpreter, variables)
        launcher: SpawnLauncher | ForkServerLauncher
        if is_forked:
            launcher = ForkServerLauncher(
                environment, ("sdbench.run.worker",), interpreter.path, empty
            )
        else:
            launcher = SpawnLauncher(environment, interpreter.path, empty)
        worker = launcher.start("worker-1", tmp_path / "log")
        worker.send(
            Start(
                suite=order().suite.to_json(),
                device="scripted",
                trust_remote_code=False,
                name="worker-1",
            )
        )
        ready = worker.receive(60)
        worker.kill()
        launcher.close()
        assert isinstance(ready, Ready)
        versions[name] = ready.fingerprint["sdbench"]
    assert versions == {"main": "1.0", "change": "2.0"}


def _version_here(package: str) -> str:
    from importlib.metadata import version

    return version(package)


def _install(folder: Path, name: str, direct_url: dict[str, Any]) -> None:
    """A package of metadata alone."""
    info = folder / venvs.SITE_PACKAGES / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "direct_url.json").write_text(json.dumps(direct_url))


def _commit(folder: Path) -> str:
    """A repository with one commit; its name."""
    folder.mkdir()
    (folder / "file").write_text("content")
    git = ["git", "-C", str(folder), "-c", "user.name=x", "-c", "user.email=x@example.org"]
    for arguments in (["init", "-q"], ["add", "file"], ["commit", "-q", "-m", "one"]):
        subprocess.run([*git, *arguments], check=True)
    told = subprocess.run(
        [*git, "rev-parse", "--short=12", "HEAD"], check=True, capture_output=True, text=True
    )
    return told.stdout.strip()
