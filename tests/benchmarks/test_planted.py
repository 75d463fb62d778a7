"""The changes that `benchmarks/detection.py` plants are as large as they are called."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from diffusers import AutoencoderKL, EulerDiscreteScheduler, StableDiffusionPipeline
from diffusers.models.unets.unet_2d_blocks import UNetMidBlock2DCrossAttn

from sdbench.devices.cpu import CpuDevice
from sdbench.pipelines.builtin import build_pipeline
from sdbench.units import MIB

_FOLDER = Path(__file__).parents[2] / "benchmarks" / "planted"
_PATCHED = (
    StableDiffusionPipeline,
    EulerDiscreteScheduler,
    UNetMidBlock2DCrossAttn,
    AutoencoderKL,
)


def _module(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, _FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return _module("planted", monkeypatch)


class Clock:
    """Time that passes where it is told to."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s

    def spends(self, duration_s: float) -> Callable[[], None]:
        """Work that takes so long."""

        def work() -> None:
            self.now_s += duration_s

        return work


def call_s(changes: Any, clock: Clock, guidance_scale: float, kind: str, visits: int = 4) -> float:
    """What one call takes: a second of its own, and units of 1 ms in visits of one place."""
    begun_s = clock.now_s
    with changes.call(guidance_scale):
        for _ in range(visits):
            clock.now_s += 1.0 / visits
            changes.visit(kind, clock.spends(0.001))
    return clock.now_s - begun_s


def test_a_change_is_that_share_of_the_call_and_meets_its_configuration_alone(
    planted: ModuleType,
) -> None:
    clock = Clock()
    plan = {3.01: planted.Change(planted.LOOP, share=0.05)}
    changes = planted.Planted(plan, clock)
    assert call_s(changes, clock, 3.0, planted.LOOP) == pytest.approx(1.0)
    assert call_s(changes, clock, 3.01, planted.LOOP) == pytest.approx(1.05, abs=0.001)
    assert call_s(changes, clock, 3.01, planted.BLOCK) == pytest.approx(1.0)
    assert call_s(changes, clock, 3.0, planted.LOOP) == pytest.approx(1.0)


def test_the_first_call_of_a_process_is_unchanged_since_its_share_is_not_known(
    planted: ModuleType,
) -> None:
    clock = Clock()
    changes = planted.Planted({3.0: planted.Change(planted.LOOP, share=0.5)}, clock)
    assert call_s(changes, clock, 3.0, planted.LOOP) == pytest.approx(1.0)
    assert call_s(changes, clock, 3.0, planted.LOOP) == pytest.approx(1.5, abs=0.001)


def test_a_change_is_a_share_of_the_call_without_it_however_often_it_is_met(
    planted: ModuleType,
) -> None:
    clock = Clock()
    changes = planted.Planted({3.0: planted.Change(planted.COPY, share=0.1)}, clock)
    call_s(changes, clock, 3.0, planted.COPY)
    found = [call_s(changes, clock, 3.0, planted.COPY) for _ in range(30)]
    assert found == pytest.approx([1.1] * 30, abs=0.001)


def test_what_one_visit_spends_too_much_the_next_one_spends_less(planted: ModuleType) -> None:
    clock = Clock()
    changes = planted.Planted({3.0: planted.Change(planted.BLOCK, share=0.1)}, clock)
    call_s(changes, clock, 3.0, planted.BLOCK)
    worked = 0

    def work() -> None:
        nonlocal worked
        worked += 1
        clock.now_s += 0.04

    with changes.call(3.0):
        for _ in range(4):
            changes.visit(planted.BLOCK, work)
    # 0.1 s in four visits of 25 ms each: 40 ms of work are due at 0, 25 (15 ms too much so far
    # are left: 10 due), 75 ms; never at the fourth, when 120 ms were spent of 100.
    assert worked == 3


class Noted:
    """Stands in for what adds work, and notes where it would."""

    def __init__(self, changes: Any) -> None:
        self._changes = changes
        self.visits: Counter[str] = Counter()

    def call(self, guidance_scale: float) -> Any:
        return self._changes.call(guidance_scale)

    def visit(self, kind: str, work: Callable[[], object]) -> None:
        work()
        self.visits[kind] += 1


def test_every_place_is_met_in_a_call_of_the_real_pipeline_and_the_leak_is_seen(
    planted: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = _module("sitecustomize", monkeypatch)
    leak = planted.Change(planted.LEAK, size_bytes=64 * MIB)
    noted = Noted(planted.Planted({3.01: leak}))
    # Classes of their own, so that those of diffusers stay as they are for other tests.
    own = {one.__name__: type(one.__name__, (one,), {}) for one in _PATCHED}
    for patch in site.PATCHES.values():
        name = next(name for name in own if name in patch.__code__.co_names)
        patch(SimpleNamespace(**{name: own[name]}), noted)
    pipe = build_pipeline("tiny")
    pipe.set_progress_bar_config(disable=True)
    pipe.scheduler = own["EulerDiscreteScheduler"].from_config(pipe.scheduler.config)
    pipe.vae.__class__ = own["AutoencoderKL"]
    pipe.unet.mid_block.__class__ = own["UNetMidBlock2DCrossAttn"]
    pipe.__class__ = own["StableDiffusionPipeline"]

    def peak_bytes(guidance_scale: float) -> int:
        with CpuDevice().watch_memory(()) as watch:
            pipe(prompt="a", num_inference_steps=3, guidance_scale=guidance_scale)
            return int(watch.peaks().allocated_bytes.value or 0)

    peak_bytes(3.0)  # what is copied is made in the first call
    noted.visits.clear()
    usual = peak_bytes(3.0)
    assert noted.visits == {planted.LOOP: 3, planted.BLOCK: 3, planted.COPY: 1}
    assert peak_bytes(3.01) - usual == pytest.approx(64 * MIB, rel=0.05)
    assert peak_bytes(3.0) == usual


def test_a_python_with_the_variable_changes_modules_as_it_imports_them(tmp_path: Path) -> None:
    module = tmp_path / "diffusers" / "schedulers" / "scheduling_euler_discrete.py"
    module.parent.mkdir(parents=True)
    for folder in (module.parent, module.parent.parent):
        (folder / "__init__.py").touch()
    module.write_text("class EulerDiscreteScheduler:\n    def step(self):\n        return 1\n")
    program = (
        "from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler as one;"
        "print(hasattr(one.step, '__wrapped__'), one().step())"
    )

    def prints(**variables: str) -> str:
        path = os.pathsep.join((str(_FOLDER), str(tmp_path)))
        environment = {**os.environ, "PYTHONPATH": path, **variables}
        return subprocess.run(
            [sys.executable, "-c", program],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()

    change = {"3.01": {"kind": "loop", "share": 0.1}}
    assert prints(SDBENCH_PLANTED=json.dumps(change)) == "True 1"
    assert prints() == "False 1"
