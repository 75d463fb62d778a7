"""The advice for a terminal: short and plain, the same words with or without colour."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from sdbench.analysis.advice import Advice, Choice, figures
from sdbench.analysis.reasons import work_words
from sdbench.analysis.wording import settings

COLUMNS = 100
MOST_TIES_LISTED = 5


def advice_text(advice: Advice, columns: int = COLUMNS) -> str:
    """The answer, why, what a fidelity limit costs, ties, the choice for each work, and the code.

    Args:
        advice: What to say.
        columns: Width to wrap prose to. The code is left as it is, to be copied.
    """
    best = advice.best
    paragraphs = [_wrapped(advice.headline, columns), _wrapped(best.reason, columns)]
    if advice.without_fidelity_limit:
        paragraphs.append(_wrapped(advice.without_fidelity_limit.reason, columns))
    if best.ties:
        paragraphs.append(_listed("Ties:", _ties(advice, best), columns))
    if len(advice.by_work) > 1:
        lines = [_line(advice, choice) for choice in advice.by_work]
        paragraphs.append(_listed("The choice for each amount of work:", lines, columns))
    if best.code:
        paragraphs.append(textwrap.indent(best.code.rstrip(), "    "))
    return "\n\n".join(paragraphs) + "\n"


def _wrapped(text: str, columns: int, first: str = "", rest: str = "") -> str:
    return textwrap.fill(
        text,
        columns,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _listed(title: str, lines: Sequence[str], columns: int) -> str:
    """A title with indented lines; what does not fit on a line goes on further in."""
    return "\n".join((title, *(_wrapped(line, columns, "  ", "      ") for line in lines)))


def _ties(advice: Advice, best: Choice) -> list[str]:
    listed = best.ties[:MOST_TIES_LISTED]
    lines = [f"{settings(m.knobs, advice.names)}: {figures(m)}" for m in listed]
    if len(best.ties) > len(listed):
        lines.append(f"and {len(best.ties) - len(listed)} more")
    return lines


def _line(advice: Advice, choice: Choice) -> str:
    work = work_words(choice.work, advice.names) or "all"
    if choice.chosen is None:
        return f"{work}: {choice.reason}"
    others = [name for name in advice.names if name not in choice.work]
    return f"{work}: {settings(choice.chosen.knobs, others)}: {figures(choice.chosen)}"
