"""The controller starts fast: what people touch imports neither torch nor diffusers."""

from __future__ import annotations

import subprocess
import sys

import pytest

IMPORT_ALL_AND_TELL = """
import importlib, pkgutil, sys

for name in sys.argv[1:]:
    module = importlib.import_module(name)
    if name.startswith("sdbench."):
        for found in pkgutil.walk_packages(getattr(module, "__path__", []), name + "."):
            importlib.import_module(found.name)
print(*sorted({"torch", "diffusers", "transformers", "accelerate"} & set(sys.modules)))
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
def test_importing_all_of_a_light_package_imports_no_torch(package: str) -> None:
    assert _heavy_packages_imported_by(package) == []


def test_importing_the_command_line_imports_no_torch() -> None:
    assert _heavy_packages_imported_by("sdbench.cli.main") == []


def test_the_check_would_notice() -> None:
    assert "torch" in _heavy_packages_imported_by("sdbench.knobs.registry", "torch")
