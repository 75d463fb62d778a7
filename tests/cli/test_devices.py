"""``sdbench devices``, on machines and leftovers that the test makes up.

Nothing here looks for real leftovers, or ends them: they would be the developer's own.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence

import pytest
from machines import gpu, machine

from sdbench.cli.main import main
from sdbench.devices.description import Finding
from sdbench.run import inventory, leftovers
from sdbench.run.inventory import Inventory
from sdbench.run.leftovers import Clearance, Leftover, NotAvailable
from sdbench.run.processes import ProcessId
from sdbench.units import GIB

Call = Callable[..., tuple[int, str, str]]

HUNG = Leftover(process=ProcessId(4711, 1), module="sdbench.run.worker", resident_bytes=2 * GIB)


@pytest.fixture
def sdbench(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Runs ``sdbench devices``: exit code, output, errors."""

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["sdbench", "devices", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        output, errors = capsys.readouterr()
        return int(ended.value.code or 0), output, errors

    return call


@pytest.fixture
def cleared(monkeypatch: pytest.MonkeyPatch) -> list[Leftover]:
    """One leftover to be found, and what is ended in the place of real processes."""
    ended: list[Leftover] = []

    def clear(found: Sequence[Leftover]) -> Clearance:
        ended.extend(found)
        return Clearance(
            ended=tuple(found), remaining=(), freed_device_bytes=GIB, device_reason=None
        )

    monkeypatch.setattr(leftovers, "find_leftovers", lambda: (HUNG,))
    monkeypatch.setattr(leftovers, "clear", clear)
    return ended


def answer(monkeypatch: pytest.MonkeyPatch, words: str, is_terminal: bool = True) -> None:
    """Makes somebody answer at the terminal, or nobody where there is none."""
    monkeypatch.setattr(sys.stdin, "isatty", lambda: is_terminal, raising=False)
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda prompt: words)


def test_devices_are_told_with_what_is_unfit(
    sdbench: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = machine(gpu(), findings=(Finding("pynvml", "it is in the way", "uninstall it"),))
    monkeypatch.setattr(inventory, "inventory", lambda: Inventory(found, {"torch": "2.13.0"}))
    code, output, _ = sdbench()
    assert code == 0
    assert output.startswith("cpu     CPU: AMD EPYC\n")
    assert "\ncuda:0  NVIDIA L4\n" in output
    assert "  - pynvml: it is in the way.\n    -> uninstall it.\n" in output
    _, output, _ = sdbench("--json")
    read = json.loads(output)
    assert read["schema"] == 1
    assert [device["word"] for device in read["devices"]] == ["cpu", "cuda:0"]
    assert read["findings"][0]["advice"] == "uninstall it"


@pytest.mark.parametrize(("words", "expected"), [("y", [HUNG]), ("n", []), ("", [])])
def test_leftovers_are_listed_and_ended_when_somebody_says_so(
    sdbench: Call,
    cleared: list[Leftover],
    monkeypatch: pytest.MonkeyPatch,
    words: str,
    expected: list[Leftover],
) -> None:
    answer(monkeypatch, words)
    code, output, _ = sdbench("--clear")
    assert code == 0
    assert "  4711  sdbench.run.worker, 2.00 GiB of the host's memory\n" in output
    assert cleared == expected
    assert ("1 process ended; 2.00 GiB of the host's memory came back." in output) is bool(expected)


@pytest.mark.parametrize("arguments", [("--clear",), ("--clear", "--json")])
def test_where_nobody_can_be_asked_nothing_is_ended(
    sdbench: Call,
    cleared: list[Leftover],
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
) -> None:
    answer(monkeypatch, "y", is_terminal=False)
    code, _, errors = sdbench(*arguments)
    assert code == 2
    assert errors.endswith("nobody can be asked here; to end them, say --clear --yes\n")
    assert cleared == []


def test_yes_asks_nobody(
    sdbench: Call, cleared: list[Leftover], monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(monkeypatch, "n", is_terminal=False)
    code, output, _ = sdbench("--clear", "--yes", "--json")
    assert code == 0
    assert cleared == [HUNG]
    ended = {"pid": 4711, "module": "sdbench.run.worker", "resident_bytes": 2 * GIB}
    assert json.loads(output) == {
        "schema": 1,
        "ended": [ended],
        "remaining": [],
        "freed_resident_bytes": 2 * GIB,
        "freed_device_bytes": GIB,
        "device_reason": None,
    }


def test_what_could_not_be_ended_is_told_and_exits_3(
    sdbench: Call, cleared: list[Leftover], monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck = Clearance(
        ended=(), remaining=(HUNG,), freed_device_bytes=None, device_reason="NVML: no library"
    )
    monkeypatch.setattr(leftovers, "clear", lambda found: stuck)
    code, output, _ = sdbench("--clear", "--yes")
    assert code == 3
    assert "What the GPUs got back is not told: NVML: no library.\n" in output
    assert output.endswith(
        "for a driver:\n  4711  sdbench.run.worker, 2.00 GiB of the host's memory\n"
    )


def test_nothing_left_over_asks_nobody(sdbench: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "find_leftovers", lambda: ())
    answer(monkeypatch, "", is_terminal=False)
    assert sdbench("--clear") == (0, "Nothing is left over of ended sessions.\n", "")


def test_a_system_without_proc_is_one_message(
    sdbench: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise NotAvailable("that takes Linux")

    monkeypatch.setattr(leftovers, "find_leftovers", refuse)
    assert sdbench("--clear", "--yes") == (3, "", "sdbench: that takes Linux\n")


def test_yes_alone_is_a_usage_error(sdbench: Call) -> None:
    code, _, errors = sdbench("--yes")
    assert code == 2
    assert "--yes goes with --clear" in errors
