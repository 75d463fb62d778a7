"""A whole run of a suite: into a new folder, or on with one that was cut off."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from sdbench.results.plan_file import EXHAUSTIVE, STAGED, PlanNotes, write_plan_notes
from sdbench.results.record import Record
from sdbench.results.store import Run, RunWriter
from sdbench.run.budget import Budget
from sdbench.run.confirm import Leaders, confirm, repeat
from sdbench.run.controller import Controller, Job, Progress
from sdbench.run.drawings import Drawings
from sdbench.run.forecast import Forecast, Predicts, forecast
from sdbench.run.judge import Judge
from sdbench.run.launch import Launcher
from sdbench.run.messages import Ready
from sdbench.run.order import Order
from sdbench.run.plan import plan
from sdbench.run.predict_target import target_of
from sdbench.run.resume import require_same_fingerprint, run_to_resume
from sdbench.run.run_folder import create_run, move_logs
from sdbench.run.staged import StagedRun, is_measured
from sdbench.run.staging import Plans, Site, StagedListener, Staging
from sdbench.run.worker_process import CannotStart
from sdbench.suite.configuration import Configuration


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
    earlier = run_to_resume(order) if order.resume else None
    parent = order.results / order.suite.name
    parent.mkdir(parents=True, exist_ok=True)
    logs = Path(tempfile.mkdtemp(prefix=".starting-", dir=parent))
    job = Job(order.suite, order.device, order.trust_remote_code, order.memory_limit_bytes)
    try:
        with Controller(job, launcher, logs, _workers_of(earlier)) as controller:
            ready = controller.start_worker()
            if earlier is not None:
                require_same_fingerprint(earlier, ready)
            work = _work(order, earlier, ready, predictor, staging, listener)
            if earlier is None:
                writer = create_run(order, work.planned, ready, work.plan_name)
            else:
                writer = RunWriter.resume(earlier.folder)
            controller.logs_folder = move_logs(logs, writer.folder)
            done = len(work.planned) - len(work.missing)
            try:
                listener.begun(writer.folder, ready.device, len(work.planned), done)
                with writer:
                    stopped = _carry_out(
                        order, work, controller, writer, listener, leaders, staging
                    )
            except KeyboardInterrupt:  # before the first measurement, or after the last one
                stopped = "interrupted"
            return Outcome(writer.folder, stopped)
    finally:
        shutil.rmtree(logs, ignore_errors=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """What there is to do.

    Attributes:
        earlier: The run that goes on, or None.
        planned: What the suite stands for, in the order of the run.
        missing: Those of it that have no answer yet, and may get one.
        able: Those of it that are not ruled out, in the order of the run that goes on.
        expected: What was predicted.
        rounds: Rounds of every configuration.
        staged: The plan of a staged run, or None.
        why_exhaustive: Why a run that might have been a staged one is none, where that is news.
    """

    earlier: Run | None
    planned: tuple[Configuration, ...]
    missing: tuple[Configuration, ...]
    able: tuple[Configuration, ...]
    expected: Forecast
    rounds: int
    staged: Plans | None
    why_exhaustive: str | None

    @property
    def plan_name(self) -> str:
        """The plan's name."""
        return EXHAUSTIVE if self.staged is None else STAGED


def _work(
    order: Order,
    earlier: Run | None,
    ready: Ready,
    predictor: Predicts | None,
    staging: Staging | None,
    listener: RunListener,
) -> _Work:
    planned = plan(order.configurations)
    latest = earlier.latest if earlier else {}
    asked = [item for item in planned if _is_open(latest.get(item.key))]
    expected = _forecast(order, predictor, asked, ready, listener)
    missing = (
        item
        for item in expected.ordered(asked)
        if not _stays_ruled_out(latest.get(item.key), expected)
    )
    able = _able(expected.ordered(planned), earlier, latest, expected)
    rounds = max(order.rounds, earlier.info.planned_rounds if earlier else 1)
    staged, why_exhaustive = _staged_plan(order, staging, able, earlier, rounds)
    return _Work(
        earlier=earlier,
        planned=expected.ordered(planned),
        missing=tuple(missing),
        able=tuple(able),
        expected=expected,
        rounds=rounds,
        staged=staged,
        why_exhaustive=why_exhaustive,
    )


def _carry_out(
    order: Order,
    work: _Work,
    controller: Controller,
    writer: RunWriter,
    listener: RunListener,
    leaders: Leaders | None,
    staging: Staging | None,
) -> str | None:
    """Measures, and judges pictures meanwhile; why it ended early, or None."""
    if work.why_exhaustive is not None and work.missing:
        listener.note(work.why_exhaustive)
    drawings, judge = judge_for(order, controller, writer.folder, listener)
    site = Site(
        controller=controller,
        writer=writer,
        judge=judge,
        complete=lambda item, one: judge.complete(item, work.expected.added(one)),
        listener=listener,
        budget=Budget(order.budget_s, staging.clock) if staging else Budget(),
    )
    try:
        return _measure(order, work, site, leaders, staging)
    finally:
        drawings.clear()


def _measure(
    order: Order, work: _Work, site: Site, leaders: Leaders | None, staging: Staging | None
) -> str | None:
    """Measures what is missing, and again what matters; why it ended early, or None."""
    earlier, fresh = work.earlier, work.rounds - 1
    sweep = None
    try:
        site.judge.remember(earlier.latest.values() if earlier else ())
        fitting = _without_ruled_out(work, site)
        site.budget.begin()
        if work.staged is not None and staging is not None:
            notes = earlier.plan_notes if earlier else None
            sweep = StagedRun(work.staged, staging, site, work.able, _sweep_of(earlier), notes)
            sweep.run()
        else:
            if earlier is not None and earlier.plan_notes is not None:
                write_plan_notes(site.writer.folder, _without_plan(earlier.plan_notes))
            site.judge.prepare(fitting)
            site.controller.measure(fitting, site.writer, site.listener, site.complete)
            repeat(site.controller, site.writer, fresh, site.listener)
        if leaders is not None:
            confirm(
                site.controller,
                site.writer,
                leaders,
                max(fresh, order.suite.measure.confirm_rounds),
                site.listener,
                fresh,
                site.budget,
                sweep.measured_leaders if sweep else None,
            )
    except KeyboardInterrupt:
        return "interrupted"
    except CannotStart as error:
        return str(error)
    finally:
        if sweep is not None:
            sweep.write_notes()
    return None


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


def _without_ruled_out(work: _Work, site: Site) -> list[Configuration]:
    """Those of the missing that are to be measured; the others get their records."""
    fitting = []
    for configuration in work.missing:
        if work.expected.rules_out(configuration.key):
            record = site.judge.complete(configuration, work.expected.ruled_out(configuration))
            site.writer.append(record)
            site.listener.finished(configuration, record)
        else:
            fitting.append(configuration)
    return fitting


def _workers_of(run: Run | None) -> int:
    """Workers that a run has had, so that those to come get names of their own."""
    names = {record.worker for record in run.records} if run else set()
    numbers = [name.rpartition("-")[2] for name in names]
    return max((int(number) for number in numbers if number.isdigit()), default=0)
