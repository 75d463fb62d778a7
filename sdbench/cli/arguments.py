"""Arguments and options that several commands take."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import click

from sdbench.errors import IllegalValue
from sdbench.results.ab import is_ab_job
from sdbench.results.finding import runs_at
from sdbench.results.store import RunFolderError
from sdbench.suite.model import HEADROOM_RATIO, Limits
from sdbench.suite.quantities import parse_headroom, parse_score
from sdbench.units import parse_bytes, parse_seconds

_WIDEST_PROSE = 100
_NARROWEST_TABLE, _WIDEST_TABLE = 60, 160

NO_LIMIT = "none"
"""Given as a limit, it takes the suite's away."""

F = TypeVar("F", bound=Callable[..., Any])

SUITE = click.argument("suite_path", metavar="SUITE", type=click.Path(path_type=Path))
RUN = click.argument("run_path", metavar="RUN", type=click.Path(path_type=Path))
RUN_HELP = "RUN is a run's folder, or a folder of runs, of which the newest is taken."
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
MAX_CONFIGURATIONS = click.option(
    "--max-configurations",
    type=click.IntRange(min=1),
    help="Accept a suite of up to so many configurations.",
)
TRUST_REMOTE_CODE = click.option(
    "--trust-remote-code",
    is_flag=True,
    help="Let pipelines that the suite trusts too run code of their own.",
)


class Quantity(click.ParamType[Any]):
    """A size or a time with its unit, or a share."""

    def __init__(self, name: str, parse: Callable[[object], float]) -> None:
        self.name = name
        self._parse = parse

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        if isinstance(value, (int, float)):
            return value
        try:
            return self._parse(value)
        except IllegalValue as error:
            self.fail(str(error), param, ctx)


class LimitOr(click.ParamType[Any]):
    """A limit, or the word that there is to be none where the suite has one."""

    def __init__(self, kind: click.ParamType[Any]) -> None:
        self.name = kind.name
        self._kind = kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return NO_LIMIT if value == NO_LIMIT else self._kind.convert(value, param, ctx)


def limits_options(function: F) -> F:
    """Adds the options that `limits_from` reads, in place of the suite's limits."""
    memory = click.option(
        "--memory",
        type=LimitOr(Quantity("size", parse_bytes)),
        help="Largest peak memory, such as 8GiB; none where the suite's is not to hold.",
    )
    latency = click.option(
        "--latency",
        type=LimitOr(Quantity("time", parse_seconds)),
        help="Longest p95 latency of one call, such as 2s, or none.",
    )
    min_fidelity = click.option(
        "--min-fidelity",
        type=LimitOr(Quantity("share", parse_score)),
        help="Least fidelity, such as 0.9 or 90%, or none; whatever keeps to it competes across "
        "steps.",
    )
    max_batch = click.option(
        "--max-batch",
        type=LimitOr(click.IntRange(min=1)),
        help="Most images that one call may draw, or none.",
    )
    headroom = click.option(
        "--headroom",
        type=Quantity("share", parse_headroom),
        help="Share that a peak may grow by within the memory limit, such as 5%; "
        f"{HEADROOM_RATIO:.0%} unless the suite says otherwise.",
    )
    return memory(latency(min_fidelity(max_batch(headroom(function)))))


def limits_from(given: Mapping[str, Any], otherwise: Limits) -> Limits:
    """The limits given on the command line, and the suite's where none is given.

    Args:
        given: The values of `limits_options`, by the names of its parameters.
        otherwise: The suite's limits.
    """
    fields = {
        "memory_bytes": given["memory"],
        "latency_s": given["latency"],
        "fidelity": given["min_fidelity"],
        "batch_size": given["max_batch"],
        "headroom_ratio": given["headroom"],
    }
    told: dict[str, Any] = {
        name: None if value == NO_LIMIT else value
        for name, value in fields.items()
        if value is not None
    }
    return replace(otherwise, **told)


def table_columns() -> int:
    """Width for tables: the terminal's, within what can be read."""
    seen = shutil.get_terminal_size((_WIDEST_PROSE, 24)).columns
    return max(_NARROWEST_TABLE, min(_WIDEST_TABLE, seen))


def columns() -> int:
    """Width for prose: the terminal's, and not so wide that lines are hard to read."""
    return min(_WIDEST_PROSE, shutil.get_terminal_size().columns)


def run_folder(path: Path) -> Path:
    """The run that a path names: itself, or the newest one below it.

    Raises:
        RunFolderError: There is none.
    """
    return runs_at(path)[-1]


def run_folders(paths: Iterable[Path]) -> list[Path]:
    """All runs that paths name: themselves, or every one below them; each once.

    Raises:
        RunFolderError: A path names none, or an A/B job, whose sides are no history.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if is_ab_job(path):
            raise RunFolderError(f"{path} is an A/B job: see `sdbench compare {path}`")
        found.update(dict.fromkeys(runs_at(path)))
    return list(found)
