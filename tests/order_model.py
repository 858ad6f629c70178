"""What books and orders must say of what was told, in plain words: no code of the core's is here.

Holdings do not depend on the order in which facts come: they are the sum over all that was told.
What an order is called does depend on it, and is folded one telling after the other.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from core.events import (
    AlarmRang,
    Event,
    FillBusted,
    FillReported,
    NodeStarted,
    OpeningSet,
    OrderReported,
    ProgressReported,
)

PRICE_ONE = 10**12
# How far an order has come while it lives; of the two that are alike, the first word stands.
FAR = {"in_flight": 0, "unknown": 1, "acknowledged": 2, "partially_filled": 3}
UNDECIDED = ("in_flight", "unknown")


@dataclass
class OrderModel:
    """One order, as we may call it by what we were told."""

    quantity: int
    status: str = "in_flight"
    filled: int = 0
    filled_by_venue: bool = False

    def told(self, status: str) -> None:
        """Its venue tells a status, late or not."""
        if status == "filled":
            self.filled_by_venue = True
        if status == "acknowledged" and self.filled > 0:
            status = "partially_filled"
        if status == "unknown":
            if self.status == "in_flight":
                self.status = "unknown"
        elif self.status in FAR:
            if status in FAR:
                self.status = max(self.status, status, key=lambda each: FAR[each])
            elif status != "rejected" or self.status in UNDECIDED:
                self.status = status
        elif self.status == "rejected":
            self.status = status  # it lived on after it said no
        elif self.status in ("cancelled", "expired") and status == "filled":
            self.status = status

    def moved(self, quantity: int) -> None:
        """A fill of it was told for the first time."""
        by_venue = self.filled_by_venue
        self.filled += quantity
        self.told("filled" if self.filled >= self.quantity else "partially_filled")
        self.filled_by_venue = by_venue

    def undone(self, quantity: int) -> None:
        """A fill was undone: filled by our own sum alone, it is not over after all."""
        self.filled -= quantity
        if self.status == "filled" and not self.filled_by_venue and self.filled < self.quantity:
            self.status = "unknown"


@dataclass
class Model:
    """Two accounts of one pair of assets: one tells each fill, one how far each order came."""

    base: str
    quote: str
    holdings: dict[str, int] = field(default_factory=dict)
    orders: dict[str, OrderModel] = field(default_factory=dict)
    fills: dict[str, FillReported] = field(default_factory=dict)
    busts: dict[str, FillBusted] = field(default_factory=dict)
    furthest: dict[str, ProgressReported] = field(default_factory=dict)
    contradicted: dict[str, None] = field(default_factory=dict)

    def placed(self, client_order_id: str, quantity: int) -> None:
        assert client_order_id not in self.orders, "an id was chosen twice"
        self.orders[client_order_id] = OrderModel(quantity)

    def tell(self, event: Event) -> None:
        """What the books must make of it."""
        match event:
            case OpeningSet():
                self._add(event.account, event.subject, event.amount)
            case FillReported():
                self._fill(event)
            case FillBusted():
                self._bust(event)
            case ProgressReported():
                self._progress(event)
            case OrderReported():
                self.orders[event.client_order_id].told(event.status)
            case AlarmRang(alarm=alarm) if alarm.startswith("order/"):
                self.orders[alarm.partition("/")[2]].told("unknown")
            case NodeStarted():
                for order in self.orders.values():
                    order.told("unknown")

    def _fill(self, event: FillReported) -> None:
        first = self.fills.get(event.fill_id)
        if first is not None or event.fill_id in self.busts:
            if first is not None and first.price != event.price:
                self.contradicted[event.account] = None
            return
        self.fills[event.fill_id] = event
        self._trade(event, 1)
        self.orders[event.client_order_id].moved(event.quantity)

    def _bust(self, event: FillBusted) -> None:
        if event.fill_id in self.busts:
            return
        first = self.fills.get(event.fill_id)
        if first is not None and first.price != event.price:
            self.contradicted[event.account] = None
            return
        self.busts[event.fill_id] = event
        if first is not None:
            self._trade(first, -1)
            self.orders[event.client_order_id].undone(event.quantity)

    def _progress(self, event: ProgressReported) -> None:
        done = self.furthest.get(event.order_id)
        if done is not None and event.quantity <= done.quantity:
            return
        self.furthest[event.order_id] = event
        before, value = (done.quantity, done.value or 0) if done is not None else (0, 0)
        sign = 1 if event.side == "buy" else -1
        self._add(event.account, self.base, sign * (event.quantity - before))
        self._add(event.account, self.quote, -sign * ((event.value or 0) - value))
        self.orders[event.client_order_id].moved(event.quantity - before)

    def _trade(self, event: FillReported, times: int) -> None:
        sign = times if event.side == "buy" else -times
        value, rest = divmod(event.quantity * event.price, PRICE_ONE)
        assert rest == 0, "prices of the world come out even"
        self._add(event.account, self.base, sign * event.quantity)
        self._add(event.account, self.quote, -sign * value)
        if event.fee:
            self._add(event.account, event.fee_asset, -times * event.fee)

    def _add(self, account: str, asset: str, amount: int) -> None:
        name = f"{account}/{asset}/cash"
        self.holdings[name] = self.holdings.get(name, 0) + amount
