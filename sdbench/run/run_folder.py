"""The folder of a run: its name, what it says of the whole run, and where its logs lie."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from sdbench.results.plan_file import EXHAUSTIVE
from sdbench.results.store import LOGS_FOLDER, RunInfo, RunWriter, find_runs, read_info, utc_now
from sdbench.run.commit import commit_of, commit_of_tracked
from sdbench.run.messages import Ready
from sdbench.run.order import Order
from sdbench.suite.configuration import Configuration


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
