"""What a venue does to us by force trades in its book: at the book's prices, and moving it."""

from decimal import Decimal
from types import SimpleNamespace

import pytest

from sim.truth import Truth
from venues.exchange import BANKRUPT_ONE_IN, Exchange, Habits, Terms, Ticket, Trade

D = Decimal


class Ear:
    """Writes down what the exchange tells, in order."""

    def __init__(self) -> None:
        self.trades: list[Trade] = []
        self.ended: list[tuple[str, str]] = []

    def on_trade(self, trade: Trade, facts: object) -> None:
        self.trades.append(trade)

    def on_order(self, ticket: Ticket) -> None:
        if not ticket.alive:
            self.ended.append((ticket.client_id, ticket.status))

    def on_account(self, *told: object) -> None:
        pass


def a_long(habits: Habits | None = None) -> tuple[Exchange, Ear]:
    """Long ten lots from 1000; bids of 4, 3, 9 lots at 999, 998, 990; a resting order of ours."""
    ear, now = Ear(), SimpleNamespace(now_ms=lambda: 1000)
    truth = Truth(lambda: 0)
    exchange = Exchange("v/a", habits or Habits(), truth, ear, now)  # type: ignore[arg-type]
    exchange.list_instrument(Terms("X", "linear", "B", "USDT", "USDT", D(1), D(1)))
    exchange.fund("USDT", D(100_000))
    leg = "long" if exchange.habits.hedged else "net"
    exchange.crowd_rests("X", "sell", D(10), D(1000))
    exchange.place("open", "X", "buy", D(10), "ioc", D(1000), leg)
    exchange.crowd_rests("X", "sell", D(10), D(1001))
    for lots, bid in ((4, 999), (3, 998), (9, 990)):
        exchange.crowd_rests("X", "buy", D(lots), D(bid))
    exchange.place("mine", "X", "buy", D(1), "limit", D(997), leg)
    ear.trades.clear()
    ear.ended.clear()
    return exchange, ear


def done(ear: Ear) -> list[tuple[int, int]]:
    return [(int(trade.quantity), int(trade.price)) for trade in ear.trades]


def test_a_liquidation_sells_down_the_book() -> None:
    exchange, ear = a_long()
    assert exchange.force("X", "net", 6, "liquidation")
    assert done(ear) == [(4, 999), (2, 998)]
    assert {(trade.cause, trade.maker) for trade in ear.trades} == {("liquidation", False)}
    assert exchange.positions["X", "net"].quantity == 4
    assert exchange.books["X"].depth("buy") == [(998, 1), (990, 9)], "and the book has less"


def test_our_orders_are_taken_off_before_so_that_we_do_not_meet_ourselves() -> None:
    exchange, ear = a_long()
    exchange.place("higher", "X", "buy", D(2), "limit", D(999))
    exchange.force("X", "net", 6, "liquidation")
    assert ear.ended[:2] == [("mine", "CANCELED"), ("higher", "CANCELED")]
    assert done(ear) == [(4, 999), (2, 998)]
    assert not exchange.open


def test_what_the_book_does_not_take_above_the_bankruptcy_price_stays_ours() -> None:
    exchange, ear = a_long()
    assert D(1000) / BANKRUPT_ONE_IN == 5, "995 is as low as it goes"
    assert exchange.force("X", "net", 9, "liquidation")
    assert done(ear) == [(4, 999), (3, 998)]
    assert ear.ended[-1][0].startswith("autoclose-")
    assert ear.ended[-1][1] == "EXPIRED"
    assert exchange.positions["X", "net"].quantity == 3


def test_an_empty_book_takes_nothing() -> None:
    exchange, ear = a_long()
    exchange.books["X"] = type(exchange.books["X"])()
    assert not exchange.force("X", "net", 6, "liquidation")
    assert ear.trades == []
    assert exchange.positions["X", "net"].quantity == 10


@pytest.mark.parametrize(("leg", "worse"), [("long", -1), ("short", 1)])
def test_adl_closes_at_the_losers_bankruptcy_price_and_leaves_the_book_alone(
    leg: str, worse: int
) -> None:
    exchange, ear = a_long(Habits(hedged=True, forced_ids_negative=True))
    exchange.books["X"] = type(exchange.books["X"])()
    exchange.crowd_rests("X", "sell", D(50), D(1001))
    exchange.crowd_rests("X", "buy", D(50), D(999))
    exchange.place("s", "X", "sell", D(10), "ioc", D(999), "short")
    before = (exchange.books["X"].depth("buy"), exchange.books["X"].depth("sell"))
    ear.trades.clear()
    assert exchange.force("X", leg, 4, "adl")
    trade = ear.trades[0]
    assert (trade.quantity, trade.price) == (4, 1000 + worse * 5)
    assert trade.trade_id < 0, "the venue numbers them apart"
    assert (exchange.books["X"].depth("buy"), exchange.books["X"].depth("sell")) == before


def test_every_trade_of_a_liquidation_is_numbered_apart_where_the_venue_does() -> None:
    exchange, ear = a_long(Habits(hedged=True, forced_ids_negative=True))
    exchange.force("X", "long", 6, "liquidation")
    ids = [trade.trade_id for trade in ear.trades]
    assert len(ids) == len(set(ids)) == 2
    assert max(ids) < 0


# --- fills after the end -------------------------------------------------------------------------


def test_a_fill_after_a_cancel_is_a_trade_in_the_book() -> None:
    """Somebody reaches the order at its price, through all that stands before it."""
    exchange, ear = a_long()
    ticket = exchange.by_client["mine"]
    exchange.cancel(ticket)
    exchange.fill_anyway(ticket, 1)
    assert done(ear) == [(1, 997)]
    assert ear.trades[0].maker
    assert exchange.books["X"].depth("buy") == [(990, 9)], "999 and 998 were in the way"
    assert (ticket.filled, ticket.status) == (1, "FILLED")


def test_an_order_of_ours_in_the_way_is_filled_too() -> None:
    exchange, ear = a_long()
    ticket = exchange.by_client["mine"]
    exchange.place("first", "X", "buy", D(1), "limit", D(997))
    exchange.cancel(ticket)
    exchange.fill_anyway(ticket, 1)
    assert [trade.ticket.client_id for trade in ear.trades] == ["first", "mine"]
    assert [trade.after_end for trade in ear.trades] == [False, True], "of the one that is over"


def test_a_cancelled_order_that_crosses_by_now_takes() -> None:
    exchange, ear = a_long()
    ticket = exchange.by_client["mine"]
    exchange.cancel(ticket)
    for bid in (999, 998):
        exchange.crowd("X", "sell", D(4), D(bid))
    exchange.books["X"] = type(exchange.books["X"])()
    exchange.crowd_rests("X", "sell", D(5), D(995))
    exchange.fill_anyway(ticket, 1)
    assert [(*pair, trade.maker) for pair, trade in zip(done(ear), ear.trades, strict=True)] == [
        (1, 995, False)
    ]


def test_an_order_told_rejected_is_reached_where_it_stands_and_its_rest_is_gone() -> None:
    exchange, ear = a_long()
    ticket = exchange.place("two", "X", "buy", D(2), "limit", D(998))
    exchange.fill_anyway(ticket, 1)
    assert done(ear) == [(1, 998)]
    assert (ticket.filled, ticket.status) == (1, "CANCELED")
    assert ticket.order_id not in exchange.open
    assert exchange.books["X"].leaves(ticket.order_id) == 0
