from dataclasses import replace

import pytest
from factories import around, record, run

from sdbench.analysis.measurement import measurements
from sdbench.analysis.recommend import recommend_for_run
from sdbench.report.noise import MOST_MARKED, NoiseView, noise_view, percent
from sdbench.results.record import Record, Status


def shown(tmp_path, records: list[Record]) -> NoiseView | None:
    one = run(tmp_path, records)
    return noise_view(one, measurements(one), recommend_for_run(one))


def again(one: Record, latency_s: float, number: int = 1) -> Record:
    return replace(one, round=number, samples_s=around(latency_s))


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0352, "3.5 %"), (-0.004, "0.4 %"), (0.0996, "10 %"), (0.25, "25 %"), (1.5, "150 %")],
)
def test_a_share_has_two_digits_and_no_more(share, text):
    assert percent(share) == text


def test_the_smallest_difference_follows_from_the_intervals_where_nothing_was_repeated(tmp_path):
    found = shown(tmp_path, [record(samples_s=around(1.0)), record(steps=5)])
    assert found is not None
    # Half-widths of 2 %: 2 * 0.02 / 0.98.
    assert found.smallest == ("The smallest difference that this run can tell is at least 4.1 %.")
    assert found.sentences[0].startswith(
        "Within a round half of 2 configurations know their median to ± 2 % or better; "
    )
    assert found.shift is None
    assert found.confirmed == ()


def test_what_was_measured_again_stands_beside_the_sweep(tmp_path):
    lucky, steady = record(samples_s=around(1.0)), record(steps=5, samples_s=around(1.02))
    found = shown(tmp_path, [lucky, steady, again(lucky, 1.1), again(steady, 1.02)])
    assert found is not None
    second, first = found.confirmed
    assert (second.settings, second.swept, second.fresh) == ("5 steps", "1.02 s", "1.02 s")
    assert (second.change, second.rounds) == ("within noise", 1)
    assert (first.swept, first.fresh, first.change) == ("1.00 s", "1.10 s", "10 % slower")
    assert [one.row for one in found.confirmed] == [1, 0]
    assert found.shift is not None
    assert found.shift.startswith("On average they are no different from the sweep")


def test_a_shift_beyond_its_error_is_told(tmp_path):
    records = [record(steps=steps, samples_s=around(1.0)) for steps in (4, 5, 6)]
    found = shown(tmp_path, [*records, *(again(one, 1.05) for one in records)])
    assert found is not None
    assert found.shift is not None
    assert found.shift.startswith("On average they are 5 % slower than the sweep.")


def test_what_was_not_measured_like_the_others_is_marked(tmp_path):
    calls = (False,) * 5
    records = [
        record(steps=4),
        record(steps=5, fields={"is_throttled": (True, *calls)}),
        record(steps=6, fields={"is_outlier": (*calls, True)}),
        record(steps=7, samples_s=around(1.0, spread=0.2)),
        record(steps=8, status=Status.UNSTABLE, fields={"is_throttled": (True,) * 6}),
        record(steps=9, samples_s=around(1.0), fields={"waited_s": (0.25,) * 6}),
    ]
    found = shown(tmp_path, records)
    assert found is not None
    assert [(one.settings, one.row, one.marks) for one in found.marked] == [
        ("8 steps", 4, ("unstable: its latency is of throttled calls", "6 of 6 calls throttled")),
        ("5 steps", 1, ("1 of 6 calls throttled",)),
        ("6 steps", 2, ("1 of 6 calls far from the median",)),
        ("7 steps", 3, ("interval ± 20 %",)),
        ("9 steps", 5, ("waited for a processor for 25 % of a call",)),
    ]
    assert found.sentences[-1] == (
        "Configurations unstable, since most calls were throttled: 1; throttled in a timed call: "
        "2; with a call far from the median, which counts: 1; that waited for a processor for 5 % "
        "of a call or more: 1; no driver told who else used the device."
    )


def test_of_very_many_marked_ones_the_rest_is_counted(tmp_path):
    throttled = {"is_throttled": (True, *(False,) * 5)}
    number = MOST_MARKED + 3
    found = shown(tmp_path, [record(steps=1 + n, fields=throttled) for n in range(number)])
    assert found is not None
    assert (len(found.marked), found.left_out) == (MOST_MARKED, 3)


def test_a_run_without_a_timed_call_has_no_noise(tmp_path):
    assert shown(tmp_path, [record(status=Status.OOM)]) is None


def test_a_run_in_which_nothing_waited_for_a_processor_says_so(tmp_path):
    found = shown(tmp_path, [record(samples_s=around(1.0), fields={"waited_s": (0.0,) * 6})])
    assert found is not None
    assert found.sentences[-1].startswith(
        "No configuration was throttled, or waited for a processor for 5 % of a call or more"
    )
