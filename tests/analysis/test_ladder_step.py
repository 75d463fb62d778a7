from __future__ import annotations

import factories
import pytest

from sdbench.analysis.ladder_step import Verdict, verdict_of
from sdbench.results.record import Status
from sdbench.units import MIB


@pytest.mark.parametrize(
    ("status", "allocated_mib", "expected"),
    [
        (Status.OK, 100, Verdict.FITS),
        (Status.UNSTABLE, 100, Verdict.FITS),
        (Status.OK, 201, Verdict.OUT_OF_MEMORY),
        (Status.OOM, None, Verdict.OUT_OF_MEMORY),
        (Status.UNSUPPORTED, None, Verdict.UNSUPPORTED),
        (Status.ERROR, None, Verdict.FAILED),
        (Status.TIMEOUT, None, Verdict.FAILED),
    ],
)
def test_verdicts(status: Status, allocated_mib: float | None, expected: Verdict) -> None:
    record = factories.record(status=status, allocated_mib=allocated_mib)
    assert verdict_of(record, 200 * MIB) is expected
