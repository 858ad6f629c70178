"""Backtests at their edges: no look ahead, nothing twice, and words instead of traces."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from msgspec.structs import replace

from core.effects import TellStrategy
from core.events import CashMoved, MoveRequested, OrderRequested, StatementReported
from core.journal import decode_event
from core.money import price, quantity
from core.strategy import Bar, PublicTrade, Strategy, Tick, Wish, order
from scenarios import strategies
from scenarios.model import BadScenario, Scenario, check
from tests.recordings import MINUTE, PERP, SPOT, START, bars, scenario, trades
from tests.silent import Silent
from tests.tapes import at, written
from tieout.backtest.asked import asked
from tieout.backtest.frames import last_prices
from tieout.backtest.outcome import Outcome
from tieout.backtest.rows import Told
from tieout.backtest.run import run
from tieout.backtest.views import NoSuchView
from tieout.backtest.views import bars as bars_of
from tieout.bad_input import BadMarket
from venues.recorded.tape import Tape

PLACE = (PERP, "BTCUSDT")
OTHER = "bybit_inverse/main"
HOUR = 60 * MINUTE
FIRST = Bar(*PLACE, START, START, 1, 1, 1, 1, 1)


class Asking(Silent):
    """Says what a function says; of ticks, or of bars where a subclass sees them."""

    def __init__(self, says: Callable[[Any], list[Wish]]) -> None:
        super().__init__("ours")
        self.says = says

    def on_tick(self, tick: Tick) -> list[Wish]:
        return self.says(tick)


class OfBars(Asking):
    """Sees bars of a minute."""

    bar_ns = MINUTE

    def on_bar(self, bar: Bar) -> list[Wish]:
        return self.says(bar)


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    """A strategy of the test's, in a scenario whose venues the test may change."""

    def play(
        trader: Strategy, tapes: dict[tuple[str, str], Tape], told: Scenario, **more: Any
    ) -> Outcome:
        monkeypatch.setattr(strategies, "make", lambda kind, name, options: trader)
        return run(told, tapes, **more)

    return play


Play = Callable[..., Outcome]


def with_venues(told: Scenario, venues: list[dict[str, Any]], **more: Any) -> Scenario:
    """The same, at other venues."""
    return check(told.model_dump(mode="python", exclude_unset=True) | {"venues": venues} | more, "")


def venue_of(told: Scenario) -> dict[str, Any]:
    venue: dict[str, Any] = told.venues[0].model_dump(mode="python", exclude_unset=True)
    return venue


def wish(bar: Bar, **more: Any) -> OrderRequested:
    market = OrderRequested(
        received_at=bar.at,
        strategy="ours",
        reference="a",
        account=bar.account,
        instrument=bar.instrument,
        side="buy",
        quantity=quantity("0.01"),
        kind="market",
    )
    return replace(market, **more)


def test_a_market_that_was_looked_at_meanwhile_does_not_run_ahead(played: Play) -> None:
    """An order rests far away, a strategy only looks: blocks later it still sees no row to come."""
    rows = np.arange(12_000, dtype=np.int64)
    at, rising = START + rows * 100_000_000, 20_000 + rows
    ones = np.ones(len(rows), dtype=np.int64)
    columns = {"side": ones, "price": rising, "quantity": ones}
    tape = Tape("trades", price("0.01"), quantity("1"), at, columns)
    seen: list[tuple[int, int]] = []

    def look(tick: Tick) -> list[Wish]:
        quote = tick.quotes[0]
        seen.append((tick.now, quote.bid // quote.tick))
        if len(seen) != 2:
            return []
        return [order("ours", "a", quote, "buy", quote.lot, tick.now, price=100 * quote.tick)]

    played(Asking(look), {(SPOT, "XRPETH"): tape}, scenario("momentum", venue=SPOT))
    assert [bid for _, bid in seen] == [20_000 + (now - START) // 100_000_000 for now, _ in seen]
    assert seen[-1][0] <= at[-1], "it looked at a market that was over"


def test_what_a_record_tells_again_is_one_fill_and_one_payment(played: Play) -> None:
    """A statement comes while they are on their way: the record is asked, and tells them, too."""
    told = scenario("momentum", free=False)
    venue = venue_of(told) | {"models": {"funding": {"rate": "0.0001", "every_s": 3600}}}
    rests = OfBars(lambda bar: [wish(bar, kind="limit", price=bar.close - price("5"))])
    outcome = played(rests, {PLACE: bars(300)}, with_venues(told, [venue]))
    assert outcome.counts["fills"] == len(outcome.fills) > 50
    movements = outcome.frames["movements"]
    assert len(movements) == movements["at"].nunique() == 5


def test_bars_that_close_within_a_multiple_are_refused() -> None:
    """A day from 16:00 on is not known at the midnight in its middle."""
    tape, opened = bars(3), START + 16 * HOUR + np.arange(3, dtype=np.int64) * 24 * HOUR
    columns = dict(tape.columns) | {"opened_at": opened}
    shifted = Tape("bars", tape.tick, tape.lot, opened + 24 * HOUR, columns)
    with pytest.raises(NoSuchView, match="3 bars are known only after"):
        bars_of(shifted, *PLACE, 24 * HOUR)


def test_a_statement_tells_nothing_of_a_transfer_after_it(played: Play) -> None:
    """Cash leaves long after the last statement: those of before are told as it was then."""
    told = scenario("momentum")
    here, there = venue_of(told), venue_of(told) | {"dialect": "bybit_inverse"}
    slow = {"acts_s": [600, 600], "moves_s": [900, 900]}
    both = with_venues(told, [here, there], treasury=slow)
    sent: list[Wish] = []

    def send(bar: Bar) -> list[Wish]:
        if sent or bar.at < START + 5 * MINUTE:
            return []
        sent.append(
            MoveRequested(
                received_at=bar.at,
                strategy="ours",
                reference="m",
                account=PERP,
                target=OTHER,
                asset="USDT",
                amount=10**8,
                within_ns=HOUR,
            )
        )
        return [sent[-1]]

    outcome = played(OfBars(send), {PLACE: bars(60), (OTHER, "BTCUSDT"): bars(60)}, both)
    assert outcome.store is not None
    events = [decode_event(body) for body in outcome.store.events()]
    left = next(e for e in events if isinstance(e, CashMoved) and e.amount < 0)
    statements = [e for e in events if isinstance(e, StatementReported) and e.account == PERP]
    told_cash = {
        (e.as_of < left.occurred_at): {row.amount for row in e.rows if row.subject == "USDT"}
        for e in statements
        if e.kind == "balances"
    }
    assert len(told_cash) == 2, "statements of before and after"
    before, after = told_cash[True], told_cash[False]
    assert (len(before), len(after)) == (1, 1)
    assert min(before) - 10**8 == min(after)


def test_long_bars_wind_up_beside_a_strategy_that_ticks(played: Play) -> None:
    """What moved last is stated an hour on; nobody trades in a market that is over."""
    tape, opened = bars(3), START + np.arange(3, dtype=np.int64) * HOUR
    columns = dict(tape.columns) | {"opened_at": opened}
    hours = Tape("bars", tape.tick, tape.lot, opened + HOUR, columns)

    def trade(tick: Tick) -> list[Wish]:
        quote = tick.quotes[0]
        return [order("ours", "a", quote, "buy", quote.lot, tick.now, kind="market")]

    outcome = played(Asking(trade), {PLACE: hours}, scenario("momentum", free=False))
    assert outcome.frames["orders"]["decided_at"].max() <= hours.at[-1]
    assert outcome.counts["suspects"] == outcome.counts["open_breaks"] == 0


def test_a_strategy_that_raises_is_named_with_its_line(played: Play) -> None:
    """Its own mistake is told as its own."""

    def trip(bar: Bar) -> list[Wish]:
        raise ZeroDivisionError("of ours")

    said = r"strategy ours: raised ZeroDivisionError: of ours \(test_backtest_engine.py:\d+\)"
    with pytest.raises(BadScenario, match=said):
        played(OfBars(trip), {PLACE: bars(3)}, scenario("momentum"))


def test_a_strategy_that_answers_every_word_is_ended(
    played: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused at once, it wishes at once: time would never pass again."""
    monkeypatch.setattr("tieout.backtest.engine.WISHES_MAX", 50)
    endless = OfBars(lambda bar: [wish(bar, instrument="NONE")])
    monkeypatch.setattr(endless, "on_order", lambda told, now: endless.says(FIRST))
    with pytest.raises(BadScenario, match="more than 50 wishes at one moment"):
        played(endless, {PLACE: bars(3)}, scenario("momentum"))


def test_positions_that_fall_together_are_taken_over_together(played: Play) -> None:
    """One collateral covers two: each alone would stand, both do not."""
    told = scenario("momentum")
    venue = venue_of(told)
    second = dict(venue["instruments"][0]) | {"symbol": "ETHUSDT", "base": "ETH"}
    venue |= {
        "instruments": [venue["instruments"][0], second],
        "wallets": {"USDT": "10000"},
        "models": venue["models"] | {"liquidation": {"maintenance_rate": "0.01"}},
    }
    rows = np.arange(1500, dtype=np.int64)
    opened, close = START + rows * MINUTE, 40_000 - np.maximum(0, rows - 10) * 10
    columns = {"opened_at": opened, "open": close, "high": close + 1, "low": close - 1}
    columns |= {"close": close.copy(), "volume": np.full(len(rows), 10**9, dtype=np.int64)}
    falls = Tape("bars", price("0.5"), quantity("0.001"), opened + MINUTE, columns)

    def buy(bar: Bar) -> list[Wish]:
        return [wish(bar, quantity=quantity("1"))] if bar.opened_at == START else []

    tapes = {PLACE: falls, (PERP, "ETHUSDT"): falls}
    outcome = played(OfBars(buy), tapes, with_venues(told, [venue]))
    forced = outcome.fills[outcome.fills["cause"] == "liquidation"]
    # 10,000 - 2 (20,000 - p) = 0.01 · 2 p: at 15,151.51
    assert next(iter(forced["price"])) == Decimal(15_150)
    assert len(forced) == 2


def test_a_strategy_sees_the_accounts_that_it_is_given(played: Play) -> None:
    """Others' markets are none of its business, as in the simulation."""
    told = scenario("momentum")
    here, there = venue_of(told), venue_of(told) | {"dialect": "bybit_inverse"}
    named = [{"kind": "momentum", "name": "ours", "accounts": [OTHER]}]
    seen: set[str] = set()

    def look(bar: Bar) -> list[Wish]:
        seen.add(bar.account)
        return []

    tapes = {PLACE: bars(5), (OTHER, "BTCUSDT"): bars(5)}
    played(OfBars(look), tapes, with_venues(told, [here, there], strategies=named))
    assert seen == {OTHER}


def test_under_limits_no_reference_grows_stale(played: Play) -> None:
    """Nothing is lent on a stale one: an order minutes after the last would be refused."""
    limits = {"file": "simulated", "rates": {"USDT": "1", "BTC": "20000"}, "heartbeat_ms": 2000}
    told = scenario("momentum", limits=limits)
    outcome = played(OfBars(lambda bar: [wish(bar)]), {PLACE: bars(6)}, told)
    assert list(outcome.frames["orders"]["status"]) == ["filled"] * 6


def test_a_fill_is_marked_at_what_was_known_then(
    played: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However few rows are marks, the last one before each fill is among them."""
    monkeypatch.setattr("tieout.backtest.frames.MARKS_MAX", 4)
    tape = bars(400)
    buys = OfBars(lambda bar: [wish(bar)] if bar.at % (50 * MINUTE) == 0 else [])
    outcome = played(buys, {PLACE: tape}, scenario("momentum", free=False))
    marks = outcome.marks
    assert len(outcome.fills) == 8
    for fill in outcome.fills.itertuples():
        marked = marks[marks["at"] <= fill.at].iloc[-1]
        assert marked["at"] == tape.at[tape.at <= fill.at][-1]


@pytest.mark.parametrize(
    ("tape", "marks"),
    [
        # The third row touches a level far from the top, the next two take the tops away; then
        # nothing is left, and at last there is a snapshot.
        (
            at(
                written(
                    "depth",
                    "1 100 5 0 1, -1 104 5 1 0, 1 90 7 1 0, 1 100 0 0 0, -1 104 0 1 0,"
                    " 1 90 0 1 0, 1 50 1 0 1, -1 60 1 1 0",
                ),
                *(1, 1, 2, 3, 3, 4, 5, 5),
            ),
            [(1, 102), (2, 102), (3, 90), (5, 55)],
        ),
        (
            written("quotes", "100 5 104 5, 0 0 104 5, 100 5 0 0, 0 0 0 0"),
            [(1, 102), (2, 104), (3, 100)],
        ),
        (written("trades", "1 7 1, -1 9 1"), [(1, 7), (2, 9)]),
    ],
)
def test_a_mark_is_the_last_price_of_the_book(tape: Tape, marks: list[tuple[int, int]]) -> None:
    """The middle of the top, or the side that is there; none of an empty book."""
    assert list(last_prices(tape, np.arange(len(tape)))) == marks


def test_a_tape_in_other_ticks_is_refused() -> None:
    """Counted in another step, every price would be another."""
    tape = bars(5)
    finer = Tape("bars", price("0.1"), tape.lot, tape.at, tape.columns)
    with pytest.raises(BadScenario, match=r"ticks of 0.5 .* its recorded market of 0.1"):
        run(scenario("momentum"), {PLACE: finer})


# --- what a command line asks for ----------------------------------------------------------------

ROWS = ["timestamp,open,high,low,close,volume"] + [
    f"{START // 10**6 + number * 60_000},100,101,99,100,50" for number in range(5)
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    told = tmp_path / "market.csv"
    told.write_text("\n".join(ROWS) + "\n")
    return told


def ask(*markets: str, models: dict[str, Any] | None = None, **funds: Decimal) -> Scenario:
    wanted = asked("momentum", {}, markets, funds=funds, models=models or {}, told=Told())
    return wanted.scenario


def test_an_inverse_contract_is_paid_in_its_coin(file: Path) -> None:
    """A wallet of dollars pays no coins."""
    venue = ask(f"bybit_inverse:BTC/USD={file}", BTC=Decimal(2)).venues[0]
    assert venue.instruments[0].settle == "BTC"
    assert venue.wallets == {"BTC": Decimal(2)}


@pytest.mark.parametrize(
    ("markets", "funds", "said"),
    [
        (("BTC/USDT", "BTC/USDT"), {}, "BTCUSDT at binance_spot stands there twice"),
        (("BTC/USDT",), {"USD": Decimal(1)}, "--fund USD: .* USDT, BTC would do"),
        (("binance_usdm:BTC/USDT",), {"BTC": Decimal(1)}, "--fund BTC: .* USDT would do"),
        (("okx_swap:BTC/USDT",), {}, "contracts of so many coins .* a `multiplier`, would do"),
    ],
)
def test_what_would_be_passed_over_is_refused(
    file: Path, markets: tuple[str, ...], funds: dict[str, Decimal], said: str
) -> None:
    """Nobody's words are dropped in silence."""
    with pytest.raises(BadMarket, match=said):
        ask(*(f"{each}={file}" for each in markets), **funds)


def test_a_latency_beyond_the_usual_tail_is_one(file: Path) -> None:
    """`--latency-ms 100` says its own tail."""
    far = ask(f"BTC/USDT={file}", models={"latency_ms": 100, "latency_ms_p99": 100})
    assert far.venues[0].latency_ms == 100


NO_WISHES: dict[str, tuple[Callable[[Bar], Any], str]] = {
    "nothing": (lambda bar: None, "returned NoneType; a list of wishes would do"),
    "one alone": (wish, "returned OrderRequested; a list of wishes would do"),
    "a word": (lambda bar: ["buy"], "wished for 'buy'; one of OrderRequested, CancelRequested"),
    "a side": (lambda bar: [wish(bar, side="BUY")], r"Invalid enum value 'BUY' - at `\$\.side`"),
    "a float": (lambda bar: [wish(bar, quantity=1.5)], r"got `float` - at `\$\.quantity`"),
    "a text": (lambda bar: [wish(bar, price="x")], r"got `str` - at `\$\.price`"),
    "as another": (lambda bar: [wish(bar, strategy="b")], "wished for as 'b'; its own name would"),
    "an end": (lambda bar: exit(3), "raised SystemExit: 3"),
}


@pytest.mark.parametrize("what", NO_WISHES)
def test_what_is_no_wish_is_its_strategys_mistake(what: str, played: Play) -> None:
    """Named with what was found and what would do; no order is booked to who did not wish."""
    says, said = NO_WISHES[what]
    with pytest.raises(BadScenario, match=f"strategy ours: .*{said}"):
        played(OfBars(says), {PLACE: bars(3)}, scenario("momentum"))


@pytest.mark.parametrize("leg", ["long", "short"])
def test_spot_has_no_legs(leg: str, played: Play) -> None:
    """Nobody takes such an order for another one in silence."""
    spot = (SPOT, "XRPETH")
    told: list[Any] = []

    class Hearing(Asking):
        def on_trade(self, trade: PublicTrade) -> list[Wish]:
            about = {"account": spot[0], "instrument": spot[1], "quantity": quantity("1")}
            return [] if told else [wish(FIRST, leg=leg, **about)]

        def on_order(self, heard: TellStrategy, now: int) -> list[Wish]:
            told.append((heard.status, heard.reason))
            return []

    outcome = played(Hearing(lambda tick: []), {spot: trades(10)}, scenario("momentum", venue=SPOT))
    assert outcome.counts["fills"] == 0
    assert set(told) == {("refused", f"spot has no {leg} leg: net would do")}


def test_who_wishes_for_nothing_may_say_so_by_any_empty_answer(played: Play) -> None:
    """Nothing is done at a bar at which nothing is wanted: what comes of it is the same."""

    def at_each_tenth(empty: Any) -> Callable[[Bar], Any]:
        return lambda bar: [wish(bar)] if bar.at // MINUTE % 10 == 0 else empty

    digests = [
        played(OfBars(at_each_tenth(each)), {PLACE: bars(100)}, scenario("momentum")).digest
        for each in ([], ())
    ]
    assert digests[0] == digests[1]


def test_what_is_no_strategy_is_refused_before_anything_runs(played: Play) -> None:
    """A `make` that returns nothing, another's name, a bar of no length."""
    trader: Any = OfBars(lambda bar: [])
    for told, said in (
        (None, "found NoneType without on_tick; a core.strategy.Strategy would do"),
        (SimpleNamespace(on_tick=print, on_order=print), "without on_position"),
        (Silent("theirs"), "found the name 'theirs'"),
        (trader, "bar_ns: found 0; whole nanoseconds over 0 would do"),
    ):
        trader.bar_ns = 0
        with pytest.raises(BadScenario, match=f"strategy ours: .*{said}"):
            played(cast("Strategy", told), {PLACE: bars(3)}, scenario("momentum"))
