from __future__ import annotations

import gc

import pytest
import torch
from measure_types import LoggingDevice, PlannedPipeline
from tiny_pipelines import build, configuration, pipeline, shared

from sdbench.devices.cpu import CpuDevice
from sdbench.measure.memory import measure_memory
from sdbench.results.figure import Origin


def test_peaks_are_those_of_a_call_of_its_own(
    device: LoggingDevice, planned: PlannedPipeline
) -> None:
    planned.plans = [[("denoiser", 1.0), ("vae_decode", 1.0), (None, 1.0)]]
    peaks, images = measure_memory(planned, device)
    assert peaks.allocated_bytes.value == 900
    assert peaks.allocated_bytes_by_stage == {"denoiser": 700, "vae_decode": 900, "other": 500}
    assert len(images) == 1
    assert device.log == ["prepare", "watch memory", "call", "synchronize"]


@pytest.mark.parametrize(("is_seen", "origin"), [(True, Origin.MEASURED), (False, Origin.INFERRED)])
def test_what_a_compiled_module_uses_is_inferred_where_it_is_not_seen(
    device: LoggingDevice, planned: PlannedPipeline, is_seen: bool, origin: Origin
) -> None:
    """Counting tensors on the CPU, torch runs the module uncompiled, and the figure must say so."""
    device.sees_compiled_memory = is_seen
    planned.compiled = ["unet"]
    peaks, _ = measure_memory(planned, device)
    assert (peaks.allocated_bytes.value, peaks.allocated_bytes.origin) == (700, origin)
    assert ("eager mode" in str(peaks.allocated_bytes.reason)) is not is_seen


def peak_bytes(**values: object) -> int:
    loaded = pipeline(build() if values.pop("fresh", False) else shared())
    with loaded.configured(configuration(**values)) as call:
        peaks, _ = measure_memory(call, CpuDevice())
    assert isinstance(peaks.allocated_bytes.value, int)
    return peaks.allocated_bytes.value


def test_the_peak_is_the_same_every_time_and_after_other_settings() -> None:
    first = peak_bytes()
    again = [peak_bytes() for _ in range(2)]
    after_others = []
    for values in (
        {"attention": "eager", "scheduler": "heun"},
        {"attention_slicing": "max"},
        {"batch_size": 2, "vae_slicing": "on", "channels_last": "on"},
        {"guidance_scale": 1.0},
    ):
        peak_bytes(**values)
        after_others.append(peak_bytes())
    assert {first, *again, *after_others, peak_bytes(fresh=True)} == {first}


def test_the_peak_holds_the_weights_and_grows_with_the_batch() -> None:
    weights = sum(
        parameter.nbytes
        for component in shared().components.values()
        if isinstance(component, torch.nn.Module)
        for parameter in component.parameters()
    )
    one, four = peak_bytes(), peak_bytes(batch_size=4)
    assert weights < one < four


def test_attention_in_slices_needs_less_than_all_at_once() -> None:
    # at 64 pixels the scores of eight heads outweigh everything else
    plain, sliced = (
        peak_bytes(steps=1, height=64, width=64, attention=attention, attention_slicing=slicing)
        for attention, slicing in (("eager", "off"), ("default", "max"))
    )
    assert sliced < plain


def live_tensor_bytes() -> int:
    gc.collect()
    storages = {
        found.untyped_storage().data_ptr(): found.untyped_storage().nbytes()
        for found in gc.get_objects()
        if type(found) in (torch.Tensor, torch.nn.Parameter)
    }
    return sum(storages.values())


def test_many_rounds_leave_no_tensors_behind() -> None:
    """Regression of optimum-benchmark, whose memory grew with every measurement."""
    cycle = ({"scheduler": "default"}, {"scheduler": "dpmpp_2m"}, {"attention": "eager"})
    for values in cycle:
        peak_bytes(steps=1, **values)
    before = live_tensor_bytes()
    for index in range(9):
        peak_bytes(steps=1, **cycle[index % len(cycle)])
    assert live_tensor_bytes() == before
