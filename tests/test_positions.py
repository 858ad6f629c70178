"""What a strategy is told that it holds: when its node comes up, and when contracts are counted."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from core.effects import Effect, TellPosition, TellStrategy
from core.events import InstrumentListed
from core.money import QUANTITY_DECIMALS, quantity, show
from core.state import State
from core.strategy import Quote, Tick
from core.trading import GIVEN_UP
from scenarios.model import check
from scenarios.strategies.held import Held
from scenarios.strategies.maker import Maker
from sim.memory_store import MemoryStore
from tests.facts import (
    PERP,
    Books,
    bust,
    fill,
    linear,
    ms,
    only,
    perp_books,
    report,
    spot_books,
    started,
    units,
    wish,
)
from tieout.simulation import Simulation

BOOK = "venue/main/XRPETH"


def bought(books: Books, amount: str, name: str = "1", **terms: Any) -> Any:
    """The strategy's order for so much, and the fill that ended it."""
    books.tell(wish("buy", amount, "0.001"))
    order = list(books.state.orders)[-1]
    told = fill(name, "buy", amount, "0.001", client_order_id=order, order_id=name, **terms)
    books.tell(report(order, "acknowledged", order_id=name), told)
    return told


def positions(effects: list[Effect]) -> list[tuple[str, str, str, str]]:
    return [
        (each.strategy, each.instrument, each.leg, show(each.quantity, QUANTITY_DECIMALS))
        for each in only(TellPosition, effects)
    ]


def heard(effects: list[Effect]) -> Held:
    """A strategy that begins anew and hears these."""
    held = Held(hedged=False)
    for each in effects:
        if isinstance(each, TellStrategy):
            held.hear(each)
        elif isinstance(each, TellPosition):
            held.begin(each)
    return held


def test_a_node_that_comes_up_tells_each_strategy_what_it_holds() -> None:
    books = spot_books()
    bought(books, "30")
    bought(books, "12", "2")
    books.tell(fill("3", "buy", "5", "0.001"))  # nobody's
    assert positions(books.tell(started(2, at=9000))) == [("mm", "XRPETH", "net", "42")]


def test_what_was_paid_in_it_as_a_fee_is_not_held() -> None:
    books = spot_books()
    bought(books, "30", fee="0.03", fee_asset="XRP")
    assert positions(books.tell(started(2, at=9000))) == [("mm", "XRPETH", "net", "29.97")]


@pytest.mark.parametrize("heeds", [True, False])
def test_who_heeds_takes_a_rejected_exit_for_nothing_left_to_close(*, heeds: bool) -> None:
    held = Held(hedged=True, heeds=heeds)
    book = {"strategy": "mm", "account": "okx", "instrument": "X"}
    held.begin(TellPosition(**book, leg="long", quantity=5))
    exit_ = {"side": "sell", "leg": "long", "status": "rejected"}
    told = TellStrategy(
        **book, **exit_, reference="", client_order_id="a", quantity=5, filled_quantity=0
    )
    held.hear(msgspec.structs.replace(told, reason=GIVEN_UP))
    assert held.leg("okx/X", "sell", 5) == ("long", True), "an order that nobody knows says nothing"
    held.hear(msgspec.structs.replace(told, reason="51169: no position", side="buy"))
    assert held.leg("okx/X", "sell", 5) == ("long", True), "an entry that was rejected neither"
    held.hear(msgspec.structs.replace(told, reason="51169: no position"))
    assert held.leg("okx/X", "sell", 5) == (("short", False) if heeds else ("long", True))


def test_legs_are_told_apart() -> None:
    books = perp_books(hedged=True)
    usual: dict[str, Any] = {"account": PERP, "instrument": "BTC-PERP"}
    for side, leg in (("buy", "long"), ("sell", "short")):
        books.tell(wish(side, "3", "50000", **usual, leg=leg))
        name = list(books.state.orders)[-1]
        books.tell(fill(leg, side, "3", "50000", **usual, leg=leg, client_order_id=name))
    told = positions(books.tell(started(2, at=9000)))
    assert told == [("mm", "BTC-PERP", "long", "3"), ("mm", "BTC-PERP", "short", "-3")]


def test_a_working_order_is_not_counted_twice_after_a_restart() -> None:
    """It is told with all its fills, which are in the position already."""
    books = spot_books()
    books.tell(wish("buy", "30", "0.001"))
    name = books.order().client_order_id
    books.tell(fill("1", "buy", "10", "0.001", client_order_id=name))
    held = heard(books.tell(started(2, at=9000)))
    assert held.net(BOOK) == quantity("10")
    more = books.tell(fill("2", "buy", "5", "0.001", at=9500, client_order_id=name))
    for each in only(TellStrategy, more):
        held.hear(each)
    assert held.net(BOOK) == quantity("15")


def test_a_bust_of_an_order_that_was_over_before_the_crash_takes_back_what_it_filled() -> None:
    books = spot_books()
    mine = bought(books, "30")
    effects = books.tell(started(2, at=9000)) + books.tell(bust(mine, at=9500))
    assert heard(effects).net(BOOK) == 0


def test_contracts_that_are_counted_anew_are_told() -> None:
    books = perp_books()
    usual: dict[str, Any] = {"account": PERP, "instrument": "BTC-PERP"}
    books.tell(wish("buy", "3", "50000", **usual))
    name = books.order().client_order_id
    books.tell(fill("1", "buy", "3", "50000", **usual, client_order_id=name))
    terms = linear(multiplier="0.001")
    change = {"received_at": ms(3000), "effective_at": ms(2000), "frame": 9}
    smaller = InstrumentListed(
        **{name: getattr(terms, name) for name in terms.__struct_fields__} | change
    )
    assert positions(books.tell(smaller)) == [("mm", "BTC-PERP", "net", "30")]


# --- in a simulation -----------------------------------------------------------------------------

WORLD = {
    "name": "crashing_maker",
    "claim": "a limit on inventory outlives the node",
    "duration_s": 300,
    "venues": [{"dialect": "binance_usdm", "market_wait_ms": 100}],
    "strategies": [{"kind": "maker", "name": "mm", "options": {"lots": 2, "lots_max": 4}}],
    "faults": [{"kind": "crash", "where": "node", "one_in": 300, "strength": 100}],
}


@pytest.mark.parametrize("seed", range(3))
def test_a_maker_with_a_limit_keeps_it_through_crashes(seed: int) -> None:
    """At the limit it quotes the other side alone; what was out then may still fill."""
    simulation = Simulation(check(WORLD, "here"), seed, MemoryStore())
    most: dict[str, int] = {}

    def look(state: State) -> None:
        for name, amount in state.holdings.items():
            if name.endswith("/net"):
                most[name] = max(most.get(name, 0), abs(amount))

    simulation.on_step = look
    simulation.run()
    assert simulation.host.crashes > 20
    lot = quantity("0.001")
    assert {name: amount // lot for name, amount in most.items() if amount > 12 * lot} == {}
    assert max(most.values()) >= 4 * lot


def test_a_quote_is_made_on_one_side_only_at_the_limit_that_was_told() -> None:
    quote = Quote("venue/main", "XRPETH", bid=100, ask=104, tick=2, lot=quantity("1"), as_of=0)
    for held, sides in (("4", ["sell"]), ("-4", ["buy"]), ("3", ["buy", "sell"])):
        maker = Maker("mm", lots=2, ticks=2, lots_max=4, hedged=False)
        told = TellPosition(
            strategy="mm",
            account="venue/main",
            instrument="XRPETH",
            leg="net",
            quantity=units(held),
        )
        maker.on_position(told, 0)
        wishes: list[Any] = maker.on_tick(Tick(0, 0, (quote,)))
        assert [each.side for each in wishes] == sides
