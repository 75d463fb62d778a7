"""What the pipeline is asked to do: draw from text, from a picture, or within a mask."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from sdbench.jsontypes import JsonValue
from sdbench.knobs.base import Choice, Code, Cost, Effect


class Task(str, Enum):
    """What the pipeline is asked to do."""

    TEXT_TO_IMAGE = "text-to-image"
    IMAGE_TO_IMAGE = "image-to-image"
    INPAINTING = "inpainting"


CONVERTERS: Mapping[Task, str] = {
    Task.TEXT_TO_IMAGE: "AutoPipelineForText2Image",
    Task.IMAGE_TO_IMAGE: "AutoPipelineForImage2Image",
    Task.INPAINTING: "AutoPipelineForInpainting",
}
"""Class of diffusers whose ``from_pipe`` makes the task's pipeline of another one's components."""

METHODS: Mapping[Task, str] = {
    Task.TEXT_TO_IMAGE: "text2img",
    Task.IMAGE_TO_IMAGE: "img2img",
    Task.INPAINTING: "inpaint",
}
"""Method that is called in place of the pipeline itself, where a pipeline of several tasks has it
(the convention of diffusers' community pipelines)."""


class TaskKnob(Choice):
    """A set-up that is not made on a pipeline, but picks the one that all other knobs turn.

    The pipelines of all tasks share the components of one load (`sdbench.pipelines.tasks`).
    """

    name = "task"
    cost = Cost.SETUP
    effect = Effect.CONTENT
    choices = tuple(task.value for task in Task)
    neutral = Task.TEXT_TO_IMAGE.value
    summary = "what the pipeline is asked to do; the pipelines of all tasks share one load"

    def code(self, value: JsonValue) -> Code:
        """Nothing here: it depends on the pipeline too (`sdbench.analysis.code`)."""
        return Code()


def task_of(knobs: Mapping[str, JsonValue], otherwise: JsonValue = TaskKnob.neutral) -> Task:
    """The task among the values of knobs; ``otherwise`` for those from before it was a knob."""
    return Task(str(knobs.get(TaskKnob.name, otherwise)))
