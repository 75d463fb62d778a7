"""``sdbench report``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sdbench.cli.arguments import RUN_HELP, run_folder, run_folders
from sdbench.errors import IllegalValue
from sdbench.suite.price import Price, parse_price

if TYPE_CHECKING:
    from sdbench.report.history import HistoryView
    from sdbench.results.store import Run


def _parsed(context: click.Context, option: click.Parameter, raw: tuple[str, ...]) -> list[Price]:
    try:
        return [parse_price(one) for one in raw]
    except IllegalValue as error:
        raise click.BadParameter(str(error)) from None


def _over_time(run: Run, paths: Sequence[Path]) -> HistoryView:
    """The run among others, also where these do not name it."""
    from sdbench.analysis.history import history
    from sdbench.report.history import history_view
    from sdbench.results.store import read_run

    folders = dict.fromkeys((*run_folders(paths), run.folder.resolve()))
    return history_view(history(map(read_run, folders)))


@click.command(
    epilog=f"{RUN_HELP} Example: sdbench report results/demo --output report.html. Several runs "
    "are compared: sdbench report results/demo/*-l4 results/demo/*-h100 --price L4=0.70/h "
    "--price H100=3.00/h"
)
@click.argument(
    "run_paths", metavar="RUN...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option(
    "--output",
    "-o",
    "output",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="File to write; its ending says the format unless --format does. `-` prints the report. "
    "[default: report.html]",
)
@click.option(
    "--format",
    "format_name",
    type=click.Choice(["html", "markdown", "png"]),
    help="A page, Markdown for pull requests and chats, or a picture of the frontier.",
)
@click.option(
    "--price",
    "prices",
    multiple=True,
    metavar="NAME=PRICE",
    callback=_parsed,
    help='What a device costs, such as "L4=0.70/h"; for several runs. Can be repeated.',
)
@click.option(
    "--relative-to",
    metavar="NAME",
    help="What several runs are held against: a device or a run's folder. [default: the first run]",
)
@click.option(
    "--history",
    "history_paths",
    multiple=True,
    metavar="RUNS",
    type=click.Path(path_type=Path),
    help="A run or a folder of runs of the same suite: the page of one run shows how its "
    "configurations changed over these. Can be repeated.",
)
def report(
    run_paths: tuple[Path, ...],
    output: Path | None,
    format_name: str | None,
    prices: Sequence[Price],
    relative_to: str | None,
    history_paths: tuple[Path, ...],
) -> None:
    """Write the report of a run, or a hardware comparison of several: one file, opens offline."""
    from sdbench.report.formats import ENDINGS, TEXTS, format_of, report_text, write_report
    from sdbench.results.store import read_run

    if format_name is None:
        format_name = format_of(output) if output else "html"
    output = output or Path(f"report{ENDINGS[format_name][0]}")
    runs = [read_run(run_folder(path)) for path in run_paths]
    is_printed = str(output) == "-"
    if history_paths and (len(runs) > 1 or format_name != "html"):
        raise click.UsageError("--history is a section of the page of one run")
    over_time = _over_time(runs[0], history_paths) if history_paths else None
    if len(runs) > 1:
        from sdbench.report.hardware import hardware_view
        from sdbench.report.hardware_formats import COMPARISON_TEXTS, write_comparison

        if format_name not in COMPARISON_TEXTS:
            raise click.UsageError("several runs are compared as html or markdown: see --format")
        view = hardware_view(runs, prices, relative_to)
        if is_printed:
            click.echo(COMPARISON_TEXTS[format_name](view), nl=False)
            return
        write_comparison(view, format_name, output)
    elif prices or relative_to is not None:
        raise click.UsageError("--price and --relative-to compare runs: name two or more")
    elif is_printed:
        if format_name not in TEXTS:
            raise click.UsageError(f"{format_name} is no text: name a file with --output")
        click.echo(report_text(runs[0], format_name, over_time), nl=False)
        return
    else:
        write_report(runs[0], format_name, output, over_time)
    click.echo(f"wrote {output}")
