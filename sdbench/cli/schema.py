"""``sdbench schema``."""

from __future__ import annotations

import json

import click


@click.command(epilog="Example: sdbench schema > suites/suite.schema.json")
def schema() -> None:
    """Print the JSON Schema of suites, for editors."""
    from sdbench.suite.schema import suite_schema

    click.echo(json.dumps(suite_schema(), indent=2))
