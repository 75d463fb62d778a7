from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from statistics import fmean, stdev

import pytest

from sdbench.devices.noise import Machine, Noise
from sdbench.devices.script import Script, ScriptedSlowdown, read_script
from sdbench.devices.scripted import ScriptedDevice
from sdbench.errors import SdbenchError
from sdbench.measure.timing import StageMarks, time_call
from sdbench.pipelines.simulated import SimulatedLoader
from sdbench.suite.configuration import Configuration

ONE = Configuration.of({"pipeline": {"builtin": "tiny"}, "steps": 2})
OTHER = Configuration.of({"pipeline": {"builtin": "tiny"}, "steps": 3})


def walls_s(
    device: ScriptedDevice, configuration: Configuration = ONE, calls: int = 1
) -> list[float]:
    """What the calls of one round take on a device."""
    pipeline = SimulatedLoader(device).load(configuration.knobs)
    marks = StageMarks(device)
    with pipeline.configured(configuration) as call, call.observed(marks):
        return [time_call(call, device, marks)[0].wall_s for _ in range(calls)]


def draws(noise: Noise, count: int, apart_s: float) -> Iterator[float]:
    """What calls on one machine add, so many seconds apart."""
    machine = Machine(noise)
    for _ in range(count):
        yield machine.call_log()
        machine.advance(apart_s)


def test_without_a_word_of_noise_every_worker_sees_the_same_times() -> None:
    machine = Machine(Noise())
    first = walls_s(ScriptedDevice(Script(), machine), calls=3)
    assert walls_s(ScriptedDevice(Script(), machine), calls=3) == pytest.approx(first, rel=1e-6)
    assert list(draws(Noise(), 3, 1.0)) == [0, 0, 0]


def test_a_process_adds_the_same_to_all_of_its_calls_and_another_one_something_else() -> None:
    noise = Noise(process_ratio=0.1, seed=1)
    machine, script = Machine(noise), Script(noise_ratio=0)
    workers = [ScriptedDevice(script, machine) for _ in range(2)]
    first, second = (walls_s(worker, calls=3) for worker in workers)
    assert first == pytest.approx([first[0]] * 3, rel=1e-6)
    assert second[0] != pytest.approx(first[0], rel=0.001)
    assert math.log(walls_s(workers[0], OTHER)[0] / walls_s(workers[1], OTHER)[0]) == pytest.approx(
        math.log(first[0] / second[0]), rel=1e-4
    )


def test_a_round_adds_something_of_its_own_for_as_long_as_it_lasts() -> None:
    device = ScriptedDevice(Script(noise_ratio=0, noise=Noise(round_ratio=0.1, seed=1)))
    first, second = walls_s(device, calls=2), walls_s(device, calls=2)
    assert first[0] == pytest.approx(first[1], rel=1e-6)
    assert second[0] == pytest.approx(second[1], rel=1e-6)
    assert first[0] != pytest.approx(second[0], rel=0.001)


def test_calls_vary_by_the_share_that_was_asked_for() -> None:
    logs = list(draws(Noise(iteration_ratio=0.03, seed=1), 4000, 1.0))
    assert fmean(logs) == pytest.approx(0, abs=0.0015)
    assert stdev(logs) == pytest.approx(0.03, rel=0.05)


def test_the_state_drifts_as_slowly_as_it_was_asked_to() -> None:
    # Calls 10 s apart, with a memory of 20 s: each keeps exp(-0.5) = 0.607 of the one before.
    logs = list(draws(Noise(drift_ratio=0.03, drift_time_s=20.0, seed=1), 6000, 10.0))
    assert stdev(logs) == pytest.approx(0.03, rel=0.05)
    products = [one * after for one, after in pairwise(logs)]
    assert fmean(products) / fmean(one * one for one in logs) == pytest.approx(0.607, abs=0.03)


def test_the_state_is_the_machines_so_a_worker_goes_on_where_the_last_one_ended() -> None:
    noise = Noise(drift_ratio=0.1, drift_time_s=1e9, seed=1)
    machine, script = Machine(noise), Script(noise_ratio=0)
    last = walls_s(ScriptedDevice(script, machine))[0]
    assert walls_s(ScriptedDevice(script, machine))[0] == pytest.approx(last, rel=1e-3)
    elsewhere = Machine(Noise(drift_ratio=0.1, drift_time_s=1e9, seed=2))
    assert walls_s(ScriptedDevice(script, elsewhere))[0] != pytest.approx(last, rel=1e-3)


def test_the_machine_becomes_slower_as_it_warms_up() -> None:
    # After one time constant all but 1/e of 10 % is there: log 1.1 * (1 - 1/e) = 0.0602.
    cold, warm, hot = draws(Noise(ramp_ratio=0.1, ramp_time_s=120.0), 3, 120.0)
    assert cold == 0
    assert warm == pytest.approx(0.0602, abs=1e-4)
    assert warm < hot < math.log(1.1)


def test_some_calls_are_interrupted() -> None:
    logs = list(draws(Noise(spike_share=0.03, spike_ratio=0.5, seed=1), 5000, 1.0))
    spikes = [log for log in logs if log]
    assert set(spikes) == {math.log1p(0.5)}
    assert len(spikes) / len(logs) == pytest.approx(0.03, abs=0.006)


def test_a_seed_repeats_all_of_it_and_without_one_nothing_is_repeated() -> None:
    seeded = Noise(iteration_ratio=0.1, drift_ratio=0.1, seed=7)
    assert list(draws(seeded, 5, 1.0)) == list(draws(seeded, 5, 1.0))
    free = Noise(iteration_ratio=0.1)
    assert list(draws(free, 5, 1.0)) != list(draws(free, 5, 1.0))


def test_a_planted_slowdown_is_that_share_of_the_call_or_of_its_stage() -> None:
    usual = walls_s(ScriptedDevice(Script()))[0]
    slowed = Script(slowdowns=(ScriptedSlowdown(ratio=0.05, knobs={"steps": 2}),))
    assert walls_s(ScriptedDevice(slowed))[0] / usual == pytest.approx(1.05, rel=1e-6)
    assert walls_s(ScriptedDevice(slowed), OTHER) == walls_s(ScriptedDevice(Script()), OTHER)
    stage = Script(
        noise_ratio=0,
        slowdowns=(
            ScriptedSlowdown(ratio=0.5, stage="denoiser"),
            ScriptedSlowdown(ratio=1.0, stage="denoiser"),
        ),
    )
    # Two evaluations of 20 ms take three times as long: 80 ms more.
    added = walls_s(ScriptedDevice(stage))[0] - walls_s(ScriptedDevice(Script(noise_ratio=0)))[0]
    assert added == pytest.approx(0.08, rel=1e-6)


def test_a_script_says_its_noise_and_its_slowdowns(tmp_path: Path) -> None:
    path = tmp_path / "script.yaml"
    path.write_text(
        "noise: {process_ratio: 0.01, drift_ratio: 0.02, seed: 3}\n"
        "slowdowns:\n- {ratio: 0.05, stage: denoiser, knobs: {steps: 2}}\n"
    )
    script = read_script(path)
    assert script.noise == Noise(process_ratio=0.01, drift_ratio=0.02, seed=3)
    assert script.slowdowns == (ScriptedSlowdown(ratio=0.05, stage="denoiser", knobs={"steps": 2}),)
    path.write_text("noise: {drift_time_s: 0}")
    with pytest.raises(SdbenchError, match="drift_time_s"):
        read_script(path)
