"""What runs on a node, within a Ray actor that holds one GPU: the probe, and one shard at a time.

The shard is a plain command line in a process of its own. The actor itself touches neither torch
nor CUDA, so that no context is shared and a crash of the shard leaves it alive to say so. All
answers are dictionaries with a status; none of its methods raises.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sdbench.results.plan_file import PLAN_FILE
from sdbench.results.store import IMAGES_FOLDER, RECORDS_FILE, RUN_FILE, find_runs

Answer = dict[str, Any]

SCRIPTED = "scripted"

_LOOK_INTERVAL_S = 0.1
_MOST_LINES = 8
"""Records in one answer: a user sees them as they come, also where they come fast."""

_MAX_WAIT_S = 2.0
"""An answer comes at least so often: the driver tells by it that the shard is alive."""

_MAX_ANSWER_BYTES = 16 * 2**20
_MAX_FILES_BYTES = 512 * 2**20
"""Of pictures and logs of one shard: some 1,000 pictures of 512 x 512."""

_LOG_TAIL_BYTES = 4000
_END_TIMEOUT_S = 30.0

_SET_BY_RAY = ("OMP_NUM_THREADS",)
"""Ray sets it to 1 for whatever asks for no CPU cores, which would slow all that the CPU does."""


class GpuWorker:
    """Holds one GPU, by the means of Ray, and measures on it.

    Args:
        node: Address of its node.
        script: The script of a scripted device in place of the GPU; None for the GPU.
    """

    def __init__(self, node: str, script: bytes | None = None) -> None:
        self._node = node
        self._script = script
        self._uuid: str | None = None
        self._shard: _Shard | None = None

    def probe(self) -> Answer:
        """``{"status": "ok", "gpu": {...}}``, the values of a `FleetGpu`; ``failed`` otherwise."""
        try:
            gpu = _scripted_gpu(self._script) if self._script is not None else _gpu_from_nvml()
        except Exception as error:
            return _failed(error)
        self._uuid = gpu.get("uuid")
        return {"status": "ok", "gpu": {"node": self._node, **gpu}}

    def start(self, job: Mapping[str, Any]) -> Answer:
        """Starts a shard: ``{"status": "started"}``, or ``failed`` with the reason.

        Args:
            job: See `sdbench.fleet.ray_job.Job.to_plain`.
        """
        self.stop()
        try:
            self._shard = _Shard(job, self._script, self._uuid)
        except Exception as error:
            return _failed(error)
        return {"status": "started"}

    def poll(self) -> Answer:
        """What is new of the shard; waits for it, but not for long.

        ``status`` is ``running``, ``ended`` (with ``exit_code`` and ``log``) or ``failed`` (with
        ``reason``). ``name`` and ``run`` are the run folder's name and ``run.json``, once they are
        there; ``lines`` are new lines of records; ``files`` new files by their paths in the folder;
        ``left_out`` those that are too large to be sent.
        """
        if self._shard is None:
            return {"status": "failed", "reason": "no shard was started"}
        try:
            return self._shard.news()
        except Exception as error:
            return _failed(error)

    def stop(self) -> Answer:
        """Ends the shard that runs, and removes what it left on the node."""
        if self._shard is not None:
            self._shard.close()
            self._shard = None
        return {"status": "stopped"}


class _Shard:
    """A command line that runs, in a temporary folder of its own."""

    def __init__(self, job: Mapping[str, Any], script: bytes | None, uuid: str | None) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="sdbench-shard-"))
        self._results = self._folder / "results"
        self._offset = 0
        self._sent_bytes = 0
        self._sent: set[str] = set()
        for name, content in job["files"].items():
            path = self._folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        device = "cuda:0"
        if script is not None:
            (self._folder / "device.yaml").write_bytes(script)
            device = f"{SCRIPTED}:{self._folder / 'device.yaml'}"
        arguments = ["run", job["suite_file"], "--results", "results", "--device", device]
        if job["earlier"] is not None:
            self._restore(job["suite_name"], job["earlier"])
            arguments.append("--resume")
        self._log = self._folder / "log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "sdbench.fleet.leash",
                    str(os.getpid()),
                    *arguments,
                    *job["arguments"],
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
                env=_environment(uuid),
            )

    def _restore(self, suite_name: str, earlier: Mapping[str, Any]) -> None:
        """Writes the run as far as another node came; its records are not sent back."""
        run = self._results / suite_name / earlier["name"]
        (run / IMAGES_FOLDER).mkdir(parents=True)
        (run / RUN_FILE).write_text(earlier["run"], encoding="utf-8")
        content = "".join(f"{line}\n" for line in earlier["lines"]).encode()
        (run / RECORDS_FILE).write_bytes(content)
        self._offset = len(content)

    def news(self) -> Answer:
        until = time.monotonic() + _MAX_WAIT_S
        while True:
            exit_code = self._process.poll()  # before the files are read: nothing comes after it
            run = self._run()
            lines = self._new_lines(run) if run else []
            if lines or exit_code is not None or time.monotonic() > until:
                break
            time.sleep(_LOOK_INTERVAL_S)
        answer: Answer = {"status": "running", "lines": lines, "files": {}, "left_out": []}
        if run is not None:
            answer |= {"name": run.name, "run": (run / RUN_FILE).read_text(encoding="utf-8")}
            is_all = self._add_files(run, answer, is_ended=exit_code is not None)
            if exit_code is not None and not (is_all and self._is_all_read(run)):
                return answer
        if exit_code is not None:
            tail = self._log.read_bytes()[-_LOG_TAIL_BYTES:].decode(errors="replace")
            answer |= {"status": "ended", "exit_code": exit_code, "log": tail}
            self.close()
        return answer

    def _run(self) -> Path | None:
        return next(reversed(find_runs(self._results)), None)

    def _new_lines(self, run: Path) -> list[str]:
        """Whole lines that were not sent yet, up to the size of an answer and `_MOST_LINES`."""
        path = run / RECORDS_FILE
        if not path.exists():
            return []
        with path.open("rb") as file:
            file.seek(self._offset)
            content = file.read(_MAX_ANSWER_BYTES)
        whole = content[: content.rfind(b"\n") + 1].splitlines(keepends=True)[:_MOST_LINES]
        self._offset += sum(map(len, whole))
        return [line.decode().removesuffix("\n") for line in whole]

    def _is_all_read(self, run: Path) -> bool:
        path = run / RECORDS_FILE
        return not path.exists() or path.stat().st_size <= self._offset

    def _add_files(self, run: Path, answer: Answer, is_ended: bool) -> bool:
        """Adds pictures, and at the end all other files; False where some are left for later."""
        answer_bytes = 0
        for name, path in _files(run, only_settled=not is_ended):
            if name in self._sent:
                continue
            size = path.stat().st_size
            is_too_much = self._sent_bytes + size > _MAX_FILES_BYTES and name != PLAN_FILE
            if is_too_much or size > _MAX_ANSWER_BYTES:
                answer["left_out"].append(name)
            elif answer_bytes + size > _MAX_ANSWER_BYTES:
                return False
            else:
                answer["files"][name] = path.read_bytes()
                answer_bytes += size
                self._sent_bytes += size
            self._sent.add(name)
        return True

    def close(self) -> None:
        """Ends the process where it runs, and removes its folder."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_END_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)


def _files(run: Path, only_settled: bool) -> Iterator[tuple[str, Path]]:
    """A run's files but those of its records, by their paths in the folder.

    Args:
        run: The run's folder.
        only_settled: Whether to leave out what may still be written to: all but the pictures, and
            of these the last ones.
    """
    found = [
        path
        for path in sorted((run / IMAGES_FOLDER if only_settled else run).rglob("*"))
        if path.name not in (RUN_FILE, RECORDS_FILE) and path.is_file()
    ]
    written_s = {path: path.stat().st_mtime for path in found}
    newest_s = max(written_s.values(), default=0.0) - _MAX_WAIT_S
    for path in found:
        if not only_settled or written_s[path] < newest_s:
            yield path.relative_to(run).as_posix(), path


def _environment(uuid: str | None) -> dict[str, str]:
    """What the shard gets: the one GPU by its UUID, since CUDA's order is not the driver's."""
    kept = {name: value for name, value in os.environ.items() if name not in _SET_BY_RAY}
    return kept if uuid is None else {**kept, "CUDA_VISIBLE_DEVICES": uuid}


def _gpu_from_nvml() -> dict[str, Any]:
    """The GPU that Ray gave to this actor, as NVML describes it."""
    import ray

    from sdbench.devices.driver_gpus import describe_gpu
    from sdbench.devices.nvml import visible_gpus

    given = ray.get_runtime_context().get_accelerator_ids()["GPU"]
    if len(given) != 1:
        return {"name": "GPU", "problem": f"Ray gave {len(given)} GPUs in place of one"}
    found = visible_gpus()
    if isinstance(found, str):
        return {"name": "GPU", "problem": found}
    word = given[0]
    gpu = next((gpu for gpu in found if word in (str(gpu.index), gpu.uuid)), None)
    if gpu is None or gpu.uuid is None or gpu.name is None:
        is_part = word.startswith("MIG-")
        why = "it is a part of a GPU (MIG)" if is_part else "the driver does not know it"
        return {"name": f"GPU {word}", "problem": gpu.reason if gpu is not None else why}
    told = describe_gpu(gpu.name, gpu.uuid)
    mig, memory = told.is_mig_on.value, told.memory.total_bytes.value
    return {
        "name": gpu.name,
        "uuid": gpu.uuid,
        "memory_bytes": None if memory is None else int(memory),
        "driver": told.driver.value,
        "power_limit_watts": told.state.power_limit_watts.value,
        "mig": mig,
        "problem": "it is divided into instances (MIG), so it is no whole GPU" if mig else None,
    }


def _scripted_gpu(script: bytes) -> dict[str, Any]:
    from sdbench.devices.script import read_script

    with tempfile.NamedTemporaryFile(suffix=".yaml") as file:
        file.write(script)
        file.flush()
        played = read_script(Path(file.name))
    return {
        "name": played.name,
        "memory_bytes": played.memory_bytes,
        "power_limit_watts": played.power_watts,
    }


def _failed(error: Exception) -> Answer:
    return {"status": "failed", "reason": f"{type(error).__name__}: {error}"}
