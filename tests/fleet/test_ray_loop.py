"""Which GPU measures which shard, on seats that answer as they are told, without Ray."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import factories
import pytest

from sdbench.fleet.ray_copy import ShardCopy
from sdbench.fleet.ray_job import Job
from sdbench.fleet.ray_loop import measure
from sdbench.results.plan_file import PLAN_FILE
from sdbench.results.record import Record, Status
from sdbench.results.store import RUN_FILE, RunWriter, read_run
from sdbench.suite.configuration import Configuration
from sdbench.suite.model import Suite

T4 = "Tesla T4"
SUITE = Suite(name="test", fixed={"pipeline": factories.PIPELINE})
NODE_DEATH = {"status": "gone", "reason": "it died", "is_node_dead": True}
CRASH = {"status": "gone", "reason": "the process died", "is_node_dead": False}
STEPS = (10, 20, 30, 40)
RECORDS = {steps: factories.record(steps=steps) for steps in STEPS}


class Seats:
    """Each seat gives its answers one after the other, and after the last of a shard the next's."""

    def __init__(self, *answers: list[dict[str, Any]]) -> None:
        self._answers = [deque(one) for one in answers]
        self._asked: deque[int] = deque()
        self.jobs: list[tuple[int, Mapping[str, Any]]] = []

    def start(self, seat: int, job: Mapping[str, Any]) -> None:
        self.jobs.append((seat, job))
        self._asked.append(seat)

    def poll(self, seat: int) -> None:
        self._asked.append(seat)

    def next_answer(self) -> tuple[int, Mapping[str, Any]]:
        seat = self._asked.popleft()
        return seat, self._answers[seat].popleft()

    def where(self, seat: int) -> str:
        return "AB"[seat]


class Listener:
    def __init__(self) -> None:
        self.records: list[Record] = []
        self.notes: list[str] = []

    def recorded(self, shard: str, record: Record) -> None:
        self.records.append(record)

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
def answer(tmp_path: Path) -> Any:
    """Makes an answer with records of some steps, of a shard that plans some."""

    def make(status: str, planned: tuple[int, ...], come: tuple[int, ...], **more: Any) -> Any:
        folder = tmp_path / f"made-{len(list(tmp_path.iterdir()))}"
        keys = tuple(RECORDS[steps].key for steps in planned)
        with RunWriter.create(folder, factories.info(SUITE, keys)):
            content = (folder / RUN_FILE).read_text(encoding="utf-8")
        lines = [RECORDS[steps].to_line() for steps in come]
        return {"status": status, "name": "run", "run": content, "lines": lines, **more}

    return make


def copies(tmp_path: Path, count: int) -> list[ShardCopy]:
    by_key = {one.key: Configuration(one.knobs) for one in RECORDS.values()}
    job = Job(suite_name="s", suite_file="s.yaml", files={}, arguments=())
    return [
        ShardCopy(T4, f"{number}/{count}", tmp_path / str(number), job, by_key)
        for number in range(1, count + 1)
    ]


ENDED = {"exit_code": 0, "log": ""}


def test_a_shard_of_a_dead_node_goes_on_where_an_equal_gpu_is_free(
    tmp_path: Path, answer: Any, listener: Listener
) -> None:
    first, second = shards = copies(tmp_path / "copies", 2)
    seats = Seats(
        [{"status": "started"}, answer("running", (10, 20), (10,)), NODE_DEATH],
        [
            {"status": "started"},
            answer("ended", (30, 40), (30, 40), **ENDED),
            {"status": "started"},
            answer("ended", (10, 20), (20,), **ENDED),
        ],
    )

    measure(seats, {T4: [0, 1]}, shards, listener)

    assert [seat for seat, _ in seats.jobs] == [0, 1, 1]
    assert seats.jobs[2][1]["earlier"]["lines"] == [RECORDS[10].to_line()]
    assert first.folder is not None
    assert [one.key for one in read_run(first.folder).records] == [
        RECORDS[10].key,
        RECORDS[20].key,
    ]
    assert (first.problem, second.problem) == (None, None)
    assert first.moved == "went on on node B, since node A died"


def test_what_no_equal_gpu_is_left_for_is_lost(
    tmp_path: Path, answer: Any, listener: Listener
) -> None:
    (shard,) = copies(tmp_path / "copies", 1)
    seats = Seats([{"status": "started"}, answer("running", (10, 20), (10,)), NODE_DEATH])

    measure(seats, {T4: [0]}, [shard], listener)

    assert shard.folder is not None
    measured, lost = read_run(shard.folder).records
    assert (measured.status, lost.status) == (Status.OK, Status.SKIPPED)
    assert lost.reason == f"lost: node A died; no other {T4} is left"
    assert shard.problem == lost.reason


def test_a_crash_is_a_result_and_not_tried_again(
    tmp_path: Path, answer: Any, listener: Listener
) -> None:
    shards = copies(tmp_path / "copies", 2)
    seats = Seats(
        [{"status": "started"}, answer("running", (10, 20), (10,)), CRASH],
        [{"status": "started"}, answer("ended", (30, 40), (30, 40), **ENDED)],
    )

    measure(seats, {T4: [0, 1]}, shards, listener)

    assert len(seats.jobs) == 2
    assert shards[0].folder is not None
    last = read_run(shards[0].folder).records[-1]
    assert (last.status, last.reason) == (Status.SKIPPED, "the process died on node A")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (-9, "its process was killed by signal 9 (no such thing)"),
        (2, "its process ended with exit code 2 (no such thing)"),
    ],
)
def test_a_command_line_that_fails_says_its_last_words(
    tmp_path: Path, answer: Any, listener: Listener, code: int, words: str
) -> None:
    (shard,) = copies(tmp_path / "copies", 1)
    ended = {"status": "ended", "exit_code": code, "log": "a line\nno such thing\n"}

    measure(Seats([{"status": "started"}, ended]), {T4: [0]}, [shard], listener)

    assert shard.folder is None
    assert shard.problem == f"{words} on node A"


def test_a_command_line_that_was_stopped_leaves_the_reason_in_its_configurations(
    tmp_path: Path, answer: Any, listener: Listener
) -> None:
    (shard,) = copies(tmp_path / "copies", 1)
    log = "results: results/s/run\nno worker starts: no memory; go on with: sdbench run --resume\n"
    ended = answer("ended", (10, 20), (10,), exit_code=3, log=log)

    measure(Seats([{"status": "started"}, ended]), {T4: [0]}, [shard], listener)

    assert shard.folder is not None
    _, lost = read_run(shard.folder).records
    reason = "its process ended with exit code 3 (no worker starts: no memory) on node A"
    assert (lost.status, lost.reason) == (Status.SKIPPED, reason)
    assert shard.problem == reason


def test_what_a_budget_leaves_out_is_no_failure(
    tmp_path: Path, answer: Any, listener: Listener
) -> None:
    (shard,) = copies(tmp_path / "copies", 1)
    notes = {PLAN_FILE: b'{"schema": 1, "stopped_by_budget": true}'}
    ended = answer("ended", (10, 20), (10,), exit_code=0, log="", files=notes)

    measure(Seats([{"status": "started"}, ended]), {T4: [0]}, [shard], listener)

    assert shard.problem is None
    assert [one.key for one in listener.records] == [RECORDS[10].key]
