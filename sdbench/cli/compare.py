"""``sdbench compare``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sdbench.cli.arguments import run_folder
from sdbench.cli.comparison_output import EXIT_CODES, comparison_options, conclude
from sdbench.errors import describe_legal
from sdbench.results.ab import is_ab_job

if TYPE_CHECKING:
    from sdbench.compare.comparison import Comparison
    from sdbench.suite.gates import Gates


@click.command(
    epilog="A run is its folder, or a folder of runs, of which the newest is taken; the same of an "
    "A/B job. Example: sdbench compare results/ci/2026-07-01-cpu results/ci -o comparison.html. "
    + EXIT_CODES
)
@click.argument("baseline", metavar="BASELINE", type=click.Path(path_type=Path))
@click.argument("candidate", metavar="[CANDIDATE]", required=False, type=click.Path(path_type=Path))
@click.option(
    "--gates",
    "gates_path",
    metavar="SUITE",
    type=click.Path(path_type=Path),
    help="Hold it against the gates of this suite, not of the measured one.",
)
@click.option(
    "--accept",
    "accepted",
    metavar="NAME",
    multiple=True,
    help="A condition of the runs that may differ, such as torch. Can be repeated.",
)
@click.option(
    "--require-same-machine",
    "is_same_required",
    is_flag=True,
    help="Exit with 4 where the runs were measured under other conditions.",
)
@comparison_options
def compare(
    baseline: Path,
    candidate: Path | None,
    gates_path: Path | None,
    accepted: tuple[str, ...],
    is_same_required: bool,
    **output: Any,
) -> None:
    """Compare two stored runs, or show an A/B job again.

    BASELINE and CANDIDATE are runs; with one argument it is an A/B job. Runs of two times gate only
    where they were measured under the same conditions, and are advisory otherwise.
    """
    from sdbench.suite.load import load_suite

    gates = load_suite(gates_path).gates if gates_path else None
    if candidate is None:
        if accepted or is_same_required:
            raise click.UsageError(
                "--accept and --require-same-machine are about two runs; an A/B job is one machine"
            )
        conclude(_of_job(baseline, gates), output)
    conclude(_of_runs(baseline, candidate, gates, accepted, is_same_required), output)


def _of_job(path: Path, gates: Gates | None) -> Comparison:
    from sdbench.compare.paired import compare_ab
    from sdbench.results.ab import read_ab_job
    from sdbench.results.finding import ab_job_at

    job = ab_job_at(path)
    if job is None:
        raise click.UsageError(
            f"{path} is no A/B job, and holds none: name a second run, or the folder of a job"
        )
    return compare_ab(read_ab_job(job), gates)


def _of_runs(
    baseline: Path,
    candidate: Path,
    gates: Gates | None,
    accepted: Sequence[str],
    is_same_required: bool,
) -> Comparison:
    from sdbench.analysis.conditions import facts_of
    from sdbench.compare.requiring import requiring_same_conditions
    from sdbench.compare.stored import compare_runs
    from sdbench.results.store import read_run

    for path in (baseline, candidate):
        if is_ab_job(path):
            raise click.UsageError(
                f"{path} is an A/B job, which holds both sides: sdbench compare {path}"
            )
    folders = [run_folder(path) for path in (baseline, candidate)]
    if folders[0] == folders[1]:
        raise click.UsageError(f"both sides are the same run: {folders[0]}")
    before, after = (read_run(folder) for folder in folders)
    known = list(dict.fromkeys((*facts_of(before), *facts_of(after))))
    for name in accepted:
        if name not in known:
            raise click.BadParameter(
                f"{name!r} is no condition of these runs: {describe_legal(name, known)}",
                param_hint="--accept",
            )
    found = compare_runs(before, after, gates, accepted)
    return requiring_same_conditions(found) if is_same_required else found
