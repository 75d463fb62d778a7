from __future__ import annotations

import pytest

from sdbench.predict.target import Target
from sdbench.predict.verdict import verdict
from sdbench.results.prediction import Fit
from sdbench.units import GIB, KIB, MIB


def gpu(limit_bytes: int | None = 8 * GIB) -> Target:
    return Target(
        name="a GPU", compute_capability=(8, 0), limit_bytes=limit_bytes, context_bytes=512 * MIB
    )


def cpu(limit_bytes: int | None = 8 * GIB) -> Target:
    return Target(name="CPU", compute_capability=None, limit_bytes=limit_bytes, context_bytes=0)


@pytest.mark.parametrize(
    ("peak_gib", "expected"),
    [
        # 7.5 GiB are beside the context, of which 5 % of the peak may be lost to fragmentation.
        (7.14, Fit.FITS),
        (7.15, Fit.MAY_FIT),
        (7.5, Fit.MAY_FIT),
        (7.51, Fit.DOES_NOT_FIT),
    ],
)
def test_a_gpu_has_a_band_in_which_it_may_fit(peak_gib: float, expected: Fit) -> None:
    assert verdict(int(peak_gib * GIB), gpu()).fit is expected


@pytest.mark.parametrize(
    ("size_bytes", "expected"), [(8 * GIB, Fit.FITS), (8 * GIB + 1, Fit.DOES_NOT_FIT)]
)
def test_the_cpu_is_exact(size_bytes: int, expected: Fit) -> None:
    assert verdict(size_bytes, cpu()).fit is expected


def test_fragmentation_seen_in_replay_takes_the_certainty_away() -> None:
    """SD 1.5 in fp32, batch 8, plain attention: 20.9 GiB in use, and an RTX 3090 ran out."""
    found = verdict(5 * GIB, gpu(), least_capacity_bytes=int(7.6 * GIB))
    assert found.fit is Fit.MAY_FIT
    assert found.reason == (
        "peak 5.00 GiB fits into the 7.50 GiB that a CUDA context of 512 MiB leaves of 8.00 GiB of "
        "a GPU, but fragmentation makes it 7.60 GiB"
    )
    assert verdict(5 * GIB, gpu(), least_capacity_bytes=7 * GIB).fit is Fit.FITS


@pytest.mark.parametrize("target", [gpu(None), cpu(None)])
def test_without_a_limit_there_is_no_verdict(target: Target) -> None:
    found = verdict(GIB, target)
    assert found.fit is None
    assert found.reason == f"peak 1.00 GiB; no memory limit is known for {target.name}"


FREE = "the 7.50 GiB that a CUDA context of 512 MiB leaves of 8.00 GiB of a GPU"


@pytest.mark.parametrize(
    ("peak_bytes", "target", "reason"),
    [
        (9 * GIB, gpu(), f"peak 9.00 GiB is 1.50 GiB more than {FREE}"),
        (9 * GIB, cpu(), "peak 9.00 GiB is 1.00 GiB more than the 8.00 GiB of CPU"),
        (GIB, cpu(), "peak 1.00 GiB fits into the 8.00 GiB of CPU"),
        (GIB, gpu(), f"peak 1.00 GiB and 5 % for fragmentation fit into {FREE}"),
        (
            int(7.4 * GIB),
            gpu(),
            f"peak 7.40 GiB fits into {FREE}, but with less than 5 % to spare for fragmentation",
        ),
    ],
)
def test_the_reason_names_peak_limit_and_context(
    peak_bytes: int, target: Target, reason: str
) -> None:
    assert verdict(peak_bytes, target).reason == reason


def test_a_limit_may_be_below_a_context() -> None:
    """It was said that of 100 MiB a CUDA context takes 512."""
    assert verdict(GIB, gpu(100 * MIB)).fit is Fit.DOES_NOT_FIT
    assert verdict(GIB, gpu(100 * MIB)).reason == (
        "peak 1.00 GiB; a CUDA context alone takes 512 MiB, and there are 100 MiB of a GPU"
    )


def test_a_peak_that_looks_like_the_limit_is_told_from_it() -> None:
    assert verdict(8 * GIB + KIB, cpu()).reason == (
        "peak 8.00 GiB is 1.00 KiB more than the 8.00 GiB of CPU"
    )
