"""Keeps predictions under a hash of all that they follow from. The folder can be removed any time.

A prediction follows from the files that describe a pipeline, not from its weights; from the knobs
that move memory; from the kind of device; and from the code of sdbench and the libraries that run.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

import sdbench
from sdbench.jsontypes import JsonValue, canonical_json
from sdbench.knobs.pipeline import is_built
from sdbench.knobs.scheduler import NEEDED_PACKAGES
from sdbench.predict.footprint import Footprint
from sdbench.predict.memory_knobs import memory_knobs
from sdbench.suite.configuration import Configuration
from sdbench.suite.model import Inputs

_KEY_HEX_DIGITS = 32
_READ_SUFFIXES = (".json", ".py", ".txt", ".model", ".jinja", ".csv")
"""Of a pipeline's files, those that describe it; no value of its weights is ever looked at."""
_OPTIONAL_PACKAGES = sorted(set(NEEDED_PACKAGES.values()))
"""Of schedulers; the versions of all others are told."""
_HEADER_BYTES = 1 << 20
"""Of a checkpoint in one file; names, shapes and data types of its tensors come first."""
_INDEX = "model_index.json"

_FOOTPRINTS: TypeAdapter[Footprint] = TypeAdapter(Footprint)


class PredictionCache:
    """Predictions in a folder, a file each.

    Args:
        folder: It is made when something is kept.
        inputs: What the suite draws.
        capability: Compute capability of a CUDA device; None for the CPU.
        versions: Of the libraries that run.
    """

    def __init__(
        self,
        folder: Path,
        inputs: Inputs,
        capability: tuple[int, int] | None,
        versions: Mapping[str, JsonValue],
    ) -> None:
        self._folder = folder
        self._common: dict[str, JsonValue] = {
            "capability": list(capability) if capability else None,
            "versions": dict(versions),
            # What is Unsupported for want of one is no longer so when it is there.
            "has_packages": {name: find_spec(name) is not None for name in _OPTIONAL_PACKAGES},
            "code": _own_code(),
            "has_negative_prompt": inputs.negative_prompt is not None,
            "pictures": [_picture(path) for path in (inputs.image, inputs.mask)],
        }
        self._contents: dict[str, JsonValue] = {}

    def load(self, configuration: Configuration) -> Footprint | None:
        """What was kept of it, or None; a damaged file counts as none."""
        path = self._path(configuration)
        if path is None:
            return None
        try:
            return _FOOTPRINTS.validate_json(path.read_bytes())
        except (OSError, ValidationError, ValueError):
            return None

    def keep(self, configuration: Configuration, footprint: Footprint) -> None:
        """Keeps what is lasting; a folder that cannot be written keeps nothing."""
        path = self._path(configuration) if footprint.is_lasting else None
        if path is None:
            return
        partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(_FOOTPRINTS.dump_json(footprint))
            partial.replace(path)

    def _path(self, configuration: Configuration) -> Path | None:
        knobs = memory_knobs(configuration)
        content = self._content(knobs.pop("pipeline"))
        if content is None:
            return None
        text = canonical_json({**self._common, "pipeline": content, "knobs": knobs})
        name = hashlib.sha256(text.encode()).hexdigest()[:_KEY_HEX_DIGITS]
        return self._folder / f"{name}.json"

    def _content(self, source: JsonValue) -> JsonValue:
        """What a pipeline is made of; None where that cannot be told without loading it."""
        key = canonical_json(source)
        found = self._contents.get(key)
        if found is None:
            assert isinstance(source, Mapping)
            try:
                found = pipeline_content(source)
            except OSError:
                return None
            if found is not None:
                self._contents[key] = found
        return found


def pipeline_content(source: Mapping[str, Any]) -> JsonValue:
    """Names what a pipeline is made of, its weights' values aside; None where it is not here yet.

    Args:
        source: Value of the knob ``pipeline``.

    Raises:
        OSError: A file cannot be read.
    """
    content = dict(source)
    if code := source.get("custom_pipeline"):
        if not Path(code).is_file():
            return None
        content["custom_pipeline"] = _digest(Path(code).read_bytes())
    if is_built(source):
        return content
    if "single_file" in source:
        checkpoint = Path(source["single_file"])
        with checkpoint.open("rb") as file:
            header = _digest(file.read(_HEADER_BYTES))
        return {**content, "single_file": [header, checkpoint.stat().st_size]}
    folder = Path(source["path"]) if "path" in source else _downloaded(source)
    if folder is None:
        return None
    return {**content, ("path" if "path" in source else "id"): _folder_digest(folder)}


def _downloaded(source: Mapping[str, Any]) -> Path | None:
    """The folder of a hub's repository, where it is on this machine."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(source["id"], _INDEX, revision=source.get("revision"))
    return Path(found).parent if isinstance(found, str) else None


def _folder_digest(folder: Path) -> str:
    entries = _entries(folder)
    if not entries:
        raise FileNotFoundError(f"{folder} has no files")
    return _digest(canonical_json(entries).encode())


def _entries(folder: Path) -> list[JsonValue]:
    return [
        [path.relative_to(folder).as_posix(), _digest(path.read_bytes())]
        for path in sorted(folder.rglob("*"))
        if path.suffix in _READ_SUFFIXES and path.is_file()
    ]


@cache
def _own_code() -> str:
    """Names the code and the configurations that come with sdbench."""
    package = Path(sdbench.__file__).parent
    parts = ("knobs", "pipelines", "predict")
    return _digest(canonical_json([_entries(package / part) for part in parts]).encode())


def _picture(path: str | None) -> JsonValue:
    """Names a picture to start from, whose size decides memory; None without a readable one."""
    with suppress(OSError):
        return _digest(Path(path).read_bytes()) if path else None
    return None


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
