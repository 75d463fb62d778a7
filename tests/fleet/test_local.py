from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from machines import gpu, machine, state

from sdbench.devices.description import Machine, Told
from sdbench.errors import IllegalValue, SdbenchError
from sdbench.fleet import local
from sdbench.fleet.local import (
    Lane,
    LocalDevice,
    NoDevices,
    equal_devices,
    find_devices,
    parse_devices,
    run_lanes,
)
from sdbench.fleet.shards import Shard
from sdbench.results.figure import Figure
from sdbench.units import GIB

PROGRAM = """
import os, signal, sys
word = sys.argv[sys.argv.index("--device") + 1]
signal.signal(signal.SIGTERM, lambda *_: (print("ended", flush=True), os._exit(3)))
print(*sys.argv[2:], flush=True)
exec(sys.argv[2])
"""


def scripts(folder: Path, **contents: Any) -> tuple[str, ...]:
    for name, content in contents.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    return tuple(f"scripted:{folder / name}.json" for name in contents)


def nobody() -> Machine:
    raise AssertionError("the machine need not be asked")


def test_devices_are_named_one_by_one_or_all() -> None:
    assert parse_devices("all") == ("all",)
    assert parse_devices("cuda:0, cuda:3") == ("cuda:0", "cuda:3")
    assert parse_devices("scripted:a.json,scripted:b.json") == (
        "scripted:a.json",
        "scripted:b.json",
    )


@pytest.mark.parametrize(
    "raw",
    ["", "cpu", "auto", "cuda", "cuda:x", "cuda:0,", "cuda:0,cuda:0", "all,cuda:0", "scripted:"],
)
def test_what_is_no_list_of_devices_is_refused_with_what_is_legal(raw: str) -> None:
    with pytest.raises(IllegalValue, match="legal is all, or devices such as cuda:0,cuda:1"):
        parse_devices(raw)


def test_scripted_devices_are_found_without_asking_the_machine(tmp_path: Path) -> None:
    words = scripts(tmp_path, a={"name": "A"}, b={"name": "B", "memory_bytes": 2 * GIB})
    assert find_devices(words, nobody) == (
        LocalDevice(words[0], "A", 8 * GIB),
        LocalDevice(words[1], "B", 2 * GIB),
    )


def test_a_script_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SdbenchError, match=r"missing\.json is no script of a device"):
        find_devices((f"scripted:{tmp_path}/missing.json",), nobody)


def with_gpus(*words: str | None) -> Machine:
    return machine(*(gpu(word=word) for word in words))


def test_all_are_the_gpus_that_torch_sees() -> None:
    found = find_devices(("all",), lambda: with_gpus("cuda:0", "cuda:1", None))
    assert found == (
        LocalDevice("cuda:0", "NVIDIA L4", 24 * GIB, (72.0, True, False)),
        LocalDevice("cuda:1", "NVIDIA L4", 24 * GIB, (72.0, True, False)),
    )


def test_gpus_and_scripts_can_be_named_together(tmp_path: Path) -> None:
    (word,) = scripts(tmp_path, a={})
    found = find_devices(("cuda:1", word), lambda: with_gpus("cuda:0", "cuda:1"))
    assert [device.word for device in found] == ["cuda:1", word]


def test_a_gpu_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(NoDevices, match="no device 'cuda:2' here; there is: cuda:0, cuda:1"):
        find_devices(("cuda:0", "cuda:2"), lambda: with_gpus("cuda:0", "cuda:1"))


def test_a_machine_without_gpus_says_why_and_what_to_do() -> None:
    empty = machine()
    with pytest.raises(NoDevices, match=r"no GPU here: .*; no driver; `--device cpu`"):
        find_devices(("all",), lambda: empty)


def test_a_kind_is_a_name_and_its_memory() -> None:
    devices = [
        LocalDevice("cuda:0", "A100", 40 * GIB),
        LocalDevice("cuda:1", "A100", 80 * GIB),
        LocalDevice("cuda:2", "A100", 40 * GIB),
        LocalDevice("cuda:3", "L4", None),
    ]
    kinds = [[device.word for device in kind] for kind in equal_devices(devices)]
    assert kinds == [["cuda:0", "cuda:2"], ["cuda:1"], ["cuda:3"]]


def test_gpus_with_other_settings_are_of_another_kind() -> None:
    """Their runs could not be joined, since their fingerprints differ."""
    capped = state(power_limit_watts=Figure.measured(60.0))
    gpus = (gpu(), gpu(word="cuda:1", state=capped), gpu(word="cuda:2", is_ecc_on=Told(False)))
    found = find_devices(("all",), lambda: machine(*gpus))
    assert [[one.word for one in kind] for kind in equal_devices(found)] == [
        ["cuda:0"],
        ["cuda:1"],
        ["cuda:2"],
    ]


def lanes(*words: str) -> list[Lane]:
    count = len(words)
    return [
        Lane(device=word, shard=Shard(number, count)) for number, word in enumerate(words, start=1)
    ]


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of ``sdbench``: prints its arguments and runs the first of them."""
    monkeypatch.setattr(local, "_SDBENCH", (sys.executable, "-c", PROGRAM))


@pytest.mark.usefixtures("program")
def test_every_line_has_its_device_before_it_and_every_lane_its_shard() -> None:
    said: list[str] = []
    both = lanes("cuda:0", "cuda:1")
    assert run_lanes(both, ["pass"], said.append) is False
    assert sorted(said) == [
        "[cuda:0] pass --device cuda:0 --shard 1/2 --led",
        "[cuda:1] pass --device cuda:1 --shard 2/2 --led",
    ]
    assert [lane.exit_code for lane in both] == [0, 0]


@pytest.mark.usefixtures("program")
def test_a_lane_that_fails_does_not_stop_the_others() -> None:
    said: list[str] = []
    both = lanes("cuda:0", "cuda:1")
    code = "if word == 'cuda:0': os._exit(7)\nsys.stdout.write('the last line has no end')"
    run_lanes(both, [code], said.append)
    assert [lane.exit_code for lane in both] == [7, 0]
    assert "[cuda:1] the last line has no end" in said


@pytest.mark.usefixtures("program")
def test_an_interruption_ends_all_and_hears_their_last_lines() -> None:
    said: list[str] = []
    both = lanes("cuda:0", "cuda:1")

    def say(line: str) -> None:
        said.append(line)
        if len([one for one in said if "signal.pause()" in one]) == 2 and "ended" not in line:
            raise KeyboardInterrupt

    assert run_lanes(both, ["while True: signal.pause()"], say) is True
    assert said[-2:] in (
        ["[cuda:0] ended", "[cuda:1] ended"],
        ["[cuda:1] ended", "[cuda:0] ended"],
    )
    assert [lane.exit_code for lane in both] == [3, 3]


@pytest.mark.usefixtures("program")
def test_what_does_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "_END_WAIT_S", 0.0)
    (only,) = lanes("cuda:0")

    def say(line: str) -> None:
        if line.endswith("deaf"):
            raise KeyboardInterrupt

    deaf = "signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True)\n"
    assert run_lanes([only], [f"{deaf}while True: signal.pause()"], say) is True
    assert only.exit_code == -9


@pytest.mark.usefixtures("program")
def test_a_failing_listener_leaves_no_lane_behind() -> None:
    def fail(line: str) -> None:
        raise BrokenPipeError

    both = lanes("cuda:0", "cuda:1")
    with pytest.raises(BrokenPipeError):
        run_lanes(both, ["while True: signal.pause()"], fail)
    assert [lane.exit_code for lane in both] == [-9, -9]
