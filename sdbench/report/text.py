"""The advice for a terminal: short and plain, the same words with or without colour."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from sdbench.analysis.advice import Advice, Choice, figures
from sdbench.analysis.how_measured import HowMeasured
from sdbench.analysis.reasons import derivation, work_words
from sdbench.analysis.relaxing_words import relaxations_lines
from sdbench.analysis.wording import settings
from sdbench.errors import SdbenchError

COLUMNS = 100
MOST_TIES_LISTED = 5


class NothingRecommended(SdbenchError):
    """There is no configuration whose Python or suite could be printed."""

    exit_code = 3


def advice_text(advice: Advice, columns: int = COLUMNS, how: HowMeasured | None = None) -> str:
    """The answer, what relaxing a limit buys, ties, then why, the choice for each work, the code.

    Args:
        advice: What to say.
        columns: Width to wrap prose to. The code is left as it is, to be copied.
        how: How the run came to its figures, where not all of it was measured.
    """
    best = advice.best
    why = [_wrapped(text, columns) for text in (best.reason, _cost(advice)) if text]
    paragraphs = [_answer(advice, columns)]
    if best.chosen is not None and best.chosen.is_derived:
        paragraphs.append(_wrapped(derivation(best.chosen), columns))
    if best.chosen is None:
        paragraphs += why
    if lines := relaxations_lines(best, advice.names, advice.objective.minimize):
        paragraphs.append(_listed("What relaxing a limit buys:", lines, columns))
    if best.ties:
        paragraphs.append(_listed("Ties:", _ties(advice, best), columns))
    if best.chosen is not None:
        paragraphs += why
    if len(advice.by_work) > 1:
        lines = [_line(advice, choice) for choice in advice.by_work]
        paragraphs.append(_listed("The choice for each amount of work:", lines, columns))
    if how is not None:
        paragraphs.append(_listed("How it was measured:", how.sentences, columns))
    if best.code:
        paragraphs.append(textwrap.indent(best.code.rstrip(), "    "))
    return "\n\n".join(paragraphs) + "\n"


def document(advice: Advice, form: str) -> str:
    """What reproduces the recommendation, as it is to be copied.

    Args:
        advice: The answer.
        form: ``python`` for the code that runs it, ``suite`` for the suite that measures it again.

    Raises:
        NothingRecommended: No configuration keeps to the limits.
    """
    best = advice.best
    text = best.code if form == "python" else best.suite
    if text is None:
        raise NothingRecommended(f"{advice.headline} {best.reason}")
    return text


def _answer(advice: Advice, columns: int) -> str:
    """The headline, a line for each of its parts."""
    if advice.best.chosen is None:
        return _wrapped(advice.headline, columns)
    parts = [part for part in (advice.what, advice.figures, advice.gain) if part]
    return _listed(_wrapped(advice.where, columns), parts, columns)


def _cost(advice: Advice) -> str | None:
    """What the fidelity limit costs, as far as relaxing it does not tell already."""
    free, best = advice.without_fidelity_limit, advice.best
    if free is None or free.chosen is None:
        return None
    told = [one.choice for one in best.relaxations]
    is_told = free.chosen is best.chosen or any(m is free.chosen for m in told)
    return None if is_told else free.reason


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
