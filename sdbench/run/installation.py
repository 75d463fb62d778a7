"""What is installed beside an interpreter, asked of the interpreter itself."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlparse
from urllib.request import url2pathname

from sdbench.errors import SdbenchError
from sdbench.jsontypes import JsonValue
from sdbench.results.ab import Installation
from sdbench.run.commit import commit_of, commit_of_tracked
from sdbench.run.interpreter import Interpreter
from sdbench.run.side_environment import shown_variables

_TIMEOUT_S = 60.0
"""Longest time to read some hundred packages' metadata, from a slow disk."""

_COMMIT_DIGITS = 12

_MOST_SHOWN = 200
"""Characters of what went wrong: another program may repeat the whole script."""

_MARK = "sdbench-installation:"
"""Begins the line that counts: a ``sitecustomize`` may print lines of its own."""

_SCRIPT = f"""
import json, platform, sys
from importlib import metadata
packages = []
for one in metadata.distributions():
    try:
        packages.append((one.metadata["Name"], one.version, one.read_text("direct_url.json")))
    except Exception:
        pass  # a package whose metadata is damaged
try:
    import sdbench
    found, problem = (sdbench.__version__, sdbench.__file__), None
except Exception as error:
    found, problem = None, str(error)
print("\\n{_MARK}" + json.dumps({{
    "python": platform.python_version(), "packages": packages, "sdbench": found, "problem": problem,
}}))
"""


class NoInstallation(SdbenchError):
    """A side cannot be measured with; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Probed:
    """An installation, and what is needed of it while it is measured.

    Attributes:
        installation: What is stored of it.
        sdbench_folder: Where it imports sdbench from; of this machine, and stored nowhere.
    """

    installation: Installation
    sdbench_folder: Path


def probe(
    interpreter: Interpreter,
    environment: Mapping[str, str],
    folder: Path,
    variables: Mapping[str, str],
    overrides: Mapping[str, JsonValue],
) -> Probed:
    """Asks an interpreter what is installed there, in the environment that workers will have.

    Args:
        interpreter: Whom to ask.
        environment: The environment of this side's workers.
        folder: Where they run.
        variables: What the user sets on this side alone.
        overrides: The knobs of this side alone.

    Raises:
        NoInstallation: It does not run, or cannot import sdbench.
    """
    told = _ask(interpreter, environment, folder)
    if told["sdbench"] is None:
        raise NoInstallation(
            f"{interpreter.name} has no sdbench ({told['problem']}): install it there, too, since "
            f"each side measures with what it has: {interpreter.path} -m pip install sdbench"
        )
    version, file = told["sdbench"]
    packages = {_normal(name): _described(*rest) for name, *rest in reversed(told["packages"])}
    packages["sdbench"] = _with_commit(version, commit_of_tracked(Path(file)))
    installation = Installation(
        source=interpreter.name,
        python=told["python"],
        packages=dict(sorted(packages.items())),
        variables=shown_variables(variables),
        overrides=dict(overrides),
    )
    return Probed(installation, Path(file).parent)


def _ask(interpreter: Interpreter, environment: Mapping[str, str], folder: Path) -> dict[str, Any]:
    name = interpreter.name
    try:
        answer = subprocess.run(
            [interpreter.path, "-c", _SCRIPT],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=True,
            timeout=_TIMEOUT_S,
            env=dict(environment),
            cwd=folder,
        )
    except OSError as error:
        raise NoInstallation(f"{name} cannot be started: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise NoInstallation(
            f"{name} did not say within {_TIMEOUT_S:g} s what is installed there"
        ) from None
    except subprocess.CalledProcessError as error:
        lines = error.stderr.strip().splitlines()
        last = lines[-1][-_MOST_SHOWN:] if lines else f"exit code {error.returncode}"
        raise NoInstallation(f"{name} does not say what is installed there: {last}") from None
    for line in answer.stdout.splitlines():
        if line.startswith(_MARK):
            told: dict[str, Any] = json.loads(line.removeprefix(_MARK))
            return told
    raise NoInstallation(f"{name} is no Python: it answers {answer.stdout.strip()[:80]!r}")


def _normal(name: str | None) -> str:
    """A distribution's name in the form in which all of its spellings are equal."""
    return re.sub(r"[-_.]+", "-", name or "unknown").lower()


def _described(version: str | None, direct_url: str | None) -> str:
    return _with_commit(version or "unknown", _commit(direct_url))


def _with_commit(version: str, commit: str | None) -> str:
    return f"{version} ({commit})" if commit else version


def _commit(direct_url: str | None) -> str | None:
    """The commit of a package that was installed from a repository, or is a checkout itself."""
    try:
        origin = json.loads(direct_url or "{}")
    except ValueError:
        return None
    commit = origin.get("vcs_info", {}).get("commit_id")
    if commit:
        return str(commit)[:_COMMIT_DIGITS]
    url = urlparse(str(origin.get("url", "")))
    if origin.get("dir_info", {}).get("editable") and url.scheme == "file":
        return commit_of(Path(url2pathname(url.path)))
    return None
