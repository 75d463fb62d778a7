"""A real cluster on this machine, of nodes that say that they have a GPU."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from sdbench.cli.main import main
from sdbench.cli.run_ray import RayProgress
from sdbench.fleet.ray_cluster import NoRay, RayCluster
from sdbench.results.record import Record, Status
from sdbench.results.store import find_runs, read_run
from sdbench.run.processes import own_processes, still_alive

pytest.importorskip("ray", reason="Ray is not installed")

SUITE = """
name: fleet
pipeline: {builtin: tiny}
fidelity: off
hardware: [T4]
axes:
  dtype: [fp32, fp16]
  scheduler: [euler, ddim, pndm, dpmpp_2m]
  steps: [2, 3, 4, 5, 6]
measure: {min_samples: 2, max_samples: 2, default: off, confirm_rounds: 0}
"""
COUNT = 40
DEVICE = """
name: Tesla T4
memory_bytes: 16000000000
faults:
  - {fault: crash, knobs: {dtype: fp16, scheduler: pndm, steps: 4}}
"""

HEALTH_CHECKS = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 500,
    "health_check_timeout_ms": 2000,
    "health_check_failure_threshold": 3,
}
"""Ray's own take half a minute to tell that a node is dead."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two nodes that say that they have a GPU each; the second can be killed."""
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 0, "num_gpus": 1, "include_dashboard": False}
    head = {**node, "_system_config": HEALTH_CHECKS}
    # A path of pytest's would be too long for the sockets in it.
    with TemporaryDirectory(prefix="ray-") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_TMPDIR", folder)
        patch.setenv("TMPDIR", folder)
        made = Cluster(initialize_head=True, head_node_args=head)
        try:
            made.add_node(**node)
            yield made
        finally:
            made.shutdown()


@pytest.fixture
def sdbench(
    cluster: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Any:
    """Runs the suite on the cluster: exit code, output, errors."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "suite.yaml").write_text(SUITE)
    (tmp_path / "t4.yaml").write_text(DEVICE)

    def call(*arguments: str) -> tuple[int, str, str]:
        command = ["run", "suite.yaml", "--ray", cluster.address, "--plan", "exhaustive"]
        monkeypatch.setattr(
            sys, "argv", ["sdbench", *command, "--device", "scripted:t4.yaml", *arguments]
        )
        with pytest.raises(SystemExit) as ended:
            main()
        output, errors = capfd.readouterr()
        return int(ended.value.code or 0), output, errors

    return call


def only_run() -> Any:
    (folder,) = find_runs(Path("results"))
    return read_run(folder)


def test_a_kind_that_the_cluster_lacks_is_an_error_and_not_waited_for(
    sdbench: Any, tmp_path: Path
) -> None:
    (tmp_path / "suite.yaml").write_text(SUITE.replace("[T4]", "[T4, L4, A100-80GB]"))

    code, _, errors = sdbench()

    assert code == 2
    assert "the cluster has no L4, A100 80GB; it has: " in errors
    assert errors.count("Tesla T4, 14.9 GiB") == 2


def test_an_unknown_kind_is_refused_before_a_cluster_is_asked(sdbench: Any, tmp_path: Path) -> None:
    (tmp_path / "suite.yaml").write_text(SUITE.replace("[T4]", "[T44]"))

    code, _, errors = sdbench()

    assert code == 2
    assert "hardware" in errors
    assert "'T44' is not legal" in errors


def test_an_address_at_which_nobody_listens_is_an_error() -> None:
    with pytest.raises(NoRay, match=r"no Ray cluster can be used at 127.0.0.1:1: "):
        RayCluster("127.0.0.1:1")


def test_a_crash_of_a_worker_is_a_record_and_all_others_are_measured(sdbench: Any) -> None:
    code, output, _ = sdbench()

    run = only_run()
    (crashed,) = [one for one in run.records if one.status is Status.ERROR]
    assert code == 3
    assert Counter(one.status for one in run.records) == {Status.OK: COUNT - 1, Status.ERROR: 1}
    assert (crashed.knobs["scheduler"], crashed.knobs["steps"]) == ("pndm", 4)
    assert max(Counter(one.key for one in run.records).values()) == 1
    assert {one.worker.partition("/")[0] for one in run.records} == {"shard1", "shard2"}
    assert run.info.device == "Tesla T4"
    assert f"[{COUNT}/{COUNT}] Tesla T4, shard " in output
    assert not list(Path("results").glob(".ray*"))


def _kill(node: Any, cluster: Any) -> None:
    """Returns when nothing of it answers any more: its actors outlive its own process shortly."""
    (raylet,) = node.all_processes["raylet"]
    actors = [one for one in own_processes() if one.parent() == raylet.process.pid]
    assert actors
    cluster.remove_node(node, allow_graceful=False)
    assert still_alive(actors, 60.0) == frozenset()


def test_what_a_killed_node_had_left_is_measured_on_the_other(
    sdbench: Any, cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The driver asks for no more records before it has told of those that came."""
    (tmp_path / "t4.yaml").write_text(DEVICE.partition("faults")[0])
    (node,) = cluster.worker_nodes
    begun, recorded = RayProgress.begun, RayProgress.recorded
    shards: list[str] = []
    seen: list[str] = []

    def begin(self: RayProgress, lines: Sequence[str], planned: int) -> None:
        (number,) = [n for n, line in enumerate(lines, start=1) if node.node_id[:8] in line]
        shards.append(f"shard {number}/2")
        begun(self, lines, planned)

    def kill_then_record(self: RayProgress, shard: str, record: Record) -> None:
        if shards[0] in shard and cluster.worker_nodes:
            _kill(node, cluster)
        seen.append(record.key)
        recorded(self, shard, record)

    monkeypatch.setattr(RayProgress, "begun", begin)
    monkeypatch.setattr(RayProgress, "recorded", kill_then_record)

    code, output, errors = sdbench()

    run = only_run()
    assert (code, errors) == (0, "")
    assert Counter(one.status for one in run.records) == {Status.OK: COUNT}
    assert sorted(seen) == sorted(run.info.planned_keys)
    assert " died\n" in output
    assert [shards[0] in remark for remark in run.plan_remarks] == [True]
