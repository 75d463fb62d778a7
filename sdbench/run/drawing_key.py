"""Names a drawing by all that it comes from, so that it need not be drawn again."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path

from sdbench.jsontypes import JsonValue, canonical_json
from sdbench.knobs.base import PICTURE_EFFECTS
from sdbench.knobs.pipeline import custom_pipeline
from sdbench.pipelines.base import Pipeline
from sdbench.results.fidelity import Subject
from sdbench.run.environment import versions
from sdbench.suite.configuration import Configuration
from sdbench.suite.model import PICTURES, Inputs

_KEY_HEX_DIGITS = 16
_FORMAT = 2
"""Raised when what is drawn for equal settings changes."""


def drawing_key(
    pipeline: Pipeline, configuration: Configuration, subjects: Sequence[Subject], inputs: Inputs
) -> str:
    """Equal for equal weights, settings, subjects, input pictures, own code and library versions.

    Files are named by absolute paths, and stand for what they hold.

    Raises:
        OSError: An input picture, or a custom pipeline's file, cannot be read.
    """
    knobs = configuration.effect_part(*PICTURE_EFFECTS)
    source = knobs.pop("pipeline")  # wherever it was loaded from, its content says what it is
    content: dict[str, JsonValue] = {
        "format": _FORMAT,
        "pipeline": pipeline.content_digest(),
        "knobs": knobs,
        "subjects": [[subject.prompt, subject.seed] for subject in subjects],
        "inputs": {
            name: _file_digest(Path(value)) if name in PICTURES and value else value
            for name, value in dataclasses.asdict(inputs).items()
            if name in ("negative_prompt", *PICTURES)
        },
        "versions": dict(versions()),
    }
    if (code := custom_pipeline(source)) is not None:
        content["code"] = _code_digest(code)
    digest = hashlib.sha256(canonical_json(content).encode()).hexdigest()
    return digest[:_KEY_HEX_DIGITS]


def _code_digest(code: str) -> str:
    """Names a custom pipeline by its code where that lies here, else by its name."""
    path = Path(code)
    file = path / "pipeline.py" if path.is_dir() else path
    return _file_digest(file) if file.is_file() else code


def _file_digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
