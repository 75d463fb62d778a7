"""Limits of the command line: in place of the suite's, and none where the word says so."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from sdbench.cli.arguments import limits_from, limits_options
from sdbench.suite.model import Limits
from sdbench.units import GIB

SUITES = Limits(memory_bytes=8 * GIB, latency_s=2.0, fidelity=0.9, batch_size=4)


def limits_of(*options: str) -> Limits:
    seen: list[Limits] = []

    @click.command()
    @limits_options
    def command(**given: object) -> None:
        seen.append(limits_from(given, SUITES))

    outcome = CliRunner().invoke(command, options)
    assert outcome.exit_code == 0, outcome.output
    return seen[0]


def test_without_an_option_the_suites_limits_hold():
    assert limits_of() == SUITES


def test_an_option_takes_the_place_of_the_suites_limit():
    seen = limits_of("--memory", "4GiB", "--min-fidelity", "80%", "--max-batch", "2")
    assert seen == Limits(memory_bytes=4 * GIB, latency_s=2.0, fidelity=0.8, batch_size=2)


def test_none_takes_the_suites_limit_away():
    options = [f"{name}=none" for name in ("--memory", "--latency", "--min-fidelity")]
    assert limits_of(*options, "--max-batch=none") == Limits()


@pytest.mark.parametrize("option", ["--memory=8", "--max-batch=0", "--headroom=none"])
def test_what_is_no_limit_is_refused(option):
    with pytest.raises(AssertionError, match="Error: Invalid value"):
        limits_of(option)
