"""``sdbench recommend``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from sdbench.cli.arguments import (
    JSON,
    RUN,
    RUN_HELP,
    columns,
    limits_from,
    limits_options,
    run_folder,
)


@click.command(epilog=f"{RUN_HELP} Example: sdbench recommend results/demo --memory 8GiB")
@RUN
@limits_options
@JSON
def recommend(
    run_path: Path,
    memory: int | None,
    latency: float | None,
    min_fidelity: float | None,
    as_json: bool,
) -> None:
    """Say which settings of a measured run to use, with the reason and the limits."""
    from sdbench.analysis.recommend import recommend_for_run
    from sdbench.report.text import advice_text
    from sdbench.results.store import read_run
    from sdbench.suite.load import suite_from_json

    run = read_run(run_folder(run_path))
    suite = suite_from_json(run.info.suite)
    limits = limits_from(memory, latency, min_fidelity, suite.limits)
    advice = recommend_for_run(run, limits)
    click.echo(json.dumps(advice.to_json()) if as_json else advice_text(advice, columns()))
