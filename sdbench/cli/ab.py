"""``sdbench ab``."""

from __future__ import annotations

import os
import shlex
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from sdbench.cli.arguments import MAX_CONFIGURATIONS, SUITE, TRUST_REMOTE_CODE
from sdbench.cli.comparison_output import EXIT_CODES, comparison_options, conclude
from sdbench.results.ab import CONFIRM_PAIRS, MOST_PAIRS, SCREEN_PAIRS

_INCOMPLETE = 3


def _even(context: click.Context, parameter: click.Parameter, value: int) -> int:
    """Refuses a number of pairs in which one side would begin more often than the other."""
    if value % 2:
        raise click.BadParameter("must be even: each side begins as often", context, parameter)
    return value


def _variables(
    context: click.Context, parameter: click.Parameter, texts: Sequence[str]
) -> dict[str, str]:
    variables = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise click.BadParameter(f"{text!r} is not NAME=VALUE", context, parameter)
        variables[name] = value
    return variables


def _side_options(side: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The options of one side."""
    options = (
        click.option(
            f"--{side}",
            metavar="PYTHON_OR_VENV",
            help=f"The {side}'s virtual environment or interpreter; by default the one that runs "
            "this.",
        ),
        click.option(
            f"--{side}-set",
            metavar="fixed.KNOB=VALUE",
            multiple=True,
            help=f"Replace a fixed knob of the suite for the {side} alone.",
        ),
        click.option(
            f"--{side}-env",
            metavar="NAME=VALUE",
            multiple=True,
            callback=_variables,
            help=f"Set an environment variable for the {side} alone.",
        ),
    )

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            function = option(function)
        return function

    return add


def _pairs_option(name: str, default: int, help_text: str) -> Callable[[Any], Any]:
    return click.option(
        name,
        type=click.IntRange(min=2),
        default=default,
        show_default=True,
        callback=_even,
        help=help_text,
    )


@click.command(
    epilog="Example: sdbench ab suites/ci.yaml --baseline venvs/main --candidate venvs/change. "
    f"{EXIT_CODES}"
)
@SUITE
@_side_options("baseline")
@_side_options("candidate")
@click.option(
    "--control",
    metavar="WORDS|none",
    help="The configuration that the baseline measures against itself, such as 'steps 4, dtype "
    "fp16'; by default the first of the plan.",
)
@_pairs_option(
    "--pairs",
    SCREEN_PAIRS,
    "Pairs of workers for the first look at every configuration; even, as all three.",
)
@_pairs_option(
    "--confirm-pairs", CONFIRM_PAIRS, "Fresh pairs for what looks slower; only these decide."
)
@_pairs_option("--most-pairs", MOST_PAIRS, "Fresh pairs at most, where those do not tell.")
@click.option(
    "--alternate",
    type=click.Choice(["calls", "workers"]),
    help="What takes turns: timed calls of workers that are alive together, or workers one after "
    "the other; by default calls on a CPU, workers on a GPU, where calls cannot.",
)
@click.option(
    "--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, or scripted:FILE."
)
@click.option(
    "--results",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("results"),
    show_default=True,
    help="Folder for results; the job gets a folder of its own in it.",
)
@click.option(
    "--ignore-unfit",
    "ignores_unfit",
    is_flag=True,
    help="Measure also where another process is on the GPU, or it is throttled.",
)
@TRUST_REMOTE_CODE
@MAX_CONFIGURATIONS
@comparison_options
def ab(
    suite_path: Path,
    baseline: str | None,
    baseline_set: Sequence[str],
    baseline_env: dict[str, str],
    candidate: str | None,
    candidate_set: Sequence[str],
    candidate_env: dict[str, str],
    control: str | None,
    pairs: int,
    confirm_pairs: int,
    most_pairs: int,
    alternate: str | None,
    device: str,
    results: Path,
    ignores_unfit: bool,
    trust_remote_code: bool,
    max_configurations: int | None,
    **output: Any,
) -> None:
    """Compare two installations on this device, in turn: did it get slower?

    Each side is a virtual environment, an interpreter, or the running one with a knob or a variable
    of its own. Both need sdbench.
    """
    from sdbench.cli.ab_progress import ab_progress
    from sdbench.compare.paired import compare_ab
    from sdbench.compare.suspects import wanted
    from sdbench.results.ab import read_ab_job
    from sdbench.run.ab import run_ab
    from sdbench.run.ab_order import AbOrder, chosen_control
    from sdbench.run.ab_sides import PreparedSides, SideRequest
    from sdbench.run.side_environment import without_secrets
    from sdbench.suite.expand import configurations
    from sdbench.suite.load import load_suite

    if most_pairs < confirm_pairs:
        raise click.UsageError(
            f"--most-pairs {most_pairs} is less than --confirm-pairs {confirm_pairs}"
        )
    suite = load_suite(suite_path)
    expanded = configurations(suite, max_configurations)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="sdbench-") as folder:
        sides = PreparedSides(
            SideRequest(python=baseline, overrides=baseline_set, variables=baseline_env),
            SideRequest(python=candidate, overrides=candidate_set, variables=candidate_env),
            suite,
            expanded,
            os.environ,
            Path(folder),
        )
        order = AbOrder(
            suite=suite,
            configurations=expanded,
            baseline=sides.baseline,
            candidate=sides.candidate,
            results=results,
            control=chosen_control(expanded, control),
            device=device,
            trust_remote_code=trust_remote_code,
            screen_pairs=pairs,
            confirm_pairs=confirm_pairs,
            most_pairs=most_pairs,
            notes=sides.remarks(),
            command_line=without_secrets(
                ["sdbench", *sys.argv[1:]], {**baseline_env, **candidate_env}
            ),
            ignores_problems=ignores_unfit,
            in_turns=None if alternate is None else alternate == "calls",
        )
        with ab_progress(most_pairs) as progress:
            outcome = run_ab(order, sides.launchers(device), progress, wanted, sides.problems)
    if outcome.stopped is not None:
        look = shlex.join(["sdbench", "compare", str(outcome.folder)])
        click.echo(f"{outcome.stopped}; look at what there is with: {look}", err=True)
    if outcome.is_interrupted:
        raise click.exceptions.Exit(_INCOMPLETE)
    conclude(compare_ab(read_ab_job(outcome.folder)), output)
