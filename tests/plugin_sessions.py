"""What tests of the pytest plugin write, run and read: sessions of pytest inside pytest."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from sdbench.results.store import Run, find_runs, read_run

SUITE = """
name: ci
pipeline: {builtin: tiny}
axes:
  dtype: [fp32, bf16]
  steps: [2, 10]
measure: {warmup: 1, max_warmup: 1, min_samples: 3, max_samples: 3, timeout: 60s}
gates: {latency: 5%, between_runs: 1%, picture: off}
"""
NAMES = ("2_steps-fp32", "10_steps-fp32", "2_steps-bf16", "10_steps-bf16")
"""In the order of the plan."""


Session = Callable[..., pytest.RunResult]
Write = Callable[..., None]


def write_suite(pytester: pytest.Pytester, text: str = SUITE) -> None:
    (pytester.path / "suites" / "ci.yaml").write_text(text)


def newest_run(pytester: pytest.Pytester, results: str = "results") -> Run:
    return read_run(find_runs(pytester.path / results)[-1])


def stored(pytester: pytest.Pytester, name: str) -> dict[str, Any]:
    """The benchmarks of a file that pytest-benchmark wrote, by name."""
    content = json.loads((pytester.path / name).read_text())
    return {one["name"]: one for one in content["benchmarks"]}


def item(steps: int, dtype: str) -> str:
    return f"suites/ci.yaml::{steps}_steps-{dtype}"


def fault(kind: str, **knobs: Any) -> Mapping[str, Any]:
    return {"fault": kind, "knobs": knobs}
