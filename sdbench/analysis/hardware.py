"""The same configurations on several devices, side by side and against one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sdbench.analysis.contenders import Contender, contenders, images_per_h
from sdbench.analysis.measurement import Measurement
from sdbench.analysis.ratios import geometric_mean, ratio
from sdbench.analysis.saturation import Ending, Saturation, fixed_share, saturation
from sdbench.errors import SdbenchError
from sdbench.jsontypes import JsonValue, canonical_json
from sdbench.knobs.registry import varying_knobs
from sdbench.results.store import Run
from sdbench.statistics import Estimate


class NothingInCommon(SdbenchError):
    """Runs that have no configuration in common."""


@dataclass(frozen=True, slots=True)
class Sides:
    """One thing on all devices; every field has one entry for each of them, in their order.

    Attributes:
        measured: The measurement; None where the run does not have it.
        images_per_h: Images an hour; None where it did not end well there, or was not measured:
            derived ones share the errors of what they rest on, and no mean takes them in.
        ratios: These over the reference's; None where one of the two is not known.
    """

    measured: tuple[Measurement | None, ...]
    images_per_h: tuple[Estimate | None, ...]
    ratios: tuple[Estimate | None, ...]

    @classmethod
    def of(cls, measured: Sequence[Measurement | None], reference: int) -> Sides:
        """What is known of measurements, with the ratios to one of them."""
        drawn = tuple(images_per_h(m) if m and not m.is_derived else None for m in measured)
        against = drawn[reference]
        return cls(
            tuple(measured),
            drawn,
            tuple(ratio(one, against) if one and against else None for one in drawn),
        )

    @property
    def is_complete(self) -> bool:
        """Whether it ended well on every device."""
        return all(one is not None for one in self.images_per_h)


@dataclass(frozen=True, slots=True)
class Row:
    """A configuration on all devices.

    Attributes:
        key: The configuration's key.
        knobs: One value for every knob; empty where no run tells.
        sides: What is known of it.
    """

    key: str
    knobs: Mapping[str, JsonValue]
    sides: Sides


@dataclass(frozen=True, slots=True)
class Family:
    """Configurations that differ in the batch alone, on all devices.

    Attributes:
        knobs: The values that they share.
        at_one: Batch 1.
        saturations: Each device's own saturating batch; None where nothing ended well.
        at_saturation: The measurements at these.
        fixed_shares: What of a call at batch 1 does not grow with the images; None where not known.
    """

    knobs: Mapping[str, JsonValue]
    at_one: Sides
    saturations: tuple[Saturation | None, ...]
    at_saturation: Sides
    fixed_shares: tuple[float | None, ...]

    @property
    def has_batches(self) -> bool:
        """Whether every device measured more than one batch: else none stands for saturation."""
        return all(
            one is not None and one.ending is not Ending.ONLY_ONE for one in self.saturations
        )


@dataclass(frozen=True, slots=True)
class Mean:
    """How many times as fast each device is as the reference, over the same configurations.

    Attributes:
        count: Configurations that ended well on every device.
        ratios: Geometric means, one for each device; None where `count` is 0.
        ranges: The smallest and the largest of the ratios, for each device.
    """

    count: int
    ratios: tuple[Estimate | None, ...]
    ranges: tuple[tuple[float, float] | None, ...]

    @classmethod
    def of(cls, sides: Sequence[Sides], devices: int) -> Mean:
        """The means over those that are complete; no device is averaged over another set."""
        columns: list[list[Estimate]] = [[] for _ in range(devices)]
        complete = [one for one in sides if one.is_complete]
        for one in complete:
            for column, value in zip(columns, one.ratios, strict=True):
                assert value is not None
                column.append(value)
        return cls(
            len(complete),
            tuple(geometric_mean(column) if column else None for column in columns),
            tuple(
                (min(r.point for r in column), max(r.point for r in column)) if column else None
                for column in columns
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HardwareComparison:
    """Several runs side by side.

    Attributes:
        contenders: The runs.
        reference: Index of the one that the others are held against.
        names: The knobs that the configurations differ in.
        rows: Every configuration of any run, in the order of the plans.
        families: Every set of configurations that differ in the batch alone.
        over_all: The mean over all configurations.
        at_one: The mean at batch 1.
        at_saturation: The mean at each device's own saturating batch, over the families of which
            every device measured more than one batch.
    """

    contenders: tuple[Contender, ...]
    reference: int
    names: tuple[str, ...]
    rows: tuple[Row, ...]
    families: tuple[Family, ...]
    over_all: Mean
    at_one: Mean
    at_saturation: Mean

    @property
    def decisive(self) -> Mean:
        """The mean that ranks devices: at the saturating batch, or over all where there is none."""
        return self.at_saturation if self.at_saturation.count else self.over_all


def compare_hardware(runs: Sequence[Run], reference: int = 0) -> HardwareComparison:
    """Several runs side by side.

    Args:
        runs: Two runs or more.
        reference: Index of the one that the others are held against.

    Raises:
        NothingInCommon: No configuration is in all of them.
        SdbenchError: A run was given twice.
    """
    all_contenders = contenders(runs)
    return compare_contenders(all_contenders, reference)


def compare_contenders(
    all_contenders: Sequence[Contender], reference: int = 0
) -> HardwareComparison:
    """As `compare_hardware`, of runs that have their names."""
    rows = _rows(all_contenders, reference)
    if not any(all(m is not None for m in row.sides.measured) for row in rows):
        listed = "; ".join(
            f"{one.name} has {len(one.measured)} of suite {one.run.info.suite.get('name', '')}"
            for one in all_contenders
        )
        raise NothingInCommon(
            f"the runs have no configuration in common ({listed}); measure one suite on each device"
        )
    families = _families(rows, len(all_contenders), reference)
    number = len(all_contenders)
    return HardwareComparison(
        contenders=tuple(all_contenders),
        reference=reference,
        names=varying_knobs([row.knobs for row in rows if row.knobs]),
        rows=rows,
        families=families,
        over_all=Mean.of([row.sides for row in rows], number),
        at_one=Mean.of([family.at_one for family in families], number),
        at_saturation=Mean.of([f.at_saturation for f in families if f.has_batches], number),
    )


def _rows(all_contenders: Sequence[Contender], reference: int) -> tuple[Row, ...]:
    keys = dict.fromkeys(key for one in all_contenders for key in one.measured)
    return tuple(
        _row(key, [one.measured.get(key) for one in all_contenders], reference) for key in keys
    )


def _row(key: str, measured: Sequence[Measurement | None], reference: int) -> Row:
    knobs = next((m.knobs for m in measured if m and m.knobs), {})
    return Row(key, knobs, Sides.of(measured, reference))


def _families(rows: Sequence[Row], devices: int, reference: int) -> tuple[Family, ...]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        if row.knobs:
            groups.setdefault(canonical_json(_shared(row.knobs)), []).append(row)
    return tuple(_family(group, devices, reference) for group in groups.values())


def _family(group: Sequence[Row], devices: int, reference: int) -> Family:
    columns = [
        [m for row in group if (m := row.sides.measured[index]) is not None and not m.is_derived]
        for index in range(devices)
    ]
    ones = [next((m for m in column if m.batch_size == 1), None) for column in columns]
    saturations = tuple(map(saturation, columns))
    return Family(
        _shared(group[0].knobs),
        Sides.of(ones, reference),
        saturations,
        Sides.of([one.at if one else None for one in saturations], reference),
        tuple(map(fixed_share, columns)),
    )


def _shared(knobs: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    return {name: value for name, value in knobs.items() if name != "batch_size"}
