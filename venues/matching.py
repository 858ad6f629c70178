"""A limit order book with price-time priority, shared by simulated venues and paper mode.

True here: prices are whole ticks and quantities whole lots; the book is never crossed; every lot
placed is executed, cancelled or resting, and `Placement` says which. The book is pure: no clock, no
dice, no set, and the same calls give the same answers on any machine.

The book knows orders only while they rest. Remembering finished ids is the venue's business.
"""

from bisect import bisect_left, insort
from collections import deque
from typing import Final, Literal, NamedTuple

Side = Literal["buy", "sell"]
Kind = Literal["limit", "market", "ioc", "fok", "post_only"]
SelfTrade = Literal["cancel_newest", "cancel_oldest", "cancel_both", "none"]
Status = Literal["resting", "filled", "cancelled"]
Reason = Literal["no_liquidity", "ioc", "fok", "post_only", "self_trade"]


class Execution(NamedTuple):
    """One trade, at the maker's price."""

    maker_id: str
    maker_owner: str
    taker_id: str
    taker_owner: str
    price: int
    quantity: int


class Cancelled(NamedTuple):
    """What the book took off an order on its own account, the taker's remainder included."""

    order_id: str
    owner: str
    quantity: int
    reason: Reason


class Placement(NamedTuple):
    """Everything one order did: quantity = executed + its own cancelled + resting.

    `status` is that of the order placed; `cancelled` may also name makers (self-trade rule).
    """

    executions: list[Execution]
    cancelled: list[Cancelled]
    resting: int
    status: Status


class Resting(NamedTuple):
    """One order in the queue."""

    order_id: str
    owner: str
    price: int
    leaves: int


class Book:
    """One instrument's book. `self_trade` says which order yields when an owner meets itself."""

    __slots__ = ("_asks", "_bids", "_orders", "_self_trade")

    def __init__(self, self_trade: SelfTrade = "cancel_newest") -> None:
        self._self_trade: SelfTrade = self_trade
        self._bids = _Half(1)
        self._asks = _Half(-1)
        self._orders: dict[str, _Order] = {}

    def place(
        self,
        order_id: str,
        owner: str,
        side: Side,
        quantity: int,
        price: int | None,
        kind: Kind = "limit",
    ) -> Placement:
        """Match an order and rest what may rest. A market order has no price, all others have one.

        A post-only order that would cross and a fill-or-kill order that would not fill leave the
        book untouched.
        """
        if type(quantity) is not int or quantity < 1:
            raise ValueError(f"quantity must be a whole number of lots above 0, not {quantity!r}")
        if order_id in self._orders:
            raise ValueError(f"order {order_id!r} is already in the book")
        if kind not in REMAINDER:
            raise ValueError(f"kind must be one of {', '.join(REMAINDER)}, not {kind!r}")
        near, far = self._halves(side)
        if kind == "market":
            if price is not None:
                raise ValueError("a market order has no price")
            key = -far.keys[0] if far.keys else 0  # reaches as far as the worst level
        elif type(price) is int:
            key = price * near.sign
        else:
            raise ValueError(f"price must be a whole number of ticks, not {price!r}")

        executions: list[Execution] = []
        cancelled: list[Cancelled] = []
        leaves = quantity
        if far.keys and far.keys[-1] >= -key:
            if kind == "post_only":
                return nothing_done(order_id, owner, quantity, "post_only")
            if kind == "fok" and not self._fills(far, owner, quantity, -key):
                return nothing_done(order_id, owner, quantity, "fok")
            leaves = self._match(far, order_id, owner, quantity, -key, executions, cancelled)

        if not leaves:
            return Placement(executions, cancelled, 0, "filled")
        if cancelled and cancelled[-1].order_id == order_id:
            return Placement(executions, cancelled, 0, "cancelled")
        reason = REMAINDER[kind]
        if reason is None:
            self._orders[order_id] = near.add(order_id, owner, key, leaves)
            return Placement(executions, cancelled, leaves, "resting")
        cancelled.append(Cancelled(order_id, owner, leaves, reason))
        return Placement(executions, cancelled, 0, "cancelled")

    def cancel(self, order_id: str) -> int:
        """Take an order out; returns the leaves cancelled, 0 if it does not rest here."""
        order = self._orders.pop(order_id, None)
        if order is None:
            return 0
        leaves = order.leaves
        order.half.take_out(order)
        return leaves

    @property
    def best_bid(self) -> int | None:
        """The highest price that buys, None if nobody does."""
        return self._bids.keys[-1] if self._bids.keys else None

    @property
    def best_ask(self) -> int | None:
        """The lowest price that sells, None if nobody does."""
        return -self._asks.keys[-1] if self._asks.keys else None

    @property
    def last(self) -> int:
        """A price to value things at: the middle, or one side of it; 0 where nobody is."""
        bids, asks = self._bids.keys, self._asks.keys
        if bids and asks:
            return (bids[-1] - asks[-1]) // 2  # a key of the asks is their price, negative
        return bids[-1] if bids else -asks[-1] if asks else 0

    def leaves(self, order_id: str) -> int:
        """What is left of a resting order, 0 if it does not rest here."""
        order = self._orders.get(order_id)
        return 0 if order is None else order.leaves

    def depth(self, side: Side, levels: int | None = None) -> list[tuple[int, int]]:
        """(price, quantity) of the best levels, best first; all of them by default."""
        half, _ = self._halves(side)
        best_first = half.keys[::-1] if levels is None else half.keys[::-1][:levels]
        return [(key * half.sign, half.levels[key].quantity) for key in best_first]

    def best(self, side: Side) -> tuple[int, int] | None:
        """(price, quantity) of the best level, None if nobody is there."""
        half, _ = self._halves(side)
        if not half.keys:
            return None
        key = half.keys[-1]
        return key * half.sign, half.levels[key].quantity

    def queue(self, side: Side) -> list[Resting]:
        """Every resting order of one side, in the order in which they would trade."""
        half, _ = self._halves(side)
        return [
            Resting(order.order_id, order.owner, key * half.sign, order.leaves)
            for key in reversed(half.keys)
            for order in half.levels[key].queue
            if order.leaves
        ]

    def _halves(self, side: Side) -> "tuple[_Half, _Half]":
        if side == "buy":
            return self._bids, self._asks
        if side == "sell":
            return self._asks, self._bids
        raise ValueError(f"side must be 'buy' or 'sell', not {side!r}")

    def _match(
        self,
        far: "_Half",
        order_id: str,
        owner: str,
        leaves: int,
        floor: int,
        executions: list[Execution],
        cancelled: list[Cancelled],
    ) -> int:
        """Trade against `far` down to `floor`; returns the leaves of the taker.

        When the self-trade rule stops the taker, its leaves stand last in `cancelled`.
        """
        rule = self._self_trade
        keys = far.keys
        while leaves and keys and keys[-1] >= floor:
            key = keys[-1]
            price = key * far.sign
            level = far.levels[key]
            queue = level.queue
            while leaves and level.quantity:
                maker = queue[0]
                if not maker.leaves:
                    queue.popleft()
                    level.dead -= 1
                    continue
                if maker.owner == owner and rule != "none":
                    if rule != "cancel_newest":
                        maker_leaves = self.cancel(maker.order_id)
                        cancelled.append(
                            Cancelled(maker.order_id, owner, maker_leaves, "self_trade")
                        )
                    if rule != "cancel_oldest":
                        cancelled.append(Cancelled(order_id, owner, leaves, "self_trade"))
                        return leaves
                    continue
                traded = leaves if leaves < maker.leaves else maker.leaves
                executions.append(
                    Execution(maker.order_id, maker.owner, order_id, owner, price, traded)
                )
                leaves -= traded
                maker.leaves -= traded
                level.quantity -= traded
                if not maker.leaves:
                    queue.popleft()
                    del self._orders[maker.order_id]
            # Cancelling its last order, by the self-trade rule, has removed the level already.
            if not level.quantity and key in far.levels:
                del far.levels[keys.pop()]
        return leaves

    def _fills(self, far: "_Half", owner: str, quantity: int, floor: int) -> bool:
        """Whether matching down to `floor` would fill all of it under the self-trade rule."""
        for key in reversed(far.keys):
            if key < floor:
                return False
            for order in far.levels[key].queue:
                if order.leaves and order.owner == owner and self._self_trade != "none":
                    if self._self_trade != "cancel_oldest":
                        return False
                    continue
                quantity -= order.leaves
                if quantity <= 0:
                    return True
        return False


def nothing_done(order_id: str, owner: str, quantity: int, reason: Reason) -> Placement:
    """The placement of an order that left the book as it was."""
    return Placement([], [Cancelled(order_id, owner, quantity, reason)], 0, "cancelled")


# Why what could not trade is cancelled; None where it rests.
REMAINDER: Final[dict[Kind, Reason | None]] = {
    "limit": None,
    "post_only": None,
    "market": "no_liquidity",
    "ioc": "ioc",
    "fok": "fok",
}


class _Half:
    """One side of the book. A key is price * sign, so the best key is the last on both sides.

    The keys are a sorted list: an insertion moves a few hundred pointers at most, which costs less
    than a heap with its stale entries, and depth falls out of it. A level lives while its quantity
    does.
    """

    __slots__ = ("keys", "levels", "sign")

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.keys: list[int] = []
        self.levels: dict[int, _Level] = {}

    def add(self, order_id: str, owner: str, key: int, leaves: int) -> "_Order":
        level = self.levels.get(key)
        if level is None:
            level = self.levels[key] = _Level()
            insort(self.keys, key)
        order = _Order(order_id, owner, self, key, leaves)
        level.queue.append(order)
        level.quantity += leaves
        return order

    def take_out(self, order: "_Order") -> None:
        level = self.levels[order.key]
        level.quantity -= order.leaves
        order.leaves = 0
        if level.quantity:
            level.bury_one()
        else:
            del self.levels[order.key]
            del self.keys[bisect_left(self.keys, order.key)]


class _Level:
    """The queue at one price. A cancelled order stays in it, dead, until met or swept."""

    __slots__ = ("dead", "quantity", "queue")

    def __init__(self) -> None:
        self.queue: deque[_Order] = deque()
        self.quantity = 0
        self.dead = 0

    def bury_one(self) -> None:
        """Count one more dead, and sweep once they are the most: amortised O(1) a cancel."""
        self.dead += 1
        if self.dead > 16 and self.dead * 2 > len(self.queue):
            # In place: `_match` may hold this queue.
            for _ in range(len(self.queue)):
                order = self.queue.popleft()
                if order.leaves:
                    self.queue.append(order)
            self.dead = 0


class _Order:
    __slots__ = ("half", "key", "leaves", "order_id", "owner")

    def __init__(self, order_id: str, owner: str, half: _Half, key: int, leaves: int) -> None:
        self.order_id = order_id
        self.owner = owner
        self.half = half
        self.key = key
        self.leaves = leaves
