from __future__ import annotations

import subprocess
import sys


def test_a_request_that_cannot_be_read_ends_the_process() -> None:
    """Its reader ended, and the process waited for a request for ever."""
    ended = subprocess.run(
        [sys.executable, "-m", "sdbench.predict.worker"],
        input=b"nonsense\n",
        capture_output=True,
        timeout=60,
    )
    assert (ended.returncode, ended.stdout) == (1, b"")
    assert b"ValidationError" in ended.stderr
