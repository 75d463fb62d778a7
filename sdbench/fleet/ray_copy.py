"""The driver's own copy of a shard: a run's folder like any other, written as records come."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from sdbench.fleet.ray_job import Earlier, Job
from sdbench.results.not_run import not_run
from sdbench.results.record import Record
from sdbench.results.store import (
    IMAGES_FOLDER,
    RECORDS_FILE,
    RUN_FILE,
    RunWriter,
    read_run,
)
from sdbench.suite.configuration import Configuration


class ShardCopy:
    """A shard of a suite on one kind of GPU, wherever it runs.

    Args:
        kind: The kind of GPU.
        shard: Which part of the suite, such as ``1/2``.
        parent: Folder that gets a folder for it.
        job: What a node gets to begin with it.
        configurations: The suite's, by key.

    Attributes:
        problem: Why it is not whole, or None.
        moved: Why and where it went on elsewhere, in words; empty where it did not.
    """

    def __init__(
        self,
        kind: str,
        shard: str,
        parent: Path,
        job: Job,
        configurations: Mapping[str, Configuration],
    ) -> None:
        self.kind = kind
        self.shard = shard
        self.problem: str | None = None
        self.moved = ""
        self._parent = parent
        self._job = job
        self._configurations = configurations
        self._folder: Path | None = None
        self._run = ""
        self._writer: RunWriter | None = None
        self._open = ExitStack()

    @property
    def name(self) -> str:
        """What people call it."""
        return f"{self.kind}, shard {self.shard}"

    @property
    def folder(self) -> Path | None:
        """The run's folder; None as long as there is nothing of it."""
        return self._folder

    @property
    def is_cut_off(self) -> bool:
        """Whether planned configurations have no record, and no budget is the reason."""
        if self._folder is None:
            return True
        run = read_run(self._folder)
        return bool(run.missing_keys) and not run.is_stopped_by_budget

    def job(self) -> Job:
        """What a node gets: all of it, or the rest with what there is already."""
        if self._folder is None:
            return self._job
        lines = (self._folder / RECORDS_FILE).read_text(encoding="utf-8").splitlines()
        earlier = Earlier(name=self._folder.name, run=self._run, lines=tuple(lines))
        return replace(self._job, earlier=earlier)

    def take(self, answer: Mapping[str, Any]) -> list[Record]:
        """Writes what came of it; the records among that."""
        if self._writer is None and "run" in answer:
            self._begin(answer["name"], answer["run"])
        records = [Record.from_line(line) for line in answer.get("lines", ())]
        if self._writer is not None:
            for record in records:
                self._writer.append(record)
            self._write(answer.get("files", {}))
        return records

    def give_up(self, reason: str) -> list[Record]:
        """Records for all of it that has none: why nobody measured them."""
        self.problem = reason
        if self._folder is None or self._writer is None:
            return []
        missing = [self._configurations[key] for key in read_run(self._folder).missing_keys]
        records = [not_run(one.key, one.knobs, reason) for one in missing]
        for record in records:
            self._writer.append(record)
        return records

    def close(self) -> None:
        """Ends writing."""
        self._open.close()
        self._writer = None

    def _begin(self, name: str, run: str) -> None:
        folder = self._parent / name
        (folder / IMAGES_FOLDER).mkdir(parents=True)
        (folder / RUN_FILE).write_text(run, encoding="utf-8")
        self._folder, self._run = folder, run
        self._writer = self._open.enter_context(RunWriter.resume(folder))

    def _write(self, files: Mapping[str, bytes]) -> None:
        assert self._folder is not None
        for name, content in files.items():
            if ".." in PurePosixPath(name).parts or PurePosixPath(name).is_absolute():
                continue
            path = self._folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
