"""Leaves a caller's pipeline exactly as it was, whatever happened meanwhile.

Every knob takes itself back, and what observes a call ends with it. This is for what comes in
between: an interruption between turning a knob and noting how to take it back, a knob whose way
back leads to another state than the caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from sdbench.knobs.attention import remember_processors
from sdbench.pipelines.effective import modules

_PROGRESS = "_progress_bar_config"
_VAE_FLAGS = ("use_slicing", "use_tiling")


@contextmanager
def left_as_given(pipe: Any) -> Iterator[AsGiven]:
    """While entered, the pipeline may be changed: its own progress bars are off.

    On leaving it is as it was, as are torch's threads, its TF32 switches and its random numbers.
    """
    remembered = AsGiven(pipe)
    device = torch.device(pipe._execution_device)
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        try:
            pipe.set_progress_bar_config(disable=True)
            yield remembered
        finally:
            remembered.restore()
            remembered.restore_progress_bar()


class AsGiven:
    """What of a pipeline, and of the process, a measurement may change.

    Args:
        pipe: The pipeline, as it is to be again.
    """

    def __init__(self, pipe: Any) -> None:
        self._pipe = pipe
        self._undo: list[Callable[[], None]] = [
            *map(_class_and_methods, (pipe, *pipe.components.values())),
            _attributes(pipe, ("scheduler",)),
            remember_processors(pipe),
            _memory_formats(pipe),
            _process_settings(),
        ]
        if getattr(pipe, "vae", None) is not None:
            self._undo.append(_attributes(pipe.vae, _VAE_FLAGS))
        self._restore_progress = _attributes(pipe, (_PROGRESS,))

    def restore(self) -> None:
        """Puts everything back but the progress bars."""
        for step in self._undo:
            step()

    def restore_progress_bar(self) -> None:
        """Lets the pipeline's own progress bars be shown again, if they were."""
        self._restore_progress()


def _class_and_methods(component: Any) -> Callable[[], None]:
    """For observers: they replace an object's class, and shadow methods on it."""
    if not hasattr(component, "__dict__"):
        return lambda: None
    original = type(component)
    shadowed = {name: value for name, value in vars(component).items() if callable(value)}

    def restore() -> None:
        if type(component) is not original:
            component.__class__ = original
        for name in [name for name, value in vars(component).items() if callable(value)]:
            if name not in shadowed:
                del component.__dict__[name]
        component.__dict__.update(shadowed)

    return restore


def _attributes(owner: Any, names: tuple[str, ...]) -> Callable[[], None]:
    """For attributes that are set on an object itself; absent ones are absent again."""
    remembered = {name: vars(owner)[name] for name in names if name in vars(owner)}

    def restore() -> None:
        for name in names:
            if name not in remembered:
                vars(owner).pop(name, None)
            elif vars(owner).get(name) is not remembered[name]:
                setattr(owner, name, remembered[name])

    return restore


def _memory_formats(pipe: Any) -> Callable[[], None]:
    strides = [
        (parameter, parameter.stride())
        for module in modules(pipe).values()
        for parameter in module.parameters()
        if parameter.dim() == 4
    ]

    def restore() -> None:
        for parameter, stride in strides:
            if parameter.stride() != stride:
                data = torch.empty_strided(
                    parameter.shape, stride, dtype=parameter.dtype, device=parameter.device
                )
                parameter.data = data.copy_(parameter.data)

    return restore


def _process_settings() -> Callable[[], None]:
    threads = torch.get_num_threads()
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    tf32 = matmul.allow_tf32, cudnn.allow_tf32

    def restore() -> None:
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        if (matmul.allow_tf32, cudnn.allow_tf32) != tf32:
            matmul.allow_tf32, cudnn.allow_tf32 = tf32

    return restore
