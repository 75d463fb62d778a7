"""``sdbench run``."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sdbench.cli.arguments import MAX_CONFIGURATIONS, SUITE, TRUST_REMOTE_CODE, Quantity, columns
from sdbench.errors import IllegalValue
from sdbench.units import parse_bytes, parse_seconds

if TYPE_CHECKING:
    from sdbench.fleet.shards import Shard


def _writable(context: click.Context, parameter: click.Parameter, path: Path | None) -> Path | None:
    """Refuses at once what would otherwise fail after the sweep."""
    from sdbench.report.files import obstacle_to_writing

    obstacle = obstacle_to_writing(path) if path else None
    if obstacle:
        raise click.BadParameter(obstacle, context, parameter)
    return path


def _shard(context: click.Context, parameter: click.Parameter, raw: str | None) -> Shard | None:
    from sdbench.fleet.shards import parse_shard

    try:
        return parse_shard(raw) if raw is not None else None
    except IllegalValue as error:
        raise click.BadParameter(str(error), context, parameter) from None


def _devices(context: click.Context, parameter: click.Parameter, raw: str | None) -> Any:
    from sdbench.fleet.local import parse_devices

    try:
        return parse_devices(raw) if raw is not None else None
    except IllegalValue as error:
        raise click.BadParameter(str(error), context, parameter) from None


@click.command(
    epilog="Example: sdbench run suites/demo.yaml --device cpu --report report.html. "
    "Exit codes: 0 all measured or derived, or what --budget allows; 2 wrong usage; 3 something is "
    "missing or went wrong."
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
    "--devices",
    metavar="all|LIST",
    callback=_devices,
    help="Measure on several devices of this machine at once, such as cuda:0,cuda:1: equal ones "
    "share the suite, and their runs are joined.",
)
@click.option(
    "--neighbour-check/--no-neighbour-check",
    "is_neighbour_checked",
    default=True,
    help="With --devices: measure one configuration on each device alone and then on all at once, "
    "and say where they differ or disturb each other.",
)
@click.option(
    "--shard",
    metavar="I/N",
    callback=_shard,
    help="Measure one part of the suite alone, such as 2/4 for the second of four; `sdbench merge` "
    "joins them.",
)
@click.option(
    "--led",
    "is_led",
    is_flag=True,
    hidden=True,
    help="With --shard: what started this joins the shards and goes on with them: do not say how.",
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
    "--plan",
    "plan",
    type=click.Choice(["staged", "exhaustive"]),
    help="staged: measure few, derive the rest of them, and measure the best of these; exhaustive: "
    "measure all. By default staged where at least half is saved, and on --resume as it was.",
)
@click.option(
    "--budget",
    "budget_s",
    type=Quantity("time", parse_seconds),
    help="Take no longer than this, such as 10min, from the first measurement on: the best answer "
    "that the time allows.",
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
@click.option(
    "--ray",
    "ray_address",
    metavar="ADDRESS",
    help="Measure on the GPUs of the Ray cluster at auto, ray://HOST:PORT or HOST:PORT, of the "
    "kinds that the suite names under hardware; a run for each kind.",
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
    devices: tuple[str, ...] | None,
    is_neighbour_checked: bool,
    shard: Shard | None,
    is_led: bool,
    memory_limit_bytes: int | None,
    is_predicted: bool,
    plan: str | None,
    budget_s: float | None,
    is_confirmed: bool,
    rounds: int,
    ray_address: str | None,
    resume: bool,
    report_path: Path | None,
    trust_remote_code: bool,
    max_configurations: int | None,
) -> None:
    """Measure a suite and say which settings to use."""
    _require_one_course(plan, budget_s, rounds)
    if ray_address is not None:
        from sdbench.cli.run_ray import run_with_ray

        run_with_ray(click.get_current_context())
        return
    if devices is not None:
        from sdbench.cli.run_devices import run_on_devices

        run_on_devices(click.get_current_context(), devices, _resuming_command())
        return
    from sdbench.analysis.completeness import completeness
    from sdbench.analysis.confirmation import leaders
    from sdbench.analysis.disputes import disputed
    from sdbench.analysis.how_measured import how_measured
    from sdbench.analysis.measurement import measurements
    from sdbench.analysis.recommend import recommend_for_run
    from sdbench.analysis.tops import tops
    from sdbench.cli.progress import progress_for
    from sdbench.derive.staged import StagedPlan
    from sdbench.report.text import advice_text
    from sdbench.results.store import read_run
    from sdbench.run.environment import worker_environment
    from sdbench.run.launch import launcher_for
    from sdbench.run.order import Order
    from sdbench.run.predictor import predictor_for
    from sdbench.run.session import run_suite
    from sdbench.run.staging import Staging
    from sdbench.suite.defaults import with_defaults
    from sdbench.suite.expand import configurations
    from sdbench.suite.load import load_suite

    suite = load_suite(suite_path)
    if suite.hardware:
        from sdbench.fleet.ray_run import kinds_of

        kinds_of(suite, suite_path)  # a slip is told here, and not first on the cluster
    asked = with_defaults(suite, configurations(suite, max_configurations))
    if shard is not None:
        from sdbench.fleet.shards import shard_of

        asked = shard_of(asked, shard)
    order = Order(
        suite=suite,
        configurations=asked,
        results=results,
        device=device,
        trust_remote_code=trust_remote_code,
        resume=resume,
        memory_limit_bytes=memory_limit_bytes,
        rounds=rounds,
        plan=plan,
        budget_s=budget_s,
        shard=str(shard) if shard else None,
    )
    staging = Staging(planner=StagedPlan, tops=tops, leaders=leaders, disputed=disputed)
    predictor = predictor_for(device, results, os.environ) if is_predicted else None
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    launcher = launcher_for(device, worker_environment(os.environ))
    with progress_for(order.configurations) as progress:
        confirmed = leaders if is_confirmed else None
        outcome = run_suite(order, launcher, progress, predictor, confirmed, staging)
    measured = read_run(outcome.folder)
    state = completeness(measured)
    if report_path is not None:
        from sdbench.report.html import write_html

        write_html(measured, report_path)
    if shard is None:
        advice = recommend_for_run(measured)
        how = how_measured(measured, measurements(measured), advice)
        click.echo(f"\n{advice_text(advice, columns(), how)}")
    click.echo(f"{state.summary}\nresults: {outcome.folder}")
    if shard is not None and not is_led:
        runs = shlex.quote(str(outcome.folder.parent))
        click.echo(f"once all shards are measured, join them with: sdbench merge {runs}")
    if report_path is not None:
        click.echo(f"report: {report_path}")
    if outcome.stopped is not None:
        how_to_go_on = "" if is_led else f"; go on with: {_resuming_command()}"
        click.echo(f"{outcome.stopped}{how_to_go_on}", err=True)
    if outcome.stopped is not None or not state.is_complete:
        raise click.exceptions.Exit(3)


def _require_one_course(plan: str | None, budget_s: float | None, rounds: int) -> None:
    """Refuses what cannot be had together."""
    if rounds > 1 and (plan == "staged" or budget_s is not None):
        name = "--plan staged" if plan == "staged" else "--budget"
        raise click.UsageError(
            f"--rounds {rounds} measures every configuration so often, and {name} leaves some out: "
            "give one of them"
        )
    if plan == "exhaustive" and budget_s is not None:
        raise click.UsageError(
            "--plan exhaustive measures all, however long it takes: give it without --budget, or "
            "--budget with --plan staged"
        )


def _resuming_command() -> str:
    arguments = [argument for argument in sys.argv[1:] if argument != "--resume"]
    return shlex.join(["sdbench", *arguments, "--resume"])
