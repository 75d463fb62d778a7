"""The Python and the suite of every configuration that can be recommended, line by line.

Scripts of one run share nearly all of their lines, so that each line is kept once and a script is
the numbers of its lines: those of 10,000 configurations take the room of a few hundred scripts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sdbench.analysis.code import python_code
from sdbench.analysis.measurement import Measurement
from sdbench.analysis.suite_lines import reproducing_suite
from sdbench.suite.model import Suite

Text = tuple[int, ...]
"""The numbers of a text's lines."""


@dataclass(frozen=True, slots=True)
class Documents:
    """Texts of the configurations, in their order; None for one that can never be recommended.

    Attributes:
        lines: Every line that occurs, once.
        code: The Python that runs the configuration.
        suite: The suite that measures it again.
    """

    lines: tuple[str, ...]
    code: tuple[Text | None, ...]
    suite: tuple[Text | None, ...]

    def to_json(self) -> dict[str, Any]:
        """The texts as the page reads them."""
        return {"lines": self.lines, "code": self.code, "suite": self.suite}

    def text(self, numbered: Text | None) -> str | None:
        """A text put together again."""
        return None if numbered is None else "\n".join(self.lines[line] for line in numbered)


def documents(measured: Sequence[Measurement], suite: Suite, torch_device: str) -> Documents:
    """The texts of those configurations that some limits let in.

    Args:
        measured: The run's measurements.
        suite: What was measured.
        torch_device: Where torch put the tensors of the run, such as ``cuda:0``.
    """
    lines: dict[str, int] = {}

    def numbered(text: str) -> Text:
        return tuple(lines.setdefault(line, len(lines)) for line in text.split("\n"))

    shown = [_can_be_recommended(m) for m in measured]
    code = tuple(
        numbered(python_code(suite, m.knobs, torch_device)) if is_shown else None
        for m, is_shown in zip(measured, shown, strict=True)
    )
    suites = tuple(
        numbered(reproducing_suite(suite, m.knobs)) if is_shown else None
        for m, is_shown in zip(measured, shown, strict=True)
    )
    return Documents(tuple(lines), code, suites)


def _can_be_recommended(m: Measurement) -> bool:
    return m.is_timed and not m.is_degenerate
