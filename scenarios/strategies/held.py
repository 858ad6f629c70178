"""What a strategy holds, as far as it was told: per instrument and leg."""

from core.effects import TellPosition, TellStrategy
from core.events import Leg, Side
from core.trading import GIVEN_UP


class Held:
    """Sums the fills of one strategy's orders. Long is positive, short negative, in every leg.

    What others did to the account it hears of by rejections only: with `heeds`, an exit that the
    venue rejects tells it that nothing is left in that leg. Without, it asks for exits for ever.
    """

    def __init__(self, *, hedged: bool, heeds: bool = False) -> None:
        self._hedged, self._heeds = hedged, heeds
        self._legs: dict[tuple[str, Leg], int] = {}

    def hear(self, told: TellStrategy) -> None:
        """Take in what an order's fills added; a bust takes back."""
        key = (f"{told.account}/{told.instrument}", told.leg)
        moved = told.moved if told.side == "buy" else -told.moved
        self._legs[key] = self._legs.get(key, 0) + moved
        if self._heeds and told.status == "rejected" and told.reason != GIVEN_UP:
            if told.leg == ("long" if told.side == "sell" else "short"):
                self._legs[key] = 0

    def begin(self, told: TellPosition) -> None:
        """What is held in all, whatever was heard before."""
        self._legs[f"{told.account}/{told.instrument}", told.leg] = told.quantity

    def net(self, book: str) -> int:
        """All legs of an instrument together; `book` is "account/instrument"."""
        return sum(self._legs.get((book, leg), 0) for leg in _LEGS)

    def leg(self, book: str, side: Side, quantity: int) -> tuple[Leg, bool]:
        """The leg an order goes to, and whether it closes: what can be closed comes first."""
        if not self._hedged:
            return "net", False
        closed: Leg = "long" if side == "sell" else "short"
        if abs(self._legs.get((book, closed), 0)) >= quantity:
            return closed, True
        return ("long" if side == "buy" else "short"), False


_LEGS: tuple[Leg, ...] = ("net", "long", "short")
