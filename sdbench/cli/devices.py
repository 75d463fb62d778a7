"""``sdbench devices``."""

from __future__ import annotations

import json

import click

from sdbench.cli.arguments import JSON


@click.command(epilog="Example: sdbench devices --json")
@JSON
def devices(as_json: bool) -> None:
    """List the devices that can be measured on, and the versions they would run with."""
    from sdbench.run.inventory import inventory

    found = inventory()
    if as_json:
        click.echo(json.dumps({"schema": 1, **found.to_json()}))
        return
    for device in found.devices:
        click.echo(f"{device.word:<8} {device.label}")
        click.echo(f"         {device.details}")
    versions = ", ".join(f"{name} {value}" for name, value in found.versions.items() if value)
    click.echo(f"with {versions}")
