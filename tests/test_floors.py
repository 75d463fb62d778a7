"""Imports run downward only, as docs and design say; and only a worker imports torch."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import sdbench

PACKAGE = Path(sdbench.__file__).parent

FLOORS = (
    ("__init__", "errors", "jsontypes", "units", "statistics"),
    ("knobs",),
    ("suite",),
    ("results",),
    ("devices",),
    ("pipelines",),
    ("measure",),
    ("predict",),
    ("derive",),
    ("run",),
    ("analysis",),
    ("compare",),
    ("report",),
    ("fleet",),
    ("cli",),
    ("tuning",),
    ("testing",),
    ("pytest_plugin",),
    ("__main__",),
)
"""From bottom to top. Each part may import itself and the floors below, but no sibling."""

ALSO_FORBIDDEN = {
    "analysis": {"devices", "pipelines", "measure", "run"},
    "compare": {"devices", "pipelines", "predict", "run"},
    "report": {"run"},
}
"""What lies below and is still out of reach: analysis is pure, a report is made from results."""

GROUND = 0
"""The floor of small helpers, which may import each other."""

HEAVY = {"torch", "diffusers", "transformers", "accelerate"}
WORKER_PARTS = (
    "devices/",
    "pipelines/",
    "measure/",
    "predict/",
    "run/worker",
    "run/zygote",
    "run/forkserver",
    "tuning/applying",
    "tuning/as_given",
    "tuning/given",
    "tuning/local_worker",
)
"""Modules that only a worker process imports, or that import these packages in functions; and those
that a caller needs who has loaded a pipeline already."""

FACADE = "__init__.py"
"""Names for type checkers what it hands on, and imports it when it is asked for: another test."""


@dataclass(frozen=True)
class Import:
    """An import statement: where it stands, what it names, and whether importing runs it."""

    line: int
    module: str
    is_deferred: bool


def _module_names() -> list[str]:
    return sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))


def _imports(module: str) -> list[Import]:
    tree = ast.parse((PACKAGE / module).read_text(encoding="utf-8"))
    package = ["sdbench", *Path(module).parent.parts]
    return list(_imports_below(tree, package, is_deferred=False))


def _imports_below(node: ast.AST, package: list[str], is_deferred: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(child.lineno, alias.name, is_deferred)
        elif isinstance(child, ast.ImportFrom):
            base = package[: len(package) + 1 - child.level] if child.level else []
            origin = ".".join([*base, *([child.module] if child.module else [])])
            for alias in child.names:
                yield Import(child.lineno, f"{origin}.{alias.name}", is_deferred)
        else:
            is_function = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
            yield from _imports_below(child, package, is_deferred or is_function)


def _part(module: str) -> str:
    """The part of sdbench that a file belongs to: ``knobs`` for knobs/base.py."""
    return module.split("/")[0].removesuffix(".py")


def _imported_part(imported: str) -> str | None:
    """The part of sdbench that an import reaches, None where it is another package's."""
    words = imported.split(".")
    if words[0] != "sdbench":
        return None
    is_module = len(words) > 1 and (
        (PACKAGE / words[1]).is_dir() or (PACKAGE / f"{words[1]}.py").exists()
    )
    return words[1] if is_module else "__init__"


def _floor(part: str) -> int:
    return next(number for number, parts in enumerate(FLOORS) if part in parts)


def _may_import(part: str, imported: str) -> bool:
    if imported in ALSO_FORBIDDEN.get(part, ()):
        return False
    if part == imported or _floor(part) == _floor(imported) == GROUND:
        return True
    return _floor(imported) < _floor(part)


def test_every_module_lies_on_a_floor() -> None:
    placed = {part for parts in FLOORS for part in parts}
    assert {_part(module) for module in _module_names()} <= placed


@pytest.mark.parametrize("module", [name for name in _module_names() if name != FACADE])
def test_imports_run_downward_only(module: str) -> None:
    upward = [
        f"sdbench/{module}:{found.line} imports {found.module}"
        for found in _imports(module)
        if (reached := _imported_part(found.module)) is not None
        and not _may_import(_part(module), reached)
    ]
    assert upward == []


@pytest.mark.parametrize("module", _module_names())
def test_only_workers_and_the_functions_of_knobs_import_torch(module: str) -> None:
    heavy = [found for found in _imports(module) if found.module.split(".")[0] in HEAVY]
    if _part(module) == "knobs":
        heavy = [found for found in heavy if not found.is_deferred]
    elif module.startswith(WORKER_PARTS):
        heavy = []
    assert [f"sdbench/{module}:{found.line} imports {found.module}" for found in heavy] == []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import sdbench.units", Import(1, "sdbench.units", False)),
        ("from sdbench import units", Import(1, "sdbench.units", False)),
        ("from sdbench.units import GIB", Import(1, "sdbench.units.GIB", False)),
        ("from . import base", Import(1, "sdbench.knobs.base", False)),
        ("from .base import Knob", Import(1, "sdbench.knobs.base.Knob", False)),
        ("from ..units import GIB", Import(1, "sdbench.units.GIB", False)),
        ("def f():\n    import torch", Import(2, "torch", True)),
        ("class A:\n    import torch", Import(2, "torch", False)),
        ("if True:\n    import torch", Import(2, "torch", False)),
    ],
)
def test_imports_of_every_form_are_seen(source: str, expected: Import) -> None:
    found = list(_imports_below(ast.parse(source), ["sdbench", "knobs"], is_deferred=False))
    assert found == [expected]


@pytest.mark.parametrize(
    ("part", "imported", "expected"),
    [
        ("suite", "knobs", True),
        ("knobs", "suite", False),
        ("units", "errors", True),
        ("suite", "results", False),
        ("results", "suite", True),
        ("knobs", "knobs", True),
        ("analysis", "results", True),
        ("analysis", "run", False),
        ("report", "analysis", True),
        ("report", "run", False),
        ("cli", "run", True),
        ("tuning", "cli", True),
        ("cli", "tuning", False),
        ("testing", "tuning", True),
        ("testing", "pytest_plugin", False),
    ],
)
def test_floors_are_as_the_design_says(part: str, imported: str, expected: bool) -> None:
    assert _may_import(part, imported) is expected
