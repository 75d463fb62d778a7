"""Joins the runs of a suite's shards into one run folder, which is read as any other."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sdbench.errors import IllegalValue, SdbenchError
from sdbench.fleet.pictures import gather_pictures, link_or_copy, with_names
from sdbench.fleet.shards import deal, is_shard, joined, parse_joined
from sdbench.jsontypes import JsonValue
from sdbench.results.finding import runs_at
from sdbench.results.not_run import NO_WORKER
from sdbench.results.plan_file import EXHAUSTIVE, STAGED, PlanNotes, write_plan_notes
from sdbench.results.record import Record
from sdbench.results.store import (
    LOGS_FOLDER,
    Run,
    RunInfo,
    RunWriter,
    is_being_written,
    read_info,
    read_run,
    utc_now,
)
from sdbench.run.plan import plan
from sdbench.run.resume import MAY_CHANGE, as_of_now, differences
from sdbench.run.run_folder import free_folder
from sdbench.suite.configuration import Configuration
from sdbench.suite.defaults import with_defaults
from sdbench.suite.expand import configurations
from sdbench.suite.load import suite_from_json

_ENDING = "shards-merged"
"""Of a folder's name; it sorts behind the names of shards that began in the same second."""

_RUN_NAME = re.compile(r"\d{8}T\d{6}Z-(?P<slug>.+)-shards?(\d+of\d+|-merged)(-\d+)?")


_RECORDS_AT_ONCE = 1000
"""More would hold long runs in memory as text too; fewer would wait for the disk more often."""


class CannotMerge(SdbenchError):
    """Runs that are no parts of one; the message says why."""


@dataclass(frozen=True, slots=True)
class Merged:
    """What came of a merge.

    Attributes:
        folder: The folder of the whole.
        run: It, read back.
        parts: Its parts: which shard, the folder that it came from, and how many records.
        missing_shards: Numbers of the shards that nobody named.
        shard_count: How many there are.
        missing: Configurations that have no record.
        unfinished: Folders of parts that were still being written: what came later is not in it.
    """

    folder: Path
    run: Run
    parts: tuple[tuple[str, Path, int], ...]
    missing_shards: tuple[int, ...]
    shard_count: int
    missing: tuple[Configuration, ...]
    unfinished: tuple[Path, ...] = ()


def shards_at(paths: Iterable[Path]) -> list[Path]:
    """Folders of the shards that paths name.

    A run stands for itself. A folder of runs stands for the newest run of every shard in it, where
    the newest of all says into how many the suite was divided.

    Raises:
        RunFolderError: A path names no run.
        CannotMerge: A folder of runs holds no shards.
    """
    found: dict[Path, None] = {}
    for path in paths:
        runs = runs_at(path)
        is_run = runs == (path.resolve(),)
        found.update(dict.fromkeys(runs if is_run else _newest_shards(path, runs)))
    return list(found)


def _newest_shards(path: Path, runs: Sequence[Path]) -> list[Path]:
    newest: dict[int, Path] = {}
    count: int | None = None
    for folder in reversed(runs):
        shard = read_info(folder).shard
        if shard is None or not is_shard(shard):
            continue
        (number,), divided = parse_joined(shard)
        if count is None:
            count = divided
        if divided == count:
            newest.setdefault(number, folder)
    if not newest:
        raise CannotMerge(
            f"{path} holds runs, but none is of a shard: `sdbench run SUITE --shard 1/4` makes one"
        )
    return [newest[number] for number in sorted(newest)]


def merge(
    folders: Sequence[Path], output: Path | None = None, remarks: Sequence[str] = ()
) -> Merged:
    """Writes one run from those of shards; all of it is there at once, or nothing.

    Records keep their order within a shard. Names of workers get the shard's before them.

    Args:
        folders: Folders of shards, or of shards that were merged while others were missing.
        output: The folder to make; None for one beside the first.
        remarks: What else is known of the whole.

    Raises:
        CannotMerge: They are of different suites or devices, or have something in common.
        RunFolderError: One is no run.
    """
    unfinished = tuple(folder for folder in folders if is_being_written(folder))
    runs = [read_run(folder) for folder in folders]
    _require_shards(runs)
    runs.sort(key=_shard)
    _require_one_suite(runs)
    _require_equal_conditions(runs)
    _require_disjoint(runs)
    planned = _planned(runs)
    missing_shards, count = _missing_shards(runs, planned)
    present = {record.key for run in runs for record in run.records}
    info = _info(runs, planned, missing_shards, count)
    target = output or free_folder(runs[0].folder.parent, utc_now(), _slug(runs[0]))
    if target.exists():
        raise CannotMerge(f"{target} exists already: name a folder that does not")
    notes = _notes(runs, remarks, is_whole=not missing_shards)
    parts = [(str(run.info.shard), run.folder, len(run.records)) for run in runs]
    _write(runs, info, notes, target)
    return Merged(
        folder=target,
        run=read_run(target),
        parts=tuple(parts),
        missing_shards=missing_shards,
        shard_count=count,
        missing=tuple(one for one in planned if one.key not in present),
        unfinished=unfinished,
    )


def _require_shards(runs: Sequence[Run]) -> None:
    for run in runs:
        if run.info.shard is None:
            raise CannotMerge(
                f"{run.folder} is a whole run: only runs of shards, as `sdbench run --shard 1/4` "
                "makes them, are parts of one"
            )
    if not runs:
        raise CannotMerge("there is nothing to merge: name the runs of a suite's shards")


def _require_one_suite(runs: Sequence[Run]) -> None:
    first = runs[0]
    for run in runs[1:]:
        suites = [as_of_now(one.info.suite) for one in (first, run)]
        differing = [name for name in differences(*suites) if name not in MAY_CHANGE]
        if differing:
            raise CannotMerge(
                f"{first.folder} and {run.folder} are of different suites "
                f"({', '.join(differing)} differ)"
            )
        counts = [_shard(one)[1] for one in (first, run)]
        if counts[0] != counts[1]:
            raise CannotMerge(
                f"{first.folder} is one of {counts[0]} shards and {run.folder} one of {counts[1]}: "
                "only shards of one division make a whole"
            )


def _require_equal_conditions(runs: Sequence[Run]) -> None:
    first = runs[0]
    for run in runs[1:]:
        differing = differences(first.info.fingerprint, run.info.fingerprint)
        if differing:
            command = shlex.join(["sdbench", "report", str(first.folder), str(run.folder)])
            raise CannotMerge(
                f"{first.folder} and {run.folder} were measured under other conditions "
                f"({', '.join(differing)} differ), so they are not one run; `{command}` compares "
                "devices"
            )


def _require_disjoint(runs: Sequence[Run]) -> None:
    by_number: dict[int, Run] = {}
    by_key: dict[str, Run] = {}
    for run in runs:
        numbers, count = _shard(run)
        for number in numbers:
            other = by_number.setdefault(number, run)
            if other is not run:
                raise CannotMerge(
                    f"{other.folder} and {run.folder} are both shard {number}/{count}: name one"
                )
        for key in {record.key for record in run.records}:
            other = by_key.setdefault(key, run)
            if other is not run:
                raise CannotMerge(
                    f"{other.folder} and {run.folder} both hold configuration {key}: they were "
                    "divided differently, as by different versions of sdbench"
                )


def _shard(run: Run) -> tuple[tuple[int, ...], int]:
    try:
        return parse_joined(str(run.info.shard))
    except IllegalValue as error:
        raise CannotMerge(f"{run.folder}: shard {error}") from None


def _planned(runs: Sequence[Run]) -> tuple[Configuration, ...]:
    """What the suite stands for."""
    suite = suite_from_json(runs[0].info.suite)
    return with_defaults(suite, configurations(suite, sys.maxsize))


def _missing_shards(
    runs: Sequence[Run], planned: Sequence[Configuration]
) -> tuple[tuple[int, ...], int]:
    """Numbers of the shards that have something to measure and are not here; how many there are."""
    count = _shard(runs[0])[1]
    given = {number for run in runs for number in _shard(run)[0]}
    shards = enumerate(deal(planned, count), start=1)
    return tuple(number for number, shard in shards if shard and number not in given), count


def _info(
    runs: Sequence[Run], planned: Sequence[Configuration], missing: Sequence[int], count: int
) -> RunInfo:
    infos = [run.info for run in runs]
    keys = dict.fromkeys(one.key for one in plan(planned))
    # Another version of sdbench may have given other keys to the same suite.
    keys |= dict.fromkeys(key for info in infos for key in info.planned_keys)
    budgets = [info.budget_s for info in infos if info.budget_s is not None]
    given = {number for run in runs for number in _shard(run)[0]}
    return replace(
        infos[0],
        environment=_environment(infos),
        started_at=min(info.started_at for info in infos),
        planned_keys=tuple(keys),
        planned_rounds=max(info.planned_rounds for info in infos),
        plan=STAGED if any(info.plan == STAGED for info in infos) else EXHAUSTIVE,
        budget_s=max(budgets) if len(budgets) == len(infos) else None,
        shard=joined(given, count) if missing else None,
    )


def _environment(infos: Sequence[RunInfo]) -> Mapping[str, JsonValue]:
    """The first shard's, with the command lines of all."""
    shards: list[JsonValue] = []
    for info in infos:
        earlier = info.environment.get("shards")
        if isinstance(earlier, list):
            shards += earlier
            continue
        words = info.environment.get("command_line")
        line = shlex.join(map(str, words)) if isinstance(words, list) else "sdbench run"
        shards.append(f"{info.shard} from {info.started_at} on by `{line}`")
    return {
        **infos[0].environment,
        "command_line": ["sdbench", *sys.argv[1:]],
        "shards": shards,
    }


def _notes(runs: Sequence[Run], remarks: Sequence[str], *, is_whole: bool) -> PlanNotes | None:
    """How the staged plans of the shards went; None where there is nothing to tell."""
    told = [(run, run.plan_notes) for run in runs if run.plan_notes is not None]
    if not told and not remarks:
        return None
    times = [notes.elapsed_s for _, notes in told if notes.elapsed_s is not None]
    lines = [_prefixed(run, remark) for run, notes in told for remark in notes.remarks]
    plans = [run.plan_notes for run in runs if run.info.plan == STAGED]
    return PlanNotes(
        remarks=(*remarks, *lines),
        is_finished=is_whole and all(notes and notes.is_finished for notes in plans),
        stopped_by_budget=any(notes.stopped_by_budget for _, notes in told),
        elapsed_s=max(times, default=None),
    )


def _prefixed(run: Run, remark: str) -> str:
    """A shard's remark; what was merged before has said which shard's it is."""
    numbers, count = _shard(run)
    return remark if _is_merged(run) or count == 1 else f"shard {numbers[0]}: {remark}"


def _is_merged(run: Run) -> bool:
    return "shards" in run.info.environment


def _slug(run: Run) -> str:
    """What a folder's name tells of the device, and that it is a merge."""
    match = _RUN_NAME.fullmatch(run.folder.resolve().name)
    return f"{match['slug']}-{_ENDING}" if match else _ENDING


def _write(runs: Sequence[Run], info: RunInfo, notes: PlanNotes | None, target: Path) -> None:
    """Writes it aside and moves it to its place, so that nobody reads the half of it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=".merging-", dir=target.parent))
    whole = aside / "partial" / "run"  # so deep that no search for runs comes to it
    try:
        with RunWriter.create(whole, info) as writer:
            for run in runs:
                name = _name(run)
                renamed = gather_pictures(run.folder, whole, name)
                for start in range(0, len(run.records), _RECORDS_AT_ONCE):
                    some = run.records[start : start + _RECORDS_AT_ONCE]
                    writer.append_all(_told_by(name, with_names(one, renamed)) for one in some)
                _copy_logs(run, whole / LOGS_FOLDER, name)
        if notes is not None:
            write_plan_notes(whole, notes)
        whole.rename(target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _name(run: Run) -> str:
    """What is put before the names of its workers; empty where that has been done."""
    return "" if _is_merged(run) else f"shard{_shard(run)[0][0]}"


def _told_by(name: str, record: Record) -> Record:
    if not name or record.worker == NO_WORKER:
        return record
    return replace(record, worker=f"{name}/{record.worker}")


def _copy_logs(run: Run, logs: Path, name: str) -> None:
    for folder in sorted(run.folder.glob(f"{LOGS_FOLDER}*")):
        if folder.is_dir():
            number = folder.name.removeprefix(LOGS_FOLDER)
            place = logs / f"{name}{number}" if name else logs
            shutil.copytree(folder, place, dirs_exist_ok=True, copy_function=link_or_copy)
