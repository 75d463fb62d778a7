"""The driver's stand-ins as fixtures: a Python library (tier 2), a compiled one (tier 3)."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pynvml
import pytest

SOURCE = Path(__file__).parent / "stub_nvml" / "nvml_stub.c"


@pytest.fixture
def use_library(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """Makes a Python object the driver's library."""

    def use(library: Any) -> None:
        monkeypatch.setattr(pynvml, "nvmlLib", library)
        monkeypatch.setattr(pynvml, "_nvmlGetFunctionPointer_cache", {})

    return use


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """The folder of the compiled stub, as of today or of an old driver."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    folders: dict[tuple[str, ...], Path] = {}

    def build(*flags: str) -> Path:
        if compiler is None:
            pytest.skip("needs a C compiler (cc or gcc) for the stub of libnvidia-ml")
        if flags not in folders:
            folders[flags] = tmp_path_factory.mktemp("nvml")
            target = folders[flags] / "libnvidia-ml.so.1"
            subprocess.run([compiler, "-shared", "-fPIC", *flags, "-o", target, SOURCE], check=True)
        return folders[flags]

    return build


@dataclass(frozen=True)
class Stub:
    """A script under a compiled stub.

    Attributes:
        environment: What a process needs to find it.
    """

    environment: dict[str, str]


@pytest.fixture
def stub(compiled: Callable[..., Path], tmp_path: Path) -> Callable[..., Stub]:
    """The environment of processes whose driver answers from these lines."""

    def script(lines: str, *flags: str) -> Stub:
        path = tmp_path / "script.txt"
        path.write_text(lines)
        folder = compiled(*flags)
        return Stub({**os.environ, "LD_LIBRARY_PATH": str(folder), "NVML_STUB_SCRIPT": str(path)})

    return script
