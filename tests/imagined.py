"""A machine whose latencies are known to the last term, for tests of what derives them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import factories

from sdbench.results.figure import Figure
from sdbench.results.out_of_memory import OutOfMemory
from sdbench.results.record import Record, Status
from sdbench.suite.configuration import Configuration

SCHEDULERS = ("euler", "ddim", "dpmpp_2m", "heun")
STEPS = (2, 4, 6, 8, 12, 16)
BATCHES = (1, 2, 4)

_STEP_S = {"euler": 0.001, "ddim": 0.002, "dpmpp_2m": 0.003, "heun": 0.004}


def grid(
    schedulers: Sequence[str] = SCHEDULERS,
    steps: Sequence[int] = STEPS,
    batches: Sequence[int] = BATCHES,
    **others: Any,
) -> list[Configuration]:
    """Every combination, with these other knobs."""
    return [
        Configuration(factories.knobs(scheduler=scheduler, steps=count, batch_size=batch, **others))
        for batch in batches
        for scheduler in schedulers
        for count in steps
    ]


def evaluations(knobs: Mapping[str, Any]) -> int:
    """Twice a step but for the last one where the scheduler is of second order.

    Of a share of the steps alone where there is a strength, and twice as many with guidance.
    """
    steps, strength, scale = knobs["steps"], knobs["strength"], knobs["guidance_scale"]
    run: int = steps if strength is None else int(steps * strength)
    passes = 2 if scale is not None and scale > 1 else 1
    return passes * (2 * run - 1 if knobs["scheduler"] == "heun" else run)


@dataclass
class Imagined:
    """Takes 0.1 s for each evaluation and picture, and little else.

    Attributes:
        noise: Standard deviation of a call's logarithm.
        slower: What makes a configuration take more, as a factor on its denoiser; 1.0 for the rest.
        capacity_mib: Memory that there is; a picture takes 100 MiB beside 50 of weights.
        fails: How configurations end that do not end well, by what they are; None for the others.
        disturbed: By what factor a configuration takes longer the first time that it is measured.
        measured: Keys in the order of measuring.
    """

    noise: float = 0.0
    slower: Callable[[Mapping[str, Any]], float] = lambda knobs: 1.0
    capacity_mib: float = 1e6
    fails: Callable[[Mapping[str, Any]], Status | None] = lambda knobs: None
    disturbed: Callable[[Mapping[str, Any]], float] = lambda knobs: 1.0
    measured: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._draw = random.Random(1)

    def stages_s(self, knobs: Mapping[str, Any]) -> dict[str, float]:
        """What each stage takes without noise."""
        steps, batch = knobs["steps"], knobs["batch_size"]
        return {
            "text_encoding": 0.02,
            "denoiser": 0.1 * batch * evaluations(knobs) * self.slower(knobs) + 0.01,
            "scheduler_step": _STEP_S[knobs["scheduler"]] * batch * steps,
            "vae_decode": 0.05 * batch,
            "other": 0.003 + 0.002 * steps,
        }

    def call_s(self, knobs: Mapping[str, Any]) -> float:
        """What a call takes without noise."""
        return sum(self.stages_s(knobs).values())

    def measure(self, configurations: Iterable[Configuration]) -> dict[str, Record]:
        """The records of configurations, by key."""
        return {one.key: self._record(one) for one in configurations}

    def look_again(
        self, configurations: Iterable[Configuration], records: Mapping[str, Record]
    ) -> dict[str, Record]:
        """The records of a second look, which stand in place of these."""
        return {
            key: replace(again, first_look_s=records[key].samples_s[0])
            for key, again in self.measure(configurations).items()
        }

    def _record(self, one: Configuration) -> Record:
        knobs: Mapping[str, Any] = one.knobs
        disturbance = 1.0 if one.key in self.measured else self.disturbed(knobs)
        self.measured.append(one.key)
        failed = self.fails(knobs)
        needed_mib = 50.0 + 100.0 * knobs["batch_size"]
        if failed is None and needed_mib > self.capacity_mib:
            failed = Status.OOM
        if failed is not None:
            told = {"out_of_memory": OutOfMemory(phase="memory")} if failed is Status.OOM else {}
            return factories.record(status=failed, fields=told, **knobs)
        factor = disturbance * (1 + self._draw.gauss(0, self.noise))
        stages_s = {name: factor * seconds for name, seconds in self.stages_s(knobs).items()}
        seconds = sum(stages_s.values())
        return factories.record(
            samples_s=(seconds,) * 6,
            allocated_mib=needed_mib + (4 if knobs["scheduler"] == "dpmpp_2m" else 0),
            fields={
                "stages_s": {name: (value,) * 6 for name, value in stages_s.items()},
                "denoiser_evaluations": evaluations(knobs),
                "peak_rss_bytes": Figure.absent("not told"),
            },
            **knobs,
        )
