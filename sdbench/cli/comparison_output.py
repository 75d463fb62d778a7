"""What commands that end in a comparison print, write and exit with."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import click

from sdbench.cli.arguments import F, table_columns
from sdbench.compare.comparison import Comparison
from sdbench.errors import IllegalValue

FORMATS = ("text", "markdown", "junit", "github", "json", "html")

ASKED_FOR = "it was asked for (--advisory)"
"""Why a comparison is advisory on demand."""

EXIT_CODES = (
    "Exit codes: 0 no regression, 1 a regression, 2 wrong usage, 3 something is missing or went "
    "wrong, 4 the environment is not fit to compare in."
)


def _legal_outputs(
    context: click.Context, parameter: click.Parameter, paths: tuple[Path, ...]
) -> tuple[Path, ...]:
    """Refuses at once what would otherwise fail after the measurement."""
    from sdbench.report.comparison_formats import format_of
    from sdbench.report.files import obstacle_to_writing

    for path in paths:
        try:
            format_of(path)
        except IllegalValue as error:
            raise click.BadParameter(str(error), context, parameter) from None
        if obstacle := obstacle_to_writing(path):
            raise click.BadParameter(obstacle, context, parameter)
    return paths


def comparison_options(function: F) -> F:
    """Adds the options that `conclude` reads: what is printed, what is written, and what fails."""
    format_name = click.option(
        "--format",
        "format_name",
        type=click.Choice(FORMATS),
        default="text",
        show_default=True,
        help="What is printed; github prints annotations and adds to the step's summary.",
    )
    outputs = click.option(
        "--output",
        "-o",
        "outputs",
        multiple=True,
        metavar="FILE",
        type=click.Path(path_type=Path, dir_okay=False),
        callback=_legal_outputs,
        help="Write it here too: .txt, .md, .xml (JUnit), .json or .html. Can be repeated.",
    )
    is_advisory = click.option(
        "--advisory",
        "is_advisory",
        is_flag=True,
        help="Fail neither for regressions nor for an unfit environment, and say so.",
    )
    return format_name(outputs(is_advisory(function)))


def conclude(comparison: Comparison, given: Mapping[str, Any]) -> NoReturn:
    """Prints a comparison, writes its files, and ends the command with its exit code.

    A reader who closes the pipe has seen enough: files and exit code are as they would have been.

    Args:
        comparison: What was found.
        given: The values of `comparison_options`, by the names of its parameters.

    Raises:
        click.exceptions.Exit: Always.
        CannotWrite: The system refuses a file.
    """
    from sdbench.report.comparison_formats import write_comparison

    if given["is_advisory"]:
        comparison = replace(comparison, advisory=(*comparison.advisory, ASKED_FOR))
    _print(_text(comparison, given["format_name"]))
    if given["format_name"] == "github":
        _add_to_summary(comparison)
    for path in given["outputs"]:
        write_comparison(comparison, path)
    raise click.exceptions.Exit(comparison.exit_code)


def _text(comparison: Comparison, format_name: str) -> str:
    from sdbench.report.comparison_formats import TEXTS
    from sdbench.report.comparison_text import comparison_text

    if format_name == "text":
        return comparison_text(comparison, table_columns())
    return TEXTS[format_name](comparison)


def _print(text: str) -> None:
    try:
        click.echo(text, nl=False)
    except BrokenPipeError:
        # What is still buffered would fail again when the interpreter flushes it at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _add_to_summary(comparison: Comparison) -> None:
    """Adds to the step's summary where the runner names one; a failure costs it alone."""
    from sdbench.report.comparison_github import SUMMARY_VARIABLE, append_step_summary

    name = os.environ.get(SUMMARY_VARIABLE)
    if not name:
        return
    try:
        append_step_summary(comparison, Path(name))
    except OSError as error:
        click.echo(f"cannot write the step's summary: {error}", err=True)
