"""The fold from facts to holdings and figures: exact, once each, in any order of arrival."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from core.books import MOVES_KEPT, RECENT_KEPT, RECENT_MAX, at, book_adjustment, post
from core.effects import FetchFills, FetchInstruments, RaiseAlert
from core.events import TOLD_DECIMALS, AdjustmentBooked, AssetListed, CashMoved, Event
from core.money import ASSET_DECIMALS, show
from core.state import Move, Posting, State
from tests.facts import (
    PERP,
    Books,
    bust,
    fill,
    funding,
    linear,
    ms,
    only,
    opened,
    opening,
    perp_books,
    progress,
    report,
    spot,
    spot_books,
    started,
    units,
    wish,
)


def perp(fill_id: str, side: Any, amount: str, at_price: str, **terms: Any) -> Event:
    """A fill of the linear contract."""
    usual: dict[str, Any] = {"account": PERP, "instrument": "BTC-PERP"}
    return fill(fill_id, side, amount, at_price, **{**usual, **terms})


def moved(movement_id: str, amount: str, reason: Any = "transfer") -> CashMoved:
    return CashMoved(
        received_at=ms(200),
        occurred_at=ms(190),
        account=PERP,
        movement_id=movement_id,
        asset="USDT",
        amount=units(amount),
        reason=reason,
    )


# --- what a fill moves ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "moved"),
    [
        (
            fill("1", "buy", "100", "0.002"),
            {"venue/main/XRP/cash": "100", "venue/main/ETH/cash": "-0.2"},
        ),
        (
            fill("1", "sell", "100", "0.002"),
            {"venue/main/XRP/cash": "-100", "venue/main/ETH/cash": "0.2"},
        ),
        (  # the fee in the asset received
            fill("1", "buy", "100", "0.002", fee="0.1", fee_asset="XRP"),
            {"venue/main/XRP/cash": "99.9", "venue/main/ETH/cash": "-0.2"},
        ),
        (  # in a third asset
            fill("1", "buy", "100", "0.002", fee="0.00075", fee_asset="BNB"),
            {
                "venue/main/XRP/cash": "100",
                "venue/main/ETH/cash": "-0.2",
                "venue/main/BNB/cash": "-0.00075",
            },
        ),
        (  # a rebate
            fill("1", "sell", "100", "0.002", fee="-0.0001", fee_asset="ETH"),
            {"venue/main/XRP/cash": "-100", "venue/main/ETH/cash": "0.2001"},
        ),
        (  # the venue's own value is what moves, not our multiplication
            fill("1", "buy", "100", "0.002", value=units("0.20000001")),
            {"venue/main/XRP/cash": "100", "venue/main/ETH/cash": "-0.20000001"},
        ),
    ],
)
def test_a_spot_fill_moves_both_assets_and_its_fee(told: Event, moved: dict[str, str]) -> None:
    books = spot_books(xrp="0", eth="0")
    books.tell(told)
    assert books.all_holdings() == moved


@pytest.mark.parametrize(
    ("told", "moved"),
    [
        (  # only the fee is cash: a position is not paid for
            perp("1", "buy", "3", "50000", fee="0.75", fee_asset="USDT"),
            {"perps/main/BTC-PERP/net": "3", "perps/main/USDT/cash": "-0.75"},
        ),
        (
            perp("1", "sell", "3", "50000", realised=units("-12.5")),
            {"perps/main/BTC-PERP/net": "-3", "perps/main/USDT/cash": "-12.5"},
        ),
        (
            perp("1", "sell", "2", "50000", instrument="BTCUSD", realised=units("0.00000004")),
            {"perps/main/BTCUSD/net": "-2", "perps/main/BTC/cash": "0.00000004"},
        ),
    ],
)
def test_a_contract_fill_moves_the_position_its_profit_and_its_fee(
    told: Event, moved: dict[str, str]
) -> None:
    books = perp_books(usdt="0", btc="0")
    books.tell(told)
    assert books.all_holdings() == moved


@pytest.mark.parametrize(
    ("told", "figure", "value"),
    [
        (perp("1", "buy", "3", "50000"), "BTC-PERP/value/USDT", "-1500"),  # 3 x 0.01 x 50,000
        (perp("1", "sell", "3", "50000"), "BTC-PERP/value/USDT", "1500"),
        # 300 contracts of 1 USD at 60,000: 0.005 BTC
        (perp("1", "buy", "300", "60000", instrument="BTCUSD"), "BTCUSD/value/BTC", "-0.005"),
        # 1 at 30,001: 0.0000333322..., cut to the unit
        (perp("1", "buy", "1", "30001", instrument="BTCUSD"), "BTCUSD/value/BTC", "-0.00003333"),
    ],
)
def test_a_contracts_traded_value_knows_its_multiplier(
    told: Event, figure: str, value: str
) -> None:
    """Linear: quantity x multiplier x price. Inverse: quantity x multiplier / price, in coins."""
    books = perp_books()
    books.tell(told)
    assert books.figure(f"unattributed/perps/main/{figure}") == value


def test_a_hedged_account_keeps_two_legs_where_side_means_something_else() -> None:
    """Selling the long leg closes it; selling the short leg opens it."""
    books = perp_books(hedged=True)
    books.tell(
        perp("1", "buy", "5", "50000", leg="long"),
        perp("2", "sell", "2", "50000", leg="short"),
        perp("3", "sell", "1", "50000", leg="long"),
        perp("4", "buy", "2", "50000", leg="short"),
    )
    assert books.hold("BTC-PERP", "long", PERP) == "4"
    assert books.hold("BTC-PERP", "short", PERP) == "0"
    assert books.hold("BTC-PERP", "net", PERP) == "0"


# --- identity ------------------------------------------------------------------------------------


def test_the_same_fill_is_an_echo_in_whatever_shape_it_comes() -> None:
    """Stream and record differ in fee, value and client order id; the fill is one."""
    books = spot_books()
    books.tell(
        fill("7", "buy", "10", "0.001", order_id="o"),
        fill("7", "buy", "10", "0.001", order_id="o", heard=90_000, maker=True, sequence=3),
    )
    assert books.hold("XRP") == "1010"
    assert books.state.counts["fills_echo/venue/main"] == 1


@pytest.mark.parametrize(
    "other",
    [{"amount": "11"}, {"at_price": "0.0011"}, {"order_id": "another"}],
    ids=lambda other: next(iter(other)),
)
def test_the_same_id_with_other_content_is_a_conflict_and_a_break(other: dict[str, Any]) -> None:
    books = spot_books()
    first: dict[str, Any] = {"amount": "10", "at_price": "0.001", "order_id": "o"}
    books.tell(fill("7", "buy", **first))
    effects = books.tell(fill("7", "buy", **{**first, **other}))
    assert books.hold("XRP") == "1010"
    assert books.break_("XRP") == "0"
    assert books.state.breaks["venue/main/XRP/cash"].cause == "conflict"
    opened, told = only(RaiseAlert, effects)
    assert (opened.severity, told.severity) == ("critical", "critical")
    assert told.text.startswith("fill 7 (buy XRPETH) is told again with other terms: ")


def test_each_conflict_is_named_though_one_break_is_open_for_all() -> None:
    books = spot_books()
    books.tell(fill("7", "buy", "1", "0.001"), fill("8", "buy", "1", "0.001"))
    books.tell(fill("7", "buy", "1", "0.002"))
    (alert,) = books.tell(fill("8", "buy", "1", "0.002"))
    assert isinstance(alert, RaiseAlert)
    assert alert.text == "fill 8 (buy XRPETH) is told again with other terms: 1 at 0.002"
    assert (alert.subject, len(books.state.breaks)) == ("venue/main/XRP/cash", 1)


def test_an_id_is_remembered_for_ever() -> None:
    """After hundreds of later fills, a new stream and the order's end, it is still an echo."""
    books = spot_books()
    first = fill("first", "buy", "10", "0.001")
    books.tell(first)
    for n in range(600):
        books.tell(fill(f"{n}", "buy" if n % 2 else "sell", "1", "0.001", at=200 + n))
    books.tell(first)
    assert books.hold("XRP") == "1010"


def test_ids_of_two_instruments_are_two_ids() -> None:
    books = spot_books()
    books.tell(spot("BNBETH", base="BNB"))
    books.tell(
        fill("7", "buy", "10", "0.001"),
        fill("7", "buy", "3", "0.25", instrument="BNBETH"),
    )
    assert (books.hold("XRP"), books.hold("BNB")) == ("1010", "3")


def test_ids_begin_anew_when_a_symbol_is_listed_again() -> None:
    books = spot_books()
    books.tell(fill("7", "buy", "10", "0.001"))
    books.tell(msgspec.structs.replace(spot(), listing=2))
    books.tell(fill("7", "buy", "3", "0.002"))
    assert books.hold("XRP") == "1013"


def test_both_legs_of_a_self_trade_are_booked() -> None:
    """One id, a buy and a sell, two orders: the position stays, two fees are paid."""
    books = spot_books(xrp="0", eth="0")
    books.tell(
        fill("7", "buy", "10", "0.001", order_id="b", fee="0.00001", fee_asset="ETH"),
        fill("7", "sell", "10", "0.001", order_id="s", fee="0.00002", fee_asset="ETH"),
    )
    assert books.all_holdings() == {"venue/main/ETH/cash": "-0.00003"}


def test_a_fill_of_an_unlisted_instrument_is_not_booked_and_somebody_is_told() -> None:
    books = spot_books()
    before = books.all_holdings()
    effects = books.tell(fill("7", "buy", "10", "0.001", instrument="NOBODY"))
    assert books.all_holdings() == before
    assert [alert.severity for alert in only(RaiseAlert, effects)] == ["critical"]
    assert not only(FetchInstruments, effects), "this venue cannot be asked what it is"


def test_an_instrument_that_was_traded_is_listed_once_the_venue_said_what_it_is() -> None:
    """What it tells unasked of all that it lists is for nobody here."""
    books, ada = spot_books(instruments=True), replace(spot("ADAETH", "ADA"), frame=7)
    traded = fill("7", "buy", "10", "0.001", instrument="ADAETH")
    (asked,) = only(FetchInstruments, books.tell(traded))
    assert asked.instrument == "ADAETH"
    assert not books.tell(ada)
    assert list(books.account().listings) == ["XRPETH"]
    books.done.clear()
    books.account().backfill.waiting.clear()
    told = books.tell(replace(ada, asked_at=ms(5)))
    assert "ADAETH" in [each.instrument for each in only(FetchFills, told)], "its record is read"
    books.tell(traded)
    assert books.all_holdings()["venue/main/ADA/cash"] == "10"


def test_a_fee_that_is_told_late_is_booked_once_and_with_it_the_fill_is_the_same_fill() -> None:
    """Whoever tells it without a fee again contradicts nothing; another fee is another matter."""
    books = spot_books()
    bare = fill("7", "buy", "10", "0.001")
    whole = fill("7", "buy", "10", "0.001", fee="0.1", fee_asset="BNB")
    books.tell(bare, whole)
    once = books.all_holdings()
    assert once == {"venue/main/XRP/cash": "1010", "venue/main/ETH/cash": "9.99"} | {
        "venue/main/BNB/cash": "-0.1"
    }
    assert books.figure("unattributed/venue/main/XRPETH/fee/BNB") == "-0.1"
    assert list(books.account().fee_assets) == ["BNB"], "entries here spend it from now on"
    books.tell(whole, bare)
    assert books.all_holdings() == once
    assert not books.state.breaks
    assert books.state.counts["fills_echo/venue/main"] == 2
    books.tell(fill("7", "buy", "10", "0.001", fee="0.2", fee_asset="BNB"))
    assert books.all_holdings() == once
    assert list(books.state.breaks) == ["venue/main/BNB/cash"]


REMEMBERED: list[tuple[list[Event], dict[str, str]]] = [
    (
        [perp("1", "buy", "3", "50000", fee="0.75", fee_asset="USDT")],
        {"BTC-PERP:1:1:buy": "o1 300000000 50000000000000000 75000000USDT"},
    ),
    (
        [perp("2", "sell", "3", "50000", order_id="")],
        {"BTC-PERP:1:2:sell": "? 300000000 50000000000000000 -"},
    ),
    (
        [bust(perp("1", "buy", "3", "50000"))],
        {
            "bust:BTC-PERP:B1": "1 300000000 50000000000000000",
            "busted:BTC-PERP:1:1:buy": "B1",
            "BTC-PERP:1:1:buy": "o1 300000000 50000000000000000 -",
        },
    ),
    ([funding("f1", "-1.25")], {"funding:f1:USDT": "-125000000"}),
    ([moved("m", "5")], {"transfer:m": "USDT 500000000"}),
    ([opening("BTC", "2", account=PERP)], {"opening:BTC:cash": "200000000"}),
]


@pytest.mark.parametrize(
    ("told", "known"), REMEMBERED, ids=[" ".join(each) for _, each in REMEMBERED]
)
def test_what_is_remembered_of_a_fact_is_its_key_and_all_that_may_not_differ(
    told: list[Event], known: dict[str, str]
) -> None:
    """Journals keep it for years: what is written so today must be known again then."""
    books = Books()
    books.tell(started(), opened(PERP), linear())
    books.tell(*told)
    assert books.account(PERP).seen == known
    books.tell(*told)
    assert books.account(PERP).seen == known
    assert not books.state.breaks


# --- busts and corrections -----------------------------------------------------------------------

SEVEN = fill("7", "buy", "10", "0.001", fee="0.0001", fee_asset="BNB")


@pytest.mark.parametrize(
    "story",
    [
        [SEVEN, bust(SEVEN)],
        [bust(SEVEN)],
        [bust(SEVEN), SEVEN],
        [SEVEN, bust(SEVEN), SEVEN],
        [bust(SEVEN), SEVEN, bust(SEVEN), SEVEN],
    ],
    ids=["after its fill", "never told", "before its fill", "told again", "all twice"],
)
def test_a_bust_leaves_what_would_be_had_the_fill_never_been(story: list[Event]) -> None:
    """Fee and all; and a fill that is told after its bust does not come back."""
    books = spot_books()
    untouched = books.all_holdings()
    books.tell(*story)
    assert books.all_holdings() == untouched


def test_a_bust_of_a_known_fill_takes_back_the_orders_progress() -> None:
    books = spot_books()
    books.tell(wish("buy", "20", "0.001"))
    name = books.order().client_order_id
    told = fill("7", "buy", "10", "0.001", client_order_id=name, order_id="o")
    books.tell(told, bust(told))
    assert books.order().filled == 0


def test_a_bust_of_an_untold_fill_takes_nothing_from_the_order() -> None:
    books = spot_books()
    books.tell(wish("buy", "20", "0.001"))
    name = books.order().client_order_id
    books.tell(bust(fill("7", "buy", "10", "0.001", client_order_id=name, order_id="o")))
    assert books.order().filled == 0


def test_a_correction_is_a_bust_and_a_new_fill() -> None:
    books = spot_books(xrp="0", eth="0")
    books.tell(SEVEN, bust(SEVEN), fill("8", "buy", "10", "0.0011", cause="correction"))
    assert books.all_holdings() == {"venue/main/XRP/cash": "10", "venue/main/ETH/cash": "-0.011"}


def test_a_bust_told_twice_with_other_terms_is_a_conflict() -> None:
    books = spot_books()
    books.tell(SEVEN, bust(SEVEN))
    books.tell(bust(fill("7", "buy", "9", "0.001"), bust_id="B7"))
    assert books.hold("XRP") == "1000"
    assert books.break_("XRP") == "0"


@pytest.mark.parametrize(("amount", "at_price"), [("9", "0.001"), ("10", "0.002")])
def test_a_bust_of_other_terms_than_its_fill_has_is_a_conflict_and_moves_nothing(
    amount: str, at_price: str
) -> None:
    books = spot_books()
    books.tell(SEVEN)
    held = books.all_holdings()
    books.tell(bust(fill("7", "buy", amount, at_price)))
    assert (books.all_holdings(), books.break_("XRP")) == (held, "0")


# --- progress ------------------------------------------------------------------------------------


def progress_books() -> Books:
    return spot_books(xrp="0", eth="0", tells="progress")


def test_cumulative_progress_is_booked_as_what_it_adds() -> None:
    books = progress_books()
    for amount, value in (("2", "0.002"), ("5", "0.005"), ("10", "0.01")):
        books.tell(progress("o", "buy", amount, "0.001", value=units(value), fee=0))
    assert books.all_holdings() == {"venue/main/XRP/cash": "10", "venue/main/ETH/cash": "-0.01"}


def test_progress_and_fills_of_one_order_are_the_same_books() -> None:
    """Each holding and each figure, whichever of both an account tells."""
    filled, progressed = spot_books(), spot_books(tells="progress")
    for n, (amount, so_far, paid) in enumerate((("2", "2", "0.1"), ("3", "5", "0.3"))):
        more: dict[str, Any] = {"value": units(amount), "fee_asset": "ETH", "order_id": "o"}
        filled.tell(fill(f"{n}", "buy", amount, "1", fee=("0.1", "0.2")[n], **more))
        progressed.tell(progress("o", "buy", so_far, "1", value=units(so_far), fee=units(paid)))
    assert filled.state.holdings == progressed.state.holdings
    assert filled.state.figures == progressed.state.figures


def test_the_value_of_an_average_price_is_cut_to_a_whole_unit_however_large_it_is() -> None:
    """99,999,999.99999999 at 0.99999999: more digits than a float has."""
    books = progress_books()
    books.tell(progress("o", "sell", "99999999.99999999", "0.99999999"))
    assert books.hold("ETH") == "99999998.99999999"


def test_fees_told_cumulatively_are_booked_as_what_they_add() -> None:
    books = progress_books()
    for amount, fee in (("2", "0.002"), ("10", "0.01")):
        exact = units(f"0.00{amount}") if amount == "2" else units("0.01")
        books.tell(progress("o", "sell", amount, "0.001", value=exact, fee=units(fee)))
    assert books.hold("ETH") == "0"  # sold for 0.01, paid 0.01
    assert books.figure("unattributed/venue/main/XRPETH/fee/ETH") == "-0.01"


@given(st.permutations(["2", "5", "10", "10", "5"]))
def test_progress_is_monotone_in_whatever_order_it_is_told(amounts: list[str]) -> None:
    """An older telling adds nothing and takes nothing away."""
    books = progress_books()
    held = 0
    for amount in amounts:
        books.tell(progress("o", "buy", amount, "1", value=units(amount)))
        held = max(held, int(amount))
        assert books.hold("XRP") == str(held)
        assert books.hold("ETH") == str(-held)


def test_an_average_price_gives_a_value_in_doubt_until_the_exact_one_is_told() -> None:
    """3 XRP at an average of 1.33, cut to 0.01: 3.99 and up to 0.03 more; in truth 4."""
    books = progress_books()
    books.tell(progress("o", "buy", "3", "1.33"))
    doubt = books.state.doubts["venue/main/ETH/cash"]
    assert books.hold("ETH") == "-3.99"
    assert units("4") - units("3.99") <= doubt <= units("0.03") + 1
    books.tell(progress("o", "buy", "3", "1.33", value=units("4")))
    assert books.hold("ETH") == "-4"
    assert books.state.doubts["venue/main/ETH/cash"] == 0


@pytest.mark.parametrize(
    ("told", "where"),
    [
        ({"amount": "3", "value": "5"}, "XRP"),
        ({"amount": "2", "value": "2", "at": 300}, "XRP"),
        ({"amount": "3", "value": "4", "fee": "0.5"}, "ETH"),
    ],
    ids=["another exact value", "less, and later", "another fee"],
)
def test_progress_that_contradicts_what_is_booked_is_a_break_once(
    told: dict[str, Any], where: str
) -> None:
    """Nothing is booked by it, and people who have ended it are not told the same again."""
    books = progress_books()
    books.tell(progress("o", "buy", "3", "1.33", value=units("4"), fee=units("0.1")))
    held = books.all_holdings()
    rest = {"at": told.get("at", 100), "fee": units(told.get("fee", "0.1"))}
    again = progress("o", "buy", told["amount"], "1", value=units(told["value"]), **rest)
    books.tell(again)
    assert list(books.state.breaks) == [f"venue/main/{where}/cash"]
    books.state.breaks.clear()
    books.tell(again)
    assert not books.state.breaks
    assert books.all_holdings() == held


def test_a_bust_where_only_progress_is_told_moves_nothing_and_is_shown_once() -> None:
    books = progress_books()
    books.tell(progress("o", "buy", "3", "1", value=units("3")))
    held = books.all_holdings()
    undone = bust(fill("7", "buy", "3", "1", order_id="o"))
    books.tell(undone)
    assert books.break_("XRP") == "0"
    books.state.breaks.clear()
    books.tell(undone)
    assert not books.state.breaks
    assert books.all_holdings() == held


def test_an_exact_value_is_not_doubted_again_by_an_average_price() -> None:
    books = progress_books()
    books.tell(progress("o", "buy", "3", "1.33", value=units("4")))
    books.tell(progress("o", "buy", "3", "1.33"))
    assert books.hold("ETH") == "-4"
    assert books.state.doubts["venue/main/ETH/cash"] == 0


def test_where_progress_is_what_counts_a_told_fill_adds_nothing() -> None:
    """Progress superseded by fills, or both: 1.0 of 1.0 is booked, never 1.4 (V5, V21)."""
    books = progress_books()
    books.tell(
        progress("o", "buy", "10", "0.001", value=units("0.01")),
        fill("7", "buy", "4", "0.001", order_id="o"),
    )
    assert books.hold("XRP") == "10"


# --- cash ----------------------------------------------------------------------------------------


def test_funding_is_its_own_event_and_idempotent() -> None:
    books = perp_books(usdt="0")
    books.tell(*[funding("f1", "-1.25")] * 3, funding("f2", "0.25"))
    assert books.hold("USDT", account=PERP) == "-1"
    assert books.figure("unattributed/perps/main/BTC-PERP/funding/USDT") == "-1"


@pytest.mark.parametrize(
    ("first", "other"),
    [(funding("f1", "-1"), funding("f1", "-2")), (moved("m", "5"), moved("m", "6"))],
    ids=["funding", "movement"],
)
def test_the_same_cash_id_with_another_amount_is_a_break(first: Event, other: Event) -> None:
    books = perp_books(usdt="0")
    books.tell(first)
    before = books.hold("USDT", account=PERP)
    books.tell(other)
    assert books.hold("USDT", account=PERP) == before
    assert books.break_("USDT", account=PERP) == "0"


def test_a_movement_is_booked_once_per_reason_and_id() -> None:
    books = perp_books(usdt="0")
    books.tell(moved("m", "5"), moved("m", "5"), moved("m", "7", "realised"))
    assert books.hold("USDT", account=PERP) == "12"


# --- attribution ---------------------------------------------------------------------------------


def test_a_fill_belongs_to_the_strategy_of_its_order_and_else_to_nobody() -> None:
    books = spot_books(xrp="0")
    books.tell(wish("buy", "10", "0.001"))
    name = books.order().client_order_id
    books.tell(
        fill("7", "buy", "4", "0.001", client_order_id=name, order_id="o"),
        fill("8", "buy", "5", "0.001", client_order_id="somebody", order_id="x"),
    )
    assert books.figure("mm/venue/main/XRPETH/trade/XRP") == "4"
    assert books.figure("unattributed/venue/main/XRPETH/trade/XRP") == "5"


def test_a_fill_that_came_before_its_orders_id_finds_its_strategy_later() -> None:
    """The record names the venue's id only; the acknowledgement says whose it is."""
    books = spot_books(xrp="0")
    books.tell(wish("buy", "10", "0.001"), fill("7", "buy", "4", "0.001", order_id="o"))
    assert books.figure("unattributed/venue/main/XRPETH/trade/XRP") == "4"
    books.tell(report(books.order().client_order_id, "acknowledged", order_id="o"))
    assert books.figure("unattributed/venue/main/XRPETH/trade/XRP") == "0"
    assert books.figure("mm/venue/main/XRPETH/trade/XRP") == "4"
    assert books.hold("XRP") == "4"


# --- whatever is told, in whatever order ---------------------------------------------------------


def test_equal_round_trips_are_never_lost() -> None:
    """Two round trips alike to the last digit but their ids earn twice (V24)."""
    books = perp_books(usdt="0")
    for n in range(2):
        books.tell(
            perp(f"{n}b", "buy", "1", "50000", fee="0.1", fee_asset="USDT"),
            perp(f"{n}s", "sell", "1", "50010", realised=units("0.1"), fee="0.1", fee_asset="USDT"),
        )
    assert books.figure("unattributed/perps/main/BTC-PERP/realised/USDT") == "0.2"
    assert books.figure("unattributed/perps/main/BTC-PERP/value/USDT") == "0.2"
    assert books.hold("USDT", account=PERP) == "-0.2"


def _spot_fact(n: int, kind: str, side: str, amount: int, fee: int) -> list[Event]:
    told = fill(f"{n}", side, f"{amount}", "0.001", at=100 + n, fee=f"{fee}e-5", fee_asset="BNB")
    undone = bust(told)
    return [told] if kind == "fill" else [undone] if kind == "bust" else [told, undone]


def _perp_fact(n: int, kind: str, side: str, amount: int, fee: int) -> list[Event]:
    told = perp(f"{n}", side, f"{amount}", "50000", at=100 + n, fee=f"{fee}e-5", fee_asset="USDT")
    return [told, funding(f"{n}", f"{fee}e-4", at=100 + n)] if kind != "fill" else [told]


FACTS = st.lists(
    st.tuples(
        st.sampled_from(["fill", "bust", "both"]),
        st.sampled_from(["buy", "sell"]),
        st.integers(1, 50),
        st.integers(-9, 9),
    ),
    min_size=1,
    max_size=8,
)


@pytest.mark.parametrize(
    ("begin", "fact"), [(spot_books, _spot_fact), (perp_books, _perp_fact)], ids=["spot", "perp"]
)
@given(st.data())
def test_any_order_and_any_duplication_gives_the_same_holdings(
    begin: Callable[[], Books], fact: Callable[..., list[Event]], data: st.DataObject
) -> None:
    """And every holding is the sum of the figures that it is attributed to, after every fact."""
    facts = [event for n, terms in enumerate(data.draw(FACTS)) for event in fact(n, *terms)]
    once = begin()
    once.tell(*facts)
    again = data.draw(st.lists(st.sampled_from(facts), max_size=8))
    other = begin()
    for event in data.draw(st.permutations(facts + again)):
        other.tell(event)
        assert summed(other) == other.state.holdings
    assert other.all_holdings() == once.all_holdings()


def summed(books: Books) -> dict[str, int]:
    """The holdings, summed anew from the figures of all strategies and purposes."""
    sums: dict[str, int] = {}
    for name, amount in books.state.figures.items():
        _, venue, account, subject, purpose, unit = name.split("/")
        if purpose in ("opening", "position"):
            name = f"{venue}/{account}/{subject}/{unit}"
        elif purpose == "value":  # a memorandum
            continue
        else:
            name = f"{venue}/{account}/{unit}/cash"
        sums[name] = sums.get(name, 0) + amount
    return sums


# --- as it was at a moment -----------------------------------------------------------------------

SECOND = 10**9
HOLDING = "venue/main/XRP/cash"
MOMENTS = st.integers(0, 12)
# A holding's postings: at that second, with that number of the venue (0: none), so much.
ENTRIES = st.lists(st.tuples(MOMENTS, st.integers(0, 5), st.integers(-9, 9)), max_size=12)


def posted(entries: list[tuple[int, int, int]]) -> State:
    state = State()
    for moment, sequence, amount in entries:
        post(state, [Posting(HOLDING, "figure", amount)], moment * SECOND, sequence)
    return state


@given(ENTRIES, MOMENTS, MOMENTS)
def test_a_holding_is_told_as_it_was_from_one_moment_to_another(
    entries: list[tuple[int, int, int]], one: int, other: int
) -> None:
    """The sum of all up to the first, and then after each that followed, up to the last."""
    lo, hi = sorted((one, other))
    values = [sum(amount for moment, _, amount in entries if moment <= lo)]
    for moment, _, amount in sorted(entries, key=lambda entry: entry[0]):
        if lo < moment <= hi:
            values.append(values[-1] + amount)
    assert at(posted(entries), HOLDING, lo * SECOND, hi * SECOND, 0) == values


@given(ENTRIES, MOMENTS, st.integers(1, 5))
def test_a_holding_is_told_as_it_was_at_a_number_of_the_venue(
    entries: list[tuple[int, int, int]], hi: int, sequence: int
) -> None:
    """Up to it, and by their time those that bear none; what is five seconds older is within."""

    def within(moment: int, number: int) -> bool:
        return moment < hi - 5 or (number <= sequence if number else moment <= hi)

    value = sum(amount for moment, number, amount in entries if within(moment, number))
    assert at(posted(entries), HOLDING, hi * SECOND, hi * SECOND, sequence) == [value]


BURSTS = st.lists(st.tuples(MOMENTS, st.integers(1, 140)), max_size=6)


@given(BURSTS, MOMENTS)
def test_what_is_forgotten_is_never_told_otherwise(bursts: list[tuple[int, int]], hi: int) -> None:
    """As of a moment further back there is no figure; as of every other the true one."""
    entries = [(moment, 0, 1) for moment, times in bursts for _ in range(times)]
    state = posted(entries)
    told = at(state, HOLDING, hi * SECOND, hi * SECOND, 0)
    assert told in ([], [sum(1 for moment, _, _ in entries if moment <= hi)])
    assert told or len(entries) > RECENT_MAX
    assert at(state, HOLDING, 12 * SECOND, 12 * SECOND, 0) == [len(entries)]


def test_of_so_many_entries_the_newest_half_is_remembered() -> None:
    entries = [(moment, 0, 1) for moment in range(1, RECENT_MAX + 1)]
    assert at(posted(entries), HOLDING, 0, SECOND, 0) == [0, 1], "all of them"
    state = posted([*entries, (RECENT_MAX + 1, 0, 1)])
    since = RECENT_MAX + 1 - RECENT_KEPT
    assert state.horizon == {HOLDING: since * SECOND}
    assert at(state, HOLDING, 0, since * SECOND - 1, 0) == []
    assert at(state, HOLDING, since * SECOND, since * SECOND, 0) == [since]


# --- what it is attributed to --------------------------------------------------------------------


def test_each_movement_has_a_figure_that_says_whose_where_and_why() -> None:
    books = Books()
    books.tell(started(), opened(), opened(PERP), spot(), linear())
    books.tell(opening("XRP", "7"), wish("buy", "20", "0.001"))
    name = books.order().client_order_id
    books.tell(
        fill("1", "buy", "10", "0.002", client_order_id=name, fee="0.1", fee_asset="BNB"),
        perp("2", "sell", "3", "50000", realised=units("-12.5"), fee="1", fee_asset="USDT"),
        funding("f1", "-1.25"),
        moved("m", "5"),
    )
    told = {name: show(amount, ASSET_DECIMALS) for name, amount in books.state.figures.items()}
    assert told == {
        "opening/venue/main/XRP/opening/cash": "7",
        "mm/venue/main/XRPETH/trade/XRP": "10",
        "mm/venue/main/XRPETH/trade/ETH": "-0.02",
        "mm/venue/main/XRPETH/fee/BNB": "-0.1",
        "unattributed/perps/main/BTC-PERP/position/net": "-3",
        "unattributed/perps/main/BTC-PERP/value/USDT": "1500",
        "unattributed/perps/main/BTC-PERP/realised/USDT": "-12.5",
        "unattributed/perps/main/BTC-PERP/fee/USDT": "-1",
        "unattributed/perps/main/BTC-PERP/funding/USDT": "-1.25",
        "unattributed/perps/main/-/transfer/USDT": "5",
    }
    assert [list(books.account(each).fee_assets) for each in ("venue/main", PERP)] == [["BNB"], []]


def test_an_adjustment_has_a_figure_that_says_of_what_and_by_whom() -> None:
    state = State()
    terms = {"adjustment_id": "a1", "holding": "venue/main/XRP/cash", "reason": "counted by hand"}
    told = AdjustmentBooked(received_at=9, amount=7, author="ann", approver="bob", **terms)
    book_adjustment(state, told, 5)
    assert state.holdings == {"venue/main/XRP/cash": 7}
    assert state.figures == {"adjustment/venue/main/XRP/cash/ann/bob": 7}


def test_a_fill_is_remembered_where_its_contracts_may_be_counted_anew_and_nowhere_else() -> None:
    """A spot pair has none; and of some accounts no terms are asked for."""
    for told, remembered in ((True, 1), (False, 0)):
        books = perp_books(instruments=told)
        books.tell(perp("2", "sell", "3", "50000"))
        assert len(books.account(PERP).listings["BTC-PERP"].bookings) == remembered
    books = spot_books(instruments=True)
    books.tell(SEVEN)
    assert not books.account().listings["XRPETH"].bookings


@pytest.mark.parametrize(
    ("amount", "at_price", "worth", "doubt"),
    [
        ("3", "0.001", "-0.003", 0),
        ("3", "0.000000001", "0", 1),  # 0.000000003 ETH, and ETH has eight decimals
        ("15", "0.000000001", "-0.00000001", 1),
    ],
)
def test_a_value_of_our_own_that_does_not_come_out_even_is_in_doubt_by_its_last_unit(
    amount: str, at_price: str, worth: str, doubt: int
) -> None:
    books = spot_books(xrp="0", eth="0")
    books.tell(fill("1", "buy", amount, at_price))
    assert (books.hold("XRP"), books.hold("ETH")) == (amount, worth)
    assert books.state.doubts.get("venue/main/ETH/cash", 0) == doubt


def test_the_newest_movements_are_remembered_as_what_a_difference_may_look_like() -> None:
    """Profit is no movement of its own: its fill tells it, too."""
    books = perp_books()
    books.tell(moved("p", "1", "realised"), funding("f", "2"))
    books.tell(*[moved(f"{n}", f"{n}") for n in range(1, MOVES_KEPT)])
    moves = books.account(PERP).moves
    assert moves[0] == Move("funding", "f", "USDT", units("2"))
    assert (len(moves), moves[-1]) == (MOVES_KEPT, Move("transfer", "63", "USDT", units("63")))
    books.tell(moved("more", "1"))
    assert (len(moves), moves[0].ident, moves[-1].ident) == (MOVES_KEPT, "1", "more")


# --- how finely an asset is counted --------------------------------------------------------------


def test_a_value_that_names_no_asset_is_told_at_the_scale_of_assets() -> None:
    assert TOLD_DECIMALS == ASSET_DECIMALS


def listed(asset: str, decimals: int) -> AssetListed:
    return AssetListed(received_at=ms(1), asset=asset, decimals=decimals)


def test_values_come_at_a_venues_scale_and_are_booked_at_the_assets() -> None:
    """The value of a trade names no asset: 0.004 ETH, of eight decimals or of eighteen."""
    books = Books()
    books.tell(started(), listed("ETH", 18), opened(), spot())
    books.tell(fill("1", "buy", "4", "0.001", value=units("0.004")))
    books.tell(fill("2", "sell", "1", "0.001"))  # not told: quantity and price give it
    assert books.state.holdings["venue/main/ETH/cash"] == -3 * 10**15
    assert books.state.holdings["venue/main/XRP/cash"] == 3 * 10**8


def test_a_value_that_names_its_asset_may_be_as_fine_as_that() -> None:
    """OKX tells profits of contracts with more decimals than eight."""
    books = Books()
    books.tell(started(), listed("USDT", 18), opened(PERP), linear())
    profit = {"realised": 123_456_789_012, "told_decimals": 12}
    books.tell(fill("1", "sell", "1", "1", account=PERP, instrument="BTC-PERP", **profit))
    assert books.state.holdings[f"{PERP}/USDT/cash"] == 123_456_789_012 * 10**6


def test_what_is_booked_is_never_counted_anew() -> None:
    """It would silently be worth something else."""
    books = spot_books()
    effects = books.tell(listed("ETH", 18))
    assert [type(each).__name__ for each in effects] == ["RaiseAlert"]
    assert books.state.decimals == {}
    assert books.tell(listed("ETH", 8)) == []
    assert books.state.counts["assets_refused"] == 1


@pytest.mark.parametrize("decimals", [-1, 19, 30])
def test_no_asset_has_so_many_decimals(decimals: int) -> None:
    books = Books()
    books.tell(started())
    assert books.tell(listed("WEI", decimals)) != []
    assert books.state.decimals == {}


def test_what_is_finer_than_its_asset_is_shown_and_not_cut() -> None:
    books = Books()
    books.tell(started(), listed("ETH", 6), opened(), spot())
    books.tell(fill("1", "buy", "4", "0.001", value=units("0.0040001")))
    assert books.all_holdings() == {}
    assert books.state.counts["fills_unreadable/venue/main"] == 1
