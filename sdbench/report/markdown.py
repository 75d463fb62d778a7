"""The report as Markdown, for pull requests and chats: the answer, the frontier, and its code."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sdbench.analysis.advice import Advice, figures, p95_text
from sdbench.analysis.competing import same_picture
from sdbench.analysis.feasibility import STATUS_WORDS
from sdbench.analysis.frontier import frontier
from sdbench.analysis.how_measured import how_measured
from sdbench.analysis.measurement import Measurement, by_latency, measurements
from sdbench.analysis.noise import noise
from sdbench.analysis.reasons import derivation
from sdbench.analysis.recommend import recommend_for_run
from sdbench.analysis.relaxing_words import relaxations_lines
from sdbench.analysis.wording import (
    count,
    joined,
    latency_text,
    memory_text,
    memory_word,
    score_text,
    settings,
)
from sdbench.results.record import Status
from sdbench.results.store import Run
from sdbench.units import format_bytes

MOST_ROWS = 10
"""Rows of the frontier, so that a comment stays short."""

MOST_TIES = 3


def markdown(run: Run) -> str:
    """The report of a run as Markdown that GitHub renders."""
    advice, measured = recommend_for_run(run), measurements(run)
    name = str(run.info.suite.get("name", "")) or run.folder.name
    blocks = [
        f"### {escaped(name)} on {escaped(run.info.device)}",
        f"**{escaped(advice.headline)}**",
        *_why_nothing(advice),
        *_what_it_is_worth(advice),
        _bullets(advice),
        _frontier_table(measured, advice),
        _counts(run, measured),
        *_how(run, measured, advice),
        *_details(advice),
        f"<sub>{escaped(_environment(run))}</sub>",
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


_SPECIAL = re.compile(r"[\\`*\[\]{}|~!]|(?<![^\W_])_|_(?![^\W_])")
"""What Markdown reads otherwise than as it stands; an underscore within a word is none of that."""

_ENTITIES = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    "@": "&#64;",  # would name a user
    "#": "&#35;",  # would name an issue
    "$": "&#36;",  # would begin a formula
}


def escaped(text: str) -> str:
    """A text on one line that Markdown shows as it stands; nothing in it is a link or a tag."""
    line = _SPECIAL.sub(r"\\\g<0>", " ".join(text.split()))
    line = re.sub("[&<>@#$]", lambda found: _ENTITIES[found[0]], line)
    line = re.sub(r"(?i)(://|www\.)", lambda found: _unlinked(found[0]), line)
    return re.sub(r"^(\d*)([-+=.)])", r"\1\\\2", line)


def _unlinked(text: str) -> str:
    """What would make a link of what stands around it."""
    return text.replace(":", "&#58;").replace(".", "&#46;")


def _why_nothing(advice: Advice) -> Iterator[str]:
    if advice.best.chosen is None:
        yield escaped(advice.best.reason)


def _what_it_is_worth(advice: Advice) -> Iterator[str]:
    """That the answer itself was derived, where it was."""
    chosen = advice.best.chosen
    if chosen is not None and chosen.is_derived:
        yield escaped(derivation(chosen))


def _how(run: Run, measured: Sequence[Measurement], advice: Advice) -> Iterator[str]:
    how = how_measured(run, measured, advice)
    if how is not None:
        lines = "\n".join(f"- {escaped(sentence)}" for sentence in how.sentences)
        yield folded("How it was measured", lines)


def _bullets(advice: Advice) -> str:
    """What relaxing buys, and the ties."""
    best = advice.best
    lines = relaxations_lines(best, advice.names, advice.objective.minimize)
    ties = [f"Tie: {settings(m.knobs, advice.names)}: {figures(m)}" for m in best.ties[:MOST_TIES]]
    if len(best.ties) > len(ties):
        ties.append(f"And {count(len(best.ties) - len(ties), 'more tie')}")
    return "\n".join(f"- {escaped(line)}" for line in (*lines, *ties))


def _frontier_table(measured: Sequence[Measurement], advice: Advice) -> str:
    unbeaten = _unbeaten(measured, advice)
    default = advice.best.gain.default if advice.best.gain else None
    marked = [m for m in (advice.best.chosen, default) if m is not None and m.latency_per_image]
    rows = _shown(unbeaten, marked)
    if not rows:
        return ""
    has_fidelity = any(m.fidelity_score is not None for m in rows)
    words = {memory_word(m) for m in rows}
    shared = words.pop() if len(words) == 1 else ""
    memory = f"peak memory ({shared})" if shared else "peak memory"
    heads = ["", "configuration", "latency an image", "p95 of a call", memory]
    heads += ["fidelity", "worst picture"] if has_fidelity else []
    lines = [table_row(heads), table_row(["---", "---", *["--:"] * (len(heads) - 2)])]
    lines += [table_row(_cells(m, advice, has_fidelity, not shared)) for m in rows]
    keys = {m.key for m in unbeaten}
    beaten = [m for m in rows if m.key not in keys]
    shown = len(rows) - len(beaten)
    cut = f" ({shown} of {len(unbeaten)} shown)" if shown < len(unbeaten) else ""
    names = ["the recommendation" if m is advice.best.chosen else "the default" for m in beaten]
    others = f", but for {joined(names)}," if names else ""
    figures_told = "latency, memory and fidelity" if has_fidelity else "latency and memory"
    return "\n".join(lines) + (
        f"\n\nThe frontier{cut}: no other configuration that is asked for the same picture beats "
        f"these{others} in {figures_told} at once. ★ is the recommendation."
    )


def _unbeaten(measured: Sequence[Measurement], advice: Advice) -> tuple[Measurement, ...]:
    """The frontier of what is asked for the same picture as the answer; the fastest first."""
    answer = advice.best.chosen or advice.best.nearest_miss
    return frontier(m for m in measured if answer is None or same_picture(m, answer))


def _shown(unbeaten: Sequence[Measurement], marked: Sequence[Measurement]) -> list[Measurement]:
    """Those that are marked, and evenly of the others with both ends; the fastest first."""
    rows = {m.key: m for m in marked}
    others = [m for m in unbeaten if m.key not in rows]
    room = MOST_ROWS - len(rows)
    if len(others) > room:
        others = [others[round(i * (len(others) - 1) / (room - 1))] for i in range(room)]
    rows |= {m.key: m for m in others}
    return sorted(rows.values(), key=by_latency)


def _cells(m: Measurement, advice: Advice, has_fidelity: bool, names_memory: bool) -> list[str]:
    marks = []
    if m is advice.best.chosen:
        marks.append("★")
    if advice.best.gain and m is advice.best.gain.default:
        marks.append("default")
    word = memory_word(m) if names_memory else ""
    cells = [
        " ".join(marks),
        escaped(settings(m.knobs, advice.names)),
        latency_text(m),
        p95_text(m),
        f"{memory_text(m)}{f' {word}' if word else ''}",
    ]
    if has_fidelity:
        cells += [score_text(m.fidelity_score), score_text(m.fidelity.worst_score)]
    return cells


def table_row(cells: Iterable[str]) -> str:
    """A line of a table; its cells are escaped already."""
    return f"| {' | '.join(cells)} |"


def _counts(run: Run, measured: Sequence[Measurement]) -> str:
    """How the configurations ended, and what difference the run can tell."""
    counted = Counter(m.status_word for m in measured)
    words = {Status.OK.value: "measured", **STATUS_WORDS}
    ends = ", ".join(f"{number} {words[status]}" for status, number in counted.most_common())
    told = [f"{count(len(measured), 'configuration')}: {ends}."]
    if run.missing_keys:
        told.insert(0, "**This run is incomplete.**")
    smallest = noise(run).smallest_ratio
    if smallest is not None:
        share = f"{smallest:.1%}" if smallest < 0.1 else f"{smallest:.0%}"
        told.append(f"The smallest difference that this run can tell: {share}.")
    return " ".join(told)


def _details(advice: Advice) -> Iterator[str]:
    best = advice.best
    if best.chosen is not None:
        yield folded("Why this one", escaped(best.reason))
    if best.code:
        yield folded("The Python that runs it", fenced(best.code, "python"))
    if best.suite:
        yield folded("The suite that measures it again", fenced(best.suite, "yaml"))


def folded(title: str, content: str) -> str:
    """What opens at a click; the empty lines make what is inside Markdown again."""
    return f"<details>\n<summary>{title}</summary>\n\n{content}\n\n</details>"


def fenced(code: str, language: str) -> str:
    """A block of code, with a fence longer than any run of backticks in it."""
    longest = max((len(run) for run in re.findall("`+", code)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{code.rstrip()}\n{fence}"


def _environment(run: Run) -> str:
    """When it was measured, and with what."""
    facts = [f"Run {run.folder.name}", f"started {run.info.started_at}"]
    facts += _facts(run.info.fingerprint)
    return ", ".join(facts)


def _facts(fingerprint: Mapping[str, Any]) -> Iterator[str]:
    for name, value in fingerprint.items():
        if name == "device" or not isinstance(value, (str, int, float)):
            continue
        if name.endswith("_bytes") and isinstance(value, int):
            yield f"{name.removesuffix('_bytes').replace('_', ' ')} {format_bytes(value)}"
        else:
            yield f"{name.replace('_', ' ')} {value}"
