"""Which pipeline is loaded: a hub id, a local folder or a built-in one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sdbench.errors import IllegalValue
from sdbench.jsontypes import JsonValue
from sdbench.knobs.base import Code, LoadKnob

BUILTIN_PIPELINES = ("tiny",)
SOURCES = ("id", "path", "builtin")
OPTIONS = ("revision", "variant", "custom_pipeline", "trust_remote_code")
LEGAL = (
    "a mapping with one of id (of a hub), path (of a folder) or builtin "
    f"({', '.join(BUILTIN_PIPELINES)}), and optionally {', '.join(OPTIONS)}; or a hub id, or a "
    "built-in name, as a word"
)


class PipelineKnob(LoadKnob):
    name = "pipeline"
    summary = "the pipeline (checkpoint) that is loaded"

    def parse(self, raw: JsonValue) -> JsonValue:
        if isinstance(raw, str):
            raw = {"builtin" if raw in BUILTIN_PIPELINES else "id": raw}
            if "id" in raw and "/" not in str(raw["id"]):
                raise IllegalValue(raw["id"], [*BUILTIN_PIPELINES, "owner/name of a hub"])
        if not isinstance(raw, Mapping) or sum(source in raw for source in SOURCES) != 1:
            raise IllegalValue(raw, LEGAL)
        for key, value in raw.items():
            if key not in (*SOURCES, *OPTIONS):
                raise IllegalValue(key, [*SOURCES, *OPTIONS])
            if key == "trust_remote_code":
                if not isinstance(value, bool):
                    raise IllegalValue(value, ["true", "false"])
            elif not isinstance(value, str) or not value:
                raise IllegalValue(value, f"a text for {key}")
        if "builtin" in raw:
            if raw["builtin"] not in BUILTIN_PIPELINES:
                raise IllegalValue(raw["builtin"], BUILTIN_PIPELINES)
            for option in OPTIONS:
                if option in raw:
                    raise IllegalValue(
                        option, "builtin alone: it is built in code, without options"
                    )
        return {key: raw[key] for key in sorted(raw)}

    def schema(self) -> dict[str, Any]:
        options: dict[str, Any] = {option: {"type": "string"} for option in OPTIONS}
        options["trust_remote_code"] = {"type": "boolean"}
        sources: dict[str, dict[str, Any]] = {source: {"type": "string"} for source in SOURCES}
        sources["builtin"] = {"enum": list(BUILTIN_PIPELINES)}
        mappings = [
            {
                "type": "object",
                "properties": {source: schema, **options},
                "required": [source],
                "additionalProperties": False,
            }
            for source, schema in sources.items()
        ]
        return {"anyOf": [{"type": "string"}, *mappings]}

    def text(self, value: JsonValue) -> str:
        if not isinstance(value, Mapping):
            return super().text(value)
        source = next(str(value[source]) for source in SOURCES if source in value)
        options = [f"{key}={value[key]}" for key in OPTIONS if key in value]
        return f"{source} ({', '.join(options)})" if options else source

    def load_arguments(self, value: JsonValue) -> dict[str, Any]:
        assert isinstance(value, Mapping)
        return {key: value[key] for key in OPTIONS if key in value}

    def code(self, value: JsonValue) -> Code:
        assert isinstance(value, Mapping)
        if "builtin" in value:
            return Code(
                imports=(f"from sdbench.pipelines.{value['builtin']} import build_pipeline",),
                load_function="build_pipeline",
            )
        source = value.get("id", value.get("path"))
        options = (f"{key}={option!r}" for key, option in self.load_arguments(value).items())
        return Code(
            imports=("from diffusers import DiffusionPipeline",),
            load_function="DiffusionPipeline.from_pretrained",
            load_arguments=(repr(source), *options),
        )
