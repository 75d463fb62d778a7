from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import factories
import pytest

from sdbench.fleet.shards import Shard, shard_of
from sdbench.results.record import Record
from sdbench.results.store import Run
from sdbench.suite.configuration import Configuration
from sdbench.suite.defaults import with_defaults
from sdbench.suite.expand import configurations
from sdbench.suite.model import Axis, Protocol, Suite

SUITE = Suite(
    name="demo",
    fixed={"pipeline": factories.PIPELINE},
    axes=(Axis("dtype", ("fp32", "fp16")), Axis("steps", (2, 4, 6))),
    measure=Protocol(default=False),
)
"""Six configurations of two loads."""


def everything(suite: Suite = SUITE) -> tuple[Configuration, ...]:
    """All that a suite stands for."""
    return with_defaults(suite, configurations(suite))


def measured(configuration: Configuration, **fields: Any) -> Record:
    """A record of a configuration that went well."""
    return factories.record(fields=fields, **configuration.knobs)


@pytest.fixture
def shard_run(tmp_path: Path) -> Callable[..., Run]:
    """Writes the run of a shard into a folder named like a real one."""

    def write(
        number: int,
        count: int = 2,
        *,
        records: Sequence[Record] | None = None,
        suite: Suite = SUITE,
        **info: Any,
    ) -> Run:
        its = shard_of(everything(suite), Shard(number, count))
        content = [measured(one) for one in its] if records is None else list(records)
        present = {record.key for record in content}
        run = factories.run(
            folder_for(tmp_path),
            content,
            suite=suite,
            missing=[one.key for one in its if one.key not in present],
            **{"shard": f"{number}/{count}", **info},
        )
        folder = tmp_path / "results" / suite.name
        folder.mkdir(parents=True, exist_ok=True)
        started = f"20260102T03040{len(list(folder.iterdir()))}Z"
        target = folder / f"{started}-test-shard{number}of{count}"
        return Run(run.folder.rename(target), run.info, run.records)

    return write


def folder_for(tmp_path: Path) -> Path:
    """A folder in which there is no run yet."""
    folder = tmp_path / "writing"
    folder.mkdir(exist_ok=True)
    return folder
