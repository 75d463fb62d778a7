"""The suite that measures one configuration of a run again, as a file holds it."""

from __future__ import annotations

import io
import json
import textwrap
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.representer import SafeRepresenter

from sdbench.jsontypes import JsonValue
from sdbench.knobs.pipeline import LOADED, is_given
from sdbench.knobs.registry import KNOBS
from sdbench.suite.located import has_relative_paths
from sdbench.suite.model import FidelityProtocol, Inputs, Protocol, Suite

_LONGEST_NAME = 100
_SUFFIX = "-again"
_AT_THE_TOP = ("pipeline", "task")
_TIMES = {
    "time_budget_s": "time_budget",
    "timeout_s": "timeout",
    "load_timeout_s": "load_timeout",
}
"""Fields in seconds, and the keys that take a time with its unit."""

_WIDEST = 2**31
"""Columns: no line is broken, so that a text's own line ends are its only ones."""


def reproducing_suite(suite: Suite, knobs: Mapping[str, JsonValue]) -> str:
    """YAML that stands for exactly this configuration, measured as the suite measures it.

    Files are named as the suite names them. A pipeline that was handed over cannot be named in a
    suite: what stands there in its place says so.

    Args:
        suite: The suite that the configuration is from, for its inputs and its protocol.
        knobs: The configuration's values.
    """
    turned = {
        name: value
        for name, value in knobs.items()
        if name in _AT_THE_TOP or value != KNOBS[name].neutral
    }
    top = {name: turned.pop(name) for name in _AT_THE_TOP if name in turned}
    if top.get("task") == KNOBS["task"].neutral:
        del top["task"]
    sections: dict[str, Any] = {"inputs": _inputs(suite.inputs), "fixed": turned}
    sections["measure"] = {**_protocol(suite.measure), "default": "off"}
    if suite.fidelity is not None:
        sections["fidelity"] = _protocol_of_fidelity(suite.fidelity)
    parts = [
        _entry("name", suite.name[: _LONGEST_NAME - len(_SUFFIX)] + _SUFFIX),
        *_remarks(suite, top),
        *(_entry(name, value) for name, value in top.items()),
        *(_section(name, content) for name, content in sections.items() if content),
    ]
    if suite.fidelity is None:
        parts.append(_entry("fidelity", "off"))
    return "".join(parts)


def _remarks(suite: Suite, top: Mapping[str, JsonValue]) -> Iterator[str]:
    source = top.get("pipeline")
    if has_relative_paths(suite, source):
        yield "# Put it into the folder of the suite's file: paths are relative to that.\n"
    if isinstance(source, Mapping) and is_given(source):
        yield f"# A {source[LOADED]} that was handed over: say here where it is loaded from.\n"


def _inputs(inputs: Inputs) -> dict[str, JsonValue]:
    return _unusual(
        {
            "prompts": list(inputs.prompts),
            "negative_prompt": inputs.negative_prompt,
            "seed": inputs.seed,
            "image": inputs.image,
            "mask": inputs.mask,
        },
        {"prompts": list(Inputs().prompts), "seed": Inputs().seed},
    )


def _protocol(measure: Protocol) -> dict[str, JsonValue]:
    names = (
        *("warmup", "max_warmup", "min_samples", "max_samples", "target_interval"),
        *("time_budget_s", "timeout_s", "load_timeout_s", "confirm_rounds"),
    )
    return _written(names, measure, Protocol())


def _protocol_of_fidelity(protocol: FidelityProtocol) -> dict[str, JsonValue]:
    names = ("prompts", "seeds", "reference_steps", "reference_scheduler", "timeout_s")
    return _written(names, protocol, FidelityProtocol())


def _written(names: tuple[str, ...], given: Any, usual: Any) -> dict[str, JsonValue]:
    """The fields that differ from the defaults, as a file has them."""
    written: dict[str, JsonValue] = {}
    for name in names:
        value = getattr(given, name)
        if value == getattr(usual, name):
            continue
        if name in _TIMES:
            written[_TIMES[name]] = f"{Decimal(repr(value)).normalize():f}s"
        else:
            written[name] = list(value) if isinstance(value, tuple) else value
    return written


def _unusual(
    values: Mapping[str, JsonValue], usual: Mapping[str, JsonValue]
) -> dict[str, JsonValue]:
    return {name: value for name, value in values.items() if value != usual.get(name)}


def _section(name: str, content: Mapping[str, JsonValue]) -> str:
    return f"{name}:\n" + "".join(
        textwrap.indent(_entry(key, value), "  ") for key, value in content.items()
    )


def _entry(name: str, value: JsonValue) -> str:
    """One key with its value."""
    return _dumped(json.dumps({name: value}))


@lru_cache(maxsize=4096)
def _dumped(content: str) -> str:
    """JSON as YAML. The suites of one run share nearly all of their entries, so these are kept."""
    stream = io.StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.Representer = _Representer
    yaml.default_flow_style = False
    yaml.allow_unicode = True
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.width = _WIDEST
    yaml.dump(json.loads(content), stream)
    return stream.getvalue()


class _Representer(SafeRepresenter):
    """Writes texts of several lines with escapes, so that each is one line."""


def _text(representer: SafeRepresenter, text: str) -> ScalarNode:
    style = None if text.isprintable() else '"'
    node: ScalarNode = representer.represent_scalar("tag:yaml.org,2002:str", text, style=style)
    return node


_Representer.add_representer(str, _text)
