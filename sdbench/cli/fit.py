"""``sdbench fit``."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Mapping
from pathlib import Path

import click

from sdbench.cli.arguments import (
    JSON,
    MAX_CONFIGURATIONS,
    SUITE,
    TRUST_REMOTE_CODE,
    Quantity,
    columns,
)
from sdbench.errors import IllegalValue, describe_legal
from sdbench.jsontypes import JsonValue
from sdbench.units import parse_bytes


def _settings(
    context: click.Context, parameter: click.Parameter, written: tuple[str, ...]
) -> Mapping[str, JsonValue]:
    """The knobs that ``--set`` names, with their canonical values."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    from sdbench.knobs.registry import KNOBS

    values: dict[str, JsonValue] = {}
    for text in written:
        name, separator, raw = text.partition("=")
        if not separator:
            raise click.BadParameter(f"{text!r} is no KNOB=VALUE such as batch_size=4")
        if name not in KNOBS:
            raise click.BadParameter(f"there is no knob {name!r}: {describe_legal(name, [*KNOBS])}")
        try:
            value = KNOBS[name].parse(YAML(typ="safe", pure=True).load(raw))
        except (IllegalValue, YAMLError) as error:
            raise click.BadParameter(f"{name}: {error}") from None
        values[name] = KNOBS[name].located(value, Path.cwd())
    return values


@click.command(
    epilog="Example: sdbench fit suites/sd15.yaml --memory-limit 6GiB --set batch_size=4\n\n"
    "Exit codes: 0 something fits, 2 wrong usage, 3 nothing does, or it could not be told."
)
@SUITE
@click.option(
    "--memory-limit",
    "limit_bytes",
    type=Quantity("size", parse_bytes),
    help="What it should fit into, such as 6GiB; by default the suite's own limit.",
)
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="KNOB=VALUE",
    callback=_settings,
    help="Want this value; may be given more than once.",
)
@click.option(
    "--results",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("results"),
    show_default=True,
    help="Folder for results; the search gets folders of its own in it.",
)
@click.option(
    "--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, or scripted:FILE."
)
@click.option("--no-predict", is_flag=True, help="Run also what is predicted not to fit.")
@click.option(
    "--no-costs",
    is_flag=True,
    help="Do not measure fidelity, nor what each rung saves and costs by itself.",
)
@JSON
@TRUST_REMOTE_CODE
@MAX_CONFIGURATIONS
def fit(
    suite_path: Path,
    limit_bytes: int | None,
    changes: Mapping[str, JsonValue],
    results: Path,
    device: str,
    no_predict: bool,
    no_costs: bool,
    as_json: bool,
    trust_remote_code: bool,
    max_configurations: int | None,
) -> None:
    """Find the settings that fit into a memory limit with the least loss.

    Wanted is the most demanding configuration of the suite: the largest batch, then the largest
    picture, then fp32, then the fewest savings. A size that the suite leaves to the
    pipeline counts as the smallest: name the one you want by --set.
    """
    from sdbench.analysis.climb import Climb
    from sdbench.analysis.code import python_code
    from sdbench.analysis.demand import most_demanding
    from sdbench.analysis.fit_answer import fit_answer
    from sdbench.cli.fit_progress import fit_progress
    from sdbench.report.ladder_text import ladder_text
    from sdbench.run.environment import worker_environment
    from sdbench.run.fit import fit as search
    from sdbench.run.launch import launcher_for
    from sdbench.run.order import Order
    from sdbench.run.predictor import FOLDER, Predictor
    from sdbench.suite.configuration import Configuration
    from sdbench.suite.expand import configurations
    from sdbench.suite.load import load_suite

    suite = load_suite(suite_path)
    limit_bytes = limit_bytes or suite.limits.memory_bytes
    if limit_bytes is None:
        raise click.UsageError("into what should it fit? Give --memory-limit, such as 6GiB")
    swept = configurations(suite, max_configurations)
    wanted = Configuration({**most_demanding(swept).knobs, **changes})
    climb = Climb(wanted, swept, limit_bytes)
    order = Order(
        suite=suite,
        configurations=(wanted,),
        results=results,
        device=device,
        trust_remote_code=trust_remote_code,
        memory_limit_bytes=limit_bytes,
    )
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    is_predictable = not no_predict and not device.startswith("scripted")
    predictor = Predictor(results / FOLDER, os.environ) if is_predictable else None
    launcher = launcher_for(device, worker_environment(os.environ))
    with fit_progress(wanted) as progress:
        outcome = search(order, climb, launcher, progress, predictor, measures_costs=not no_costs)
    accepted = climb.search.answer
    code = None
    if accepted is not None:
        knobs = accepted.candidate.configuration.knobs
        code = python_code(suite, knobs, outcome.ready.torch_device)
    answer = fit_answer(
        climb.search,
        outcome.unlimited,
        outcome.ready.device,
        str(outcome.folder),
        code,
        outcome.stopped,
    )
    if as_json:
        click.echo(json.dumps(answer.to_json()))
    else:
        click.echo(ladder_text(answer, columns()), nl=False)
        click.echo(f"\nresults: {outcome.folder}")
    if outcome.stopped is not None:
        click.echo(outcome.stopped, err=True)
    if accepted is None or outcome.stopped is not None:
        raise click.exceptions.Exit(3)
