"""The rows of published_memory.csv, and what each of them asks sdbench to predict.

The program beside it does the predicting. A row that cannot be compared says why.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from sdbench.errors import IllegalValue
from sdbench.jsontypes import JsonValue
from sdbench.predict.gpus import Gpu, gpu_named
from sdbench.suite.configuration import Configuration
from sdbench.units import GIB

TABLE = Path(__file__).with_name("data") / "published_memory.csv"

_AMPERE = (8, 0)
_ARCHITECTURES = {
    "SD 1.4 (CompVis/stable-diffusion-v1-4)": "sd15",
    "SD 1.4": "sd15",
    "SD 1.5": "sd15",
    "SD 1.x (StableDiffusionPipeline)": "sd15",
    "SD 2.1 base": "sd21",
    "SDXL base 1.0": "sdxl",
    "SDXL turbo": "sdxl",
    "SDXL UNet2DConditionModel one forward": "sdxl",
    "VAE encode SD 1.5": "sd15",
    "VAE decode SD 1.5": "sd15",
    "VAE encode SDXL": "sdxl",
    "VAE decode SDXL": "sdxl",
}
_ATTENTION = {"vanilla": "eager", "xformers": "sdpa", "": "default"}
_OPTIONS: Mapping[str, dict[str, JsonValue]] = {
    "": {},
    "vae slicing": {"vae_slicing": "on"},
    "VAE slicing on": {"vae_slicing": "on"},
    "vae tiling": {"vae_tiling": "on"},
    "model_cpu_offload": {"offload": "model"},
    "sequential_cpu_offload": {"offload": "sequential"},
    "vae slicing;sequential_cpu_offload": {"vae_slicing": "on", "offload": "sequential"},
}
_FITTED = {
    ("SD 1.4", "Tesla P100 16GB", ""),
    ("SD 1.4", "GTX 1070 8GB", ""),
    ("SD 1.4", "Tesla P100 16GB", "model_cpu_offload"),
    ("SD 1.4", "GTX 1070 8GB", "model_cpu_offload"),
    ("SD 1.5", "RTX3090", ""),
    ("SD 1.5", "A800-SXM4-80GB", ""),
    ("SDXL base 1.0", "Tesla P100 16GB", ""),
    ("SDXL turbo", "Tesla P100 16GB", ""),
    ("SDXL base 1.0", "RTX 3090", ""),
    ("SDXL base 1.0", "A800-SXM4-80GB", ""),
    ("SDXL base 1.0", "not stated", ""),
}
"""Model, GPU and options of the rows that workspaces were fitted on, and of those that repeat such
a row's configuration."""


class Definition(Enum):
    """What a published figure is."""

    ALLOCATED = "torch.cuda.max_memory_allocated"
    RESERVED = "torch.cuda.memory_reserved after one call"
    SHARE = "share of the GPU's memory, VAE alone (compared with reserved)"
    NOT_STATED = "not stated"


class Scope(Enum):
    """What of a pipeline was run."""

    PIPELINE = "pipeline"
    DENOISER = "denoiser, one forward"
    ENCODE = "VAE encode"
    DECODE = "VAE decode"


@dataclass(frozen=True, slots=True)
class Row:
    """A row that can be compared.

    Attributes:
        number: Its line in the file, 1 for the header.
        model: Name of the model as published.
        gpu_name: Name of the GPU as published.
        settings: What else was published, in short.
        knobs: The configuration.
        scope: What of the pipeline was run.
        gpu: The GPU; None where the source does not tell which, or how much memory it has.
        capability: Its compute capability, that of an Ampere GPU where none is told.
        definition: What the figure is.
        published_bytes: The figure; None where memory ran out.
        is_fitted: Whether constants were fitted on it.
        source: Where it was published.
    """

    number: int
    model: str
    gpu_name: str
    settings: str
    knobs: Mapping[str, JsonValue]
    scope: Scope
    gpu: Gpu | None
    capability: tuple[int, int]
    definition: Definition
    published_bytes: int | None
    is_fitted: bool
    source: str

    @property
    def ran_out(self) -> bool:
        """Whether memory ran out."""
        return self.published_bytes is None


@dataclass(frozen=True, slots=True)
class Excluded:
    """A row that cannot be compared, and why."""

    number: int
    reason: str


def read_rows() -> list[Row | Excluded]:
    """All rows, in the order of the file."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        return [_row(number, raw) for number, raw in enumerate(csv.DictReader(file), start=2)]


def _row(number: int, raw: Mapping[str, str]) -> Row | Excluded:
    reason = _why_not(raw)
    if reason is not None:
        return Excluded(number, reason)
    gpu = _gpu(raw["gpu"])
    model, options = raw["pipeline_model"], raw["other_opts"]
    published = raw["peak_vram_gib"]
    return Row(
        number=number,
        model=model,
        gpu_name=raw["gpu"],
        settings=_settings(raw),
        knobs=_knobs(raw),
        scope=_scope(raw),
        gpu=gpu,
        capability=_AMPERE if gpu is None else gpu.compute_capability,
        definition=_definition(raw),
        published_bytes=round(float(published) * GIB) if raw["status"] == "ok" else None,
        is_fitted=(model, raw["gpu"], options) in _FITTED,
        source=raw["source_url_or_repo_path"],
    )


def _why_not(raw: Mapping[str, str]) -> str | None:
    """Why a row cannot be compared; None where it can."""
    options, gpu = raw["other_opts"], raw["gpu"]
    if "AITemplate" in raw["source_url_or_repo_path"]:
        return "the figure is of a process that held compiled modules beside the pipeline"
    if "tomesd" in options:
        return "tomesd changes the model"
    if "autocast" in raw["dtype"]:
        return (
            "autocast computes norms and softmax in fp32 on fp16 weights: sdbench has no such knob"
        )
    if "compile" in options or "OneDiff" in raw["attention"]:
        return "the memory of compiled modules is not predicted"
    if options in ("no text encoders", "AutoencoderTiny"):
        return "another pipeline than the published one: sdbench has no such knob"
    if options in ("layerwise upcasting", "group offload leaf"):
        return "one forward of a denoiser with hooks that sdbench turns for whole pipelines only"
    if raw["pipeline_model"] not in _ARCHITECTURES:
        return f"sdbench has no architecture of {raw['pipeline_model']}"
    if raw["dtype"] == "see source":
        return "neither GPU, data type nor size are told"
    if raw["status"] == "oom" and _gpu(gpu) is None:
        return f"it ran out of memory on {gpu}, and how much that has is not told"
    return None


def _gpu(name: str) -> Gpu | None:
    try:
        return gpu_named(name)
    except IllegalValue:
        return None


def _definition(raw: Mapping[str, str]) -> Definition:
    text = raw["vram_definition"]
    if text.startswith("DERIVED"):
        return Definition.SHARE
    if "reserved" in text and "max_memory_allocated" not in text:
        return Definition.RESERVED
    return Definition.NOT_STATED if "not stated (max" in text else Definition.ALLOCATED


def _scope(raw: Mapping[str, str]) -> Scope:
    if raw["scope"] == "vae only":
        return Scope.ENCODE if "encode" in raw["pipeline_model"] else Scope.DECODE
    return Scope.PIPELINE if raw["scope"] == "pipeline" else Scope.DENOISER


def _dtype(raw: Mapping[str, str]) -> str:
    """The data type; the VAE of SDXL overflows in fp16, so alone it is taken to run in fp32."""
    if raw["scope"] == "vae only" and "SDXL" in raw["pipeline_model"]:
        return "fp32"
    return raw["dtype"].split()[0]


def _knobs(raw: Mapping[str, str]) -> Mapping[str, JsonValue]:
    architecture = _ARCHITECTURES[raw["pipeline_model"]]
    attention = raw["attention"].split()[0] if raw["attention"] else ""
    values: dict[str, JsonValue] = {
        "pipeline": {"architecture": architecture},
        "dtype": _dtype(raw),
        "height": int(float(raw["height"])),
        "width": int(float(raw["width"])),
        "batch_size": int(raw["batch_size"]) if raw["batch_size"].isdigit() else 1,
        "attention": _ATTENTION.get(attention, attention),
    }
    if architecture == "sd15" and raw["scope"] == "pipeline" and not _has_safety_checker(raw):
        values["safety_checker"] = "off"
    if raw["pipeline_model"] == "SDXL turbo":
        values["guidance_scale"] = 0.0
    return Configuration.of({**values, **_OPTIONS[raw["other_opts"]]}).knobs


def _has_safety_checker(raw: Mapping[str, str]) -> bool:
    """Whether the source loads SD 1.x as it is; Lambda's and OneDiff's scripts take it out."""
    return "gperdrizet" in raw["source_url_or_repo_path"]


def _settings(raw: Mapping[str, str]) -> str:
    size = int(float(raw["height"]))
    words = [raw["dtype"].split(" (")[0], str(size)]
    if raw["batch_size"].isdigit():
        words.append(f"batch {raw['batch_size']}")
    words += [word for word in (raw["attention"].split(" (")[0], raw["other_opts"]) if word]
    return ", ".join(words)
