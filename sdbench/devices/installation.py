"""What of the installed packages, the environment and the cache is unfit. Nothing imports torch.

Each check is a function that gives a finding, or None where all is well.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from importlib.metadata import Distribution, PackageNotFoundError, distribution, version
from pathlib import Path

from sdbench.devices.description import Finding
from sdbench.units import GIB, format_bytes

NEEDED = {
    "accelerate": "offloading, and loading without a second copy of the weights, need it",
    "safetensors": "the weights of published pipelines are stored in its format",
    "transformers": "the text encoders of most pipelines are its models",
}
"""Packages that pipelines do not do without, and what for."""

LEAST_FREE_BYTES = 20 * GIB
"""Less than this on the disk of the cache is told: a download of SDXL takes 7 GB in half precision
and 14 GB in single precision, and one of FLUX.1 34 GB."""

_ALLOCATOR_VARIABLES = (
    "PYTORCH_ALLOC_CONF",
    "PYTORCH_CUDA_ALLOC_CONF",
    "PYTORCH_HIP_ALLOC_CONF",
)
_EXACT_TORCH = re.compile(r"torch\s*\(?\s*==\s*([0-9][^\s;,)]*)")
_ENTIRE_VERSION = re.compile(r"\d+\.\d+\.\d+")


def findings(environment: Mapping[str, str]) -> Iterator[Finding]:
    """All that is unfit.

    Args:
        environment: The environment variables of the workers.
    """
    checks = (
        *(missing(package, purpose) for package, purpose in NEEDED.items()),
        made_for_another_torch("torchvision"),
        made_for_another_torch("torchaudio"),
        made_for_another_torch("xformers"),
        xformers_built_for_another_torch(),
        redirecting_pynvml(),
        allocator_settings(environment),
        no_caching(environment),
        cache_not_writable(hub_cache(environment)),
        little_disk_space(hub_cache(environment)),
    )
    yield from (found for found in checks if found is not None)


def missing(package: str, purpose: str) -> Finding | None:
    """A package that pipelines need is not installed."""
    if installed_version(package) is not None:
        return None
    return Finding(
        package, f"{package} is not installed; {purpose}", f"install it: pip install {package}"
    )


def made_for_another_torch(package: str) -> Finding | None:
    """A package asks for one exact version of torch, and another one is installed."""
    found, torch = _distribution(package), installed_version("torch")
    wanted = _exact_torch(found) if found else None
    if found is None or torch is None or wanted is None or _same_release(wanted, torch):
        return None
    return Finding(
        package,
        f"{package} {found.version} is made for torch {wanted}, and torch {torch} is installed",
        f"install the {package} that is made for torch {_public(torch)}, from where torch came; or "
        f"uninstall it: diffusers does without",
    )


def xformers_built_for_another_torch() -> Finding | None:
    """What xformers wrote down when it was built, where its requirements name no exact torch."""
    found, torch = _distribution("xformers"), installed_version("torch")
    if found is None or torch is None or _exact_torch(found) is not None:
        return None
    try:
        path = Path(str(found.locate_file("xformers/cpp_lib.json")))
        built_for = str(json.loads(path.read_text())["version"]["torch"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if _same_release(built_for, torch):
        return None
    return Finding(
        "xformers",
        f"xformers {found.version} was built for torch {built_for}, and torch {torch} is installed",
        "see whether it loads: python -m xformers.info; sdpa, the default attention, does without",
    )


def redirecting_pynvml() -> Finding | None:
    """The distribution pynvml, which shares its module with nvidia-ml-py."""
    found = installed_version("pynvml")
    if found is None:
        return None
    return Finding(
        "pynvml",
        f"the deprecated distribution pynvml {found} is installed: at best it redirects to "
        "nvidia-ml-py, before version 12 it is in its way",
        "pip uninstall pynvml, then pip install --force-reinstall nvidia-ml-py",
    )


def allocator_settings(environment: Mapping[str, str]) -> Finding | None:
    """Settings of torch's allocator, which change what is reserved and what runs out."""
    given = [
        f"{name}={environment[name]}" for name in _ALLOCATOR_VARIABLES if environment.get(name)
    ]
    if not given:
        return None
    return Finding(
        "torch",
        f"the allocator is not at its defaults ({', '.join(given)}): reserved memory, and what "
        "runs out of it, differ from runs without",
        "compare only with runs that have the same setting, or unset it",
    )


def no_caching(environment: Mapping[str, str]) -> Finding | None:
    """The allocator does without its cache."""
    if not environment.get("PYTORCH_NO_CUDA_MEMORY_CACHING"):
        return None
    return Finding(
        "torch",
        "PYTORCH_NO_CUDA_MEMORY_CACHING is set: every tensor is asked of the driver, which makes "
        "all calls slower and peaks of reserved memory meaningless",
        "unset it: it is for debugging",
    )


def hub_cache(environment: Mapping[str, str]) -> Path:
    """Where huggingface_hub keeps what it downloads."""
    for name, below in (
        ("HF_HUB_CACHE", ""),
        ("HUGGINGFACE_HUB_CACHE", ""),
        ("HF_HOME", "hub"),
        ("XDG_CACHE_HOME", "huggingface/hub"),
    ):
        if environment.get(name):
            return Path(environment[name]).expanduser() / below
    return Path("~/.cache/huggingface/hub").expanduser()


def cache_not_writable(cache: Path) -> Finding | None:
    """The hub's cache cannot be written to, or not be made."""
    existing = _nearest_existing(cache)
    if existing.is_dir() and os.access(existing, os.W_OK | os.X_OK):
        return None
    return Finding(
        "huggingface_hub",
        f"its cache {cache} cannot be written to: pipelines that are not in it cannot be "
        "downloaded",
        "set HF_HOME to a folder of your own",
    )


def little_disk_space(cache: Path, least_bytes: int = LEAST_FREE_BYTES) -> Finding | None:
    """The disk of the hub's cache is nearly full."""
    free_bytes = shutil.disk_usage(_nearest_existing(cache)).free
    if free_bytes >= least_bytes:
        return None
    return Finding(
        "huggingface_hub",
        f"{format_bytes(free_bytes)} are free on the disk of its cache {cache}: less than the "
        f"{format_bytes(least_bytes)} that a large pipeline may take",
        "remove what you do not need (hf cache ls, hf cache rm), or set HF_HOME to a larger disk",
    )


def installed_version(package: str) -> str | None:
    """The version of a package that is installed, or None."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _distribution(package: str) -> Distribution | None:
    try:
        return distribution(package)
    except PackageNotFoundError:
        return None


def _exact_torch(found: Distribution) -> str | None:
    """The one version of torch that a package takes, or None where it takes several."""
    matches = (_EXACT_TORCH.match(requirement) for requirement in found.requires or ())
    return next((match[1] for match in matches if match), None)


def _same_release(wanted: str, torch: str) -> bool:
    """Whether a version of torch is the wanted one, its build (``+cu128``) apart."""
    wanted, torch = _public(wanted), _public(torch)
    if wanted.endswith(".*"):
        return torch.startswith(wanted[:-1])
    if not _ENTIRE_VERSION.match(wanted):
        return torch == wanted or torch.startswith(f"{wanted}.0")
    return torch == wanted


def _public(torch: str) -> str:
    return torch.partition("+")[0]


def _nearest_existing(folder: Path) -> Path:
    return next(place for place in (folder, *folder.parents) if place.exists())
