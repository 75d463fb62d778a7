"""A suite as pytest collects it: a file, and an item for each of its configurations."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from sdbench.suite.configuration import Configuration
from sdbench.suite.model import Suite
from sdbench.testing.names import item_names, marker_values
from sdbench.testing.playback import Benchmark, Playback, timed_by

if TYPE_CHECKING:
    from _pytest._code.code import TerminalRepr  # pytest names it nowhere else


class ConfigurationFailed(Exception):
    """A configuration did not pass; the message says why, and no traceback says more."""


class Measures(Protocol):
    """Measures the configurations of a suite, and says what becomes of them."""

    suite: Suite
    configurations: tuple[Configuration, ...]

    def check(self, item: ConfigurationItem, benchmark: Benchmark) -> None:
        """Measures an item's configuration.

        Raises:
            ConfigurationFailed: It did not pass.
        """


class SuiteFile(pytest.File):
    """A suite's file."""

    def __init__(self, *, measures: Measures, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._measures = measures

    def collect(self) -> Iterator[ConfigurationItem]:
        """An item for each configuration, in the order of the plan."""
        suite, configurations = self._measures.suite, self._measures.configurations
        names = item_names(suite, configurations)
        for name, configuration in zip(names, configurations, strict=True):
            yield ConfigurationItem.from_parent(
                self,
                name=name,
                callobj=_measured,
                configuration=configuration,
                measures=self._measures,
            )


def _measured(request: pytest.FixtureRequest, benchmark: Benchmark) -> None:
    """What every item runs."""
    item = request.node
    assert isinstance(item, ConfigurationItem)
    item.measures.check(item, benchmark)


class ConfigurationItem(pytest.Function):
    """A configuration. It is a function, so that it can have pytest-benchmark's fixture.

    Its settings are on its marker: ``pytest -m "sdbench(steps=10)"`` chooses by them.
    """

    def __init__(self, *, configuration: Configuration, measures: Measures, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.configuration = configuration
        self.measures = measures
        self.clock = Playback()
        self.add_marker(pytest.mark.sdbench(**marker_values(configuration.knobs)))
        timed_by(self, self.clock, group=measures.suite.name)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where it comes from: the suite, whose first line stands for all (warnings need one)."""
        return self.path, 0, self.name

    def repr_failure(  # type: ignore[override]
        self, excinfo: pytest.ExceptionInfo[BaseException]
    ) -> str | TerminalRepr:
        """The reasons alone, where it did not pass."""
        if isinstance(excinfo.value, ConfigurationFailed):
            return str(excinfo.value)
        return super().repr_failure(excinfo)
