"""The process that predicts: ``python -m sdbench.predict.worker``. It touches no GPU.

It speaks over its standard input and output; whatever libraries print goes to standard error.
"""

from __future__ import annotations

import faulthandler
import os
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from typing import IO, NoReturn

from sdbench.predict.messages import PREDICTED, WANTED, Predicted, Wanted
from sdbench.predict.predictor import Estimator, predict
from sdbench.suite.configuration import Configuration

_CANNOT_TELL = 70
"""Exit code when the controller is gone (EX_SOFTWARE is the nearest that sysexits has)."""


def serve(
    reader: IO[bytes], writer: IO[bytes], estimator_for: Callable[[Wanted], Estimator]
) -> None:
    """Tells what each configuration of one request needs."""
    wanted = _first_of(reader)
    configurations = [Configuration(knobs) for knobs in wanted.configurations]
    for index, footprint in predict(configurations, estimator_for(wanted)):
        told = PREDICTED.dump_json(Predicted(index=index, footprint=footprint))
        try:
            writer.write(told + b"\n")
            writer.flush()
        except BrokenPipeError:
            os._exit(_CANNOT_TELL)


def _first_of(reader: IO[bytes]) -> Wanted:
    """The request. The end of input ends the process, also while it predicts."""
    requests: queue.SimpleQueue[Wanted] = queue.SimpleQueue()

    def read() -> None:
        try:
            for line in reader:
                requests.put(WANTED.validate_json(line))
        except BaseException:  # else the main thread would wait for ever
            _fail()
        os._exit(0)

    threading.Thread(target=read, name="requests", daemon=True).start()
    return requests.get()


def _estimator(wanted: Wanted) -> Estimator:
    from sdbench.predict.estimator import TracingEstimator
    from sdbench.suite.load import suite_from_json

    suite = suite_from_json(wanted.suite)
    return TracingEstimator(suite.inputs, wanted.target, wanted.trust_remote_code)


def main() -> None:
    """Serves over standard input and output, and keeps libraries' prints out of the latter."""
    reader = os.fdopen(os.dup(0), "rb")
    writer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    faulthandler.enable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        serve(reader, writer, _estimator)
    except BaseException:
        _fail()
    os._exit(0)


def _fail() -> NoReturn:
    traceback.print_exc()
    sys.stderr.flush()
    os._exit(1)


if __name__ == "__main__":
    main()
