from __future__ import annotations

import math

import pytest

from sdbench.errors import IllegalValue
from sdbench.units import (
    GIB,
    KIB,
    MIB,
    format_bytes,
    format_number,
    format_seconds,
    parse_bytes,
    parse_ratio,
    parse_seconds,
)


@pytest.mark.parametrize(
    ("raw", "size_bytes"),
    [
        ("1B", 1),
        ("500MiB", 500 * 2**20),
        ("8GiB", 8 * 2**30),
        ("8 GiB", 8 * 2**30),
        (" 8GiB ", 8 * 2**30),
        ("16GB", 16_000_000_000),
        ("1.5KiB", 1536),
        (".5KiB", 512),
        ("2TiB", 2 * 2**40),
    ],
)
def test_a_size_is_read_with_its_unit(raw: str, size_bytes: int) -> None:
    assert parse_bytes(raw) == size_bytes


def test_a_size_is_exact() -> None:
    """As floats, 1.001 * 1000 is 1000.9999999999999, which became 1000 bytes."""
    assert parse_bytes("1.001KB") == 1001


@pytest.mark.parametrize(
    "raw",
    ["8", "8 gib", "8Gib", "GiB", "-1GiB", "0GiB", "0.1B", "8.GiB", "1e3B", "8GiB/s", "", 8, None],
)
def test_a_size_without_a_known_unit_or_below_one_byte_is_illegal(raw: object) -> None:
    with pytest.raises(IllegalValue, match="a size with its unit, such as 8GiB"):
        parse_bytes(raw)


@pytest.mark.parametrize("digits", [20, 400, 5000])
def test_a_size_that_no_program_can_hold_is_illegal(digits: int) -> None:
    """More than 308 digits ended in an OverflowError, more than 4300 in Python's own limit."""
    with pytest.raises(IllegalValue):
        parse_bytes("9" * digits + "GiB")


@pytest.mark.parametrize(
    ("raw", "duration_s"),
    [
        ("5us", 5e-6),
        ("250ms", 0.25),
        ("60s", 60.0),
        ("1.5 s", 1.5),
        ("10min", 600.0),
        ("1h", 3600.0),
    ],
)
def test_a_time_is_read_with_its_unit(raw: str, duration_s: float) -> None:
    assert parse_seconds(raw) == duration_s


@pytest.mark.parametrize("raw", ["60", "60 S", "0s", "-1s", "1d", "1m", 60, True, None])
def test_a_time_without_a_known_unit_or_not_above_zero_is_illegal(raw: object) -> None:
    with pytest.raises(IllegalValue, match="a time with its unit"):
        parse_seconds(raw)


@pytest.mark.parametrize(
    ("raw", "ratio"), [("1%", 0.01), ("0.5 %", 0.005), ("100%", 1.0), (0.25, 0.25), (1, 1.0)]
)
def test_a_ratio_is_a_percentage_or_a_fraction(raw: object, ratio: float) -> None:
    assert parse_ratio(raw) == ratio


@pytest.mark.parametrize("percent", range(1, 101))
def test_every_whole_percentage_equals_its_fraction(percent: int) -> None:
    """As floats, 57 * 0.01 is 0.5700000000000001."""
    assert parse_ratio(f"{percent}%") == percent / 100


@pytest.mark.parametrize("raw", ["1", "0%", "101%", "-1%", 0, 1.01, -0.1, math.nan, True, None])
def test_a_ratio_outside_of_0_to_1_is_illegal(raw: object) -> None:
    with pytest.raises(IllegalValue, match="a percentage above 0%"):
        parse_ratio(raw)


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (None, "–"),
        (0, "0 B"),
        (1, "1 B"),
        (1023, "1023 B"),
        (1536, "1.50 KiB"),
        (10 * KIB, "10.0 KiB"),
        (MIB, "1.00 MiB"),
        (12_345_678, "11.8 MiB"),
        (512 * MIB, "512 MiB"),
        (1023 * MIB, "1023 MiB"),
        (GIB, "1.00 GiB"),
        (24 * GIB, "24.0 GiB"),
        (1234 * GIB, "1234 GiB"),
        (-3 * MIB, "-3.00 MiB"),
    ],
)
def test_a_size_is_printed_in_the_unit_that_suits_it(size_bytes: int | None, text: str) -> None:
    assert format_bytes(size_bytes) == text


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (MIB - 1, "1.00 MiB"),  # not 1024 KiB
        (GIB - 1, "1.00 GiB"),  # not 1024 MiB
        (int(9.996 * GIB), "10.0 GiB"),  # not 10.00 GiB
        (int(99.96 * GIB), "100 GiB"),  # not 100.0 GiB
    ],
)
def test_a_size_that_rounds_up_is_printed_as_what_it_rounds_to(size_bytes: int, text: str) -> None:
    assert format_bytes(size_bytes) == text


@pytest.mark.parametrize(
    ("duration_s", "text"),
    [
        (None, "–"),
        (0.0, "0 ms"),
        (0.000_05, "0.0500 ms"),
        (0.001_234, "1.23 ms"),
        (0.012_34, "12.3 ms"),
        (0.1234, "123 ms"),
        (1.0, "1.00 s"),
        (12.34, "12.3 s"),
        (123.4, "123 s"),
        (3725.0, "3720 s"),
        (-0.25, "-250 ms"),
    ],
)
def test_a_time_has_three_significant_digits(duration_s: float | None, text: str) -> None:
    assert format_seconds(duration_s) == text


@pytest.mark.parametrize(
    ("duration_s", "text"),
    [
        (9.996, "10.0 s"),  # not 10.00 s
        (99.96, "100 s"),  # not 100.0 s
        (0.009_996, "10.0 ms"),  # not 10.00 ms
        (0.9996, "1.00 s"),  # not 1000 ms
        (0.9994, "999 ms"),
    ],
)
def test_a_time_that_rounds_up_is_printed_as_what_it_rounds_to(
    duration_s: float, text: str
) -> None:
    assert format_seconds(duration_s) == text


@pytest.mark.parametrize(
    ("duration_s", "half_width_s", "text"),
    [
        (1.234_56, 0.012, "1.23 s"),  # the interval begins at the hundredths
        (1.234_56, 0.12, "1.2 s"),
        (1.234_56, 0.000_01, "1.23 s"),  # never more than three digits
        (0.123_456, 0.004, "123 ms"),
        (0.012_345_6, 0.004, "12 ms"),
        (123.4, 20.0, "120 s"),
        (1.234_56, 0.099_96, "1.2 s"),  # it rounds to 0.100
        (1.234_56, 0.0, "1.23 s"),
    ],
)
def test_a_time_is_no_finer_than_its_interval(
    duration_s: float, half_width_s: float, text: str
) -> None:
    assert format_seconds(duration_s, half_width_s) == text


@pytest.mark.parametrize(
    ("duration_s", "half_width_s", "text"),
    [(4.2, 20.0, "4 s"), (0.042, 1.0, "40 ms"), (1.5, math.inf, "2 s")],
)
def test_a_time_keeps_a_digit_however_wide_its_interval(
    duration_s: float, half_width_s: float, text: str
) -> None:
    """An interval wider than the value made it 0 s, and an infinite one an OverflowError."""
    assert format_seconds(duration_s, half_width_s) == text


@pytest.mark.parametrize(
    ("value", "half_width", "expected"),
    [
        (34_217.0, None, "34,200"),
        (34_217.0, 1_200.0, "34,000"),
        (1_234_567.0, 1.0, "1,230,000"),
        (0.08774, 0.004, "0.088"),
        (5.152, 0.02, "5.15"),
        (999.6, None, "1,000"),
        (0.0, None, "0"),
    ],
)
def test_a_number_is_no_finer_than_its_interval_and_its_thousands_are_apart(
    value: float, half_width: float | None, expected: str
) -> None:
    assert format_number(value, half_width) == expected
