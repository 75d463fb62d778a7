"""The scheduler: any class that diffusers says fits the loaded pipeline, with its options."""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Mapping
from typing import Any

from sdbench.errors import IllegalValue
from sdbench.jsontypes import JsonValue
from sdbench.knobs.base import Applied, Code, Effect, SetupKnob, Unsupported

SHORT_NAMES: dict[str, tuple[str, dict[str, Any]]] = {
    "pndm": ("PNDMScheduler", {}),
    "ddim": ("DDIMScheduler", {}),
    "ddpm": ("DDPMScheduler", {}),
    "euler": ("EulerDiscreteScheduler", {}),
    "euler_karras": ("EulerDiscreteScheduler", {"use_karras_sigmas": True}),
    "euler_a": ("EulerAncestralDiscreteScheduler", {}),
    "heun": ("HeunDiscreteScheduler", {}),
    "lms": ("LMSDiscreteScheduler", {}),
    "lms_karras": ("LMSDiscreteScheduler", {"use_karras_sigmas": True}),
    "dpmpp_2m": ("DPMSolverMultistepScheduler", {}),
    "dpmpp_2m_karras": ("DPMSolverMultistepScheduler", {"use_karras_sigmas": True}),
    "dpmpp_2m_sde": ("DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++"}),
    "dpmpp_2m_sde_karras": (
        "DPMSolverMultistepScheduler",
        {"algorithm_type": "sde-dpmsolver++", "use_karras_sigmas": True},
    ),
    "dpmpp_2s": ("DPMSolverSinglestepScheduler", {}),
    "dpmpp_sde": ("DPMSolverSDEScheduler", {}),
    "dpmpp_sde_karras": ("DPMSolverSDEScheduler", {"use_karras_sigmas": True}),
    "unipc": ("UniPCMultistepScheduler", {}),
    "deis": ("DEISMultistepScheduler", {}),
    "kdpm2": ("KDPM2DiscreteScheduler", {}),
    "kdpm2_a": ("KDPM2AncestralDiscreteScheduler", {}),
    "lcm": ("LCMScheduler", {}),
    "tcd": ("TCDScheduler", {}),
    "flow_euler": ("FlowMatchEulerDiscreteScheduler", {}),
    "flow_heun": ("FlowMatchHeunDiscreteScheduler", {}),
}
"""Names that people use, with the class and the options they stand for."""

CLASS_NAMES = (
    "AmusedScheduler",
    "CMStochasticIterativeScheduler",
    "CogVideoXDDIMScheduler",
    "CogVideoXDPMScheduler",
    "CosineDPMSolverMultistepScheduler",
    "DDIMInverseScheduler",
    "DDIMParallelScheduler",
    "DDIMScheduler",
    "DDPMParallelScheduler",
    "DDPMScheduler",
    "DDPMWuerstchenScheduler",
    "DEISMultistepScheduler",
    "DPMSolverMultistepInverseScheduler",
    "DPMSolverMultistepScheduler",
    "DPMSolverSDEScheduler",
    "DPMSolverSinglestepScheduler",
    "EDMDPMSolverMultistepScheduler",
    "EDMEulerScheduler",
    "EulerAncestralDiscreteScheduler",
    "EulerDiscreteScheduler",
    "FlowMatchEulerDiscreteScheduler",
    "FlowMatchHeunDiscreteScheduler",
    "FlowMatchLCMScheduler",
    "HeunDiscreteScheduler",
    "IPNDMScheduler",
    "KDPM2AncestralDiscreteScheduler",
    "KDPM2DiscreteScheduler",
    "KarrasVeScheduler",
    "LCMScheduler",
    "LMSDiscreteScheduler",
    "PNDMScheduler",
    "RePaintScheduler",
    "SASolverScheduler",
    "SCMScheduler",
    "ScoreSdeVeScheduler",
    "TCDScheduler",
    "UnCLIPScheduler",
    "UniPCMultistepScheduler",
    "VQDiffusionScheduler",
)
"""Scheduler classes of diffusers, by name so that a suite is checked without importing it."""

_FOR_DISTILLED_WEIGHTS = ("LCMScheduler", "TCDScheduler")
"""No scheduler lists these as compatible, yet diffusers' guides put them onto any pipeline of the
Stable Diffusion family, for weights or adapters distilled for them."""

NEEDED_PACKAGES = {"LMSDiscreteScheduler": "scipy", "DPMSolverSDEScheduler": "torchsde"}


class SchedulerKnob(SetupKnob):
    """Values are ``default`` (as the pipeline ships), a name, or a mapping of name and options."""

    name = "scheduler"
    effect = Effect.SAMPLER
    neutral = "default"
    summary = "scheduler by short or class name, or a mapping of its name and options"

    def parse(self, raw: JsonValue) -> JsonValue:
        name = raw.get("name") if isinstance(raw, Mapping) else raw
        if name not in ("default", *SHORT_NAMES, *CLASS_NAMES):
            raise IllegalValue(name, ["default", *SHORT_NAMES, *CLASS_NAMES])
        if not isinstance(raw, Mapping) or len(raw) == 1:
            return name
        for key, value in raw.items():
            if not isinstance(value, (bool, int, float, str)):
                raise IllegalValue(value, f"a number, a word, true or false for {key}")
        return {"name": name, **{key: raw[key] for key in sorted(raw) if key != "name"}}

    def schema(self) -> dict[str, Any]:
        words = {"enum": ["default", *SHORT_NAMES, *CLASS_NAMES]}
        options = {"type": ["boolean", "number", "string"]}
        mapping = {
            "type": "object",
            "properties": {"name": words},
            "required": ["name"],
            "additionalProperties": options,
        }
        return {"anyOf": [words, mapping]}

    def text(self, value: JsonValue) -> str:
        if not isinstance(value, Mapping):
            return super().text(value)
        options = ", ".join(f"{key}={value[key]}" for key in value if key != "name")
        return f"{value['name']} ({options})"

    def apply(
        self, pipe: Any, value: JsonValue, knobs: Mapping[str, JsonValue], torch_device: str
    ) -> Applied:
        shipped = pipe.scheduler
        name, options = _resolve(value)
        class_name = name or type(shipped).__name__
        scheduler_class = _import_class(class_name)
        if not _is_compatible(scheduler_class, shipped):
            names = sorted(compatible.__name__ for compatible in shipped.compatibles)
            raise Unsupported(
                f"{class_name} does not fit a pipeline made for "
                f"{type(shipped).__name__}; compatible are {', '.join(names)}"
            )
        legal = list(inspect.signature(scheduler_class.__init__).parameters)[1:]
        for option in options:
            if option not in legal:
                raise Unsupported(
                    f"{class_name} has no option {option!r}; it has {', '.join(legal)}"
                )
        try:
            pipe.scheduler = scheduler_class.from_config(shipped.config, **options)
        except (ValueError, NotImplementedError, ImportError) as error:
            raise Unsupported(f"{class_name} refuses these options: {error}") from None

        def undo() -> None:
            pipe.scheduler = shipped

        taken = pipe.scheduler.config
        ignored = sorted(name for name, wanted in options.items() if taken[name] != wanted)
        if ignored:
            undo()
            raise Unsupported(f"{class_name} ignored {', '.join(ignored)}")
        return Applied(undo)

    def code(self, value: JsonValue) -> Code:
        if value == "default":
            return Code()
        class_name, options = _resolve(value)
        arguments = "".join(f", {name}={option!r}" for name, option in options.items())
        if class_name is None:
            build = f"type(pipe.scheduler).from_config(pipe.scheduler.config{arguments})"
            return Code(statements=(f"pipe.scheduler = {build}",))
        return Code(
            imports=(f"from diffusers import {class_name}",),
            statements=(
                f"pipe.scheduler = {class_name}.from_config(pipe.scheduler.config{arguments})",
            ),
        )


def _resolve(value: JsonValue) -> tuple[str | None, dict[str, Any]]:
    """Class name (None: the class that the pipeline ships) and options of a value."""
    name, options = (value["name"], value) if isinstance(value, Mapping) else (value, {})
    given = {key: option for key, option in options.items() if key != "name"}
    if name == "default":
        return None, given
    class_name, implied = SHORT_NAMES.get(str(name), (str(name), {}))
    return class_name, {**implied, **given}


def _import_class(class_name: str) -> Any:
    import diffusers

    package = NEEDED_PACKAGES.get(class_name)
    if package is not None and importlib.util.find_spec(package) is None:
        raise Unsupported(f"{class_name} needs the package {package}: pip install {package}")
    scheduler_class = getattr(diffusers, class_name, None)
    if scheduler_class is None:
        raise Unsupported(f"diffusers {diffusers.__version__} has no {class_name}")
    return scheduler_class


def _is_compatible(scheduler_class: Any, shipped: Any) -> bool:
    if scheduler_class is type(shipped) or scheduler_class in shipped.compatibles:
        return True
    is_stable_diffusion = any(
        compatible.__name__ == "EulerDiscreteScheduler" for compatible in shipped.compatibles
    )
    return is_stable_diffusion and scheduler_class.__name__ in _FOR_DISTILLED_WEIGHTS
