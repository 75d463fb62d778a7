"""``sdbench export``."""

from __future__ import annotations

from pathlib import Path

import click

from sdbench.cli.arguments import RUN, RUN_HELP, run_folder


@click.command(epilog=f"{RUN_HELP} Example: sdbench export results/demo --output demo.csv")
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
    "--format", "format_name", type=click.Choice(["csv", "parquet", "json"]), help="Format."
)
def export(run_path: Path, output: Path, format_name: str | None) -> None:
    """Write the results of a run as CSV, Parquet or JSON: a row for each configuration."""
    from sdbench.report.export import export as write
    from sdbench.results.store import read_run

    chosen = format_name or output.suffix.lstrip(".").lower()
    if chosen not in ("csv", "parquet", "json"):
        raise click.UsageError(f"{output} ends in none of .csv, .parquet, .json: give --format")
    write(read_run(run_folder(run_path)), chosen, output)
    click.echo(f"wrote {output}")
