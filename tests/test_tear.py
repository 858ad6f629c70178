"""The tear sheet: its figures by hand, profit to the unit by another arithmetic; its faces."""

import re
from decimal import Decimal
from fractions import Fraction
from html.parser import HTMLParser
from io import StringIO
from itertools import pairwise
from math import isnan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from tests.outcomes import (
    BEGAN,
    INSTRUMENTS,
    MINUTE,
    D,
    Row,
    fill,
    mark,
    month,
    movement,
    opening,
    order_of,
    outcome,
)
from tieout.backtest.earned import THE_START
from tieout.backtest.outcome import Outcome
from tieout.backtest.tear import TearSheet
from tieout.backtest.tear_facts import facts

SPOT, LINEAR, INVERSE = ("spot", "BTCUSDT"), ("linear", "BTCUSDT"), ("inverse", "BTCUSD")


def at(minute: int) -> int:
    return BEGAN + minute * MINUTE


def profit_of(sheet: TearSheet, strategy: str) -> dict[str, Decimal]:
    told = sheet.profit_by("strategy").loc[strategy]
    return {str(name): amount for name, amount in told.items() if amount}


# --- by hand -------------------------------------------------------------------------------------


def test_a_spot_round_trip_by_hand() -> None:
    """Two bought at 101, marked 100, sold at 109, marked 110: the market made 20 of the 16."""
    told = outcome(
        ended_at=at(9),
        marks=[mark(at(1), *SPOT, "100"), mark(at(5), *SPOT, "110"), mark(at(8), *SPOT, "110")],
        fills=[
            fill(at(2), *SPOT, 1, "2", "101", fee="0.5"),
            fill(at(6), *SPOT, -1, "2", "109", fee="-0.1"),
        ],
        openings=[opening("spot", "USDT", "1000")],
    )
    sheet = told.tear_sheet()
    assert sheet.reporting == "USDT"
    assert sheet.earned.profit == D("15.6")
    assert profit_of(sheet, "one") == {
        "market": D(20),
        "execution": D(-4),
        "fees": D("-0.4"),
        "profit": D("15.6"),
    }
    assert [*sheet.curve["equity"]] == [
        D(each) for each in (1000, 1000, "997.5", "1017.5", "1015.6", "1015.6", "1015.6")
    ]
    assert sheet.results == pytest.approx([15.6])


def test_a_linear_round_trip_by_hand() -> None:
    """Ten contracts of a hundredth, sold short at 200, with funding got while they stood."""
    told = outcome(
        ended_at=at(9),
        marks=[mark(at(1), *LINEAR, "200"), mark(at(5), *LINEAR, "180")],
        fills=[fill(at(2), *LINEAR, -1, "10", "200")],
        movements=[movement(at(4), LINEAR, "USDT", "funding", "0.25")],
        openings=[opening("linear", "USDT", "100")],
    )
    sheet = told.tear_sheet()
    assert profit_of(sheet, "one") == {"market": D(2), "funding": D("0.25"), "profit": D("2.25")}
    assert sheet.exposure.net.tolist() == [0, 0, -20, -20, -18, -18]


def test_an_inverse_round_trip_by_hand() -> None:
    """Eight contracts of 100 dollars, bought at 200: 4 coins, and 3.2 at 250; 0.8 coins of 250."""
    told = outcome(
        ended_at=at(9),
        marks=[mark(at(1), *INVERSE, "200"), mark(at(5), *INVERSE, "250")],
        fills=[fill(at(2), *INVERSE, 1, "8", "200", fee="0.004", fee_asset="BTC")],
        openings=[opening("inverse", "BTC", "10")],
    )
    sheet = told.tear_sheet("USD")
    # The fee was 0.8 dollars then; that those coins are no longer there costs 0.2 more by now.
    assert profit_of(sheet, "one") == {
        "market": D("199.8"),
        "fees": D("-0.8"),
        "profit": D(199),
    }
    assert profit_of(sheet, THE_START) == {"held": D(500), "profit": D(500)}
    assert sheet.exposure.gross.tolist() == [0, 0, 800, 800, 800]


def test_a_fee_in_a_third_coin_is_valued_at_its_own_mark() -> None:
    told = outcome(
        ended_at=at(9),
        marks=[mark(at(1), *SPOT, "100"), mark(at(1), "spot", "BNBUSDT", "300")],
        fills=[fill(at(2), *SPOT, 1, "1", "100", fee="0.001", fee_asset="BNB")],
    )
    assert profit_of(told.tear_sheet(), "one") == {"fees": D("-0.3"), "profit": D("-0.3")}


def test_what_no_mark_values_is_named_and_in_no_figure() -> None:
    """A difference that has no price is not silently nothing."""
    told = outcome(
        ended_at=at(9),
        marks=[mark(at(1), *SPOT, "100")],
        fills=[fill(at(2), *SPOT, 1, "1", "100", fee="0.001", fee_asset="OKB")],
    )
    sheet = told.tear_sheet()
    assert sheet.earned.profit == 0
    assert sheet.unpriced == {"OKB": D("-0.001")}
    assert any("-0.001 OKB" in each for each in sheet.assumptions)
    assert 'class="verdict failed"' in sheet.page()


def test_what_is_moved_earns_nothing_and_what_is_realised_is_told_once() -> None:
    told = outcome(
        ended_at=at(9),
        marks=[mark(at(1), *LINEAR, "200"), mark(at(5), *LINEAR, "210")],
        fills=[fill(at(2), *LINEAR, 1, "100", "200"), fill(at(6), *LINEAR, -1, "100", "210")],
        movements=[
            movement(at(3), ("linear", ""), "USDT", "transfer", "-50"),
            movement(at(4), ("spot", ""), "USDT", "deposit", "50"),
            movement(at(6), LINEAR, "USDT", "realised", "10"),
            movement(at(7), ("linear", ""), "USDT", "insurance", "-3"),
        ],
        openings=[opening("linear", "USDT", "100")],
    )
    sheet = told.tear_sheet()
    assert {part: n for part, n in sheet.parts.items() if n} == {"market": 10, "other": -3}
    assert sheet.transfers["amount"].to_dict() == {("linear", "USDT"): -50, ("spot", "USDT"): 50}


def test_funding_is_shared_by_what_each_strategy_held() -> None:
    """Three and one long: three quarters and a quarter, to the last unit."""
    told = outcome(
        ended_at=at(9),
        marks=[mark(at(1), *LINEAR, "200")],
        fills=[
            fill(at(2), *LINEAR, 1, "3", "200", strategy="a"),
            fill(at(2), *LINEAR, 1, "1", "200", strategy="b"),
            fill(at(2), *LINEAR, 1, "1", "200", strategy="out"),
            fill(at(3), *LINEAR, -1, "1", "200", strategy="out"),
        ],
        movements=[movement(at(4), LINEAR, "USDT", "funding", "-0.00000003")],
    )
    sheet = told.tear_sheet()
    shares = {name: profit_of(sheet, name).get("funding") for name in ("a", "b", "out")}
    assert shares == {"a": D("-0.00000002"), "b": D("-0.00000001"), "out": None}


def test_before_the_first_mark_the_first_one_counts() -> None:
    told = outcome(
        ended_at=at(9),
        marks=[mark(at(3), *SPOT, "100"), mark(at(5), *SPOT, "104")],
        openings=[opening("spot", "BTC", "2")],
    )
    sheet = told.tear_sheet()
    assert sheet.earned.opened == 200
    assert sheet.parts["held"] == 8


# --- by another arithmetic -----------------------------------------------------------------------

SIZES = st.decimals("0.001", "50", places=3)
PRICES = st.decimals("0.01", "99999", places=2)
FEES = st.decimals("-5", "5", places=8)
STEPS = st.tuples(
    st.integers(0, 3),  # minutes later
    st.sampled_from(["mark", "fill", "fill", "funding", "transfer"]),
    st.sampled_from([SPOT, LINEAR, INVERSE]),
    st.sampled_from([1, -1]),
    SIZES,
    PRICES,
    FEES,
    st.sampled_from(["USDT", "BTC", "BNB"]),
    st.sampled_from(["one", "two"]),
)


@st.composite
def backtests(draw: st.DrawFn) -> Outcome:
    """Anything that may happen, after one mark of each."""
    marks = [mark(BEGAN, *place, draw(PRICES)) for place in (SPOT, LINEAR, INVERSE)]
    marks.append(mark(BEGAN, "spot", "BNBUSDT", draw(PRICES)))
    rows: dict[str, list[Row]] = {"marks": marks, "fills": [], "movements": []}
    now = 1
    for later, what, place, side, size, price, fee, coin, name in draw(
        st.lists(STEPS, max_size=12)
    ):
        now += later
        asset = "BTC" if place == INVERSE else "USDT"
        match what:
            case "mark":
                marks.append(mark(at(now), *place, price))
            case "fill":
                told = fill(
                    at(now), *place, side, size, price, fee=fee, fee_asset=coin, strategy=name
                )
                rows["fills"].append(told)
            case _:
                rows["movements"].append(movement(at(now), place, asset, what, str(fee)))
    openings = [
        opening(account, asset, str(draw(SIZES)))
        for account, asset in (("spot", "USDT"), ("spot", "BTC"), ("inverse", "BTC"))
    ]
    return outcome(ended_at=at(now), openings=openings, **rows)


def whole_by_fractions(told: Outcome) -> Fraction:
    """What is there at the end less what was there at the start: one account, no parts, no columns.

    Contracts of a strategy are valued together at the last mark, an inverse one's cut as venues do.
    """
    last, first = dict[str, Fraction](), dict[str, Fraction]()
    for row in told.marks.to_dict("records"):
        name = f"{row['account']}/{row['instrument']}"
        last[name] = Fraction(row["price"])
        first.setdefault(name, last[name])

    def dollars(account: str, asset: str, prices: dict[str, Fraction]) -> Fraction:
        if asset in ("USDT", "USD"):
            return Fraction(1)
        if asset == "BNB":
            return prices["spot/BNBUSDT"]
        market = {"spot": "spot/BTCUSDT", "linear": "linear/BTCUSDT", "inverse": "inverse/BTCUSD"}
        return prices[market[account]]

    total = Fraction(0)
    for row in told.frames["openings"].to_dict("records"):
        ends = (dollars(row["account"], row["asset"], each) for each in (last, first))
        total += Fraction(row["amount"]) * (next(ends) - next(ends))
    for row in told.frames["movements"].query("kind == 'funding'").to_dict("records"):
        total += Fraction(row["amount"]) * dollars(row["account"], row["asset"], last)
    contracts: dict[tuple[str, str, str], Fraction] = {}
    for row in told.fills.to_dict("records"):
        account, side = row["account"], row["side"]
        total -= Fraction(row["fee"]) * dollars(account, row["fee_asset"], last)
        signed, value = side * Fraction(row["quantity"]), side * Fraction(row["value"])
        paid = value * dollars(account, row["asset"], last)
        total += paid if account == "inverse" else -paid
        if account == "spot":
            total += signed * dollars(account, "BTC", last)
        else:
            key = (account, row["instrument"], row["strategy"])
            contracts[key] = contracts.get(key, Fraction(0)) + signed
    multipliers = {each["account"]: Fraction(each["multiplier"]) for each in INSTRUMENTS}
    for (account, instrument, _), held in contracts.items():
        price = last[f"{account}/{instrument}"]
        if account == "linear":
            total += held * multipliers[account] * price
        else:
            coins = held * multipliers[account] / price
            total -= Fraction(round(coins * 10**8), 10**8) * price
    return total


@given(backtests())
@settings(max_examples=40, deadline=None)
def test_the_parts_are_the_profit_to_the_unit(told: Outcome) -> None:
    """Whatever is traded, paid and marked; and the profit is that of another arithmetic."""
    sheet = told.tear_sheet("USDT")
    assert sheet.earned.residual == 0
    assert Fraction(sheet.earned.profit) == whole_by_fractions(told)
    assert sum(sheet.profit["profit"], D(0)) == sheet.earned.profit
    by_account = sheet.profit_by("account")["profit"]
    assert sum(by_account, D(0)) == sheet.earned.profit
    assert [*sheet.curve["equity"]][-1] == sheet.earned.opened + sheet.earned.profit


# --- what was traded -----------------------------------------------------------------------------


def traded() -> Outcome:
    """Four orders: one filled whole, one in two parts, one in part, one not at all."""
    fills = [
        fill(at(2), *SPOT, 1, "1", "101", seen="100", maker=True),
        fill(at(3), *SPOT, 1, "1", "100", seen="100"),
        fill(at(4), *SPOT, 1, "1", "102", seen="100"),
        fill(at(5), *SPOT, -1, "2", "99", seen="0", strategy="two"),
    ]
    orders = [
        order_of(fills[0], "1"),
        {**order_of(fills[1], "2"), "filled": D(2)},
        order_of(fills[3], "8"),
        {**order_of(fills[0], "4"), "filled": D(0), "strategy": "two"},
    ]
    marks = [mark(at(n), *SPOT, str(100 + n)) for n in range(1, 20)]
    return outcome(ended_at=at(30), fills=fills, orders=orders, marks=marks)


def test_fill_quality_by_hand() -> None:
    """The spacing of marks is a minute, so it is looked at after 1, 10 and 60 minutes."""
    sheet = traded().tear_sheet()
    told = sheet.quality
    assert (told["orders"], told["fills"]) == (4, 4)
    assert told["filled_whole"] == 0.5
    assert told["filled_in_part"] == 0.25
    assert told["fill_rate"] == pytest.approx((1 + 1 + 0.25 + 0) / 4)
    assert told["traded"] == pytest.approx(101 + 100 + 102 + 198)
    assert told["maker_share"] == pytest.approx(101 / 501)
    assert told["slippage"] == pytest.approx((101 * 100 + 0 + 102 * 200) / 303)
    after = [
        (101, 1e4 * (103 - 101) / 101),
        (100, 1e4 * (104 - 100) / 100),
        (102, 1e4 * (105 - 102) / 102),
        (198, -1e4 * (106 - 99) / 99),
    ]
    assert told["after 1 min"] == pytest.approx(sum(w * x for w, x in after) / 501)
    assert isnan(told["after 60 min"])  # the data end before


def test_an_order_of_nothing_is_never_filled() -> None:
    """Of no quantity, or of less: the gate refuses it, and nothing of it counts as done."""
    told = [{**order_of(fill(at(2), *SPOT, 1, "1", "100"), n), "filled": D(0)} for n in ("0", "-5")]
    quality = outcome(ended_at=at(9), orders=told).tear_sheet().quality
    assert (quality["orders"], quality["filled_whole"], quality["fill_rate"]) == (2, 0, 0)


def test_what_was_turned_away_is_told_with_its_reasons() -> None:
    """An order that came to no market says so, by whom, and why; none says nothing."""
    usual = order_of(fill(at(2), *SPOT, 1, "1", "100"), "1")
    ended = [("refused", "UNLISTED")] * 2 + [("rejected", "balance"), ("cancelled", "ioc")]
    orders = [{**usual, "status": status, "code": code} for status, code in ended]
    trading = facts(outcome(ended_at=at(9), orders=orders).tear_sheet())["Trading"]
    assert [fact[:] for fact in trading if "by " in fact.name] == [
        ("Refused by our gate", "2", "UNLISTED (2)"),
        ("Rejected by a venue", "1", "balance (1)"),
    ]
    assert not any("by " in fact.name for fact in facts(traded().tear_sheet())["Trading"])


def test_a_wallet_that_lies_idle_makes_no_return_smaller_than_it_is() -> None:
    """Of what was at work, whatever else was there; who held nothing has none."""
    sheet = traded().tear_sheet()
    (told,) = (each for each in facts(sheet)["Reward"] if each.name == "Return on exposure")
    share = 100 * float(sheet.earned.profit) / float(sheet.exposure.gross.max())
    assert told.figure == f"{share:.2f} %".replace("-", "\u2212")
    idle = facts(outcome(ended_at=at(9)).tear_sheet())["Reward"]
    assert [each.figure for each in idle if each.name == "Return on exposure"] == ["–"]


@pytest.mark.parametrize(("days", "told"), [(29, []), (30, ["CAGR", "Calmar"])])
def test_what_grows_for_a_year_is_told_of_a_month_and_more(days: int, told: list[str]) -> None:
    lasted = facts(outcome(ended_at=at(days * 1440)).tear_sheet())["Reward"]
    assert [each.name for each in lasted if each.name in ("CAGR", "Calmar")] == told


def test_fill_quality_stands_by_strategy_account_and_instrument() -> None:
    told = traded().tear_sheet().quality_by("strategy")
    assert told["orders"].to_dict() == {"one": 2, "two": 2}
    assert told["fills"].to_dict() == {"one": 3, "two": 1}
    assert isnan(told["slippage"]["two"])  # nothing was seen


def test_closing_trades_are_at_average_cost_after_fees() -> None:
    """Two at 100 and 110 (105 on average), three sold at 120: 2 x 15 less fees, one is short."""
    told = outcome(
        ended_at=at(9),
        marks=[mark(at(1), *LINEAR, "100")],
        fills=[
            fill(at(2), *LINEAR, 1, "100", "100", fee="0.5"),
            fill(at(3), *LINEAR, 1, "100", "110", fee="0.5"),
            fill(at(4), *LINEAR, -1, "300", "120", fee="3"),
            fill(at(5), *LINEAR, 1, "100", "121", fee="0"),
        ],
    )
    assert told.tear_sheet().results == pytest.approx([30 - 1 - 2, -1 - 1])


def test_equal_round_trips_are_never_lost() -> None:
    """Not even a hundred that are alike, at one moment."""
    fills = [fill(at(2), *SPOT, 1 - 2 * (n % 2), "1", str(100 + n % 2)) for n in range(200)]
    sheet = outcome(ended_at=at(9), marks=[mark(at(1), *SPOT, "100")], fills=fills).tear_sheet()
    assert sheet.earned.profit == 100
    assert len(sheet.results) == 100
    assert sheet.trades_hit_rate == 1


def test_exposure_of_strategies_at_one_place_is_netted() -> None:
    told = outcome(
        ended_at=at(4),
        marks=[mark(at(0), *LINEAR, "100"), mark(at(0), *SPOT, "100")],
        fills=[
            fill(at(1), *LINEAR, 1, "300", "100", strategy="a"),
            fill(at(1), *LINEAR, -1, "100", "100", strategy="b"),
            fill(at(1), *SPOT, -1, "1", "100", strategy="b"),
            fill(at(3), *LINEAR, -1, "200", "100", strategy="a"),
            fill(at(3), *SPOT, 1, "1", "100", strategy="b"),
        ],
        openings=[opening("spot", "USDT", "1000")],
    )
    sheet = told.tear_sheet()
    assert sheet.exposure.gross.tolist() == [0, 300, 0, 0]
    assert sheet.exposure.net.tolist() == [0, 100, 0, 0]
    assert sheet.time_in_market == 0.5


def test_days_and_months_are_those_of_the_curve() -> None:
    sheet = month(days=40).tear_sheet()
    for unit, count in (("D", 40), ("M", 2)):
        told = sheet.periods(unit)  # type: ignore[arg-type]
        assert len(told) == count
        assert told["gained"].sum() == pytest.approx(float(sheet.earned.profit))
        assert np.prod(1 + told["return"]) == pytest.approx(1 + sheet.statistics.total_return)


# --- faces ---------------------------------------------------------------------------------------

FIGURE = r"−?[\d,]+\.\d\d"


class Tags(HTMLParser):
    """What is open when the page ends, and every place that it would load from."""

    VOID = ("meta", "br", "hr", "img", "path", "use", "rect", "line", "circle")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.loads += [v or "" for name, v in attrs if name in ("src", "href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


def test_the_page_stands_alone_and_is_the_same_every_time() -> None:
    told = month(days=40)
    page = told.tear_sheet().page()
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    assert [each for each in tags.loads if not each.startswith("#")] == []
    assert "<script" not in page
    assert "nan" not in re.sub(r"<[^>]*>", " ", page).lower().split()
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert page == told.tear_sheet().page()


def test_terminal_and_page_say_the_same_figures() -> None:
    sheet = month(days=3).tear_sheet()
    console = Console(file=StringIO(), width=220, legacy_windows=False)
    console.print(sheet)
    told = console.file.getvalue()  # type: ignore[attr-defined]
    page = sheet.page()
    for head in ("Profit", "Sharpe", "Maker share", "Deepest drawdown", "opening balances"):
        assert head in told
        assert head in page
    figures = set(re.findall(FIGURE, told))
    assert len(figures) > 20
    assert figures <= set(re.findall(FIGURE, page))


@pytest.mark.parametrize("told", [outcome(), outcome(ended_at=at(5))], ids=["no time", "no trade"])
def test_a_backtest_in_which_nothing_happened_has_a_sheet(told: Outcome) -> None:
    sheet = told.tear_sheet()
    assert sheet.earned.profit == 0
    assert "0 orders, 0 fills, 0.00 USDT earned" in sheet.page()
    Console(file=StringIO()).print(sheet)


def test_times_rise_and_the_curve_is_exact() -> None:
    sheet = month(days=2).tear_sheet()
    assert all(earlier < later for earlier, later in pairwise(sheet.earned.moments))
    assert all(isinstance(each, Decimal) for each in sheet.curve["equity"])
