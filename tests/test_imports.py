"""The controller starts fast: what people touch imports neither torch nor diffusers nor scipy."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import sdbench

IMPORT_ALL_AND_TELL = """
import importlib, pkgutil, sys

for name in sys.argv[1:]:
    module = importlib.import_module(name)
    if name.startswith("sdbench."):
        for found in pkgutil.walk_packages(getattr(module, "__path__", []), name + "."):
            importlib.import_module(found.name)
HEAVY = {"torch", "diffusers", "transformers", "accelerate", "scipy", "skimage"}
print(*sorted(HEAVY & set(sys.modules)))
"""

IMPORT_AND_TELL = """
import sys

before = {*sys.modules}  # a finder of the installed package may be among them, and what it imports
import sdbench

new = {*sys.modules} - before
print(*sorted(name for name in new if name.split(".")[0] == "sdbench"))
print(*sorted({"pydantic", "numpy", "pandas", "click", "rich", "torch"} & new))
"""


def _heavy_packages_imported_by(*names: str) -> list[str]:
    finished = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL_AND_TELL, *names],
        check=True,
        capture_output=True,
        text=True,
    )
    return finished.stdout.split()


@pytest.mark.parametrize(
    "package",
    [
        "sdbench.knobs",
        "sdbench.suite",
        "sdbench.results",
        "sdbench.analysis",
        "sdbench.report",
    ],
)
def test_importing_all_of_a_light_package_imports_nothing_heavy(package: str) -> None:
    assert _heavy_packages_imported_by(package) == []


def test_importing_the_command_line_imports_nothing_heavy() -> None:
    assert _heavy_packages_imported_by("sdbench.cli.main") == []


def test_importing_what_python_callers_call_imports_nothing_heavy() -> None:
    assert _heavy_packages_imported_by("sdbench.tuning.tune") == []


def test_importing_the_package_alone_imports_nothing_else() -> None:
    finished = subprocess.run(
        [sys.executable, "-c", IMPORT_AND_TELL], check=True, capture_output=True, text=True
    )
    assert finished.stdout == "sdbench\n\n"


def test_every_name_of_the_package_is_handed_on_where_it_is_asked_for() -> None:
    for name in sdbench.__all__:
        assert getattr(sdbench, name).__name__ == name
    assert set(sdbench.__all__) <= set(dir(sdbench))
    with pytest.raises(AttributeError, match="'tunes'"):
        sdbench.tunes  # noqa: B018


def test_type_checkers_see_every_name_where_it_is_imported_from() -> None:
    tree = ast.parse(Path(sdbench.__file__).read_text(encoding="utf-8"))
    seen = {
        alias.name: f"{node.module}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("sdbench.")
        for alias in node.names
    }
    assert seen == {name: f"sdbench.{module}" for name, module in sdbench._MODULES.items()}
    assert sorted(seen) == sdbench.__all__


def test_the_check_would_notice() -> None:
    assert "torch" in _heavy_packages_imported_by("sdbench.knobs.registry", "torch")
