"""``sdbench run --ray``: what of the command line it takes, and what it prints."""

from __future__ import annotations

import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from sdbench.cli.arguments import columns
from sdbench.cli.progress import OUTPUT_FAILURES, PlainProgress
from sdbench.results.record import Record
from sdbench.suite.configuration import Configuration

if TYPE_CHECKING:
    from sdbench.fleet.ray_run import RayOutcome
    from sdbench.results.store import Run

_OWN = frozenset({"suite_path", "results", "device", "ray_address", "report_path"})
"""Parameters that the driver itself reads."""

_UNITS = {"memory_limit_bytes": "B", "budget_s": "s"}
"""Of numbers that the command line takes with their units."""

_PASSED_ON = frozenset(
    {
        "memory_limit_bytes",
        "is_predicted",
        "plan",
        "budget_s",
        "is_confirmed",
        "rounds",
        "trust_remote_code",
        "max_configurations",
    }
)
"""Parameters that every shard gets as they were given."""


class RayProgress:
    """A line for each record that comes, and one for each note; mute once its output fails."""

    def __init__(self, configurations: Sequence[Configuration]) -> None:
        self._lines = PlainProgress(configurations)
        self._done: set[tuple[str, str]] = set()
        self._planned = 0
        self._is_muted = False

    def begun(self, lines: Sequence[str], planned: int) -> None:
        """Says which GPUs are used."""
        self._planned = planned
        for line in lines:
            self._write(line)
        count = len(lines)
        self._write(f"{count} GPU{'s' if count > 1 else ''}: {planned} configurations")

    def recorded(self, shard: str, record: Record) -> None:
        """Writes a configuration's line; fresh rounds are not counted again."""
        self._done.add((shard, record.key))
        count = f"[{len(self._done):>{len(str(self._planned))}}/{self._planned}]"
        self._write(f"{count} {shard}: {self._lines.line(Configuration(record.knobs), record)}")

    def note(self, text: str) -> None:
        """Writes it."""
        self._write(text)

    def _write(self, line: str) -> None:
        if self._is_muted:
            return
        try:
            self._lines.write(line)
        except OUTPUT_FAILURES:
            self._is_muted = True


def arguments_for_shards(context: click.Context) -> tuple[str, ...]:
    """The options that were given and that shards get too.

    Raises:
        click.UsageError: One was given that has no meaning on a cluster.
    """
    arguments: list[str] = []
    for parameter in context.command.params:
        name = str(parameter.name)
        is_given = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if not is_given or name in _OWN:
            continue
        if name not in _PASSED_ON:
            raise click.UsageError(f"{parameter.opts[0]} cannot be given together with --ray")
        value = context.params[name]
        if isinstance(value, bool):
            arguments.append(parameter.opts[0] if value else parameter.secondary_opts[0])
        else:
            arguments += [parameter.opts[0], f"{value}{_UNITS.get(name, '')}"]
    return tuple(arguments)


def run_with_ray(context: click.Context) -> None:
    """Measures a suite on a cluster and says what came of it; exits with 3 unless all is there."""
    from sdbench.fleet.ray_run import RayOrder, run_on_ray
    from sdbench.suite.defaults import with_defaults
    from sdbench.suite.expand import configurations
    from sdbench.suite.load import load_suite

    given: Mapping[str, Any] = context.params
    arguments = arguments_for_shards(context)
    suite = load_suite(given["suite_path"])
    expanded = configurations(suite, given["max_configurations"])
    order = RayOrder(
        address=given["ray_address"],
        suite_path=given["suite_path"],
        suite=suite,
        configurations=with_defaults(suite, expanded),
        results=given["results"],
        device=given["device"],
        arguments=arguments,
    )
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    outcome = run_on_ray(order, RayProgress(order.configurations))
    is_complete = _say(outcome, given["report_path"])
    if not is_complete:
        sys.stdout.flush()
        raise click.exceptions.Exit(3)


def _say(outcome: RayOutcome, report_path: Path | None) -> bool:
    """Prints the answers and what went wrong; whether all is there."""
    from sdbench.analysis.completeness import completeness
    from sdbench.analysis.how_measured import how_measured
    from sdbench.analysis.measurement import measurements
    from sdbench.analysis.recommend import recommend_for_run
    from sdbench.report.text import advice_text
    from sdbench.results.store import read_run

    runs = [read_run(folder) for folder in outcome.folders]
    states = [completeness(run) for run in runs]
    for run, state in zip(runs, states, strict=True):
        advice = recommend_for_run(run)
        how = how_measured(run, measurements(run), advice)
        click.echo(f"\n{advice_text(advice, columns(), how)}")
        click.echo(f"{run.info.device}: {state.summary}\nresults: {run.folder}")
    if report_path is not None and runs:
        _write_report(runs, report_path)
        click.echo(f"report: {report_path}")
    for problem in outcome.problems:
        click.echo(problem, err=True)
    for folder in outcome.left:
        click.echo(f"not merged: {folder}", err=True)
    if outcome.is_interrupted:
        click.echo("interrupted", err=True)
    is_whole = not (outcome.problems or outcome.left or outcome.is_interrupted)
    return is_whole and bool(states) and all(state.is_complete for state in states)


def _write_report(runs: Sequence[Run], path: Path) -> None:
    """The page of one run, or the comparison of several kinds of hardware."""
    if len(runs) == 1:
        from sdbench.report.html import write_html

        write_html(runs[0], path)
        return
    from sdbench.report.hardware import hardware_view
    from sdbench.report.hardware_formats import write_comparison

    write_comparison(hardware_view(runs), "html", path)
