"""Starts workers by fork from a process that has imported torch, but never touched a device.

The seconds of the imports are paid once, and a further worker costs a fraction of one. What was
imported lives as long as the process, so that no worker's garbage collection looks through it.

Started by the controller as ``python -m sdbench.run.forkserver FD MODULE...``, where FD is a
socket and the modules are imported first. Each request comes with a socket for the new worker:

    {"fork": "path of the worker's log"} + socket   -> {"pid": 123}
    {"wait": 123}                                    -> {"exit": -9}    as subprocess's returncode
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import socket
import sys
from collections.abc import Sequence
from typing import NoReturn

_MAX_MESSAGE_BYTES = 65536


def main(control_fd: int, modules: Sequence[str]) -> None:
    """Forks and waits as asked, until the controller closes the socket."""
    control = socket.socket(fileno=control_fd)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for module in modules:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()
    while True:
        message, fds, _, _ = socket.recv_fds(control, _MAX_MESSAGE_BYTES, 1)
        if not message:
            return
        request = json.loads(message)
        if "fork" in request:
            pid = _fork(control, fds[0], request["fork"])
            answer = {"pid": pid}
        else:
            _, status = os.waitpid(request["wait"], 0)
            answer = {"exit": os.waitstatus_to_exitcode(status)}
        control.sendall(json.dumps(answer).encode())


def _fork(control: socket.socket, fd: int, log: str) -> int:
    pid = os.fork()
    if pid == 0:
        control.close()
        _become_worker(fd, log)
    os.close(fd)
    return pid


def _become_worker(fd: int, log: str) -> NoReturn:
    log_fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log_fd, 1)
    os.dup2(log_fd, 2)
    from sdbench.run.worker import run_to_the_end

    channel = socket.socket(fileno=fd)
    run_to_the_end(channel.makefile("rb"), channel.makefile("wb"))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
