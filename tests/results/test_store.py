from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from sdbench.results.figure import Figure
from sdbench.results.record import RECORD_SCHEMA, Record, Status
from sdbench.results.store import (
    IMAGES_FOLDER,
    RECORDS_FILE,
    RUN_FILE,
    RunFolderError,
    RunInfo,
    RunWriter,
    find_runs,
    read_run,
)

STARTED_AT = "2026-01-02T03:04:05Z"
INFO = RunInfo(
    suite={"name": "small", "axes": [{"knob": "steps", "values": [10, 20]}]},
    device="CPU",
    fingerprint={"device": "CPU", "torch": "2.13.0"},
    environment={"python": "3.11.7"},
    started_at=STARTED_AT,
    planned_keys=("first", "second", "third"),
)


def _record(key: str) -> Record:
    return Record(
        key=key,
        knobs={"steps": 10, "guidance_scale": 7.5},
        worker="worker-1",
        started_at=STARTED_AT,
        status=Status.OK,
        samples_s=(1.0, 1.25),
        peak_allocated_bytes=Figure.measured(2**30),
    )


def _run_with(folder: Path, *keys: str) -> Path:
    with RunWriter.create(folder, INFO) as writer:
        for key in keys:
            writer.append(_record(key))
    return folder


def _keys(folder: Path) -> list[str]:
    return [record.key for record in read_run(folder).records]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a run may be created; nothing is there yet, nor above it."""
    return tmp_path / "small" / "20260102T030405Z-cpu"


def test_a_run_is_read_back_as_it_was_written(folder: Path) -> None:
    run = read_run(_run_with(folder, "first", "second"))
    assert run.folder == folder
    assert run.info == INFO
    assert run.records == (_record("first"), _record("second"))


def test_a_run_has_a_folder_for_images(folder: Path) -> None:
    assert (_run_with(folder) / IMAGES_FOLDER).is_dir()


def test_a_run_without_records_yet_is_a_run(folder: Path) -> None:
    _run_with(folder)
    (folder / RECORDS_FILE).unlink()
    assert read_run(folder).records == ()


def test_planned_configurations_without_a_record_are_missing_in_the_order_of_the_plan(
    folder: Path,
) -> None:
    assert read_run(_run_with(folder, "second")).missing_keys == ("first", "third")


def test_a_run_is_not_created_over_another(folder: Path) -> None:
    _run_with(folder, "first")
    with pytest.raises(FileExistsError):
        RunWriter.create(folder, INFO)
    assert _keys(folder) == ["first"]


def test_a_record_can_be_read_while_the_run_goes_on(folder: Path) -> None:
    with RunWriter.create(folder, INFO) as writer:
        writer.append(_record("first"))
        assert _keys(folder) == ["first"]
        writer.append(_record("second"))
        assert _keys(folder) == ["first", "second"]


def test_a_line_that_a_crash_cut_off_is_ignored(folder: Path) -> None:
    _run_with(folder, "first")
    with (folder / RECORDS_FILE).open("ab") as file:
        file.write(_record("second").to_line().encode()[:40])
    assert _keys(folder) == ["first"]


def test_a_last_line_without_its_end_was_never_acknowledged_and_is_ignored(folder: Path) -> None:
    _run_with(folder, "first")
    with (folder / RECORDS_FILE).open("ab") as file:
        file.write(_record("second").to_line().encode())
    assert _keys(folder) == ["first"]


def test_a_line_that_a_crash_cut_off_is_removed_when_the_run_goes_on(folder: Path) -> None:
    _run_with(folder, "first")
    with (folder / RECORDS_FILE).open("ab") as file:
        file.write(_record("second").to_line().encode()[:40])
    with RunWriter.resume(folder) as writer:
        writer.append(_record("third"))
    assert _keys(folder) == ["first", "third"]


def test_a_run_that_was_cut_in_its_first_line_goes_on_from_nothing(folder: Path) -> None:
    _run_with(folder)
    (folder / RECORDS_FILE).write_bytes(b'{"schema": 1, "ke')
    with RunWriter.resume(folder) as writer:
        writer.append(_record("first"))
    assert _keys(folder) == ["first"]


def test_a_whole_run_goes_on_without_a_loss(folder: Path) -> None:
    _run_with(folder, "first")
    with RunWriter.resume(folder) as writer:
        writer.append(_record("second"))
    assert _keys(folder) == ["first", "second"]


def test_what_is_no_run_cannot_go_on(tmp_path: Path) -> None:
    """It became a folder with records and no run.json, which nothing could read."""
    with pytest.raises(RunFolderError, match=r"is not a run: it has no run\.json"):
        RunWriter.resume(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("damaged", "fault"),
    [
        ("not JSON at all", "Invalid JSON"),
        ("", "Invalid JSON"),
        ("[]", "Input should be an object"),
        ('{"key": "second"}', "knobs: Field required"),
        (_record("second").to_line().replace('"ok"', '"fine"'), "status: Input should be 'ok'"),
    ],
)
def test_a_damaged_line_in_the_middle_is_named(folder: Path, damaged: str, fault: str) -> None:
    _run_with(folder)
    lines = [_record("first").to_line(), damaged, _record("third").to_line()]
    (folder / RECORDS_FILE).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    with pytest.raises(RunFolderError) as raised:
        read_run(folder)
    message = str(raised.value)
    assert f"{folder / RECORDS_FILE}, line 2 is damaged: {fault}" in message
    assert "\n" not in message


def test_a_newer_format_is_refused_with_advice(folder: Path) -> None:
    _run_with(folder)
    _change_run_file(folder, schema=RECORD_SCHEMA + 1)
    with pytest.raises(RunFolderError, match=r"run\.json has format version 2.*up to 1: install"):
        read_run(folder)


def test_a_newer_format_is_refused_as_such_however_different_it_is(folder: Path) -> None:
    """The version was looked at last, so a newer run.json without `device` was called damaged."""
    _run_with(folder)
    (folder / RUN_FILE).write_text('{"schema": 2, "devices": ["cuda:0", "cuda:1"]}')
    with pytest.raises(RunFolderError, match="install a newer one"):
        read_run(folder)


def test_a_record_that_a_newer_sdbench_added_is_refused_with_its_line(folder: Path) -> None:
    _run_with(folder, "first")
    with (folder / RECORDS_FILE).open("a") as file:
        file.write('{"schema": 2, "key": "second"}\n')
    with pytest.raises(RunFolderError, match="line 2 has format version 2"):
        read_run(folder)


def test_a_folder_without_a_run_file_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match=r"it has no run\.json; name a folder"):
        read_run(tmp_path)


def test_a_folder_that_does_not_exist_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="is not a run"):
        read_run(tmp_path / "nowhere")


def test_a_damaged_run_file_is_named_with_what_is_wrong(folder: Path) -> None:
    _run_with(folder)
    _change_run_file(folder, device=None)
    with pytest.raises(RunFolderError, match=r"run\.json is damaged: device: Input should be"):
        read_run(folder)


def test_runs_are_found_oldest_first_whatever_their_suite(tmp_path: Path) -> None:
    newest = _run_with(tmp_path / "a" / "20260103T000000Z-cpu")
    oldest = _run_with(tmp_path / "b" / "20260101T000000Z-cpu")
    middle = _run_with(tmp_path / "a" / "20260102T000000Z-cpu")
    assert find_runs(tmp_path) == [oldest, middle, newest]
    assert find_runs(tmp_path, "a") == [middle, newest]


def test_folders_that_are_no_runs_are_not_found(tmp_path: Path) -> None:
    (tmp_path / "a" / "20260101T000000Z-cpu" / IMAGES_FOLDER).mkdir(parents=True)
    (tmp_path / "README.md").write_text("results")
    assert find_runs(tmp_path) == []
    assert find_runs(tmp_path / "nowhere") == []


def test_a_suite_whose_name_looks_like_a_pattern_finds_its_own_runs_only(tmp_path: Path) -> None:
    """Its name was taken for a pattern, so runs of `sd[15]` were never found."""
    _run_with(tmp_path / "sd1" / "20260101T000000Z-cpu")
    own = _run_with(tmp_path / "sd[15]" / "20260101T000000Z-cpu")
    assert find_runs(tmp_path, "sd[15]") == [own]
    assert find_runs(tmp_path, "*") == []


def test_a_record_is_synced_whole_before_append_returns(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RunWriter.create(folder, INFO) as writer:
        synced: list[bytes] = []
        monkeypatch.setattr(
            os, "fsync", lambda descriptor: synced.append((folder / RECORDS_FILE).read_bytes())
        )
        writer.append(_record("first"))
    assert synced == [_record("first").to_line().encode() + b"\n"]


def test_a_number_that_json_cannot_hold_is_refused_before_anything_is_written(
    folder: Path,
) -> None:
    """NaN was written as null, so the run could not be read any more."""
    with RunWriter.create(folder, INFO) as writer:
        broken = Record(
            key="second",
            knobs={},
            worker="worker-1",
            started_at=STARTED_AT,
            status=Status.OK,
            samples_s=(1.0, float("nan")),
        )
        with pytest.raises(ValueError, match="not JSON compliant"):
            writer.append(broken)
        writer.append(_record("third"))
    assert _keys(folder) == ["third"]


WRITE_UNTIL_KILLED = """
import itertools, sys
from dataclasses import replace
from pathlib import Path
from sdbench.results.record import Record, Status
from sdbench.results.store import RunWriter

writer = RunWriter.resume(Path(sys.argv[1]))
for number in itertools.count():
    writer.append(
        Record(key=f"key-{number}", knobs={}, worker="w", started_at="", status=Status.OK)
    )
    print(f"key-{number}", flush=True)
"""


def test_every_acknowledged_record_survives_the_kill_of_its_writer(folder: Path) -> None:
    _run_with(folder)
    with subprocess.Popen(
        [sys.executable, "-c", WRITE_UNTIL_KILLED, str(folder)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        acknowledged = [process.stdout.readline().strip() for _ in range(25)]
        process.send_signal(signal.SIGKILL)
        acknowledged += process.stdout.read().split()
    assert process.returncode == -signal.SIGKILL
    written = _keys(folder)
    assert len(acknowledged) >= 25
    assert written[: len(acknowledged)] == acknowledged
    assert len(written) <= len(acknowledged) + 1, "only the last one may be unacknowledged"


def _change_run_file(folder: Path, **fields: object) -> None:
    path = folder / RUN_FILE
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}), encoding="utf-8")


def test_many_records_are_synced_at_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    with RunWriter.create(folder, INFO) as writer:
        monkeypatch.setattr(os, "fsync", synced.append)
        writer.append_all(_record(key) for key in ("first", "second"))
        assert _keys(folder) == ["first", "second"]
        writer.append_all(())
    assert len(synced) == 1


def test_of_many_records_none_is_written_where_one_cannot_be(folder: Path) -> None:
    broken = replace(_record("second"), samples_s=(float("nan"),))
    with RunWriter.create(folder, INFO) as writer, pytest.raises(ValueError, match="JSON"):
        writer.append_all((_record("first"), broken))
    assert _keys(folder) == []


def test_a_run_of_before_there_were_plans_was_exhaustive(folder: Path) -> None:
    run_file = _run_with(folder, "first") / RUN_FILE
    stored = json.loads(run_file.read_text())
    del stored["plan"], stored["budget_s"]
    run_file.write_text(json.dumps(stored))
    info = read_run(folder).info
    assert (info.plan, info.budget_s) == ("exhaustive", None)
