"""Public trades and bars: read in each venue's words, told once, shown to who asks everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from core.effects import TellPosition, TellStrategy
from core.journal import decode_event, digest_of
from core.money import price, quantity
from core.strategy import Bar, PublicTrade, Strategy, Tick, Wish
from scenarios import strategies
from scenarios.model import Scenario, check
from sim.faults import Fault
from sim.market import MS
from sim.memory_store import MemoryStore
from sim.truth import Truth
from sim.world import EPOCH_NS, SECOND
from tests.test_shapes import MODULES
from tieout.node.bars import GRACE_NS, Bars
from tieout.node.seen import is_watched
from tieout.node.sights import Sights
from tieout.simulation import Simulation
from tieout.world.twins import TWINS
from venues.dialect import Print
from venues.exchange import Exchange, Terms
from venues.exchange import Print as Printed

# Written after each venue's documentation, with what it says of the fields.
DOCUMENTED = {
    "binance_spot": (
        b'{"e":"trade","E":1672515782136,"s":"BNBBTC","t":12345,"p":"0.001","q":"100",'
        b'"T":1672515782136,"m":true,"M":true}',
        ("BNBBTC", "12345", "sell", "0.001", "100", 1672515782136),
    ),
    "binance_usdm": (
        b'{"stream":"btcusdt@trade","data":{"e":"trade","E":1698417600001,"T":1698417600000,'
        b'"s":"BTCUSDT","t":4201,"p":"34000.10","q":"0.005","X":"MARKET","m":false}}',
        ("BTCUSDT", "4201", "buy", "34000.1", "0.005", 1698417600000),
    ),
    "okx_swap": (
        b'{"arg":{"channel":"trades","instId":"BTC-USDT-SWAP"},"data":[{"instId":"BTC-USDT-SWAP",'
        b'"tradeId":"130639474","px":"42219.9","sz":"12","side":"buy","ts":"1630048897897",'
        b'"count":"3"}]}',
        ("BTC-USDT-SWAP", "130639474", "buy", "42219.9", "12", 1630048897897),
    ),
    "bybit_inverse": (
        b'{"topic":"publicTrade.BTCUSD","type":"snapshot","ts":1672304486868,"data":[{"T":'
        b'1672304486865,"s":"BTCUSD","S":"Buy","v":"7","p":"16578.50","L":"PlusTick",'
        b'"i":"20f43950-d8dd-5b31-9112-a178eb6023af","BT":false}]}',
        (
            *("BTCUSD", "20f43950-d8dd-5b31-9112-a178eb6023af", "buy", "16578.5", "7"),
            1672304486865,
        ),
    ),
    "coinbase": (
        b'{"channel":"market_trades","client_id":"","timestamp":"2023-02-09T20:19:35.396Z",'
        b'"sequence_num":5,"events":[{"type":"snapshot","trades":[{"trade_id":"1","product_id":'
        b'"ETH-USD","price":"1","size":"1","side":"BUY","time":"2019-08-14T20:42:27.265Z"}]},'
        b'{"type":"update","trades":[{"trade_id":"7","product_id":"ETH-USD","price":"1260.01",'
        b'"size":"0.3","side":"BUY","time":"2019-08-14T20:42:27.265Z"}]}]}',
        ("ETH-USD", "7", "sell", "1260.01", "0.3", 1565815347265),
    ),
}
NO_TRADES = (
    b'{"result":null,"id":1}',
    b'{"e":"trade","E":1,"T":1,"s":"BTCUSDT","t":1,"p":"0","q":"0","X":"INSURANCE_FUND","m":true}',
    b'{"event":"subscribe","arg":{"channel":"trades","instId":"BTC-USDT-SWAP"},"connId":"a"}',
    b'{"success":true,"ret_msg":"","conn_id":"1","op":"subscribe"}',
)


@pytest.mark.parametrize("venue", TWINS)
def test_a_dialect_reads_trades_as_its_venue_documents_them(venue: str) -> None:
    body, (name, trade_id, side, at_price, size, ms) = DOCUMENTED[venue]
    told = Print(name, trade_id, side, price(at_price), quantity(size), ms * MS)  # type: ignore[arg-type]  # a side
    assert TWINS[venue].dialect.prints(body) == [told]
    assert TWINS[venue].dialect.tops(body) == []
    assert [TWINS[venue].dialect.prints(other) for other in NO_TRADES] == [[]] * len(NO_TRADES)


@pytest.mark.parametrize("side", ["buy", "sell"])
@pytest.mark.parametrize("venue", TWINS)
def test_what_a_simulated_venue_prints_is_what_was_traded(venue: str, side: Any) -> None:
    """Words and reader share nothing: what goes in by one comes out by the other."""
    twin, module = TWINS[venue], MODULES[f"shapes_{venue}"]
    words = twin.words()
    exchange = Exchange("a/b", twin.habits(), Truth(lambda: 0), module.Ear(words), module.Clock())
    exchange.list_instrument(Terms("X", twin.model, "B", "Q", "Q", Decimal("0.1"), Decimal("0.01")))
    printed: list[Printed] = []
    exchange.on_print = printed.append
    other: Any = "sell" if side == "buy" else "buy"
    exchange.crowd_rests("X", other, Decimal(3), Decimal("100.2"))
    exchange.crowd("X", side, Decimal("1.25"), Decimal("100.2"))
    (told,) = [
        each for one in printed for each in twin.dialect.prints(words.printed(exchange, one))
    ]
    assert (told.instrument, told.side) == ("X", side)
    assert (told.price, told.quantity) == (price("100.2"), quantity("1.25"))


# --- bars ----------------------------------------------------------------------------------------

S = 1_000_000_000


def trade(at_s: float, at_price: int, size: int = 1) -> PublicTrade:
    return PublicTrade("v/a", "X", int(at_s * S), "buy", at_price, size)


def shape(bar: Bar) -> tuple[int, int, int, int, int, int, int]:
    return bar.opened_at // S, bar.at // S, bar.open, bar.high, bar.low, bar.close, bar.volume


def test_a_bar_has_the_trades_of_its_time_and_closes_a_grace_after_its_end() -> None:
    bars = Bars(60 * S, since=0)
    for each in (trade(61, 5, 2), trade(80, 9), trade(119.9, 4, 3), trade(120, 7)):
        bars.take(each)
    assert bars.close(120 * S + GRACE_NS - 1) == []
    assert [shape(each) for each in bars.close(120 * S + GRACE_NS)] == [(60, 120, 5, 9, 4, 4, 6)]
    bars.take(trade(119, 1))
    assert bars.late == 1, "its bar was told: it is in none"
    assert [shape(each) for each in bars.close(200 * S)] == [(120, 180, 7, 7, 7, 7, 1)]
    assert bars.close(1000 * S) == [], "without a trade there is no bar"


def test_of_a_bar_that_began_before_we_listened_nothing_is_told() -> None:
    bars = Bars(60 * S, since=61 * S)
    bars.take(trade(100, 5))
    bars.take(trade(120, 6))
    assert [shape(each)[0] for each in bars.close(300 * S)] == [120]


def test_a_bar_that_is_told_is_shown_to_who_wants_its_length() -> None:
    short, long = Onlooker("a", 60 * S), Onlooker("b", 120 * S)
    sights = Sights(((short, ()), (long, ())), since=0)
    sights.bar(Bar("v/a", "X", 0, 60 * S, 5, 8, 4, 6, 10))
    assert ([shape(each)[:2] for each in short.bars], long.bars) == ([(0, 60)], [])


# --- who sees what -------------------------------------------------------------------------------


@dataclass
class Onlooker:
    """Wants to see all that there is, and writes it down."""

    name: str
    bar_ns: int = 2 * S
    trades: list[PublicTrade] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)

    def on_tick(self, tick: Tick) -> list[Wish]:
        return []

    def on_trade(self, trade: PublicTrade) -> list[Wish]:
        self.trades.append(trade)
        return []

    def on_bar(self, bar: Bar) -> list[Wish]:
        self.bars.append(bar)
        return []

    def on_order(self, told: TellStrategy, now: int) -> list[Wish]:
        return []

    def on_position(self, told: TellPosition, now: int) -> list[Wish]:
        return []


def test_a_strategy_is_shown_the_accounts_that_it_trades_in() -> None:
    here, everywhere = Onlooker("a"), Onlooker("b")
    sights = Sights(((here, ("w/a",)), (everywhere, ())), since=0)
    sights.gather(trade(1, 5))
    sights.trade(trade(1, 5))
    assert (len(here.trades), len(everywhere.trades)) == (0, 1)
    sights.close(10 * S)
    assert (len(here.bars), len(everywhere.bars)) == (0, 1)
    assert Sights((), 0).next_close(5) == 0


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[Onlooker]:
    """Strategies of the kind `taker` also look at everything."""
    made: list[Onlooker] = []

    def make(name: str, options: Mapping[str, object]) -> Strategy:
        made.append(Onlooker(name))
        return made[-1]

    monkeypatch.setitem(strategies.KINDS, "taker", make)
    return made


def scenario(**said: Any) -> Scenario:
    told = {
        "name": "looking",
        "claim": "trades are shown",
        "duration_s": 20,
        "venues": ["binance_usdm"],
        "strategies": [{"kind": "taker", "name": "eye"}],
        **said,
    }
    return check(told, "test")


@pytest.mark.parametrize("venue", TWINS)
def test_in_a_simulated_run_each_trade_of_the_book_is_shown_once(
    venue: str, seen: list[Onlooker]
) -> None:
    """Duplicates and disorder of the public stream change nothing of what is shown."""
    plan = [Fault("public_duplicate_frame", one_in=3, strength=40)]
    simulation = Simulation(scenario(venues=[venue]), 3, MemoryStore(), plan)
    printed: list[Printed] = []
    (site,) = simulation.sites
    simulation.begin()
    tell = site.venue.exchange.on_print
    assert tell is not None, "somebody looks"

    def spied(each: Printed) -> None:
        printed.append(each)
        tell(each)

    site.venue.exchange.on_print = spied
    simulation.world.run(EPOCH_NS + 20 * SECOND)
    eye = next(each for each in seen if each.trades)
    assert simulation.host.heard.trades_echoed > 5
    assert 50 < len(eye.trades) <= len(printed)
    assert len(printed) - len(eye.trades) < 10, "but for those on their way"
    assert sum(each.volume for each in eye.bars) <= sum(each.quantity for each in eye.trades)
    assert all(each.at % (2 * S) == 0 and each.low <= each.close <= each.high for each in eye.bars)
    assert len(eye.bars) > 8


def test_where_nobody_looks_nothing_is_told() -> None:
    """Runs of strategies that see tops alone are what they were."""
    told = scenario(strategies=[{"kind": "maker", "name": "mm"}])
    assert not is_watched("binance_usdm/main", told.strategies)
    simulation = Simulation(told, 3, MemoryStore(), [])
    simulation.run()
    assert simulation.host.heard.trades == 0


def test_momentum_trades_at_bars_and_its_books_are_the_truth() -> None:
    """The same seed gives the same digest; its wishes are stamped by the node's own clock."""
    options = {"bars": 2, "bar_s": 2, "quantity": "0.003"}
    told = scenario(
        duration_s=60, strategies=[{"kind": "momentum", "name": "mo", "options": options}]
    )
    digests = []
    for _ in range(2):
        store = MemoryStore()
        simulation = Simulation(told, 5, store, [])
        simulation.run()
        state = simulation.host.state
        assert state is not None
        digests.append(digest_of(store, state))
        wishes = [
            decode_event(each.body) for each in store.committed if each.name == "OrderRequested"
        ]
        assert len(wishes) > 10
        assert {each.strategy for each in wishes} == {"mo"}  # type: ignore[union-attr]  # orders
        late = {(each.received_at % (2 * SECOND)) // MS for each in wishes}
        assert late == {GRACE_NS // MS}, "at a bar's end, and its grace"
        assert (state.breaks, state.suspects) == ({}, {})
    assert digests[0] == digests[1]


# --- live ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("venue", ["binance_spot", "binance_usdm", "okx_swap", "bybit_inverse"])
def test_a_live_node_is_told_trades_over_real_sockets(
    venue: str, tmp_path: Path, seen: list[Onlooker]
) -> None:
    pytest.importorskip("ccxt.pro", reason="the extra `live` is not installed")
    pytest.importorskip("trustme", reason="the extra `live` is not installed")
    import asyncio

    from tests.live import Running, Served, trading

    async def looks() -> None:
        served = await Served.start(venue, 3)
        running = Running.begin(served, tmp_path / "j.db", strategies=trading(venue)[:1])
        await running.last(6)
        await running.die()
        await served.server.stop()

    asyncio.run(looks())
    eye = next(each for each in seen if each.trades)
    assert len(eye.trades) > 3
    assert len(eye.bars) >= 1
    assert {each.account for each in eye.trades} == {f"{venue}/main"}
