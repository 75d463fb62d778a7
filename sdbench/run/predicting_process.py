"""A process that predicts: started, asked, listened to, and ended with all that it is."""

from __future__ import annotations

import queue
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import IO

from pydantic import ValidationError

from sdbench.errors import SdbenchError
from sdbench.predict.messages import PREDICTED, WANTED, Predicted, Wanted
from sdbench.results.prediction import Prediction
from sdbench.run.worker_process import describe_exit, last_line_of

_JOIN_TIMEOUT_S = 10.0
"""Longest wait for the end of a dead process's output: a grandchild may hold the pipe open."""


class CannotPredict(SdbenchError):
    """The process that predicts came to no end; the message says why.

    Attributes:
        problem: What happened, in words.
        found: What it told before.
        unanswered: What it did not tell, in the order in which it would have.
    """

    exit_code = 3

    def __init__(self, problem: str) -> None:
        super().__init__(f"memory cannot be predicted: {problem}")
        self.problem = problem
        self.found: dict[str, Prediction] = {}
        self.unanswered: tuple[int, ...] = ()


Answers = queue.SimpleQueue[Predicted | CannotPredict]
"""What processes tell, as it comes."""


@contextmanager
def started(command: Sequence[str], environment: Mapping[str, str]) -> Iterator[PredictingProcess]:
    """A process in a group of its own, so that Ctrl-C does not reach it; killed on leaving."""
    with tempfile.TemporaryFile() as log:  # without a name, so that nothing is left of it
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=dict(environment),
            start_new_session=True,
        )
        predicting = PredictingProcess(process, log)
        try:
            yield predicting
        finally:
            predicting.kill()


class PredictingProcess:
    """A process that predicts, and the thread that waits for what it tells."""

    def __init__(self, process: subprocess.Popen[bytes], log: IO[bytes]) -> None:
        self._process = process
        self._log = log
        self._thread: threading.Thread | None = None

    def ask(self, wanted: Wanted, places: Sequence[int], answers: Answers) -> None:
        """Sends a request; its answers, or why there are no more, come into a queue.

        Args:
            wanted: The request.
            places: What the answers are to be numbered by.
            answers: The queue.
        """
        stdin = self._process.stdin
        assert stdin is not None
        with suppress(OSError):  # its end is noticed when its answers are waited for
            stdin.write(WANTED.dump_json(wanted) + b"\n")
            stdin.flush()

        def read() -> None:
            left = list(places)
            try:
                for answer in self._told(len(places)):
                    place = places[answer.index]
                    left.remove(place)
                    answers.put(replace(answer, index=place))
            except CannotPredict as failure:
                failure.unanswered = tuple(left)
                answers.put(failure)

        self._thread = threading.Thread(target=read, name="predictions", daemon=True)
        self._thread.start()

    def _told(self, expected: int) -> Iterator[Predicted]:
        stdout = self._process.stdout
        assert stdout is not None
        for _ in range(expected):
            line = stdout.readline()
            if not line:
                code = self._process.wait()
                last = last_line_of(self._log) or "(none)"
                raise CannotPredict(f"{describe_exit(code)}; its last line: {last}")
            try:
                yield PREDICTED.validate_json(line)
            except ValidationError:
                raise CannotPredict(f"{line[:80]!r} is no answer") from None

    def kill(self) -> None:
        """Ends it at once, whatever it does."""
        self._process.kill()
        self._process.wait()
        if self._thread is not None:
            self._thread.join(_JOIN_TIMEOUT_S)
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            with suppress(OSError):
                stream.close()
