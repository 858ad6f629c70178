"""Exchanges are by the desk's quotes, leave a position within its limit, and gain when covered."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import exchanges, ledger
from core.effects import RaiseAlert
from core.rail_events import ExchangeCovered, LimitSet, TransferCancelled
from core.settlement_state import Lot, Position
from tests.settling import DAY, SECOND, Books, change, pay, pull

HOUR = 3600 * SECOND


def refusal(books: Books, transfer_id: str) -> tuple[str, str]:
    transfer = books.state.settlement.transfers[transfer_id]
    return transfer.refusal, transfer.reason


def cover(books: Books, cover_id: str, sold: tuple[str, int], bought: tuple[str, int]) -> None:
    books.tell(
        ExchangeCovered,
        cover_id=cover_id,
        sold=sold[0],
        sold_amount=sold[1],
        bought=bought[0],
        bought_amount=bought[1],
    )


def gain(books: Books) -> int:
    """What the pair of euros and dollars gained, in cents of a dollar."""
    return -books.balance("gain/EUR-USD/USD")


def limit(books: Books, asset: str, amount: int) -> None:
    books.tell(LimitSet, limit="open", scope="position", subject="", asset=asset, amount=amount)


# --- quotes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "quote", "amount", "gives", "terms"),
    [
        ("UNKNOWN_QUOTE", "", 300, 270, {}),
        ("UNKNOWN_QUOTE", "q2", 300, 270, {}),
        ("UNKNOWN_QUOTE", "q1", 300, 270, {"customer": "bob"}),
        ("UNKNOWN_QUOTE", "q1", 300, 270, {"sells": "EUR", "buys": "USD"}),
        ("QUOTE_AMOUNT", "q1", 300, 271, {}),
        ("QUOTE_AMOUNT", "q1", 300, 269, {}),
        ("QUOTE_AMOUNT", "q1", 299, 270, {}),
        ("QUOTE_USED", "q1", 310, 279, {}),
        ("QUOTE_EXPIRED", "q1", 300, 270, {"until": 0}),
        ("", "q1", 300, 270, {}),
        ("", "q1", 299, 269, {}),
        ("", "q1", 300, 270, {"customer": ""}),
    ],
)
def test_an_exchange_is_by_a_quote_that_holds_and_to_the_unit(
    code: str, quote: str, amount: int, gives: int, terms: dict[str, Any]
) -> None:
    books = Books(alice=1000, bob=0)
    books.quote("q1", **{"until": books.now + HOUR, **terms})
    books.request("t1", change(quote, amount, gives))
    assert refusal(books, "t1")[0] == code
    assert books.has("alice", "EUR") == (0 if code else gives)


def test_a_quote_gives_no_more_than_it_offered_however_often_it_is_named() -> None:
    books = Books(alice=1000)
    books.quote("q1", books.now + HOUR)
    books.request("t1", change("q1", 100, 90), change("q1", 100, 90))
    books.request("t2", change("q1", 110, 99))
    assert refusal(books, "t2") == ("QUOTE_USED", "q1 has 100 USD left, 110 are wanted")
    books.request("t3", change("q1", 60, 54), change("q1", 60, 54))
    assert refusal(books, "t3")[0] == "QUOTE_USED", "two legs of one request count together"
    books.request("t4", change("q1", 100, 90))
    assert (refusal(books, "t4")[0], books.has("alice", "EUR")) == ("", 270)


def test_what_was_not_exchanged_goes_back_into_its_quote() -> None:
    books = Books(alice=0)
    books.quote("q1", books.now + 90 * DAY)
    books.request("t1", pull("pull", 300, waits_for="irrevocable"), change("q1", 300, 270))
    books.request("t2", pull("pull", 300), change("q1", 300, 270))
    assert refusal(books, "t2")[0] == "QUOTE_USED"
    (first, _) = books.legs("t1")
    books.tell(TransferCancelled, transfer_id="t1", by="alice")
    assert first.status == "in_flight", "too late, and the quote stays taken"
    books.tell_rejected(first.payment_id)
    assert [leg.status for leg in books.legs("t1")] == ["failed", "cancelled"]
    books.request("t3", pull("pull", 300), change("q1", 300, 270))
    assert refusal(books, "t3")[0] == ""


def test_a_quote_that_expires_before_its_turn_fails_the_leg_and_undoes_what_came() -> None:
    books = Books(alice=0)
    books.quote("q1", books.now + SECOND)
    legs = books.request("t1", pull("pull", 300, undo_scheme="wire"), change("q1", 300, 270))
    books.tell_accepted(legs[0].payment_id)
    books.line("L1", 300, "payment", legs[0].payment_id)
    books.wait(8 * DAY)
    assert (legs[1].status, legs[1].code) == ("failed", "QUOTE_EXPIRED")
    assert books.legs("t1")[2].undo_of == legs[0].payment_id
    assert books.state.settlement.positions == {}
    assert books.state.settlement.quotes["q1"].taken == 0


def test_a_customer_may_want_it_sooner_than_the_quote_ends() -> None:
    books = Books(alice=0)
    books.quote("q1", books.now + 90 * DAY)
    legs = books.request(
        "t1", pull("pull", 300), change("q1", 300, 270, expires_at=books.now + SECOND)
    )
    books.tell_accepted(legs[0].payment_id)
    books.line("L1", 300, "payment", legs[0].payment_id)
    books.wait(8 * DAY)
    assert legs[1].code == "QUOTE_EXPIRED"


def test_a_quote_is_told_once_and_with_one_body() -> None:
    books = Books(alice=1000)
    until = books.now + HOUR
    books.quote("q1", until)
    books.quote("q1", until)
    assert books.of(RaiseAlert) == []
    books.quote("q1", until, buys_units=10)
    assert "another body" in books.of(RaiseAlert)[0].text
    books.request("t1", change("q1", 300, 300))
    assert refusal(books, "t1")[0] == "QUOTE_AMOUNT", "the first body stands"


@pytest.mark.parametrize(
    "terms",
    [{"sells_units": 0}, {"buys_units": -1}, {"amount": 0}, {"buys": "USD"}, {"sells": "XYZ"}],
)
def test_a_quote_that_cannot_be_one_is_not_taken(terms: dict[str, Any]) -> None:
    books = Books(alice=1000)
    books.quote("q1", **{"until": books.now + HOUR, **terms})
    assert books.state.settlement.quotes == {}
    assert len(books.of(RaiseAlert)) == 1


# --- the position, and what it gains -------------------------------------------------------------


def test_covers_close_the_oldest_lots_and_realise_what_they_gained() -> None:
    books = Books(alice=1000)
    for number, (amount, gives) in enumerate(((300, 270), (100, 80))):
        terms = {"sells_units": amount, "buys_units": gives}
        books.quote(f"q{number}", books.now + HOUR, amount, **terms)
        books.request(f"t{number}", change(f"q{number}", amount, gives))
    (position,) = books.state.settlement.positions.values()
    assert [(lot.base, lot.against) for lot in position.lots] == [(-270, 300), (-80, 100)]
    cover(books, "c1", ("USD", 150), ("EUR", 140))
    assert gain(books) == 300 * 140 // 270 - 150 == 5
    assert [(lot.base, lot.against) for lot in position.lots] == [(-130, 145), (-80, 100)]
    cover(books, "c2", ("USD", 250), ("EUR", 210))
    assert (position.lots, gain(books)) == ([], 5 + 245 - 250)
    assert gain(books) == position.realised == 400 - 150 - 250
    assert books.balance("exchange/EUR-USD/USD") == books.balance("exchange/EUR-USD/EUR") == 0
    assert (books.balance("desk/USD"), books.balance("desk/EUR")) == (-400, 350)


def test_a_cover_beyond_what_is_open_opens_the_other_side() -> None:
    books = Books(alice=1000)
    books.quote("q1", books.now + HOUR)
    books.request("t1", change("q1", 300, 270))
    cover(books, "c1", ("USD", 360), ("EUR", 300))
    (position,) = books.state.settlement.positions.values()
    assert [(lot.deal, lot.base, lot.against) for lot in position.lots] == [("c1", 30, -36)]
    assert gain(books) == 300 - 324


def test_customers_who_deal_the_other_way_close_what_others_left_open() -> None:
    books = Books(alice=1000)
    books.quote("q1", books.now + HOUR)
    books.request("t1", change("q1", 300, 270))
    books.quote("q2", books.now + HOUR, 270, sells="EUR", buys="USD", sells_units=10, buys_units=11)
    back = change("q2", 270, 297)
    (leg,) = books.request("t2", type(back)(**{**_fields(back), "asset": "EUR", "buys": "USD"}))
    assert (leg.status, gain(books), books.has("alice")) == ("settled", 3, 997)
    last = books.state.booked[-1]
    assert (last.purpose, last.subject) == ("realise", leg.payment_id), "the deal is its evidence"


def _fields(leg: Any) -> dict[str, Any]:
    return {name: getattr(leg, name) for name in leg.__struct_fields__}


def test_a_cover_is_booked_once() -> None:
    books = Books(alice=1000)
    for amount in (150, 150, 151):
        cover(books, "c1", ("USD", amount), ("EUR", 140))
    assert books.balance("desk/USD") == -150
    assert "another body" in books.of(RaiseAlert)[0].text
    cover(books, "c2", ("USD", 0), ("EUR", 140))
    cover(books, "c3", ("USD", 5), ("XYZ", 140))
    assert list(books.state.settlement.covers) == ["c1"]


def test_what_is_open_is_shown_at_the_last_quote_and_booked_nowhere() -> None:
    books = Books(alice=1000)
    books.quote("q1", books.now + HOUR)
    books.request("t1", change("q1", 300, 270))
    books.quote("q2", books.now + HOUR, sells_units=100, buys_units=91)
    assert exchanges.unrealised(books.state, "EUR-USD") == 300 + -270 * 100 // 91
    assert gain(books) == 0
    books.quote("q3", books.now + HOUR, sells="EUR", buys="USD", sells_units=10, buys_units=12)
    assert exchanges.unrealised(books.state, "EUR-USD") == 300 - 324


lots = st.tuples(st.integers(-(10**20), 10**20), st.integers(1, 10**20))


@given(st.lists(lots, max_size=12))
def test_nothing_is_lost_between_lots(deals: list[tuple[int, int]]) -> None:
    """Whatever is dealt: the base is what was dealt, and cost and gain are what was paid for it."""
    position = Position("A", "B")
    for base, worth in deals:
        if base:
            gained = position.realised
            gained += exchanges.take_in(position, Lot("", base, -worth if base > 0 else worth))
            assert gained == position.realised
    paid = sum(-worth if base > 0 else worth for base, worth in deals if base)
    assert position.of("A") == sum(base for base, _ in deals)
    assert position.of("B") + position.realised == paid
    sides = {lot.base > 0 for lot in position.lots}
    assert len(sides) <= 1, "one side is open, or none"


# --- the limit on what is open -------------------------------------------------------------------


def test_a_limit_on_the_position_counts_what_is_open_and_what_was_promised() -> None:
    books = Books(alice=10_000)
    limit(books, "EUR", 300)
    for number in range(4):
        books.quote(f"q{number}", books.now + 90 * DAY)
    books.request("t0", change("q0", 200, 180))
    books.request("t1", pull("pull", 100), change("q1", 100, 90))
    assert [leg.status for leg in books.legs("t1")] == ["in_flight", "validated"]
    books.request("t2", change("q2", 50, 45))
    assert refusal(books, "t2") == ("OVER_POSITION", "open: at most 30 EUR would pass")
    books.request("t3", change("q3", 30, 27))
    assert refusal(books, "t3")[0] == ""
    cover(books, "c1", ("USD", 230), ("EUR", 207))
    books.request("t4", change("q2", 230, 207))
    assert refusal(books, "t4")[0] == "", "what was covered makes room"
    assert exchanges.is_open(books.state, "EUR") == -207


def test_the_other_side_makes_room_only_once_it_is_open() -> None:
    books = Books(alice=1000)
    limit(books, "USD", 300)
    books.quote("q1", books.now + HOUR, 400)
    books.request("t1", change("q1", 310, 279))
    assert refusal(books, "t1")[0] == "OVER_POSITION"
    books.request("t2", pay("wire", 310))
    assert refusal(books, "t2")[0] == "", "a payment is no position"
    books.request("t3", change("q1", 300, 270))
    assert exchanges.is_open(books.state, "USD") == 300


def test_a_position_that_is_not_its_lots_is_a_fault_of_the_ledger() -> None:
    books = Books(alice=1000)
    books.quote("q1", books.now + HOUR)
    books.request("t1", change("q1", 300, 270))
    books.state.settlement.positions["EUR-USD"].lots[0].against -= 1
    assert ledger.faults(books.state) == [
        "exchange/EUR-USD/USD is off the sum of its legs or lots by -1"
    ]
