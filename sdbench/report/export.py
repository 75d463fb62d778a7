"""A run for other programs: the table, everything as JSON, or what benchmark trackers read."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path

from sdbench.analysis.planned import planned_knobs
from sdbench.errors import SdbenchError
from sdbench.report.export_bencher import write_bencher
from sdbench.report.export_github_action_benchmark import write_github_action_benchmark
from sdbench.report.export_pytest_benchmark import write_pytest_benchmark
from sdbench.report.files import write_atomically
from sdbench.results.record import RECORDS
from sdbench.results.store import Run
from sdbench.results.table import table

EXPORT_SCHEMA = 1
"""Version of the JSON form."""


class ExportError(SdbenchError):
    """An export that cannot be written."""


def export(run: Run, format: str, path: Path) -> None:
    """Writes a run to a file.

    Args:
        run: The run.
        format: One of `FORMATS`.
        path: The file; it is replaced as a whole.

    Raises:
        ExportError: The format is unknown, or needs a package that is not installed.
    """
    if format not in FORMATS:
        raise ExportError(f"cannot export as {format!r}: legal are {', '.join(FORMATS)}")
    write_atomically(path, lambda partial: FORMATS[format](run, partial))


def _csv(run: Run, path: Path) -> None:
    table(run, planned_knobs(run)).to_csv(path, index=False)


def _parquet(run: Run, path: Path) -> None:
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        raise ExportError(
            "Parquet needs the package pyarrow: pip install 'sdbench[parquet]', or export as csv"
        ) from None
    table(run, planned_knobs(run)).to_parquet(path, engine="pyarrow", index=False)


def _json(run: Run, path: Path) -> None:
    content = {
        "schema": EXPORT_SCHEMA,
        "info": asdict(run.info),
        "missing_keys": run.missing_keys,
        "records": [RECORDS.dump_python(record, mode="json") for record in run.records],
    }
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


FORMATS: Mapping[str, Callable[[Run, Path], None]] = {
    "csv": _csv,
    "parquet": _parquet,
    "json": _json,
    "pytest-benchmark": write_pytest_benchmark,
    "bencher": write_bencher,
    "github-action-benchmark": write_github_action_benchmark,
}
"""What writes each format."""
