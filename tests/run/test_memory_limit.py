"""Would it fit into so much memory? Answered by running it, on a machine that has more."""

from __future__ import annotations

import pytest
from launchers import KeptLauncher

from sdbench.analysis.measurement import measurements
from sdbench.analysis.recommend import recommend_for_run
from sdbench.report.rows import table_view
from sdbench.results.record import Status
from sdbench.results.store import Run, read_run
from sdbench.run.messages import Measure, Start
from sdbench.run.order import Order
from sdbench.run.session import run_suite
from sdbench.run.worker import Worker
from sdbench.suite.configuration import Configuration
from sdbench.suite.model import Protocol, Suite
from sdbench.units import MIB

from .recorder import Recorder

SHARED = {"pipeline": {"builtin": "tiny"}, "steps": 1, "threads": 1}
BATCHES = (1, 4, 2)
"""Their peaks are 10.0, 20.7 and 13.6 MiB."""
LIMIT_BYTES = 20 * MIB
PROTOCOL = Protocol(warmup=1, max_warmup=1, min_samples=1, max_samples=1)
SUITE = Suite(name="limited", fixed=SHARED, measure=PROTOCOL)


@pytest.fixture(scope="module")
def run(real: KeptLauncher, tmp_path_factory: pytest.TempPathFactory) -> Run:
    order = Order(
        suite=SUITE,
        configurations=[Configuration.of({**SHARED, "batch_size": size}) for size in BATCHES],
        results=tmp_path_factory.mktemp("results"),
        device="cpu",
        memory_limit_bytes=LIMIT_BYTES,
    )
    return read_run(run_suite(order, real, Recorder()).folder)


def test_what_does_not_fit_is_out_of_memory_and_the_others_are_measured(run: Run) -> None:
    statuses = {record.knobs["batch_size"]: record.status for record in run.records}
    assert statuses == {1: Status.OK, 4: Status.OOM, 2: Status.OK}
    assert {record.worker for record in run.records} == {"worker-1"}
    notes = [note for record in run.records for note in record.notes]
    assert [note for note in notes if "waited for a processor" not in note] == []


def test_the_record_says_where_memory_ran_out_and_how_much_was_left(run: Run) -> None:
    moment = run.records[1].out_of_memory
    assert moment is not None
    assert (moment.phase, moment.stage, moment.limit_bytes) == ("memory", "denoiser", LIMIT_BYTES)
    assert moment.requested_bytes is not None
    assert moment.free_bytes is not None
    assert moment.requested_bytes > moment.free_bytes
    assert (run.records[1].reason or "").startswith("out of memory in denoiser (memory pass): ")


def test_what_fits_has_the_peak_that_it_has_without_a_limit(run: Run) -> None:
    peaks = [run.records[place].peak_allocated_bytes.value for place in (0, 2)]
    assert all(peak is not None and 9 * MIB < peak < LIMIT_BYTES for peak in peaks)
    load_peak = run.records[0].load_peak_allocated_bytes.value
    assert load_peak is not None
    assert 6 * MIB < load_peak < 7 * MIB


def test_the_recommendation_says_the_limit_and_the_report_what_to_try(run: Run) -> None:
    advice = recommend_for_run(run)
    assert "within the run's memory limit of 20 MiB" in advice.headline
    assert "no memory limit was given" not in advice.headline
    assert advice.to_json()["limits"]["run_memory_bytes"] == LIMIT_BYTES
    reason = table_view(measurements(run), advice).rows[1].reason
    assert "Worth a try: a smaller batch_size, dtype fp16 or bf16" in reason


def test_a_pipeline_that_does_not_fit_is_out_of_memory_while_loading() -> None:
    worker = Worker(
        Start(
            suite=SUITE.to_json(),
            device="cpu",
            trust_remote_code=False,
            name="worker-1",
            memory_limit_bytes=6 * MIB,
        ),
        lambda phase: None,
    )
    knobs = Configuration.of(SHARED).knobs
    for _ in range(2):
        record = worker.measure(Measure(knobs=knobs, round=0, images_folder=None))
        assert record.status is Status.OOM
        assert record.out_of_memory is not None
        assert record.out_of_memory.phase == "loading"
        assert record.notes == ()
        assert not worker.is_spent
