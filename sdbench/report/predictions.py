"""Predictions for a terminal and for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sdbench.analysis.feasibility import memory_limit_text
from sdbench.analysis.wording import count, setting
from sdbench.jsontypes import JsonValue, canonical_json
from sdbench.knobs.registry import KNOBS, describe, varying_knobs
from sdbench.predict.memory_knobs import memory_key, memory_knobs
from sdbench.predict.target import Target
from sdbench.results.figure import Figure
from sdbench.results.prediction import Fit, Prediction
from sdbench.suite.configuration import Configuration
from sdbench.units import format_bytes

PREDICTIONS_SCHEMA = 1
"""Version of the JSON form."""

DASH = "–"
_LEAST_SETTINGS = 24
_MIDDLE, _WIDE = 72, 110
"""Widths in columns from which on a table shows more than the peak and the verdict."""

FIT_WORDS = {Fit.FITS: "fits", Fit.MAY_FIT: "may fit", Fit.DOES_NOT_FIT: "does not fit"}
_FIT_STYLES = {Fit.FITS: "green", Fit.MAY_FIT: "yellow", Fit.DOES_NOT_FIT: "red"}


@dataclass(frozen=True, slots=True)
class Kind:
    """Configurations that need the same memory.

    Attributes:
        members: These, in the order of the suite.
        prediction: The prediction for each of them.
    """

    members: tuple[Configuration, ...]
    prediction: Prediction


def kinds(
    configurations: Sequence[Configuration], predictions: Mapping[str, Prediction]
) -> tuple[Kind, ...]:
    """The kinds of configurations, in the order of the suite."""
    groups: dict[str, list[Configuration]] = {}
    for configuration in configurations:
        groups.setdefault(memory_key(configuration), []).append(configuration)
    return tuple(Kind(tuple(members), predictions[members[0].key]) for members in groups.values())


def print_predictions(
    name: str,
    configurations: Sequence[Configuration],
    predictions: Mapping[str, Prediction],
    target: Target,
    columns: int,
) -> None:
    """Prints what was predicted: for what, a table, why some have no figure, and how many fit.

    Args:
        name: Name of the suite.
        configurations: All that were asked for.
        predictions: Theirs, by key.
        target: What was predicted for.
        columns: Width to print in.
    """
    found = kinds(configurations, predictions)
    console = Console(width=columns, highlight=False)
    told = (
        f"{name}: {count(len(configurations), 'configuration')}, {len(found)} of different memory",
        f"for {target_text(target)}",
        f"all with: {shared_settings(configurations)}",
        *_interval_of_all(found),
    )
    for line in told:
        console.print(line, markup=False)
    console.print()
    console.print(predictions_table(found, columns))
    console.print()
    for line in (*remarks(found), summary(found, target)):
        console.print(line, markup=False)


def predictions_table(found: Sequence[Kind], columns: int = _WIDE) -> Table:
    """A row for each kind of configuration; why there is no figure stands under the table.

    Args:
        found: The kinds.
        columns: Width to print in. Where it is narrow, what is told least often is left out.
    """
    names = varying_knobs([memory_knobs(kind.members[0]) for kind in found])
    reasons = _numbered_reasons(found)
    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    shown = [column for column in _columns(found) if columns >= column.least_width]
    table.add_column("settings", min_width=_LEAST_SETTINGS)
    for column in shown:
        justify: Literal["left", "right"] = "right" if column.is_number else "left"
        table.add_column(column.heading, justify=justify, no_wrap=True)
    for kind in found:
        number = reasons.get(kind.prediction.reason) if not _has_peak(kind.prediction) else None
        mark = f" [{number}]" if number else ""
        table.add_row(Text(_settings(kind, names) + mark), *(column.cell(kind) for column in shown))
    return table


@dataclass(frozen=True, slots=True)
class _Column:
    heading: str
    cell: Callable[[Kind], str | Text]
    is_number: bool = True
    least_width: int = 0


def _columns(found: Sequence[Kind]) -> list[_Column]:
    """The columns that tell something of these kinds."""
    columns = [
        _Column("peak", lambda kind: _bytes(kind.prediction.peak_allocated_bytes)),
        _Column(
            "set by",
            lambda kind: _words(kind.prediction.stage),
            is_number=False,
            least_width=_MIDDLE,
        ),
    ]
    if len(_intervals(found)) > 1:
        columns.insert(
            1, _Column("within", lambda kind: _interval(kind.prediction), least_width=_MIDDLE)
        )
    if any(len(kind.members) > 1 for kind in found):
        columns.insert(0, _Column("times", lambda kind: str(len(kind.members))))
    if any(kind.prediction.peak_reserved_bytes.value is not None for kind in found):
        columns.append(
            _Column(
                "reserved",
                lambda kind: _bytes(kind.prediction.peak_reserved_bytes),
                least_width=_WIDE,
            )
        )
    if any(kind.prediction.verdict for kind in found):
        columns.append(
            _Column("verdict", lambda kind: _verdict(kind.prediction.verdict), is_number=False)
        )
    return columns


def _numbered_reasons(found: Sequence[Kind]) -> dict[str, int]:
    absent = dict.fromkeys(k.prediction.reason for k in found if not _has_peak(k.prediction))
    return {reason: number for number, reason in enumerate(absent, start=1)}


def remarks(found: Sequence[Kind]) -> tuple[str, ...]:
    """Why some configurations have no figure, numbered as in the table."""
    return tuple(f"[{number}] {reason}" for reason, number in _numbered_reasons(found).items())


def shared_settings(configurations: Sequence[Configuration]) -> str:
    """What all configurations have in common, in words."""
    varying = varying_knobs([each.knobs for each in configurations])
    return describe(
        {name: value for name, value in configurations[0].knobs.items() if name not in varying}
    )


def summary(found: Sequence[Kind], target: Target) -> str:
    """How many fit, may fit and do not fit, in one line."""
    total = sum(len(kind.members) for kind in found)
    numbers: Counter[Fit | None] = Counter()
    for kind in found:
        numbers[kind.prediction.verdict] += len(kind.members)
    unknown = sum(len(k.members) for k in found if not _has_peak(k.prediction))
    parts = []
    if target.limit_bytes is None:
        parts.append(f"{total - unknown} of {count(total, 'configuration')} predicted")
        parts.append("no memory limit is known")
    else:
        limit = memory_limit_text(target.limit_bytes)
        parts.append(f"{numbers[Fit.FITS]} of {total} fit in {limit}")
        if numbers[Fit.MAY_FIT]:
            parts.append(f"{numbers[Fit.MAY_FIT]} may")
        if numbers[Fit.DOES_NOT_FIT]:
            parts.append(f"{numbers[Fit.DOES_NOT_FIT]} do not")
    if unknown:
        parts.append(f"{unknown} cannot be predicted")
    return ", ".join(parts)


def target_text(target: Target) -> str:
    """What was predicted for, in words."""
    parts = [target.name]
    if target.compute_capability is not None:
        major, minor = target.compute_capability
        parts.append(f"compute capability {major}.{minor}")
    if target.limit_bytes is not None:
        limit = memory_limit_text(target.limit_bytes)
        parts.append(f"{limit} for a process")
    if target.context_bytes:
        parts.append(f"of which a CUDA context takes {format_bytes(target.context_bytes)}")
    return ", ".join(parts)


def predictions_json(
    configurations: Sequence[Configuration],
    predictions: Mapping[str, Prediction],
    target: Target,
) -> dict[str, Any]:
    """All predictions as programs read them, in the order of the suite."""
    capability = target.compute_capability
    return {
        "schema": PREDICTIONS_SCHEMA,
        "target": {
            "name": target.name,
            "compute_capability": ".".join(map(str, capability)) if capability else None,
            "limit_bytes": target.limit_bytes,
            "context_bytes": target.context_bytes,
        },
        "configurations": [_item(each, predictions[each.key]) for each in configurations],
    }


def _item(configuration: Configuration, prediction: Prediction) -> dict[str, Any]:
    interval = prediction.interval_bytes
    return {
        "key": configuration.key,
        "knobs": dict(configuration.knobs),
        "peak_allocated_bytes": prediction.peak_allocated_bytes.value,
        "peak_allocated_interval_bytes": list(interval) if interval else None,
        "peak_stage": prediction.stage,
        "stage_peak_allocated_bytes": dict(prediction.stage_peak_allocated_bytes),
        "peak_reserved_bytes": prediction.peak_reserved_bytes.value,
        "peak_reserved_reason": prediction.peak_reserved_bytes.reason,
        "verdict": prediction.verdict.value if prediction.verdict else None,
        "reason": prediction.reason,
    }


def _has_peak(prediction: Prediction) -> bool:
    return prediction.peak_allocated_bytes.value is not None


def _settings(kind: Kind, names: Sequence[str]) -> str:
    if not names:
        return "all"
    return ", ".join(_values(kind, name) for name in names)


def _values(kind: Kind, name: str) -> str:
    """A knob's values among the members: one, but for a guidance scale."""
    values: dict[str, JsonValue] = {
        canonical_json(member.knobs[name]): member.knobs[name] for member in kind.members
    }
    first, *others = values.values()
    return " or ".join([setting(name, first), *(KNOBS[name].text(value) for value in others)])


def _bytes(figure: Figure) -> str:
    return format_bytes(None if figure.value is None else int(figure.value))


def _interval(prediction: Prediction) -> str:
    """The interval as deviations from the peak, such as ``-3 % to +4 %``."""
    peak = prediction.peak_allocated_bytes.value
    if prediction.interval_bytes is None or not peak:
        return DASH
    low, high = (end / peak - 1 for end in prediction.interval_bytes)
    return f"{low:+.1%} to {high:+.1%}"


def _intervals(found: Sequence[Kind]) -> set[str]:
    return {_interval(kind.prediction) for kind in found if _has_peak(kind.prediction)}


def _interval_of_all(found: Sequence[Kind]) -> tuple[str, ...]:
    """The interval, where it is the same for all, so that no column need tell it."""
    intervals = _intervals(found)
    return (f"peaks are expected within {intervals.pop()}",) if len(intervals) == 1 else ()


def _words(stage: str | None) -> str:
    return stage.replace("_", " ") if stage else DASH


def _verdict(fit: Fit | None) -> Text:
    return Text(FIT_WORDS[fit], _FIT_STYLES[fit]) if fit else Text(DASH)
