"""A suite on a Ray cluster, from start to end: one run for each kind of GPU."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sdbench.errors import IllegalValue, SdbenchError
from sdbench.fleet.inventory import Choice, FleetGpu, choose, wanted_kinds
from sdbench.fleet.merge import merge
from sdbench.fleet.ray_cluster import Infeasible, RayCluster
from sdbench.fleet.ray_copy import ShardCopy
from sdbench.fleet.ray_job import Job, files_of
from sdbench.fleet.ray_loop import FleetListener, measure
from sdbench.fleet.ray_worker import SCRIPTED
from sdbench.results.store import utc_now
from sdbench.run.run_folder import free_folder
from sdbench.suite.configuration import Configuration
from sdbench.suite.errors import SuiteError
from sdbench.suite.model import Suite

SHARDS_FOLDER = ".ray"
"""In the folder of results: the shards as they come, until they are merged."""


class BadDevice(SdbenchError):
    """A device that is no GPU of a cluster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RayOrder:
    """What the user asked for.

    Attributes:
        address: Of the cluster, as Ray takes it.
        suite_path: File of the suite.
        suite: The suite.
        configurations: What it stands for, defaults among them.
        results: Folder that holds all results.
        device: ``auto`` or ``cuda`` for the GPUs; ``scripted:FILE`` for a script in their place.
        arguments: Further arguments of ``sdbench run`` for every shard.
    """

    address: str
    suite_path: Path
    suite: Suite
    configurations: tuple[Configuration, ...]
    results: Path
    device: str = "auto"
    arguments: tuple[str, ...] = ()


class RayListener(FleetListener, Protocol):
    """Told how a run on a cluster goes, and first of all what it is."""

    def begun(self, lines: Sequence[str], planned: int) -> None:
        """What was found and chosen, and how many configurations are measured in all."""


@dataclass(frozen=True, slots=True)
class RayOutcome:
    """How it went.

    Attributes:
        folders: One run for each kind of GPU.
        problems: Why shards, or whole runs, are not complete.
        left: Folders of shards that could not be merged, or that have something to tell.
        is_interrupted: Whether the user ended it.
    """

    folders: tuple[Path, ...]
    problems: tuple[str, ...]
    left: tuple[Path, ...]
    is_interrupted: bool = False


def kinds_of(suite: Suite, path: Path) -> tuple[str, ...]:
    """The kinds of GPU that a suite asks for, each once.

    Args:
        suite: The suite.
        path: Its file, for errors.

    Raises:
        SuiteError: One is not known.
    """
    try:
        return wanted_kinds(suite.hardware)
    except IllegalValue as error:
        raise SuiteError(str(error), file=str(path), key="hardware") from None


def run_on_ray(order: RayOrder, listener: RayListener) -> RayOutcome:
    """Measures a suite on every wanted kind of GPU that a cluster has.

    Raises:
        SuiteError: It asks for a kind of GPU that is not known.
        CannotSend: It rests on files that nodes do not have.
        NoRay: Ray is not installed, or no cluster answers.
        NodeUnfit: sdbench is not installed on a node, or not the same version.
        Infeasible: The cluster lacks a wanted kind of GPU, or has none at all.
    """
    wanted = kinds_of(order.suite, order.suite_path)
    script = _script(order.device)
    files = files_of(order.suite_path, order.suite, order.configurations)
    with RayCluster(order.address) as cluster:
        nodes = cluster.nodes()
        cluster.require_sdbench(nodes)
        gpus = cluster.seat_all(nodes, script)
        choice = choose(gpus, wanted)
        _require_all(choice, gpus)
        cluster.keep(place for group in choice.groups.values() for place in group)
        parent = _shards_folder(order)
        copies = _copies(order, choice, files, parent)
        for note in (*cluster.notes, *choice.notes):
            listener.note(note)
        listener.begun(
            [gpus[place].line for group in choice.groups.values() for place in group],
            len(order.configurations) * len(choice.groups),
        )
        is_interrupted = False
        try:
            measure(cluster, choice.groups, copies, listener)
        except KeyboardInterrupt:
            is_interrupted = True
        finally:
            for copy in copies:
                copy.close()
    return _merged(order, choice, copies, parent, is_interrupted)


def _require_all(choice: Choice, gpus: Sequence[FleetGpu]) -> None:
    if choice.missing or not choice.groups:
        listed = "; ".join(gpu.line for gpu in gpus)
        what = ", ".join(choice.missing) or "GPU that can be used"
        raise Infeasible(f"the cluster has no {what}; it has: {listed}")


def _script(device: str) -> bytes | None:
    word, _, path = device.partition(":")
    if word == SCRIPTED:
        try:
            return Path(path).read_bytes() if path else b""
        except OSError as error:
            raise BadDevice(f"{path} cannot be read: {error.strerror}") from None
    if device not in ("auto", "cuda"):
        raise BadDevice(
            f"--ray measures on the GPUs of a cluster, so --device {device} cannot be given: leave "
            "it out"
        )
    return None


def _shards_folder(order: RayOrder) -> Path:
    parent = order.results / SHARDS_FOLDER
    parent.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=f"{order.suite.name}-", dir=parent)).absolute()


def _copies(
    order: RayOrder, choice: Choice, files: dict[str, bytes], parent: Path
) -> tuple[ShardCopy, ...]:
    """As many shards for each kind as there are equal GPUs of it."""
    by_key = {one.key: one for one in order.configurations}
    copies = []
    for kind, group in choice.groups.items():
        count = min(len(group), len(order.configurations))
        for number in range(1, count + 1):
            shard = f"{number}/{count}"
            job = Job(
                suite_name=order.suite.name,
                suite_file=order.suite_path.name,
                files=files,
                arguments=(*order.arguments, "--shard", shard),
            )
            copies.append(ShardCopy(kind, shard, parent / _slug(kind), job, by_key))
    return tuple(copies)


def _merged(
    order: RayOrder,
    choice: Choice,
    copies: Sequence[ShardCopy],
    parent: Path,
    is_interrupted: bool,
) -> RayOutcome:
    folders, left = [], []
    problems = [f"{copy.name}: {copy.problem}" for copy in copies if copy.problem]
    for kind in choice.groups:
        parts = [copy for copy in copies if copy.kind == kind]
        begun = [copy.folder for copy in parts if copy.folder is not None]
        if not begun:
            problems.append(f"{kind}: nothing was measured")
            continue
        moves = [f"{copy.name} {copy.moved}" for copy in parts if copy.moved]
        target = free_folder(order.results / order.suite.name, utc_now(), _slug(kind))
        try:
            folders.append(merge(begun, target, moves).folder)
        except (SdbenchError, OSError) as error:  # the shards stay, and other kinds have their runs
            problems.append(f"{kind}: {error}")
            left += begun
            continue
        shutil.rmtree(parent / _slug(kind), ignore_errors=True)
    if not left:
        shutil.rmtree(parent, ignore_errors=True)
        with suppress(OSError):  # another run's shards are in it
            parent.parent.rmdir()
    return RayOutcome(tuple(folders), tuple(problems), tuple(left), is_interrupted)


def _slug(kind: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", kind.lower()).strip("-")
