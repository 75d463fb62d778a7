"""``sdbench run --devices``: a command line for each device of this machine, and their merge."""

from __future__ import annotations

import itertools
import os
import shlex
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from sdbench.analysis.completeness import completeness
from sdbench.cli.arguments import columns
from sdbench.cli.progress import OUTPUT_FAILURES

if TYPE_CHECKING:
    from sdbench.fleet.local import Lane, LocalDevice
    from sdbench.fleet.merge import Merged
    from sdbench.results.store import Run
    from sdbench.suite.configuration import Configuration
    from sdbench.suite.model import Suite


_ALONE = {
    "device": "--device: name all devices with --devices",
    "shard": "--shard: the devices are given shards of their own",
}
"""What cannot be given beside ``--devices``, and why."""

_REFUSED, _INCOMPLETE = 2, 3
"""Exit codes of ``sdbench run``: what was refused has made nothing, and gone on with nothing."""


def run_on_devices(context: click.Context, words: Sequence[str], resuming_command: str) -> None:
    """Measures a suite on several devices at once, and says which settings to use.

    Args:
        context: The call of ``sdbench run``.
        words: The devices, as `sdbench.fleet.local.parse_devices` gives them.
        resuming_command: What goes on with the run where it is stopped.
    """
    from sdbench.fleet.local import Lane, equal_devices, find_devices, run_lanes
    from sdbench.fleet.shards import Shard, deal
    from sdbench.results.store import find_runs
    from sdbench.run.inventory import inventory
    from sdbench.suite.defaults import with_defaults
    from sdbench.suite.expand import configurations
    from sdbench.suite.load import load_suite

    for name, why in _ALONE.items():
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"--devices cannot be had together with {why}")
    options = context.params
    suite = load_suite(options["suite_path"])
    asked = with_defaults(suite, configurations(suite, options["max_configurations"]))
    if suite.hardware:
        from sdbench.fleet.ray_run import kinds_of

        kinds_of(suite, options["suite_path"])  # else every device would say so, after the check
    kinds = equal_devices(find_devices(words, lambda: inventory().machine))
    if len(kinds) > 1:
        if options["resume"]:
            raise click.UsageError(
                f"--resume goes on with devices of one kind, and these are several: "
                f"{_listed(kinds)}"
            )
        click.echo(f"devices of each kind measure the whole suite: {_listed(kinds)}")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    remarks: list[tuple[str, ...]] = [()] * len(kinds)
    if options["is_neighbour_checked"] and sum(map(len, kinds)) > 1:
        remarks = _neighbour_check(suite, asked, kinds, options)
    lanes = [
        [
            Lane(device=device.word, shard=Shard(number, len(kind)))
            for number, (device, its) in enumerate(
                zip(kind, deal(asked, len(kind)), strict=True), start=1
            )
            if its
        ]
        for kind in kinds
    ]
    before = set(find_runs(options["results"], suite.name))
    every_lane = [lane for some in lanes for lane in some]
    is_interrupted = run_lanes(every_lane, _arguments(options), _Lines())
    wholes = [
        _merged(some, suite.name, options, before, its)
        for some, its in zip(lanes, remarks, strict=True)
    ]
    _tell([one for one in wholes if one is not None], options["report_path"])
    if is_interrupted:
        click.echo(f"interrupted; go on with: {resuming_command}", err=True)
    is_whole = all(one is not None and not one.missing_shards for one in wholes)
    is_complete = is_whole and all(completeness(one.run).is_complete for one in wholes if one)
    has_failed = any(lane.exit_code != 0 for lane in every_lane)
    if is_interrupted or has_failed or not is_complete:
        raise click.exceptions.Exit(3)


class _Lines:
    """Prints lines until its output fails: the sweep goes on without it."""

    def __init__(self) -> None:
        self._is_muted = False

    def __call__(self, line: str) -> None:
        if self._is_muted:
            return
        try:
            click.echo(line)
            sys.stdout.flush()
        except OUTPUT_FAILURES:
            self._is_muted = True


def _tell(wholes: Sequence[Merged], report_path: Path | None) -> None:
    """Says which settings to use on each kind of device, and how to compare the kinds."""
    from sdbench.analysis.how_measured import how_measured
    from sdbench.analysis.measurement import measurements
    from sdbench.analysis.recommend import recommend_for_run
    from sdbench.report.text import advice_text

    for one in wholes:
        advice = recommend_for_run(one.run)
        how = how_measured(one.run, measurements(one.run), advice)
        click.echo(f"\n{advice_text(advice, columns(), how)}")
        click.echo(f"{completeness(one.run).summary}\nresults: {one.folder}")
    if len(wholes) > 1:
        command = shlex.join(["sdbench", "report", *(str(one.folder) for one in wholes)])
        click.echo(f"different devices are not merged; compare them with: {command}")
    if report_path is not None and wholes:
        _write_report([one.run for one in wholes], report_path)
        click.echo(f"report: {report_path}")


def _write_report(runs: Sequence[Run], path: Path) -> None:
    """The page of one run, or the comparison of several devices."""
    if len(runs) == 1:
        from sdbench.report.html import write_html

        write_html(runs[0], path)
        return
    from sdbench.report.hardware import hardware_view
    from sdbench.report.hardware_formats import write_comparison

    write_comparison(hardware_view(runs, [], None), "html", path)


def _listed(kinds: Sequence[Sequence[LocalDevice]]) -> str:
    return "; ".join(f"{kind[0].name} ({', '.join(one.word for one in kind)})" for kind in kinds)


def _arguments(options: Mapping[str, Any]) -> list[str]:
    """What the command lines of all shards have in common."""
    words = ["run", str(options["suite_path"]), "--results", str(options["results"])]
    if options["memory_limit_bytes"] is not None:
        words += ["--memory-limit", f"{options['memory_limit_bytes']}B"]
    if options["budget_s"] is not None:
        words += ["--budget", f"{options['budget_s']:.3f}s"]
    for option, name in (("--plan", "plan"), ("--max-configurations", "max_configurations")):
        if options[name] is not None:
            words += [option, str(options[name])]
    if options["rounds"] != 1:
        words += ["--rounds", str(options["rounds"])]
    words += [] if options["is_predicted"] else ["--no-predict"]
    words += [] if options["is_confirmed"] else ["--no-confirm"]
    words += ["--resume"] if options["resume"] else []
    words += ["--trust-remote-code"] if options["trust_remote_code"] else []
    return words


def _neighbour_check(
    suite: Suite,
    configurations: Sequence[Configuration],
    kinds: Sequence[Sequence[LocalDevice]],
    options: Mapping[str, Any],
) -> list[tuple[str, ...]]:
    """What to know of each kind of devices that work side by side; said, and to be stored."""
    from sdbench.fleet.neighbours import check_neighbours, control_suite
    from sdbench.run.controller import Job
    from sdbench.run.environment import worker_environment
    from sdbench.run.launch import launcher_for
    from sdbench.run.plan import plan

    words = [device.word for kind in kinds for device in kind]
    click.echo(f"neighbour check: one configuration on each of {len(words)} devices, then on all")
    limit, trusted = options["memory_limit_bytes"], options["trust_remote_code"]
    control = control_suite(suite)
    jobs = {word: Job(control, word, trusted, limit) for word in words}
    environment = worker_environment(os.environ)
    launchers = {word: launcher_for(word, environment) for word in words}
    found = check_neighbours(jobs, launchers, plan(configurations)[0])
    remarks = [found.of([device.word for device in kind]).remarks for kind in kinds]
    for remark in itertools.chain(*remarks):
        click.echo(remark)
    return remarks


def _merged(
    lanes: Sequence[Lane],
    suite_name: str,
    options: Mapping[str, Any],
    before: set[Path],
    remarks: Sequence[str],
) -> Merged | None:
    """The whole of equal devices' shards; None where there is none."""
    from sdbench.cli.merge import merge_text
    from sdbench.errors import SdbenchError
    from sdbench.fleet.merge import merge

    click.echo()
    folders = []
    for lane in lanes:
        is_refused = lane.exit_code == _REFUSED
        folder = None if is_refused else _folder(lane, suite_name, options, before)
        if folder is None:
            what = "its earlier run is left out" if options["resume"] else "has no run"
            click.echo(f"[{lane.device}] ended with exit code {lane.exit_code}, and {what}")
            continue
        if lane.exit_code not in (0, _INCOMPLETE):
            click.echo(f"[{lane.device}] ended with exit code {lane.exit_code}")
        folders.append(folder)
    if not folders:
        return None
    try:
        merged = merge(folders, None, remarks)
    except (SdbenchError, OSError) as error:  # the shards stay, and other kinds have their runs
        click.echo(f"sdbench: {error}", err=True)
        listed = shlex.join(map(str, folders))
        click.echo(f"not merged; once that is mended: sdbench merge {listed}", err=True)
        return None
    click.echo(merge_text(merged))
    return merged


def _folder(
    lane: Lane, suite_name: str, options: Mapping[str, Any], before: set[Path]
) -> Path | None:
    """The run that a command line has made, or gone on with."""
    from sdbench.results.store import find_runs, read_info
    from sdbench.run.run_folder import newest_run

    if options["resume"]:
        return newest_run(options["results"], suite_name, str(lane.shard))
    for folder in reversed(find_runs(options["results"], suite_name)):
        if folder in before:
            continue
        info = read_info(folder)
        words = info.environment.get("command_line")
        if info.shard == str(lane.shard) and isinstance(words, list) and lane.device in words:
            return folder
    return None
