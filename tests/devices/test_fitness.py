from __future__ import annotations

from pathlib import Path

import pytest
from machines import gpu, memory, state, user

from sdbench.devices.description import GpuDescription, GpuUsers, Told
from sdbench.devices.driver_gpus import THROTTLED, DriverView, silent_gpu
from sdbench.devices.fitness import (
    QUIET_BYTES,
    driver_missing,
    gpus_unused,
    in_use,
    lost,
    no_kernels,
    packages_broken,
    persistence_off,
    throttled,
    torch_broken,
)
from sdbench.devices.torch_view import TorchGpu, TorchView
from sdbench.measure.throttling import THROTTLE_REASONS
from sdbench.results.figure import Figure
from sdbench.units import GIB

HIDDEN = gpu(word=None)
CPU_BUILD = TorchView(version="2.13.0+cpu")
CUDA_BUILD = TorchView(version="2.13.0", cuda="13.0")
DRIVER = DriverView(cuda=(13, 0), gpus=(HIDDEN,))


def test_a_torch_that_cannot_be_imported_is_told_with_its_words() -> None:
    found = torch_broken(TorchView(problem="libcudart.so.12: cannot open shared object file"))
    assert found is not None
    assert found.seen.endswith("libcudart.so.12: cannot open shared object file")
    assert torch_broken(CPU_BUILD) is None


def test_a_package_that_cannot_be_imported_beside_torch_is_told() -> None:
    reason = "operator torchvision::nms does not exist"
    (found,) = packages_broken(TorchView(version="2.13.0", broken=(("torchvision", reason),)))
    assert found.about == "torchvision"
    assert reason in found.seen
    assert "uninstall it" in found.advice


@pytest.mark.parametrize(
    ("torch", "driver", "environment", "seen", "advice"),
    [
        (
            CPU_BUILD,
            DRIVER,
            {"CUDA_VISIBLE_DEVICES": "0"},
            "torch 2.13.0+cpu is built without CUDA, so it cannot use: NVIDIA L4",
            "install a build for CUDA",
        ),
        (
            TorchView(version="2.13.0", hip="7.0"),
            DRIVER,
            {},
            "is built for HIP 7.0",
            "install a build for CUDA",
        ),
        (
            CUDA_BUILD,
            DRIVER,
            {"CUDA_VISIBLE_DEVICES": ""},
            "CUDA_VISIBLE_DEVICES= hides from torch: NVIDIA L4",
            "unset it",
        ),
        (
            CUDA_BUILD,
            DriverView(cuda=(12, 4)),
            {},
            "the driver runs CUDA up to 12.4, and torch 2.13.0 is built for CUDA 13.0",
            "update the driver, or install a torch for CUDA 12",
        ),
        (
            TorchView(version="2.13.0", cuda="12.8", problem="CUDA unknown error"),
            DriverView(cuda=(12, 4)),  # later minor versions run on the driver of an earlier one
            {},
            "does not see, though the driver does: NVIDIA L4: CUDA unknown error",
            "see what it says",
        ),
    ],
    ids=["without CUDA", "for AMD", "hidden", "old driver", "another cause"],
)
def test_a_gpu_that_torch_does_not_see_has_a_cause_and_advice(
    torch: TorchView, driver: DriverView, environment: dict[str, str], seen: str, advice: str
) -> None:
    found = gpus_unused(torch, driver, [HIDDEN], environment)
    assert found is not None
    assert seen in found.seen
    assert advice in found.advice


def test_no_hidden_gpu_is_no_finding() -> None:
    assert gpus_unused(CPU_BUILD, DriverView(), [], {}) is None


def bus(root: Path, vendor: str, kind: str) -> Path:
    folder = root / "sys/bus/pci/devices/0000:01:00.0"
    folder.mkdir(parents=True)
    (folder / "vendor").write_text(f"{vendor}\n")
    (folder / "class").write_text(f"{kind}\n")
    return root


@pytest.mark.parametrize(
    ("vendor", "kind", "expected"),
    [
        ("0x10de", "0x030200", True),
        ("0x10de", "0x040300", False),  # the sound of a graphics card
        ("0x1002", "0x030000", False),  # another vendor's
    ],
)
def test_a_gpu_on_the_bus_without_a_driver_is_told(
    tmp_path: Path, vendor: str, kind: str, expected: bool
) -> None:
    driver = DriverView(problem="NVML: NVML Shared Library Not Found")
    found = driver_missing(driver, CPU_BUILD, bus(tmp_path, vendor, kind))
    assert (found is not None) is expected


def test_a_driver_that_answers_is_not_missing(tmp_path: Path) -> None:
    assert driver_missing(DriverView(), CPU_BUILD, bus(tmp_path, "0x10de", "0x030200")) is None


def test_a_gpu_that_torch_has_no_kernels_for_is_told() -> None:
    pascal = TorchGpu(index=1, label="GTX 1070", uuid=None, capability=(6, 1), total_bytes=8 * GIB)
    torch = TorchView(version="2.13.0", cuda="13.0", architectures=("sm_75", "sm_80"))
    found = no_kernels(pascal, torch)
    assert found is not None
    assert found.about == "cuda:1"
    assert "no kernels for GTX 1070 (compute capability 6.1)" in found.seen
    assert no_kernels(pascal, TorchView(version="2.6.0", architectures=("sm_60",))) is None


@pytest.mark.parametrize(
    ("processes", "used_bytes", "seen"),
    [
        ((user(),), GIB, "1 other process is on it: python 4711 (1.00 GiB)"),
        (
            (user(), user(12, None, None)),
            GIB,
            "2 other processes are on it: python 4711 (1.00 GiB), pid 12",
        ),
        ((), GIB, "1.00 GiB of it are in use, and the driver does not tell by whom"),
        (None, 2 * GIB, "2.00 GiB of it are in use, and the driver does not tell by whom"),
    ],
)
def test_a_gpu_that_others_use_is_told(
    processes: tuple[object, ...] | None, used_bytes: int, seen: str
) -> None:
    users = GpuUsers(processes=processes, reason=None if processes else "no")  # type: ignore[arg-type]
    found = in_use(gpu(memory=memory(used_bytes), users=users))
    assert found is not None
    assert found.seen == seen


def test_what_a_display_takes_is_no_finding() -> None:
    assert in_use(gpu(memory=memory(QUIET_BYTES - 1))) is None


def test_a_throttled_gpu_is_told_with_its_temperature() -> None:
    hot = state(temperature_celsius=Figure.measured(89), throttled_by=("hardware thermal",))
    found = throttled(gpu(state=hot))
    assert found is not None
    assert found.seen == "it is throttled now at 89 °C: hardware thermal"
    assert throttled(gpu()) is None


def test_a_lost_gpu_is_told() -> None:
    found = lost(silent_gpu("GPU 1 of the driver", "NVML: GPU is lost"))
    assert found is not None
    assert found.seen == "it does not answer its driver (NVML: GPU is lost)"
    assert lost(silent_gpu("AMD Instinct", "NVML: Not Found")) is None
    assert lost(gpu()) is None


def test_what_counts_as_throttled_is_what_marks_samples() -> None:
    assert THROTTLED == THROTTLE_REASONS


@pytest.mark.parametrize(
    ("mode", "expected"), [(Told(False), True), (Told(True), False), (Told(None, "?"), False)]
)
def test_persistence_mode_is_told_where_it_is_off(mode: Told, expected: bool) -> None:
    described: GpuDescription = gpu(is_persistence_on=mode)
    assert (persistence_off(described) is not None) is expected
