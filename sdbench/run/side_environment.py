"""The environment variables of one side of an A/B job: nothing of another installation is in it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PureWindowsPath

from sdbench.run.environment import worker_environment
from sdbench.run.interpreter import Interpreter

SEARCH_PATH = "PYTHONPATH"
"""Folders in which Python looks before it looks at what is installed."""

_OF_ONE_INSTALLATION = (
    "PYTHONHOME",
    "PYTHONEXECUTABLE",
    "PYTHONPLATLIBDIR",
    "VIRTUAL_ENV",
    "CONDA_PREFIX",
    "__PYVENV_LAUNCHER__",
)
"""These lead an interpreter to the packages of the one that sdbench was called with."""

_SAFE_PATH = "PYTHONSAFEPATH"
"""Keeps the present folder out of where Python looks for modules, from Python 3.11 on. Before,
workers rely on a folder that has none: in a checkout both sides would import the checkout."""

_FOLDERS = (
    "HF_HOME",
    "HF_HUB_CACHE",
    "HUGGINGFACE_HUB_CACHE",
    "TORCH_HOME",
    "TORCHINDUCTOR_CACHE_DIR",
    "TRITON_CACHE_DIR",
    "XDG_CACHE_HOME",
)
"""Variables that hold a folder; a relative one would be another where workers run."""

_SECRET = re.compile(r"TOKEN|KEY|SECRET|PASSW|CREDENTIAL", re.IGNORECASE)

HIDDEN = "(not shown)"


def side_environment(
    environment: Mapping[str, str], interpreter: Interpreter, variables: Mapping[str, str]
) -> dict[str, str]:
    """What the workers of a side get.

    Args:
        environment: The controller's environment.
        interpreter: The side's Python.
        variables: What the user sets on this side alone; it comes before all else.
    """
    kept = {
        name: value
        for name, value in worker_environment(environment).items()
        if name not in _OF_ONE_INSTALLATION
    }
    kept[_SAFE_PATH] = "1"
    kept["PATH"] = _path(kept.get("PATH", os.defpath), environment, interpreter)
    return {name: _absolute(name, value) for name, value in {**kept, **variables}.items()}


def shown_variables(variables: Mapping[str, str]) -> dict[str, str]:
    """Variables as they may be stored and printed: no secret, and no path but a folder's name."""
    return {
        name: HIDDEN if is_secret(name) else os.pathsep.join(map(_shown, value.split(os.pathsep)))
        for name, value in variables.items()
    }


def without_secrets(command_line: Sequence[str], variables: Mapping[str, str]) -> tuple[str, ...]:
    """A command line as it may be stored: without the values of secret ones of its variables."""
    told = list(command_line)
    for name, value in variables.items():
        if is_secret(name) and value:
            told = [word.replace(f"{name}={value}", f"{name}={HIDDEN}") for word in told]
    return tuple(told)


def is_secret(name: str) -> bool:
    """Whether a variable's value is nobody else's business, as its name tells."""
    return _SECRET.search(name) is not None


def _path(path: str, environment: Mapping[str, str], interpreter: Interpreter) -> str:
    """Where commands are looked for: as in the side's own virtual environment, once activated."""
    ours = environment.get("VIRTUAL_ENV")
    entries = [
        one for one in path.split(os.pathsep) if ours is None or Path(one).parent != Path(ours)
    ]
    own = [str(interpreter.folder)] if interpreter.is_in_venv else []
    return os.pathsep.join([*own, *(one for one in entries if one not in own)])


def _absolute(name: str, value: str) -> str:
    if name == SEARCH_PATH:
        return os.pathsep.join(str(Path(one).absolute()) for one in value.split(os.pathsep) if one)
    if name in _FOLDERS and value:
        return str(Path(value).expanduser().absolute())
    return value


def _shown(part: str) -> str:
    """A part of a value; of a path that is absolute the last name."""
    path = PureWindowsPath(part)
    return f"…/{path.name}" if path.name and (part.startswith(("/", "~")) or path.drive) else part
