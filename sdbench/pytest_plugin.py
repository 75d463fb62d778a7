"""The pytest plugin: ``pytest --sdbench SUITE``, and the fixture ``sdbench``.

pytest imports this module whenever it starts where sdbench is installed: it imports nothing but
pytest, and all else only once it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from sdbench.testing.check import Checker

_FIXTURE = "sdbench"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options; their paths are relative to the folder that pytest was started in."""
    group = parser.getgroup("sdbench", "sdbench (speed, memory and pictures of diffusers)")
    group.addoption(
        "--sdbench",
        metavar="SUITE",
        help="Make each configuration of a suite a test, such as suites/ci.yaml. Other tests run "
        "only where they are named.",
    )
    group.addoption(
        "--sdbench-baseline",
        metavar="RUN",
        help="Hold what is measured against this run by the suite's gates. A folder of runs stands "
        "for the newest of the suite.",
    )
    group.addoption(
        "--sdbench-device",
        metavar="DEVICE",
        default="auto",
        help="Where --sdbench measures: auto, cpu, cuda, cuda:1. Default: %(default)s",
    )
    group.addoption(
        "--sdbench-results",
        metavar="FOLDER",
        help="Folder for results. Default: results for --sdbench; what the fixture measures is "
        "thrown away without it.",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Adds the suite, where one is given."""
    config.addinivalue_line(
        "markers", "sdbench: a configuration of a suite, with its settings (sdbench(steps=10))"
    )
    if config.getoption("sdbench"):
        from sdbench.testing.suite_plugin import begin

        begin(config)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Has pytest-benchmark count the tests that use the fixture among its own."""
    using = [item for item in items if _is_used_by(item)]
    if using:
        from sdbench.testing.check_plugin import begin

        begin(config, using)


def _is_used_by(item: pytest.Item) -> bool:
    """Whether an item uses this fixture, and not one of its project's own of the same name."""
    if _FIXTURE not in getattr(item, "fixturenames", ()):
        return False
    known = getattr(item, "_fixtureinfo").name2fixturedefs  # noqa: B009 (pytest tells it nowhere else)
    for definition in reversed(known.get(_FIXTURE, ())):
        if definition.func.__module__ == __name__:
            return True
        if _FIXTURE not in definition.argnames:  # it replaces those before it
            return False
    return False


@pytest.fixture(name=_FIXTURE)
def _sdbench(request: pytest.FixtureRequest) -> Checker:
    """Measures a loaded pipeline: ``sdbench.check(pipe, prompt="a fox", steps=4)``."""
    from sdbench.testing.check_plugin import checker_for

    return checker_for(request)
