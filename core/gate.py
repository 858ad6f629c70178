"""The first gate: fails closed, and lets only exits through where a break is open.

`Approved` is permission as a value: only a gate makes one, and only from one is an order sent.
"""

from typing import Protocol

from msgspec import Struct

from core.effects import PlaceOrder
from core.events import OrderRequested
from core.money import ASSET_DECIMALS, QUANTITY_DECIMALS, TEN_TO
from core.state import Listing, State, holding


class Approved(Struct, frozen=True, gc=False):
    """A gate's permission to send this order."""

    order: PlaceOrder


class Refused(Struct, frozen=True, gc=False):
    """A gate's refusal: its code, and what would pass."""

    code: str
    text: str


class Gate(Protocol):
    """What `step` asks before anything that spends."""

    def check(self, state: State, wish: OrderRequested, order: PlaceOrder) -> Approved | Refused:
        """Decide on the order; must not change the state."""


class BreakGate:
    """Refuses what cannot be understood, and all but exits in what an open break touches."""

    def check(self, state: State, wish: OrderRequested, order: PlaceOrder) -> Approved | Refused:
        account = state.accounts.get(wish.account)
        if account is None:
            return Refused("UNKNOWN_ACCOUNT", f"no books are kept for {wish.account!r}")
        listing = account.listings.get(wish.instrument)
        if listing is None:
            return Refused("UNKNOWN_INSTRUMENT", f"{wish.instrument!r} is not listed here")
        if wish.quantity <= 0 or wish.price < 0 or (wish.kind != "market" and wish.price == 0):
            return Refused("BAD_ORDER", "quantity and price must be positive")
        if listing.kind == "spot":
            touched = [
                holding(wish.account, listing.base, "cash"),
                holding(wish.account, listing.quote, "cash"),
            ]
        else:
            touched = [
                holding(wish.account, wish.instrument, leg) for leg in ("net", "long", "short")
            ] + [holding(wish.account, listing.settle, "cash")]
        for name in touched:
            drift = state.breaks.get(name)
            if drift is not None and not self._is_exit(state, wish, listing):
                return Refused(
                    "BREAK_OPEN", f"break {drift.number} is open in {name}: only exits pass"
                )
        return Approved(order)

    def _is_exit(self, state: State, wish: OrderRequested, listing: Listing) -> bool:
        """At most the smaller of ours and the venue's, signs agreeing, net of other exits."""
        spot = listing.kind == "spot"
        if spot:
            if wish.side != "sell":
                return False
            name = holding(wish.account, listing.base, "cash")
        elif not wish.reduce_only:
            return False
        else:
            name = holding(wish.account, wish.instrument, wish.leg)
        ours = state.holdings.get(name, 0)
        drift = state.breaks.get(name)
        theirs = drift.reading.told if drift is not None else ours
        if ours * theirs <= 0 or (ours > 0) != (wish.side == "sell"):
            return False
        room = min(abs(ours), abs(theirs))
        if spot:
            extra = state.decimals.get(listing.base, ASSET_DECIMALS) - QUANTITY_DECIMALS
            room = room // TEN_TO[max(0, extra)]
        for client_order_id in state.accounts[wish.account].working:
            order = state.orders[client_order_id]
            same = order.instrument == wish.instrument and order.leg == wish.leg
            if same and order.side == wish.side:
                room -= order.quantity - order.filled
        return wish.quantity <= room
