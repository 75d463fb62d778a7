from __future__ import annotations

from typing import Any

import pytest

from sdbench.devices.script import Fault, Moment, Script, ScriptedFault
from sdbench.devices.scripted import DeviceLost, ScriptedDevice, SimulatedOutOfMemory
from sdbench.pipelines.failed_stage import failed_stage
from sdbench.pipelines.simulated import SimulatedLoader, SimulatedPipeline
from sdbench.suite.configuration import Configuration

SCRIPT: dict[str, Any] = {
    "noise_ratio": 0.0,
    "load_s": 2.0,
    "text_encoding_s": 0.5,
    "denoiser_s": 1.0,
    "scheduler_step_s": 0.25,
    "vae_decode_s": 2.0,
    "other_s": 0.125,
    "half_precision_speedup": 2.0,
    "weights_bytes": 1000,
    "activation_bytes": 100,
    "slicing_activation_ratio": 0.5,
    "memory_bytes": 2000,
}


def device(**changes: Any) -> ScriptedDevice:
    return ScriptedDevice(Script(**{**SCRIPT, **changes}))


def call_seconds(on: ScriptedDevice, **knobs: Any) -> float:
    begun = on.now_ns()
    with SimulatedPipeline(on).configured(Configuration.of(knobs)) as call:
        call()
    return (on.now_ns() - begun) * 1e-9


@pytest.mark.parametrize(
    ("knobs", "expected_s"),
    [
        # text 0.5, each of two steps 1.0 + 0.25, decoding 2.0, the rest 0.125
        ({"steps": 2}, 5.125),
        ({"steps": 4}, 7.625),
        # denoiser and decoding twice as long: 0.5 + 2 * 2.25 + 4.0 + 0.125
        ({"steps": 2, "batch_size": 2}, 9.125),
        ({"steps": 2, "dtype": "fp16"}, 5.125 / 2),
        # two evaluations a step: 0.5 + 4 * 1.25 + 2.125
        ({"steps": 2, "scheduler": "heun"}, 7.625),
        # fifty steps where none are asked for: 0.5 + 50 * 1.25 + 2.125
        ({}, 65.125),
    ],
)
def test_a_call_takes_as_long_as_the_script_says(knobs: dict[str, Any], expected_s: float) -> None:
    assert call_seconds(device(), **knobs) == pytest.approx(expected_s)


@pytest.mark.parametrize(
    ("knobs", "expected_bytes"),
    [
        ({}, 1100),
        ({"batch_size": 3}, 1300),
        ({"dtype": "fp16"}, 550),
        ({"attention_slicing": "auto"}, 1050),
    ],
)
def test_a_call_takes_as_much_memory_as_the_script_says(
    knobs: dict[str, Any], expected_bytes: int
) -> None:
    on = device()
    configuration = Configuration.of({"steps": 1, **knobs})
    with (
        SimulatedPipeline(on).configured(configuration) as call,
        on.watch_memory(()) as watch,
        call.observed(watch),
    ):
        call()
        peaks = watch.peaks()
    assert peaks.allocated_bytes.value == peaks.allocated_bytes_by_stage["denoiser"]
    assert peaks.allocated_bytes.value == expected_bytes


def test_more_than_the_device_has_is_out_of_memory() -> None:
    with pytest.raises(SimulatedOutOfMemory):
        call_seconds(device(), steps=1, batch_size=11)  # 1000 + 11 * 100 of 2000


def test_memory_that_runs_out_in_a_stage_says_which_stage() -> None:
    with pytest.raises(SimulatedOutOfMemory) as raised:
        call_seconds(device(), steps=1, batch_size=11)
    assert failed_stage(raised.value) == "denoiser"


def test_a_fault_happens_in_its_stage() -> None:
    on = device(faults=(ScriptedFault(fault=Fault.OOM, stage="vae_decode"),))
    with pytest.raises(SimulatedOutOfMemory) as raised:
        call_seconds(on, steps=1)
    assert failed_stage(raised.value) == "vae_decode"


def test_weights_are_held_from_the_load_on_until_the_pipeline_is_gone() -> None:
    on = device()
    loaded = SimulatedLoader(on).load(Configuration.of({}).knobs)
    assert on.allocated_bytes() == 1000
    with loaded.configured(Configuration.of({"steps": 1})) as call, on.watch_memory(()) as watch:
        call()
        assert watch.peaks().allocated_bytes.value == 1100
    assert on.allocated_bytes() == 1000
    del loaded, call
    assert on.allocated_bytes() == 0


def test_a_device_that_was_lost_in_a_call_stays_lost() -> None:
    on = device(faults=(ScriptedFault(fault=Fault.STICKY),))
    with pytest.raises(DeviceLost):
        call_seconds(on, steps=1)
    with pytest.raises(DeviceLost):
        on.synchronize()


def test_a_load_takes_as_long_as_the_script_says() -> None:
    on = device()
    SimulatedLoader(on).load(Configuration.of({}).knobs)
    assert on.now_ns() == 2_000_000_000


def test_noise_is_the_same_in_every_run_and_differs_from_call_to_call() -> None:
    def two_calls() -> list[int]:
        on = device(noise_ratio=0.1)
        times = []
        with SimulatedPipeline(on).configured(Configuration.of({"steps": 1})) as call:
            for _ in range(2):
                begun = on.now_ns()
                call()
                times.append(on.now_ns() - begun)
        return times

    first, second = two_calls()
    assert first != second
    assert two_calls() == [first, second]


def test_a_batch_gives_as_many_images() -> None:
    with SimulatedPipeline(device()).configured(Configuration.of({"batch_size": 3})) as call:
        assert len(call()) == call.images_per_call == 3


def test_a_fault_at_load_comes_before_the_load() -> None:
    on = device(faults=(ScriptedFault(fault=Fault.ERROR, at=Moment.LOAD),))
    with pytest.raises(RuntimeError, match="the script says so"):
        SimulatedLoader(on).load(Configuration.of({}).knobs)
    assert on.now_ns() == 0


def test_a_fault_waits_for_its_calls_and_concerns_its_configurations() -> None:
    fault = ScriptedFault(fault=Fault.OOM, after_calls=1, knobs={"steps": 1})
    on = device(faults=(fault,))
    with SimulatedPipeline(on).configured(Configuration.of({"steps": 1})) as call:
        call()
        with pytest.raises(SimulatedOutOfMemory):
            call()
    assert call_seconds(on, steps=2) > 0


def test_throttling_ends_with_the_configuration() -> None:
    on = device(faults=(ScriptedFault(fault=Fault.THROTTLE, knobs={"steps": 1}),))
    loaded = SimulatedPipeline(on)
    with loaded.configured(Configuration.of({"steps": 1})) as call:
        call()
        assert on.is_throttled
    assert not on.is_throttled
    assert loaded.left_changed() == ()
