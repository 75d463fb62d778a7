"""Gives each record its fidelity: references first, then each configuration against them.

The controller compares, between configurations; the workers only draw.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from sdbench.jsontypes import JsonValue, canonical_json
from sdbench.knobs.base import PICTURE_EFFECTS, Effect
from sdbench.knobs.pipeline import has_random_weights
from sdbench.knobs.registry import KNOBS
from sdbench.measure.drawing import Drawing
from sdbench.measure.fidelity import (
    Converged,
    UnfitReference,
    converged,
    judge,
    remarks,
    unfitness,
)
from sdbench.results.fidelity import Fidelity
from sdbench.results.record import Record, Status
from sdbench.run.controller import Progress
from sdbench.run.drawings import Drawings, subjects
from sdbench.run.messages import Drawn
from sdbench.suite.configuration import Configuration
from sdbench.suite.model import FidelityProtocol, Inputs

_CANNOT_COMPARE = (OSError, ValueError)
"""Pictures too small or of different sizes, and a file that is damaged or cannot be written: they
cost a fidelity, not the sweep."""

_RANDOM_WEIGHTS = "the weights are random: their pictures are noise, near to nothing"
_OFF = "the suite says `fidelity: off`"


class Judge:
    """Judges configurations that draw pictures worth judging.

    Args:
        protocol: How fidelity is measured; None where it is not.
        inputs: What the suite draws.
        drawings: Where drawings come from.
        progress: Told about the references.
        draws_anew: Whether all that is judged is drawn anew, also what is kept from other runs:
            where the build is judged, which may differ under the same versions.
    """

    def __init__(
        self,
        protocol: FidelityProtocol | None,
        inputs: Inputs,
        drawings: Drawings,
        progress: Progress,
        *,
        draws_anew: bool = False,
    ) -> None:
        self._protocol = protocol
        self._inputs = inputs
        self._drawings = drawings
        self._progress = progress
        self._draws_anew = draws_anew
        self._references: dict[str, Converged | str] = {}
        self._twins: dict[str, Path | str] = {}
        self._judged: dict[str, tuple[Fidelity, tuple[str, ...]]] = {}

    def remember(self, records: Iterable[Record]) -> None:
        """Takes what a run that goes on has judged already."""
        for record in records:
            if record.fidelity.measured_with is not None:
                self._judged[_picture_key(Configuration(record.knobs))] = (record.fidelity, ())

    def draws_for(self, configuration: Configuration) -> bool:
        """Whether something has to be drawn before a configuration is judged."""
        is_judged = _picture_key(configuration) in self._judged
        return not is_judged and self._absence(configuration) is None

    def prepare(self, configurations: Sequence[Configuration]) -> None:
        """Draws every reference, and in fp32 what the configurations will be held against.

        What was drawn for others before is not drawn again.
        """
        if self._protocol is None:
            return
        unjudged = [
            configuration
            for configuration in configurations
            if self._absence(configuration) is None
            and _picture_key(configuration) not in self._judged
        ]
        contents = {configuration.content_key: configuration for configuration in unjudged}
        for key, configuration in contents.items():
            if key in self._references:
                continue
            try:
                self._references[key] = self._reference(configuration, self._protocol)
            except _CANNOT_COMPARE as error:
                self._references[key] = f"no reference: {error}"
        for configuration in unjudged:
            if not _is_plain(configuration):
                self._twin(configuration, self._protocol)

    def complete(self, configuration: Configuration, record: Record) -> Record:
        """The record with its fidelity, and remarks on it."""
        if (absence := self._absence(configuration)) is not None:
            return replace(record, fidelity=Fidelity.absent(absence))
        if record.status not in (Status.OK, Status.UNSTABLE) and not record.is_derived:
            return record
        key = _picture_key(configuration)
        if key not in self._judged:
            assert self._protocol is not None
            try:
                self._judged[key] = self._judge(configuration, self._protocol)
            except _CANNOT_COMPARE as error:
                self._judged[key] = Fidelity.absent(f"cannot be compared: {error}"), ()
        fidelity, notes = self._judged[key]
        return replace(record, fidelity=fidelity, notes=(*record.notes, *notes))

    def _absence(self, configuration: Configuration) -> str | None:
        """Why a configuration has no fidelity, as can be told without drawing; None if it may."""
        if self._protocol is None:
            return _OFF
        return _RANDOM_WEIGHTS if has_random_weights(configuration.knobs["pipeline"]) else None

    def _reference(
        self, configuration: Configuration, protocol: FidelityProtocol
    ) -> Converged | str:
        """The reference for a configuration's content, or why there is none."""
        wanted = subjects(protocol, self._inputs, configuration)
        steps = protocol.reference_steps
        self._progress.note(
            f"reference: {len(wanted)} pictures of {steps} and of {2 * steps} steps in fp32, "
            "drawn once and kept"
        )
        content = configuration.effect_part(Effect.CONTENT)
        content |= {"scheduler": protocol.reference_scheduler, **_threads(configuration)}
        found = []
        for count in (steps, 2 * steps):
            drawn = self._drawings.plain(
                Configuration.of({**content, "steps": count}),
                wanted,
                is_reference=protocol.reference_scheduler is None,
            )
            if drawn.path is None:
                return f"no reference: {_reason(drawn)}"
            path = Path(drawn.path)
            found.append(Drawing.load(path))
            if problem := unfitness(found[-1]):
                self._progress.note(problem)
                return problem
        half, whole = found
        sampler = KNOBS["scheduler"].text(drawn.scheduler)
        try:
            fit = converged(half, whole, wanted, path.stem, sampler, 2 * steps)
        except UnfitReference as unfit:
            self._progress.note(str(unfit))
            return str(unfit)
        told = fit.reference
        self._progress.note(
            f"reference: agrees by {told.ceiling_psnr_db:.1f} dB with the same at half the steps; "
            f"unrelated pictures agree by {told.floor_psnr_db:.1f} dB"
        )
        names = self._drawings.save_pictures(whole, f"reference-{told.key}", range(len(wanted)))
        return replace(fit, reference=replace(told, pictures=tuple(names.values())))

    def _twin(self, configuration: Configuration, protocol: FidelityProtocol) -> Path | str:
        """What the same sampler draws in fp32 with every saving off, or why it is not there."""
        values = configuration.effect_part(Effect.CONTENT, Effect.SAMPLER)
        plain = Configuration.of({**values, **_threads(configuration)})
        if plain.key not in self._twins:
            drawn = self._drawings.plain(plain, subjects(protocol, self._inputs, configuration))
            self._twins[plain.key] = Path(drawn.path) if drawn.path else _reason(drawn)
        return self._twins[plain.key]

    def _judge(
        self, configuration: Configuration, protocol: FidelityProtocol
    ) -> tuple[Fidelity, tuple[str, ...]]:
        wanted = subjects(protocol, self._inputs, configuration)
        is_plain = _is_plain(configuration)
        single = Configuration({**configuration.knobs, "batch_size": KNOBS["batch_size"].neutral})
        is_shared = is_plain and not self._draws_anew
        drawn = self._drawings.drawn(single, wanted, is_shared=is_shared)
        if drawn.path is None:
            return Fidelity.absent(f"no picture to compare: {_reason(drawn)}"), ()
        path = Path(drawn.path)
        drawing = Drawing.load(path)
        twin = path if is_plain else self._twin(configuration, protocol)
        fidelity = judge(
            drawing,
            wanted,
            self._references[configuration.content_key],
            twin if isinstance(twin, str) else Drawing.load(twin),
        )
        kept = sorted({0, fidelity.worst_picture or 0})
        pictures = self._drawings.save_pictures(drawing, f"{configuration.key}-compared", kept)
        if not is_shared:
            path.unlink()
        return (
            replace(fidelity, pictures=pictures, measured_with=configuration.key),
            remarks(drawing, fidelity),
        )


def _threads(configuration: Configuration) -> dict[str, JsonValue]:
    """The threads to draw with: the configuration's, since more than a machine has free are slow.

    On two cores that others used too, a picture took ten times as long with two as with one.
    """
    return {"threads": configuration.knobs["threads"]}


def _reason(drawn: Drawn) -> str:
    return drawn.reason or drawn.status.value


def _picture_key(configuration: Configuration) -> str:
    """Equal for configurations that draw the same picture, to the bit or nearly."""
    return canonical_json(configuration.effect_part(*PICTURE_EFFECTS))


def _is_plain(configuration: Configuration) -> bool:
    """Whether it computes in fp32 with every saving off."""
    numerics = configuration.effect_part(Effect.NUMERICS)
    return all(value == KNOBS[name].neutral for name, value in numerics.items())
