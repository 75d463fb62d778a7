"""The command ``sdbench``. Commands are imported when they are called, so that help is fast."""

from __future__ import annotations

import importlib
import io
import sys

import click

from sdbench import __version__
from sdbench.errors import SdbenchError

COMMANDS = {
    "run": "Measure a suite and say which settings to use.",
    "merge": "Join the runs of a suite's shards into one run.",
    "show": "Show what would be measured, in which order; runs nothing.",
    "predict": "Predict the memory that each configuration needs, and whether it fits.",
    "fit": "Find the settings that fit into a memory limit with the least loss.",
    "recommend": "Say which settings of a measured run to use.",
    "report": "Write the HTML report of a run, or compare the hardware of several.",
    "ab": "Compare two installations on this device, in turn: did it get slower?",
    "compare": "Compare two stored runs, or show an A/B job again.",
    "history": "Show how configurations changed over many runs.",
    "export": "Write the results of a run in a format that other programs read.",
    "devices": "List the devices that can be measured on.",
    "schema": "Print the JSON Schema of suites.",
}


_NO_READER = 141
"""What shells tell of a program whose reader has gone (128 + SIGPIPE); 1 is a regression's."""


class LazyCommands(click.Group):
    """Imports a command's module only when it is called."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module = importlib.import_module(f"sdbench.cli.{name}")
        command: click.Command = getattr(module, name)
        return command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(
    cls=LazyCommands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: sdbench run suites/demo.yaml --report report.html",
)
@click.version_option(__version__, prog_name="sdbench")
def cli() -> None:
    """Which settings of a diffusers pipeline to run on this device, with evidence."""


def main() -> None:
    """Runs the command line; errors meant for the user are printed once, without a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a prompt may be in any script
    stdout = sys.stdout
    try:
        exit_code = cli.main(standalone_mode=False)
    except SystemExit as ending:
        has_no_reader = sys.stdout is not stdout  # click has put a silent one in its place
        sys.exit(_NO_READER if has_no_reader else ending.code)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except click.Abort:
        click.echo("interrupted", err=True)
        sys.exit(3)
    except SdbenchError as error:
        click.echo(f"sdbench: {error}", err=True)
        sys.exit(error.exit_code)
    except OSError as error:
        what = f"cannot read or write {error.filename}: " if error.filename else ""
        click.echo(f"sdbench: {what}{error.strerror or error}", err=True)
        sys.exit(3)
    sys.exit(exit_code)
