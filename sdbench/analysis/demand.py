"""What of a suite is to be made to fit: the configuration that asks for the most memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from sdbench.knobs.registry import KNOBS
from sdbench.suite.configuration import Configuration


def demand(configuration: Configuration) -> tuple[int, int, int, int]:
    """Sorts configurations by the memory that they ask for: pixels, precision, savings left off."""
    knobs = configuration.knobs
    batch, height, width = (knobs[name] for name in ("batch_size", "height", "width"))
    assert isinstance(batch, int)
    pixels = (height or 0) * (width or 0)  # type: ignore[operator]
    savings = Counter(
        knobs[name] == KNOBS[name].neutral
        for name in ("offload", "attention_slicing", "vae_slicing", "vae_tiling")
    )
    return batch, int(pixels), int(knobs["dtype"] == "fp32"), savings[True]


def most_demanding(configurations: Sequence[Configuration]) -> Configuration:
    """The configuration that asks for the most memory; of several the first.

    A size that is left to the pipeline is not known here, and counts as the smallest.
    """
    return max(configurations, key=demand)


def half_dtype(configurations: Iterable[Configuration]) -> str | None:
    """The half precision that a suite sweeps, or None."""
    halves = {str(one.knobs["dtype"]) for one in configurations} - {"fp32"}
    return min(halves, default=None)
