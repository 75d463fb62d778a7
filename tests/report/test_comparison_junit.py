"""A comparison as JUnit XML, read back."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree as ET

import comparisons as ready
import pytest
from comparisons import comparison, row, status

from sdbench.compare.comparison import Comparison
from sdbench.report.comparison_junit import comparison_junit


def read(found: Comparison) -> ET.Element:
    """The test suite of the document."""
    root = ET.fromstring(comparison_junit(found).encode())
    (suite,) = root
    assert root.tag == "testsuites"
    return suite


def outcomes(suite: ET.Element) -> dict[str, str | None]:
    """How each test case ended, by its name."""
    wanted = ("failure", "error", "skipped")
    return {
        case.get("name", ""): next((child.tag for child in case if child.tag in wanted), None)
        for case in suite.iter("testcase")
    }


@pytest.mark.parametrize("name", ready.READY)
def test_the_counts_are_those_of_the_cases(name: str) -> None:
    suite = read(ready.READY[name]())
    ended = list(outcomes(suite).values())
    assert int(suite.get("tests", "")) == len(ended) == len(list(suite.iter("testcase")))
    for attribute, outcome in (("failures", "failure"), ("errors", "error")):
        assert int(suite.get(attribute, "")) == ended.count(outcome)
    assert int(suite.get("skipped", "")) == ended.count("skipped")


@pytest.mark.parametrize("name", ready.READY)
def test_something_fails_or_errs_exactly_where_the_job_does(name: str) -> None:
    found = ready.READY[name]()
    ended = outcomes(read(found)).values()
    assert any(one in ("failure", "error") for one in ended) == (found.exit_code != 0)


def test_each_gated_metric_is_a_case_and_a_regression_a_failure_with_its_text() -> None:
    suite = read(ready.regression())
    ended = outcomes(suite)
    assert [name for name, outcome in ended.items() if outcome == "failure"] == [
        "euler, 20 steps: status",
        "dpmpp_2m, 10 steps: latency",
        "euler, 10 steps: allocated memory",
        "ddim, 10 steps: fidelity",
        "ddim, 10 steps: picture",
    ]
    failure = suite.find("testcase[@name='dpmpp_2m, 10 steps: latency']/failure")
    assert failure is not None
    assert failure.get("type") == "SLOWER"
    assert failure.get("message") == "dpmpp_2m, 10 steps is 7.1 % slower (5.2 to 9.0 %)"
    assert "slowdowns seen from 3.4 %" in (failure.text or "")


def test_a_time_is_the_duration_of_its_case() -> None:
    case = read(ready.slower()).find("testcase[@name='dpmpp_2m, 10 steps: latency']")
    assert case is not None
    assert float(case.get("time", "")) == pytest.approx(1.071)


def test_missing_and_new_and_gone_are_errors() -> None:
    assert set(outcomes(read(ready.missing())).values()) == {None, "error"}
    ended = outcomes(read(ready.other_plan()))
    assert ended["euler, 20 steps: status"] == ended["euler, 10 steps: status"] == "error"


def test_missing_that_the_suite_allows_passes() -> None:
    absent = replace(ready.absent(), is_gated=False)
    found = comparison(row(status(), absent, steps=4))
    assert found.exit_code == 0
    assert outcomes(read(found)) == {"control": None, "4 steps: status": None}


def test_a_doubt_passes_and_says_so_in_its_output() -> None:
    case = read(ready.ambiguous()).find("testcase[@name='dpmpp_2m, 10 steps: latency']")
    assert case is not None
    assert [child.tag for child in case] == ["system-out"]
    assert (case.findtext("system-out") or "").startswith("AMBIGUOUS: ")


def test_an_advisory_regression_is_skipped_with_the_reason() -> None:
    skipped = read(ready.advisory()).find("testcase/skipped")
    assert skipped is not None
    message = skipped.get("message", "")
    assert message.startswith("dpmpp_2m, 10 steps is 7.1 % slower (5.2 to 9.0 %); advisory: ")
    assert "torch 2.13.0 -> 2.14.0" in message


def test_an_unfit_environment_is_an_error_and_times_are_skipped_but_memory_fails() -> None:
    found = ready.regression(unfit=("another process was on the device",))
    ended = outcomes(read(found))
    assert ended["environment 1"] == "error"
    assert ended["dpmpp_2m, 10 steps: latency"] == "skipped"
    assert ended["euler, 10 steps: allocated memory"] == "failure"


def test_an_interrupted_job_is_an_error() -> None:
    assert outcomes(read(ready.interrupted()))["completeness 1"] == "error"
    assert outcomes(read(replace(ready.clean(), rows=())))["completeness 1"] == "error"


def test_what_xml_cannot_hold_is_left_out_and_the_rest_is_escaped() -> None:
    name = 'prompt "<b>&\x00\x1b[31m\ud800\uffff 猫'
    suite = read(comparison(row(ready.SLOWER, name=name)))
    assert 'prompt "<b>&[31m 猫: latency' in outcomes(suite)


def test_the_sides_are_properties() -> None:
    properties = {one.get("name"): one.get("value") for one in read(ready.clean()).iter("property")}
    assert properties["exit_code"] == "0"
    assert properties["baseline.diffusers"] == "0.42.1"
    assert properties["candidate.diffusers"] == "0.43.0"
