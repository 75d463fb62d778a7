"""The pictures of several runs in one folder: linked where that can be, and otherwise copied."""

from __future__ import annotations

import filecmp
import os
import shutil
from dataclasses import replace
from pathlib import Path

from sdbench.results.record import Record
from sdbench.results.store import IMAGES_FOLDER


def link_or_copy(source: str | Path, target: str | Path) -> None:
    """One more name of a file, or a copy where that cannot be."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def gather_pictures(run: Path, whole: Path, name: str) -> dict[str, str]:
    """Adds the pictures of a run's folder to those of another.

    Shards may draw the same reference: one file is enough then. Where pictures of one name differ,
    the later one gets another name.

    Args:
        run: The folder that they are in.
        whole: The folder that they are to be in.
        name: What to call them by where their names are taken.

    Returns:
        New names by old ones, as records write them; without those that keep theirs.
    """
    renamed = {}
    for source in sorted((run / IMAGES_FOLDER).rglob("*")):
        if not source.is_file():
            continue
        path = source.relative_to(run)
        target = whole / path
        if target.exists() and not filecmp.cmp(source, target, shallow=False):
            target = _free_name(whole / IMAGES_FOLDER / name / path.relative_to(IMAGES_FOLDER))
            renamed[path.as_posix()] = target.relative_to(whole).as_posix()
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            link_or_copy(source, target)
    return renamed


def _free_name(path: Path) -> Path:
    count = 2
    free = path
    while free.exists():
        free = path.with_name(f"{path.stem}-{count}{path.suffix}")
        count += 1
    return free


def with_names(record: Record, renamed: dict[str, str]) -> Record:
    """A record that names its pictures as they are called now."""
    if not renamed:
        return record
    fidelity = record.fidelity
    if fidelity.reference is not None:
        pictures = tuple(renamed.get(one, one) for one in fidelity.reference.pictures)
        fidelity = replace(fidelity, reference=replace(fidelity.reference, pictures=pictures))
    kept = {place: renamed.get(one, one) for place, one in fidelity.pictures.items()}
    return replace(
        record,
        images=tuple(renamed.get(one, one) for one in record.images),
        fidelity=replace(fidelity, pictures=kept),
    )
