"""A measured run as a caller in Python has it: the answer, and what can be done with it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sdbench.analysis.advice import Advice
from sdbench.analysis.measurement import Measurement
from sdbench.analysis.planned import planned_knobs
from sdbench.analysis.recommend import recommend_for_run
from sdbench.cli.arguments import run_folder
from sdbench.report.text import advice_text
from sdbench.results.store import Run, read_run
from sdbench.suite.load import suite_from_json
from sdbench.suite.model import Limits, Objective
from sdbench.tuning.errors import CannotApply
from sdbench.tuning.request import Request

if TYPE_CHECKING:
    from pandas import DataFrame

_ANY_PIPELINE = {"builtin": "tiny"}
"""A suite must name one; limits and objectives depend on none."""


def load_run(path: str | os.PathLike[str]) -> Recommendation:
    """A run that was measured before, by `sdbench.tune` or by ``sdbench run``.

    Args:
        path: The run's folder, or a folder of runs, of which the newest is taken.

    Returns:
        Its answer within the limits of its own suite; `Recommendation.recommend` gives others.

    Raises:
        RunFolderError: There is no run, or it cannot be read.
    """
    run = read_run(run_folder(Path(path)))
    return Recommendation(run, recommend_for_run(run))


@dataclass(frozen=True, slots=True, repr=False)
class Recommendation:
    """What to run, with its evidence: the same values that the command line prints.

    Attributes:
        run: All that was measured.
        advice: The answer: the choice, the choice for each amount of work, what relaxing buys.
    """

    run: Run
    advice: Advice

    @property
    def chosen(self) -> Measurement | None:
        """The recommended configuration with its figures; None where there is none."""
        return self.advice.best.chosen

    @property
    def knobs(self) -> dict[str, Any]:
        """One value for every knob of the recommended configuration; empty where there is none."""
        return dict(self.chosen.knobs) if self.chosen else {}

    @property
    def reason(self) -> str:
        """Why it is recommended, or why nothing is, in some sentences."""
        return self.advice.best.reason

    @property
    def code(self) -> str | None:
        """The Python that runs it without sdbench; None where nothing is recommended."""
        return self.advice.best.code

    @property
    def ties(self) -> tuple[Measurement, ...]:
        """Configurations that the figures cannot tell from the fastest one."""
        return self.advice.best.ties

    @property
    def limits(self) -> Limits:
        """What the recommendation keeps to."""
        return self.advice.limits

    @property
    def folder(self) -> Path:
        """The run's folder, for ``sdbench report`` and for `sdbench.load_run`."""
        return self.run.folder

    def recommend(
        self,
        limits: Limits | Mapping[str, Any] | None = None,
        objective: Objective | Mapping[str, Any] | str | None = None,
    ) -> Recommendation:
        """The answer within other limits, from what was measured: nothing is measured again.

        Args:
            limits: Those that take the place of the run's own, as for `sdbench.tune`; the others
                stay, and None takes one away: ``{"memory": None}``.
            objective: In place of the run's own, as for `sdbench.tune`.

        Raises:
            SuiteError: A limit or a value is not legal; the message names the legal ones.
        """
        request = Request(limits=limits, objective=objective)
        asked = request.parsed(_ANY_PIPELINE)
        own = suite_from_json(self.run.info.suite)
        advice = recommend_for_run(
            self.run,
            request.limits_over(own.limits, asked.limits),
            own.objective if objective is None else asked.objective,
        )
        return Recommendation(self.run, advice)

    def apply(self, pipe: Any) -> dict[str, Any]:
        """Turns the recommended settings on a pipeline, and gives the arguments of its call.

        ``images = pipe(prompt, **best.apply(pipe)).images`` draws what was measured. What an
        earlier recommendation turned on the same pipeline is taken back before. A batch is asked
        for by ``num_images_per_prompt``: leave that out where you give a list of prompts.

        Args:
            pipe: A loaded pipeline, of the data type that is recommended.

        Raises:
            CannotApply: Nothing is recommended; or a setting is made while a pipeline is loaded,
                and this one was loaded otherwise. Nothing is left changed.
        """
        from sdbench.tuning.applying import apply

        if self.chosen is None or self.code is None:
            raise CannotApply(f"nothing is recommended: {self.reason}")
        return apply(pipe, self.chosen.knobs, self.code)

    def table(self) -> DataFrame:
        """A row for every configuration, measured or not (`sdbench.results.table.table`)."""
        from sdbench.results.table import table

        return table(self.run, planned_knobs(self.run))

    def report(self, path: str | os.PathLike[str] = "report.html") -> Path:
        """Writes the HTML report of the run, with the limits of its suite, and says where."""
        from sdbench.report.html import write_html

        write_html(self.run, Path(path))
        return Path(path)

    def __str__(self) -> str:
        return advice_text(self.advice).rstrip()

    def __repr__(self) -> str:
        return f"<sdbench.Recommendation: {self.advice.headline} ({self.folder})>"

    def _repr_html_(self) -> str:
        from sdbench.tuning.notebook import notebook_html

        return notebook_html(self.advice, str(self.folder))
