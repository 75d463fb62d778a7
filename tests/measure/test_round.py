from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from measure_types import LoggingDevice, PlannedPipeline
from PIL import Image

from sdbench.devices.script import Script
from sdbench.devices.scripted import ScriptedDevice, SimulatedOutOfMemory
from sdbench.errors import SdbenchError
from sdbench.knobs.base import Unsupported
from sdbench.measure.round import measure_round
from sdbench.results.out_of_memory import OutOfMemory
from sdbench.results.record import Record, Status, StopReason
from sdbench.suite.configuration import Configuration
from sdbench.suite.model import Protocol

CONFIGURATION = Configuration.of({"steps": 2})
PROTOCOL = Protocol(warmup=1, max_warmup=1, min_samples=2, max_samples=2)
OUT_OF_MEMORY = SimulatedOutOfMemory("tried to use 9 bytes of 8 bytes\nand much more text")


@pytest.fixture
def run(device: LoggingDevice, planned: PlannedPipeline) -> Any:
    def measure(images: Path | None = None, protocol: Protocol = PROTOCOL) -> dict[str, Any]:
        def on_phase(phase: str) -> None:
            device.log.append(f"phase {phase}")

        return measure_round(planned, CONFIGURATION, device, protocol, images, on_phase)

    return measure


def test_the_passes_come_in_order_and_nothing_disturbs_a_timed_call(
    run: Any, device: LoggingDevice
) -> None:
    run()
    timed_call = ["prepare", "synchronize", "call", "synchronize"]
    assert device.log == [
        "configure",
        "phase first call",
        *timed_call,
        "verify",
        "phase memory",
        *["prepare", "watch memory", "call", "synchronize"],
        "phase warm-up",
        *timed_call,
        "phase timing",
        "state",
        *timed_call,
        "state",
        *timed_call,
        "state",
        "put back",
    ]


def test_a_round_that_ends_well_fills_a_record(run: Any, planned: PlannedPipeline) -> None:
    planned.plans = [[("denoiser", duration_s), (None, 0.5)] for duration_s in (9, 8, 3, 1, 2)]
    fields = run()
    record = Record(key="k", knobs={}, worker="w", started_at="now", **fields)
    assert Record.from_line(record.to_line()) == record
    assert (record.status, record.reason) == (Status.OK, None)
    # The second call is the memory pass, and its seconds are nowhere.
    assert record.first_call_s == pytest.approx(9.5)
    assert record.warmup_s == pytest.approx((3.5,))
    assert record.samples_s == pytest.approx((1.5, 2.5))
    assert record.stages_s["denoiser"] == pytest.approx((1, 2))
    assert record.stages_s["other"] == pytest.approx((0.5, 0.5))
    assert record.device_samples_s == ()
    assert record.denoiser_evaluations == 1
    assert record.stop_reason is StopReason.MAX_SAMPLES
    assert len(record.is_outlier) == len(record.is_throttled) == len(record.samples_s)
    assert record.peak_allocated_bytes.value == 700
    assert record.device_state == {
        "before": {"clock_event_reasons": 0},
        "after": {"clock_event_reasons": 0},
    }


def test_the_samples_are_those_taken_and_not_those_planned(run: Any) -> None:
    """Regression of pytest-codspeed, which stored planned rounds as if they had been run."""
    fields = run(protocol=Protocol(min_samples=2, max_samples=30))
    assert len(fields["samples_s"]) == 6  # equal ones converge at the sixth


def test_an_image_is_written(run: Any, tmp_path: Path) -> None:
    fields = run(tmp_path)
    name = f"{CONFIGURATION.key}-0.png"
    assert fields["images"] == (f"{tmp_path.name}/{name}",)
    assert Image.open(tmp_path / name).size == (4, 4)


def test_a_folder_that_is_not_asked_for_gets_no_image(run: Any) -> None:
    assert "images" not in run()


def test_out_of_memory_is_a_result_and_the_reason_says_where(
    run: Any, planned: PlannedPipeline, device: LoggingDevice
) -> None:
    planned.plans = [OUT_OF_MEMORY]
    fields = run()
    assert fields["status"] is Status.OOM
    assert fields["reason"] == (
        "out of memory in other (first call): tried to use 9 bytes of 8 bytes"
    )
    assert fields["out_of_memory"] == OutOfMemory(phase="first call", stage="other")
    assert fields["images_per_call"] == 1
    assert device.log[-1] == "put back"


def test_what_was_learnt_before_memory_ran_out_is_kept(
    run: Any, planned: PlannedPipeline, device: LoggingDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The VAE decoder runs out in the memory pass, where something else took memory meanwhile."""
    planned.plans = [[("denoiser", 1.0), ("vae_decode", 1.0)]]
    use_memory = device.use_memory

    def use_more(used_bytes: int) -> None:
        use_memory(used_bytes + 150 if planned.calls == 2 else used_bytes)

    monkeypatch.setattr(device, "use_memory", use_more)
    fields = run()
    assert fields["status"] is Status.OOM  # 900 + 150 of 1000 bytes, 850 of which are in use
    assert fields["reason"] == (
        "out of memory in vae_decode (memory pass): asked for 200 B, 150 B were free of 1000 B"
    )
    assert fields["first_call_s"] == pytest.approx(2.0)
    assert fields["effective"] == {"compiled": []}
    assert "samples_s" not in fields


def test_memory_that_runs_out_while_timing_leaves_the_peaks(
    run: Any, planned: PlannedPipeline
) -> None:
    planned.plans = [[("denoiser", 1.0)], [("denoiser", 1.0)], OUT_OF_MEMORY]
    fields = run()
    assert fields["status"] is Status.OOM
    assert fields["peak_allocated_bytes"].value == 700


def test_memory_that_runs_out_behind_another_error_is_told_all_the_same(
    run: Any, planned: PlannedPipeline
) -> None:
    """Libraries wrap what their loaders raise."""
    error = ValueError("the checkpoint cannot be read")
    error.__cause__ = OUT_OF_MEMORY
    planned.plans = [error]
    assert run()["status"] is Status.OOM


def test_a_call_that_raises_is_an_error_with_its_types_name(
    run: Any, planned: PlannedPipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    planned.plans = [KeyError("height"), [("denoiser", 1.0)]]
    fields = run()
    assert (fields["status"], fields["reason"]) == (Status.ERROR, "KeyError: 'height'")
    assert "Traceback" in capsys.readouterr().err


def test_an_error_without_words_has_a_reason_too(run: Any, planned: PlannedPipeline) -> None:
    planned.plans = [AssertionError()]
    assert run()["reason"] == "AssertionError: AssertionError"


def test_an_error_meant_for_the_user_has_no_traceback(
    run: Any, planned: PlannedPipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    planned.plans = [SdbenchError("the picture cannot be read")]
    fields = run()
    assert fields["reason"] == "SdbenchError: the picture cannot be read"
    assert capsys.readouterr().err == ""


def test_a_setting_without_effect_is_unsupported_with_what_ran_instead(
    run: Any, planned: PlannedPipeline
) -> None:
    planned.refuses = Unsupported("it changed nothing")
    fields = run()
    assert (fields["status"], fields["reason"]) == (Status.UNSUPPORTED, "it changed nothing")
    assert fields["effective"] == {"compiled": []}
    assert planned.calls == 1


def test_a_device_that_was_throttled_all_the_time_is_unstable_with_samples(
    run: Any, device: LoggingDevice, throttled_while: Any
) -> None:
    """Regression of nvbench: it had no samples then."""
    device.states = throttled_while([True] * 9)
    fields = run()
    assert fields["status"] is Status.UNSTABLE
    assert "throttled" in fields["reason"]
    assert len(fields["samples_s"]) == 2
    assert fields["stop_reason"] is StopReason.THROTTLED


def test_energy_company_and_the_device_s_memory_are_in_the_record(planned: Any) -> None:
    """Calls of a second at 50 W, beside a process that holds 100 bytes."""
    script = Script(memory_bytes=2000, power_watts=50.0, context_bytes=30, other_process_bytes=100)
    alone, beside = planned.device, ScriptedDevice(script)
    planned.device = beside
    beside.log = alone.log  # type: ignore[attr-defined]
    fields = measure_round(planned, CONFIGURATION, beside, PROTOCOL, None, lambda phase: None)
    record = Record(key="k", knobs={}, worker="w", started_at="now", **fields)
    assert Record.from_line(record.to_line()) == record
    assert record.energy_per_image_joules.value == pytest.approx(50.0)
    assert record.notes == ("process 1 (other) held 100 B of the device while it was measured",)
    memory = record.device_memory
    assert memory is not None
    assert memory.peak_process_bytes.value == 730
    assert memory.peak_used_bytes.value == 830
    assert memory.other_processes_bytes.value == 100
    assert record.peak_device_used_bytes.value == 730


def test_throttled_samples_are_noted(run: Any, device: LoggingDevice, throttled_while: Any) -> None:
    device.states = throttled_while([False, False, True])
    assert run()["notes"] == ("1 of 2 samples while throttled: software thermal",)


def test_a_device_without_a_driver_has_reasons_and_no_notes(run: Any) -> None:
    fields = run()
    assert fields["device_memory"] is None
    assert fields["energy_per_image_joules"].reason == "the device does not tell its energy"
    assert fields["notes"] == ()
