"""``sdbench recommend``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from sdbench.cli.arguments import (
    RUN,
    RUN_HELP,
    columns,
    limits_from,
    limits_options,
    run_folder,
)


@click.command(
    epilog=f"{RUN_HELP} Example: sdbench recommend results/demo --memory 8GiB --format python"
)
@RUN
@limits_options
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "python", "suite", "json"]),
    default="text",
    help="The answer for people; the Python that runs it, or the suite that measures it again, "
    "alone; or all of it for programs.",
)
@click.option("--json", "form", flag_value="json", help="The same as --format json.")
def recommend(run_path: Path, form: str, **given: Any) -> None:
    """Say which settings of a measured run to use, with the reason and the limits.

    Where none keeps to the limits, --format python and suite print nothing and end with exit code
    3.
    """
    from sdbench.analysis.how_measured import how_measured
    from sdbench.analysis.measurement import measurements
    from sdbench.analysis.recommend import recommend_for_run
    from sdbench.report.text import advice_text, document
    from sdbench.results.store import read_run
    from sdbench.suite.load import suite_from_json

    run = read_run(run_folder(run_path))
    limits = limits_from(given, suite_from_json(run.info.suite).limits)
    advice = recommend_for_run(run, limits)
    how = how_measured(run, measurements(run), advice)
    match form:
        case "json":
            told = {**advice.to_json(), "how_measured": how.to_json() if how else None}
            click.echo(json.dumps(told))
        case "python" | "suite":
            click.echo(document(advice, form), nl=False)
        case _:
            click.echo(advice_text(advice, columns(), how))
    if run.info.shard is not None:
        part = f"this is shard {run.info.shard} of the suite alone: `sdbench merge` joins them"
        click.echo(part, err=True)
