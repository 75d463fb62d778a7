"""The two sides as people need to know them: where they come from, and what tells them apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sdbench.compare.comparison import Side
from sdbench.compare.conditions import differing_conditions
from sdbench.knobs.registry import KNOBS
from sdbench.results.ab import BASELINE, CANDIDATE, AbJob, Installation
from sdbench.results.store import Run

_NONE = "(none)"


def stored_sides(baseline: Run, candidate: Run) -> tuple[Side, Side]:
    """The sides of a comparison of stored runs; their facts are what differs."""
    differing = differing_conditions(baseline, candidate)
    sides = []
    for index, (label, run) in enumerate(((BASELINE, baseline), (CANDIDATE, candidate))):
        facts = {name: values[index] for name, values in differing.items()}
        sides.append(_side(label, run.folder.name, run, {**_commit(run), **facts}))
    return sides[0], sides[1]


def installed_sides(job: AbJob) -> tuple[Side, Side]:
    """The sides of an A/B job; their facts are what differs between the installations."""
    facts = [dict(_facts(one)) for one in (job.info.baseline, job.info.candidate)]
    differing = [
        name
        for name in dict.fromkeys((*facts[0], *facts[1]))
        if facts[0].get(name) != facts[1].get(name)
    ]
    sides = [
        _side(label, one.source, run, {name: known.get(name, _NONE) for name in differing})
        for label, one, run, known in zip(
            (BASELINE, CANDIDATE),
            (job.info.baseline, job.info.candidate),
            (job.baseline, job.candidate),
            facts,
            strict=True,
        )
    ]
    return sides[0], sides[1]


def _side(label: str, source: str, run: Run, facts: Mapping[str, str]) -> Side:
    return Side(
        label=label,
        source=source,
        device=run.info.device,
        started_at=run.info.started_at,
        facts=facts,
    )


def _commit(run: Run) -> dict[str, str]:
    commits = {name: run.info.environment.get(name) for name in ("commit", "sdbench_commit")}
    return {name: str(value) for name, value in commits.items() if value}


def _facts(installation: Installation) -> Iterator[tuple[str, str]]:
    yield "python", installation.python
    yield from sorted(installation.packages.items())
    for name, value in sorted(installation.variables.items()):
        yield f"${name}", value
    for knob, turned in installation.overrides.items():
        yield knob, KNOBS[knob].text(turned)
