"""One knob at a time: what each change from the default to the recommendation gains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sdbench.analysis.advice import Advice
from sdbench.analysis.measurement import Measurement
from sdbench.analysis.recommend import EQUAL_FIDELITY, EQUAL_MEMORY_RATIO
from sdbench.analysis.waterfall import Change, Waterfall, WaterfallStep, waterfall
from sdbench.analysis.wording import (
    FIGURE_WORDS,
    interval_text,
    latency_text,
    memory_text,
    origin_text,
    score_text,
    settings,
    shortened,
    times_text,
)
from sdbench.knobs.registry import KNOBS
from sdbench.report.pictures import Album, Picture
from sdbench.report.tiles import subject_text
from sdbench.units import format_bytes

_ALLOCATED = "peak_allocated_bytes"


@dataclass(frozen=True, slots=True)
class Figured:
    """A figure where a step ends, and how it changed on the way.

    Attributes:
        text: The figure.
        change: By how much it rose or fell, or that it did not; empty where there is none.
        is_worse: Whether the change is for the worse.
    """

    text: str
    change: str = ""
    is_worse: bool = False


@dataclass(frozen=True, slots=True)
class WaterfallRow:
    """One configuration on the way.

    Attributes:
        changes: For each knob that is turned to come here, its name and both values; none at the
            start.
        settings: The whole configuration in words.
        row: Its position in the plan, by which the page knows it.
        latency: Seconds of an image, and how many times as fast that is as the row before.
        interval: The interval of these seconds.
        memory: Peak memory.
        fidelity: The fidelity.
        kind: What the step does: a value of `Change`, or ``end`` for the start.
        left: Where its bar begins, as a share of the slowest row's seconds.
        width: How long its bar is, likewise.
        picture: Its first picture; None where the run kept none.
    """

    changes: tuple[tuple[str, str, str], ...]
    settings: str
    row: int
    latency: Figured
    interval: str
    memory: Figured
    fidelity: Figured
    kind: str
    left: float
    width: float
    picture: Picture | None


@dataclass(frozen=True, slots=True)
class WaterfallView:
    """The way to the recommendation.

    Attributes:
        rows: The start and the end of each step.
        total: What all steps gain together.
        remarks: Where it does not begin with the default, and where a step turns several knobs.
        memory_word: Which memory figure is shown.
        has_fidelity: Whether any row has a fidelity.
        has_pictures: Whether any row has a picture.
        is_limited: Whether the recommendation obeys limits, which a reader may edit.
    """

    rows: tuple[WaterfallRow, ...]
    total: str
    remarks: tuple[str, ...]
    memory_word: str
    has_fidelity: bool
    has_pictures: bool
    is_limited: bool


def waterfall_view(
    measured: Sequence[Measurement], advice: Advice, album: Album
) -> WaterfallView | None:
    """The way from the default to the recommendation; None where there is no step to show."""
    found = waterfall(measured, advice)
    if found is None or not found.steps:
        return None
    positions = {m.key: row for row, m in enumerate(measured)}
    way = [found.start, *(step.after for step in found.steps)]
    figure = _ALLOCATED if all(m.peak_allocated_bytes is not None for m in way) else None
    slowest_s = max(_latency_s(m) for m in way)
    scene = _Scene(advice, album, positions, slowest_s, figure)
    rows = (scene.start(found.start), *map(scene.step, found.steps))
    limits = advice.limits
    given = (limits.memory_bytes, limits.latency_s, limits.fidelity, limits.batch_size)
    return WaterfallView(
        rows=rows,
        total=_total(found),
        remarks=tuple(_remarks(found, advice)),
        memory_word="peak memory" if figure is None else FIGURE_WORDS[figure],
        has_fidelity=any(m.fidelity_score is not None for m in way),
        has_pictures=any(row.picture for row in rows),
        is_limited=any(limit is not None for limit in given),
    )


@dataclass(frozen=True, slots=True)
class _Scene:
    """What all rows have in common."""

    advice: Advice
    album: Album
    positions: Mapping[str, int]
    slowest_s: float
    figure: str | None

    def start(self, m: Measurement) -> WaterfallRow:
        """The row that everything is held against."""
        latency = Figured(latency_text(m))
        memory = Figured(self._memory_text(m))
        fidelity = Figured(score_text(m.fidelity_score))
        return self._row(m, (), latency, memory, fidelity, "end", 0.0, _latency_s(m))

    def step(self, step: WaterfallStep) -> WaterfallRow:
        """The row where a step ends."""
        before, after = step.before, step.after
        changes = tuple((name, _value(name, before), _value(name, after)) for name in step.knobs)
        low_s, high_s = sorted((_latency_s(before), _latency_s(after)))
        return self._row(
            after,
            changes,
            Figured(
                latency_text(after),
                _gain_words(step),
                step.change is Change.SLOWER,
            ),
            self._memory(before, after),
            _fidelity(before, after),
            step.change.name.lower(),
            low_s,
            high_s,
        )

    def _row(
        self,
        m: Measurement,
        changes: tuple[tuple[str, str, str], ...],
        latency: Figured,
        memory: Figured,
        fidelity: Figured,
        kind: str,
        low_s: float,
        high_s: float,
    ) -> WaterfallRow:
        assert m.latency_per_image
        words = settings(m.knobs, self.advice.names)
        return WaterfallRow(
            changes=changes,
            settings=words,
            row=self.positions[m.key],
            latency=latency,
            interval=interval_text(m.latency_per_image),
            memory=memory,
            fidelity=fidelity,
            kind=kind,
            left=low_s / self.slowest_s,
            width=(high_s - low_s) / self.slowest_s,
            picture=self._picture(m, words),
        )

    def _picture(self, m: Measurement, words: str) -> Picture | None:
        name = m.fidelity.pictures.get(0)
        if name is None:
            return None
        picture = self.album.picture(name, f"{words}: {subject_text(m.fidelity, 0)}")
        return picture if picture.uri else None

    def _memory_bytes(self, m: Measurement) -> int | None:
        return m.peak_memory_bytes if self.figure is None else m.memory_bytes(self.figure)

    def _memory_text(self, m: Measurement) -> str:
        if self.figure is None:
            return memory_text(m)
        return f"{format_bytes(self._memory_bytes(m))}{origin_text(m.memory[self.figure].origin)}"

    def _memory(self, before: Measurement, after: Measurement) -> Figured:
        earlier, later = self._memory_bytes(before), self._memory_bytes(after)
        text = self._memory_text(after)
        if earlier is None or later is None:
            return Figured(text)
        change = later - earlier
        if abs(change) < EQUAL_MEMORY_RATIO * earlier:
            return Figured(text, "no weighty change" if change else "the same")
        return Figured(text, _signed(format_bytes(abs(change)), change), change > 0)


def _latency_s(m: Measurement) -> float:
    assert m.latency_per_image
    return m.latency_per_image.point


def _value(name: str, m: Measurement) -> str:
    return shortened(KNOBS[name].text(m.knobs[name])) if name in m.knobs else "not set"


def _gain_words(step: WaterfallStep) -> str:
    match step.change:
        case Change.FASTER:
            return f"{times_text(step.times_as_fast)} times as fast"
        case Change.SLOWER:
            return f"{times_text(1 / step.times_as_fast)} times as long"
        case _:
            return str(step.change.value)


def _fidelity(before: Measurement, after: Measurement) -> Figured:
    earlier, later = before.fidelity_score, after.fidelity_score
    text = score_text(later)
    if earlier is None or later is None:
        return Figured(text)
    change = round(float(text) - float(score_text(earlier)), 2)  # of what is shown
    if abs(later - earlier) <= EQUAL_FIDELITY:
        return Figured(text, "no weighty change" if later != earlier else "the same")
    return Figured(text, _signed(f"{abs(change):.2f}", change), change < 0)


def _signed(text: str, change: float) -> str:
    return f"{'+' if change > 0 else '−'}{text}"


def _total(found: Waterfall) -> str:
    whole = WaterfallStep((), found.start, found.steps[-1].after)
    match whole.change:
        case Change.FASTER:
            return f"Together: an image {_gain_words(whole)}."
        case Change.SLOWER:
            return f"Together: an image takes {_gain_words(whole)}."
        case Change.WITHIN_NOISE:
            return "Together: no gain in latency that can be told from noise."
        case Change.NO_INTERVAL:
            times = times_text(whole.times_as_fast)
            return f"Together: an image {times} times as fast, by single calls."


def _remarks(found: Waterfall, advice: Advice) -> list[str]:
    remarks = []
    if found.not_default is not None:
        plain = settings(found.start.knobs, advice.names)
        verb = "was derived" if found.start.is_derived else "was measured"
        remarks.append(
            f"It begins with the plainest configuration that {verb} ({plain}): {found.not_default}."
        )
    if found.has_combined_steps:
        remarks.append(
            "Where a step turns several knobs at once, what lies between was not measured."
        )
    return remarks
