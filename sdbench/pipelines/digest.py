"""Names a loaded pipeline by what it holds, wherever it was loaded from."""

from __future__ import annotations

import hashlib
from typing import Any

import torch

from sdbench.jsontypes import canonical_json
from sdbench.pipelines.effective import modules

_CHUNK_ELEMENTS = 1 << 24


def content_digest(pipe: Any) -> str:
    """Hexadecimal name of the weights, the configurations and the shipped scheduler.

    Equal for equal content, on any machine; a GB of weights takes about a second.
    """
    digest = hashlib.blake2b(digest_size=16)
    for name, module in sorted(modules(pipe).items()):
        digest.update(f"{name}:{type(module).__name__}".encode())
        for key, tensor in sorted(module.state_dict().items()):
            digest.update(f"{key}:{tensor.dtype}:{tuple(tensor.shape)}".encode())
            for chunk in tensor.detach().reshape(-1).split(_CHUNK_ELEMENTS):
                digest.update(chunk.cpu().contiguous().view(torch.uint8).numpy())
    scheduler = {
        name: value for name, value in pipe.scheduler.config.items() if not name.startswith("_")
    }
    digest.update(type(pipe.scheduler).__name__.encode())
    digest.update(canonical_json(_plain(scheduler)).encode())
    return digest.hexdigest()


def _plain(value: Any) -> Any:
    """A configuration's value as JSON can hold it."""
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    return value if isinstance(value, (bool, int, float, str, type(None))) else str(value)
