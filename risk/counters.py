"""What the gate counts in: plain integers on objects that are made before the first order.

True here: every limit starts at 0, every strategy disabled, every reference missing, so that what
nobody set refuses. Quantities are lots of the holding, prices 10^-12 of the quote asset, values
units of the reporting asset; times are nanoseconds.

*Derived* counters are sums over positions and open reservations, and can be counted anew from them
at any time (`Gate.recount`); all others are facts or settings.
"""

from typing import Final

BUY: Final = 0
SELL: Final = 1
LIMIT: Final = 0
MARKET: Final = 1
DISABLED: Final = 0
REDUCING: Final = 1
ENABLED: Final = 2
NO_PARENT: Final = -1
NO_COLLATERAL_SUFFICES: Final = 1 << 60


def times(lots: int, unit: int) -> int:
    """Their product. mypyc's quick one is of numbers that are not negative."""
    return lots * unit if lots >= 0 else -(-lots * unit)


class Scope:
    """A sum of values and its three limits: the firm's, an account's, an asset's, a strategy's.

    `long` is what we would be net if every open buy filled and no sell did, `short` the reverse,
    `gross` the sum over positions of the worse of the two. Derived.
    """

    def __init__(self, net_code: int, gross_code: int) -> None:
        self.net_code = net_code
        self.gross_code = gross_code
        self.long_max = 0
        self.short_max = 0
        self.gross_max = 0
        self.long = 0
        self.short = 0
        self.gross = 0


class Firm:
    """What holds for every order: the kill switch, the lease, and the firm's own sums."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.state: int = DISABLED
        self.open_until = 0


class Rate:
    """Messages to one counterparty: one per `interval`, some at once.

    `busy_until` is when the last message's interval ends if each waits for the one before it.
    Orders may queue for `orders_ns` at most. Cancels always pass and count, so that what the venue
    allows beyond that is set aside for them.
    """

    def __init__(self) -> None:
        self.interval = 1
        self.orders_ns = 0
        self.busy_until = 0

    def queued(self, now: int) -> int:
        """How long a message of now would wait for those before it."""
        return max(0, self.busy_until - now)

    def after(self, now: int) -> int:
        """When the interval of a message of now would end."""
        return max(self.busy_until, now) + self.interval


class Account:
    """One account at one venue. `margin` and `credit_open` are derived.

    `charged` are worst fees of fills that the collateral was not yet told net of; `unsettled` is
    what was traded and waits for settlement.
    """

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.rate = Rate()
        self.collateral = 0
        self.charged = 0
        self.margin = 0
        self.credit_max = 0
        self.unsettled = 0
        self.credit_open = 0


class Strategy:
    """One strategy, as the gate sees it. It starts disabled."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.rate = Rate()
        self.state: int = DISABLED
        self.needs_parent = 0


class Tier:
    """Margin of a position worth up to `value_max`: value × rate_bp / 10,000 - deduction.

    `lots_max` and `rate_unit` say the same in lots, at the holding's reference.
    """

    def __init__(self, value_max: int, rate_bp: int, deduction: int) -> None:
        self.value_max = value_max
        self.rate_bp = rate_bp
        self.deduction = deduction
        self.lots_max = 0
        self.rate_unit = 0


class Reservation:
    """A slot: the worst case of one open order, held until the order is surely over.

    `total` is the confirmed quantity and `asked` that of an amendment on its way (0: none); what is
    reserved is the larger, less `filled`. `credit` is what its account's sum holds of it.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.handle = number
        self.open = 0
        self.route = -1
        self.side = 0
        self.total = 0
        self.asked = 0
        self.filled = 0
        self.price = 0
        self.asked_price = 0
        self.reduce_only = 0
        self.credit = 0
        self.parent: int = NO_PARENT
        self.rank = 0
        self.place = -1
        self.next_free = -1

    def left(self) -> int:
        """What may still fill."""
        return max(0, max(self.total, self.asked) - self.filled)

    def most_aggressive(self) -> int:
        """The price that it may trade at first, of the one it has and the one asked for."""
        if self.asked_price == 0:
            return self.price
        if self.side == BUY:
            return max(self.price, self.asked_price)
        return min(self.price, self.asked_price)


class Ladder:
    """Our own open orders on one side of a book, the most aggressive first: a heap of slots.

    The best is at hand at once; putting in and taking out touch at most one slot per doubling. Of
    `slots` the first `size` are in; the list never shrinks, so that it is not allocated anew.
    """

    def __init__(self) -> None:
        self.slots: list[Reservation] = []
        self.size = 0

    def put(self, slot: Reservation, price: int) -> None:
        """Add an order that may trade at this price first."""
        slot.rank = -price if slot.side == BUY else price
        slot.place = self.size
        if self.size == len(self.slots):
            self.slots.append(slot)
        else:
            self.slots[self.size] = slot
        self.size += 1
        self._rise(slot)

    def best(self) -> int:
        """The rank of the most aggressive: only asked where there is one."""
        return self.slots[0].rank

    def take(self, slot: Reservation) -> None:
        """Remove an order, if it is in."""
        if slot.place < 0:
            return
        slots = self.slots
        place = slot.place
        self.size -= 1
        last = slots[self.size]
        slot.place = -1
        if last is not slot:
            slots[place] = last
            last.place = place
            self._sink(last)
            self._rise(last)

    def _rise(self, slot: Reservation) -> None:
        slots = self.slots
        place = slot.place
        while place > 0:
            above = slots[(place - 1) // 2]
            if above.rank <= slot.rank:
                break
            slots[place] = above
            above.place, place = place, above.place
        slots[place] = slot
        slot.place = place

    def _sink(self, slot: Reservation) -> None:
        slots = self.slots
        size = self.size
        place = slot.place
        while 2 * place + 1 < size:
            below = slots[2 * place + 1]
            if below.place + 1 < size and slots[below.place + 1].rank < below.rank:
                below = slots[below.place + 1]
            if below.rank >= slot.rank:
                break
            slots[place] = below
            below.place, place = place, below.place
        slots[place] = slot
        slot.place = place


class Book:
    """The market in which our orders could meet: shared by all holdings that trade in it."""

    def __init__(self) -> None:
        self.buys = Ladder()
        self.sells = Ladder()


class Holding:
    """An instrument in an account: its terms, its reference, and what all strategies hold in it.

    A lot is worth `unit` at the worst price of the collar: `high` × value_num / value_den +
    value_flat, rounded up (an inverse contract is worth value_flat whatever the price). `disputed`
    is what the venue says less what we say, where a break is open. `long` is what the position
    would be if every open buy filled and no sell did, `short` the reverse; they and `need` (its
    share of the account's margin) are derived.
    """

    def __init__(self, account: Account, asset: Scope, book: Book) -> None:
        # What every order reads comes first: it lies together in memory.
        self.account = account
        self.asset = asset
        self.book = book
        self.tiers: list[Tier] = []
        self.restricted = 0
        self.unit = 0
        self.reference_at = 0
        self.reference_age_max = 0
        self.low = 0
        self.high = 0
        self.position_max = 0
        self.long = 0
        self.short = 0
        self.disputed = 0
        self.need = 0
        self.fee_unit = 0
        self.borrow_unit = 0
        self.position = 0
        self.collar_bp = 0
        self.value_num = 0
        self.value_den = 1
        self.value_flat = 0
        self.fee_ppm = 0
        self.borrow_ppm = 0
        self.reference = 0
        self.routes: list[Route] = []

    def price_anew(self) -> None:
        """The collar and what a lot is worth, from the reference; rounded against us.

        Without a reference a lot is worth nothing that counts, and no collateral suffices for it.
        """
        width = self.reference * self.collar_bp // 10_000
        self.low = max(1, self.reference - width)
        self.high = self.reference + width
        self.unit = 0
        if self.reference > 0:
            self.unit = -(-self.high * self.value_num // self.value_den) + self.value_flat
        self.fee_unit = -(-self.unit * self.fee_ppm // 1_000_000)
        self.borrow_unit = -(-self.unit * self.borrow_ppm // 1_000_000)
        for tier in self.tiers:
            tier.lots_max = tier.value_max // self.unit if self.unit > 0 else 0
            tier.rate_unit = -(-self.unit * tier.rate_bp // 10_000)

    def margin(self, long: int, short: int) -> int:
        """The worse side by its tier, the fees of all that is open, and what a short borrows.

        The position cancels out of the two sides' sum: that is all that is open.
        """
        lots = max(long, short)
        if lots == 0:
            return 0
        for tier in self.tiers:
            if lots <= tier.lots_max:
                need = lots * tier.rate_unit - tier.deduction + (long + short) * self.fee_unit
                return need + short * self.borrow_unit if short > 0 else need
        return NO_COLLATERAL_SUFFICES


class Route:
    """A strategy in a holding. `long` and `short`, of its position alone, are derived.

    `last_…` is the order that was reserved last. `executions` counts fills since the window that
    began at `executions_at`.
    """

    def __init__(self, number: int, strategy: Strategy, holding: Holding) -> None:
        self.number = number
        self.strategy = strategy
        self.holding = holding
        self.quantity_max = 0
        self.notional_max = 0
        self.position_max = 0
        self.duplicate_ns = 0
        self.executions_max = 0
        self.executions_ns = 0
        self.long = 0
        self.short = 0
        self.executions = 0
        self.executions_at = 0
        self.last_side = -1
        self.last_quantity = 0
        self.last_price = 0
        self.last_at = 0
        self.position = 0


class Change:
    """What so many lots more, or less, open on a side of a route would make of every sum.

    `value` is what they add on their side; `alone` and `together` by how much the worse of both
    sides grows, of the strategy's position and of what all strategies hold: the venue nets them.
    `need` is the holding's margin with them.
    """

    def __init__(self) -> None:
        self.lots = 0
        self.value = 0
        self.alone = 0
        self.together = 0
        self.need = 0

    def weigh(self, way: Route, side: int, lots: int) -> None:
        """Count anew what these lots would change."""
        holding = way.holding
        unit = holding.unit
        long, short = holding.long, holding.short
        if side == BUY:
            long += lots
            alone = max(way.long + lots, way.short)
        else:
            short += lots
            alone = max(way.long, way.short + lots)
        self.lots = lots
        self.value = times(lots, unit)
        self.alone = self._worth(alone - max(way.long, way.short), unit)
        self.together = self._worth(max(long, short) - max(holding.long, holding.short), unit)
        self.need = holding.margin(long, short)

    def _worth(self, grown: int, unit: int) -> int:
        """Mostly the worse side grows by all of the lots, or by none."""
        if grown == 0:
            return 0
        return self.value if grown == self.lots else times(grown, unit)


class Parent:
    """An order that a strategy works by children. `working` is derived."""

    def __init__(self) -> None:
        self.open = 0
        self.total = 0
        self.children_max = 0
        self.children = 0
        self.filled = 0
        self.working = 0
