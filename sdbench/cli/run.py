"""``sdbench run``."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from pathlib import Path

import click

from sdbench.cli.arguments import MAX_CONFIGURATIONS, SUITE, TRUST_REMOTE_CODE, Quantity, columns
from sdbench.units import parse_bytes


def _writable(context: click.Context, parameter: click.Parameter, path: Path | None) -> Path | None:
    """Refuses at once what would otherwise fail after the sweep."""
    from sdbench.report.files import obstacle_to_writing

    obstacle = obstacle_to_writing(path) if path else None
    if obstacle:
        raise click.BadParameter(obstacle, context, parameter)
    return path


@click.command(
    epilog="Example: sdbench run suites/demo.yaml --device cpu --report report.html. "
    "Exit codes: 0 all measured, 2 wrong usage, 3 something is missing or went wrong."
)
@SUITE
@click.option(
    "--results",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("results"),
    show_default=True,
    help="Folder for results; the run gets a folder of its own in it.",
)
@click.option(
    "--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, or scripted:FILE."
)
@click.option(
    "--memory-limit",
    "memory_limit_bytes",
    type=Quantity("size", parse_bytes),
    help="Let configurations use no more memory than this, such as 8GiB, and see which fit.",
)
@click.option(
    "--predict/--no-predict",
    "is_predicted",
    default=True,
    help="Predict memory first, run what needs most of it last, and leave out what cannot fit.",
)
@click.option(
    "--confirm/--no-confirm",
    "is_confirmed",
    default=True,
    help="Measure the fastest again in fresh rounds, so that luck is not recommended.",
)
@click.option(
    "--rounds",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Rounds of every configuration, each in a worker process of its own, those of the fastest "
    "among them; a run that others are compared with needs 4 or more.",
)
@click.option("--resume", is_flag=True, help="Go on with the newest run of this suite.")
@click.option(
    "--report",
    "report_path",
    type=click.Path(path_type=Path, dir_okay=False),
    callback=_writable,
    help="Write the HTML report here.",
)
@TRUST_REMOTE_CODE
@MAX_CONFIGURATIONS
def run(
    suite_path: Path,
    results: Path,
    device: str,
    memory_limit_bytes: int | None,
    is_predicted: bool,
    is_confirmed: bool,
    rounds: int,
    resume: bool,
    report_path: Path | None,
    trust_remote_code: bool,
    max_configurations: int | None,
) -> None:
    """Measure a suite and say which settings to use."""
    from sdbench.analysis.completeness import completeness
    from sdbench.analysis.confirmation import leaders
    from sdbench.analysis.recommend import recommend_for_run
    from sdbench.cli.progress import progress_for
    from sdbench.report.text import advice_text
    from sdbench.results.store import read_run
    from sdbench.run.environment import worker_environment
    from sdbench.run.launch import launcher_for
    from sdbench.run.predictor import predictor_for
    from sdbench.run.session import Order, run_suite
    from sdbench.suite.defaults import with_defaults
    from sdbench.suite.expand import configurations
    from sdbench.suite.load import load_suite

    suite = load_suite(suite_path)
    order = Order(
        suite=suite,
        configurations=with_defaults(suite, configurations(suite, max_configurations)),
        results=results,
        device=device,
        trust_remote_code=trust_remote_code,
        resume=resume,
        memory_limit_bytes=memory_limit_bytes,
        rounds=rounds,
    )
    predictor = predictor_for(device, results, os.environ) if is_predicted else None
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    launcher = launcher_for(device, worker_environment(os.environ))
    with progress_for(order.configurations) as progress:
        outcome = run_suite(order, launcher, progress, predictor, leaders if is_confirmed else None)
    measured = read_run(outcome.folder)
    state = completeness(measured)
    if report_path is not None:
        from sdbench.report.html import write_html

        write_html(measured, report_path)
    click.echo(f"\n{advice_text(recommend_for_run(measured), columns())}")
    click.echo(f"{state.summary}\nresults: {outcome.folder}")
    if report_path is not None:
        click.echo(f"report: {report_path}")
    if outcome.stopped is not None:
        click.echo(f"{outcome.stopped}; go on with: {_resuming_command()}", err=True)
    if outcome.stopped is not None or not state.is_complete:
        raise click.exceptions.Exit(3)


def _resuming_command() -> str:
    arguments = [argument for argument in sys.argv[1:] if argument != "--resume"]
    return shlex.join(["sdbench", *arguments, "--resume"])
