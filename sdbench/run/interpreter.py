"""Which Python a user means: a virtual environment, an interpreter's file, or a name."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from sdbench.errors import SdbenchError

_IN_A_VENV = ("bin/python", "bin/python3", "Scripts/python.exe")
"""Where virtual environments have their interpreter: everywhere else, and on Windows."""

_MARK_OF_A_VENV = "pyvenv.cfg"

_USUAL_NAMES = frozenset({"venv", "env", "virtualenv"})
"""Names of virtual environments that tell nothing without the folder around them."""


class NoPython(SdbenchError):
    """What should be an interpreter is none; the message says what was looked for."""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python that can be started.

    Attributes:
        path: Its file, absolute. A link stays one: it makes the virtual environment.
        name: What people call it, without the path to it: ``venvs/main``, ``python3.12``.
    """

    path: str
    name: str

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return Path(self.path).parent

    @property
    def is_in_venv(self) -> bool:
        """Whether it belongs to a virtual environment."""
        return (self.folder.parent / _MARK_OF_A_VENV).is_file()


def resolve_python(text: str | None) -> Interpreter:
    """The interpreter that a user names.

    Args:
        text: Folder of a virtual environment, path of an interpreter, or its name on the PATH;
            None for the one that runs this.

    Raises:
        NoPython: There is none.
    """
    if text is None:
        return _named(Path(sys.executable))
    path = Path(text).expanduser()
    if path.is_dir():
        for place in _IN_A_VENV:
            if _can_run(path / place):
                return _named(path / place)
        places = ", ".join(_IN_A_VENV)
        raise NoPython(f"{text} is no virtual environment: it has none of {places}")
    if path.is_file():
        if _can_run(path):
            return _named(path)
        raise NoPython(f"{text} is no interpreter: it cannot be executed")
    found = shutil.which(text) if path.name == text else None
    if found is None:
        raise NoPython(
            f"{text} is no Python: there is no folder of a virtual environment, no interpreter's "
            "file and no command of this name"
        )
    return _named(Path(found))


def _can_run(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def _named(path: Path) -> Interpreter:
    absolute = path.absolute()  # not resolved: the link makes the virtual environment
    found = Interpreter(str(absolute), absolute.name)
    if not found.is_in_venv:
        return found
    venv = absolute.parent.parent
    is_usual = venv.name.startswith(".") or venv.name in _USUAL_NAMES
    return Interpreter(found.path, f"{venv.parent.name}/{venv.name}" if is_usual else venv.name)
