from __future__ import annotations

from pathlib import Path

import pytest

from sdbench.fleet.ray_job import CannotSend, Earlier, Job, files_of
from sdbench.suite.expand import configurations
from sdbench.suite.load import load_suite


def files(folder: Path, text: str) -> dict[str, bytes]:
    path = folder / "suite.yaml"
    path.write_text(text)
    suite = load_suite(path)
    return files_of(path, suite, configurations(suite))


def test_a_suites_file_is_sent_as_it_is(tmp_path: Path) -> None:
    text = "pipeline: {builtin: tiny}\n"

    assert files(tmp_path, text) == {"suite.yaml": text.encode()}


def test_pictures_beside_the_suite_are_sent_with_it(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "fox.png").write_bytes(b"a fox")

    sent = files(
        tmp_path, "pipeline: {builtin: tiny}\ntask: image-to-image\ninputs: {image: in/fox.png}\n"
    )

    assert sent["in/fox.png"] == b"a fox"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("pipeline: {path: ./model}\n", "names its pipeline by a path relative to itself"),
        ("pipeline: {builtin: tiny}\ninputs: {image: ../fox.png}\n", "outside of the suite's"),
        ("pipeline: {builtin: tiny}\ninputs: {image: none.png}\n", "none.png cannot be read"),
    ],
)
def test_what_nodes_would_not_find_is_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(CannotSend, match=words):
        files(tmp_path, text)


def test_a_job_travels_as_plain_values() -> None:
    earlier = Earlier(name="run", run="{}", lines=("a", "b"))
    job = Job(
        suite_name="s", suite_file="s.yaml", files={}, arguments=("--shard", "1/2"), earlier=earlier
    )

    assert job.to_plain() == {
        "suite_name": "s",
        "suite_file": "s.yaml",
        "files": {},
        "arguments": ["--shard", "1/2"],
        "earlier": {"name": "run", "run": "{}", "lines": ["a", "b"]},
    }
