"""The two sides as people need to know them: where they come from, and what tells them apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from sdbench.analysis.conditions import ABSENT, differing, facts_of
from sdbench.compare.comparison import Side
from sdbench.knobs.registry import KNOBS
from sdbench.results.ab import BASELINE, CANDIDATE, AbJob, Installation
from sdbench.results.store import Run


def stored_sides(baseline: Run, candidate: Run) -> tuple[Side, Side]:
    """The sides of a comparison of stored runs; their facts are what differs."""
    found = differing(facts_of(baseline), facts_of(candidate))
    sides = []
    for index, (label, run) in enumerate(((BASELINE, baseline), (CANDIDATE, candidate))):
        facts = {name: values[index] for name, values in found.items()}
        sides.append(_side(label, run.folder.name, run, {**_commit(run), **facts}))
    return sides[0], sides[1]


def installed_sides(job: AbJob) -> tuple[Side, Side]:
    """The sides of an A/B job; their facts are what differs between the installations."""
    turned = {*job.info.baseline.overrides, *job.info.candidate.overrides}
    facts = [
        {**dict(_facts(one)), **dict(_fixed(run, turned))}
        for one, run in (
            (job.info.baseline, job.baseline),
            (job.info.candidate, job.candidate),
        )
    ]
    found = [
        name
        for name in dict.fromkeys((*facts[0], *facts[1]))
        if facts[0].get(name) != facts[1].get(name)
    ]
    sides = [
        _side(label, one.source, run, {name: known.get(name, ABSENT) for name in found})
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


def _fixed(run: Run, knobs: Iterable[str]) -> Iterator[tuple[str, str]]:
    """What the suite of a side says of knobs that are set on one side alone."""
    fixed = run.info.suite.get("fixed", {})
    for knob in sorted(knobs):
        if knob in fixed:
            yield knob, KNOBS[knob].text(fixed[knob])
