"""Names a drawing by all that it comes from, so that it need not be drawn again."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path

from sdbench.jsontypes import JsonValue, canonical_json
from sdbench.knobs.base import PICTURE_EFFECTS
from sdbench.pipelines.base import Pipeline
from sdbench.results.fidelity import Subject
from sdbench.run.environment import versions
from sdbench.suite.configuration import Configuration
from sdbench.suite.model import Inputs

_KEY_HEX_DIGITS = 16
_FORMAT = 1
"""Raised when what is drawn for equal settings changes."""


def drawing_key(
    pipeline: Pipeline, configuration: Configuration, subjects: Sequence[Subject], inputs: Inputs
) -> str:
    """Equal for equal weights, settings, subjects, input pictures and library versions.

    Raises:
        OSError: An input picture cannot be read.
    """
    knobs = configuration.effect_part(*PICTURE_EFFECTS)
    del knobs["pipeline"]  # wherever it was loaded from, its content says what it is
    content: dict[str, JsonValue] = {
        "format": _FORMAT,
        "pipeline": pipeline.content_digest(),
        "knobs": knobs,
        "subjects": [[subject.prompt, subject.seed] for subject in subjects],
        "inputs": {
            name: _file_digest(Path(value)) if name in ("image", "mask") and value else value
            for name, value in dataclasses.asdict(inputs).items()
            if name in ("negative_prompt", "image", "mask")
        },
        "versions": dict(versions()),
    }
    digest = hashlib.sha256(canonical_json(content).encode()).hexdigest()
    return digest[:_KEY_HEX_DIGITS]


def _file_digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
