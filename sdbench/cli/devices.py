"""``sdbench devices``."""

from __future__ import annotations

import json
import sys

import click

from sdbench.cli.arguments import JSON, columns
from sdbench.errors import SdbenchError


@click.command(epilog="Example: sdbench devices --json")
@JSON
@click.option("--clear", "is_clear", is_flag=True, help="End workers that outlived their session.")
@click.option("--yes", "is_sure", is_flag=True, help="With --clear: do not ask.")
def devices(as_json: bool, is_clear: bool, is_sure: bool) -> None:
    """List the devices that can be measured on, who uses them, and what is unfit.

    With --clear, end what hung workers of ended sessions still hold. Those of a session that runs
    are left alone.
    """
    if is_clear:
        _clear(as_json, is_sure)
        return
    if is_sure:
        raise click.UsageError("--yes goes with --clear")
    from sdbench.report.devices import machine_text
    from sdbench.run.inventory import inventory

    found = inventory()
    if as_json:
        click.echo(json.dumps({"schema": 1, **found.to_json()}))
    else:
        click.echo(machine_text(found.machine, found.versions, columns()), nl=False)


def _clear(as_json: bool, is_sure: bool) -> None:
    from sdbench.cli.clearance import clearance_text, leftovers_text
    from sdbench.run.leftovers import clear, find_leftovers

    leftovers = find_leftovers()
    if leftovers and not as_json:
        click.echo(leftovers_text(leftovers), nl=False)
    if leftovers and not is_sure:
        if as_json or sys.stdin is None or not sys.stdin.isatty():
            raise SdbenchError("nobody can be asked here; to end them, say --clear --yes")
        if not click.confirm("End them?"):
            return
    clearance = clear(leftovers)
    if as_json:
        click.echo(json.dumps({"schema": 1, **clearance.to_json()}))
    else:
        click.echo(clearance_text(clearance), nl=False)
    if clearance.remaining:
        sys.exit(3)
