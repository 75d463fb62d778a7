from __future__ import annotations

import pytest
from machines import cpu, gpu, machine, memory, state, user

from sdbench.devices.description import Finding, GpuUsers, Machine, Told
from sdbench.devices.nvml_memory import GpuMemory
from sdbench.report.devices import machine_text
from sdbench.results.figure import Figure
from sdbench.units import GIB

VERSIONS = {"torch": "2.13.0", "xformers": None}
UNFIT = Finding("torchvision", "torchvision cannot be imported beside torch 2.13.0", "uninstall it")
LOST = "NVML: GPU is lost"


def told(described: Machine, columns: int = 100) -> list[str]:
    """The lines without their indentation."""
    text = machine_text(described, VERSIONS, columns)
    return [" ".join(line.split()) for line in text.splitlines()]


def test_a_gpu_is_told_with_memory_users_clocks_state_and_abilities() -> None:
    users = GpuUsers(processes=(user(), user(12, None, None)))
    lines = told(machine(gpu(memory=memory(GIB), users=users)))
    for line in (
        "cuda:0 NVIDIA L4",
        "memory 24.0 GiB in all, 1.00 GiB used, 22.6 GiB free, 400 MiB kept by the driver",
        "used by 4711 python, 1.00 GiB; 12 (no name told), not told: Windows tells no memory",
        "clocks SM 210 of 2040 MHz, memory 405 of 6251 MHz",
        "state temperature 38 °C, power 12.5 of 72 W, clock events: idle",
        "can do fp16, bf16, TF32, flash attention (compute capability 8.9)",
        "modes ECC on, MIG off, persistence on",
    ):
        assert line in lines


def test_what_is_not_told_has_its_reason() -> None:
    no = Figure.absent(LOST)
    silent = gpu(
        memory=GpuMemory.absent(LOST),
        users=GpuUsers(processes=None, reason=LOST),
        compute_capability=Told(None, LOST),
        is_ecc_on=Told(None, LOST),
        state=state(
            sm_clock_mhz=no,
            memory_clock_mhz=no,
            power_watts=Figure.absent("NVML: Not Supported"),
            clock_events=None,
            clock_events_reason=LOST,
        ),
    )
    text = " ".join(told(machine(silent), 60))
    for words in (
        f"memory not told: {LOST}",
        f"used by not told: {LOST}",
        f"clocks not told: {LOST}",
        "state temperature 38 °C; power not told: NVML: Not Supported;",
        f"clock events not told: {LOST}",
        f"can do not told: {LOST}",
        f"modes MIG off, persistence on; ECC not told: {LOST}",
    ):
        assert words in text


def test_an_old_driver_counts_its_reserve_and_it_is_said() -> None:
    old = GpuMemory(
        total_bytes=Figure.measured(8 * GIB),
        used_bytes=Figure.measured(GIB, "includes the driver's reserve"),
        free_bytes=Figure.measured(7 * GIB),
        reserved_bytes=Figure.absent("version 1"),
    )
    assert (
        "memory 8.00 GiB in all, 1.00 GiB used, 7.00 GiB free; kept by the driver not told: "
        "version 1 (includes the driver's reserve)"
    ) in " ".join(told(machine(gpu(memory=old))))


def test_a_gpu_that_torch_does_not_see_is_called_unused() -> None:
    lines = told(machine(gpu(word=None)))
    assert "unused NVIDIA L4" in lines
    assert "torch does not see it" in lines
    divided = told(machine(gpu(word=None, is_mig_on=Told(True))))
    assert "torch sees its MIG instances, if any" in divided


def test_a_limit_of_the_container_is_told_and_what_it_does() -> None:
    described = Machine(cpu=cpu(8 * GIB), gpus=(), no_gpus_reason="none", findings=())
    assert (
        "limit 8.00 GiB for this container or job (control group), 1.00 GiB in use with its file"
        in told(described)
    )


def test_a_machine_without_gpus_says_why() -> None:
    assert "no GPU torch 2.13.0+cpu is built without CUDA; no driver" in told(machine())


def test_each_finding_has_its_advice() -> None:
    lines = told(machine(findings=(UNFIT,)))
    start = lines.index("Unfit, or to be known:")
    assert lines[start + 1 : start + 3] == [
        "- torchvision: torchvision cannot be imported beside torch 2.13.0.",
        "-> uninstall it.",
    ]
    assert "Nothing unfit was found." in told(machine())


def test_versions_of_what_is_installed_come_last() -> None:
    assert told(machine())[-1] == "Workers run with torch 2.13.0."


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_no_line_is_wider_than_the_terminal(columns: int) -> None:
    users = GpuUsers(processes=(user(), user(12, "a-program-of-a-long-name", GIB), user(13)))
    text = machine_text(machine(gpu(users=users), findings=(UNFIT,)), VERSIONS, columns)
    assert max(map(len, text.splitlines())) <= columns
