import pytest
from hardware_runs import run_on, sweep

from sdbench.report.hardware import hardware_view
from sdbench.report.hardware_markdown import hardware_markdown
from sdbench.suite.price import Price


@pytest.fixture
def text(tmp_path):
    slow = run_on(tmp_path, "NVIDIA L4", sweep(1.0, prompt="<b>@you</b> | x"))
    fast = run_on(tmp_path, "trap", sweep(0.25, fits=2, prompt="<b>@you</b> | x"), device="a|b <i>")
    return hardware_markdown(hardware_view([slow, fast], [Price("L4", 0.5, "$")]))


def test_the_ranking_stands_first(text):
    title, headline, *_ = text.split("\n\n")
    assert title.startswith("### Hardware comparison: NVIDIA L4 and a")
    assert headline.startswith("**a\\|b &lt;i&gt; is the fastest with 14,400 images an hour; then ")


def test_the_summary_is_a_table_of_equal_width(text):
    rows = [line.replace("\\|", "") for line in text.splitlines() if line.startswith("| ")]
    assert len(rows) == 4
    assert len({row.count("|") for row in rows}) == 1
    assert "7,200 (0.139 &#36; for 1,000 images)" in rows[2]
    assert rows[3].endswith("| 2 measured, 1 out of memory |")


def test_each_device_and_each_caveat_is_an_item_and_nothing_is_markup(text):
    assert "- On NVIDIA L4, " in text
    assert "1 out of memory. The mean over all batches leaves them out" in text
    assert "<b>" not in text
    assert "@you" not in text
