from __future__ import annotations

import sys
import types
import warnings
from pathlib import Path
from typing import Any

import pytest

from sdbench.devices.torch_view import (
    TorchGpu,
    import_failure,
    look_through_torch,
    memory_from_torch,
)


class Properties:
    name = "NVIDIA L4"
    uuid = "2b1d4f6c-0000-1111-2222-333344445555"
    major, minor = 8, 9
    total_memory = 24 << 30


@pytest.fixture
def torch(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module in the place of torch that sees one GPU, and has no torchvision beside it."""
    fake: Any = types.ModuleType("torch")
    fake.__version__ = "2.13.0+cu130"
    fake.version = types.SimpleNamespace(cuda="13.0", hip=None)
    fake.get_num_threads = lambda: 4
    cpu = types.SimpleNamespace(get_cpu_capability=lambda: "AVX2")
    fake.backends = types.SimpleNamespace(cpu=cpu)
    fake.cuda = types.SimpleNamespace(
        is_available=lambda: True,
        device_count=lambda: 1,
        get_device_properties=lambda index: Properties(),
        get_arch_list=lambda: ["sm_80", "sm_90"],
    )
    monkeypatch.setitem(sys.modules, "torch", fake)
    return fake


def test_the_installed_torch_is_seen() -> None:
    seen = look_through_torch()
    assert seen.version is not None
    assert seen.threads
    assert seen.instruction_set
    assert seen.broken == ()


def test_a_gpu_is_told_by_index_uuid_and_capability(torch: Any) -> None:
    seen = look_through_torch()
    (gpu,) = seen.gpus
    assert (gpu.index, gpu.label, gpu.uuid) == (0, "NVIDIA L4", Properties.uuid)
    assert gpu.capability == (8, 9)
    assert seen.architectures == ("sm_80", "sm_90")
    assert seen.problem is None


def test_what_torch_warns_of_is_why_it_sees_none(torch: Any) -> None:
    def warn() -> bool:
        warnings.warn("The NVIDIA driver on your system is too old\nPlease update", stacklevel=1)
        return False

    torch.cuda.is_available = warn
    seen = look_through_torch()
    assert seen.gpus == ()
    assert seen.problem == "The NVIDIA driver on your system is too old"


def test_a_driver_in_disorder_is_a_problem_and_no_crash(torch: Any) -> None:
    def fail(index: int) -> None:
        raise RuntimeError("CUDA error: unknown error\nCompile with ...")

    torch.cuda.get_device_properties = fail
    seen = look_through_torch()
    assert seen.gpus == ()
    assert seen.problem == "CUDA error: unknown error"


def test_a_torch_that_cannot_be_imported_has_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "torch.py").write_text("raise OSError('libcudnn.so.9: cannot open')")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    seen = look_through_torch()
    assert seen.version is None
    assert seen.problem == "libcudnn.so.9: cannot open"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (
            "raise RuntimeError('operator torchvision::nms does not exist')",
            "operator torchvision::nms does not exist",
        ),
        ("raise ImportError", "ImportError"),
        ("", None),
    ],
)
def test_an_installed_package_that_cannot_be_imported_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, expected: str | None
) -> None:
    (tmp_path / "made_for_another_torch.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert import_failure("made_for_another_torch") == expected
    sys.modules.pop("made_for_another_torch", None)


def test_a_package_that_is_not_installed_is_not_broken() -> None:
    assert import_failure("no_such_package") is None


L4 = TorchGpu(index=0, label="NVIDIA L4", uuid=None, capability=(8, 9), total_bytes=24 << 30)


def test_torch_tells_memory_where_the_driver_does_not(torch: Any) -> None:
    torch.cuda.mem_get_info = lambda index: (20 << 30, 23 << 30)
    memory = memory_from_torch(L4, "NVML: Not Found")
    assert (memory.total_bytes.value, memory.used_bytes.value) == (24 << 30, 4 << 30)
    assert memory.free_bytes.value == 20 << 30
    assert "context" in str(memory.used_bytes.reason)
    assert memory.reserved_bytes.reason == "NVML: Not Found"


def test_a_gpu_that_torch_cannot_use_has_a_capacity_and_a_reason(torch: Any) -> None:
    def fail(index: int) -> None:
        raise RuntimeError("CUDA error: device is busy\nmore")

    torch.cuda.mem_get_info = fail
    memory = memory_from_torch(L4, "NVML: Not Found")
    assert memory.total_bytes.value == 24 << 30
    assert memory.free_bytes.reason == "CUDA error: device is busy"
