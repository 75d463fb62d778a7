"""``sdbench history``."""

from __future__ import annotations

from pathlib import Path

import click

from sdbench.cli.arguments import run_folders, table_columns


@click.command(
    epilog="RUNS are runs, or folders of runs. Example: sdbench history results/nightly -o "
    "history.html"
)
@click.argument(
    "run_paths", metavar="RUNS...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option(
    "--format",
    "format_name",
    type=click.Choice(["text", "json", "html", "markdown"]),
    help="How it is written. [default: text, or what the file's ending says]",
)
@click.option(
    "--output",
    "-o",
    "output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write in place of printing; its ending says the format unless --format does.",
)
def history(run_paths: tuple[Path, ...], format_name: str | None, output: Path | None) -> None:
    """Show how configurations changed over many runs of a suite, and where their latency stepped.

    It is for reading, not for gating: what is a regression `sdbench ab` and `sdbench compare` say.
    """
    from sdbench.analysis.history import history as history_of
    from sdbench.report.history import history_view
    from sdbench.report.history_formats import ENDINGS, TEXTS, write_history
    from sdbench.report.history_text import history_text
    from sdbench.results.store import read_run

    if format_name is None:
        format_name = ENDINGS.get(output.suffix.lower()) if output else "text"
    if format_name is None:
        raise click.UsageError(f"{output} ends in none of {', '.join(ENDINGS)}: give --format")
    view = history_view(history_of(map(read_run, run_folders(run_paths))))
    if output:
        write_history(view, format_name, output)
        click.echo(f"wrote {output}")
    elif format_name == "text":
        click.echo(history_text(view, table_columns()), nl=False)
    else:
        click.echo(TEXTS[format_name](view), nl=False)
