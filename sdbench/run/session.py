"""A whole run of a suite: into a new folder, or on with one that was cut off."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from sdbench.errors import SdbenchError
from sdbench.jsontypes import canonical_json
from sdbench.results.plan_file import EXHAUSTIVE, STAGED, PlanNotes, write_plan_notes
from sdbench.results.record import Record
from sdbench.results.store import (
    LOGS_FOLDER,
    Run,
    RunInfo,
    RunWriter,
    find_runs,
    read_info,
    read_run,
    utc_now,
)
from sdbench.run.budget import Budget
from sdbench.run.commit import commit_of, commit_of_tracked
from sdbench.run.confirm import Leaders, confirm, repeat
from sdbench.run.controller import Controller, Job, Progress
from sdbench.run.drawings import Drawings
from sdbench.run.forecast import Forecast, Predicts, forecast
from sdbench.run.judge import Judge
from sdbench.run.launch import Launcher
from sdbench.run.messages import Ready
from sdbench.run.plan import plan
from sdbench.run.predict_target import target_of
from sdbench.run.staged import Plans, Site, StagedListener, StagedRun, Staging, is_measured
from sdbench.run.worker_process import CannotStart
from sdbench.suite.configuration import Configuration
from sdbench.suite.errors import SuiteError
from sdbench.suite.load import suite_from_json
from sdbench.suite.model import Suite

MAY_CHANGE = ("gates", "hardware", "max_configurations")
"""What of a suite may change between a run and its resumption: it changes no measurement."""


class CannotResume(SdbenchError):
    """The run that was to be resumed does not fit; the message says in what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the user asked for.

    Attributes:
        suite: The suite.
        configurations: What it stands for.
        results: Folder that holds all results.
        device: Word for the device.
        trust_remote_code: Whether models' own code may run.
        resume: Whether to go on with the newest run of this suite.
        memory_limit_bytes: What a configuration may use of the device's memory, or None.
        rounds: Rounds of every configuration, the sweep's among them, each in a worker of its own.
        plan: ``staged`` or ``exhaustive``, where the run may be a staged one; None for what the
            run that it goes on with was, and otherwise ``staged``.
        budget_s: Seconds that a staged run may take from its first drawing or round on, or None.
        shard: Which part of the suite the configurations are, such as ``2/4``; None for all.
        command_line: What the user wrote, for reading; by default this process's arguments.
    """

    suite: Suite
    configurations: Sequence[Configuration]
    results: Path
    device: str = "auto"
    trust_remote_code: bool = False
    resume: bool = False
    memory_limit_bytes: int | None = None
    rounds: int = 1
    plan: str | None = None
    budget_s: float | None = None
    shard: str | None = None
    command_line: tuple[str, ...] = ()

    @property
    def references(self) -> Path:
        """Folder of the references, which all runs share; it can be removed at any time."""
        return self.results / ".references"


class RunListener(StagedListener, Protocol):
    """Told how a run goes, and first of all what it is."""

    def begun(self, folder: Path, device: str, planned: int, done: int) -> None:
        """The folder is there; ``done`` of ``planned`` configurations are in it already."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run went.

    Attributes:
        folder: Where it lies.
        stopped: Why it ended early, or None where it did not.
    """

    folder: Path
    stopped: str | None


def run_suite(
    order: Order,
    launcher: Launcher,
    listener: RunListener,
    predictor: Predicts | None = None,
    leaders: Leaders | None = None,
    staging: Staging | None = None,
) -> Outcome:
    """Measures what an order asks for, and then again what the recommendation rests on.

    A run whose configurations all get several rounds is exhaustive. So is one of so few that little
    could be left out, unless its time is limited: then the plan's order tells the most by its end.

    Fresh rounds of every configuration count among those of what the recommendation rests on: that
    gets as many as the larger of the two numbers says.

    Args:
        order: What the user asked for.
        launcher: What starts workers.
        listener: Told how it goes.
        predictor: Predicts what needs how much memory, for the order and to leave out what does
            not fit; None where all is to be measured.
        leaders: Says what the recommendation rests on; None where nothing is measured again.
        staging: What makes a run a staged one; None where all is measured.

    Raises:
        CannotStart: No worker could start, for example since the device is not there.
        CannotResume: The run to go on with was made from another suite or on another device.
    """
    planned = plan(order.configurations)
    parent = order.results / order.suite.name
    earlier = _run_to_resume(order) if order.resume else None
    latest = earlier.latest if earlier else {}
    asked = [item for item in planned if _is_open(latest.get(item.key))]
    parent.mkdir(parents=True, exist_ok=True)
    logs = Path(tempfile.mkdtemp(prefix=".starting-", dir=parent))
    job = Job(order.suite, order.device, order.trust_remote_code, order.memory_limit_bytes)
    try:
        with Controller(job, launcher, logs, _workers_of(earlier)) as controller:
            ready = controller.start_worker()
            if earlier is not None:
                _require_same_fingerprint(earlier, ready)
            expected = _forecast(order, predictor, asked, ready, listener)
            planned = expected.ordered(planned)
            able = _able(planned, earlier, latest, expected)
            rounds = max(order.rounds, earlier.info.planned_rounds if earlier else 1)
            staged, why_not = _staged_plan(order, staging, able, earlier, rounds)
            if earlier is None:
                writer = create_run(order, planned, ready, STAGED if staged else EXHAUSTIVE)
            else:
                writer = RunWriter.resume(earlier.folder)
            controller.logs_folder = move_logs(logs, writer.folder)
            missing = [
                item
                for item in expected.ordered(asked)
                if not _stays_ruled_out(latest.get(item.key), expected)
            ]
            listener.begun(writer.folder, ready.device, len(planned), len(planned) - len(missing))
            if why_not is not None and missing:
                listener.note(why_not)
            stopped = None
            sweep = None
            with writer:
                drawings, judge = judge_for(order, controller, writer.folder, listener)
                budget = Budget(order.budget_s, staging.clock) if staging else Budget()
                site = Site(
                    controller=controller,
                    writer=writer,
                    judge=judge,
                    complete=lambda item, record: judge.complete(item, expected.added(record)),
                    listener=listener,
                    budget=budget,
                )
                try:
                    judge.remember(latest.values())
                    fitting = _without_ruled_out(missing, expected, judge, writer, listener)
                    budget.begin()
                    if staged is not None and staging is not None:
                        notes = earlier.plan_notes if earlier else None
                        sweep = StagedRun(staged, staging, site, able, _sweep_of(earlier), notes)
                        sweep.run()
                    else:
                        if earlier is not None and earlier.plan_notes is not None:
                            write_plan_notes(writer.folder, _without_plan(earlier.plan_notes))
                        judge.prepare(fitting)
                        controller.measure(fitting, writer, listener, site.complete)
                        repeat(controller, writer, rounds - 1, listener)
                    if leaders is not None:
                        confirm(
                            controller,
                            writer,
                            leaders,
                            max(rounds - 1, order.suite.measure.confirm_rounds),
                            listener,
                            rounds - 1,
                            budget,
                            sweep.measured_leaders if sweep else None,
                        )
                except KeyboardInterrupt:
                    stopped = "interrupted"
                except CannotStart as error:
                    stopped = str(error)
                finally:
                    drawings.clear()
                    if sweep is not None:
                        sweep.write_notes()
            return Outcome(writer.folder, stopped)
    finally:
        shutil.rmtree(logs, ignore_errors=True)


def judge_for(
    order: Order,
    controller: Controller,
    folder: Path,
    listener: Progress,
    *,
    draws_anew: bool = False,
) -> tuple[Drawings, Judge]:
    """What judges a run's pictures, and where these come from; clear the latter at the end.

    Args:
        order: What the user asked for.
        controller: What draws.
        folder: The run's.
        listener: Told how it goes.
        draws_anew: See `Judge`.
    """
    protocol = order.suite.fidelity
    timeout_s = protocol.timeout_s if protocol else 0.0
    drawings = Drawings(controller, timeout_s, folder, order.references, listener)
    return drawings, Judge(protocol, order.suite.inputs, drawings, listener, draws_anew=draws_anew)


def _is_open(record: Record | None) -> bool:
    """Whether a configuration may need a round: what is predicted or derived was not measured."""
    return record is None or not is_measured(record)


def _stays_ruled_out(record: Record | None, expected: Forecast) -> bool:
    """Whether an earlier record stands: it was predicted not to fit, and nothing says it would."""
    if record is None or not record.is_ruled_out or not expected.is_made:
        return False
    return expected.rules_out(record.key) is not False


def _able(
    planned: Sequence[Configuration],
    earlier: Run | None,
    latest: Mapping[str, Record],
    expected: Forecast,
) -> list[Configuration]:
    """Those that are not ruled out, in the order of the run that goes on."""
    first = earlier.info.planned_keys if earlier else ()
    positions = {key: position for position, key in enumerate(first)}
    return sorted(
        (
            one
            for one in planned
            if not expected.rules_out(one.key)
            and not _stays_ruled_out(latest.get(one.key), expected)
        ),
        key=lambda one: positions.get(one.key, len(positions)),
    )


def _staged_plan(
    order: Order,
    staging: Staging | None,
    configurations: Sequence[Configuration],
    earlier: Run | None,
    rounds: int,
) -> tuple[Plans | None, str | None]:
    """The plan of a staged run, or None of one that measures all; and why, where that is news."""
    name = order.plan or (earlier.info.plan if earlier else STAGED)
    is_limited = order.budget_s is not None
    if staging is None or rounds > 1 or (name != STAGED and not is_limited):
        return None, None
    staged = staging.planner(configurations)
    if staged.is_worthwhile or is_limited:
        return staged, None
    if staged.first >= len(configurations):
        return None, None
    return None, f"all are measured: {staged.first} would have to be, to derive the others"


def _without_plan(notes: PlanNotes) -> PlanNotes:
    """The notes of a staged run that goes on to measure all: nothing that they said holds on."""
    return replace(notes, remarks=(), is_finished=False, stopped_by_budget=False)


def _sweep_of(run: Run | None) -> dict[str, Record]:
    """What a run has of each configuration: its sweep, or what failed since."""
    found = run.rounds if run else {}
    return {key: one.settled if _is_open(one.settled) else one.swept for key, one in found.items()}


def _forecast(
    order: Order,
    predictor: Predicts | None,
    asked: Sequence[Configuration],
    ready: Ready,
    listener: RunListener,
) -> Forecast:
    if not asked or predictor is None:
        return Forecast()
    target = target_of(ready, order.memory_limit_bytes)
    return forecast(predictor, order.suite, asked, target, order.trust_remote_code, listener)


def _without_ruled_out(
    configurations: Sequence[Configuration],
    expected: Forecast,
    judge: Judge,
    writer: RunWriter,
    listener: RunListener,
) -> list[Configuration]:
    """Those that are to be measured; the others get their records."""
    fitting = []
    for configuration in configurations:
        if expected.rules_out(configuration.key):
            record = judge.complete(configuration, expected.ruled_out(configuration))
            writer.append(record)
            listener.finished(configuration, record)
        else:
            fitting.append(configuration)
    return fitting


def _workers_of(run: Run | None) -> int:
    """Workers that a run has had, so that those to come get names of their own."""
    names = {record.worker for record in run.records} if run else set()
    numbers = [name.rpartition("-")[2] for name in names]
    return max((int(number) for number in numbers if number.isdigit()), default=0)


def create_run(
    order: Order, planned: Sequence[Configuration], ready: Ready, plan_name: str = EXHAUSTIVE
) -> RunWriter:
    """Starts a run in a folder of its own, named by the time and the device."""
    started_at = utc_now()
    part = f"-shard{order.shard.replace('/', 'of')}" if order.shard else ""
    info = run_info(order, planned, ready, started_at, plan_name)
    while True:
        folder = free_folder(order.results / order.suite.name, started_at, ready.slug + part)
        try:
            return RunWriter.create(folder, info)
        except FileExistsError:  # another command line was faster, as that of another device
            continue


def free_folder(parent: Path, started_at: str, slug: str) -> Path:
    """A folder that does not exist yet, named by the time and what is told of the device."""
    stamp = started_at.replace("-", "").replace(":", "")
    folder = parent / f"{stamp}-{slug}"
    count = 2
    while folder.exists():
        folder = parent / f"{stamp}-{slug}-{count}"
        count += 1
    return folder


def run_info(
    order: Order,
    planned: Sequence[Configuration],
    ready: Ready,
    started_at: str,
    plan_name: str = EXHAUSTIVE,
) -> RunInfo:
    """What holds for all records of a run."""
    return RunInfo(
        suite=order.suite.to_json(),
        device=ready.device,
        fingerprint=ready.fingerprint,
        environment={
            "command_line": list(order.command_line) or ["sdbench", *sys.argv[1:]],
            "commit": commit_of(Path.cwd()),
            "sdbench_commit": commit_of_tracked(Path(__file__)),
            "torch_device": ready.torch_device,
            "variables": ready.environment,
        },
        started_at=started_at,
        planned_keys=tuple(configuration.key for configuration in planned),
        planned_rounds=order.rounds,
        plan=plan_name,
        budget_s=order.budget_s,
        shard=order.shard,
    )


def move_logs(logs: Path, folder: Path) -> Path:
    """Moves the logs of the start into the run's folder; workers keep writing to them."""
    target = folder / LOGS_FOLDER
    number = 2
    while target.exists():
        target = folder / f"{LOGS_FOLDER}-{number}"
        number += 1
    logs.rename(target)
    target.chmod(0o755)
    return target


def newest_run(results: Path, suite_name: str, shard: str | None) -> Path | None:
    """Folder of the newest run of a suite, or of one of its shards; None where there is none."""
    folders = reversed(find_runs(results, suite_name))
    return next((folder for folder in folders if read_info(folder).shard == shard), None)


def _run_to_resume(order: Order) -> Run | None:
    folder = newest_run(order.results, order.suite.name, order.shard)
    if folder is None:
        return None
    run = read_run(folder)
    differing = [
        name
        for name in differences(as_of_now(run.info.suite), order.suite.to_json())
        if name not in MAY_CHANGE
    ]
    if differing:
        raise CannotResume(
            f"{run.folder} was made from another version of this suite "
            f"({', '.join(differing)} differ): run without --resume to start anew"
        )
    return run


def as_of_now(stored: Mapping[str, Any]) -> Mapping[str, Any]:
    """A stored suite with the present defaults in place of keys that were unknown in its time."""
    try:
        return suite_from_json(stored).to_json()
    except SuiteError:
        return stored


def _require_same_fingerprint(run: Run, ready: Ready) -> None:
    differing = differences(run.info.fingerprint, ready.fingerprint)
    if differing:
        raise CannotResume(
            f"{run.folder} was measured under other conditions ({', '.join(differing)} differ): "
            "run without --resume to start anew"
        )


def differences(old: Mapping[str, object], new: Mapping[str, object]) -> list[str]:
    """Names whose values differ, compared as JSON."""
    return [
        name
        for name in sorted({*old, *new})
        if canonical_json(old.get(name)) != canonical_json(new.get(name))  # type: ignore[arg-type]
    ]
