"""What the builds draw: a change of the picture is a regression, too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from sdbench.analysis.wording import score_text
from sdbench.compare.comparison import Finding, Unit
from sdbench.compare.evidence import ByRound, Evidence
from sdbench.compare.verdict import Verdict
from sdbench.results.fidelity import Fidelity
from sdbench.suite.gates import FIDELITY_MARGIN, LEAST_PICTURE_PSNR_DB

if TYPE_CHECKING:
    from sdbench.measure.agreement import Picture

FIDELITY, PICTURE = "fidelity", "picture"


def picture_findings(evidence: Evidence) -> Iterator[Finding]:
    """What is found of the fidelity and of the picture itself, where either side has them."""
    before, after = _fidelity(evidence.baseline), _fidelity(evidence.candidate)
    if before is not None or after is not None:
        yield _fidelity_finding(evidence, before, after)
    files = _picture(evidence.baseline), _picture(evidence.candidate)
    if any(files):
        yield _picture_finding(evidence, *files)


def _fidelity(records: ByRound) -> Fidelity | None:
    """The fidelity that a side has, with a score or at least with pictures."""
    known = [record.fidelity for record in records.values()]
    judged = [one for one in known if one.score is not None or one.is_degenerate is not None]
    return next(iter(judged), None)


def _picture(records: ByRound) -> str | None:
    return next((record.images[0] for record in records.values() if record.images), None)


def _fidelity_finding(
    evidence: Evidence, before: Fidelity | None, after: Fidelity | None
) -> Finding:
    margin = evidence.gates.fidelity
    verdict, reason = _fidelity_verdict(
        before, after, FIDELITY_MARGIN if margin is None else margin
    )
    return Finding(
        metric=FIDELITY,
        unit=Unit.SCORE,
        verdict=verdict,
        reason=reason,
        is_gated=evidence.gates_it(margin, verdict),
        baseline=before.score if before else None,
        candidate=after.score if after else None,
        margin=margin,
    )


def _fidelity_verdict(
    before: Fidelity | None, after: Fidelity | None, margin: float
) -> tuple[Verdict, str]:
    if before is None or after is None:
        return Verdict.MISSING, f"the {'candidate' if before else 'baseline'} drew nothing to judge"
    if after.is_degenerate and not before.is_degenerate:
        return Verdict.WORSE, "a picture of the candidate is of one colour or not finite"
    if before.score is None or after.score is None:
        lacking, label = (after, "candidate") if before.score is not None else (before, "baseline")
        if before.score is None and after.score is None:
            return Verdict.SAME, f"no score on either side: {before.reason}"
        return Verdict.MISSING, f"the {label} has no score: {lacking.reason}"
    changes = [after.score - before.score]
    if before.worst_score is not None and after.worst_score is not None:
        changes.append(after.worst_score - before.worst_score)
    told = f"{_scores(before)} -> {_scores(after)}"
    if min(changes) < -margin:
        return Verdict.WORSE, f"{told}: it fell by {-min(changes):.3f}, beyond {margin:g}"
    if min(changes) > margin:
        return Verdict.BETTER, f"{told}: it rose by {min(changes):.3f}, beyond {margin:g}"
    return Verdict.SAME, f"{told}: within {margin:g}"


def _scores(fidelity: Fidelity) -> str:
    worst = fidelity.worst_score
    return score_text(fidelity.score) + ("" if worst is None else f" (worst {score_text(worst)})")


def _picture_finding(evidence: Evidence, before: str | None, after: str | None) -> Finding:
    least = evidence.gates.picture_psnr_db
    bound = LEAST_PICTURE_PSNR_DB if least is None else least
    psnr_db: float | None = None
    if before is None or after is None:
        verdict = Verdict.MISSING
        reason = f"the {'candidate' if before else 'baseline'} has no picture"
    else:
        files = evidence.baseline_folder / before, evidence.candidate_folder / after
        verdict, reason, psnr_db = _picture_verdict(*files, bound)
    return Finding(
        metric=PICTURE,
        unit=Unit.DECIBEL,
        verdict=verdict,
        reason=reason,
        is_gated=evidence.gates_it(least, verdict),
        candidate=psnr_db,
        margin=least,
    )


def _picture_verdict(before: Path, after: Path, bound: float) -> tuple[Verdict, str, float | None]:
    from sdbench.measure.agreement import ROUNDING_PSNR_DB, psnr_db

    pictures = []
    for path, label in ((before, "baseline"), (after, "candidate")):
        picture = _read(path)
        if picture is None:
            return Verdict.MISSING, f"the {label}'s picture {path.name} cannot be read", None
        pictures.append(picture)
    if pictures[0].shape != pictures[1].shape:
        sizes = " -> ".join("x".join(map(str, one.shape[1::-1])) for one in pictures)
        return Verdict.WORSE, f"the pictures differ in size: {sizes}", None
    found = psnr_db(pictures[1], pictures[0])
    if found < bound:
        told = f"the pictures of one seed agree by {found:.1f} dB, less than {bound:g} dB"
        return Verdict.WORSE, told, found
    if found >= ROUNDING_PSNR_DB:
        return Verdict.SAME, "the pictures of one seed are equal", found
    return Verdict.SAME, f"the pictures of one seed agree by {found:.1f} dB", found


def _read(path: Path) -> Picture | None:
    import numpy as np
    from PIL import Image

    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except OSError:
        return None
