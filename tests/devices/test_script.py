from __future__ import annotations

from pathlib import Path

import pytest

from sdbench.devices.script import Fault, Moment, Script, ScriptedFault, read_script
from sdbench.errors import SdbenchError


def test_no_file_is_the_default_script() -> None:
    assert read_script(None) == Script()


@pytest.mark.parametrize("text", ["", "{}", "# nothing yet\n"])
def test_an_empty_file_is_the_default_script(tmp_path: Path, text: str) -> None:
    path = tmp_path / "script.yaml"
    path.write_text(text)
    assert read_script(path) == Script()


def test_a_script_says_durations_memory_and_faults(tmp_path: Path) -> None:
    path = tmp_path / "script.yaml"
    path.write_text(
        "name: Small GPU\nmemory_bytes: 1000\ndenoiser_s: 0.5\n"
        "faults:\n- {fault: oom, at: load, knobs: {dtype: fp32}}\n"
    )
    script = read_script(path)
    assert (script.name, script.memory_bytes, script.denoiser_s) == ("Small GPU", 1000, 0.5)
    fault = ScriptedFault(fault=Fault.OOM, at=Moment.LOAD, knobs={"dtype": "fp32"})
    assert script.faults == (fault,)
    assert fault.concerns({"dtype": "fp32", "steps": 2})
    assert not fault.concerns({"dtype": "fp16", "steps": 2})


@pytest.mark.parametrize(
    "content",
    [
        b"denoiser_seconds: 1",  # no such key
        b"denoiser_s: fast",
        b"faults: [{fault: explode}]",
        b"half_precision_speedup: 0",
        b"name: [unclosed",
        b"- a list",
        b"\xff\xfe\x00 not text",
    ],
)
def test_a_file_that_is_no_script_is_refused_by_its_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "script.yaml"
    path.write_bytes(content)
    with pytest.raises(SdbenchError, match=r"script\.yaml is no script of a device"):
        read_script(path)


def test_a_file_that_is_not_there_is_an_error_too(tmp_path: Path) -> None:
    with pytest.raises(SdbenchError, match="No such file"):
        read_script(tmp_path / "none.yaml")
