from __future__ import annotations

import pytest

from sdbench.pipelines.failed_stage import failed_stage, note_stage, stage_of_call


class Observer:
    def __init__(self) -> None:
        self.told: list[str] = []

    def enter_stage(self, stage: str) -> None:
        self.told.append(f"enter {stage}")

    def leave_stage(self, stage: str) -> None:
        self.told.append(f"leave {stage}")


def test_an_exception_remembers_the_stage_that_it_left() -> None:
    observer = Observer()
    with pytest.raises(MemoryError) as raised, stage_of_call(observer, "vae_decode"):
        raise MemoryError
    assert failed_stage(raised.value) == "vae_decode"
    assert observer.told == ["enter vae_decode", "leave vae_decode"]


def test_the_innermost_stage_stays() -> None:
    with (
        pytest.raises(MemoryError) as raised,
        stage_of_call(None, "outer"),
        stage_of_call(None, "inner"),
    ):
        raise MemoryError
    assert failed_stage(raised.value) == "inner"


def test_the_stage_of_a_cause_counts() -> None:
    cause = MemoryError()
    note_stage(cause, "denoiser")
    error = RuntimeError("the pipeline failed")
    error.__cause__ = cause
    assert failed_stage(error) == "denoiser"


def test_outside_of_all_stages_there_is_none() -> None:
    assert failed_stage(MemoryError()) is None
