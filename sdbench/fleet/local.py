"""The devices of one machine: which there are, and a shard's command line for each of them."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from sdbench.devices.description import Machine
from sdbench.devices.script import read_script
from sdbench.errors import IllegalValue, SdbenchError
from sdbench.fleet.shards import Shard

ALL = "all"

_SCRIPTED = "scripted"
_LEGAL = "all, or devices such as cuda:0,cuda:1, each once"

_SDBENCH = (sys.executable, "-m", "sdbench.fleet.leash")
"""Becomes ``sdbench``, and ends with the process whose number it is given."""

_END_WAIT_S = 60.0
"""What is told to end ends its worker, writes what it knows and goes; then it is killed."""

_COLOURED = ("FORCE_COLOR", "CLICOLOR_FORCE", "TTY_COMPATIBLE", "TTY_INTERACTIVE")
"""Variables that make a program take a pipe for a terminal: its lines would be redrawn."""


class NoDevices(SdbenchError):
    """What was asked for is not there; the message says what is."""


@dataclass(frozen=True, slots=True)
class LocalDevice:
    """A device of this machine.

    Attributes:
        word: The word that names it, such as ``cuda:1``.
        name: Its product's name.
        memory_bytes: Memory that it has, or None where that is not told.
        settings: What else must be equal for figures of two to be of one run: power limit, ECC.
    """

    word: str
    name: str
    memory_bytes: int | None
    settings: tuple[float | str | bool | None, ...] = ()


def parse_devices(raw: str) -> tuple[str, ...]:
    """The words of devices from ``"cuda:0,cuda:1"``; ``("all",)`` from ``"all"``.

    Raises:
        IllegalValue: It is no such list.
    """
    words = tuple(word.strip() for word in raw.split(","))
    if words == (ALL,):
        return words
    if not all(map(_is_word, words)) or len(set(words)) < len(words):
        raise IllegalValue(raw, _LEGAL)
    return words


def _is_word(word: str) -> bool:
    name, _, rest = word.partition(":")
    return (name == "cuda" and rest.isdecimal()) or (name == _SCRIPTED and rest != "")


def find_devices(words: Sequence[str], ask: Callable[[], Machine]) -> tuple[LocalDevice, ...]:
    """The devices that words name.

    Args:
        words: As `parse_devices` gives them.
        ask: Asks for the machine's devices; called only where that is needed.

    Raises:
        NoDevices: One is not there, or none is.
        SdbenchError: A script cannot be read.
    """
    if all(word.startswith(f"{_SCRIPTED}:") for word in words):
        return tuple(map(_scripted, words))
    machine = ask()
    gpus = {
        gpu.word: LocalDevice(
            gpu.word,
            gpu.label,
            _bytes(gpu.memory.total_bytes.value),
            (gpu.state.power_limit_watts.value, gpu.is_ecc_on.value, gpu.is_mig_on.value),
        )
        for gpu in machine.gpus
        if gpu.word is not None
    }
    if not gpus:
        raise NoDevices(
            f"there is no GPU here: {machine.no_gpus_reason or 'torch sees none'}; "
            "`--device cpu` measures on the CPU"
        )
    if words == (ALL,):
        return tuple(gpus.values())
    found = {word: gpus.get(word) or _other(word, gpus) for word in words}
    return tuple(found.values())


def _other(word: str, gpus: Mapping[str, LocalDevice]) -> LocalDevice:
    if word.startswith(f"{_SCRIPTED}:"):
        return _scripted(word)
    raise NoDevices(f"there is no device {word!r} here; there is: {', '.join(gpus)}")


def _scripted(word: str) -> LocalDevice:
    script = read_script(Path(word.partition(":")[2]))
    return LocalDevice(word, script.name, script.memory_bytes)


def _bytes(value: float | None) -> int | None:
    return None if value is None else int(value)


def equal_devices(devices: Sequence[LocalDevice]) -> list[tuple[LocalDevice, ...]]:
    """The devices of each kind: figures of different kinds are not of one run."""
    kinds: dict[tuple[object, ...], list[LocalDevice]] = {}
    for device in devices:
        kind = (device.name, device.memory_bytes, device.settings)
        kinds.setdefault(kind, []).append(device)
    return [tuple(kind) for kind in kinds.values()]


@dataclass(slots=True, kw_only=True)
class Lane:
    """A shard that is measured on a device.

    Attributes:
        device: The device's word.
        shard: The shard.
        exit_code: What its command line ended with; None as long as it has not.
    """

    device: str
    shard: Shard
    exit_code: int | None = None
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    _begun_line: bytes = field(default=b"", repr=False)

    @property
    def arguments(self) -> list[str]:
        """What its command line has beside what all have."""
        return ["--device", self.device, "--shard", str(self.shard), "--led"]

    def start(self, arguments: Sequence[str]) -> IO[bytes]:
        """Starts its command line in a session of its own, so that Ctrl-C does not reach it.

        It ends with this process, whatever becomes of that.

        Returns:
            What it prints.
        """
        environment = {name: value for name, value in os.environ.items() if name not in _COLOURED}
        self._process = subprocess.Popen(
            [*_SDBENCH, str(os.getpid()), *arguments, *self.arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        return self._process.stdout

    def lines(self, content: bytes) -> Iterator[str]:
        """The lines that end with what it has printed now; empty content ends the last."""
        *whole, self._begun_line = (self._begun_line + content).split(b"\n")
        if not content and self._begun_line:
            whole.append(self._begun_line)
        for line in whole:
            yield line.decode(errors="replace").rstrip("\r")

    def send(self, number: signal.Signals) -> None:
        """Sends it a signal, where it runs still."""
        if self._process is not None and self.exit_code is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    def wait(self) -> None:
        """Waits for its end, and takes its exit code."""
        if self._process is not None:
            self.exit_code = self._process.wait()
            if self._process.stdout is not None:
                self._process.stdout.close()


def run_lanes(lanes: Sequence[Lane], arguments: Sequence[str], say: Callable[[str], None]) -> bool:
    """Runs all to their ends; one that fails does not stop the others.

    Args:
        lanes: What to run.
        arguments: What all command lines have in common.
        say: Takes their lines, with the device before each.

    Returns:
        Whether they were interrupted: then each has ended as after a Ctrl-C of its own.
    """
    is_interrupted = False
    with selectors.DefaultSelector() as selector, _ended(lanes):
        try:
            for lane in lanes:
                selector.register(lane.start(arguments), selectors.EVENT_READ, lane)
            _follow(selector, say)
        except KeyboardInterrupt:
            is_interrupted = True
            for lane in lanes:
                lane.send(signal.SIGTERM)
            _follow(selector, say, time.monotonic() + _END_WAIT_S)
    return is_interrupted


def _follow(
    selector: selectors.BaseSelector, say: Callable[[str], None], deadline: float | None = None
) -> None:
    """Hands lines on until all have ended, or until it is too late."""
    while selector.get_map():
        left_s = None if deadline is None else deadline - time.monotonic()
        if left_s is not None and left_s <= 0:
            return
        for key, _ in selector.select(left_s):
            lane: Lane = key.data
            content = os.read(key.fd, 65536)
            for line in lane.lines(content):
                say(f"[{lane.device}] {line}")
            if not content:
                selector.unregister(key.fileobj)
                lane.wait()


@contextmanager
def _ended(lanes: Sequence[Lane]) -> Iterator[None]:
    """Leaves none running: their workers end with them, since their input does."""
    try:
        yield
    finally:
        for lane in lanes:
            lane.send(signal.SIGKILL)
            lane.wait()
