"""Every figure counts float32, four bytes an element, unless a test says otherwise."""

from __future__ import annotations

import pytest
import torch

from sdbench.devices.allocator_message import read_message
from sdbench.devices.tensor_bytes import TensorBytes


def test_a_new_tensor_counts_all_its_bytes() -> None:
    with TensorBytes([]) as counter:
        kept = torch.empty(1000)
    assert counter.live_bytes == counter.peak_bytes == 4000
    assert kept.numel() == 1000


def test_a_data_type_of_half_the_width_counts_half() -> None:
    with TensorBytes([]) as counter:
        kept = torch.empty(1000, dtype=torch.float16)
    assert counter.live_bytes == kept.nbytes == 2000


def test_views_of_a_tensor_count_once() -> None:
    with TensorBytes([]) as counter:
        whole = torch.empty(10, 100)
        views = [whole[2:], whole.t(), whole.view(-1), *whole.split(5)]
        assert counter.live_bytes == 4000
    assert len(views) == 5


def test_a_view_keeps_the_bytes_of_the_whole_alive() -> None:
    with TensorBytes([]) as counter:
        whole = torch.empty(1000)
        part = whole[:1]
        del whole
        assert counter.live_bytes == 4000
        del part
        assert counter.live_bytes == 0


def test_work_in_place_adds_nothing() -> None:
    with TensorBytes([]) as counter:
        tensor = torch.zeros(1000)
        tensor.add_(1).mul_(2)
        torch.add(tensor, 1, out=tensor)
    assert counter.peak_bytes == 4000


def test_the_peak_remembers_what_was_freed_since() -> None:
    with TensorBytes([]) as counter:
        first = torch.empty(1000)  # 4000
        second = first + 1  # 8000
        del first
        third = torch.empty(500)  # 4000 + 2000
    assert counter.peak_bytes == 8000
    assert counter.live_bytes == second.nbytes + third.nbytes == 6000


def test_temporary_results_count_while_they_live() -> None:
    with TensorBytes([]) as counter:
        # 4000 for the operand, 4000 for x + 1, 4000 for the product; then x + 1 goes.
        x = torch.empty(1000)
        x = (x + 1) * 2
    assert counter.peak_bytes == 12000
    assert counter.live_bytes == x.nbytes == 4000


def test_each_stage_has_its_own_peak() -> None:
    with TensorBytes([]) as counter:
        weights = torch.empty(1000)  # other: 4000
        counter.enter_stage("denoiser")
        latents = torch.empty(250) + 1  # denoiser: 4000 + 1000 + 1000, then 5000
        counter.leave_stage("denoiser")
        image = torch.empty(100)  # other: 5000 + 400
        counter.enter_stage("vae_decode")
        counter.leave_stage("vae_decode")  # nothing new: what was there when it began
    assert counter.peak_bytes_by_stage == {"other": 5400, "denoiser": 6000, "vae_decode": 5400}
    assert counter.peak_bytes == 6000
    assert counter.live_bytes == weights.nbytes + latents.nbytes + image.nbytes


def test_resident_tensors_count_from_the_start() -> None:
    weight = torch.empty(1000)
    with TensorBytes([weight]) as counter:
        kept = weight + 1
    assert counter.peak_bytes == weight.nbytes + kept.nbytes == 8000


def test_a_weight_that_two_modules_share_counts_once() -> None:
    first, second = (torch.nn.Linear(10, 10, bias=False) for _ in range(2))
    second.weight = first.weight
    with TensorBytes([*first.parameters(), *second.parameters(), first.weight[:5]]) as counter:
        pass
    assert counter.peak_bytes == 400


def test_what_a_call_only_reads_counts_once_it_is_seen_as_a_result() -> None:
    """A scheduler's table is no weight: only a view of it, a result, shows that it is there."""
    table = torch.arange(100.0)
    with TensorBytes([]) as counter:
        table.sum()
        assert counter.peak_bytes == 4  # the sum alone
        entry = table[3]
        assert counter.live_bytes == 400
    assert entry == 3


def test_a_storage_that_is_resized_counts_its_new_size() -> None:
    with TensorBytes([]) as counter:
        tensor = torch.empty(10)
        tensor.resize_(100)
        assert counter.live_bytes == 400
        del tensor
        assert counter.live_bytes == 0


def test_all_results_of_an_operation_count() -> None:
    with TensorBytes([]) as counter:
        values, indices = torch.empty(10).sort()
        # the values and eight bytes an index; the operand is gone
        assert counter.live_bytes == values.nbytes + indices.nbytes == 40 + 80


def test_empty_tensors_count_nothing() -> None:
    with TensorBytes([]) as counter:
        kept = torch.empty(0)
    assert counter.peak_bytes == kept.nbytes == 0


def test_memory_does_not_grow_with_every_use() -> None:
    """Regression of optimum-benchmark: its memory grew with every poll."""
    weight = torch.empty(1000)
    peaks = []
    for _ in range(5):
        with TensorBytes([weight]) as counter:
            (weight * 2).sum()
        peaks.append((counter.peak_bytes, counter.live_bytes))
        assert set(counter._sizes.values()) == {4000}
    # 4000 + 4000 and the sum's 4; afterwards the weight alone
    assert peaks == [(8004, 4000)] * 5


def test_a_limit_may_be_reached_but_not_passed() -> None:
    with TensorBytes([], limit_bytes=4000):
        kept = torch.empty(1000)
    assert kept.nbytes == 4000
    with (
        pytest.raises(torch.OutOfMemoryError, match=r"Tried to allocate 4 bytes\.") as raised,
        TensorBytes([kept], limit_bytes=4000),
    ):
        torch.empty(1)
    read = read_message(str(raised.value), "memory", None)
    assert (read.requested_bytes, read.free_bytes, read.limit_bytes) == (4, 0, round(3.91 * 1024))


def test_tensors_that_exist_already_count_against_the_limit() -> None:
    with pytest.raises(torch.OutOfMemoryError):
        TensorBytes([torch.empty(1000)], limit_bytes=3999)


def test_what_was_refused_is_given_back() -> None:
    with TensorBytes([], limit_bytes=4000) as counter:
        with pytest.raises(torch.OutOfMemoryError):
            torch.empty(1001)
        kept = torch.empty(1000)
    assert counter.live_bytes == kept.nbytes


def test_a_tensor_without_memory_counts_nothing() -> None:
    with TensorBytes([], limit_bytes=10) as counter:
        torch.empty(1000, device="meta")
    assert counter.peak_bytes == 0
