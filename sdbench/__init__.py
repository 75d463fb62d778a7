"""Which settings of a diffusers pipeline to run on a device, with evidence.

From Python::

    best = sdbench.tune(pipe, limits={"memory": "12GiB", "fidelity": 0.9})
    images = pipe(prompt, **best.apply(pipe)).images

Names are imported when they are first asked for: ``import sdbench`` by itself imports nothing else.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sdbench.errors import SdbenchError
    from sdbench.suite.load import load_suite
    from sdbench.suite.model import FidelityProtocol, Limits, Objective, Protocol, Suite
    from sdbench.tuning.recommendation import Recommendation, load_run
    from sdbench.tuning.tune import tune

__version__ = "0.1.0"

__all__ = [
    "FidelityProtocol",
    "Limits",
    "Objective",
    "Protocol",
    "Recommendation",
    "SdbenchError",
    "Suite",
    "load_run",
    "load_suite",
    "tune",
]

_MODULES = {
    "FidelityProtocol": "suite.model",
    "Limits": "suite.model",
    "Objective": "suite.model",
    "Protocol": "suite.model",
    "Recommendation": "tuning.recommendation",
    "SdbenchError": "errors",
    "Suite": "suite.model",
    "load_run": "tuning.recommendation",
    "load_suite": "suite.load",
    "tune": "tuning.tune",
}
"""Where each name is at home."""


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'sdbench' has no attribute {name!r}")
    value = getattr(import_module(f"sdbench.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
