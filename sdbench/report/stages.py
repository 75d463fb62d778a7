"""Where the time goes: the default configuration beside the recommended one, on one scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sdbench.analysis.advice import Advice
from sdbench.analysis.launch_share import UPPER_BOUND, is_launch_bound, launch_share
from sdbench.analysis.measurement import Measurement
from sdbench.analysis.payback import loads_s
from sdbench.analysis.wording import count, estimate_text, latency_text, settings
from sdbench.report.startup import StartView, start_view
from sdbench.results.record import Status
from sdbench.results.table import stage_estimates
from sdbench.statistics import Estimate


@dataclass(frozen=True, slots=True)
class StageCell:
    """One stage of one configuration.

    Attributes:
        image: Median seconds for one image, as text.
        call: Median seconds in one call, as text.
        share: Share of all stages of the call (1.0 = 100 %).
        width: Its seconds an image as a share of the longest bar.
    """

    image: str
    call: str
    share: float
    width: float


@dataclass(frozen=True, slots=True)
class StageColumn:
    """One configuration's calls.

    Attributes:
        role: What it is here, such as ``recommended``.
        settings: The configuration in words.
        images: Images that one call draws.
        image: Median seconds of one image, as text.
        call: Median seconds of one call, as text.
        facts: How often the denoiser was evaluated, and how busy the device was.
    """

    role: str
    settings: str
    images: int
    image: str
    call: str
    facts: tuple[str, ...]

    @property
    def batch(self) -> str:
        """What one call draws, in words."""
        return f"one call of {count(self.images, 'image')}"


@dataclass(frozen=True, slots=True)
class StageRow:
    """A stage in each of the configurations.

    Attributes:
        name: Name of the stage.
        cells: One for each column; None where the configuration has no such stage.
    """

    name: str
    cells: tuple[StageCell | None, ...]


@dataclass(frozen=True, slots=True)
class Stages:
    """Where the time goes.

    Attributes:
        columns: The configurations.
        rows: Their stages, in the order of the call.
        remark: Why there is nothing to compare with; None where there is.
        start: What comes before the timed calls; None where it is not known.
    """

    columns: tuple[StageColumn, ...]
    rows: tuple[StageRow, ...]
    remark: str | None
    start: StartView | None


def stages(measured: Sequence[Measurement], advice: Advice) -> Stages | None:
    """The stages of the default and of the recommended configuration; None where none was timed.

    Where nothing is recommended, the first one that was measured stands in its place.
    """
    shown, remark = _shown(measured, advice)
    timed = {role: m for role, m in shown.items() if _image_estimates(m)}
    if not timed:
        return None
    estimates = [_image_estimates(m) for m in timed.values()]
    longest_s = max(sum(one.point for one in found.values()) for found in estimates)
    names = list(dict.fromkeys(name for found in estimates for name in found))
    return Stages(
        columns=tuple(_column(role, m, advice) for role, m in timed.items()),
        rows=tuple(
            StageRow(
                name,
                tuple(
                    _cell(found, name, longest_s, m)
                    for found, m in zip(estimates, timed.values(), strict=True)
                ),
            )
            for name in names
        ),
        remark=remark,
        start=start_view(measured, timed, loads_s(measured)),
    )


def _shown(
    measured: Sequence[Measurement], advice: Advice
) -> tuple[dict[str, Measurement], str | None]:
    """The configurations by what they are here, and why one of them is missing."""
    chosen, gain = advice.best.chosen, advice.best.gain
    if chosen is None:
        first = next((m for m in measured if m.status is Status.OK), None)
        remark = "Nothing is recommended: this is the first configuration that was measured."
        return ({"measured": first} if first else {}), remark
    if gain is None:
        remark = "The default configuration was not measured, so there is nothing to compare with."
        return {"recommended": chosen}, remark
    if gain.is_chosen:
        return {"default and recommended": chosen}, None
    if not _image_estimates(gain.default):
        remark = f"The default configuration has no timed call ({gain.default.status_word})."
        return {"recommended": chosen}, remark
    return {"default": gain.default, "recommended": chosen}, None


def _image_estimates(m: Measurement) -> dict[str, Estimate]:
    """Seconds of each stage for one image."""
    record = m.record
    if record is None or not record.images_per_call:
        return {}
    found = {
        name: estimate.scaled(1 / record.images_per_call)
        for name, estimate in stage_estimates(record).items()
    }
    return found if sum(one.point for one in found.values()) > 0 else {}


def _cell(
    found: Mapping[str, Estimate], name: str, longest_s: float, m: Measurement
) -> StageCell | None:
    estimate = found.get(name)
    if estimate is None or m.record is None or m.record.images_per_call is None:
        return None
    return StageCell(
        image=estimate_text(estimate),
        call=estimate_text(estimate.scaled(m.record.images_per_call)),
        share=estimate.point / sum(one.point for one in found.values()),
        width=estimate.point / longest_s,
    )


def _column(role: str, m: Measurement, advice: Advice) -> StageColumn:
    assert m.record is not None
    evaluated = m.record.denoiser_evaluations
    evaluations = None if evaluated is None else count(evaluated, "denoiser evaluation")
    return StageColumn(
        role=role,
        settings=settings(m.knobs, advice.names),
        images=m.record.images_per_call or 1,
        image=latency_text(m),
        call=estimate_text(m.latency),
        facts=tuple(filter(None, (evaluations, _busy_words(m), _basis(m)))),
    )


def _basis(m: Measurement) -> str | None:
    """What derived stages rest on; None of measured ones."""
    if m.source_count is None:
        return None
    return f"its stages are derived from {count(m.source_count, 'measured configuration')}"


def _busy_words(m: Measurement) -> str | None:
    """How much of the calls the device was busy; None where it does not tell."""
    if m.record is None:
        return None
    share = launch_share(m.record)
    is_bound = is_launch_bound(m.record)
    if share.value is None or (share.reason == UPPER_BOUND and not is_bound):
        return None
    most = "at most " if share.reason == UPPER_BOUND else ""
    busy = f"the device was busy for {most}{share.value:.0%} of the calls".replace("%", " %")
    if is_bound:
        return f"{busy}: it waited for the host, which a faster device would not shorten"
    return busy
