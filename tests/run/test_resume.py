"""A run goes on only with what it was begun with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from sdbench.results.store import read_run
from sdbench.run.launch import Launcher
from sdbench.run.order import Order
from sdbench.run.resume import CannotResume
from sdbench.run.session import run_suite

from .recorder import Recorder


def test_resume_refuses_another_version_of_the_suite(
    order: Callable[..., Order], launcher: Launcher, recorder: Recorder
) -> None:
    earlier = order()
    run_suite(earlier, launcher, recorder)
    changed = replace(
        earlier,
        resume=True,
        suite=replace(
            earlier.suite, inputs=replace(earlier.suite.inputs, prompts=("another prompt",))
        ),
    )
    with pytest.raises(CannotResume, match=r"another version of this suite \(inputs differ\)"):
        run_suite(changed, launcher, recorder)


def test_resume_refuses_another_memory_limit(
    order: Callable[..., Order], launcher: Launcher, recorder: Recorder
) -> None:
    outcome = run_suite(order(memory_limit_bytes=8 << 30), launcher, recorder)
    assert read_run(outcome.folder).info.memory_limit_bytes == 8 << 30
    with pytest.raises(CannotResume, match=r"other conditions \(memory_limit_bytes differ\)"):
        run_suite(order(resume=True), launcher, recorder)


def test_resume_refuses_another_device(
    order: Callable[..., Order],
    script: Callable[..., str],
    launcher: Launcher,
    recorder: Recorder,
) -> None:
    run_suite(order(), launcher, recorder)
    with pytest.raises(CannotResume, match=r"other conditions \(device differ\)"):
        run_suite(order(script(name="Another"), resume=True), launcher, recorder)
