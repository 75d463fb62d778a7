"""The sampler as a process: it dies, hangs, talks nonsense, and ends with its worker."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from nvml_fakes import UUID

from sdbench.devices import sampler
from sdbench.devices.sampler_process import SamplerProcess

NO_WAIT_S = 0.05


def python(code: str) -> Sequence[str]:
    return (sys.executable, "-S", "-c", code)


def ended(code: str, **timeouts: float) -> Any:
    with SamplerProcess(UUID, python(code), **timeouts) as entered:
        found = entered.end()
    assert entered._process is not None
    assert entered._process.returncode is not None  # none is left behind, not even a zombie
    assert found.readings == 0
    assert found.peak_used_bytes.value is None
    return found.peak_used_bytes.reason


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("raise SystemExit(3)", "the memory sampler died with exit code 3"),
        ("import os; os.abort()", "the memory sampler died by signal 6"),
        ("print('what?')", "the memory sampler did not begin"),
        ("print('ready')", "the memory sampler died with exit code 0"),
        ("print('ready'); print('{}')", "the memory sampler's answer cannot be read"),
    ],
)
def test_a_sampler_that_fails_costs_the_figure_and_says_how(code: str, words: str) -> None:
    assert ended(code) == words


def test_a_sampler_that_never_begins_is_not_waited_for() -> None:
    """It reads its input and ignores the end, as one does that hangs in the driver."""
    reason = ended("import signal; signal.pause()", start_timeout_s=NO_WAIT_S)
    assert reason == "the memory sampler did not answer within 0.05 s"


def test_a_sampler_that_hangs_at_the_end_is_not_waited_for() -> None:
    code = "import signal; print('ready', flush=True); signal.pause()"
    reason = ended(code, end_timeout_s=NO_WAIT_S)
    assert reason == "the memory sampler did not answer within 0.05 s"


def test_a_sampler_that_cannot_be_started_costs_the_figure() -> None:
    with SamplerProcess(UUID, ("/nowhere/python",)) as entered:
        found = entered.end()
    assert "could not be started: No such file" in str(found.peak_used_bytes.reason)


def test_a_call_that_raises_leaves_no_sampler_behind() -> None:
    with (
        pytest.raises(MemoryError),
        SamplerProcess(UUID, python("print('ready', flush=True); input()")) as entered,
    ):
        raise MemoryError
    assert entered._process is not None
    assert entered._process.returncode is not None


def test_a_worker_that_is_killed_leaves_no_sampler_behind() -> None:
    worker = subprocess.Popen(
        [
            *(sys.executable, "-c"),
            "from sdbench.devices.sampler_process import SamplerProcess\n"
            "import signal, sys\n"
            "with SamplerProcess(sys.argv[1]) as entered:\n"
            "    print(entered._process.pid, flush=True)\n"
            "    signal.pause()",
            UUID,
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert worker.stdout is not None
    assert worker.stderr is not None
    assert int(worker.stdout.readline()) > 0
    os.kill(worker.pid, signal.SIGKILL)
    # The sampler has the worker's standard error too: it ends when the last of the two does.
    assert worker.stderr.read() == b""
    worker.wait()
    worker.stdout.close()
    worker.stderr.close()


def test_a_sampler_that_hangs_in_the_driver_ends_after_its_input(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its worker was killed, so that nobody else would end it."""
    ended, codes = threading.Event(), []
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO()))
    monkeypatch.setattr(sampler, "_GRACE_S", 0)
    monkeypatch.setattr(os, "_exit", codes.append)
    sampler._watch_input(ended)
    assert ended.is_set()
    assert codes == [1]
