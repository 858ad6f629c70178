"""A recorded book: what one market, as a tape has it, would have done to orders of ours.

It has the face of `venues.matching.Book`; in place of a crowd's orders stands the tape, of which
the rows before `row` are known. The table in `shown.py` says who trades with what.

True here: an order meets only rows that were known when it came, and rows that come while it rests;
what a row has is executed once; the best price of ours trades first, then the oldest. Ours never
trade with one another: what would is cancelled, as `cancel_newest` has it. Whoever else places an
order here reaches ours alone: what everybody did is on the tape already.
"""

from bisect import insort
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from typing import Final

from venues.matching import (
    REMAINDER,
    Cancelled,
    Execution,
    Kind,
    Placement,
    Resting,
    Side,
    nothing_done,
)
from venues.recorded.depth import Depth
from venues.recorded.impact import SquareRoot
from venues.recorded.queue import RISK_AVERSE, Place, Queue
from venues.recorded.shown import BarFills, Bars, Offer, Quotes, Shown, Sign, Supply, Trades
from venues.recorded.slippage import Slippage
from venues.recorded.tape import Tape

# Who trades with us on a tape, as the exchange names them.
CROWD: Final = "crowd"
_SIGN: Final[dict[Side, Sign]] = {"buy": 1, "sell": -1}
_OPPOSITE: Final[dict[Sign, Sign]] = {1: -1, -1: 1}
_NOWHERE: Final = -(2**63)
# Rows looked at in one go: few at first, for the next touch is often near.
_ROWS, _ROWS_MAX = 32, 65_536


@dataclass(frozen=True, slots=True)
class Assumed:
    """What is assumed of a market where its tape does not tell; `docs/backtest_models.md`."""

    queue: Queue = RISK_AVERSE
    ahead: int | None = None
    slippage: Slippage | None = None
    impact: SquareRoot | None = None
    bar_fills: BarFills = "through"
    bar_late_ns: int = 0
    volume_share: Fraction = Fraction(1, 10)

    def beyond(self, edge: int, lots: int) -> int | None:
        """Ticks beyond the edge at which so many lots trade that are not shown; None: not said."""
        if self.slippage is None and self.impact is None:
            return None
        slipped = self.slippage.ticks(edge) if self.slippage is not None else 0
        return slipped + (self.impact.ticks(edge, lots) if self.impact is not None else 0)


def shown(tape: Tape, assumed: Assumed) -> Shown:
    """The tape as a book asks it."""
    match tape.kind:
        case "trades":
            return Trades(tape, assumed.ahead)
        case "quotes":
            return Quotes(tape)
        case "depth" | "depth_and_trades":
            return Depth(tape, assumed.queue)
        case "bars":
            return Bars(tape, assumed.bar_fills, assumed.bar_late_ns, assumed.volume_share)


@dataclass(slots=True, eq=False)
class _Order:
    order_id: str
    sign: Sign
    price: int
    leaves: int
    bound: int
    place: Place
    since_row: int


class RecordedBook:
    """One instrument's recorded market, and the orders of `owner` that rest in it."""

    __slots__ = (
        "_assumed",
        "_clear",
        "_now",
        "_orders",
        "_owner",
        "_resting",
        "_shown",
        "_within",
        "row",
    )

    def __init__(
        self, tape: Tape, owner: str, assumed: Assumed, now: Callable[[], int] = lambda: 0
    ) -> None:
        """`now` tells when an order comes, in ns UTC; without it, always before a bar opened."""
        self.row = 0
        self._now = now
        # A price within the row that passed last; 0 at its end.
        self._within = 0
        self._owner = owner
        self._assumed = assumed
        self._shown = shown(tape, assumed)
        self._orders: dict[str, _Order] = {}
        # Best first, then oldest, on each side.
        self._resting: dict[Sign, list[_Order]] = {1: [], -1: []}
        # No row before this one reaches an order that rests.
        self._clear = 0

    # --- orders ----------------------------------------------------------------------------------

    def place(
        self,
        order_id: str,
        owner: str,
        side: Side,
        quantity: int,
        price: int | None,
        kind: Kind = "limit",
    ) -> Placement:
        """Match an order against what is known, and rest what may rest; as `Book.place`."""
        assert quantity > 0, quantity
        assert (price is None) == (kind == "market"), (kind, price)
        assert order_id not in self._orders, order_id
        sign = _SIGN[side]
        if owner != self._owner:
            return self._reached_by(order_id, owner, sign, quantity, price, kind)
        ours = self._meets(sign, price)
        shown, beyond = self._found(sign, quantity, price if ours is None else ours)
        offers = [*shown, beyond] if beyond is not None else shown
        left = quantity - sum([offer.lots for offer in offers])
        if kind == "post_only" and (offers or ours is not None):
            return nothing_done(order_id, owner, quantity, "post_only")
        if kind == "fok" and left:
            return nothing_done(order_id, owner, quantity, "fok")
        for offer in shown:
            self._shown.take(sign, offer)
        executions = [Execution("", CROWD, order_id, owner, *offer) for offer in offers]
        if not left:
            return Placement(executions, [], 0, "filled")
        reason = "self_trade" if ours is not None else REMAINDER[kind]
        if reason is None:
            assert price is not None
            self._rest(order_id, sign, price, left)
            return Placement(executions, [], left, "resting")
        return Placement(executions, [Cancelled(order_id, owner, left, reason)], 0, "cancelled")

    def cancel(self, order_id: str) -> int:
        """Take an order out; returns the leaves cancelled, 0 if it does not rest here."""
        order = self._orders.pop(order_id, None)
        if order is None:
            return 0
        self._resting[order.sign].remove(order)
        self._shown.leave(order.sign, order.price, order.place)
        return order.leaves

    def _found(
        self, sign: Sign, quantity: int, price: int | None
    ) -> tuple[list[Offer], Offer | None]:
        """What a taker gets of what is shown, and what it gets beyond that."""
        shown: list[Offer] = []
        left, edge = quantity, self.last
        for offer in self._shown.offers(sign):
            if price is not None and sign * offer.price > sign * price:
                return shown, None
            shown.append(Offer(offer.price, min(left, offer.lots)))
            left -= shown[-1].lots
            edge = offer.price
            if not left:
                return shown, None
        return shown, self._beyond(sign, edge, left, price)

    def _beyond(self, sign: Sign, edge: int, lots: int, price: int | None) -> Offer | None:
        """So many lots beyond the edge, where they are no worse than the price."""
        away = self._assumed.beyond(edge, lots) if edge else None
        if away is None:
            if not edge or self._shown.shows_sizes:
                return None
            away = 0
        found = max(1, edge + sign * away)
        if price is not None and sign * found > sign * price:
            return None
        return Offer(found, lots)

    def _meets(self, sign: Sign, price: int | None) -> int | None:
        """The price at which a taker of ours would come to an order of ours; None if it does not.

        At that price the crowd stands first.
        """
        opposite = self._resting[_OPPOSITE[sign]]
        if not opposite or (price is not None and sign * opposite[0].price > sign * price):
            return None
        return opposite[0].price

    def _rest(self, order_id: str, sign: Sign, price: int, lots: int) -> None:
        bound, place = self._shown.bound(sign, price), self._shown.join(sign, price)
        since_row = self._shown.since_row(self._now())
        order = self._orders[order_id] = _Order(
            order_id, sign, price, lots, bound, place, since_row
        )
        insort(self._resting[sign], order, key=_best_first)
        self._clear = self.row

    def _reached_by(
        self, order_id: str, owner: str, sign: Sign, lots: int, price: int | None, kind: Kind
    ) -> Placement:
        """Somebody else takes what rests of ours, the queue before it being gone."""
        assert kind in ("ioc", "market"), kind
        executions: list[Execution] = []
        left = lots
        for order in list(self._resting[_OPPOSITE[sign]]):
            if not left or (price is not None and sign * order.price > sign * price):
                break
            traded = min(left, order.leaves)
            executions.append(
                Execution(order.order_id, self._owner, order_id, owner, order.price, traded)
            )
            self._reduce(order, traded)
            left -= traded
        gone = [Cancelled(order_id, owner, left, REMAINDER[kind] or "ioc")] if left else []
        return Placement(executions, gone, 0, "cancelled" if left else "filled")

    def _reduce(self, order: "_Order", traded: int) -> None:
        order.leaves -= traded
        if not order.leaves:
            self.cancel(order.order_id)

    # --- the tape --------------------------------------------------------------------------------

    def next_touch(self, until_row: int) -> int:
        """The first row from `row` on, before that one, which can do anything to what rests."""
        buys, sells = self._resting[1], self._resting[-1]
        if not buys and not sells:
            return until_row
        low = buys[0].bound if buys else _NOWHERE
        high = sells[0].bound if sells else _NOWHERE
        row = max(self.row, self._clear)
        if row < until_row:
            row = self._first(row, until_row, low, high)
            self._clear = row
        return min(row, until_row)

    def next_reach(self, until_row: int, sign: Sign, price: int) -> int:
        """The first row, before that one, in which the market comes down (1) or up to a price."""
        bound = 2 * sign * price + 1
        low, high = (bound, _NOWHERE) if sign == 1 else (_NOWHERE, bound)
        return self._first(self.row, until_row, low, high)

    @contextmanager
    def coming_to(self, sign: Sign, price: int) -> Iterator[None]:
        """Within the row that passed last: what is taken now is taken as the market comes to that
        price, or where it began if that is beyond; not where a bar closed, which came later."""
        first = self._shown.first
        self._within = min(first, price) if sign == 1 else max(first, price)
        try:
            yield
        finally:
            self._within = 0

    def _first(self, row: int, until_row: int, low: int, high: int) -> int:
        """The first row from `row` on that reaches a buyer's bound or a seller's."""
        lows, highs = self._shown.reach[1], self._shown.reach[-1]
        if until_row - row == 1:  # so it is for whoever goes from row to row
            touched_now = lows.item(row) <= low or highs.item(row) <= high
            return row if touched_now else until_row
        rows = _ROWS
        while row < until_row:
            stop = min(row + rows, until_row)
            touched = (lows[row:stop] <= low) | (highs[row:stop] <= high)
            first = int(touched.argmax())
            if touched[first]:
                return row + first
            row, rows = stop, min(2 * rows, _ROWS_MAX)
        return until_row

    def advance(self, until_row: int) -> list[Execution]:
        """The rows before that one pass; what they executed of what rests, in order."""
        executions: list[Execution] = []
        while (row := self.next_touch(until_row)) < until_row:
            self._pass_to(row + 1)
            for sign in _SIGN.values():
                for supply in self._shown.supplies(row, sign):
                    executions += self._supply(row, sign, supply)
        self._pass_to(until_row)
        return executions

    def _pass_to(self, row: int) -> None:
        self._shown.pass_to(row)
        self.row = row

    def _supply(self, row: int, sign: Sign, supply: Supply) -> list[Execution]:
        """What comes as far as some of our orders: the best and the oldest have it first."""
        executions: list[Execution] = []
        left = supply.lots
        queued = 0  # lots of the crowd's, at this price, that were ahead of ours and traded
        for order in list(self._resting[sign]):
            if order.bound < supply.reach:
                break
            if row < order.since_row:
                continue
            if supply.queues and order.price == supply.price:
                waited = min(left, max(0, order.place.ahead - queued))
                queued, left = queued + waited, left - waited
                order.place.ahead = max(0, order.place.ahead - queued)
            else:
                order.place.ahead = 0
            if traded := min(left, order.leaves):
                executions.append(
                    Execution(order.order_id, self._owner, "", CROWD, order.price, traded)
                )
                self._shown.take(sign, Offer(supply.price, traded))
                self._reduce(order, traded)
                left -= traded
        return executions

    # --- what is there ---------------------------------------------------------------------------

    @property
    def last(self) -> int:
        """The last known price: of a trade, a close, the middle of the top; 0 before any."""
        return self._within or self._shown.last

    @property
    def best_bid(self) -> int | None:
        """The highest price at which the market, without us, buys; None if nobody does."""
        best = self.best("buy")
        return None if best is None else best[0]

    @property
    def best_ask(self) -> int | None:
        """The lowest price at which the market, without us, sells; None if nobody does."""
        best = self.best("sell")
        return None if best is None else best[0]

    def best(self, side: Side) -> tuple[int, int] | None:
        """(price, quantity) of the market's best level, None if nobody is there."""
        return next(iter(self.depth(side, 1)), None)

    def depth(self, side: Side, levels: int | None = None) -> list[tuple[int, int]]:
        """(price, quantity) of the market's best levels, less what we took of them."""
        taker = _OPPOSITE[_SIGN[side]]
        offers = list(islice(self._shown.offers(taker), levels))
        if not offers and not self._shown.shows_sizes:
            # One lot, for that much is sure.
            offers = [each for each in (self._beyond(taker, self.last, 1, None),) if each]
        return [(each.price, each.lots) for each in offers]

    def leaves(self, order_id: str) -> int:
        """What is left of a resting order, 0 if it does not rest here."""
        order = self._orders.get(order_id)
        return 0 if order is None else order.leaves

    def queue(self, side: Side) -> list[Resting]:
        """Our resting orders of one side, in the order in which they would trade."""
        return [
            Resting(order.order_id, self._owner, order.price, order.leaves)
            for order in self._resting[_SIGN[side]]
        ]


def _best_first(order: _Order) -> int:
    return -order.sign * order.price
