"""The real pynvml on our own libnvidia-ml.so.1, in processes of their own (tier 3)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pydantic import TypeAdapter

from sdbench.results.device_memory import DeviceMemory
from sdbench.results.figure import Figure, Origin
from sdbench.units import GIB, MIB

FIRST, SECOND = "GPU-aaaaaaaa-1111", "GPU-bbbbbbbb-2222"
OWN, OTHER = os.getpid(), 999_999

CARD = f"""
0 uuid 1 0 {FIRST}
0 name 1 0 NVIDIA L4
0 driver 1 0 580.65.06
0 memory 1 0 {24 * GIB} {400 * MIB} {2 * GIB}
0 sm_clock 1 0 1980
0 memory_clock 1 0 6251
0 max_clock 1 0 2040
0 temperature 1 0 54
0 power 1 0 71500
0 power_limit 1 0 72000
0 energy 1 0 5000000000
0 utilisation 1 0 87
0 events 1 0 4
0 ecc 1 0 1
0 mig 1 0 0
"""

LOOK = """
import json, sys
from sdbench.devices.nvml import NvmlMonitor, visible_gpus
from sdbench.devices.nvml_processes import process_memory
import dataclasses

monitor = NvmlMonitor(sys.argv[1])
processes = monitor.processes()
found = {
    "gpus": visible_gpus(),
    "states": [dict(monitor.state()) for _ in range(int(sys.argv[2]))],
    "fingerprint": dict(monitor.fingerprint()),
    "used": dataclasses.asdict(monitor.used_memory()),
    "processes": [p.words for p in processes] if isinstance(processes, tuple) else processes,
}
print(json.dumps(found, default=dataclasses.asdict))
"""
"""What a worker asks of NVML."""

PATIENCE_S = 60
"""For a process that does not do what a test waits for."""

Script = Callable[..., Any]


def look(stub: Any, uuid: str = FIRST, states: int = 1) -> dict[str, Any]:
    finished = subprocess.run(
        [sys.executable, "-c", LOOK, uuid, str(states)],
        env=stub.environment,
        check=True,
        capture_output=True,
    )
    found: dict[str, Any] = json.loads(finished.stdout)
    return found


@contextmanager
def reading(count: int, environment: dict[str, str], *command: str) -> Iterator[Any]:
    """A process that has taken so many readings of memory, as the script tells."""
    process = subprocess.Popen(
        [sys.executable, *command],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    watchdog = threading.Timer(PATIENCE_S, process.kill)
    watchdog.start()
    with process:
        assert process.stderr is not None
        try:
            assert process.stderr.readline() == f"reading {count}\n".encode()
            yield process
        finally:
            watchdog.cancel()
            process.kill()


def sample(stub: Any, readings: int, uuid: str = FIRST, pid: int = OWN) -> DeviceMemory:
    """What the sampler saw once it had taken so many readings, which the script tells."""
    command = ("-m", "sdbench.devices.sampler", uuid, str(pid))
    with reading(readings, stub.environment, *command) as sampler:
        answer, _ = sampler.communicate()
        assert sampler.returncode == 0
    ready, report = answer.splitlines()
    assert ready == b"ready"
    return TypeAdapter(DeviceMemory).validate_json(report)


def test_a_card_tells_everything_through_the_real_binding(stub: Script) -> None:
    found = look(stub(CARD + f"0 process 1 {OWN} {GIB} /usr/bin/python3"))
    assert found["gpus"] == [{"index": 0, "uuid": FIRST, "name": "NVIDIA L4", "reason": None}]
    assert found["states"] == [
        {
            "sm_clock_mhz": 1980,
            "max_sm_clock_mhz": 2040,
            "memory_clock_mhz": 6251,
            "temperature_celsius": 54,
            "power_watts": 71.5,
            "energy_joules": 5_000_000.0,
            "utilisation_ratio": 0.87,
            "clock_event_reasons": 4,
            "clock_events": ["software power cap"],
        }
    ]
    assert found["fingerprint"] == {
        "driver": "580.65.06",
        "power_limit_watts": 72.0,
        "ecc": True,
        "mig": False,
    }
    assert found["used"] == {"value": 2 * GIB, "origin": "measured", "reason": None}
    assert found["processes"] == [f"process {OWN} (python3) held 1.00 GiB of the device"]


def test_two_gpus_in_an_order_other_than_cudas_are_told_apart_by_uuid(stub: Script) -> None:
    second = f"""
1 uuid 1 0 {SECOND}
1 name 1 0 NVIDIA T4
1 memory 1 0 {16 * GIB} 0 {5 * GIB}
1 power 1 0 30000
"""
    found = look(stub(CARD + second), SECOND)
    assert [gpu["uuid"] for gpu in found["gpus"]] == [FIRST, SECOND]
    assert found["used"]["value"] == 5 * GIB
    assert found["states"][0]["power_watts"] == 30.0
    assert look(stub(CARD + second), FIRST)["used"]["value"] == 2 * GIB


def test_a_card_without_power_or_temperature_says_why(stub: Script) -> None:
    bare = "\n".join(
        line
        for line in CARD.splitlines()
        if not any(word in line for word in ("power", "temperature", "energy"))
    )
    found = look(stub(bare))
    assert found["states"][0]["not_told"] == dict.fromkeys(
        ("temperature_celsius", "power_watts", "energy_joules"), "NVML: Not Supported"
    )
    assert found["fingerprint"]["power_limit_watts"] == "NVML: Not Supported"


def test_migs_refusal_leaves_reasons_that_name_mig(stub: Script) -> None:
    found = look(stub(CARD.replace(f"0 uuid 1 0 {FIRST}", f"0 uuid 1 4 {FIRST}")))
    assert "MIG" in found["fingerprint"]["nvml"]
    assert found["used"]["value"] is None
    assert "MIG" in found["processes"]


def test_a_mig_instance_whose_processes_are_refused_still_tells_its_memory(stub: Script) -> None:
    mig = "MIG-cccccccc-3333"
    found = look(stub(CARD.replace(FIRST, mig) + "0 processes 1 4"), mig.removeprefix("MIG-"))
    assert found["fingerprint"]["mig"] is True
    assert found["used"]["value"] == 2 * GIB
    assert "MIG" in found["processes"]


def test_throttling_that_begins_half_way_is_seen_from_then_on(stub: Script) -> None:
    states = look(stub(CARD + "0 events 3 0 36\n0 sm_clock 3 0 1200\n"), states=4)["states"]
    assert [state["clock_event_reasons"] for state in states] == [4, 4, 36, 36]
    assert states[-1]["clock_events"] == ["software power cap", "software thermal"]
    assert [state["sm_clock_mhz"] for state in states] == [1980, 1980, 1200, 1200]


def test_an_old_driver_without_the_newer_symbols_is_read_all_the_same(stub: Script) -> None:
    found = look(stub(CARD + f"0 process 1 {OWN} {GIB} python3", "-DOLD_DRIVER"))
    assert found["states"][0]["clock_events"] == ["software power cap"]
    assert found["used"]["value"] == 2 * GIB + 400 * MIB
    assert found["used"]["reason"] == "includes the driver's reserve (NVML version 1)"
    assert found["processes"] == [f"process {OWN} (python3) held 1.00 GiB of the device"]


def test_no_library_at_all_is_a_reason_everywhere() -> None:
    class Bare:
        environment = {**os.environ, "LD_LIBRARY_PATH": ""}

    found = look(Bare)
    if isinstance(found["gpus"], list):
        pytest.skip("this machine has NVML")
    missing = "NVML: NVML Shared Library Not Found"
    assert found["gpus"] == found["processes"] == found["used"]["reason"] == missing
    assert found["states"] == [{"reason": missing}]
    assert found["fingerprint"] == {"nvml": missing}


def test_a_library_whose_driver_is_not_loaded_is_a_reason(stub: Script) -> None:
    silent = stub(CARD)
    silent.environment["NVML_STUB_SCRIPT"] = "/nowhere"
    assert look(silent)["gpus"] == "NVML: Driver Not Loaded"


SPIKE = f"""
0 memory 20 0 {24 * GIB} {400 * MIB} {9 * GIB}
0 memory 35 0 {24 * GIB} {400 * MIB} {3 * GIB}
0 tell 60
"""
"""15 readings of 2 ms: 30 ms."""


def test_the_sampler_catches_a_spike_of_30_ms_and_tells_who_held_what(stub: Script) -> None:
    processes = f"""
0 process 1 {OWN} {GIB} python3
0 process 1 {OTHER} {GIB} train
0 process 2 {OWN} {8 * GIB} python3
"""
    found = sample(stub(CARD + SPIKE + processes), readings=60)
    assert found.peak_used_bytes.value == 9 * GIB
    assert str(found.peak_used_bytes.reason).startswith("sampled every ")
    assert found.peak_process_bytes == Figure.measured(8 * GIB)
    assert found.other_processes_bytes.value == GIB
    assert found.other_processes_bytes.reason == (
        f"process {OTHER} (train) held 1.00 GiB of the device"
    )
    assert found.driver_reserved_bytes.value == 400 * MIB
    assert found.total_bytes.value == 24 * GIB
    assert found.readings >= 60
    assert found.sampling_period_s is not None


def test_the_sampler_in_a_container_finds_no_pid_and_says_so(stub: Script) -> None:
    found = sample(stub(f"{CARD}{SPIKE}0 process 1 {OTHER} {GIB} python3"), readings=60)
    assert found.peak_used_bytes.value == 9 * GIB
    for figure in (found.peak_process_bytes, found.other_processes_bytes):
        assert figure.value is None
        assert "container" in str(figure.reason)


def test_the_sampler_on_windows_adds_no_none(stub: Script) -> None:
    processes = f"0 process 1 {OWN} -1 python3\n0 process 1 {OTHER} -1 game\n"
    found = sample(stub(CARD + SPIKE + processes), readings=60)
    assert found.peak_used_bytes.value == 9 * GIB
    for figure in (found.peak_process_bytes, found.other_processes_bytes):
        assert figure.value is None
        assert "Windows" in str(figure.reason)


def test_the_sampler_of_a_gpu_that_is_lost_keeps_what_it_saw(stub: Script) -> None:
    found = sample(stub(f"{CARD}0 memory 30 15\n0 processes 2 15\n0 tell 50\n"), readings=50)
    assert found.peak_used_bytes.value == 2 * GIB
    assert "no longer told after 29 readings (NVML: GPU is lost)" in str(
        found.peak_used_bytes.reason
    )
    assert found.readings == 29


def test_the_sampler_on_an_old_driver_says_that_the_reserve_counts(stub: Script) -> None:
    found = sample(stub(CARD + SPIKE, "-DOLD_DRIVER"), readings=60)
    assert found.peak_used_bytes.value == 9 * GIB + 400 * MIB
    assert "includes the driver's reserve" in str(found.peak_used_bytes.reason)
    assert found.driver_reserved_bytes.value is None


WORKER = """
import sys
from pydantic import TypeAdapter
from sdbench.devices.memory_shares import told_apart
from sdbench.devices.nvml import NvmlMonitor
from sdbench.devices.sampler_process import SamplerProcess
from sdbench.results.device_memory import DeviceMemory

before = NvmlMonitor(sys.argv[1]).used_memory()
with SamplerProcess(sys.argv[1]) as sampler:
    sys.stdin.readline()
    memory = told_apart(sampler.end(), before, 6 << 30)
print(TypeAdapter(DeviceMemory).dump_json(memory).decode())
"""


def test_a_worker_gets_its_sampler_s_figures_and_tells_them_apart(stub: Script) -> None:
    """The stub's processes have other numbers than the worker: as in a container."""
    with reading(60, stub(CARD + SPIKE).environment, "-c", WORKER, FIRST) as worker:
        answer, _ = worker.communicate(b"on\n")
    found = TypeAdapter(DeviceMemory).validate_json(answer)
    assert found.peak_used_bytes.value == 9 * GIB
    assert (found.context_bytes.value, found.context_bytes.origin) == (GIB, Origin.DERIVED)
    assert found.other_processes_bytes.value == 2 * GIB
