"""The runs of a hardware comparison, each under a name of its own, and how a user names one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sdbench.analysis.advice import Advice
from sdbench.analysis.measurement import Measurement, measurements
from sdbench.analysis.recommend import recommend_for_run, torch_device
from sdbench.errors import SdbenchError
from sdbench.results.store import Run
from sdbench.statistics import Estimate

SECONDS_PER_H = 3600


class UnknownDevice(SdbenchError):
    """A name that stands for none of the runs, or for several."""


@dataclass(frozen=True, slots=True)
class Contender:
    """One run of a comparison.

    Attributes:
        name: The device's name; with the run's folder where several runs share the device.
        run: The run.
        advice: What it recommends within its suite's own limits.
        measured: What is known of each configuration, by key, in the order of the plan.
    """

    name: str
    run: Run
    advice: Advice
    measured: Mapping[str, Measurement]

    @property
    def is_cpu(self) -> bool:
        """Whether the device is the host itself."""
        return torch_device(self.run.info).startswith("cpu")

    @property
    def images_per_h(self) -> Estimate | None:
        """What the recommendation draws; None where there is none."""
        chosen = self.advice.best.chosen
        return images_per_h(chosen) if chosen else None


def images_per_h(m: Measurement) -> Estimate | None:
    """Images an hour, one call after the other; None where it did not end well."""
    latency = m.latency_per_image
    if latency is None or not m.is_timed:
        return None
    return Estimate(
        SECONDS_PER_H / latency.point,
        SECONDS_PER_H / latency.high,
        SECONDS_PER_H / latency.low,
        latency.confidence,
        latency.sample_count,
    )


def contenders(runs: Sequence[Run]) -> tuple[Contender, ...]:
    """The runs under names of their own, in the order given.

    Raises:
        SdbenchError: A run was given twice.
    """
    folders = Counter(run.folder.resolve() for run in runs)
    for folder, number in folders.items():
        if number > 1:
            raise SdbenchError(f"{folder} was given {number} times; compare it with other runs")
    return tuple(
        Contender(name, run, recommend_for_run(run), {m.key: m for m in measurements(run)})
        for name, run in zip(_names(runs), runs, strict=True)
    )


def find(word: str, among: Sequence[Contender]) -> int:
    """Which contender a word stands for: a name of a device or a run's folder, or a part of one.

    A whole name goes before parts of others; upper and lower case are the same.

    Raises:
        UnknownDevice: It stands for none, or for several.
    """
    wanted = word.strip().casefold()
    texts = [
        tuple(text.casefold() for text in (one.name, one.run.info.device, one.run.folder.name))
        for one in among
    ]
    whole = [index for index, names in enumerate(texts) if wanted in names]
    parts = [index for index, names in enumerate(texts) if any(wanted in name for name in names)]
    found = whole or parts
    if len(found) == 1:
        return found[0]
    if not found:
        listed = "; ".join(_listed(one) for one in among)
        raise UnknownDevice(
            f"no run's device or folder has {word!r} in its name; there are: {listed}"
        )
    listed = "; ".join(_listed(among[index]) for index in found)
    raise UnknownDevice(
        f"{word!r} stands for {len(found)} runs: {listed}; give more of a name, or the run's folder"
    )


def _names(runs: Sequence[Run]) -> list[str]:
    devices = Counter(run.info.device for run in runs)
    names = [
        run.info.device
        if devices[run.info.device] == 1
        else f"{run.info.device} ({run.folder.name})"
        for run in runs
    ]
    counted = Counter(names)
    return [
        name
        if counted[name] == 1
        else f"{run.info.device} ({run.folder.parent.name}/{run.folder.name})"
        for name, run in zip(names, runs, strict=True)
    ]


def _listed(one: Contender) -> str:
    if one.name != one.run.info.device:
        return one.name
    return f"{one.name} (run {one.run.folder.name})"
