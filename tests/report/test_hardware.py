import json

import pytest
from factories import record, run
from hardware_runs import run_on, sweep

from sdbench.report.hardware import hardware_view
from sdbench.report.hardware_formats import write_comparison
from sdbench.report.hardware_html import hardware_html
from sdbench.results.record import Status
from sdbench.suite.model import Limits, Suite
from sdbench.suite.price import Price

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def runs(tmp_path):
    """One that draws an image a second, and one that is four times as fast."""
    return [
        run_on(tmp_path, "NVIDIA L4", sweep(1.0)),
        run_on(tmp_path, "NVIDIA H100", sweep(0.25)),
    ]


def told(view):
    return " ".join((*view.headline, *view.batch_one, *view.caveats))


def test_it_ranks_the_devices_by_speed_and_by_cost(runs):
    view = hardware_view(runs, [Price("L4", 0.5, "EUR"), Price("H100", 4.0, "EUR")])
    assert view.headline[0] == (
        "NVIDIA H100 is the fastest with 14,400 images an hour; then NVIDIA L4 with 3,600 images "
        "an hour."
    )
    # 3,600 images for 0.50 and 14,400 for 4.00: 7,200 and 3,600 for 1; 0.139 and 0.278 for 1,000.
    assert view.headline[1] == (
        "NVIDIA L4 is the cheapest with 7,200 images per EUR (0.139 EUR for 1,000 images); then "
        "NVIDIA H100 with 3,600 images per EUR (0.278 EUR for 1,000 images)."
    )
    assert view.devices[0].speed == "3,600 images an hour"
    assert view.devices[0].worth == "7,200 images per EUR (0.139 EUR for 1,000 images)"
    assert view.devices[0].where.startswith("On NVIDIA L4, ")


def test_figures_are_no_finer_than_their_intervals(tmp_path):
    # 10 % of 3,600 are 360.
    loose = [run_on(tmp_path, name, sweep(1.0, spread=0.1, batches=(1,))) for name in "ab"]
    view = hardware_view(loose, [Price("a", 1.0)])
    assert view.devices[0].speed == "3,600 images an hour"
    assert view.devices[0].worth == ("3,600 images per unit of money (0.28 for 1,000 images)")
    assert view.devices[1].worth is None


def test_what_cannot_be_told_apart_is_said_so(tmp_path):
    view = hardware_view([run_on(tmp_path, name, sweep(1.0, spread=0.05)) for name in "ab"])
    assert view.headline[0].startswith("a and b cannot be told apart: 3,600 ")


def test_without_prices_nothing_is_said_of_money(runs):
    view = hardware_view(runs)
    assert not view.has_prices
    assert "cheapest" not in told(view)
    assert not any("per" in column.split() for column in view.summary_columns)


def test_recommendations_that_do_not_compete_give_way_to_the_same_configurations(tmp_path):
    tight = Suite(name="t", fixed={"pipeline": {"builtin": "tiny"}}, limits=Limits(latency_s=9))
    view = hardware_view(
        [
            run_on(tmp_path, "slow", sweep(1.0)),
            run_on(tmp_path, "fast", sweep(0.25), suite=tight),
        ],
        [Price("slow", 0.5), Price("fast", 1.0)],
    )
    assert view.headline[0].startswith(
        "By 1 configuration measured on every device at the saturating batch, fast is the fastest "
        "with 4.00 × ("
    )
    # Four times the images for twice the money.
    assert view.headline[1].startswith("fast is the cheapest with 2.00 × (")
    assert view.headline[2] == (
        "What the devices recommend is not ranked: they were found within different limits."
    )
    assert "different limits: slow: no memory limit" in told(view)


def test_a_gpu_that_waits_for_the_host_at_batch_1_is_said_to_measure_the_cpu(tmp_path):
    waiting = sweep(0.02, 0.98, busy=0.42)
    view = hardware_view(
        [run_on(tmp_path, "slow", sweep(1.0, busy=1.0)), run_on(tmp_path, "fast", waiting)]
    )
    (sentence,) = view.batch_one
    assert sentence.startswith(
        "At batch 1 this measures the CPU, not the GPU: fast was busy for at most 42% of a call in "
        "1 of 1 configuration"
    )
    assert sentence.endswith("At the saturating batch it still waits in 1 of 1.")


def test_calls_that_do_not_grow_with_the_images_are_told_where_no_clock_tells(tmp_path):
    view = hardware_view(
        [
            run_on(tmp_path, "slow", sweep(1.0)),
            run_on(tmp_path, "fast", sweep(0.02, 0.98, spread=0)),
        ]
    )
    (sentence,) = view.batch_one
    assert sentence.startswith(
        "Batch 1 does not tell how fast fast is: at least 98% of such a call"
    )


def test_a_cpu_is_not_said_to_wait_for_itself(tmp_path):
    cpu = {"environment": {"torch_device": "cpu"}}
    records = sweep(0.02, 0.98, busy=0.4)
    view = hardware_view([run_on(tmp_path, name, records, **cpu) for name in "ab"])
    assert view.batch_one == ()


def test_what_ran_out_of_memory_on_a_small_device_is_shown_and_counted(tmp_path):
    view = hardware_view(
        [run_on(tmp_path, "large", sweep(1.0)), run_on(tmp_path, "small", sweep(1.0, fits=2))]
    )
    assert (view.configurations, view.complete) == (3, 2)
    assert view.summary[1].cells[-1][0] == "2 measured, 1 out of memory"
    assert view.data["configurations"]["rows"][2][2] == ["", None, "", "oom", "it ended oom"]
    assert "On small, of 3 configurations: 1 out of memory." in told(view)


def test_the_chart_holds_both_batches_of_each_device(tmp_path):
    view = hardware_view(
        [
            run_on(tmp_path, "large", sweep(0.02, 0.98)),
            run_on(tmp_path, "small", sweep(1.0, batches=(1, 2))),
        ],
        [Price("small", 0.5, "$")],
    )
    chart = view.data["chart"]
    (family,) = chart["families"]
    assert (chart["devices"], chart["per_h"], chart["unit"]) == (
        ["large", "small"],
        [None, 0.5],
        "$",
    )
    assert [value[3] for value in family["one"]] == ["3,600", "3,600"]
    # 4 images in 1.06 s.
    assert family["saturating"][0][0] == pytest.approx(4 / 1.06 * 3600)
    assert family["saturating_words"] == [
        "batch 4, not saturated: largest measured",
        "batch 1, saturated",
    ]


def test_what_differs_beside_the_device_is_a_caveat_and_comes_first_in_the_environment(tmp_path):
    def facts(device, torch):
        return {"fingerprint": {"device": device, "cuda": "12.8", "torch": torch}}

    view = hardware_view(
        [
            run_on(tmp_path, "a", sweep(1.0), **facts("a", "2.12")),
            run_on(tmp_path, "b", sweep(1.0), **facts("b", "2.13")),
        ]
    )
    assert (
        "differ in more than the device, and any of it may be the cause: torch (a: 2.12, b: 2.13)."
        in (told(view))
    )
    assert "cuda (" not in told(view)
    rows = {row.name: row for row in view.facts}
    assert (rows["torch"].texts, rows["torch"].differs) == (("2.12", "2.13"), True)
    assert not rows["cuda"].differs
    assert list(rows).index("torch") < list(rows).index("cuda")


def test_noise_and_holes_are_caveats(tmp_path):
    few = [record(samples_s=(1.0, 1.1, 1.3)), record(batch_size=2, samples_s=(2.0,))]
    whole = run_on(tmp_path, "whole", sweep(1.0, batches=(1,)))
    (tmp_path / "cut").mkdir()
    cut = run(tmp_path / "cut", few[:1], device="cut", missing=["0123456789ab"])
    assert "The run on cut is incomplete: 1 configuration without a record." in told(
        hardware_view([whole, cut])
    )
    assert "On cut the intervals rest on few samples, and hold with 75 %" in told(
        hardware_view([whole, cut])
    )
    assert "On cut the widest interval is ± 13% of its value." in told(hardware_view([whole, cut]))
    single = run_on(tmp_path, "single", few)
    assert "On single, 1 configuration had a single timed call" in told(
        hardware_view([whole, single])
    )


def test_a_comparison_without_a_recommendation_or_a_common_success_still_opens(tmp_path):
    failed = run_on(tmp_path, "failed", [record(status=Status.OOM)])
    view = hardware_view([run_on(tmp_path, "fine", [record()]), failed])
    assert view.headline == (
        "What the devices recommend is not ranked: fewer than two devices have a recommendation.",
    )
    assert view.devices[1].reason is not None
    assert "there is nothing to draw" in hardware_html(view)


def test_names_from_outside_are_escaped_everywhere(tmp_path):
    records = sweep(1.0, prompt=SCRIPT)
    view = hardware_view(
        [
            run_on(tmp_path, "a", [*records, *sweep(1.0)], device=f"GPU {SCRIPT}"),
            run_on(tmp_path, "b", [*records, *sweep(1.0)]),
        ]
    )
    page = hardware_html(view)
    assert SCRIPT not in page
    assert "&lt;script&gt;alert(1)" in page


def test_the_data_of_the_page_is_the_data_of_the_view(runs):
    view = hardware_view(runs)
    page = hardware_html(view)
    start = page.index('id="hardware-data">') + len('id="hardware-data">')
    assert json.loads(page[start : page.index("</script>", start)]) == view.data


def test_the_file_is_written_whole(runs, tmp_path):
    path = tmp_path / "new" / "compare.html"
    write_comparison(hardware_view(runs), "html", path)
    assert path.read_text(encoding="utf-8").rstrip().endswith("</html>")
    assert list(path.parent.iterdir()) == [path]


def test_runs_on_one_device_are_told_apart_in_their_answers(tmp_path):
    view = hardware_view([run_on(tmp_path, "NVIDIA L4", sweep(1.0)) for _ in range(2)])
    assert [device.where.split(",")[0] for device in view.devices] == [
        "NVIDIA L4 (NVIDIA L4-0/run). On NVIDIA L4",
        "NVIDIA L4 (NVIDIA L4-1/run). On NVIDIA L4",
    ]
