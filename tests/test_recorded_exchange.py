"""An exchange over a recorded market: fees and rebates, funding, and positions taken over."""

from decimal import Decimal
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.truth import Truth
from tests.tapes import bars, written
from tests.test_forced_closes import Ear
from venues.exchange import Exchange, Habits, Refusal, Terms, profit, trade_value
from venues.recorded.book import Assumed, RecordedBook
from venues.recorded.liquidation import Threatened, price, take_over, threatened
from venues.recorded.tape import Tape

D = Decimal
US = "v/a"
MODELS = ("linear", "inverse")


class Listener(Ear):
    """Hears of funding, too."""

    def on_movement(self, *told: object) -> None:
        pass


def listed(model: str, *tapes: Tape, funds: str = "1000", **rates: str) -> Exchange:
    """An exchange with an instrument A, B, … per tape, in ticks of 1 and lots of 1."""
    now = SimpleNamespace(now_ms=lambda: 1000)
    exchange = Exchange(US, Habits(), Truth(lambda: 0), Listener(), now)  # type: ignore[arg-type]
    settle = "BTC" if model == "inverse" else "USDT"
    for symbol, each in zip("AB", tapes, strict=False):
        terms = Terms(symbol, model, symbol, "USDT", settle, D(1), D(1))  # type: ignore[arg-type]
        for name, rate in rates.items():
            setattr(terms, name, D(rate))
        exchange.list_instrument(terms)
        exchange.books[symbol] = RecordedBook(each, US, Assumed())
    exchange.fund(settle, D(funds))
    return exchange


def book(exchange: Exchange, symbol: str = "A") -> RecordedBook:
    found = exchange.books[symbol]
    assert isinstance(found, RecordedBook)
    return found


def let_pass(exchange: Exchange, rows: int, symbol: str = "A") -> None:
    exchange.passed(symbol, book(exchange, symbol).advance(rows))


# --- fees ----------------------------------------------------------------------------------------


def test_a_taker_pays_and_a_maker_gets_its_rebate() -> None:
    tape = written("trades", "1 100 5, -1 98 9")
    exchange = listed("linear", tape, maker_rate="-0.0001", taker_rate="0.0005")
    let_pass(exchange, 1)
    exchange.place("t", "A", "buy", D(2), "market")
    exchange.place("m", "A", "buy", D(3), "post_only", D(99))
    let_pass(exchange, 2)
    taken, made = exchange.trades["A"]
    assert (taken.maker, taken.fee) == (False, D("0.1"))
    assert (made.maker, made.fee) == (True, D("-0.0297"))
    assert exchange.wallets["USDT"] == D(1000) - D("0.1") + D("0.0297")


def test_a_rebate_is_rounded_for_the_venue() -> None:
    exchange = listed("inverse", written("trades", "1 30000 5, -1 29000 9"), maker_rate="-0.0001")
    let_pass(exchange, 1)
    exchange.place("m", "A", "buy", D(1), "post_only", D(29500))
    let_pass(exchange, 2)
    (made,) = exchange.trades["A"]
    assert (made.value, made.fee) == (D("0.00003389"), D(0)), "0.000000003389 is less than a unit"


def test_what_is_spent_at_the_market_is_reckoned_at_the_last_price() -> None:
    exchange = listed("spot", written("trades", "1 100 5"))
    let_pass(exchange, 1)
    with pytest.raises(Refusal, match="balance"):
        exchange.place("t", "A", "buy", D(11), "market")
    assert exchange.place("u", "A", "buy", D(9), "market").filled == 9


# --- funding -------------------------------------------------------------------------------------


def test_funding_is_paid_on_the_value_at_the_last_price() -> None:
    exchange = listed("linear", written("trades", "1 100 5, 1 110 1"), taker_rate="0")
    let_pass(exchange, 1)
    exchange.place("t", "A", "sell", D(2), "market")
    let_pass(exchange, 2)
    assert exchange.pay_funding("A", D("0.001"))
    assert exchange.wallets["USDT"] == D(1000) + D("0.22"), "who is short is paid"


# --- liquidation ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "quantity", "entry", "cover", "at"),
    [
        ("linear", 10, 100, 200, "80.80808080808080808"),  # 200 - 10 * 19.19… = 8.08… = 1 % of 808
        ("linear", -10, 100, 200, "118.8118811881188119"),
        ("linear", 10, 100, 1000, None),
        ("linear", -10, 100, -1000, None),
        ("inverse", 1000, 100, 2, "84.16666666666666667"),  # 12 coins are 1010 contracts of 1 USD
        ("inverse", -1000, 100, 2, "123.75"),
        ("inverse", -1000, 100, 10, None),
    ],
)
def test_where_equity_is_maintenance(
    model: str, quantity: int, entry: int, cover: int, at: str | None
) -> None:
    terms = Terms("A", model, "A", "USDT", "S", D(1), D(1))  # type: ignore[arg-type]
    found = price(terms, D(quantity), D(entry), D(cover), D("0.01"))
    assert (found and round(found, 15)) == (at and round(D(at), 15))


@given(
    st.sampled_from(MODELS),
    st.integers(-1000, 1000).filter(bool),
    st.integers(1, 10**6),
    st.integers(1, 10**4),
)
def test_at_that_price_the_equity_is_the_maintenance(
    model: str, quantity: int, entry: int, cover: int
) -> None:
    """By the exchange's own arithmetic of profit and value, which solved no equation."""
    terms = Terms("A", model, "A", "USDT", "S", D(1), D(1))  # type: ignore[arg-type]
    rate = D("0.01")
    found = price(terms, D(quantity), D(entry), D(cover), rate)
    if found is not None:
        equity = cover + profit(terms, D(quantity), D(entry), found)
        owed = rate * trade_value(terms, D(abs(quantity)), found)
        assert equity == pytest.approx(owed, rel=D("1e-12"), abs=D("1e-7"))


def leveraged(model: str = "linear", *rows: str) -> Exchange:
    """Ten lots at 100, bought with 200."""
    exchange = listed(model, *(bars(each) for each in rows), funds="200", taker_rate="0")
    let_pass(exchange, 1)
    exchange.place("t", "A", "buy", D(10), "market")
    return exchange


def test_a_position_is_taken_over_in_the_bar_that_comes_to_its_price_and_at_that_price() -> None:
    exchange = leveraged("linear", "95 105 100 50, 82 103 99 50, 70 99 98 50")
    (one,) = threatened(exchange, D("0.01"))
    assert one == Threatened("A", "net", 1, 81), "80.8, and no later"
    assert book(exchange).next_reach(3, one.sign, one.price) == 2
    let_pass(exchange, 3)
    exchange.place("rests", "A", "buy", D(1), "limit", D(50))
    assert take_over(exchange, book(exchange), one)
    assert [(t.cause, t.price, t.quantity) for t in exchange.trades["A"][1:]] == [
        ("liquidation", 81, 10)
    ]
    assert not exchange.open
    assert exchange.wallets["USDT"] == 10
    assert book(exchange).last == 98, "after it the bar's close is the last price again"
    assert threatened(exchange, D("0.01")) == []


def test_where_a_bar_opens_beyond_the_price_it_is_taken_over_there() -> None:
    exchange = listed("linear", written("bars", "0 100 105 95 100 9, 1 75 90 70 85 9"), funds="200")
    let_pass(exchange, 1)
    exchange.place("t", "A", "buy", D(10), "market")
    (one,) = threatened(exchange, D("0.01"))
    let_pass(exchange, 2)
    assert take_over(exchange, book(exchange), one)
    assert exchange.trades["A"][-1].price == 75


def test_what_else_the_account_holds_in_the_asset_covers_it_or_burdens_it() -> None:
    exchange = leveraged("linear", "95 105 100 50", "195 205 200 50, 195 215 210 50")
    (alone,) = threatened(exchange, D("0.01"))
    let_pass(exchange, 1, "B")
    exchange.place("b", "B", "buy", D(5), "market")
    burdened = threatened(exchange, D("0.01"))[0]
    let_pass(exchange, 2, "B")
    covered = threatened(exchange, D("0.01"))[0]
    assert [one.price for one in (alone, burdened, covered)] == [81, 82, 77]


def test_what_was_paid_in_full_is_never_taken_over() -> None:
    exchange = listed("linear", bars("95 105 100 50"), funds="1000", taker_rate="0")
    let_pass(exchange, 1)
    exchange.place("t", "A", "buy", D(10), "market")
    assert threatened(exchange, D("0.01")) == []


# --- and by force --------------------------------------------------------------------------------


def test_somebody_reaches_an_order_that_was_over() -> None:
    """A fault of part 5: its owner was told of the end, and it stood in the book still."""
    exchange = listed("linear", written("quotes", "99 3 105 5"))
    let_pass(exchange, 1)
    ticket = exchange.place("m", "A", "buy", D(3), "post_only", D(98))
    exchange.cancel(ticket)
    exchange.fill_anyway(ticket, 2)
    assert (ticket.filled, ticket.status) == (2, "CANCELED")
    assert book(exchange).queue("buy") == []
