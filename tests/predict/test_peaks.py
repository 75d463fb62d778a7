from __future__ import annotations

import pytest
from traces import begin, convolution, end, weights

from sdbench.predict.allocator import NoCapacity
from sdbench.predict.peaks import Peaks, peaks
from sdbench.predict.trace import Trace
from sdbench.units import KIB, MIB

AMPERE = (8, 0)


def test_on_the_cpu_live_bytes_are_taken_as_they_are() -> None:
    trace = Trace((weights(0, 1000), begin(1, 300), end(1, 300)))
    assert peaks(trace, None) == Peaks({"load": 1000, "denoiser": 1300}, None)


def test_on_a_gpu_blocks_are_counted_as_the_allocator_rounds_them() -> None:
    trace = Trace((weights(0, 1000), begin(1, 300), end(1, 300)))
    found = peaks(trace, AMPERE)
    assert found.allocated_bytes_by_stage == {"load": 1024, "denoiser": 1536}
    assert found.reserved_bytes == 2 * MIB
    assert (found.stage, found.allocated_bytes) == ("denoiser", 1536)


def test_a_stage_begins_with_what_is_there() -> None:
    trace = Trace(
        (weights(0, 512), begin(1, 512, "text_encoding"), end(1, 512, "vae_decode")),
    )
    assert peaks(trace, AMPERE).allocated_bytes_by_stage == {
        "load": 512,
        "text_encoding": 1024,
        "vae_decode": 1024,
    }


def test_cublas_keeps_its_workspace_from_the_first_product_on() -> None:
    events = (weights(0, 512), begin(1, 512), begin(2, 512, "vae_decode"))
    found = peaks(Trace(events, matmul_at=2), AMPERE).allocated_bytes_by_stage
    blas_bytes = 8320 * KIB
    assert found == {"load": 512, "denoiser": 1024 + blas_bytes, "vae_decode": 1536 + blas_bytes}


def test_cudnn_gives_its_workspace_back_after_each_convolution() -> None:
    """64 KiB of operands, as much workspace: 128 KiB while it runs, 64 KiB and 1 KiB after it."""
    size = 32 * KIB
    events = (begin(0, size), begin(1, size), begin(2, KIB, "vae_decode"))
    found = peaks(Trace(events, (convolution(at=2),)), AMPERE)
    assert found.allocated_bytes_by_stage == {"denoiser": 4 * size, "vae_decode": 2 * size + KIB}


def test_the_least_capacity_counts_what_cannot_be_given_back() -> None:
    """Of a segment of 100 MiB 2 MiB stay in use, so that it is still there beside 100 MiB more,
    while the peak is 102 MiB."""
    events = (
        begin(0, 100 * MIB),
        end(0, 100 * MIB),
        begin(1, 2 * MIB),
        begin(2, 100 * MIB),
    )
    found = peaks(Trace(events), AMPERE)
    assert found.allocated_bytes == 102 * MIB
    assert found.least_capacity_bytes == pytest.approx(200 * MIB, rel=0.01)


def test_the_least_capacity_is_less_than_what_is_reserved_where_segments_can_be_given_back() -> (
    None
):
    events = (begin(0, 100 * MIB), end(0, 100 * MIB), begin(1, 150 * MIB))
    found = peaks(Trace(events), AMPERE)
    assert found.reserved_bytes == 250 * MIB
    assert found.least_capacity_bytes == pytest.approx(150 * MIB, rel=0.01)
    bounded = peaks(Trace(events), AMPERE, capacity_bytes=160 * MIB)
    assert bounded.reserved_bytes == 150 * MIB


def test_a_device_that_has_too_little_is_told() -> None:
    with pytest.raises(NoCapacity):
        peaks(Trace((weights(0, 20 * MIB),)), AMPERE, capacity_bytes=10 * MIB)


def test_nothing_has_no_stage() -> None:
    assert peaks(Trace(()), AMPERE).stage is None
