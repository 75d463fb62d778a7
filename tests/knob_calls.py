"""Calls of tiny pipelines with knobs turned: what ran, or why it could not."""

from __future__ import annotations

from typing import Any

import pytest
from tiny_pipelines import configuration, pipeline

from sdbench.knobs.base import Unsupported
from sdbench.pipelines.diffusers_pipeline import DiffusersPipeline


def call_and_verify(loaded: DiffusersPipeline, **values: Any) -> dict[str, Any]:
    with loaded.configured(configuration(**values)) as call:
        call.prepare()
        call.verify(call())
        return call.effective()


def effective(pipe: Any = None, **values: Any) -> dict[str, Any]:
    """What really ran in one call, which is verified; and nothing is left changed."""
    loaded = pipeline(pipe)
    state = call_and_verify(loaded, **values)
    assert loaded.left_changed() == []
    return state


def refusal(pipe: Any = None, **values: Any) -> str:
    """Why a configuration is unsupported; and nothing is left changed."""
    loaded = pipeline(pipe)
    with pytest.raises(Unsupported) as raised:
        call_and_verify(loaded, **values)
    assert loaded.left_changed() == []
    return str(raised.value)
