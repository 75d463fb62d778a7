from __future__ import annotations

from pathlib import Path

import pytest

from sdbench.devices import host_memory
from sdbench.devices.host_memory import PeakRss, resident_bytes
from sdbench.results.figure import Origin


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for /proc/self, with a status that tells 2 MiB of 3."""
    (tmp_path / "clear_refs").touch()
    (tmp_path / "status").write_text("VmPeak:\t 3072 kB\nVmHWM:\t    2048 kB\nVmRSS:\t 1024 kB\n")
    monkeypatch.setattr(host_memory, "_CLEAR_REFS", tmp_path / "clear_refs")
    monkeypatch.setattr(host_memory, "_STATUS", tmp_path / "status")
    return tmp_path


def test_the_peak_is_the_kernels_in_bytes(proc: Path) -> None:
    figure = PeakRss().figure()
    assert (figure.value, figure.origin) == (2048 * 1024, Origin.MEASURED)


def test_what_is_resident_now_is_told_in_bytes(proc: Path) -> None:
    assert resident_bytes() == 1024 * 1024
    (proc / "status").unlink()
    assert resident_bytes() is None


def test_the_kernels_peak_is_set_back_first(proc: Path) -> None:
    PeakRss()
    assert (proc / "clear_refs").read_text() == "5"


def test_a_system_without_the_reset_has_a_reason_and_no_figure(proc: Path) -> None:
    (proc / "clear_refs").unlink()
    (proc / "clear_refs").mkdir()
    figure = PeakRss().figure()
    assert figure.value is None
    assert "cannot reset" in str(figure.reason)


def test_a_reset_that_is_forbidden_has_a_reason_and_no_figure(
    proc: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it, the peak would be that of the process's whole life, silently."""

    def refuse(self: Path, text: str) -> int:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "write_text", refuse)
    figure = PeakRss().figure()
    assert figure.value is None
    assert str(figure.reason).endswith("Operation not permitted")


def test_a_kernel_that_tells_no_peak_has_a_reason_and_no_figure(proc: Path) -> None:
    (proc / "status").write_text("VmRSS:\t 1024 kB\n")
    assert PeakRss().figure().reason == "the kernel does not report VmHWM"


def test_a_block_that_was_held_is_in_the_peak() -> None:
    before = PeakRss().figure()
    if before.value is None:
        pytest.skip(str(before.reason))
    peak = PeakRss()
    block = bytearray(b"x" * (64 << 20))
    del block
    after = peak.figure()
    assert after.value is not None
    # 64 MiB were written to; other pages of the process may have gone meanwhile
    assert after.value - before.value > 32 << 20
