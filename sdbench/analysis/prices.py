"""What images cost on each device of a comparison, by the prices that the user gave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sdbench.analysis.contenders import Contender, find
from sdbench.analysis.ratios import inverse
from sdbench.errors import SdbenchError
from sdbench.statistics import Estimate
from sdbench.suite.price import Price

IMAGES_OF_A_COST = 1000
"""A cost is stated for so many images: that of one is too small to be read."""


class BadPrices(SdbenchError):
    """Prices that cannot be held against each other."""


@dataclass(frozen=True, slots=True)
class Rate:
    """The price of a device in a comparison.

    Attributes:
        per_h: The price of an hour.
        currency: Its currency, empty where none was given; the same for all of a comparison.
    """

    per_h: float
    currency: str

    @property
    def unit(self) -> str:
        """The currency as a unit in running text."""
        return self.currency or "unit of money"

    def images_per_unit(self, images_per_h: Estimate) -> Estimate:
        """Images for one unit of the currency."""
        return images_per_h.scaled(1 / self.per_h)

    def cost(self, images_per_h: Estimate) -> Estimate:
        """What `IMAGES_OF_A_COST` images cost, in the currency."""
        return inverse(images_per_h).scaled(IMAGES_OF_A_COST * self.per_h)


def rates(prices: Sequence[Price], among: Sequence[Contender]) -> tuple[Rate | None, ...]:
    """The rate of each contender, None where the user gave no price for it.

    Raises:
        UnknownDevice: A price's name stands for no contender, or for several.
        BadPrices: Two prices are of one contender, or not all of one currency.
    """
    found: list[Rate | None] = [None] * len(among)
    for price in prices:
        index = find(price.device, among)
        if found[index] is not None:
            raise BadPrices(f"two prices were given for {among[index].name}; leave one out")
        found[index] = Rate(price.per_h, price.currency)
    currencies = {price.currency: price for price in prices}
    if len(currencies) > 1:
        listed = ", ".join(
            f"{one.device} in {one.currency or 'no currency'}" for one in currencies.values()
        )
        raise BadPrices(f"the prices are not of one currency: {listed}; give all in the same one")
    return tuple(found)
