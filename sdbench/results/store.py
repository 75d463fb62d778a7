"""A run's folder: ``run.json``, ``records.jsonl`` and ``images/``. Append-only."""

from __future__ import annotations

import gc
import glob
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from pydantic import TypeAdapter, ValidationError

from sdbench.errors import SdbenchError
from sdbench.jsontypes import JsonValue
from sdbench.results.plan_file import EXHAUSTIVE, PLAN_FILE, PlanNotes, read_plan_notes
from sdbench.results.record import RECORD_SCHEMA, Record, to_json
from sdbench.results.rounds import Rounds, rounds_by_key
from sdbench.results.sharing import SharedParts
from sdbench.units import MIB

RUN_FILE = "run.json"
RECORDS_FILE = "records.jsonl"
IMAGES_FOLDER = "images"
LOGS_FOLDER = "logs"

_READ_AHEAD_BYTES = MIB
"""A record has some kilobytes. Python's own 8 kB would take a tenth more of the time of reading."""

MEMORY_LIMIT = "memory_limit_bytes"
"""Name of a run's memory limit in its fingerprint; absent where it had none."""


class RunFolderError(SdbenchError):
    """A folder that is not a readable run."""

    exit_code = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInfo:
    """What holds for all records of a run.

    Attributes:
        schema: Version of the format.
        suite: The suite as resolved.
        device: Name of the device, as people read it.
        fingerprint: What must be equal for two runs to be comparable.
        environment: Versions, command line, commit: for reading, not for comparing.
        started_at: UTC time at which the run began, ISO 8601.
        planned_keys: Keys of the configurations in the order of the plan.
        planned_rounds: Rounds that each of them was to get, the sweep's among them; what ended
            otherwise than ``ok`` gets no more. How many it got, its records tell.
        plan: ``staged`` where it was to measure few of them and derive the rest, otherwise
            ``exhaustive``.
        budget_s: Seconds that it was to take at most, or None.
        shard: Which part of the suite's configurations is planned, such as ``2/4``; ``1,2 of 4``
            where shards were joined and others are missing; None where all are.
    """

    schema: int = RECORD_SCHEMA
    suite: Mapping[str, Any]
    device: str
    fingerprint: Mapping[str, JsonValue]
    environment: Mapping[str, JsonValue]
    started_at: str
    planned_keys: tuple[str, ...]
    planned_rounds: int = 1
    plan: str = EXHAUSTIVE
    budget_s: float | None = None
    shard: str | None = None

    @property
    def memory_limit_bytes(self) -> int | None:
        """The limit that every configuration ran under, or None."""
        limit = self.fingerprint.get(MEMORY_LIMIT)
        return limit if isinstance(limit, int) else None


_RUN_INFOS: TypeAdapter[RunInfo] = TypeAdapter(RunInfo)


@dataclass(frozen=True, slots=True)
class Run:
    """A run as read back.

    Attributes:
        folder: Where it lies.
        info: What holds for all of its records.
        records: Its records, in the order in which they were measured.
        plan_notes: How its staged plan went; None where it had none, or was cut off.
    """

    folder: Path
    info: RunInfo
    records: tuple[Record, ...]
    plan_notes: PlanNotes | None = None

    @property
    def plan_remarks(self) -> tuple[str, ...]:
        """How well what was derived was told by what was measured, in sentences."""
        return self.plan_notes.remarks if self.plan_notes else ()

    @property
    def is_stopped_by_budget(self) -> bool:
        """Whether its time was over before all of its plan was done."""
        return self.plan_notes is not None and self.plan_notes.stopped_by_budget

    @property
    def rounds(self) -> dict[str, Rounds]:
        """All rounds of each configuration that has a record, by key."""
        return rounds_by_key(self.records)

    @property
    def latest(self) -> dict[str, Record]:
        """What is known of each configuration that has a record, by key: its rounds as one."""
        return {key: rounds.settled for key, rounds in self.rounds.items()}

    @property
    def missing_keys(self) -> tuple[str, ...]:
        """Keys of planned configurations that have no record."""
        present = {record.key for record in self.records}
        return tuple(key for key in self.info.planned_keys if key not in present)


def utc_now() -> str:
    """The time in UTC, ISO 8601, to the second."""
    return datetime.now(timezone.utc).replace(microsecond=0).isoformat().replace("+00:00", "Z")


def _lock(file: BinaryIO, folder: Path) -> None:
    """Holds a run for this process until the file is closed, where the system has such locks."""
    try:
        import fcntl
    except ImportError:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise RunFolderError(f"{folder} is being written by another sdbench") from None


def is_being_written(folder: Path) -> bool:
    """Whether a process writes to a run now; False where the system has no such locks."""
    try:
        import fcntl
    except ImportError:
        return False
    try:
        with (folder / RECORDS_FILE).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


class RunWriter:
    """Appends records to a run's folder; each is on disk before `append` returns."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file: BinaryIO = (folder / RECORDS_FILE).open("ab")
        _lock(self._file, folder)
        _sync_folder(folder)

    @classmethod
    def create(cls, folder: Path, info: RunInfo) -> RunWriter:
        """Starts a run in a new folder.

        Raises:
            FileExistsError: The folder exists already.
        """
        folder.mkdir(parents=True)
        (folder / IMAGES_FOLDER).mkdir()
        partial = folder / f"{RUN_FILE}.partial"
        with partial.open("w", encoding="utf-8") as file:
            file.write(to_json(_RUN_INFOS, info, indent=2) + "\n")
            file.flush()
            os.fsync(file.fileno())
        partial.rename(folder / RUN_FILE)
        return cls(folder)

    @classmethod
    def resume(cls, folder: Path) -> RunWriter:
        """Goes on with a run; what a crash cut off at the end of its records is removed.

        Raises:
            RunFolderError: The folder is no run, or another process writes to it.
        """
        if not (folder / RUN_FILE).is_file():
            raise _no_run(folder)
        writer = cls(folder)
        path = folder / RECORDS_FILE
        content = path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            os.truncate(path, whole)
        return writer

    def append(self, record: Record) -> None:
        """Writes one record, and syncs it.

        Raises:
            ValueError: A number in it is not finite; nothing is written.
        """
        self.append_all((record,))

    def append_all(self, records: Iterable[Record]) -> None:
        """Writes records that became known at once, and syncs them together.

        Raises:
            ValueError: A number in one of them is not finite; nothing is written.
        """
        lines = [record.to_line().encode() + b"\n" for record in records]
        if lines:
            self._file.write(b"".join(lines))
            self._file.flush()
            os.fsync(self._file.fileno())

    def __enter__(self) -> RunWriter:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()


def _sync_folder(folder: Path) -> None:
    """Makes the names in a folder last: a synced file without a synced name can vanish."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_run(folder: Path) -> Run:
    """Reads a run, also one that is still being written or was cut off.

    Raises:
        RunFolderError: The folder is no run, is of a newer format, or a line in the middle of its
            records is damaged.
    """
    info = read_info(folder)
    with _without_collecting():
        records = tuple(_read_records(folder / RECORDS_FILE))
    return Run(folder, info, records, _plan_notes(folder))


def read_info(folder: Path) -> RunInfo:
    """Reads what holds for all records of a run, and none of these.

    Raises:
        RunFolderError: The folder is no run, or is of a newer format.
    """
    run_file = folder / RUN_FILE
    try:
        content = run_file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise _no_run(folder) from None
    except OSError as error:
        raise RunFolderError(f"{run_file} cannot be read: {error.strerror}") from None
    _refuse_newer(content, str(run_file))
    try:
        return _RUN_INFOS.validate_json(content)
    except ValidationError as error:
        raise RunFolderError(f"{run_file} is damaged: {_first_fault(error)}") from None


def _plan_notes(folder: Path) -> PlanNotes | None:
    try:
        return read_plan_notes(folder)
    except OSError as error:
        raise RunFolderError(f"{folder / PLAN_FILE} cannot be read: {error.strerror}") from None
    except ValidationError as error:
        raise RunFolderError(
            f"{folder / PLAN_FILE} is damaged: {_first_fault(error)}; without that file the run "
            "can be read"
        ) from None


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Looks for no cycles meanwhile: records hold none, and to look at all of them takes long."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _read_records(path: Path) -> Iterator[Record]:
    if not path.exists():
        return
    parts = SharedParts()
    with path.open("rb", buffering=_READ_AHEAD_BYTES) as lines:
        for number, line in enumerate(lines, start=1):
            if not line.endswith(b"\n"):
                return
            where = f"{path}, line {number}"
            try:
                record = Record.from_line(line)
            except ValidationError as error:
                _refuse_newer(line, where)
                raise RunFolderError(
                    f"{where} is damaged: {_first_fault(error)}; without that line the others can "
                    "be read, and the run can be resumed"
                ) from None
            _refuse_version(record.schema, where)
            yield parts.shared(record)


def _no_run(folder: Path) -> RunFolderError:
    return RunFolderError(
        f"{folder} is not a run: it has no {RUN_FILE}; name a folder that `sdbench run` has made"
    )


def _refuse_newer(content: bytes, where: str) -> None:
    """Looks at the version before anything else, for a newer format may differ in any field."""
    try:
        seen = json.loads(content)
    except ValueError:
        return
    version = seen.get("schema") if isinstance(seen, dict) else None
    if isinstance(version, int):
        _refuse_version(version, where)


def _refuse_version(version: int, where: str) -> None:
    if version > RECORD_SCHEMA:
        raise RunFolderError(
            f"{where} has format version {version}; this sdbench reads up to {RECORD_SCHEMA}: "
            "install a newer one"
        )


def _first_fault(error: ValidationError) -> str:
    """What is wrong first, on one line: ``status: Input should be ...``."""
    fault = error.errors(include_url=False)[0]
    field_path = ".".join(str(part) for part in fault["loc"])
    return f"{field_path}: {fault['msg']}" if field_path else fault["msg"]


def find_runs(results: Path, suite_name: str | None = None) -> list[Path]:
    """Folders of runs below ``results``, oldest first by their names."""
    suite_folder = "*" if suite_name is None else glob.escape(suite_name)
    found = (path.parent for path in results.glob(f"{suite_folder}/*/{RUN_FILE}"))
    return sorted(found, key=lambda folder: (folder.name, folder))
