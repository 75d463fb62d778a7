"""Which commit was measured, as git tells it."""

from __future__ import annotations

import subprocess
from pathlib import Path

_TIMEOUT_S = 10.0
"""git may have to look at every file of a large tree."""

_DESCRIBE = ("describe", "--always", "--dirty", "--exclude=*", "--abbrev=12")


def commit_of(folder: Path) -> str | None:
    """The commit that is checked out around a folder, with ``-dirty`` where files differ from it.

    None where the folder is in no repository, where git is missing, and where it does not answer.
    """
    return _git(folder, *_DESCRIBE)


def commit_of_tracked(file: Path) -> str | None:
    """The same for a file that git tracks; None for one that merely lies within a repository."""
    if _git(file.parent, "ls-files", "--error-unmatch", file.name) is None:
        return None
    return commit_of(file.parent)


def _git(folder: Path, *arguments: str) -> str | None:
    command = ["git", "-C", str(folder), *arguments]
    try:
        asked = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return asked.stdout.strip() or None if asked.returncode == 0 else None
