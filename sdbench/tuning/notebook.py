"""A recommendation in a notebook: the answer and its rivals, without any script or other file."""

from __future__ import annotations

from collections.abc import Iterator

from markupsafe import Markup

from sdbench.analysis.advice import Advice, Choice, p95_text
from sdbench.analysis.measurement import Measurement
from sdbench.analysis.wording import (
    latency_text,
    memory_text,
    memory_word,
    score_text,
    settings,
)
from sdbench.report.text import MOST_TIES_LISTED

_CARD = (
    "border:1px solid rgba(128,128,128,.4);border-radius:8px;padding:.8em 1em;max-width:60em;"
    "line-height:1.45"
)
_BIG = "font-size:1.25em;font-weight:600;margin:.1em 0"
_SMALL = "opacity:.75;margin:.3em 0"
_CELL = "text-align:left;padding:.2em .8em .2em 0;vertical-align:top"
_CODE = "overflow-x:auto;padding:.6em;border:1px solid rgba(128,128,128,.3);border-radius:6px"


def notebook_html(advice: Advice, folder: str) -> str:
    """The answer as a piece of HTML; colours are those of the page that it stands in.

    Args:
        advice: What to say.
        folder: Where the run lies.
    """
    best = advice.best
    parts = [
        _paragraph(_SMALL, advice.where),
        _paragraph(_BIG, advice.what),
        _paragraph("margin:.2em 0", ", ".join(filter(None, (advice.figures, advice.gain)))),
        _paragraph(_SMALL, best.reason),
        _table(advice, best),
    ]
    if best.code:
        parts.append(
            Markup('<details><summary>Python</summary><pre style="{}">{}</pre></details>').format(
                _CODE, best.code
            )
        )
    parts.append(_paragraph(_SMALL, f"results: {folder}"))
    return str(Markup('<div style="{}">{}</div>').format(_CARD, Markup("\n").join(parts)))


def _paragraph(style: str, text: str) -> Markup:
    return Markup('<p style="{}">{}</p>').format(style, text) if text else Markup()


def _table(advice: Advice, best: Choice) -> Markup:
    """The choice, the default and the ties; nothing where there is only one of them."""
    rows = list(_rows(best))
    if len(rows) < 2:
        return Markup()
    heads = ("", "settings", "an image", "p95 of a call", "peak memory", "fidelity")
    lines = [_row("th", heads), *(_row("td", _cells(advice, role, m)) for role, m in rows)]
    return Markup('<table style="border-collapse:collapse">{}</table>').format(
        Markup("\n").join(lines)
    )


def _rows(best: Choice) -> Iterator[tuple[str, Measurement]]:
    if best.chosen is not None:
        yield "recommended", best.chosen
    if best.gain is not None and not best.gain.is_chosen:
        yield "default", best.gain.default
    if best.nearest_miss is not None:
        yield "nearest miss", best.nearest_miss
    for m in best.ties[:MOST_TIES_LISTED]:
        yield "tie", m


def _row(tag: str, cells: tuple[str, ...]) -> Markup:
    made = (Markup('<{0} style="{1}">{2}</{0}>').format(Markup(tag), _CELL, c) for c in cells)
    return Markup("<tr>{}</tr>").format(Markup().join(made))


def _fidelity(m: Measurement) -> str:
    worst = m.fidelity.worst_score
    score = score_text(m.fidelity.score)
    return score if worst is None else f"{score} (worst {score_text(worst)})"


def _cells(advice: Advice, role: str, m: Measurement) -> tuple[str, ...]:
    peak = f"{memory_text(m)} {memory_word(m)}".strip()
    return (
        role,
        settings(m.knobs, advice.names),
        latency_text(m) if m.latency_per_image else m.status_word,
        p95_text(m),
        peak,
        _fidelity(m),
    )
