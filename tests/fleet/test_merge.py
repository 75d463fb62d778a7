from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import factories
import pytest

from sdbench.analysis.completeness import completeness
from sdbench.analysis.recommend import recommend_for_run
from sdbench.fleet import merge as module
from sdbench.fleet.merge import CannotMerge, merge, shards_at
from sdbench.results.plan_file import STAGED, PlanNotes, read_plan_notes, write_plan_notes
from sdbench.results.record import Status
from sdbench.results.store import Run, RunFolderError, RunWriter, find_runs, read_run

from .conftest import SUITE, everything, measured

Write = Callable[..., Run]


def folders(*runs: Run) -> list[Path]:
    return [run.folder for run in runs]


def test_all_shards_make_a_run_like_any_other(shard_run: Write) -> None:
    one, two = shard_run(1), shard_run(2)
    merged = merge(folders(two, one))
    whole = read_run(merged.folder)
    assert whole.info.shard is None
    assert whole.info.planned_keys == tuple(configuration.key for configuration in everything())
    assert [r.key for r in whole.records] == [r.key for r in (*one.records, *two.records)]
    assert (merged.missing_shards, merged.missing) == ((), ())
    assert completeness(whole).summary == "6 configurations: 6 ok"
    assert recommend_for_run(whole).best.chosen is not None
    assert find_runs(merged.folder.parent.parent)[-1] == merged.folder


def test_workers_are_named_by_their_shard_and_nobody_stays_nobody(shard_run: Write) -> None:
    its = everything()[:3]
    skipped = measured(its[2], worker="none", status=Status.SKIPPED)
    one = shard_run(1, records=[measured(its[0]), measured(its[1]), skipped])
    merged = merge(folders(one, shard_run(2)))
    workers = [record.worker for record in merged.run.records]
    assert workers[:4] == ["shard1/worker-1", "shard1/worker-1", "none", "shard2/worker-1"]


def test_fresh_rounds_and_later_records_of_a_resumed_shard_keep_their_order(
    shard_run: Write,
) -> None:
    first = everything()[0]
    rounds = [
        measured(first, status=Status.ERROR, samples_s=()),
        measured(first, samples_s=(2.0,), is_outlier=(False,), is_throttled=(False,)),
        measured(first, round=1, samples_s=(3.0,), is_outlier=(False,), is_throttled=(False,)),
    ]
    merged = merge(folders(shard_run(1, records=rounds), shard_run(2)))
    settled = merged.run.latest[first.key]
    assert (settled.status, settled.samples_s) == (Status.OK, (3.0,))


def test_a_missing_shard_is_told_with_its_configurations_and_joined_later(
    shard_run: Write,
) -> None:
    parts = [shard_run(number, 3) for number in (1, 2, 3)]
    partial = merge(folders(parts[0], parts[2]))
    assert partial.missing_shards == (2,)
    assert {one.key for one in partial.missing} == {r.key for r in parts[1].records}
    assert partial.run.info.shard == "1,3 of 3"
    assert not completeness(partial.run).is_complete
    whole = merge([partial.folder, parts[1].folder])
    assert whole.run.info.shard is None
    assert whole.missing == ()
    assert {r.worker for r in whole.run.records} == {f"shard{i}/worker-1" for i in (1, 2, 3)}
    assert len(whole.run.info.environment["shards"]) == 3  # type: ignore[arg-type]


def test_a_shard_that_was_cut_off_leaves_configurations_missing(shard_run: Write) -> None:
    one = shard_run(1, records=[measured(everything()[0])])
    merged = merge(folders(one, shard_run(2)))
    assert merged.missing_shards == ()
    assert [m.key for m in merged.missing] == [c.key for c in everything()[1:3]]
    assert merged.run.missing_keys == tuple(m.key for m in merged.missing)


def test_shards_that_have_nothing_to_measure_are_not_missing(shard_run: Write) -> None:
    parts = [shard_run(number, 8) for number in range(1, 7)]
    assert merge(folders(*parts)).missing_shards == ()


def test_the_same_shard_twice_is_refused(shard_run: Write) -> None:
    one, again = shard_run(1), shard_run(1)
    with pytest.raises(CannotMerge, match="are both shard 1/2: name one"):
        merge(folders(one, again))


def test_a_configuration_in_two_shards_is_refused(shard_run: Write) -> None:
    one = shard_run(1)
    two = shard_run(2, records=[one.records[0]])
    with pytest.raises(CannotMerge, match=f"both hold configuration {one.records[0].key}"):
        merge(folders(one, two))


def test_another_division_is_refused(shard_run: Write) -> None:
    with pytest.raises(CannotMerge, match=r"one of 2 shards and .* one of 3"):
        merge(folders(shard_run(1, 2), shard_run(3, 3)))


def test_another_suite_is_refused_with_what_differs_and_gates_do_not_count(
    shard_run: Write,
) -> None:
    other = replace(SUITE, fixed={**SUITE.fixed, "batch_size": 2})
    one = shard_run(1)
    with pytest.raises(CannotMerge, match=r"different suites \(fixed differ\)"):
        merge(folders(one, shard_run(2, suite=other)))
    wider = shard_run(2, suite=replace(SUITE, max_configurations=50))
    assert merge(folders(one, wider)).missing == ()


def test_another_device_is_refused_with_how_to_compare_them(shard_run: Write) -> None:
    one, two = shard_run(1), shard_run(2, device="Other CPU")
    command = f"sdbench report {one.folder} {two.folder}"
    with pytest.raises(CannotMerge, match=r"\(device differ\)") as error:
        merge(folders(one, two))
    assert f"`{command}` compares devices" in str(error.value)


def test_a_whole_run_is_no_part_of_one(shard_run: Write, tmp_path: Path) -> None:
    whole = factories.run(tmp_path, [measured(everything()[0])], suite=SUITE)
    with pytest.raises(CannotMerge, match="is a whole run"):
        merge([whole.folder, shard_run(1).folder])


def test_a_folder_that_exists_is_not_written_to(shard_run: Write, tmp_path: Path) -> None:
    with pytest.raises(CannotMerge, match="exists already"):
        merge(folders(shard_run(1), shard_run(2)), tmp_path)


def test_remarks_of_staged_plans_say_which_shard_they_are_of(shard_run: Write) -> None:
    runs = [shard_run(number, plan=STAGED) for number in (1, 2)]
    write_plan_notes(runs[0].folder, PlanNotes(remarks=("x",), is_finished=True, elapsed_s=2.0))
    write_plan_notes(
        runs[1].folder,
        PlanNotes(remarks=("y",), is_finished=True, stopped_by_budget=True, elapsed_s=3.0),
    )
    merged = merge(folders(*runs), remarks=("all of it",))
    assert read_plan_notes(merged.folder) == PlanNotes(
        remarks=("all of it", "shard 1: x", "shard 2: y"),
        is_finished=True,
        stopped_by_budget=True,
        elapsed_s=3.0,
    )
    assert merged.run.info.plan == STAGED


def test_a_plan_that_was_cut_off_leaves_the_whole_unfinished(shard_run: Write) -> None:
    runs = [shard_run(number, plan=STAGED) for number in (1, 2)]
    write_plan_notes(runs[0].folder, PlanNotes(is_finished=True))
    notes = read_plan_notes(merge(folders(*runs)).folder)
    assert notes is not None
    assert not notes.is_finished


def test_pictures_are_kept_once_and_renamed_where_their_names_are_taken(shard_run: Write) -> None:
    its = everything()
    pictures = factories.fidelity(0.9, pictures={0: "images/0.png"})
    runs = []
    for number, configuration in ((1, its[0]), (2, its[3])):
        record = measured(configuration, images=("images/0.png",), fidelity=pictures)
        run = shard_run(number, records=[record])
        (run.folder / "images" / "0.png").write_text(f"of shard {number}")
        (run.folder / "images" / "reference-0.png").write_text("of both")
        runs.append(run)
    merged = merge(folders(*runs))
    first, second = merged.run.records
    assert (first.images, second.images) == (("images/0.png",), ("images/shard2/0.png",))
    assert second.fidelity.pictures == {0: "images/shard2/0.png"}
    assert first.fidelity.reference == second.fidelity.reference
    assert (merged.folder / "images/shard2/0.png").read_text() == "of shard 2"
    assert (merged.folder / "images/reference-0.png").read_text() == "of both"


def test_logs_are_kept_by_shard(shard_run: Write) -> None:
    run = shard_run(1, 1)
    for name in ("logs", "logs-2"):
        (run.folder / name).mkdir()
        (run.folder / name / "worker-1.log").write_text(name)
    logs = merge([run.folder]).folder / "logs"
    assert (logs / "shard1" / "worker-1.log").read_text() == "logs"
    assert (logs / "shard1-2" / "worker-1.log").read_text() == "logs-2"


def test_what_cannot_be_linked_is_copied(shard_run: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source: object, target: object) -> None:
        raise OSError("other file system")

    run = shard_run(1, 1)
    (run.folder / "images" / "0.png").write_text("picture")
    monkeypatch.setattr(os, "link", refuse)
    copied = merge([run.folder]).folder / "images" / "0.png"
    assert copied.read_text() == "picture"
    assert copied.stat().st_nlink == 1


def test_an_interrupted_merge_leaves_nothing(
    shard_run: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    runs = [shard_run(1), shard_run(2)]
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.setattr(module, "gather_pictures", interrupt)
    with pytest.raises(KeyboardInterrupt):
        merge(folders(*runs))
    assert sorted(tmp_path.rglob("*")) == before


def test_no_search_finds_a_merge_that_is_not_done(
    shard_run: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [shard_run(1), shard_run(2)]
    results = runs[0].folder.parent.parent
    seen = []

    def look(*arguments: object) -> dict[str, str]:
        seen.append([*find_runs(results), *find_runs(results.parent), *find_runs(results / "demo")])
        return {}

    monkeypatch.setattr(module, "gather_pictures", look)
    merge(folders(*runs))
    assert seen[0] == folders(*runs)


def test_a_folder_of_runs_stands_for_the_newest_run_of_every_shard(
    shard_run: Write, tmp_path: Path
) -> None:
    shard_run(1, 3)
    _, two, one = shard_run(1), shard_run(2), shard_run(1)
    results = one.folder.parent
    whole = merge(folders(one, two)).folder
    assert shards_at([results]) == folders(one, two)
    assert shards_at([results / two.folder.name, results]) == folders(two, one)
    assert shards_at([whole]) == [whole]
    with pytest.raises(RunFolderError, match="neither a run nor a folder of runs"):
        shards_at([tmp_path / "nothing"])


def test_a_folder_without_shards_says_how_to_make_one(tmp_path: Path) -> None:
    factories.run(tmp_path, [measured(everything()[0])], suite=SUITE)
    with pytest.raises(CannotMerge, match="none is of a shard: `sdbench run SUITE --shard 1/4`"):
        shards_at([tmp_path])


def test_a_merged_run_can_be_gone_on_with(shard_run: Write) -> None:
    merged = merge(folders(shard_run(1, records=[]), shard_run(2)))
    with RunWriter.resume(merged.folder) as writer:
        for one in merged.missing:
            writer.append(measured(one))
    assert completeness(read_run(merged.folder)).is_complete


def test_a_shard_that_cannot_be_read_is_named(shard_run: Write) -> None:
    run = shard_run(1, shard="first")
    with pytest.raises(CannotMerge, match=f"{run.folder.name}: shard 'first' is not legal"):
        merge([run.folder])
