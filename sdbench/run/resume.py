"""The run that is gone on with, and whether it fits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sdbench.errors import SdbenchError
from sdbench.jsontypes import canonical_json
from sdbench.results.store import Run, read_run
from sdbench.run.messages import Ready
from sdbench.run.order import Order
from sdbench.run.run_folder import newest_run
from sdbench.suite.errors import SuiteError
from sdbench.suite.load import suite_from_json

MAY_CHANGE = ("gates", "hardware", "max_configurations")
"""What of a suite may change between a run and its resumption: it changes no measurement."""


class CannotResume(SdbenchError):
    """The run that was to be resumed does not fit; the message says in what."""


def run_to_resume(order: Order) -> Run | None:
    """The newest run of the order's suite, or of its shard; None where there is none.

    Raises:
        CannotResume: It was made from another version of the suite.
    """
    folder = newest_run(order.results, order.suite.name, order.shard)
    if folder is None:
        return None
    run = read_run(folder)
    differing = [
        name
        for name in differences(as_of_now(run.info.suite), order.suite.to_json())
        if name not in MAY_CHANGE
    ]
    if differing:
        raise CannotResume(
            f"{run.folder} was made from another version of this suite "
            f"({', '.join(differing)} differ): run without --resume to start anew"
        )
    return run


def require_same_fingerprint(run: Run, ready: Ready) -> None:
    """Does nothing where a worker works under the conditions under which a run was measured.

    Raises:
        CannotResume: They differ.
    """
    differing = differences(run.info.fingerprint, ready.fingerprint)
    if differing:
        raise CannotResume(
            f"{run.folder} was measured under other conditions ({', '.join(differing)} differ): "
            "run without --resume to start anew"
        )


def as_of_now(stored: Mapping[str, Any]) -> Mapping[str, Any]:
    """A stored suite with the present defaults in place of keys that were unknown in its time."""
    try:
        return suite_from_json(stored).to_json()
    except SuiteError:
        return stored


def differences(old: Mapping[str, object], new: Mapping[str, object]) -> list[str]:
    """Names whose values differ, compared as JSON."""
    return [
        name
        for name in sorted({*old, *new})
        if canonical_json(old.get(name)) != canonical_json(new.get(name))  # type: ignore[arg-type]
    ]
