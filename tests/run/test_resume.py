"""A run goes on only with what it was begun with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from launchers import KeptLauncher

from sdbench.results.store import read_run
from sdbench.run.order import Order
from sdbench.run.resume import CannotResume
from sdbench.run.session import run_suite

from .recorder import Recorder


def test_resume_refuses_another_version_of_the_suite(
    order: Callable[..., Order], forked: KeptLauncher, recorder: Recorder
) -> None:
    earlier = order()
    run_suite(earlier, forked, recorder)
    changed = replace(
        earlier,
        resume=True,
        suite=replace(
            earlier.suite, inputs=replace(earlier.suite.inputs, prompts=("another prompt",))
        ),
    )
    with pytest.raises(CannotResume, match=r"another version of this suite \(inputs differ\)"):
        run_suite(changed, forked, recorder)


def test_resume_refuses_another_memory_limit(
    order: Callable[..., Order], forked: KeptLauncher, recorder: Recorder
) -> None:
    outcome = run_suite(order(memory_limit_bytes=8 << 30), forked, recorder)
    assert read_run(outcome.folder).info.memory_limit_bytes == 8 << 30
    with pytest.raises(CannotResume, match=r"other conditions \(memory_limit_bytes differ\)"):
        run_suite(order(resume=True), forked, recorder)


def test_resume_refuses_another_device(
    order: Callable[..., Order],
    script: Callable[..., str],
    forked: KeptLauncher,
    recorder: Recorder,
) -> None:
    run_suite(order(), forked, recorder)
    with pytest.raises(CannotResume, match=r"other conditions \(device differ\)"):
        run_suite(order(script(name="Another"), resume=True), forked, recorder)
