from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tiny_pipelines import SMALL, build

from sdbench.pipelines.effective import effective_state, modules
from sdbench.tuning.recommendation import Recommendation
from sdbench.tuning.tune import tune

QUICK = {
    "max_warmup": 1,
    "min_samples": 2,
    "max_samples": 2,
    "default": "off",
    "confirm_rounds": 0,
}
AXES = {"scheduler": ["default", "euler"], "attention_slicing": ["off", "auto"]}

Tune = Callable[..., Recommendation]


def quickly(pipe: Any, **arguments: Any) -> Recommendation:
    """Two steps at 16 x 16 pixels, two samples, no fidelity, nothing said."""
    given = {"axes": AXES, "fixed": SMALL, "measure": QUICK, "fidelity": None, "progress": False}
    return tune(pipe, **{**given, **arguments})


def state_of(pipe: Any) -> dict[str, Any]:
    """All of a pipeline that a measurement might leave changed."""
    parts = {"pipe": pipe, **pipe.components}
    parameters = [p for module in modules(pipe).values() for p in module.parameters()]
    return {
        "settings": effective_state(pipe),
        "scheduler": id(pipe.scheduler),
        "timesteps": getattr(pipe.scheduler, "num_inference_steps", None),
        "classes": {name: type(part) for name, part in parts.items()},
        "attributes": {
            name: {key for key, value in vars(part).items() if callable(value)}
            for name, part in parts.items()
            if hasattr(part, "__dict__")
        },
        "progress": getattr(pipe, "_progress_bar_config", None),
        "tensors": [(id(p), p.stride(), p.dtype, float(p.detach().sum())) for p in parameters],
    }


@pytest.fixture(scope="session")
def tuned_pipe() -> Any:
    return build()


@pytest.fixture(scope="session")
def best(tuned_pipe: Any, tmp_path_factory: pytest.TempPathFactory) -> Recommendation:
    """Four configurations of the tiny pipeline, measured in this process."""
    results = tmp_path_factory.mktemp("tuned")
    return quickly(tuned_pipe, prompt="<script>alert('a & b')</script>", results=results)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return tmp_path / "results"
