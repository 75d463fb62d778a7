from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import factories
import numpy as np
import pytest
from PIL import Image

from sdbench.compare.comparison import Finding
from sdbench.compare.evidence import Evidence
from sdbench.compare.pictures import picture_findings
from sdbench.compare.verdict import Verdict
from sdbench.results.fidelity import Fidelity
from sdbench.suite.gates import Gates

NOISE = np.random.default_rng(4)


def findings(
    tmp_path: Path,
    fidelities: Sequence[Fidelity | None] = (None, None),
    pictures: Sequence[np.ndarray[Any, Any] | None] = (None, None),
    gates: Gates | None = None,
) -> dict[str, Finding]:
    sides, folders = [], []
    for index, (fidelity, picture) in enumerate(zip(fidelities, pictures, strict=True)):
        folder = tmp_path / str(index)
        folder.mkdir()
        images = () if picture is None else ("a.png",)
        if picture is not None:
            Image.fromarray(picture).save(folder / "a.png")
        sides.append({0: factories.record(fidelity=fidelity, fields={"images": images})})
        folders.append(folder)
    evidence = Evidence(
        key="k",
        knobs={},
        gates=gates or Gates(),
        baseline=sides[0],
        candidate=sides[1],
        baseline_folder=folders[0],
        candidate_folder=folders[1],
    )
    return {one.metric: one for one in picture_findings(evidence)}


def picture(noise_levels: float = 0.0, size: int = 32) -> np.ndarray[Any, Any]:
    grey = np.full((size, size, 3), 128.0) + NOISE.normal(0, noise_levels or 1e-9, (size, size, 3))
    return grey.round().clip(0, 255).astype(np.uint8)


def test_without_pictures_and_fidelities_there_is_nothing_to_find(tmp_path: Path) -> None:
    assert findings(tmp_path) == {}


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        (factories.fidelity(0.9), factories.fidelity(0.89), Verdict.SAME),
        (factories.fidelity(0.9), factories.fidelity(0.87), Verdict.WORSE),
        (factories.fidelity(0.9), factories.fidelity(0.9, worst=0.85), Verdict.WORSE),
        (factories.fidelity(0.8), factories.fidelity(0.9), Verdict.BETTER),
        (factories.fidelity(0.9), factories.fidelity(0.9, is_degenerate=True), Verdict.WORSE),
        (factories.fidelity(0.9), factories.unscored("no end"), Verdict.MISSING),
        (factories.fidelity(0.9), None, Verdict.MISSING),
        (factories.unscored("sde"), factories.unscored("sde"), Verdict.SAME),
    ],
)
def test_fidelities(
    tmp_path: Path, before: Fidelity, after: Fidelity | None, verdict: Verdict
) -> None:
    found = findings(tmp_path, fidelities=(before, after))["fidelity"]
    assert found.verdict is verdict
    assert found.is_gated


def test_equal_pictures_are_the_same(tmp_path: Path) -> None:
    found = findings(tmp_path, pictures=(picture(), picture()))["picture"]
    assert (found.verdict, found.reason) == (
        Verdict.SAME,
        "the pictures of one seed are equal",
    )


def test_a_little_rounding_passes_and_another_picture_does_not(tmp_path: Path) -> None:
    for name in ("near", "far"):
        (tmp_path / name).mkdir()
    near = findings(tmp_path / "near", pictures=(picture(), picture(2)))["picture"]
    far = findings(tmp_path / "far", pictures=(picture(), picture(30)))["picture"]
    assert near.verdict is Verdict.SAME
    assert isinstance(near.candidate, float)
    assert 38 < near.candidate < 46
    assert far.verdict is Verdict.WORSE
    assert "less than 30 dB" in far.reason


def test_pictures_of_two_sizes_are_worse(tmp_path: Path) -> None:
    found = findings(tmp_path, pictures=(picture(), picture(size=16)))["picture"]
    assert (found.verdict, found.reason) == (
        Verdict.WORSE,
        "the pictures differ in size: 32x32 -> 16x16",
    )


def test_a_picture_that_one_side_lacks_or_lost_is_missing(tmp_path: Path) -> None:
    for name in ("lacks", "lost"):
        (tmp_path / name).mkdir()
    lacks = findings(tmp_path / "lacks", pictures=(picture(), None))["picture"]
    assert (lacks.verdict, lacks.is_gated) == (Verdict.MISSING, True)
    record = factories.record(fields={"images": ("lost.png",)})
    lost = Evidence(
        key="k",
        knobs={},
        gates=Gates(),
        baseline={0: record},
        candidate={0: record},
        baseline_folder=tmp_path / "lost",
        candidate_folder=tmp_path / "lost",
    )
    (found,) = picture_findings(lost)
    assert found.verdict is Verdict.MISSING
    assert "lost.png cannot be read" in found.reason


def test_pictures_that_are_not_gated_are_shown(tmp_path: Path) -> None:
    gates = Gates(picture_psnr_db=None)
    found = findings(tmp_path, pictures=(picture(), picture(30)), gates=gates)["picture"]
    assert (found.verdict, found.is_gated) == (Verdict.WORSE, False)


def test_a_worst_score_of_zero_is_told(tmp_path: Path) -> None:
    fidelities = factories.fidelity(0.5, worst=0.3), factories.fidelity(0.5, worst=0.0)
    found = findings(tmp_path, fidelities=fidelities)["fidelity"]
    assert found.verdict is Verdict.WORSE
    assert found.reason.count("worst") == 2
