"""What requests take of their customers, beside what these have and owe: summed from the ledger.

What came back after its customer had it is owed, and whoever owes it may not carry off the rest.
"""

from core.settlement_state import Leg
from core.state import State


class Holds:
    """Watches one run: each request as it is taken."""

    def __init__(self) -> None:
        self.beyond: list[str] = []
        self._life: State | None = None
        self._newest = ""

    def look(self, state: State) -> None:
        """A step was taken: of a request that it took, what it takes its customer has."""
        newest = next(reversed(state.settlement.transfers), "")
        fresh = state is self._life and newest != self._newest
        self._life, self._newest = state, newest
        if fresh:
            self.beyond += _beyond(state, newest)


def _beyond(state: State, transfer_id: str) -> list[str]:
    settlement = state.settlement
    transfer = settlement.transfers.get(transfer_id)
    if transfer is None:  # the newest is put away
        return []
    names = transfer.legs
    legs = [settlement.legs[name] for name in names if name in settlement.legs]
    sums = {f"{leg.customer}/{leg.asset}": None for leg in legs if _is_taken(leg)}
    has = {place: -settlement.ledger.get(f"customer/{place}", 0) for place in sums}
    bound = {
        place: settlement.ledger.get(f"held/{place}", 0)
        + settlement.ledger.get(f"receivable/{place}", 0)
        for place in sums
    }
    return [
        f"{transfer_id}: of {place} {bound[place]} is held and owed, and {has[place]} is there"
        for place in sums
        if bound[place] > has[place]
    ]


def _is_taken(leg: Leg) -> bool:
    """Whether the request has of its customer what the leg moves: it is held, or it has left."""
    left = leg.kind != "in" and leg.status in ("in_flight", "settled") and not leg.source
    return bool(leg.held) or left
