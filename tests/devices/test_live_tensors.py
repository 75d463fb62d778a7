from __future__ import annotations

import torch

from sdbench.devices.live_tensors import live_tensor_bytes

SIZE = 1 << 20


def test_a_tensor_counts_as_long_as_it_lives() -> None:
    before = live_tensor_bytes()
    kept = torch.empty(SIZE, dtype=torch.uint8)
    assert live_tensor_bytes() - before == SIZE
    del kept
    assert live_tensor_bytes() == before


def test_views_and_parameters_count_their_storage_once() -> None:
    before = live_tensor_bytes()
    layer = torch.nn.Linear(256, 1024, bias=False)  # 1 MiB of fp32
    views = [layer.weight.t(), layer.weight.detach()]
    assert live_tensor_bytes() - before == SIZE
    assert len(views) == 2


def test_a_tensor_without_memory_counts_nothing() -> None:
    before = live_tensor_bytes()
    meta = torch.empty(SIZE, device="meta")
    sparse = torch.eye(2).to_sparse()
    assert live_tensor_bytes() - before < 1024
    assert meta.numel() == SIZE
    assert sparse.is_sparse
