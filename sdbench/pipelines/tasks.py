"""The pipelines of the tasks: all of them share the components of one load."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sdbench.jsontypes import JsonValue
from sdbench.knobs.base import Unsupported
from sdbench.knobs.offload import hand_over
from sdbench.knobs.task import CONVERTERS, METHODS, Task, task_of
from sdbench.pipelines.effective import effective_state


def for_task(pipe: Any, task: Task) -> Any:
    """The pipeline that does ``task`` with the components of ``pipe``, or ``pipe`` where it does.

    Components stay as they are, data types included.

    Raises:
        Unsupported: diffusers has none for this kind of pipeline, or its weights are for another.
    """
    if _method(pipe, task) is not None:
        return pipe
    import diffusers

    try:
        converted = getattr(diffusers, CONVERTERS[task]).from_pipe(pipe)
    except ValueError as error:
        if task is Task.TEXT_TO_IMAGE:
            return pipe
        raise Unsupported(f"{type(pipe).__name__} cannot do {task.value}: {error}") from None
    _refuse_inpainting_weights(pipe, task)
    if type(converted) is type(pipe):
        return pipe
    converted.set_progress_bar_config(**getattr(pipe, "_progress_bar_config", {}))
    return converted


def entry_point(pipe: Any, task: Task) -> Callable[..., Any]:
    """What is called for a task: the pipeline, or its method where it does several tasks."""
    method: Callable[..., Any] | None = _method(pipe, task)
    return method or pipe


class TaskPipelines:
    """The pipelines that were made of one load, one for each task that was asked for.

    Args:
        pipe: The pipeline as it was loaded.
        torch_device: Where it runs.
    """

    def __init__(self, pipe: Any, torch_device: str) -> None:
        self.loaded = pipe
        self._torch_device = torch_device
        self._active = pipe
        self._by_task: dict[Task, Any] = {}
        self._initial_states: list[tuple[Any, dict[str, Any]]] = [(pipe, effective_state(pipe))]

    def configured_for(self, knobs: Mapping[str, JsonValue]) -> Any:
        """The pipeline of a configuration's task; all others must be as they were loaded.

        Raises:
            Unsupported: This load has none for the task.
        """
        task = task_of(knobs)
        if task not in self._by_task:
            pipe = for_task(self.loaded, task)
            self._by_task[task] = pipe
            if all(pipe is not known for known, _ in self._initial_states):
                self._initial_states.append((pipe, effective_state(pipe)))
        pipe = self._by_task[task]
        if pipe is not self._active:
            hand_over(pipe, knobs["offload"], self._torch_device)
            self._active = pipe
        return pipe

    def left_changed(self) -> list[str]:
        """What is not as it was loaded, in any of them."""
        changed: dict[str, None] = {}
        for pipe, initial in self._initial_states:
            state = effective_state(pipe)
            changed.update(dict.fromkeys(name for name in state if state[name] != initial[name]))
        return list(changed)


def _method(pipe: Any, task: Task) -> Any:
    method = getattr(type(pipe), METHODS[task], None)
    return getattr(pipe, METHODS[task]) if callable(method) else None


def _refuse_inpainting_weights(pipe: Any, task: Task) -> None:
    """A UNet for inpainting takes the latents, the masked picture's latents and the mask."""
    unet, vae = getattr(pipe, "unet", None), getattr(pipe, "vae", None)
    if task is Task.INPAINTING or unet is None or vae is None:
        return
    taken = unet.config.get("in_channels")
    if taken == 2 * vae.config.get("latent_channels", 0) + 1:
        raise Unsupported(
            f"{type(pipe).__name__} cannot do {task.value}: its UNet takes {taken} channels, so it "
            "was trained for inpainting alone"
        )
