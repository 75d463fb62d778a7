"""A history as JSON, for other programs: the values, and no words made of them."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from sdbench.analysis.between_runs import Spread
from sdbench.analysis.history import History, Series, Step
from sdbench.report.history import FOR_READING, HistoryView

HISTORY_SCHEMA = 1
"""Version of the form."""


def history_json(view: HistoryView) -> str:
    """A history as a JSON text; positions count the runs from 0 on."""
    return json.dumps(_content(view.history), indent=2) + "\n"


def _content(history: History) -> dict[str, Any]:
    numbers = history.numbers
    return {
        "schema": HISTORY_SCHEMA,
        "suite": history.suite,
        "purpose": FOR_READING,
        "between_runs": _spread(history.between_runs),
        "between_runs_reason": history.between_runs_reason,
        "conditions": [
            {"number": one.number, "facts": one.facts, "runs": len(one.positions)}
            for one in history.conditions
        ],
        "changes_of_conditions": [asdict(change) for change in history.changes],
        "runs": [
            {
                "name": run.name,
                "started_at": run.started_at,
                "device": run.device,
                "commit": run.commit,
                "conditions": numbers[at],
            }
            for at, run in enumerate(history.runs)
        ],
        "configurations": [_series(one) for one in history.series],
    }


def _series(series: Series) -> dict[str, Any]:
    return {
        "key": series.key,
        "name": series.name,
        "knobs": series.knobs,
        "points": [point and asdict(point) for point in series.points],
        "plateaus": [asdict(plateau) for plateau in series.plateaus],
        "steps": [_step(step) for step in series.steps],
        "turns": [asdict(turn) for turn in series.turns],
        "between_runs": _spread(series.spread),
    }


def _step(step: Step) -> dict[str, Any]:
    return {**asdict(step), "ratio": step.ratio}


def _spread(spread: Spread | None) -> dict[str, Any] | None:
    if spread is None:
        return None
    return {"ratio": spread.ratio, **asdict(spread)}
