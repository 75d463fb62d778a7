"""Every fault of `benchmarks/faults.py`, injected twice in one sweep."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

_PROGRAM = Path(__file__).parents[2] / "benchmarks" / "faults.py"


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("faults", _PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "faults", module)
    spec.loader.exec_module(module)
    return module


def test_a_fault_costs_the_configuration_that_meets_with_it_and_nothing_else(
    faults: ModuleType, tmp_path: Path
) -> None:
    done = faults.sweep(2, tmp_path)
    assert done.is_right, faults.table(done)
    assert sum(row.injected for row in done.rows.values()) == 2 * (len(faults.CASES) + 1)
    assert done.left_at_end == 0
