"""Virtual environments that are made in a moment: of links, without pip, on what is installed."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

import sdbench

SITE_PACKAGES = (
    f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
    if sys.platform != "win32"
    else "Lib/site-packages"
)


def bare_venv(folder: Path) -> Path:
    """A virtual environment with nothing in it."""
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", "--symlinks", str(folder)], check=True
    )
    return folder


def venv(folder: Path, **sources: str) -> Path:
    """A virtual environment with all that the running one has, and packages of its own before it.

    Args:
        folder: Where it comes to lie.
        sources: For some packages the source of their ``__init__``.
    """
    site_packages = bare_venv(folder) / SITE_PACKAGES
    for package, source in sources.items():
        (site_packages / package).mkdir()
        (site_packages / package / "__init__.py").write_text(source)
    installed = sysconfig.get_path("purelib")
    (site_packages / "inherited.pth").write_text(f"import site; site.addsitedir({installed!r})\n")
    return folder


def other_sdbench(version: str) -> str:
    """The source of a package that is sdbench in all but its version."""
    init = Path(sdbench.__file__)
    ours = init.read_text(encoding="utf-8")
    source = f"__path__ = [{str(init.parent)!r}]\n__version__ = {version!r}\n"
    return f"{ours}\n{source}"
