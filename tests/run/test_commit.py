from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from sdbench.run import commit
from sdbench.run.commit import commit_of, commit_of_tracked


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q")
    (tmp_path / "suite.yaml").write_text("axes: {}\n")
    git(tmp_path, "add", "suite.yaml")
    git(tmp_path, "commit", "-qm", "a suite")
    git(tmp_path, "tag", "v1")
    return tmp_path


def test_the_commit_is_told_by_its_number_even_where_a_tag_names_it(repository):
    assert commit_of(repository) == git(repository, "rev-parse", "--short=12", "HEAD")


def test_files_that_differ_from_the_commit_make_it_dirty(repository):
    (repository / "suite.yaml").write_text("axes: {steps: [4]}\n")
    assert commit_of(repository) == git(repository, "rev-parse", "--short=12", "HEAD") + "-dirty"


def test_a_folder_below_is_of_the_same_commit(repository):
    (repository / "below").mkdir()
    assert commit_of(repository / "below") == commit_of(repository)


def test_a_file_that_git_does_not_track_has_no_commit_of_its_own(repository):
    """An environment inside of a project's repository is not that project."""
    (repository / "installed.py").write_text("")
    assert commit_of_tracked(repository / "installed.py") is None
    assert commit_of_tracked(repository / "suite.yaml") == commit_of(repository)


def test_a_folder_outside_of_any_repository_has_none(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert commit_of(tmp_path) is None


def test_without_git_there_is_none(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert commit_of(tmp_path) is None


def test_a_git_that_does_not_answer_is_given_up(repository, monkeypatch):
    monkeypatch.setattr(commit, "_TIMEOUT_S", 1e-9)
    assert commit_of(repository) is None
