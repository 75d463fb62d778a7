"""A search for settings that fit, for a terminal: what was tried, the answer, and its Python."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from sdbench.analysis.candidate import Candidate
from sdbench.analysis.feasibility import memory_limit_text
from sdbench.analysis.fit_answer import FitAnswer, Gain, Miss, needed_bytes
from sdbench.analysis.ladder_step import Step, Verdict
from sdbench.analysis.measurement import measurement_of
from sdbench.analysis.rungs import LOAD_STAGE
from sdbench.analysis.wording import count, estimate_text, score_text, settings
from sdbench.results.figure import Origin
from sdbench.units import format_bytes

NARROW = 80
"""Below so many columns the settings stand on a line of their own."""

_WORDS = {
    Verdict.FITS: "fits",
    Verdict.OUT_OF_MEMORY: "out of memory",
    Verdict.PREDICTED_NOT_TO_FIT: "too large",
    Verdict.UNSUPPORTED: "unsupported",
    Verdict.FAILED: "failed",
}
_INDENT = "  "


def ladder_text(answer: FitAnswer, columns: int) -> str:
    """All that there is to say, in paragraphs.

    Args:
        answer: What was found.
        columns: Width to wrap to. The code is left as it is, to be copied.
    """
    limit = memory_limit_text(answer.search.limit_bytes)
    wanted = settings(answer.search.wanted.knobs)
    paragraphs = [_wrapped(f"On {answer.device}, within {limit}. Wanted: {wanted}.", columns)]
    if answer.search.steps:
        title = "Tried, in this order:"
        paragraphs.append("\n".join([title, *_steps(answer.search.steps, columns)]))
    paragraphs.append(_wrapped(_conclusion(answer, limit), columns))
    if answer.gains:
        title = "What each of them alone saves and costs:"
        lines = (_wrapped(_gain(gain), columns, _INDENT) for gain in answer.gains)
        paragraphs.append("\n".join([title, *lines]))
    if answer.code:
        paragraphs.append(textwrap.indent(answer.code.rstrip(), "    "))
    return "\n\n".join(paragraphs) + "\n"


def _steps(steps: Sequence[Step], columns: int) -> Iterator[str]:
    width = len(str(len(steps)))
    for number, step in enumerate(steps, start=1):
        head = f"{_INDENT}{number:>{width}}  "
        verdict, change = _WORDS[step.verdict], change_text(step.candidate)
        remark = _remark(step)
        if columns < NARROW:
            yield _wrapped(change, columns, head, " " * len(head))
            parts = [verdict, *filter(None, (_peak(step), _latency(step), remark))]
            yield _wrapped(", ".join(parts), columns, " " * len(head))
        else:
            figures = f"{verdict:<13}  {_peak(step) or '–':>10}  {_latency(step) or '–':>16}"
            text = f"{change} ({remark})" if remark else change
            before = f"{head}{figures}  "
            yield _wrapped(text, columns, before, " " * len(before))


def change_text(candidate: Candidate) -> str:
    """What a set of rungs changes: ``bf16, batch 4``."""
    if not candidate.rungs:
        return "as wanted"
    return settings(candidate.configuration.knobs, list(candidate.change))


def _peak(step: Step) -> str:
    """A step's peak, marked where it was not measured."""
    figure = step.peak_allocated_bytes
    if figure.value is None:
        needed = needed_bytes(step)
        return f"≥ {format_bytes(needed)}" if needed is not None else ""
    mark = "~" if figure.origin is Origin.PREDICTED else ""
    return f"{mark}{format_bytes(int(figure.value))}"


def _latency(step: Step) -> str:
    m = measurement_of(step.record) if step.record else None
    return f"{estimate_text(m.latency_per_image)} an image" if m and m.latency_per_image else ""


def _remark(step: Step) -> str:
    """What else is known: where memory ran out, why a set cannot be run, what was predicted."""
    if step.verdict is Verdict.OUT_OF_MEMORY and step.stage:
        return "while loading" if step.stage == LOAD_STAGE else f"in {step.stage}"
    if step.verdict is Verdict.PREDICTED_NOT_TO_FIT:
        return "predicted, not run"
    if step.verdict in (Verdict.UNSUPPORTED, Verdict.FAILED) and step.record:
        return step.record.reason or ""
    return ""


def _conclusion(answer: FitAnswer, limit: str) -> str:
    step, m = answer.accepted, answer.measurement
    if step is None or m is None:
        return _miss(answer, limit)
    peak = m.peak_allocated_bytes
    parts = []
    if peak is not None:
        spare = format_bytes(answer.search.limit_bytes - peak)
        parts.append(f"the peak is {format_bytes(peak)}, {spare} below the limit")
    if m.latency_per_image:
        parts.append(f"{estimate_text(m.latency_per_image)} an image")
    if m.fidelity_score is not None:
        parts.append(f"fidelity {score_text(m.fidelity_score)}")
    figures = ", ".join(parts)
    if not step.candidate.rungs:
        return f"It fits within {limit} as it is: {figures}. There is nothing to give up."
    change = change_text(step.candidate)
    return f"It fits within {limit} with {change}: {figures}. Less loss does not fit."


def _miss(answer: FitAnswer, limit: str) -> str:
    miss = answer.miss
    if answer.stopped is not None:
        return f"The search ended early ({answer.stopped}): there is no answer yet."
    if miss is None:
        record = answer.search.steps[-1].record if answer.search.steps else None
        reason = record.reason if record and record.reason else "nothing was measured"
        return f"There is no answer: what was wanted does not run ({reason})."
    tried = count(len(answer.search.steps), "set")
    return (
        f"Nothing fits within {limit}: {tried} of settings tried, and the others need no less. "
        f"{_nearest(miss)}"
    )


def _nearest(miss: Miss) -> str:
    change = change_text(miss.candidate)
    if miss.peak_bytes.value is None:
        return f"The nearest is {change}; how much it needs is not known."
    peak = format_bytes(int(miss.peak_bytes.value))
    missing = format_bytes(miss.missing_bytes)
    if miss.is_lower_bound:
        return (
            f"The nearest is {change}: it needs at least {peak}, so {missing} or more is missing."
        )
    how = " as predicted" if miss.peak_bytes.origin is Origin.PREDICTED else ""
    return f"The nearest is {change}: it needs {peak}{how}, so {missing} is missing."


def _gain(gain: Gain) -> str:
    change = settings(gain.rung.change, list(gain.rung.change))
    parts = [_saved(gain), _cost(gain)]
    if gain.fidelity is not None and gain.fidelity_without is not None:
        before, after = score_text(gain.fidelity_without), score_text(gain.fidelity)
        parts.append(f"fidelity {after}" + (f" instead of {before}" if after != before else ""))
    elif not gain.rung.changes_picture:
        parts.append("the same pictures")
    return f"{change}: {', '.join(parts)} ({gain.rung.reason})"


def _saved(gain: Gain) -> str:
    saved = gain.saved_bytes
    if saved.value is None:
        return f"saves memory that is not known, since {saved.reason}"
    how = " as predicted" if saved.origin is Origin.PREDICTED else ""
    if saved.value <= 0:
        return f"saves nothing alone{how}"
    return f"saves {format_bytes(int(saved.value))}{how}"


def _cost(gain: Gain) -> str:
    ratio = gain.latency_ratio
    assert ratio.value is not None
    if ratio.origin is Origin.PREDICTED:
        longer = f"{ratio.value:.1f} times as long" if round(ratio.value, 1) != 1 else "as long"
        return f"an image is expected to take {longer}"
    if gain.is_tie:
        return "an image takes as long"
    return f"an image takes {ratio.value:.2f} times as long"


def _wrapped(text: str, columns: int, first: str = "", rest: str | None = None) -> str:
    return textwrap.fill(
        text,
        columns,
        initial_indent=first,
        subsequent_indent=first + _INDENT if rest is None and first else rest or "",
        break_long_words=False,
        break_on_hyphens=False,
    )
