"""People outside who pay us of their own accord, on a schedule drawn from the seed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from sim.dice import Stream
from sim.world import World


@dataclass(slots=True, eq=False)
class Outsiders:
    """Each pays to one of the `addresses`, every `mean_ns` on average, until `until`."""

    world: World
    dice: Stream
    addresses: Sequence[str]
    pay: Callable[[str, Decimal], object]
    mean_ns: int
    until: int
    amount_max: int
    decimals: int = 2
    paid: int = 0

    def start(self) -> None:
        """From now on."""
        if self.addresses:
            self._again()

    def _again(self) -> None:
        wait = max(1, self.dice.exponential(self.mean_ns))
        if self.world.now + wait < self.until:
            self.world.call_in(wait, self._pay)

    def _pay(self) -> None:
        address = self.dice.pick(self.addresses)
        amount = Decimal(self.dice.between(1, self.amount_max)).scaleb(-self.decimals)
        self.paid += 1
        self.pay(address, amount)
        self._again()
