"""What a hardware comparison cannot tell, or tells of more than the devices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sdbench.analysis.contenders import Contender
from sdbench.analysis.feasibility import STATUS_WORDS, limits_text
from sdbench.analysis.hardware import HardwareComparison
from sdbench.analysis.saturation import Ending
from sdbench.analysis.wording import confidence_text, count, shortened
from sdbench.jsontypes import JsonValue, canonical_json
from sdbench.statistics import CONFIDENCE, Estimate

OF_THE_DEVICE = frozenset(
    {
        "device",
        "total_memory_bytes",
        "compute_capability",
        "machine",
        "instruction_set",
    }
)
"""What of a fingerprint is the device itself; what else differs may be the cause as well."""

NOT_IN_RUN = "not in the run"
"""Stands for the status of a configuration that a run neither measured nor planned."""

_TOLD_PARTS = ("inputs", "measure", "fidelity")
"""Parts of a suite that decide what a figure means."""


def caveats(comparison: HardwareComparison) -> tuple[str, ...]:
    """What is to be known before anything is concluded, in sentences."""
    contenders = comparison.contenders
    return (
        *_fingerprints(contenders),
        *_suites(contenders),
        *_gaps(comparison),
        *_derived(comparison),
        *_unsaturated(comparison),
        *_noise(comparison),
        "Intervals are of calls that one process made on one machine. Another machine of the same "
        "model, or another host for it, may differ by more.",
    )


def differing(facts: Sequence[Mapping[str, JsonValue]]) -> tuple[str, ...]:
    """Names of the facts that are not equal everywhere, in the order in which they come."""
    names = dict.fromkeys(name for one in facts for name in one)
    return tuple(
        name for name in names if len({canonical_json(one.get(name)) for one in facts}) > 1
    )


def fact_text(value: JsonValue) -> str:
    """A fact in words; a dash where it is not told."""
    if value is None:
        return "–"
    return value if isinstance(value, str) else canonical_json(value)


def _fingerprints(contenders: Sequence[Contender]) -> Iterator[str]:
    facts = [one.run.info.fingerprint for one in contenders]
    named = [name for name in differing(facts) if name not in OF_THE_DEVICE]
    if not named:
        return
    told = "; ".join(
        f"{name.replace('_', ' ')} ({_each(_facts(contenders, name))})" for name in named
    )
    yield f"The runs differ in more than the device, and any of it may be the cause: {told}."


def _facts(contenders: Sequence[Contender], name: str) -> Iterator[tuple[str, str]]:
    return ((one.name, fact_text(one.run.info.fingerprint.get(name))) for one in contenders)


def _suites(contenders: Sequence[Contender]) -> Iterator[str]:
    suites = [one.run.info.suite for one in contenders]
    if _differ([_limits(one) for one in contenders]):
        told = _each((one.name, _limits(one)) for one in contenders)
        yield f"The recommendations keep to different limits: {told}."
    parts = [part for part in _TOLD_PARTS if _differ([_part(suite, part) for suite in suites])]
    if parts:
        yield (
            f"The suites differ in {' and '.join(parts)}, so that equal settings are not all that "
            "the figures depend on."
        )
    for one in contenders:
        missing = len(one.run.missing_keys)
        if missing:
            yield (
                f"The run on {one.name} is incomplete: {count(missing, 'configuration')} without "
                "a record."
            )


def _gaps(comparison: HardwareComparison) -> Iterator[str]:
    for index, counted in enumerate(endings(comparison)):
        others = {word: number for word, number in counted.items() if word != "ok"}
        if others:
            told = ", ".join(f"{number} {STATUS_WORDS.get(w, w)}" for w, number in others.items())
            name = comparison.contenders[index].name
            yield (
                f"On {name}, of {count(len(comparison.rows), 'configuration')}: {told}. The "
                "mean over all batches leaves them out on every device."
            )


def _derived(comparison: HardwareComparison) -> Iterator[str]:
    for one in comparison.contenders:
        derived = sum(m.is_derived for m in one.measured.values())
        if derived:
            yield (
                f"On {one.name}, {count(derived, 'configuration')} of its staged plan "
                f"{'was' if derived == 1 else 'were'} derived from measured ones, and "
                f"{'is' if derived == 1 else 'are'} compared with no other device's: run with "
                "--plan exhaustive to compare all."
            )


def endings(comparison: HardwareComparison) -> tuple[Counter[str], ...]:
    """For each device how its configurations ended, by status; the most frequent first."""
    return tuple(
        Counter(
            dict(
                Counter(
                    NOT_IN_RUN if (m := row.sides.measured[index]) is None else m.status_word
                    for row in comparison.rows
                ).most_common()
            )
        )
        for index in range(len(comparison.contenders))
    )


def _unsaturated(comparison: HardwareComparison) -> Iterator[str]:
    families = [family for family in comparison.families if family.has_batches]
    for index, one in enumerate(comparison.contenders):
        here = [s.ending for f in families if (s := f.saturations[index]) is not None]
        growing = here.count(Ending.LARGEST_MEASURED)
        if growing:
            yield (
                f"On {one.name} the largest batch measured still gained in {growing} of "
                f"{count(len(families), 'configuration')}: larger ones may draw more."
            )


def _noise(comparison: HardwareComparison) -> Iterator[str]:
    for index, one in enumerate(comparison.contenders):
        drawn = [value for row in comparison.rows if (value := row.sides.images_per_h[index])]
        single = sum(not value.has_interval for value in drawn)
        if single:
            yield (
                f"On {one.name}, {count(single, 'configuration')} had a single timed call: without "
                "an interval nothing is told apart from it."
            )
        elif drawn and (least := min(v.confidence for v in drawn)) < CONFIDENCE:
            yield (
                f"On {one.name} the intervals rest on few samples, and hold with "
                f"{confidence_text(least)} at the least, not {CONFIDENCE:.0%}."
            )
        widest = max(map(_relative, drawn), default=0.0)
        if widest > _WIDE:
            yield f"On {one.name} the widest interval is ± {widest:.0%} of its value."


_WIDE = 0.05
"""A wider interval hides differences that people would pay for (1.0 = 100 %)."""


def _relative(estimate: Estimate) -> float:
    return estimate.relative_half_width


def _limits(one: Contender) -> str:
    return limits_text(one.advice.limits, one.advice.run_limit_bytes)


def _part(suite: Mapping[str, Any], name: str) -> str:
    return canonical_json(suite.get(name))


def _differ(values: Sequence[str]) -> bool:
    return len(set(values)) > 1


def _each(pairs: Iterator[tuple[str, str]]) -> str:
    return ", ".join(f"{name}: {shortened(text)}" for name, text in pairs)
