import errno
import os
import threading

import pytest

from sdbench.report.files import CannotWrite, obstacle_to_writing, write_atomically


def test_what_fails_halfway_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "report.html"
    path.write_text("old")

    def fail(partial):
        partial.write_text("half")
        raise OSError(errno.ENOSPC, "the disk is full")

    with pytest.raises(CannotWrite, match=r"cannot write .*report\.html: the disk is full"):
        write_atomically(path, fail)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_in_the_place_of_its_folder_is_named_with_the_reason(tmp_path):
    (tmp_path / "plain").write_text("")
    with pytest.raises(CannotWrite, match=r"cannot write .*/plain/report\.html: "):
        write_atomically(tmp_path / "plain" / "report.html", lambda path: path.write_text("new"))


def test_a_named_pipe_gets_the_content_and_stays_a_pipe(tmp_path):
    """It was replaced by a file, and its reader waited for ever; so was /dev/stdout."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()), daemon=True)
    reader.start()
    write_atomically(pipe, lambda path: path.write_text("new"))
    reader.join(timeout=10)
    assert read == ["new"]
    assert pipe.is_fifo()


def test_a_link_stays_and_its_file_is_replaced(tmp_path):
    """The link was replaced by a file, and the file that it led to stayed as it was."""
    file, link = tmp_path / "file", tmp_path / "link"
    file.write_text("old")
    link.symlink_to(file)
    write_atomically(link, lambda path: path.write_text("new"))
    assert link.is_symlink()
    assert file.read_text() == "new"


def test_a_missing_folder_can_be_told_before_writing(tmp_path):
    assert obstacle_to_writing(tmp_path / "report.html") is None
    assert "there is no folder" in (obstacle_to_writing(tmp_path / "new" / "report.html") or "")


def test_a_folder_that_forbids_writing_can_be_told_before_writing(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert "is not writable" in (obstacle_to_writing(tmp_path / "report.html") or "")
    os.mkfifo(tmp_path / "pipe")
    assert "is not writable" in (obstacle_to_writing(tmp_path / "pipe") or "")
