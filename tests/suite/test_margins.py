from __future__ import annotations

import pytest

from sdbench.errors import IllegalValue
from sdbench.suite.margins import parse_picture, parse_slack


@pytest.mark.parametrize("raw", [0, 0.0, "0", "0B", "0 MiB", "00KB"])
def test_no_growth_may_be_written_with_a_unit_or_without(raw: object) -> None:
    assert parse_slack(raw) == 0


@pytest.mark.parametrize("raw", [1, -1, True, False, None, "1", "-1B", "0.1B", "MiB", "", "0x"])
def test_what_is_no_size_is_refused(raw: object) -> None:
    with pytest.raises(IllegalValue, match="a size with its unit"):
        parse_slack(raw)


@pytest.mark.parametrize("raw", [30, 30.0, "30", "30dB", " 30.0 dB "])
def test_decibels_may_be_written_with_their_unit_or_without(raw: object) -> None:
    assert parse_picture(raw) == 30.0


@pytest.mark.parametrize(
    "raw", [0, -1, 59, "0dB", "30db", "3e1", "dB", "", None, True, float("nan")]
)
def test_what_is_no_psnr_is_refused(raw: object) -> None:
    with pytest.raises(IllegalValue, match="a number of decibels"):
        parse_picture(raw)
