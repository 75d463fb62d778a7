"""What every knob takes and refuses, as a suite writes it."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from sdbench.errors import IllegalValue
from sdbench.knobs.pipeline import has_random_weights
from sdbench.knobs.registry import KNOBS, describe, neutral_values, varying_knobs

LEGAL: list[tuple[str, Any, Any]] = [
    # knob, as written in a suite, canonical
    ("pipeline", "tiny", {"builtin": "tiny"}),
    ("pipeline", {"builtin": "tiny"}, {"builtin": "tiny"}),
    ("pipeline", "owner/name", {"id": "owner/name"}),
    ("pipeline", {"path": "./folder"}, {"path": "./folder"}),
    (
        "pipeline",
        {"variant": "fp16", "id": "owner/name", "trust_remote_code": False},
        {"id": "owner/name", "trust_remote_code": False, "variant": "fp16"},
    ),
    ("pipeline", {"id": "owner/name", "allow_pickle": False}, {"id": "owner/name"}),
    (
        "pipeline",
        {"single_file": "a.ckpt", "allow_pickle": True, "pipeline_class": "FluxPipeline"},
        {"allow_pickle": True, "pipeline_class": "FluxPipeline", "single_file": "./a.ckpt"},
    ),
    ("pipeline", {"path": "models//b/../a/"}, {"path": "./models/a"}),
    ("pipeline", {"path": r".\models\a"}, {"path": "./models/a"}),
    ("pipeline", {"path": "."}, {"path": "."}),
    ("pipeline", {"path": "../a"}, {"path": "../a"}),
    ("pipeline", {"path": "/models/a"}, {"path": "/models/a"}),
    ("pipeline", {"path": "~/models/a"}, {"path": "~/models/a"}),
    ("pipeline", {"path": r"C:\models\a"}, {"path": r"C:\models\a"}),
    (
        "pipeline",
        {"single_file": "https://hub.example/a//b.ckpt", "config": "owner/name"},
        {"config": "owner/name", "single_file": "https://hub.example/a//b.ckpt"},
    ),
    ("pipeline", "emoji-int8", {"builtin": "emoji-int8"}),
    (
        "pipeline",
        {"builtin": "tiny", "custom_pipeline": "./mega.py", "trust_remote_code": True},
        {"builtin": "tiny", "custom_pipeline": "./mega.py", "trust_remote_code": True},
    ),
    (
        "pipeline",
        {"weights": "random", "architecture": "sdxl"},
        {"architecture": "sdxl", "weights": "random"},
    ),
    ("task", "text-to-image", "text-to-image"),
    ("task", "inpainting", "inpainting"),
    ("safety_checker", "default", "default"),
    ("safety_checker", "on", "on"),
    ("safety_checker", "off", "off"),
    ("dtype", "fp32", "fp32"),
    ("dtype", "fp16", "fp16"),
    ("dtype", "bf16", "bf16"),
    ("offload", "none", "none"),
    ("offload", "model", "model"),
    ("offload", "sequential", "sequential"),
    ("offload", "group", "group"),
    ("offload", "group_blocks", "group_blocks"),
    ("offload", "group_low_memory", "group_low_memory"),
    ("allocator", "default", "default"),
    ("allocator", "expandable_segments", "expandable_segments"),
    ("compile", "off", "off"),
    ("compile", "default", "default"),
    ("compile", "reduce-overhead", "reduce-overhead"),
    ("compile", "max-autotune", "max-autotune"),
    ("tf32", "default", "default"),
    ("tf32", "off", "off"),
    ("tf32", "on", "on"),
    ("threads", 1, 1),
    ("threads", 64, 64),
    ("channels_last", "on", "on"),
    ("channels_last", True, "on"),
    ("channels_last", False, "off"),
    ("scheduler", "default", "default"),
    ("scheduler", "euler", "euler"),
    ("scheduler", "EulerDiscreteScheduler", "EulerDiscreteScheduler"),
    ("scheduler", {"name": "euler"}, "euler"),
    (
        "scheduler",
        {"use_karras_sigmas": True, "name": "euler", "beta_end": 0.01},
        {"name": "euler", "beta_end": 0.01, "use_karras_sigmas": True},
    ),
    ("attention", "default", "default"),
    ("attention", "sdpa", "sdpa"),
    ("attention", "eager", "eager"),
    ("attention", "sliced", "sliced"),
    ("attention", "xformers", "xformers"),
    ("attention", "_native_math", "_native_math"),
    ("attention_slicing", "off", "off"),
    ("attention_slicing", False, "off"),
    ("attention_slicing", "auto", "auto"),
    ("attention_slicing", "max", "max"),
    ("attention_slicing", 2, 2),
    ("vae_slicing", "off", "off"),
    ("vae_slicing", True, "on"),
    ("vae_tiling", "on", "on"),
    ("vae_tiling", False, "off"),
    ("steps", 1, 1),
    ("steps", 50, 50),
    ("height", 8, 8),
    ("height", 512, 512),
    ("width", 768, 768),
    ("guidance_scale", 0, 0.0),
    ("guidance_scale", 7, 7.0),
    ("guidance_scale", 7.5, 7.5),
    ("strength", 1, 1.0),
    ("strength", 0.6, 0.6),
    ("batch_size", 1, 1),
    ("batch_size", 16, 16),
    ("prompt", "a dog", "a dog"),
]

ILLEGAL: list[tuple[str, Any]] = [
    ("pipeline", "no-owner"),
    ("pipeline", ""),
    ("pipeline", 3),
    ("pipeline", None),
    ("pipeline", {}),
    ("pipeline", {"variant": "fp16"}),
    ("pipeline", {"id": "owner/name", "path": "./folder"}),
    ("pipeline", {"id": ""}),
    ("pipeline", {"id": 3}),
    ("pipeline", {"builtin": "unknown"}),
    ("pipeline", {"id": "owner/name", "color": "red"}),
    ("pipeline", {"builtin": "tiny", "variant": "fp16"}),
    ("pipeline", {"path": "./folder", "revision": "main"}),
    ("pipeline", {"id": "owner/name", "config": "./folder"}),
    ("pipeline", {"id": "owner/name", "allow_pickle": "yes"}),
    ("pipeline", {"architecture": "sdxl"}),
    ("pipeline", {"architecture": "sdxl", "weights": "trained"}),
    ("pipeline", {"architecture": "unknown", "weights": "random"}),
    ("task", "text2image"),
    ("task", None),
    ("safety_checker", "none"),
    ("pipeline", {"id": "owner/name", "trust_remote_code": "yes"}),
    ("dtype", "float16"),
    ("dtype", "FP16"),
    ("dtype", 16),
    ("dtype", None),
    ("offload", "cpu"),
    ("offload", False),
    ("allocator", "expandable_segments:True"),
    ("allocator", True),
    ("compile", "on"),
    ("compile", True),
    ("tf32", True),
    ("tf32", "high"),
    ("threads", 0),
    ("threads", -1),
    ("threads", 1.0),
    ("threads", True),
    ("threads", "all"),
    ("channels_last", "yes"),
    ("channels_last", 1),
    ("scheduler", "eular"),
    ("scheduler", "EulerScheduler"),
    ("scheduler", None),
    ("scheduler", ["euler"]),
    ("scheduler", {"use_karras_sigmas": True}),
    ("scheduler", {"name": "euler", "timesteps": [1, 2]}),
    ("attention", "flash3"),
    ("attention", None),
    ("attention_slicing", "on"),
    ("attention_slicing", True),
    ("attention_slicing", 0),
    ("attention_slicing", -2),
    ("attention_slicing", 1.5),
    ("vae_slicing", "auto"),
    ("vae_slicing", None),
    ("vae_tiling", 256),
    ("steps", 0),
    ("steps", 20.0),
    ("steps", "20"),
    ("steps", True),
    ("height", 500),
    ("height", 0),
    ("height", "512"),
    ("width", -8),
    ("width", 513),
    ("guidance_scale", -0.1),
    ("guidance_scale", "7.5"),
    ("guidance_scale", True),
    ("guidance_scale", math.nan),
    ("strength", 0),
    ("strength", 1.01),
    ("strength", math.nan),
    ("strength", False),
    ("batch_size", 0),
    ("batch_size", 1.5),
    ("prompt", 3),
    ("prompt", ["a dog"]),
    ("prompt", None),
]

TEXTS: list[tuple[str, Any, str]] = [
    # knob, canonical value, as people read it
    ("pipeline", None, "default"),
    ("pipeline", {"builtin": "tiny"}, "tiny"),
    ("pipeline", {"id": "owner/name"}, "owner/name"),
    ("pipeline", {"id": "owner/name", "variant": "fp16"}, "owner/name (variant=fp16)"),
    ("pipeline", {"architecture": "sdxl", "weights": "random"}, "sdxl (weights=random)"),
    ("task", "inpainting", "inpainting"),
    ("safety_checker", "off", "off"),
    ("dtype", "fp16", "fp16"),
    ("offload", "model", "model"),
    ("allocator", "expandable_segments", "expandable_segments"),
    ("compile", "max-autotune", "max-autotune"),
    ("tf32", "on", "on"),
    ("threads", None, "default"),
    ("threads", 4, "4"),
    ("channels_last", "off", "off"),
    ("scheduler", "dpmpp_2m_karras", "dpmpp_2m_karras"),
    ("scheduler", {"name": "euler", "beta_end": 0.01}, "euler (beta_end=0.01)"),
    ("attention", "sdpa", "sdpa"),
    ("attention_slicing", "auto", "auto"),
    ("attention_slicing", 2, "2"),
    ("vae_slicing", "on", "on"),
    ("vae_tiling", "on", "on"),
    ("steps", 20, "20"),
    ("height", 512, "512"),
    ("width", 768, "768"),
    ("guidance_scale", 7.5, "7.5"),
    ("strength", 0.6, "0.6"),
    ("batch_size", 4, "4"),
    ("prompt", "a dog", "a dog"),
]


@pytest.mark.parametrize(
    ("source", "is_random"),
    [
        ({"builtin": "tiny"}, True),
        ({"architecture": "sdxl", "weights": "random"}, True),
        ({"builtin": "emoji"}, False),
        ({"builtin": "emoji-int8"}, False),
        ({"id": "owner/name"}, False),
        (None, False),
    ],
)
def test_pipelines_that_draw_noise_are_told(source: Any, is_random: bool) -> None:
    assert has_random_weights(source) == is_random


@pytest.mark.parametrize(("name", "raw", "canonical"), LEGAL)
def test_a_legal_value_is_read_as_its_canonical_form(name: str, raw: Any, canonical: Any) -> None:
    value = KNOBS[name].parse(raw)
    assert value == canonical
    assert type(value) is type(canonical)


@pytest.mark.parametrize(("name", "raw", "canonical"), LEGAL)
def test_a_canonical_form_is_its_own_canonical_form(name: str, raw: Any, canonical: Any) -> None:
    assert KNOBS[name].parse(canonical) == canonical


@pytest.mark.parametrize(("name", "raw"), ILLEGAL)
def test_an_illegal_value_is_refused_with_what_is_legal(name: str, raw: Any) -> None:
    with pytest.raises(IllegalValue) as raised:
        KNOBS[name].parse(raw)
    assert raised.value.legal


@pytest.mark.parametrize(("name", "value", "text"), TEXTS)
def test_a_value_reads_well(name: str, value: Any, text: str) -> None:
    assert KNOBS[name].text(value) == text


@pytest.mark.parametrize("rows", [LEGAL, ILLEGAL, TEXTS], ids=["legal", "illegal", "texts"])
def test_every_knob_is_in_every_table(rows: list[tuple[Any, ...]]) -> None:
    assert {row[0] for row in rows} == set(KNOBS)


@pytest.mark.parametrize("name", KNOBS)
def test_a_knob_has_a_schema_that_json_can_hold(name: str) -> None:
    schema = KNOBS[name].schema()
    assert isinstance(schema, dict)
    assert json.loads(json.dumps(schema)) == schema


@pytest.mark.parametrize("name", KNOBS)
def test_a_knob_is_summed_up_in_one_line(name: str) -> None:
    summary = KNOBS[name].summary
    assert summary
    assert summary == summary.strip()
    assert "\n" not in summary


@pytest.mark.parametrize("name", KNOBS)
def test_a_neutral_value_is_canonical_or_absent(name: str) -> None:
    neutral = KNOBS[name].neutral
    assert neutral is None or KNOBS[name].parse(neutral) == neutral


def test_costly_knobs_come_first() -> None:
    costs = [knob.cost.value for knob in KNOBS.values()]
    assert costs == sorted(costs, key=["load", "setup", "call"].index)


def test_only_what_differs_from_neutral_is_described() -> None:
    knobs = {**neutral_values(), "scheduler": "euler", "steps": 20, "vae_slicing": "on"}
    assert describe(knobs) == "scheduler euler, vae_slicing on, steps 20"


def test_what_is_asked_for_is_described_even_where_it_is_neutral() -> None:
    assert describe({"dtype": "fp32", "steps": 20}, {"dtype": None}) == "dtype fp32"


def test_knobs_vary_where_two_configurations_differ_in_the_order_of_the_registry() -> None:
    both = [{"steps": 2, "scheduler": name, "dtype": "bf16"} for name in ("euler", "ddim")]
    assert varying_knobs(both) == ("scheduler",)
    assert varying_knobs([*both, {**both[0], "steps": 4}]) == ("scheduler", "steps")


def test_no_knob_varies_among_less_than_two_configurations() -> None:
    assert varying_knobs([{"steps": 2}]) == ()
    assert varying_knobs([]) == ()
