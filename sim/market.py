"""The crowd at one instrument: a ladder around a wandering middle, and trades that hit it.

Seeded: integer ticks, a bounded walk, exponential waits. Recorded: each trade of a file is an
aggressor against the same ladder, its price and quantity scaled as the scenario says.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple, Protocol

from sim.dice import Stream
from sim.world import World

MS = 1_000_000


class Trade(NamedTuple):
    """One recorded trade, times in ns from the start of the run."""

    at: int
    side: str
    price: Decimal
    quantity: Decimal


class Venue(Protocol):
    """What a market needs of an exchange."""

    def crowd(self, symbol: str, side: str, quantity: Decimal, price: Decimal) -> None: ...

    def crowd_rests(self, symbol: str, side: str, quantity: Decimal, price: Decimal) -> str: ...

    def crowd_cancels(self, symbol: str, name: str) -> None: ...


@dataclass(slots=True)
class Crowd:
    """One instrument's crowd."""

    world: World
    venue: Venue
    symbol: str
    tick: Decimal
    lot: Decimal
    middle: int
    dice: Stream
    wait_ns: int = 400 * MS
    levels: int = 3
    lots_max: int = 12
    stopped: bool = False
    _resting: list[str] = field(default_factory=list)
    _anchor: int = 0
    _stale: int = 0

    def start(self) -> None:
        """Begin to wander."""
        self._anchor = self.middle
        self._ladder()
        self.world.call_in(self.dice.exponential(self.wait_ns), self._live)

    def _live(self) -> None:
        if self.stopped:
            return
        pull = (self._anchor - self.middle) // 16
        self.middle = max(self.levels + 2, self.middle + self.dice.between(-2, 2) + pull)
        self._ladder()
        for _ in range(self.dice.below(3)):
            side = "buy" if self.dice.below(2) else "sell"
            reach = self.dice.between(0, self.levels + 1)
            ticks = self.middle + (reach if side == "buy" else -reach)
            lots = 1 + self.dice.below(self.lots_max)
            self.venue.crowd(self.symbol, side, lots * self.lot, ticks * self.tick)
        self.world.call_in(1 + self.dice.exponential(self.wait_ns), self._live)

    def jump(self, percent: int) -> bool:
        """The market is elsewhere at once, and stays there; a recorded one goes its own way."""
        if self.stopped or not self._anchor:
            return False
        up = bool(self.dice.below(2))
        moved = self.middle * (100 + (percent if up else -percent)) // 100
        self.middle = self._anchor = max(self.levels + 2, moved)
        self._ladder()
        return True

    def play(self, trades: Sequence[Trade]) -> None:
        """Replay recorded trades instead of wandering."""
        first = trades[0]
        self.middle = int(first.price / self.tick)
        self._ladder()
        for trade in trades:
            self.world.call_at(trade.at + self.world.now, self._recorded, trade)

    def _recorded(self, trade: Trade) -> None:
        if self.stopped:
            return
        ticks = int(trade.price / self.tick)
        # The ladder moves when the price does, and is filled up now and then; not at each trade.
        self._stale += 1
        if abs(ticks - self.middle) > 1 or self._stale >= self.levels * 4:
            self.middle, self._stale = ticks - 1 if trade.side == "buy" else ticks + 1, 0
            self._ladder()
        quantity = trade.quantity // self.lot * self.lot
        if quantity:
            self.venue.crowd(self.symbol, trade.side, quantity, ticks * self.tick)

    def _ladder(self) -> None:
        """Quote anew around the middle."""
        for name in self._resting:
            self.venue.crowd_cancels(self.symbol, name)
        self._resting.clear()
        for level in range(1, self.levels + 1):
            lots = (1 + self.dice.below(self.lots_max)) * self.lot
            for side, ticks in (("buy", self.middle - level), ("sell", self.middle + level)):
                if ticks > 0:
                    name = self.venue.crowd_rests(self.symbol, side, lots, ticks * self.tick)
                    self._resting.append(name)
