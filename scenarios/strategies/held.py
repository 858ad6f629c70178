"""What a strategy holds, as far as it was told of its own orders: per instrument and leg."""

from core.effects import TellStrategy
from core.events import Leg, Side


class Held:
    """Sums the fills of one strategy's orders. Long is positive, short negative, in every leg."""

    def __init__(self, *, hedged: bool) -> None:
        self._hedged = hedged
        self._done: dict[str, int] = {}
        self._legs: dict[tuple[str, Leg], int] = {}

    def hear(self, told: TellStrategy) -> None:
        """Take in how far an order got; a bust takes back."""
        moved = told.filled_quantity - self._done.get(told.client_order_id, 0)
        self._done[told.client_order_id] = told.filled_quantity
        key = (f"{told.account}/{told.instrument}", told.leg)
        self._legs[key] = self._legs.get(key, 0) + (moved if told.side == "buy" else -moved)

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
