from dataclasses import replace

from factories import NOT_COMPARABLE, REFERENCE, around, fidelity, record, run, unscored
from picture_files import write_pictures

from sdbench.analysis.measurement import measurements
from sdbench.analysis.recommend import recommend_for_run
from sdbench.report.contents import contents
from sdbench.report.pictures import Album
from sdbench.report.tiles import MOST_TILES, TileGroup, tile_groups
from sdbench.results.record import Record


def groups(tmp_path, records: list[Record]) -> list[TileGroup]:
    one = write_pictures(run(tmp_path, records))
    advice = recommend_for_run(one)
    measured = measurements(one)
    positions = {m.key: position for position, m in enumerate(measured)}
    return tile_groups(contents(measured, advice.names), advice, Album(one.folder), positions)


def test_tiles_are_sorted_by_fidelity_and_what_cannot_be_compared_comes_last(tmp_path):
    records = [
        record(scheduler="euler_a", fidelity=unscored(NOT_COMPARABLE)),
        record(scheduler="euler", fidelity=fidelity(0.4)),
        record(scheduler="heun", fidelity=fidelity(0.9, 0.7)),
    ]
    (group,) = groups(tmp_path, records)
    assert [tile.settings for tile in group.tiles] == ["heun", "euler", "euler_a"]
    assert group.tiles[0].fidelity == "fidelity 0.90 (worst 0.70)"
    # 10 dB are 0, 50 dB are 1.
    assert group.tiles[0].figures == ("46.0 dB", "20 NFE", "1.00 s an image")
    assert group.tiles[2].fidelity is None
    assert group.tiles[2].marks == (NOT_COMPARABLE,)


def test_configurations_that_drew_the_same_picture_share_a_tile_with_the_fastest_latency(tmp_path):
    slow = record(steps=20, batch_size=1, samples_s=around(2.0))
    shared = fidelity(0.9, measured_with=slow.key)
    fast = record(steps=20, batch_size=4, samples_s=around(4.0), fidelity=shared)
    other = record(steps=10, fidelity=fidelity(0.5))
    (group,) = groups(tmp_path, [replace(slow, fidelity=shared), fast, other])
    first, second = group.tiles
    assert (first.settings, second.settings) == ("20 steps", "10 steps")
    assert first.figures[-1] == "1.00 s an image (batch 4)"
    assert first.is_recommended
    assert not second.is_recommended
    # The fastest one, and then also the slow one of the same picture.
    assert (first.row, first.rows) == (1, (1, 0))
    assert (second.row, second.rows) == (2, (2,))


def test_each_content_has_its_own_reference_and_a_title(tmp_path):
    other = replace(REFERENCE, key="reference-2", pictures=("images/other.png",))
    records = [
        record(guidance_scale=1.0, fidelity=fidelity(0.5)),
        record(guidance_scale=7.5, fidelity=fidelity(0.6, reference=other)),
    ]
    one, two = groups(tmp_path, records)
    assert (one.title, two.title) == ("guidance_scale 1.0", "guidance_scale 7.5")
    assert one.reference is not None
    assert two.reference is not None
    assert one.reference.uri != two.reference.uri
    assert one.reference.alt == "Reference: “a fox”, seed 0"
    assert one.reference_words == "euler, 100 steps, fp32"


def test_the_worst_picture_stands_beside_the_reference_of_its_own_subject(tmp_path):
    # The first picture is the worse one unless it is told otherwise.
    agreement = fidelity(0.5, 0.4).against_reference
    assert agreement is not None
    turned = replace(agreement, psnr_db=agreement.psnr_db[::-1])
    records = [
        record(steps=10, fidelity=fidelity(0.5, 0.4)),
        record(steps=20, fidelity=fidelity(0.6, 0.4, against_reference=turned)),
    ]
    (group,) = groups(tmp_path, records)
    turned_tile, plain_tile = group.tiles
    assert [shot.kind for shot in plain_tile.shots] == ["first worst"]
    assert [(shot.kind, shot.subject) for shot in turned_tile.shots] == [
        ("first", "“a fox”, seed 0"),
        ("worst", "“a hen”, seed 1"),
    ]
    worst = turned_tile.shots[1]
    assert worst.reference is not None
    assert worst.reference.alt == "Reference: “a hen”, seed 1"
    assert worst.reference.uri not in (None, worst.picture.uri)


def test_a_degenerate_picture_is_marked_in_words(tmp_path):
    (group,) = groups(tmp_path, [record(fidelity=fidelity(0.1, is_degenerate=True))])
    assert group.tiles[0].marks == ("degenerate: a picture is of one colour or not finite",)


def test_why_nothing_has_a_fidelity_is_said_once(tmp_path):
    unfit = unscored("the reference is unfit", reference=None)
    (group,) = groups(tmp_path, [record(steps=s, fidelity=unfit) for s in (1, 2)])
    assert group.remark == "the reference is unfit"
    assert group.reference is None
    assert [tile.marks for tile in group.tiles] == [(), ()]


def test_too_many_tiles_are_thinned_evenly_and_the_answer_stays(tmp_path):
    number = MOST_TILES + 12
    records = [
        record(steps=s, fidelity=fidelity(s / number), samples_s=around(1.0))
        for s in range(1, number + 1)
    ]
    (group,) = groups(tmp_path, records)
    assert len(group.tiles) in (MOST_TILES, MOST_TILES + 1)
    assert group.left_out == number - len(group.tiles)
    assert group.tiles[0].settings == f"{number} steps"
    assert group.tiles[-1].settings == "1 step"
    assert sum(tile.is_recommended for tile in group.tiles) == 1


def test_a_run_without_pictures_has_no_tiles(tmp_path):
    assert groups(tmp_path, [record()]) == []
