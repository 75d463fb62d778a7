"""Writes a file as a whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from sdbench.errors import SdbenchError


class CannotWrite(SdbenchError):
    """A file that cannot be written; the message says why."""

    exit_code = 3


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Lets ``write`` fill a file beside ``path``, then puts it in its place.

    A reader sees the old file or the new one; what fails halfway leaves neither a half file nor
    a partial one. Missing folders are made. A link is followed. What is no regular file, such as
    ``/dev/stdout`` or a named pipe, is not replaced: the whole content is written to it.

    Raises:
        CannotWrite: The system refuses.
    """
    try:
        if _is_special(path):
            _write_through(path, write)
        else:
            _replace(path.resolve(), write)
    except OSError as error:
        raise CannotWrite(f"cannot write {path}: {error.strerror or error}") from error


def write_text(path: Path, text: str) -> None:
    """Writes a text as `write_atomically` does.

    Raises:
        CannotWrite: The system refuses.
    """
    write_atomically(path, lambda partial: partial.write_text(text, encoding="utf-8"))


def obstacle_to_writing(path: Path) -> str | None:
    """Why a file could not be written, as far as can be seen without trying; else None."""
    folder = path.resolve().parent
    if _is_special(path):
        return None if os.access(path, os.W_OK) else f"{path} is not writable"
    if not folder.is_dir():
        return f"there is no folder {folder}; make it, or name a file in another one"
    return None if os.access(folder, os.W_OK | os.X_OK) else f"the folder {folder} is not writable"


def _is_special(path: Path) -> bool:
    return path.exists() and not path.is_file()


def _replace(path: Path, write: Callable[[Path], object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        write(partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _write_through(path: Path, write: Callable[[Path], object]) -> None:
    """By way of a file: some writers seek in theirs, and pyarrow removes it when it fails."""
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "whole"
        write(whole)
        with whole.open("rb") as source, path.open("wb") as target:
            shutil.copyfileobj(source, target)
