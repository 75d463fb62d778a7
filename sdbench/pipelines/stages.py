"""Tells an observer of a diffusers pipeline's stages, without changing what runs.

Modules are observed by giving the instance a subclass whose ``__call__`` reports: outside of
``forward`` and of torch.compile, so that neither hooks nor compiled code see a difference. Plain
methods (``vae.decode``, ``scheduler.step``) are shadowed on the instance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from sdbench.pipelines.base import (
    DENOISER,
    SAFETY_CHECKER,
    SCHEDULER_STEP,
    TEXT_ENCODING,
    VAE_DECODE,
    VAE_ENCODE,
    StageObserver,
)
from sdbench.pipelines.failed_stage import note_stage

_MODULE_STAGES = {
    "text_encoder": TEXT_ENCODING,
    "text_encoder_2": TEXT_ENCODING,
    "text_encoder_3": TEXT_ENCODING,
    "text_encoder_4": TEXT_ENCODING,
    "unet": DENOISER,
    "transformer": DENOISER,
    "transformer_2": DENOISER,
    "safety_checker": SAFETY_CHECKER,
}
_METHOD_STAGES = (
    ("vae", "encode", VAE_ENCODE),
    ("vae", "decode", VAE_DECODE),
    ("scheduler", "step", SCHEDULER_STEP),
)
_REPORT = "_sdbench_report"


@contextmanager
def observed_stages(pipe: Any, observer: StageObserver) -> Iterator[None]:
    """While entered, ``observer`` is told of every stage of ``pipe``'s calls."""
    undo: list[Callable[[], None]] = []
    observed: list[Any] = []
    try:
        for name, stage in _MODULE_STAGES.items():
            module = getattr(pipe, name, None)
            if module is not None and not any(module is other for other in observed):
                observed.append(module)
                undo.append(_observe_module(module, stage, observer))
        for name, method, stage in _METHOD_STAGES:
            component = getattr(pipe, name, None)
            if component is not None:
                undo.append(_observe_method(component, method, stage, observer))
        yield
    finally:
        for step in reversed(undo):
            step()


@cache
def _reporting_subclass(original: type) -> type:
    """Cached, since torch.compile recompiles for a class it has not seen."""

    def __call__(self: Any, *args: Any, **kwargs: Any) -> Any:
        return self.__dict__[_REPORT](original.__call__, self, *args, **kwargs)

    names = {"__module__": original.__module__, "__qualname__": original.__qualname__}
    return type(original.__name__, (original,), {"__call__": __call__, **names})


def _observe_module(module: Any, stage: str, observer: StageObserver) -> Callable[[], None]:
    original: Any = type(module)
    module.__dict__[_REPORT] = _reporter(stage, observer)
    module.__class__ = _reporting_subclass(original)

    def undo() -> None:
        module.__class__ = original
        del module.__dict__[_REPORT]

    return undo


def _observe_method(
    component: Any, method: str, stage: str, observer: StageObserver
) -> Callable[[], None]:
    bound = getattr(component, method)
    shadowed = component.__dict__.get(method)
    report = _reporter(stage, observer)

    def observed(*args: Any, **kwargs: Any) -> Any:
        return report(bound, *args, **kwargs)

    component.__dict__[method] = observed

    def undo() -> None:
        if shadowed is None:
            del component.__dict__[method]
        else:
            component.__dict__[method] = shadowed

    return undo


def _reporter(stage: str, observer: StageObserver) -> Callable[..., Any]:
    def report(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        observer.enter_stage(stage)
        try:
            return function(*args, **kwargs)
        except Exception as error:
            note_stage(error, stage)
            raise
        finally:
            observer.leave_stage(stage)

    return report
