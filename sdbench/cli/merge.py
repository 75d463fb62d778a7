"""``sdbench merge``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from sdbench.fleet.merge import Merged

_MOST_LISTED = 10


@click.command(
    epilog="RUN is the run of a shard, or a folder of runs, of which the newest of every shard is "
    "taken. Example: sdbench merge results/demo/*-shard?of4 -o results/demo/whole. "
    "Exit codes: 0 all is there, 2 the runs are no parts of one, 3 something is missing."
)
@click.argument(
    "run_paths", metavar="RUN...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to make. [default: one of its own beside the first shard's]",
)
def merge(run_paths: tuple[Path, ...], output: Path | None) -> None:
    """Join the runs of a suite's shards, as `run --shard` made them, into one run."""
    from sdbench.analysis.completeness import completeness
    from sdbench.fleet.merge import merge as merge_runs
    from sdbench.fleet.merge import shards_at

    merged = merge_runs(shards_at(run_paths), output)
    state = completeness(merged.run)
    click.echo(merge_text(merged))
    click.echo(f"{state.summary}\nresults: {merged.folder}")
    if merged.missing_shards or merged.unfinished or not state.is_complete:
        raise click.exceptions.Exit(3)


def merge_text(merged: Merged) -> str:
    """What was joined, and what is missing."""
    from sdbench.knobs.registry import describe, varying_knobs

    lines = [
        f"shard {shard}: {records} records from {folder}" for shard, folder, records in merged.parts
    ]
    if merged.missing_shards:
        are = "shards are" if len(merged.missing_shards) > 1 else "shard is"
        numbers = ", ".join(f"{one}/{merged.shard_count}" for one in merged.missing_shards)
        lines.append(f"{len(merged.missing_shards)} {are} missing: {numbers}")
    lines += [
        f"{folder} is still being written: join them again once it has ended"
        for folder in merged.unfinished
    ]
    missing = merged.missing
    if missing:
        are = "configurations have" if len(missing) > 1 else "configuration has"
        lines.append(f"{len(missing)} {are} no record:")
        names = varying_knobs([one.knobs for one in missing])
        listed = missing[:_MOST_LISTED]
        lines += [f"  {describe(one.knobs, names or list(one.knobs))}" for one in listed]
        if len(missing) > len(listed):
            lines.append(f"  and {len(missing) - len(listed)} more")
    return "\n".join(lines)
