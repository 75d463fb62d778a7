"""The knobs of every planned configuration, also of those that have no record."""

from __future__ import annotations

from collections.abc import Mapping

from sdbench.jsontypes import JsonValue
from sdbench.results.store import Run
from sdbench.suite.defaults import with_defaults
from sdbench.suite.errors import SuiteError
from sdbench.suite.expand import configurations
from sdbench.suite.load import suite_from_json


def planned_knobs(run: Run) -> dict[str, Mapping[str, JsonValue]]:
    """The knobs of each configuration by key: from its record, or else from the suite.

    A configuration is left out where neither tells, as in a suite that this version cannot read.
    """
    recorded = {record.key: record.knobs for record in run.records}
    return {**_suite_knobs(run), **recorded} if run.missing_keys else recorded


def _suite_knobs(run: Run) -> dict[str, Mapping[str, JsonValue]]:
    try:
        suite = suite_from_json(run.info.suite)
        planned = with_defaults(suite, configurations(suite))
    except SuiteError:
        return {}
    return {configuration.key: configuration.knobs for configuration in planned}
