import pytest
from hardware_runs import run_on, sweep

from sdbench.analysis.contenders import UnknownDevice, contenders
from sdbench.analysis.prices import BadPrices, Rate, rates
from sdbench.statistics import Estimate
from sdbench.suite.price import Price


@pytest.fixture
def among(tmp_path):
    return contenders([run_on(tmp_path, name, sweep(1.0)) for name in ("NVIDIA L4", "Tesla T4")])


def test_prices_are_matched_to_devices_and_others_have_none(among):
    assert rates([Price("t4", 0.35, "EUR")], among) == (None, Rate(0.35, "EUR"))
    assert rates([], among) == (None, None)


def test_prices_that_cannot_be_held_against_each_other_are_refused(among):
    with pytest.raises(UnknownDevice, match="H100"):
        rates([Price("H100", 3.0)], among)
    with pytest.raises(BadPrices, match="two prices were given for NVIDIA L4"):
        rates([Price("L4", 1.0), Price("nvidia l4", 2.0)], among)
    with pytest.raises(BadPrices, match="L4 in EUR, T4 in no currency"):
        rates([Price("L4", 1.0, "EUR"), Price("T4", 2.0)], among)


def test_images_for_a_unit_and_the_cost_of_a_thousand_keep_the_interval():
    # 2,000 images an hour at 0.5 an hour: 4,000 for one, a thousand for 0.25.
    speed = Estimate(2000.0, 1600.0, 2500.0, 0.97, 6)
    worth, cost = Rate(0.5, "EUR").images_per_unit(speed), Rate(0.5, "EUR").cost(speed)
    assert (worth.point, worth.low, worth.high) == (4000.0, 3200.0, 5000.0)
    assert (cost.point, cost.low, cost.high) == pytest.approx((0.25, 0.2, 0.3125))
