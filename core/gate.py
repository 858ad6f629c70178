"""The first gate: fails closed, and lets only exits through where a break is open.

`Approved` is permission as a value: only a gate makes one, and only from one is an order sent.
"""

from typing import Protocol

from msgspec import Struct

from core.effects import PlaceOrder
from core.events import Event, OrderRequested
from core.money import ASSET_DECIMALS, PRICE_DECIMALS, QUANTITY_DECIMALS, TEN_TO
from core.orders import TERMINAL, awaited, claimed
from core.state import Account, Listing, Order, State, holding

UNBOUNDED = 1 << 200


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
        """Decide on the order; of the state it may change its own counters only (`Risk.desk`)."""

    def follow(self, state: State, event: Event) -> str:
        """Take in what a step did, before it ends; asked once limits were loaded.

        Says what a person must hear of the gate itself; "" mostly.
        """


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
        if wish.leg != "net" and listing.kind == "spot":
            # Its venue is told of no leg, and would buy where a short was to be closed.
            return Refused("BAD_ORDER", f"spot has no {wish.leg} leg: net would do")
        if state.cut:
            name = holding(wish.account, listing.base, "cash")
            if not self._is_exit(state, wish, listing, name):
                accounts = ", ".join(state.cut)
                return Refused("READING_BACK", f"until {accounts} were read back only exits pass")
        for name in _touched(account, listing):
            drift = state.breaks.get(name)
            if drift is not None and not self._is_exit(state, wish, listing, name):
                return Refused(
                    "BREAK_OPEN", f"break {drift.number} is open in {name}: only exits pass"
                )
        return Approved(order)

    def follow(self, state: State, event: Event) -> str:
        """It has no counters."""
        return ""

    def _is_exit(self, state: State, wish: OrderRequested, listing: Listing, name: str) -> bool:
        """Whether it only reduces what is broken: of a spot asset by giving it away, else by flag.

        At most the smaller of ours and the venue's, signs agreeing, net of the other exits, and of
        those that are over what the venue claims and we have not booked. Where a third asset is
        broken that fees are paid in, the only exit is a sale of what we hold: it spends a fee, but
        ends the trading that would spend more.
        """
        account = state.accounts[wish.account]
        if listing.kind == "spot":
            asset = name.split("/")[2]
            if asset not in (listing.base, listing.quote):
                asset, name = listing.base, holding(wish.account, listing.base, "cash")
            gives = listing.base if wish.side == "sell" else listing.quote
            room = _room(state, name)
            return gives == asset and _given(state, listing, wish) <= room - _working(
                state, account, asset
            )
        if not wish.reduce_only:
            return False
        name = holding(wish.account, wish.instrument, wish.leg)
        if (state.holdings.get(name, 0) > 0) != (wish.side == "sell"):
            return False
        room = _room(state, name, _closed(state, wish))
        for client_order_id in account.working:
            order = state.orders[client_order_id]
            same = order.instrument == wish.instrument and order.leg == wish.leg
            if same and order.side == wish.side:
                room -= order.quantity - order.filled
        return wish.quantity <= room


def _touched(account: Account, listing: Listing) -> list[str]:
    """The holdings that an order in the instrument may move: what is traded, and what pays for it.

    A third asset that the account was charged fees in may be charged for any order.
    """
    if listing.kind == "spot":
        names = [(listing.base, "cash"), (listing.quote, "cash")]
    else:
        names = [(listing.instrument, leg) for leg in ("net", "long", "short")]
        names.append((listing.settle, "cash"))
    names += [(asset, "cash") for asset in account.fee_assets]
    return [holding(account.name, subject, leg) for subject, leg in names]


def _room(state: State, name: str, closed: int = 0) -> int:
    """The smaller of what we say is held and what the venue says, 0 where the signs differ.

    `closed` is by how much less ours is as soon as what the venue claims is told.
    """
    ours = state.holdings.get(name, 0)
    drift = state.breaks.get(name)
    theirs = drift.reading.told if drift is not None else ours
    return min(max(0, abs(ours) - closed), abs(theirs)) if ours * theirs > 0 else 0


def _closed(state: State, wish: OrderRequested) -> int:
    """What orders like it that are over took by their venue's word, and the books do not have."""
    place = (wish.account, wish.instrument, wish.leg, wish.side)
    return sum(
        claimed(order)
        for order in awaited(state)
        if (order.account, order.instrument, order.leg, order.side) == place
        and order.status in TERMINAL
    )


def _given(state: State, listing: Listing, order: OrderRequested | Order) -> int:
    """What a spot order gives away at most, in units of its asset; a market buy has no bound."""
    left = order.quantity - (order.filled if isinstance(order, Order) else 0)
    asset = listing.base if order.side == "sell" else listing.quote
    decimals = state.decimals.get(asset, ASSET_DECIMALS)
    if order.side == "sell":
        return left * TEN_TO[decimals] // TEN_TO[QUANTITY_DECIMALS]
    if not order.price:
        return UNBOUNDED
    return left * order.price * TEN_TO[decimals] // TEN_TO[QUANTITY_DECIMALS + PRICE_DECIMALS] + 1


def _working(state: State, account: Account, asset: str) -> int:
    """What the account's working spot orders may give away of an asset, through any instrument."""
    total = 0
    for client_order_id in account.working:
        order = state.orders[client_order_id]
        listing = account.listings.get(order.instrument)
        if listing is None:
            return UNBOUNDED  # an order that we found, of an instrument that we do not know
        if (listing.base if order.side == "sell" else listing.quote) == asset:
            total += _given(state, listing, order)
    return total
