"""What ``pytest --sdbench SUITE`` adds to a session."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sdbench.analysis.wording import count
from sdbench.errors import SdbenchError
from sdbench.results.record import Record
from sdbench.results.rounds import TIMED_STATUSES
from sdbench.results.store import Run
from sdbench.results.table import accepted_samples
from sdbench.run.order import Order
from sdbench.run.plan import plan
from sdbench.run.worker_process import CannotStart
from sdbench.suite.configuration import Configuration
from sdbench.suite.expand import configurations
from sdbench.suite.load import load_suite
from sdbench.testing.baseline import Baseline, find_baseline
from sdbench.testing.outcome import Ending, Outcome, outcome_against, outcome_alone
from sdbench.testing.playback import Benchmark, give_up, is_available, is_disabled
from sdbench.testing.suite_items import ConfigurationFailed, ConfigurationItem, SuiteFile
from sdbench.testing.suite_run import NoWorker, SuiteRun, once
from sdbench.testing.summary import Line, write

_WITHOUT_BENCHMARK = (
    "--sdbench stores what it measures by pytest-benchmark, which is not there: install "
    "sdbench[pytest], and leave out `-p no:benchmark`"
)
_IN_PARALLEL = (
    "--sdbench measures one configuration after the other: what runs beside it (-n, --dist) would "
    "take part of the cores and of the device, and every time would be wrong. Use -n 0 for it"
)
_UNTIMED = "benchmarks are disabled: each configuration is called once, and nothing is compared"


def begin(config: pytest.Config) -> None:
    """Adds a suite's configurations to a session.

    Raises:
        pytest.UsageError: They cannot be measured like this.
    """
    if not is_available(config):
        raise pytest.UsageError(_WITHOUT_BENCHMARK)
    if config.getoption("dist", "no") != "no" or config.getoption("tx", None):
        raise pytest.UsageError(_IN_PARALLEL)
    try:
        plugin = SuitePlugin(config)
    except SdbenchError as error:
        raise pytest.UsageError(str(error)) from None
    except OSError as error:
        raise pytest.UsageError(f"{error.filename}: {error.strerror}") from None
    config.pluginmanager.register(plugin, "sdbench-suite")
    _name_suite(config, plugin.path)


def _name_suite(config: pytest.Config, path: Path) -> None:
    """Has pytest collect the suite: by itself where the user names no other tests."""
    folder = config.invocation_params.dir
    named = config.args if config.args_source is pytest.Config.ArgsSource.ARGS else []
    if any((folder / argument.split("::")[0]).resolve() == path for argument in named):
        return
    config.args = [*named, str(path)]


class SuitePlugin:
    """The hooks of a session with a suite."""

    def __init__(self, config: pytest.Config) -> None:
        folder = config.invocation_params.dir
        self.path: Path = (folder / config.getoption("sdbench")).resolve()
        self.suite = load_suite(self.path)
        self.configurations = plan(configurations(self.suite))
        self._is_timed = not is_disabled(config)
        given, results = config.getoption("sdbench_baseline"), config.getoption("sdbench_results")
        self._stored = self._read_baseline(folder / given) if given else None
        self._baseline: Baseline | None = None
        self._advisory: tuple[str, ...] | None = None
        self._lines: list[Line] = []
        self._run = SuiteRun(
            Order(
                suite=self.suite if self._is_timed else once(self.suite),
                configurations=self.configurations,
                results=folder / (results or "results"),
                device=config.getoption("sdbench_device"),
                command_line=("pytest", *map(str, config.invocation_params.args)),
            )
        )

    def _read_baseline(self, path: Path) -> Run | None:
        """The baseline, or None where nothing is compared."""
        run = find_baseline(path, self.suite.name)
        if run is None:
            raise SdbenchError(f"{path} holds no run of the suite {self.suite.name}")
        return run if self._is_timed else None

    def pytest_collect_file(
        self, file_path: Path, parent: pytest.Collector
    ) -> pytest.Collector | None:
        """The suite's file is collected."""
        if file_path.resolve() != self.path:
            return None
        collector: SuiteFile = SuiteFile.from_parent(parent, path=file_path, measures=self)
        return collector

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Only what is left to be run is planned: references are drawn for nothing else."""
        chosen = tuple(
            item.configuration
            for item in session.items
            if isinstance(item, ConfigurationItem) and not item.get_closest_marker("skip")
        )
        self._run.order = replace(self._run.order, configurations=chosen)
        if self._stored is not None:
            self._baseline = Baseline.of(self._stored, self.suite.gates, chosen)

    def check(self, item: ConfigurationItem, benchmark: Benchmark) -> None:
        """Measures a configuration, hands its samples to pytest-benchmark, and holds it to gates.

        Raises:
            ConfigurationFailed: It did not pass.
        """
        try:
            record = self._run.measure(item.configuration)
        except BaseException as error:
            give_up(benchmark)
            if isinstance(error, NoWorker):
                pytest.exit(f"sdbench: {error}", pytest.ExitCode.USAGE_ERROR)
            if isinstance(error, CannotStart):
                raise ConfigurationFailed(str(error)) from None
            raise
        outcome = self._outcome(item.configuration, record)
        line = Line(item.name, record, outcome)
        self._lines.append(line)
        known = ((name, value) for name, value in line.facts.items() if value is not None)
        item.user_properties.extend(known)
        benchmark.extra_info.update(line.facts, run=self._folder_name())
        if record.status in TIMED_STATUSES and (samples_s := accepted_samples(record)):
            item.clock.play_back(benchmark, samples_s)
        elif outcome.ending is Ending.FAILED:
            give_up(benchmark)
        if outcome.ending is Ending.FAILED:
            raise ConfigurationFailed("\n".join(outcome.reasons))
        if outcome.ending is Ending.SKIPPED:
            pytest.skip("; ".join(outcome.reasons))

    def pytest_runtest_teardown(self, item: pytest.Item, nextitem: pytest.Item | None) -> None:
        """What comes after the configurations has the device for itself."""
        if isinstance(item, ConfigurationItem) and not isinstance(nextitem, ConfigurationItem):
            self._run.rest()

    def pytest_sessionfinish(self) -> None:
        """No worker is left behind, however the session ends."""
        self._run.close()

    def pytest_unconfigure(self) -> None:
        """The same, where a session ends before it is finished."""
        self._run.close()

    def pytest_report_header(self) -> str:
        """What is measured, and what it is held against."""
        counted = f"{count(len(self.configurations), 'configuration')} of {self.suite.name}"
        if not self._is_timed:
            return f"sdbench: {counted}; {_UNTIMED}"
        against = f", baseline {self._stored.folder.name}" if self._stored else ""
        return f"sdbench: {counted} on {self._run.order.device}{against}"

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """What was measured, what that means, and where it lies."""
        if not self._lines:
            return
        write(terminalreporter, "sdbench", self._lines)
        if self._stored is not None:
            terminalreporter.write_line(f"baseline: {self._stored.folder}")
        terminalreporter.write_line(f"results: {self._run.folder}")

    def _outcome(self, configuration: Configuration, record: Record) -> Outcome:
        gates = self.suite.gates.for_knobs(configuration.knobs)
        if self._baseline is None:
            return outcome_alone(record, gates)
        if self._advisory is None:
            self._advisory = self._baseline.advisory(self._run.read())
        assert self._run.folder is not None
        row = self._baseline.row(record, self._run.folder)
        return outcome_against(row, record, gates, self._advisory)

    def _folder_name(self) -> str | None:
        return self._run.folder.name if self._run.folder else None
