from __future__ import annotations

import subprocess
from typing import Any

import pytest
from machines import gpu, machine

from sdbench.devices.description import MACHINES
from sdbench.run import inventory as asked
from sdbench.run.inventory import Inventory, NoInventory, inventory
from sdbench.run.ownership import CONTROLLER_VARIABLE

Answer = subprocess.CompletedProcess[bytes]


def answering(answer: bytes | Exception) -> Any:
    def run(*arguments: Any, **options: Any) -> Answer:
        assert CONTROLLER_VARIABLE in options["env"]
        assert options["stdin"] == subprocess.DEVNULL
        if isinstance(answer, Exception):
            raise answer
        return subprocess.CompletedProcess([], 0, answer, b"")

    return run


def test_a_machine_comes_over_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = machine(gpu(), gpu(word=None))
    monkeypatch.setattr(asked.subprocess, "run", answering(MACHINES.dump_json(sent)))
    assert inventory().machine == sent


def test_programs_read_the_cpu_and_then_the_gpus() -> None:
    read = Inventory(machine(gpu()), {"torch": "2.13.0"}).to_json()
    assert [device["word"] for device in read["devices"]] == ["cpu", "cuda:0"]
    assert read["devices"][1]["memory"]["total_bytes"]["value"] == 24 << 30
    assert read["devices"][1]["state"]["clock_events"] == ["idle"]
    assert read["findings"] == []
    assert read["no_gpus_reason"] is None


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            subprocess.CalledProcessError(1, [], b"", b"Traceback\nImportError: no module\n"),
            "the devices cannot be asked for: ImportError: no module",
        ),
        (
            subprocess.CalledProcessError(-11, [], b"", b""),
            "the devices cannot be asked for: exit code -11",
        ),
        (subprocess.TimeoutExpired([], 1), "the devices did not answer within 120 s"),
        (b"no JSON", "the devices answered what is no inventory"),
    ],
)
def test_no_answer_is_one_message(
    monkeypatch: pytest.MonkeyPatch, answer: bytes | Exception, words: str
) -> None:
    monkeypatch.setattr(asked.subprocess, "run", answering(answer))
    with pytest.raises(NoInventory, match=words):
        inventory()
