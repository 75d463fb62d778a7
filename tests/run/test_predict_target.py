"""What a run predicts for."""

from __future__ import annotations

import pytest

from sdbench.jsontypes import JsonValue
from sdbench.run.messages import Ready
from sdbench.run.predict_target import cpu_here, target_of
from sdbench.units import GIB


def ready(**fingerprint: JsonValue) -> Ready:
    return Ready(
        device="NVIDIA GeForce RTX 3090",
        slug="rtx-3090",
        torch_device="cuda",
        fingerprint=fingerprint,
        environment={},
    )


@pytest.mark.parametrize(
    ("asked_gib", "told_gib"), [(None, 24), (8, 8), (80, 24)], ids=["none", "less", "more"]
)
@pytest.mark.parametrize("more", [{"compute_capability": "8.6"}, {}], ids=["CUDA", "scripted"])
def test_a_limit_counts_where_the_device_has_more(
    asked_gib: int | None, told_gib: int, more: dict[str, JsonValue]
) -> None:
    """With ``--memory-limit 80GiB``, what needs 40 GiB was predicted to fit into 24."""
    limit_bytes = None if asked_gib is None else asked_gib * GIB
    target = target_of(ready(total_memory_bytes=24 * GIB, **more), limit_bytes)
    assert target.limit_bytes == told_gib * GIB


def test_of_a_cpu_no_limit_is_known_but_the_users() -> None:
    assert target_of(ready(), None).limit_bytes is None
    assert target_of(ready(), GIB).limit_bytes == GIB


def test_this_machines_cpu_has_no_more_than_it_has() -> None:
    whole = cpu_here().limit_bytes
    assert whole is not None
    assert cpu_here(2 * whole).limit_bytes == whole
    assert cpu_here(whole // 2).limit_bytes == whole // 2
