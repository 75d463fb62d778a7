"""``sdbench report``."""

from __future__ import annotations

from pathlib import Path

import click

from sdbench.cli.arguments import RUN, RUN_HELP, run_folder


@click.command(epilog=f"{RUN_HELP} Example: sdbench report results/demo --output report.html")
@RUN
@click.option(
    "--output",
    "-o",
    "output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("report.html"),
    show_default=True,
    help="File to write.",
)
def report(run_path: Path, output: Path) -> None:
    """Write the report of a run: one HTML file that opens offline."""
    from sdbench.report.html import write_html
    from sdbench.results.store import read_run

    write_html(read_run(run_folder(run_path)), output)
    click.echo(f"wrote {output}")
