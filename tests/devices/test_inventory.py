from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from machines import UUID, gpu, memory, state

from sdbench.devices import installation, inventory
from sdbench.devices.description import MACHINES, Finding, GpuUsers, Told
from sdbench.devices.driver_gpus import DriverView, silent_gpu
from sdbench.devices.inventory import (
    all_findings,
    describe_cpu,
    describe_machine,
    merged,
    no_gpus_reason,
)
from sdbench.devices.nvml_memory import GpuMemory
from sdbench.devices.torch_view import TorchGpu, TorchView
from sdbench.units import GIB


def seen(index: int, uuid: str | None, capability: tuple[int, int] = (8, 9)) -> TorchGpu:
    return TorchGpu(
        index=index, label=f"card {index}", uuid=uuid, capability=capability, total_bytes=24 * GIB
    )


FIRST, SECOND = f"a{UUID[1:]}", f"b{UUID[1:]}"


def test_gpus_come_in_torchs_order_and_are_recognised_by_uuid() -> None:
    from_driver = [
        gpu(word=None, label="first of the bus", uuid=Told(f"GPU-{FIRST}"), memory=memory(1)),
        gpu(word=None, label="second", uuid=Told(f"GPU-{SECOND}"), memory=memory(2)),
        gpu(word=None, label="hidden", uuid=Told("GPU-c"), memory=memory(3)),
    ]
    found = merged([seen(0, SECOND), seen(1, FIRST, (7, 5))], from_driver)
    assert [(one.word, one.memory.used_bytes.value) for one in found] == [
        ("cuda:0", 2),
        ("cuda:1", 1),
        (None, 3),
    ]
    assert found[1].compute_capability.value == "7.5"
    assert found[1].abilities == ("fp16", "fp16 tensor cores")


@pytest.mark.parametrize(
    ("uuid", "reason"), [(None, "torch does not tell its UUID"), (UUID, "NVML: ")]
)
def test_a_gpu_that_only_torch_sees_has_reasons_for_the_rest(
    uuid: str | None, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        inventory, "memory_from_torch", lambda gpu, reason: GpuMemory.absent(f"torch, as {reason}")
    )
    (found,) = merged([seen(0, uuid)], [])
    assert found.word == "cuda:0"
    assert found.label == "card 0"
    assert found.uuid.value == uuid
    assert found.compute_capability.value == "8.9"
    assert str(found.memory.used_bytes.reason).startswith(f"torch, as {reason}")
    assert str(found.pci_bus.reason).startswith(reason)


def test_a_cpu_without_torch_is_still_described() -> None:
    cpu = describe_cpu(TorchView(problem="no libc"))
    assert cpu.label.startswith("CPU: ")
    assert cpu.torch_threads.reason == "torch cannot be imported: no libc"
    assert cpu.instruction_set.value is None


@pytest.mark.parametrize(
    ("torch", "expected"),
    [
        (TorchView(problem="no libc"), "torch cannot be imported; no driver"),
        (TorchView(version="2.13.0+cpu"), "torch 2.13.0+cpu is built without CUDA; no driver"),
        (TorchView(version="2.13.0", cuda="13.0"), "torch 2.13.0 sees none; no driver"),
    ],
)
def test_a_machine_without_gpus_says_why(torch: TorchView, expected: str) -> None:
    assert no_gpus_reason(torch, DriverView(problem="no driver")) == expected


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation of which two packages are unfit."""
    found = [Finding(name, "seen", "advice") for name in ("torchvision", "xformers")]
    monkeypatch.setattr(installation, "findings", lambda environment: iter(found))


@pytest.mark.usefixtures("installed")
def test_torch_and_the_driver_come_first_then_the_gpus_then_packages() -> None:
    torch = TorchView(version="2.13.0", cuda="13.0", broken=(("torchvision", "no nms"),))
    hot = gpu(
        state=state(throttled_by=("hardware thermal",)),
        memory=memory(GIB),
        users=GpuUsers(processes=()),
        is_persistence_on=Told(False),
    )
    hidden = gpu(word=None, is_persistence_on=Told(False))
    gone = silent_gpu("third", "NVML: GPU is lost")
    findings = list(all_findings(torch, DriverView(cuda=(12, 4)), [hot, hidden, gone], {}))
    assert findings[0].seen.endswith("it cannot use: NVIDIA L4")
    assert [found.about for found in findings] == [
        "driver",
        "torchvision",  # once: the cause of its failure, not its metadata too
        "cuda:0",
        "cuda:0",
        "cuda:0",
        "third",  # not among those that the driver is too old for
        "xformers",
    ]


@pytest.mark.usefixtures("installed")
def test_a_gpu_whose_mig_instances_torch_sees_is_not_missing() -> None:
    torch = TorchView(version="2.13.0", cuda="13.0", gpus=(seen(0, UUID),))
    divided = gpu(word=None, is_mig_on=Told(True))
    findings = list(all_findings(torch, DriverView(), [gpu(), divided], {}))
    assert [found.about for found in findings] == ["torchvision", "xformers"]


@pytest.mark.usefixtures("installed")
def test_a_torch_that_cannot_be_imported_is_the_first_finding() -> None:
    findings = list(all_findings(TorchView(problem="no libc"), DriverView(problem="?"), [], {}))
    assert findings[0].seen == "torch cannot be imported: no libc"


def test_the_driver_is_asked_before_torch_touches_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Torch's own context would count among what is in use."""
    order: list[str] = []

    def ask_driver() -> DriverView:
        order.append("driver")
        return DriverView(gpus=(gpu(word=None),))

    def ask_torch() -> TorchView:
        order.append("torch")
        return TorchView(version="2.13.0", cuda="13.0", gpus=(seen(0, UUID),))

    monkeypatch.setattr(inventory, "read_driver", ask_driver)
    monkeypatch.setattr(inventory, "look_through_torch", ask_torch)
    machine = describe_machine({})
    assert order == ["driver", "torch"]
    assert [found.word for found in machine.gpus] == ["cuda:0"]
    assert machine.no_gpus_reason is None


CARD = f"""
0 uuid 1 0 GPU-{UUID}
0 name 1 0 NVIDIA L4
0 driver 1 0 580.65.06
0 memory 1 0 {24 * GIB} {GIB} {2 * GIB}
0 process 1 999999 {2 * GIB} /usr/bin/python3
0 events 1 0 64
"""


def test_the_module_prints_this_machine_and_a_gpu_that_torch_does_not_see(
    stub: Callable[..., Any],
) -> None:
    """The whole way, with the real pynvml and the real torch, which knows no such card."""
    finished = subprocess.run(
        [sys.executable, "-m", "sdbench.devices.inventory"],
        env=stub(CARD).environment,
        capture_output=True,
        check=True,
        timeout=120,
    )
    machine = MACHINES.validate_json(finished.stdout)
    assert machine.cpu.word == "cpu"
    assert machine.cpu.memory.total_bytes.value
    (card,) = [found for found in machine.gpus if found.word is None]
    assert (card.label, card.driver.value) == ("NVIDIA L4", "580.65.06")
    assert card.memory.used_bytes.value == 2 * GIB
    assert card.users.processes is not None
    assert [(one.pid, one.name) for one in card.users.processes] == [(999999, "python3")]
    assert card.state.throttled_by == ("hardware thermal",)
    assert card.state.sm_clock_mhz.value is None
    about = {found.about for found in machine.findings if "NVIDIA L4" in found.seen}
    assert about & {"torch", "driver", "CUDA_VISIBLE_DEVICES"}
