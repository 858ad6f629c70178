"""The treasury: people who move cash between accounts of ours, when they are asked.

True here: what is asked under one id is done once. Some while after it is asked for cash leaves one
venue, and some while later it comes to the other; in between it is nobody's. What is not there to
be sent is not sent, and nobody says so. Of a venue that lists no movements of cash they tell us
themselves what they did there.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from sim.dice import Stream
from sim.faults import Faults
from sim.world import SECOND, World

MS = 1_000_000


class Asked(Protocol):
    """A move as it is asked for; the amount is in whole units of the asset."""

    @property
    def move_id(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def target(self) -> str: ...
    @property
    def asset(self) -> str: ...
    @property
    def amount(self) -> int: ...


class Holder(Protocol):
    """An account's world at its venue."""

    def free(self, asset: str) -> Decimal:
        """What no order holds."""

    def transfer(self, asset: str, amount: Decimal) -> None:
        """Cash comes or goes."""


@dataclass(slots=True, eq=False)
class Treasury:
    """Whoever moves cash by hand; `acts_s` and `moves_s` are the least and the most it takes.

    `on_done` hears that it left (-1) or came (1).
    """

    world: World
    dice: Stream
    faults: Faults
    holders: Mapping[str, Holder]
    decimals: Mapping[str, int]
    acts_s: tuple[int, int]
    moves_s: tuple[int, int]
    on_done: Callable[[Asked, int], None]
    moved: int = 0
    arrived: int = 0
    on_its_way: dict[str, Asked] = field(default_factory=dict)
    _known: dict[str, None] = field(default_factory=dict)

    def move(self, asked: Asked) -> None:
        """Somebody will see to it."""
        if asked.move_id not in self._known:
            self._known[asked.move_id] = None
            self.world.call_in(self._wait(self.acts_s), self._send, asked)

    def _wait(self, seconds: tuple[int, int]) -> int:
        lo, hi = seconds
        return self.dice.between(lo * SECOND, hi * SECOND) + 1

    def _send(self, asked: Asked) -> None:
        amount = Decimal(asked.amount).scaleb(-self.decimals[asked.asset])
        source = self.holders[asked.source]
        if source.free(asked.asset) < amount:
            return
        self.moved += 1
        self.on_its_way[asked.move_id] = asked
        source.transfer(asked.asset, -amount)
        self.on_done(asked, -1)
        stuck = self.faults.strikes("credit_stuck", "treasury")
        late = stuck.strength * MS if stuck is not None else 0
        self.world.call_in(self._wait(self.moves_s) + late, self._credit, asked, amount)

    def _credit(self, asked: Asked, amount: Decimal) -> None:
        del self.on_its_way[asked.move_id]
        self.arrived += 1
        self.holders[asked.target].transfer(asked.asset, amount)
        self.on_done(asked, 1)
