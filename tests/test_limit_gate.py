"""The hot gate in the place where core asks its gate: names, lots, and how it follows orders."""

from __future__ import annotations

import json
from typing import Any

from core.effects import PlaceOrder, TellStrategy
from core.events import ReferenceSet
from core.money import price, quantity
from core.state import Drift, Reading
from core.step import step
from risk.adapter import LimitGate, Way
from risk.counters import ENABLED, Tier
from risk.gate import Gate
from tests.facts import (
    PERP,
    Books,
    fill,
    linear,
    ms,
    only,
    opened,
    opening,
    report,
    started,
    stream,
    wish,
)

BIG = 1 << 50
LOT = quantity("1")


def limited(position_max: int = 10) -> LimitGate:
    """One strategy in one instrument, in lots of one contract; all but the position far away."""
    gate = Gate(8, 0)
    account = gate.add_account()
    holding = gate.add_holding(account, gate.add_asset(), gate.add_book())
    way = gate.add_route(gate.add_strategy(), holding)
    for scope in gate.scopes():
        scope.long_max = scope.short_max = scope.gross_max = BIG
    gate.firm.state = way.strategy.state = ENABLED
    gate.firm.open_until = ms(10**9)
    account.rate.orders_ns = way.strategy.rate.orders_ns = 10**12
    account.collateral = account.credit_max = BIG
    holding.tiers = [Tier(BIG, 1000, 0)]
    holding.collar_bp, holding.reference_age_max = 1000, ms(10**9) - ms(0)
    holding.value_num, holding.value_den = 1, 10**9
    holding.position_max = way.position_max = position_max
    way.quantity_max, way.notional_max, way.executions_max = 100, BIG, 1000
    return LimitGate(gate, {("mm", PERP, "BTC-PERP", "net"): Way(0, 0, LOT)})


class Limited(Books):
    """Books under the limit gate, which observes each order after each event."""

    def __init__(self, gate: LimitGate) -> None:
        super().__init__()
        self.gate = gate
        self.tell(started(), opened(PERP), linear(), opening("USDT", "1000", account=PERP))
        self.tell(stream(account=PERP))
        told = {"account": PERP, "instrument": "BTC-PERP", "price": price("100"), "as_of": ms(6)}
        self.tell(ReferenceSet(received_at=ms(6), **told))

    def tell(self, *events: Any) -> list[Any]:
        effects: list[Any] = []
        for event in events:
            effects += step(self.state, event, self.gate)
            for order in self.state.orders.values():
                self.gate.observe(order, event.received_at)
        return effects

    def ask(self, side: str, amount: str, *, at: int = 50, **terms: Any) -> str:
        """The client order id, or the word of the refusal."""
        terms = {"account": PERP, "instrument": "BTC-PERP", **terms}
        effects = self.tell(wish(side, amount, terms.pop("cost", "100"), at=at, **terms))
        placed = only(PlaceOrder, effects)
        if placed:
            return placed[0].client_order_id
        return only(TellStrategy, effects)[0].reason

    def told(self, name: str, status: str, at: int) -> None:
        self.tell(report(name, status, at=at, account=PERP, instrument="BTC-PERP", order_id="o"))

    def traded(self, name: str, side: str, amount: str, at: int, ident: str = "1") -> None:
        terms = {"account": PERP, "instrument": "BTC-PERP", "order_id": "o"}
        self.tell(fill(ident, side, amount, "100", at=at, client_order_id=name, **terms))

    def sums(self) -> tuple[int, int, int]:
        way = self.gate.gate.routes[0]
        return way.position, way.buys, way.sells


def test_an_order_is_reserved_from_its_wish_to_its_end() -> None:
    books = Limited(limited())
    name = books.ask("buy", "6")
    assert books.sums() == (0, 6, 0)
    assert "position limit" in books.ask("buy", "5", at=51)
    books.told(name, "acknowledged", 60)
    books.traded(name, "buy", "2", 70)
    assert books.sums() == (2, 4, 0)
    books.told(name, "cancelled", 90)
    assert books.sums() == (2, 0, 0)
    assert books.state.counts["refused/STRATEGY_POSITION"] == 1


def test_a_refusal_says_what_would_pass() -> None:
    books = Limited(limited())
    books.ask("buy", "6")
    told = books.ask("buy", "5", at=51)
    assert (
        told == "position limit: 11 against 10, headroom 4; passes: a smaller order, at most 4 lots"
    )


def test_an_unknown_order_keeps_its_reservation() -> None:
    books = Limited(limited())
    name = books.ask("buy", "10")
    books.told(name, "unknown", 60)
    assert books.order().status == "unknown"
    assert books.sums() == (0, 10, 0)
    assert "position limit" in books.ask("buy", "1", at=9_000)


def test_an_order_that_lives_on_after_its_end_is_reserved_again() -> None:
    """Late truth wins: rejected, then acknowledged after all; and a fill after a cancel counts."""
    books = Limited(limited())
    name = books.ask("buy", "6")
    books.told(name, "rejected", 60)
    assert books.sums() == (0, 0, 0)
    books.told(name, "acknowledged", 70)
    assert books.sums() == (0, 6, 0)
    books.told(name, "cancelled", 80)
    books.traded(name, "buy", "6", 75)
    assert books.sums() == (6, 0, 0)


def test_an_order_of_ours_that_the_journal_lost_is_reserved_when_it_is_told_twice() -> None:
    """Observing the same order again changes nothing."""
    books = Limited(limited())
    name = books.ask("buy", "6")
    books.told(name, "acknowledged", 60)
    for _ in range(3):
        books.gate.observe(books.state.orders[name], ms(61))
    assert books.sums() == (0, 6, 0)


def test_while_a_break_is_open_only_exits_pass() -> None:
    """The rule of breaks comes first, with its own word."""
    books = Limited(limited())
    name = books.ask("buy", "6")
    books.traded(name, "buy", "6", 70)
    books.told(name, "filled", 90)
    held = f"{PERP}/BTC-PERP/net"
    four = Reading(held, quantity("4"), ms(80), ms(90), 0, ms(80), ms(90), 1, ms(95))
    books.state.breaks[held] = Drift(reading=four, size=quantity("-2"), opened_at=ms(90), number=1)
    assert "only exits pass" in books.ask("buy", "1", at=5_000)
    assert "only exits pass" in books.ask("sell", "5", at=5_001, reduce_only=True)
    assert books.ask("sell", "4", at=5_002, reduce_only=True).startswith("tie")
    assert books.gate.gate.holdings[0].disputed == -2


def test_a_name_that_no_limit_names_and_a_part_of_a_lot_are_refused() -> None:
    books = Limited(limited())
    assert "known routes only" in books.ask("buy", "1", leg="long")
    assert "well-formed order" in books.ask("buy", "1.5", at=51)
    assert books.sums() == (0, 0, 0)


def test_its_state_is_plain_and_comes_back() -> None:
    books = Limited(limited())
    name = books.ask("buy", "6")
    told = json.loads(json.dumps(books.gate.dump()))
    again = limited()
    again.restore(told)
    assert again.dump() == books.gate.dump()
    again.observe(books.state.orders[name], ms(60))
    assert again.dump() == books.gate.dump()
