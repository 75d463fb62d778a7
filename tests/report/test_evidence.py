from factories import derived, record, run

from sdbench.report.evidence import Evidence, evidence, value_text
from sdbench.units import GIB


def facts(found: Evidence) -> dict[str, dict[str, str]]:
    return {group.heading: dict(group.facts) for group in found.groups}


def gpu_run(tmp_path, **state):
    states = {"before": {"sm_clock_mhz": 1905, "power_watts": 71.2}, "after": state}
    return run(
        tmp_path,
        [record(fields={"device_state": states})],
        device="NVIDIA L4",
        fingerprint={
            "device": "NVIDIA L4",
            "total_memory_bytes": 22 * GIB,
            "driver": "560.35.03",
            "power_limit_watts": 72.0,
            "ecc": True,
            "mig": "the driver does not support it",
            "torch": "2.13.0",
            "xformers": None,
        },
        environment={
            "command_line": ["sdbench", "run", "my suite.yaml"],
            "torch_device": "cuda:0",
            "variables": {"CUDA_VISIBLE_DEVICES": "0"},
        },
    )


def test_facts_have_labels_and_units(tmp_path):
    found = facts(evidence(gpu_run(tmp_path, sm_clock_mhz=1890, clock_events=["power cap"])))
    assert found["Device"] == {
        "device": "NVIDIA L4",
        "memory": "22.0 GiB",
        "driver": "560.35.03",
        "power limit": "72 W",
        "ECC memory": "on",
        "MIG instances": "the driver does not support it",
        "clock of the multiprocessors": "1,890 MHz to 1,905 MHz",
        "power before and after the calls": "71 W",
        "why clocks were held back": "power cap",
    }
    assert found["Software"] == {"torch": "2.13.0", "xformers": "not installed"}
    assert found["The run"]["torch device"] == "cuda:0"
    assert found["The run"]["CUDA_VISIBLE_DEVICES"] == "0"
    assert found["How each configuration was measured"]["timed calls"] == "6 to 30"


def test_a_device_without_readings_says_why(tmp_path):
    found = facts(
        evidence(run(tmp_path, [record(fields={"device_state": {"after": {"reason": "no NVML"}}})]))
    )
    assert found["Device"]["clocks, power and temperature"] == "no NVML"
    assert "clock of the multiprocessors" not in found["Device"]


def test_the_command_can_be_pasted_into_a_shell(tmp_path):
    (tmp_path / "gpu").mkdir()
    assert evidence(gpu_run(tmp_path / "gpu")).command_line == "sdbench run 'my suite.yaml'"
    assert evidence(run(tmp_path, [record()])).command_line is None


def test_fresh_rounds_and_processes_are_counted(tmp_path):
    records = [record(), record(fields={"round": 1, "worker": "worker-2"})]
    found = facts(evidence(run(tmp_path, records)))["The run"]
    assert found["measured by"] == "2 processes"
    assert found["fresh rounds after the sweep"] == "1"


def test_values_of_any_kind_become_words():
    assert value_text("x", ["a", 2]) == "a, 2"
    assert value_text("x", {"clock_mhz": 1000, "b": False}) == "clock_mhz=1,000 MHz, b=off"
    assert value_text("share_ratio", 0.123) == "12.3 %"


def test_rounds_of_all_configurations_are_told(tmp_path):
    one = run(tmp_path, [record()], planned_rounds=4)
    told = facts(evidence(one))["How each configuration was measured"]
    assert told["rounds of each"] == "4, every one in a process of its own"
    once = facts(evidence(run(tmp_path / "once", [record()])))
    assert "rounds of each" not in once["How each configuration was measured"]


def test_what_was_not_run_is_no_process_and_the_plan_is_told(tmp_path):
    one = run(tmp_path, [record(), derived(steps=8)], plan="staged", budget_s=90.0)
    told = facts(evidence(one))["The run"]
    assert (told["measured by"], told["plan"], told["budget"]) == ("1 process", "staged", "90.0 s")
