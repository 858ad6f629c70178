"""What is watched at every step beside the law: how we behave towards venues and our own breaks.

Each list is a claim of every run, and must stay empty. The watch looks at our books from outside
and at what the venues truly have; it changes neither, and no decision is made here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Context, Decimal, Inexact

from core import events
from core.money import ASSET_DECIMALS, PRICE_DECIMALS, QUANTITY_DECIMALS
from core.state import Account, Drift, Listing, Order, State
from tieout.claims.read_back import Ends
from venues.exchange import Exchange, Ticket

EXACT = Context(prec=60, traps=[Inexact])
ZERO = Decimal(0)


@dataclass(slots=True)
class Side:
    """One account: its books in this life of the node, its venue if it has one, what was seen.

    `ours` are the orders that were working in this life; our books may have put them away since.
    `over` are those of them that ended, and how.
    """

    books: Account
    exchange: Exchange | None
    ours: dict[str, None] = field(default_factory=dict)
    worked: dict[str, None] = field(default_factory=dict)
    over: dict[str, str] = field(default_factory=dict)
    working: int = 0
    tickets: int = 0
    started_at: int = 0
    finished_at: int = 0
    ended_began_at: int = 0


class Watch:
    """Watches one run."""

    def __init__(self, exchanges: Mapping[str, Exchange]) -> None:
        self._exchanges = exchanges
        self._sides: dict[str, Side] = {}
        self._breaks = 0
        self._orders = 0
        self.given_up: dict[str, None] = {}
        self.revived: dict[str, None] = {}
        self.hasty: list[str] = []
        self.excessive: list[str] = []
        self.read_back = Ends()

    def node_up(self, state: State) -> None:
        """The node lives, again perhaps, with these books."""
        self._breaks, self._orders = state.breaks_made, len(state.orders)
        self.read_back.node_up(state)
        for name, account in state.accounts.items():
            self._sides[name].books = account
            self._sides[name].ours.clear()
            self._sides[name].worked.clear()
            self._sides[name].over.clear()

    def look(self, state: State) -> None:
        """A step was taken."""
        self.read_back.look(state)
        if len(state.accounts) > len(self._sides):
            for name, account in state.accounts.items():
                self._sides.setdefault(name, Side(account, self._exchanges.get(name)))
        for side in self._sides.values():
            books, exchange = side.books, side.exchange
            if exchange is not None:
                seen = len(books.working), len(exchange.tickets)
                if seen != (side.working, side.tickets):
                    side.working, side.tickets = seen
                    self._look_at_orders(state, side, exchange)
                    self._look_at_ends(state, side)
            backfill = books.backfill
            if backfill.finished_at != side.finished_at:
                # What ended is the round seen under way: the next may begin in the same step.
                side.ended_began_at, side.finished_at = side.started_at, backfill.finished_at
            side.started_at = backfill.started_at
        if state.breaks_made > self._breaks:
            self._look_at_breaks(state)
        more, self._orders = len(state.orders) > self._orders, len(state.orders)
        if more and state.breaks:
            self._look_at_exit(state, next(reversed(state.orders.values())))

    def _look_at_orders(self, state: State, side: Side, exchange: Exchange) -> None:
        """No order that we call over is alive at its venue.

        Looked at when there are more or fewer that work, or when one more came to the venue.
        """
        side.ours.update(side.books.working)
        for ticket in exchange.open.values():
            name = ticket.client_id
            if name not in side.books.working and (name in state.orders or name in side.ours):
                if not _filled_but_for_a_bust(state.orders.get(name), ticket, exchange):
                    self.given_up[name] = None

    def _look_at_ends(self, state: State, side: Side) -> None:
        """What is over stays over, but for two: a rejection that its venue lived on after, and an
        end that was our own sum's, which is in doubt: such an order is unknown again."""
        working = side.books.working
        for name in side.worked:
            if name not in working and name in state.orders:
                side.over[name] = state.orders[name].status
        for name in working:
            was = side.over.pop(name, "rejected")
            if was != "rejected" and state.orders[name].status != "unknown":
                self.revived[name] = None
        side.worked = dict(working)

    def _look_at_breaks(self, state: State) -> None:
        """A break was opened: a round that began after its suspect must have ended.

        Same id and other content needs no round: both tellings are there.
        """
        for name, drift in state.breaks.items():
            if drift.number > self._breaks and not drift.contradiction:
                if self._sides[name.rsplit("/", 2)[0]].ended_began_at < drift.opened_at:
                    self.hasty.append(name)
        self._breaks = state.breaks_made

    # --- exits under way -------------------------------------------------------------------------

    def _look_at_exit(self, state: State, order: Order) -> None:
        """An order was let through: in what is broken it and what works gives no more than is held.

        Held is what both sides say: the smaller of the two, nothing where the signs differ.
        """
        if order.status != "in_flight":
            return  # found, not sent
        listing = state.accounts[order.account].listings[order.instrument]
        name, given = self._given(state, order, listing)
        drift = state.breaks.get(name)
        if drift is not None and given > _held(state, name, drift, order.side):
            self.excessive.append(name)

    def _given(self, state: State, order: Order, listing: Listing) -> tuple[str, Decimal]:
        """The holding that the order lowers, and by how much it and its like may lower it yet."""
        working = state.accounts[order.account].working
        like = [
            each
            for each in (state.orders[name] for name in working)
            if (each.instrument, each.side, each.leg) == (order.instrument, order.side, order.leg)
        ]
        if listing.kind != "spot":
            return f"{order.account}/{order.instrument}/{order.leg}", _sum(_leaves(o) for o in like)
        if order.side == "sell":
            return f"{order.account}/{listing.base}/cash", _sum(_leaves(o) for o in like)
        return f"{order.account}/{listing.quote}/cash", _sum(_worth(o) for o in like)


def _filled_but_for_a_bust(order: Order | None, ticket: Ticket, exchange: Exchange) -> bool:
    """One of its trades was undone, and our books, which put it away perhaps, do not know yet."""
    if order is not None and order.filled < order.quantity:
        return False
    return any(each.busted and each.ticket is ticket for each in exchange.trades[ticket.symbol])


def _leaves(order: Order) -> Decimal:
    return EXACT.scaleb(Decimal(order.quantity - order.filled), -QUANTITY_DECIMALS)


def _worth(order: Order) -> Decimal:
    """What a spot buy may give away: without a price there is no bound."""
    if not order.price:
        return Decimal("Infinity")
    return EXACT.multiply(_leaves(order), EXACT.scaleb(Decimal(order.price), -PRICE_DECIMALS))


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    total = ZERO
    for amount in amounts:
        total = EXACT.add(total, amount)
    return total


def _held(state: State, name: str, drift: Drift, side: events.Side) -> Decimal:
    """What an order of that side can take from: of a leg, only one that it makes smaller."""
    ours, theirs = state.holdings.get(name, 0), drift.reading.told
    both = min(abs(ours), abs(theirs)) if ours * theirs > 0 else 0
    _, subject, leg = name.rsplit("/", 2)
    if leg == "cash":
        return EXACT.scaleb(Decimal(both), -state.decimals.get(subject, ASSET_DECIMALS))
    reduces = (ours > 0) == (side == "sell")
    return EXACT.scaleb(Decimal(both), -QUANTITY_DECIMALS) if reduces else ZERO
