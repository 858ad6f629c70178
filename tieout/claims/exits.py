"""What the gate refuses as no reduction, beside what both sides hold: the other half of its rule.

That too much passes as an exit is seen where orders work; what is kept in by mistake is seen here.
Positions are the books' and the venue's word in an open break, and what is open is what orders
reserve: nothing that the gate counts.
"""

from core.effects import PlaceOrder
from core.events import Event, OrderRequested
from core.gate import Approved, Gate, Refused
from core.state import State, holding

# By which the gate says that an order does not only reduce.
AS_NONE = ("WOULD_FLIP", "KILL_REDUCES", "STRATEGY_REDUCES")


class Exits:
    """The gate of a run, under watch."""

    def __init__(self, gate: Gate) -> None:
        self.refused: dict[str, None] = {}
        self._gate = gate

    def check(self, state: State, wish: OrderRequested, order: PlaceOrder) -> Approved | Refused:
        """As the gate does."""
        verdict = self._gate.check(state, wish, order)
        if isinstance(verdict, Refused) and verdict.code in AS_NONE and _only_reduces(state, wish):
            self.refused[f"{order.client_order_id}: {verdict.text}"] = None
        return verdict

    def follow(self, state: State, event: Event) -> str:
        """As the gate does."""
        return self._gate.follow(state, event)


def _only_reduces(state: State, wish: OrderRequested) -> bool:
    """Whether all of it, with what is open on its side, is held: by its strategy, and by the
    account as our books have it and as its venue says."""
    name = holding(wish.account, wish.instrument, wish.leg)
    figure = f"{wish.strategy}/{wish.account}/{wish.instrument}/position/{wish.leg}"
    ours, drift = state.holdings.get(name, 0), state.breaks.get(name)
    told = drift.reading.told if drift is not None else ours
    own = state.figures.get(figure, 0)
    sign = -1 if wish.side == "buy" else 1
    place = (wish.account, wish.instrument, wish.leg, wish.side)
    there = [
        order
        for order in state.orders.values()
        if (order.account, order.instrument, order.leg, order.side) == place and order.reserved
    ]
    open_ = wish.quantity + sum(order.reserved for order in there)
    of_it = wish.quantity + sum(o.reserved for o in there if o.strategy == wish.strategy)
    return open_ <= min(sign * ours, sign * told) and of_it <= sign * own
