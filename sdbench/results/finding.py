"""Which runs, or which A/B job, a path names."""

from __future__ import annotations

from pathlib import Path

from sdbench.results.ab import AB_FILE, is_ab_job
from sdbench.results.store import RUN_FILE, RunFolderError, find_runs


def runs_at(path: Path) -> tuple[Path, ...]:
    """Folders of the runs that a path names: itself, or all below it, oldest first.

    The sides of A/B jobs are not among them: neither is a run that anyone asked for.

    Raises:
        RunFolderError: There is none.
    """
    folder = path.resolve()
    if (folder / RUN_FILE).exists():
        return (folder,)
    direct = sorted(file.parent for file in folder.glob(f"*/{RUN_FILE}"))
    found = tuple(one for one in direct or find_runs(folder) if not is_ab_job(one.parent))
    if not found and ab_job_at(folder) is not None:
        raise RunFolderError(
            f"{path} holds no runs, but A/B jobs: `sdbench compare {path}` shows the newest"
        )
    if not found:
        raise RunFolderError(
            f"{path} is neither a run nor a folder of runs; `sdbench run SUITE` makes one"
        )
    return found


def ab_job_at(path: Path) -> Path | None:
    """Folder of the A/B job that a path names: itself, or the newest below it; None without one."""
    if is_ab_job(path):
        return path
    return max((file.parent for file in path.glob(f"*/{AB_FILE}")), default=None)
