"""Workflow files and the guide for CI: what they call exists, with the options that they give."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from ruamel.yaml import YAML

from sdbench.cli.main import cli

ROOT = Path(__file__).parents[1]
OWN = ROOT / ".github" / "workflows" / "ci.yml"
TEMPLATE = ROOT / ".github" / "workflow-templates" / "sdbench-regressions.yml"
WORKFLOWS = (OWN, TEMPLATE)
GUIDE = ROOT / "docs" / "regressions.md"

WELL_KNOWN = re.compile(r"actions/(checkout|setup-python|upload-artifact|cache)@v[0-9]+")
ENDS_A_COMMAND = frozenset({"|", "||", "&&", ";", ">", ">>", "&", "then"})


def workflow(path: Path) -> Any:
    return YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))


def steps(path: Path) -> Iterator[dict[str, Any]]:
    for job in workflow(path)["jobs"].values():
        yield from job["steps"]


def scripts(path: Path) -> list[str]:
    """What the file has a shell run."""
    if path.suffix == ".md":
        return re.findall(r"^```sh\n(.*?)^```", path.read_text(encoding="utf-8"), re.M | re.S)
    return [step["run"] for step in steps(path) if "run" in step]


def commands(script: str) -> Iterator[list[str]]:
    """The arguments of each call of sdbench in a shell script."""
    for line in script.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        for place, word in enumerate(words):
            if Path(word).name == "sdbench" and place + 1 < len(words):
                rest = words[place + 1 :]
                ends = (n for n, one in enumerate(rest) if one in ENDS_A_COMMAND)
                yield rest[: next(ends, len(rest))]


CALLS = [
    pytest.param(path, arguments, id=f"{path.name}: {' '.join(arguments)[:60]}")
    for path in (*WORKFLOWS, GUIDE)
    for script in scripts(path)
    for arguments in commands(script)
]


def parsed(arguments: list[str]) -> None:
    """Parses a command line as sdbench would, without a look at the files that it names.

    Raises:
        click.UsageError: There is no such command, option or value.
    """
    context = click.Context(cli)
    name, command, rest = cli.resolve_command(context, arguments)
    assert command is not None, name
    inner = click.Context(command, info_name=name, parent=context)
    given, left, _ = command.make_parser(inner).parse_args(rest)
    if left:
        raise click.UsageError(f"too many arguments: {left}")
    for parameter in command.params:
        value = given.get(parameter.name)
        is_given = value is not None and not parameter.value_is_missing(value)
        if parameter.required and not is_given:
            raise click.MissingParameter(ctx=inner, param=parameter)
        if is_given and not isinstance(parameter.type, click.Path):
            parameter.type_cast_value(inner, value)


@pytest.mark.parametrize(("path", "arguments"), CALLS)
def test_every_call_is_one_that_sdbench_understands(path: Path, arguments: list[str]) -> None:
    parsed(arguments)


@pytest.mark.parametrize(
    "line",
    ["sdbench abc", "sdbench ab --nothing", "sdbench ab", "sdbench run a.yaml --rounds some"],
)
def test_a_call_that_sdbench_does_not_understand_is_noticed(line: str) -> None:
    (arguments,) = commands(line)
    with pytest.raises(click.UsageError):
        parsed(arguments)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_compares_two_installations(path: Path) -> None:
    called = [arguments for script in scripts(path) for arguments in commands(script)]
    compared = [arguments for arguments in called if arguments[0] == "ab"]
    assert compared
    for arguments in compared:
        assert {"--baseline", "--candidate", "--format"} <= set(arguments)
    assert all(("--advisory" in arguments) is (path == OWN) for arguments in compared)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_reads_only_but_for_the_job_that_comments(path: Path) -> None:
    loaded = workflow(path)
    assert loaded["permissions"] == {"contents": "read"}
    for name, job in loaded["jobs"].items():
        if name == "comment":
            assert job["permissions"] == {"pull-requests": "write"}
            assert not any("uses" in step for step in job["steps"]), "it runs no code of others"
        else:
            assert "permissions" not in job


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_uses_well_known_actions_of_a_major_version(path: Path) -> None:
    used = [step["uses"] for step in steps(path) if "uses" in step]
    assert used
    assert [name for name in used if not WELL_KNOWN.fullmatch(name)] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_texts_of_a_pull_request_reach_no_script(path: Path) -> None:
    """What stands in ``${{ }}`` is pasted into a script before the shell reads it."""
    assert [script for script in scripts(path) if "${{" in script] == []


def test_the_machine_with_the_gpu_runs_no_code_of_forks() -> None:
    gpu = workflow(TEMPLATE)["jobs"]["gpu"]
    assert "head.repo.full_name == github.repository" in gpu["if"]
    unlock = next(step for step in gpu["steps"] if "-rgc" in step.get("run", ""))
    assert "always()" in unlock["if"]


def test_the_template_does_not_run_here() -> None:
    assert [file.name for file in OWN.parent.iterdir()] == [OWN.name]


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize("path", [*WORKFLOWS, GUIDE], ids=lambda path: path.name)
def test_scripts_are_legal_for_the_shell(path: Path) -> None:
    for script in scripts(path):
        subprocess.run(["bash", "-n"], input=script, text=True, check=True, capture_output=True)
