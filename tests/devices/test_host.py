from __future__ import annotations

from pathlib import Path

import pytest

from sdbench.devices.host import cpu_model, read_host

TWO_SOCKETS = """
processor : 0
model name\t: AMD EPYC 9354
physical id\t: 0
core id\t\t: 0
flags\t\t: fpu avx2 avx512f avx512_bf16 avx512_vnni

processor : 1
model name\t: AMD EPYC 9354
physical id\t: 0
core id\t\t: 0

processor : 2
model name\t: AMD EPYC 9354
physical id\t: 1
core id\t\t: 0
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/cpuinfo").write_text(TWO_SOCKETS)
    (tmp_path / "proc/meminfo").write_text(
        "MemTotal:       16384 kB\nMemFree:    1 kB\nMemAvailable:  8192 kB\n"
    )
    return tmp_path


def test_cores_are_pairs_of_socket_and_core(root: Path) -> None:
    host = read_host(root)
    assert host.model == "AMD EPYC 9354"
    assert host.cores.value == 2


def test_a_system_without_cpuinfo_has_a_model_all_the_same(tmp_path: Path) -> None:
    assert cpu_model(tmp_path)


def test_memory_is_in_bytes(root: Path) -> None:
    memory = read_host(root).memory
    assert memory.total_bytes.value == 16 << 20
    assert memory.available_bytes.value == 8 << 20


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("flags\t: avx2 avx512f avx512_bf16 avx512_vnni", ("avx2", "avx512", "vnni", "bf16")),
        ("flags\t: avx2 amx_tile amx_bf16 amx_int8", ("avx2", "amx", "amx-bf16", "amx-int8")),
        ("Features\t: fp asimd asimdhp sve bf16", ("bf16", "fp16", "sve")),
        ("flags\t: fpu sse2", ()),
    ],
)
def test_abilities_are_the_kernels_flags(root: Path, flags: str, expected: tuple[str, ...]) -> None:
    (root / "proc/cpuinfo").write_text(f"{flags}\n")
    assert read_host(root).abilities == expected


def test_what_a_system_does_not_tell_has_a_reason(tmp_path: Path) -> None:
    host = read_host(tmp_path)
    assert host.model
    assert host.cores.reason == "this system tells no physical cores"
    assert host.memory.total_bytes.reason == "this system does not tell MemTotal"
    assert host.abilities == ()
