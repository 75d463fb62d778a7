"""What only a GPU can show. Run with ``pytest -m gpu`` where there is one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sdbench.results.record import Record, Status
from sdbench.run.controller import Controller, Job
from sdbench.run.environment import worker_environment
from sdbench.run.launch import SpawnLauncher
from sdbench.suite.configuration import Configuration
from sdbench.suite.model import Protocol, Suite
from sdbench.units import MIB

pytestmark = pytest.mark.gpu

SHARED = {"pipeline": {"builtin": "tiny"}, "steps": 4}


class Silent:
    def phase(self, configuration: Configuration, phase: str) -> None: ...

    def finished(self, configuration: Configuration, record: Record) -> None: ...

    def note(self, text: str) -> None: ...


class Gpu:
    """A worker on the first GPU."""

    def __init__(self, folder: Path) -> None:
        suite = Suite(name="gpu", fixed=SHARED, measure=Protocol(min_samples=6, max_samples=6))
        launcher = SpawnLauncher(worker_environment(os.environ))
        self._controller = Controller(Job(suite, "cuda:0"), launcher, folder / "logs")
        self._folder = folder
        (folder / "images").mkdir()

    def measure(self, **knobs: Any) -> Record:
        configuration = Configuration.of({**SHARED, **knobs})
        return self._controller.round(configuration, 0, self._folder, Silent())

    def close(self) -> None:
        self._controller.kill_worker()


@pytest.fixture(scope="module")
def gpu(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gpu]:
    made = Gpu(tmp_path_factory.mktemp("gpu"))
    yield made
    made.close()


def test_memory_is_measured_by_the_allocator_and_by_nvml(gpu: Gpu) -> None:
    record = gpu.measure()
    assert record.status is Status.OK, record.reason
    allocated, reserved = record.peak_allocated_bytes.value, record.peak_reserved_bytes.value
    used = record.peak_device_used_bytes.value
    assert allocated is not None
    assert reserved is not None
    assert allocated <= reserved
    assert used is None or used >= reserved
    assert max(record.stage_peak_allocated_bytes.values()) == allocated


def test_the_device_s_memory_is_sampled_and_told_apart(gpu: Gpu) -> None:
    record = gpu.measure()
    memory = record.device_memory
    assert memory is not None
    if memory.peak_used_bytes.value is None:
        pytest.skip(str(memory.peak_used_bytes.reason))
    assert memory.readings > 2
    assert memory.sampling_period_s is not None
    assert memory.sampling_period_s < 0.1
    assert memory.peak_used_bytes.value < (memory.total_bytes.value or 0)
    assert memory.peak_used_bytes.value >= (record.peak_reserved_bytes.value or 0)
    assert (memory.context_bytes.value or 0) > 50 * MIB, memory.context_bytes.reason


def test_clocks_and_power_are_read_around_the_samples(gpu: Gpu) -> None:
    state = gpu.measure().device_state["after"]
    assert isinstance(state, dict)
    assert "sm_clock_mhz" in state or state.get("not_told") or state.get("reason")


def test_the_device_s_own_clock_agrees_with_the_host_s(gpu: Gpu) -> None:
    record = gpu.measure()
    assert len(record.device_samples_s) == len(record.samples_s)
    for device_s, wall_s in zip(record.device_samples_s, record.samples_s, strict=True):
        assert 0 < device_s <= wall_s * 1.05


@pytest.mark.parametrize("dtype", ["fp16", "bf16"])
def test_half_precision_allocates_less(gpu: Gpu, dtype: str) -> None:
    full, half = gpu.measure(), gpu.measure(dtype=dtype)
    if half.status is Status.UNSUPPORTED:
        pytest.skip(str(half.reason))
    assert half.status is Status.OK, half.reason
    assert (half.peak_allocated_bytes.value or 0) < (full.peak_allocated_bytes.value or 0)


@pytest.mark.parametrize("offload", ["model", "sequential", "group"])
def test_offloading_is_measured(gpu: Gpu, offload: str) -> None:
    record = gpu.measure(offload=offload)
    assert record.status is Status.OK, record.reason


def test_a_round_after_others_allocates_as_the_first_one(gpu: Gpu) -> None:
    first = gpu.measure()
    gpu.measure(attention_slicing="max")
    gpu.measure(channels_last="on", batch_size=2)
    assert gpu.measure().peak_allocated_bytes == first.peak_allocated_bytes


def test_too_large_a_batch_is_out_of_memory_and_the_worker_goes_on(gpu: Gpu) -> None:
    record = gpu.measure(batch_size=4096, height=1024, width=1024)
    assert record.status is Status.OOM
    assert gpu.measure().status is Status.OK
