"""``sdbench show``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from sdbench.cli.arguments import JSON, MAX_CONFIGURATIONS, SUITE


@click.command(epilog="Example: sdbench show suites/demo.yaml")
@SUITE
@JSON
@MAX_CONFIGURATIONS
def show(suite_path: Path, as_json: bool, max_configurations: int | None) -> None:
    """Show what would be measured, in which order; runs nothing.

    Among configurations of one load, `sdbench run` puts those last that it predicts to need the
    most memory. Afterwards it measures the fastest again.
    """
    from sdbench.run.plan import load_key, plan
    from sdbench.suite.defaults import default_configurations, with_defaults
    from sdbench.suite.expand import configurations
    from sdbench.suite.load import load_suite

    suite = load_suite(suite_path)
    planned = plan(with_defaults(suite, configurations(suite, max_configurations)))
    defaults = {item.key for item in default_configurations(suite)}
    if as_json:
        items = [
            {"key": item.key, "knobs": dict(item.knobs), "is_default": item.key in defaults}
            for item in planned
        ]
        click.echo(json.dumps({"schema": 1, "suite": suite.name, "configurations": items}))
        return
    from sdbench.knobs.registry import describe, varying_knobs
    from sdbench.knobs.task import task_of

    varying = varying_knobs([item.knobs for item in planned])
    shared = {name: value for name, value in planned[0].knobs.items() if name not in varying}
    loads = len({load_key(item) for item in planned})
    tasks = ", ".join(dict.fromkeys(task_of(item.knobs).value for item in planned))
    click.echo(f"{suite.name}: {tasks}, configurations: {len(planned)}, loads: {loads}")
    click.echo(f"all with: {describe(shared)}")
    for number, item in enumerate(planned, start=1):
        settings = describe(item.knobs, varying)
        mark = " (the default)" if item.key in defaults else ""
        click.echo(f"{number:>{len(str(len(planned)))}}  {item.key}  {settings}{mark}")
