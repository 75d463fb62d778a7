"""What of the machine is looked at before an A/B job: who else is on a GPU, and its heat."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from machines import gpu, machine, state, user

from sdbench.devices.description import GpuUsers, Machine
from sdbench.run import surroundings
from sdbench.run.interpreter import Interpreter
from sdbench.run.inventory import Inventory, NoInventory
from sdbench.run.surroundings import gpu_problems, load_remark

PYTHON = Interpreter("/x/python", "x")
BUSY = GpuUsers(processes=(user(4711, "blender"),))


@pytest.fixture
def having(monkeypatch: pytest.MonkeyPatch) -> Callable[[Machine | Exception], None]:
    """Makes this machine another one."""

    def be(other: Machine | Exception) -> None:
        def inventory(python: str, environment: Any, folder: Path) -> Inventory:
            assert (python, environment, folder) == ("/x/python", {"A": "b"}, Path("empty"))
            if isinstance(other, Exception):
                raise other
            return Inventory(other, {})

        monkeypatch.setattr(surroundings, "has_gpu_driver", lambda: True)
        monkeypatch.setattr(surroundings, "inventory", inventory)

    return be


def problems(torch_device: str) -> tuple[str, ...]:
    return gpu_problems(torch_device, PYTHON, {"A": "b"}, Path("empty"))


Having = Callable[[Machine | Exception], None]


def test_another_process_and_heat_are_problems_of_the_gpu_that_is_measured_on(
    having: Having,
) -> None:
    hot = state(throttled_by=("too hot",))
    having(machine(gpu(), gpu(word="cuda:1", users=BUSY, state=hot)))
    assert problems("cuda:0") == problems("cuda") == ()
    in_use, throttled = problems("cuda:1")
    assert in_use.startswith("cuda:1: 1 other process is on it: blender 4711")
    assert throttled.startswith("cuda:1: it is throttled now")


def test_a_driver_that_tells_nothing_is_no_problem(having: Having) -> None:
    having(NoInventory("the devices did not answer"))
    assert problems("cuda:0") == ()


@pytest.mark.parametrize("torch_device", ["cpu", "mps"])
def test_what_is_no_gpu_of_such_a_driver_is_not_asked_about(
    monkeypatch: pytest.MonkeyPatch, torch_device: str
) -> None:
    monkeypatch.setattr(surroundings, "inventory", None)
    assert problems(torch_device) == ()


@pytest.mark.parametrize(
    ("load", "expected"),
    [
        (1.9, None),
        (
            3.25,
            "the processor was busy before the job began: 3.2 processes ran on the average of the "
            "last minute",
        ),
    ],
)
def test_a_busy_processor_is_remarked_on(
    monkeypatch: pytest.MonkeyPatch, load: float, expected: str | None
) -> None:
    monkeypatch.setattr(surroundings.os, "getloadavg", lambda: (load, 9.0, 9.0))
    assert load_remark() == expected
