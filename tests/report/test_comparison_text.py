"""A comparison for a terminal."""

from __future__ import annotations

from dataclasses import replace

import comparisons as ready
import pytest
from comparisons import comparison, row

from sdbench.report.comparison_text import MOST_SAME, comparison_text


@pytest.mark.parametrize("columns", [60, 80, 120])
@pytest.mark.parametrize("name", ready.READY)
def test_every_line_fits_and_no_figure_is_torn_from_its_unit(name: str, columns: int) -> None:
    lines = comparison_text(ready.READY[name](), columns).splitlines()
    assert max(map(len, lines)) <= columns
    assert not any(line.lstrip().startswith(("%", "ms ", "MiB", "->")) for line in lines)


def test_the_answer_comes_first_and_the_exit_code_last() -> None:
    lines = comparison_text(ready.slower(), 120).splitlines()
    assert lines[0] == "1 regression: dpmpp_2m, 10 steps is 7.1 % slower (5.2 to 9.0 %)."
    assert lines[-1] == "2 configurations: 1 SLOWER, 1 SAME; exit code 1: a regression."


def test_a_wide_terminal_gets_a_table_with_the_gravest_first() -> None:
    lines = comparison_text(ready.regression(), 120).splitlines()
    start = next(index for index, line in enumerate(lines) if "change (95 %)" in line)
    verdicts = [line.split()[0] for line in lines[start + 1 : start + 14] if line[:1].isalpha()]
    assert verdicts == ["BROKEN", "SLOWER", "MORE", "WORSE", "WORSE", "FASTER", "SAME"]
    slower = next(line for line in lines if line.startswith("SLOWER"))
    assert slower.split("  ")[-1].strip() == "3.4 %"
    assert "+7.1 % (5.2 to 9.0 %)" in slower
    assert "1.00 s -> 1.07 s" in slower


def test_a_narrow_terminal_gets_the_same_as_a_list() -> None:
    text = comparison_text(ready.slower(), 60)
    assert "change (95 %)" not in text
    joined = " ".join(text.split())
    assert (
        "SLOWER dpmpp_2m, 10 steps latency +7.1 % (5.2 to 9.0 %), 1.00 s -> 1.07 s, seen from "
        "3.4 % on: beyond the margin of 2.0 %; from 8 fresh pairs" in joined
    )


def test_a_configuration_of_a_worse_metric_names_the_metric_with_its_verdict() -> None:
    found = comparison(row(ready.SLOWER, ready.MORE, steps=4))
    text = comparison_text(found, 60)
    assert "  MORE allocated memory +64.0 MiB (+6.2 %)" in text


def test_what_no_gate_looks_at_is_marked() -> None:
    found = comparison(row(replace(ready.SLOWER, is_gated=False), steps=4))
    text = comparison_text(found, 120)
    assert "SLOWER*" in text
    assert "* not gated" in text
    assert "* not gated" not in comparison_text(ready.slower(), 120)


def test_of_many_unchanged_configurations_some_are_listed_and_the_others_counted() -> None:
    rows = [row(name=f"number {index}") for index in range(MOST_SAME + 5)]
    text = comparison_text(comparison(*rows, row(ready.SLOWER, name="the slow one")), 120)
    assert sum("number" in line for line in text.splitlines()) == MOST_SAME
    assert "and 5 more without a change" in text
    assert text.index("the slow one") < text.index("number 0")


def test_a_name_that_is_longer_than_the_terminal_does_not_break_it() -> None:
    name = "guidance " + "x" * 200
    text = comparison_text(comparison(row(ready.SLOWER, name=name), row(steps=4)), 80)
    others = [line for line in text.splitlines() if "xxx" not in line]
    assert "x" * 200 in text
    assert max(map(len, others)) <= 80


def test_both_sides_and_what_differs_are_told() -> None:
    text = comparison_text(ready.clean(), 100)
    assert "baseline: venv-baseline, started 2026-01-02T03:04:05Z" in text
    assert "the sides differ in: diffusers 0.42.1 -> 0.43.0" in text
