"""Where a venue and a chain meet in simulation: deposits that a venue credits, withdrawals by hand.

Both ends are the world's: our books hear of each from its own keeper, the chain's line from the
chain and the venue's movement from the venue, and nothing here tells them that the two belong
together.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

from rails.evm.simulated import SimulatedNodes
from scenarios.rails import BridgeSpec, venue_address
from sim.dice import Stream
from sim.world import World
from venues.exchange import UNIT, Exchange

SECOND = 1_000_000_000
# A venue credits what is final, and pays out what it was asked to, some minutes later.
CREDIT_S = (5, 60)
PAYOUT_S = (60, 900)


@dataclass(slots=True, eq=False)
class Bridge:
    """One venue and one chain, and the coin of that chain between them."""

    spec: BridgeSpec
    exchange: Exchange
    nodes: SimulatedNodes
    world: World
    dice: Stream
    decimals: int
    until: int
    deposited: int = 0
    withdrawn: int = 0

    def open(self) -> None:
        """From now on."""
        self.nodes.on_paid = self._paid
        self._again()

    def _paid(self, to: str, value: int) -> None:
        """A venue credits what it can tell: what lies below its last decimal is the venue's."""
        if to == venue_address(self.spec.venue):
            self.deposited += 1
            amount = Decimal(value).scaleb(-self.decimals).quantize(UNIT, ROUND_DOWN)
            self._later(CREDIT_S, lambda: self._credit(amount))

    def _credit(self, amount: Decimal) -> None:
        self.exchange.transfer(self.spec.asset, amount)

    def _again(self) -> None:
        wait = 1 + self.dice.exponential(int(self.spec.every_s * SECOND))
        if self.world.now + wait < self.until:
            self.world.call_in(wait, self._withdraw)

    def _withdraw(self) -> None:
        """Somebody takes value out of the venue, to an address of ours on the chain."""
        units = self.dice.between(1, int(self.spec.amount_max / UNIT))
        amount = units * UNIT
        if self.exchange.wallets.get(self.spec.asset, Decimal(0)) > amount:
            self.withdrawn += 1
            self._credit(-amount)
            to = self.dice.pick(self.nodes.holder.addresses)
            wei = int(amount.scaleb(self.decimals))
            self._later(PAYOUT_S, lambda: self.nodes.chain.deposit("", to, wei))
        self._again()

    def _later(self, seconds: tuple[int, int], act: Callable[[], object]) -> None:
        self.world.call_in(self.dice.between(*seconds) * SECOND, act)
