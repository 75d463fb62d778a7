"""Runs of one sweep on made-up devices, for tests of hardware comparisons."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from factories import around, record, run

from sdbench.results.record import Record, Status
from sdbench.results.store import Run

GPU = {"environment": {"torch_device": "cuda:0"}}
"""Fields of a run on a GPU."""


def sweep(
    per_image_s: float,
    fixed_s: float = 0.0,
    *,
    batches: Sequence[int] = (1, 2, 4),
    fits: int = 1000,
    spread: float = 0.001,
    busy: float | None = None,
    **knobs: Any,
) -> list[Record]:
    """A record for each batch of a device on which a call takes ``fixed_s + per_image_s * batch``.

    Args:
        per_image_s: Seconds that each image adds.
        fixed_s: Seconds that do not depend on the batch.
        batches: The batches.
        fits: The largest batch that does not run out of memory.
        spread: Half-width of the intervals, as a share.
        busy: Share of a call between the device's first and last kernel; not told where None.
        knobs: Further settings.
    """
    records = []
    for batch in batches:
        if batch > fits:
            records.append(record(batch_size=batch, status=Status.OOM, **knobs))
            continue
        samples = around(fixed_s + per_image_s * batch, spread)
        fields = {} if busy is None else {"device_samples_s": tuple(busy * s for s in samples)}
        records.append(record(batch_size=batch, samples_s=samples, fields=fields, **knobs))
    return records


def run_on(folder: Path, device: str, records: Sequence[Record], /, **fields: Any) -> Run:
    """A run on a GPU of this name, in a folder of its own."""
    place = folder / f"{device}-{len(list(folder.iterdir()))}"
    place.mkdir()
    return run(place, records, **{"device": device, **GPU, **fields})
