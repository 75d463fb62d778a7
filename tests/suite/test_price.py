import pytest

from sdbench.errors import IllegalValue
from sdbench.suite.price import Price, parse_price


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("L4=0.70/h", Price("L4", 0.70)),
        ("NVIDIA L4 = $0.70 / h", Price("NVIDIA L4", 0.70, "$")),
        ("L4=0.70EUR/h", Price("L4", 0.70, "EUR")),
        ("L4=0.70 eur/h", Price("L4", 0.70, "EUR")),
        ("L4=€.7/h", Price("L4", 0.70, "€")),
        ("L4=US$2/h", Price("L4", 2.0, "US$")),
        ("L4=GBP 2/h", Price("L4", 2.0, "GBP")),
        ("L4=0.01/min", Price("L4", 0.6)),
        ("L4=0.001/s", Price("L4", 3.6)),
        ("L4=24/day", Price("L4", 1.0)),
        ("a=b=1/h", Price("a=b", 1.0)),
    ],
)
def test_a_price_is_that_of_an_hour(raw, expected):
    assert parse_price(raw) == expected


@pytest.mark.parametrize(
    "raw",
    [
        "L4",
        "L4=",
        "=0.70/h",
        "L4=0.70",
        "L4=0.70/fortnight",
        "L4=0/h",
        "L4=-1/h",
        "L4=0,70/h",
        "L4=1e3/h",
        "L4=nan/h",
        "L4=$0.70EUR/h",
        "L4=0.70euros/h",
        "L4=<b>1/h",
        None,
    ],
)
def test_what_is_no_price_is_refused_with_an_example(raw):
    with pytest.raises(IllegalValue, match=r"L4=0\.70/h"):
        parse_price(raw)
