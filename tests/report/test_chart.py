from factories import NOT_COMPARABLE, around, fidelity, record, run

from sdbench.report.view import report_view
from sdbench.results.fidelity import Fidelity
from sdbench.results.record import Record


def chart(tmp_path, records: list[Record]):
    return report_view(run(tmp_path, records)).chart


def test_points_can_be_coloured_by_fidelity_and_say_it_in_words(tmp_path):
    records = [
        record(steps=20, fidelity=fidelity(0.9, 0.8)),
        record(steps=10, fidelity=Fidelity.absent(NOT_COMPARABLE)),
    ]
    found = chart(tmp_path, records)
    assert found["colour_by"] == ["fidelity", "steps"]
    known, unknown = found["points"]
    assert (known["fidelity"], known["fidelity_text"]) == (
        0.9,
        "fidelity 0.90 (worst picture 0.80)",
    )
    assert unknown["fidelity"] is None
    assert unknown["fidelity_text"].startswith("fidelity not known: not comparable")


def test_without_any_fidelity_the_colours_are_those_of_knobs(tmp_path):
    found = chart(tmp_path, [record(steps=20), record(steps=10)])
    assert found["colour_by"] == ["steps"]
    assert set(map(tuple, found["unbeaten"].values())) == {()}


def test_what_is_unbeaten_in_all_three_is_marked_and_the_line_stays_that_of_two(tmp_path):
    fast = record(steps=5, samples_s=around(1.0), fidelity=fidelity(0.3))
    faithful = record(steps=20, samples_s=around(4.0), fidelity=fidelity(0.9))
    beaten = record(steps=19, samples_s=around(5.0), fidelity=fidelity(0.8))
    found = chart(tmp_path, [fast, faithful, beaten])
    assert found["unbeaten"]["peak_memory_bytes"] == [fast.key, faithful.key]
    assert [front["keys"]["peak_memory_bytes"] for front in found["frontiers"]] == [
        [faithful.key],
        [beaten.key],
        [fast.key],
    ]


def test_contents_do_not_beat_each_other(tmp_path):
    better = record(guidance_scale=1.0, samples_s=around(1.0), fidelity=fidelity(0.9))
    worse = record(guidance_scale=7.5, samples_s=around(2.0), fidelity=fidelity(0.8))
    found = chart(tmp_path, [better, worse])
    assert found["unbeaten"]["peak_memory_bytes"] == [better.key, worse.key]


def test_a_degenerate_point_is_marked_and_never_unbeaten(tmp_path):
    broken = record(steps=5, samples_s=around(0.1), fidelity=fidelity(0.3, is_degenerate=True))
    sound = record(steps=6, fidelity=fidelity(0.4))
    found = chart(tmp_path, [broken, sound])
    assert [point["is_degenerate"] for point in found["points"]] == [True, False]
    assert found["unbeaten"]["peak_memory_bytes"] == [sound.key]
