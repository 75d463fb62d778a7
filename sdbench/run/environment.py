"""The environment that workers get, and what is written down of it."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

from sdbench import __version__
from sdbench.jsontypes import JsonValue

_KEPT_NAMES = frozenset(
    "PATH HOME USER LOGNAME LANG LANGUAGE TZ SHELL TMPDIR TEMP TMP LD_LIBRARY_PATH LD_PRELOAD "
    "DYLD_LIBRARY_PATH VIRTUAL_ENV CONDA_PREFIX SSL_CERT_FILE SSL_CERT_DIR REQUESTS_CA_BUNDLE "
    "HTTP_PROXY HTTPS_PROXY NO_PROXY http_proxy https_proxy no_proxy SYSTEMROOT USERPROFILE "
    "APPDATA LOCALAPPDATA CC CXX".split()
)
_KEPT_PREFIXES = (
    "CUDA_",
    "NVIDIA_",
    "NCCL_",
    "HF_",
    "HUGGING",
    "TORCH",
    "PYTORCH",
    "DIFFUSERS_",
    "TRANSFORMERS_",
    "ACCELERATE_",
    "TOKENIZERS_",
    "TRITON_",
    "OMP_",
    "MKL_",
    "KMP_",
    "GOMP_",
    "OPENBLAS_",
    "HIP_",
    "HSA_",
    "ROCR_",
    "ROCM_",
    "ZE_",
    "PYTHON",
    "LC_",
    "XDG_",
)
_RECORDED_PREFIXES = ("CUDA_", "NCCL_", "TORCH", "PYTORCH", "DIFFUSERS_", "OMP_", "MKL_", "KMP_")
_SET_BY_TORCH = frozenset({"TORCHINDUCTOR_CACHE_DIR"})
"""torch sets these where they are unset, to a folder that changes no measurement."""

_HASH_SEED = "PYTHONHASHSEED"
_PACKAGES = ("torch", "diffusers", "transformers", "accelerate", "safetensors", "xformers")


def worker_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """What of the controller's environment a worker gets: nothing that is not known to matter.

    diffusers loads a pipeline's models in the order of a set of their names. With a seed of its own
    in every process, the peak of loading would be another in each.
    """
    kept = {
        name: value
        for name, value in environment.items()
        if name in _KEPT_NAMES or name.startswith(_KEPT_PREFIXES)
    }
    return {_HASH_SEED: "0", **kept}


def recorded_variables(environment: Mapping[str, str]) -> dict[str, JsonValue]:
    """Variables that change what is measured. No token is among them."""
    return {
        name: value
        for name, value in sorted(environment.items())
        if name.startswith(_RECORDED_PREFIXES) and name not in _SET_BY_TORCH
    }


def versions() -> dict[str, JsonValue]:
    """Versions of everything that decides how fast a pipeline runs; None where not installed."""
    found: dict[str, JsonValue] = {"sdbench": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found
