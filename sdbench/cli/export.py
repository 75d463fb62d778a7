"""``sdbench export``."""

from __future__ import annotations

from pathlib import Path

import click

from sdbench.cli.arguments import RUN, RUN_HELP, run_folder

OWN_FORMATS = ("csv", "parquet", "json")
"""A file's ending says these."""

OTHER_FORMATS = ("pytest-benchmark", "bencher", "github-action-benchmark")
"""These are JSON as well, so that only --format says them."""


@click.command(
    epilog=f"{RUN_HELP} Example: sdbench export results/demo --output demo.csv. What other "
    "programs read as their own is JSON too: sdbench export results/demo --format "
    "pytest-benchmark --output demo.json"
)
@RUN
@click.option(
    "--output",
    "-o",
    "output",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write; its ending says the format unless --format does.",
)
@click.option(
    "--format",
    "format_name",
    type=click.Choice([*OWN_FORMATS, *OTHER_FORMATS]),
    help="A row for each configuration (csv, parquet), everything (json), or what "
    "pytest-benchmark, Bencher or the action github-action-benchmark (customSmallerIsBetter) read.",
)
def export(run_path: Path, output: Path, format_name: str | None) -> None:
    """Write the results of a run in a format that other programs read."""
    from sdbench.analysis.measurement import measurements
    from sdbench.analysis.wording import count
    from sdbench.report.export import export as write
    from sdbench.report.export_shared import derived_count
    from sdbench.results.store import read_run

    chosen = format_name or output.suffix.lstrip(".").lower()
    if format_name is None and chosen not in OWN_FORMATS:
        raise click.UsageError(f"{output} ends in none of .csv, .parquet, .json: give --format")
    run = read_run(run_folder(run_path))
    write(run, chosen, output)
    click.echo(f"wrote {output}")
    if chosen in OTHER_FORMATS and (derived := derived_count(measurements(run))):
        left_out = count(derived, "configuration")
        click.echo(
            f"left out, since derived and not measured: {left_out}; run --plan exhaustive measures "
            "all",
            err=True,
        )
