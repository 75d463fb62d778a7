"""The examples of docs/fleet: their syntax, and that sdbench takes their command lines."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import click
import pytest
from ruamel.yaml import YAML

from sdbench.cli.main import COMMANDS, cli
from sdbench.fleet.shards import Shard

FOLDER = Path(__file__).parents[2] / "docs" / "fleet"
SLURM = (FOLDER / "slurm.sh").read_text(encoding="utf-8")
README = (FOLDER / "README.md").read_text(encoding="utf-8")


def yaml(name: str) -> Any:
    return YAML(typ="safe", pure=True).load(FOLDER / name)


def parsed(arguments: list[str]) -> dict[str, Any]:
    """What sdbench's own parser makes of a command line; nothing runs."""
    context = click.Context(cli, info_name="sdbench")
    name, command, rest = cli.resolve_command(context, arguments)
    assert name in COMMANDS
    assert command is not None
    return command.make_context(name, rest, parent=context).params


def played(script: str, folder: Path, **variables: str) -> list[list[str]]:
    """The arguments that a script calls sdbench with: a stand-in takes its place."""
    stand_in = folder / "bin" / "sdbench"
    if not stand_in.exists():
        stand_in.parent.mkdir()
        stand_in.write_text('#!/bin/bash\nprintf "%s\\0" "$@" >> called\necho >> called\nexit 3\n')
        stand_in.chmod(0o755)
    (folder / "called").unlink(missing_ok=True)
    bash = shutil.which("bash")
    assert bash is not None
    subprocess.run(
        [bash, "-c", script, "job", "suite.yaml"],
        cwd=folder,
        env={"PATH": f"{stand_in.parent}:/usr/bin:/bin", **variables},
        check=False,
    )
    calls = (folder / "called").read_text().splitlines()
    return [call.split("\0")[:-1] for call in calls]


def shards_of(script: str, folder: Path, name: str, numbers: range, **others: str) -> list[Any]:
    found = []
    for number in numbers:
        (call,) = played(script, folder, **{name: str(number), **others})
        found.append(parsed(call)["shard"])
    return found


ALL_FOUR = [Shard(1, 4), Shard(2, 4), Shard(3, 4), Shard(4, 4)]


def scripts() -> list[Any]:
    pods = [
        yaml(name)["spec"]["template"]["spec"]
        for name in ("kubernetes.yaml", "kubernetes-merge.yaml")
    ]
    return [
        pytest.param(SLURM, id="slurm"),
        pytest.param(yaml("skypilot.yaml")["setup"], id="skypilot setup"),
        pytest.param(yaml("skypilot.yaml")["run"], id="skypilot run"),
        *(pytest.param(pod["containers"][0]["args"][0], id="kubernetes") for pod in pods),
        *(
            pytest.param(block, id="readme")
            for block in re.findall(r"```sh\n(.*?)```", README, re.S)
        ),
    ]


@pytest.mark.parametrize("script", scripts())
def test_every_script_is_one_that_bash_reads(script: str) -> None:
    bash = shutil.which("bash")
    assert bash is not None
    checked = subprocess.run(
        [bash, "-n"], input=script, capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stderr) == (0, "")


def test_the_tasks_of_the_slurm_array_are_all_shards(tmp_path: Path) -> None:
    array = re.search(r"^#SBATCH --array=1-(\d+)$", SLURM, re.M)
    assert array is not None
    numbers = range(1, int(array[1]) + 1)
    found = shards_of(SLURM, tmp_path, "SLURM_ARRAY_TASK_ID", numbers, SLURM_ARRAY_JOB_ID="7")
    assert found == ALL_FOUR


def test_one_slurm_task_alone_is_the_same_shard_of_as_many(tmp_path: Path) -> None:
    """The number of shards is not that of the array's tasks, which is 1 for --array=3."""
    variables = {"SLURM_ARRAY_TASK_COUNT": "1", "SLURM_ARRAY_TASK_MAX": "3"}
    given = {"SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_JOB_ID": "8", "SDBENCH_RESULTS": "results-7"}
    (call,) = played(SLURM, tmp_path, **variables, **given)
    assert parsed(call)["shard"] == Shard(3, 4)
    assert parsed(call)["results"] == Path("results-7")


def test_slurm_starts_nothing_again_and_gives_each_task_one_gpu() -> None:
    assert "#SBATCH --no-requeue\n" in SLURM
    assert "#SBATCH --gres=gpu:1\n" in SLURM


def test_the_indexes_of_the_kubernetes_job_are_all_shards(tmp_path: Path) -> None:
    spec = yaml("kubernetes.yaml")["spec"]
    container = spec["template"]["spec"]["containers"][0]
    (shards,) = (one["value"] for one in container["env"] if one["name"] == "SHARDS")
    assert int(shards) == spec["completions"] == spec["parallelism"]
    script = container["args"][0]
    indexes = range(spec["completions"])
    found = shards_of(script, tmp_path, "JOB_COMPLETION_INDEX", indexes, SHARDS=shards)
    assert found == ALL_FOUR


def test_kubernetes_tries_nothing_again_and_lets_the_others_go_on() -> None:
    spec = yaml("kubernetes.yaml")["spec"]
    pod = spec["template"]["spec"]
    assert spec["completionMode"] == "Indexed"
    assert (spec["backoffLimitPerIndex"], pod["restartPolicy"]) == (0, "Never")
    assert "backoffLimit" not in spec
    assert pod["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == 1


def test_what_pods_mount_is_there_under_that_name() -> None:
    for name in ("kubernetes.yaml", "kubernetes-merge.yaml"):
        pod = yaml(name)["spec"]["template"]["spec"]
        volumes = {volume["name"] for volume in pod["volumes"]}
        assert {mount["name"] for mount in pod["containers"][0]["volumeMounts"]} <= volumes


def test_the_ranks_of_the_skypilot_task_are_all_shards(tmp_path: Path) -> None:
    task = yaml("skypilot.yaml")
    count = str(task["num_nodes"])
    found = shards_of(
        task["run"].replace("/bucket", "bucket"),
        tmp_path,
        "SKYPILOT_NODE_RANK",
        range(task["num_nodes"]),
        SKYPILOT_NUM_NODES=count,
        SKYPILOT_TASK_ID="task",
        SUITE=task["envs"]["SUITE"],
    )
    assert found == ALL_FOUR
    assert task["resources"]["accelerators"].endswith(":1")


def test_skypilot_copies_what_there_is_and_keeps_a_hole_to_itself(tmp_path: Path) -> None:
    """The stand-in ends with 3; a node that fails would end all others."""
    (tmp_path / "results" / "sd15").mkdir(parents=True)
    script = yaml("skypilot.yaml")["run"].replace("/bucket", "bucket")
    variables = {"SKYPILOT_NODE_RANK": "0", "SKYPILOT_NUM_NODES": "4", "SKYPILOT_TASK_ID": "t"}
    played(f"{script}\necho went on > code", tmp_path, SUITE="suite.yaml", **variables)
    assert (tmp_path / "code").exists()
    assert (tmp_path / "bucket" / "t" / "sd15").is_dir()


def sdbench_lines() -> list[str]:
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", README, re.S))
    (merge,) = yaml("kubernetes-merge.yaml")["spec"]["template"]["spec"]["containers"][0]["args"]
    lines = [*blocks.splitlines(), *re.findall(r'--wrap "([^"]*)"', blocks)]
    inline = re.findall(r"`(sdbench (?:run|merge|report) [^`]*)`", README)
    return [
        line.strip().removeprefix("exec ")
        for line in (*lines, merge, *inline)
        if line.strip().removeprefix("exec ").startswith("sdbench ")
    ]


@pytest.mark.parametrize("line", sdbench_lines())
def test_every_command_line_of_the_page_is_one_that_sdbench_takes(line: str) -> None:
    parsed(shlex.split(line, comments=True)[1:])


def test_the_page_names_every_file_beside_it() -> None:
    others = {path.name for path in FOLDER.iterdir()} - {"README.md"}
    assert {name for name in others if name not in README} == set()
