"""Market data: over a wire of its own, latest only, never shown too old; references are events."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from functools import partial
from itertools import pairwise
from types import SimpleNamespace

import msgspec
import pytest

from core.events import AccountOpened, InstrumentListed, NodeStarted, ReferenceSet
from core.gate import BreakGate
from core.journal import Journal, decode_event, digest_of, encode_state
from core.money import price, quantity
from core.node import recover
from core.state import Reference, State
from core.step import step
from core.strategy import Quote
from scenarios.model import check
from sim.dice import Dice
from sim.faults import Fault, Faults
from sim.market import MS
from sim.memory_store import MemoryStore
from sim.truth import Truth
from sim.wire import Latency, Wire
from sim.world import World
from tests.test_shapes import MODULES
from tieout.node.dialects import DIALECTS
from tieout.simulation import Simulation
from tieout.world.twins import TWINS
from venues.dialect import Top
from venues.exchange import Exchange, Terms
from venues.public import LEAP_LOOKS, LOOK_NS, QUOTE_NS_MAX, REFERENCE_NS_MAX, Heard, MarketData


def sizes(bid: str, ask: str) -> tuple[int, int]:
    return quantity(bid), quantity(ask)


# Written after each venue's documentation, with what it says of the fields.
DOCUMENTED = {
    "binance_spot": (
        b'{"u":400900217,"s":"BNBUSDT","b":"25.35190000","B":"31.21","a":"25.36520000","A":"40.66"}',
        Top("BNBUSDT", price("25.3519"), price("25.3652"), 400900217, 0, *sizes("31.21", "40.66")),
    ),
    "binance_usdm": (
        b'{"stream":"bnbusdt@bookTicker","data":{"e":"bookTicker","u":400900217,"E":1568014460893,'
        b'"T":1568014460891,"s":"BNBUSDT","b":"25.35","B":"31.21","a":"25.36","A":"40.66"}}',
        Top(
            "BNBUSDT",
            price("25.35"),
            price("25.36"),
            400900217,
            1568014460891 * MS,
            *sizes("31.21", "40.66"),
        ),
    ),
    "okx_swap": (
        b'{"arg":{"channel":"bbo-tbt","instId":"BTC-USDT-SWAP"},"data":[{"asks":[["8476.98","415",'
        b'"0","13"]],"bids":[["8476.97","256","0","12"]],"ts":"1597026383085","seqId":123456}]}',
        Top(
            "BTC-USDT-SWAP",
            price("8476.97"),
            price("8476.98"),
            123456,
            1597026383085 * MS,
            *sizes("256", "415"),
        ),
    ),
    "bybit_inverse": (
        b'{"topic":"orderbook.1.BTCUSD","type":"snapshot","ts":1672304484978,"data":{"s":"BTCUSD",'
        b'"b":[],"a":[["16611.00","29"]],"u":18521288,"seq":7961638724},"cts":1672304484976}',
        Top("BTCUSD", 0, price("16611"), 18521288, 1672304484978 * MS, *sizes("0", "29")),
    ),
    "coinbase": (
        b'{"channel":"ticker","timestamp":"2023-02-09T20:30:37.167359596Z","sequence_num":7,'
        b'"events":[{"type":"snapshot","tickers":[{"type":"ticker","product_id":"BTC-USD",'
        b'"price":"21932.98","best_bid":"21931.98","best_bid_quantity":"8000.21",'
        b'"best_ask":"21933.98","best_ask_quantity":"8038.07770938"}]}]}',
        Top(
            "BTC-USD",
            price("21931.98"),
            price("21933.98"),
            7,
            0,
            *sizes("8000.21", "8038.07770938"),
        ),
    ),
}
OTHER = (
    b'{"result":null,"id":1}',
    b'{"event":"subscribe","arg":{"channel":"bbo-tbt","instId":"BTC-USDT-SWAP"},"connId":"a"}',
    b'{"success":true,"ret_msg":"","conn_id":"1","op":"subscribe"}',
    b'{"channel":"subscriptions","sequence_num":0,"events":[{"subscriptions":{}}]}',
)


@pytest.mark.parametrize("venue", TWINS)
def test_a_dialect_reads_what_its_venue_documents(venue: str) -> None:
    body, top = DOCUMENTED[venue]
    assert TWINS[venue].dialect.tops(body) == [top]
    for other in OTHER:
        assert TWINS[venue].dialect.tops(other) == []


@pytest.mark.parametrize("venue", TWINS)
def test_what_a_simulated_venue_tells_is_the_top_of_its_book(venue: str) -> None:
    """Words and reader share nothing, so what goes in by one must come out by the other."""
    twin = TWINS[venue]
    truth, ear = Truth(lambda: 0), MODULES[f"shapes_{venue}"].Ear(twin.words())
    exchange = Exchange("a/b", twin.habits(), truth, ear, MODULES[f"shapes_{venue}"].Clock())
    exchange.list_instrument(Terms("X", twin.model, "B", "Q", "Q", Decimal("0.1"), Decimal("0.01")))
    words = twin.words()
    empty = twin.dialect.tops(words.top(exchange, "X", exchange.top("X"), 5))[0]
    assert (empty.bid, empty.ask) == (0, 0)
    exchange.crowd_rests("X", "buy", Decimal(3), Decimal("99.9"))
    exchange.crowd_rests("X", "buy", Decimal(5), Decimal("99.7"))
    exchange.crowd_rests("X", "sell", Decimal(4), Decimal("100.2"))
    told = twin.dialect.tops(words.top(exchange, "X", exchange.top("X"), 6))[0]
    assert (told.instrument, told.bid, told.ask) == ("X", price("99.9"), price("100.2"))
    assert told.sequence > empty.sequence


@pytest.mark.parametrize("venue", TWINS)
def test_a_venue_tells_a_change_once_in_a_while_and_the_same_again_after_three_seconds(
    venue: str,
) -> None:
    told: list[Top] = []
    scenario = check(
        {
            "name": "one",
            "claim": "none",
            "duration_s": 1,
            "venues": [venue],
        },
        "test_market_data",
    )
    simulation = Simulation(scenario, 1, MemoryStore())
    site, world = simulation.sites[0], simulation.world
    symbol = site.spec.instruments[0].symbol
    read, exchange = TWINS[venue].dialect.tops, site.venue.exchange
    site.venue.public = SimpleNamespace(push=lambda body: told.extend(read(body)))  # type: ignore[assignment]
    tick, lot = exchange.terms[symbol].tick, exchange.terms[symbol].lot

    def later(ms: int) -> int:
        world.run(world.now + ms * MS)
        return len(told)

    exchange.crowd_rests(symbol, "buy", lot, 90 * tick)
    assert later(1) == 1
    for ticks in (120, 115, 110):
        exchange.crowd_rests(symbol, "sell", lot, ticks * tick)
    assert later(98) == 1, "not so soon again"
    assert later(2) == 2
    assert (told[-1].bid, told[-1].ask) == (price(str(90 * tick)), price(str(110 * tick)))
    exchange.crowd_rests(symbol, "buy", lot, 80 * tick)
    assert later(2500) == 2, "the top is as it was"
    assert later(2000) == 3
    first, again = told[-2:]
    assert (again.bid, again.ask) == (first.bid, first.ask)
    assert (again.sequence, again.occurred_at) > (first.sequence, first.occurred_at)


# --- the latest, and never too old ---------------------------------------------------------------


class Desk:
    """Market data of one instrument, with a clock and a dial in our hands."""

    def __init__(self) -> None:
        self.now, self.dialled = 10**18, 0
        self.heard = Heard()
        self.dialect = replace(DIALECTS["okx_swap"], tops=self.tops, prints=lambda body: [])
        self.data = MarketData("v/a", self.dialect, self.dial, lambda: self.now, self.heard)
        self.data.open()
        self.opened()

    @staticmethod
    def tops(body: bytes) -> list[Top]:
        return [msgspec.json.decode(body, type=Top)]

    def dial(
        self,
        epoch: int,
        on_open: Callable[[], None],
        on_frame: Callable[[bytes], None],
        on_close: Callable[[str], None],
        on_beat: Callable[[], None],
    ) -> None:
        self.dialled += 1
        self.opened, self.hear, self.closed, self.beat = on_open, on_frame, on_close, on_beat

    def tell(self, bid: int, ask: int, sequence: int, at: int = 0) -> None:
        self.hear(msgspec.json.encode(Top("X", bid, ask, sequence, at)))

    def seen(self) -> tuple[int, int] | None:
        """The bid, and how old it is."""
        shown = self.data.show("X")
        return None if shown is None else (shown[0].bid, self.now - shown[1])


def test_the_newest_telling_counts_whenever_it_comes() -> None:
    desk = Desk()
    desk.tell(100, 102, 7)
    desk.now += 50
    desk.tell(90, 92, 6)  # overtaken on the way
    assert desk.seen() == (100, 50)
    desk.tell(100, 102, 7)  # the copy of a frame proves nothing new
    assert desk.seen() == (100, 50)
    assert desk.heard.overtaken == 2
    desk.tell(100, 102, 7, at=1)  # told anew without a change, as Bybit does
    assert desk.seen() == (100, 0)


def test_a_new_connection_counts_from_anew() -> None:
    desk = Desk()
    desk.tell(100, 102, 700)
    late = desk.hear
    desk.data.open()
    desk.opened()
    desk.tell(90, 92, 1)
    assert desk.seen() == (90, 0)
    late(msgspec.json.encode(Top("X", 1, 2, 900)))
    assert desk.seen() == (90, 0), "a frame of the connection before"


def test_a_price_too_old_is_not_shown() -> None:
    desk = Desk()
    assert desk.seen() is None
    desk.tell(100, 102, 7)
    desk.now += QUOTE_NS_MAX
    assert desk.seen() == (100, QUOTE_NS_MAX)
    desk.now += 1
    assert desk.seen() is None
    assert (desk.heard.stale, desk.heard.age_ns_max) == (1, QUOTE_NS_MAX)


@pytest.mark.parametrize(
    "body",
    [
        b"\xff\xfe",
        b'{"instrument":"X","bid":6,"ask":5,"sequence":9}',
        b'{"instrument":"X","bid":-5,"ask":5,"sequence":9}',
    ],
)
def test_nonsense_is_counted_and_shown_to_nobody(body: bytes) -> None:
    desk = Desk()
    desk.tell(100, 102, 7)
    desk.hear(body)
    assert desk.heard.unreadable == 1
    assert desk.seen() == (100, 0)


def test_silence_and_a_closed_stream_are_dialled_again_a_beat_is_life() -> None:
    desk = Desk()
    desk.now += QUOTE_NS_MAX
    desk.beat()
    desk.now += QUOTE_NS_MAX
    desk.data.look()
    assert desk.dialled == 1
    desk.now += 1
    desk.data.look()
    assert desk.dialled == 2
    desk.closed("1006")
    desk.data.look()
    assert desk.dialled == 3
    desk.data.look()
    assert desk.dialled == 3


def ignore(*told: object) -> None:
    pass


@pytest.mark.parametrize(("kind", "heard"), [("lost_frame", [b"all"]), ("public_lost_frame", [])])
def test_a_public_wire_has_faults_of_its_own(kind: str, heard: list[bytes]) -> None:
    """Neither stream is struck by what was planned for the other."""
    world, dice = World(0), Dice(1)
    faults = Faults([Fault(kind)], dice, lambda: world.now)
    told: dict[bool, list[bytes]] = {False: [], True: []}
    for public, bodies in told.items():
        wire = Wire("v", "v/a", world, dice, faults, Truth(lambda: 0), Latency(), public=public)
        wire.greet = partial(wire.push, b"all")
        wire.open_stream(1, ignore, bodies.append, ignore, ignore)
    world.run(2 * 10**9)
    assert told[True] == heard
    assert told[False] == [body for body in [b"all"] if not heard]


# --- references ----------------------------------------------------------------------------------


def test_a_reference_is_told_when_the_middle_moved_a_thousandth_or_after_a_while() -> None:
    desk = Desk()

    def told(bid: int, ask: int, sequence: int, later: int) -> list[int]:
        desk.now += later
        desk.tell(bid, ask, sequence)
        return [each.price for each in desk.data.look()]

    assert told(99_990, 100_010, 1, LOOK_NS) == [100_000]
    assert told(100_080, 100_100, 2, LOOK_NS) == []
    assert told(100_090, 100_110, 3, LOOK_NS) == [100_100]
    assert told(100_090, 100_110, 4, REFERENCE_NS_MAX - 1) == []
    assert told(100_090, 100_110, 5, 1) == [100_100]
    desk.now += 10 * REFERENCE_NS_MAX
    assert desk.data.look() == [], "nothing new was heard"
    assert told(0, 200_000, 6, LOOK_NS) == [], "one side makes no middle"


def test_a_price_that_leaps_is_told_when_enough_looks_in_a_row_found_it() -> None:
    """One absurd frame moves nothing; a market that truly fell is followed after a while."""
    desk = Desk()
    sequence = 0

    def told(middle: int) -> list[int]:
        nonlocal sequence
        sequence += 1
        desk.now += LOOK_NS
        desk.tell(middle - 10, middle + 10, sequence)
        return [each.price for each in desk.data.look()]

    assert told(100_000) == [100_000]
    assert [told(10_000), told(100_000)] == [[], []]
    assert [told(900_000), told(10_000)] == [[], []]
    assert told(101_000) == [101_000]
    assert told(81_000) == [81_000], "less than a fifth is no leap"
    assert [told(50_000) for _ in range(LEAP_LOOKS - 1)] == [[]] * (LEAP_LOOKS - 1)
    assert told(50_000) == [50_000]


def test_under_limits_the_first_price_of_all_waits_for_more_of_its_kind() -> None:
    desk = Desk()
    desk.data = MarketData(
        "v/a", desk.dialect, desk.dial, lambda: desk.now, desk.heard, first_looks=2
    )
    desk.data.open()
    desk.opened()
    for sequence, (middle, prices) in enumerate(((5000, []), (100_000, []), (100_000, [100_000]))):
        desk.now += LOOK_NS
        desk.tell(middle - 10, middle + 10, sequence)
        assert [each.price for each in desk.data.look()] == prices


def test_the_state_keeps_the_newest_reference_of_what_we_trade() -> None:
    state = books()

    def told(instrument: str, worth: int, as_of: int) -> None:
        event = ReferenceSet(
            received_at=9, account="v/a", instrument=instrument, price=worth, as_of=as_of
        )
        assert step(state, event, BreakGate()) == []

    before = encode_state(state)
    told("X", 100, 5)
    assert encode_state(state) != before, "part of the digest"
    told("X", 90, 4)
    told("X", 80, 5)
    told("Y", 7, 6)
    told("X", 0, 7)
    assert state.accounts["v/a"].references == {"X": Reference(100, 5)}
    assert state.counts["references_ignored/v/a"] == 2
    told("X", 110, 8)
    assert state.accounts["v/a"].references == {"X": Reference(110, 8)}


def books() -> State:
    state = State()
    for event in (
        NodeStarted(received_at=1, node="tie", epoch=1),
        AccountOpened(
            received_at=1,
            account="v/a",
            tells="fills",
            statements=("balances",),
            statement_period_ns=1,
            backfill_period_ns=1,
            settle_ns=1,
            silence_ns_max=1,
        ),
        InstrumentListed(
            received_at=1,
            account="v/a",
            instrument="X",
            kind="spot",
            base="B",
            quote="Q",
            settle="Q",
            multiplier=1,
        ),
    ):
        step(state, event, BreakGate())
    return state


# --- in a run ------------------------------------------------------------------------------------

QUIET = check(
    {
        "name": "quiet",
        "claim": "prices travel",
        "duration_s": 30,
        "heal_s": 5,
        "venues": ["binance_spot", "okx_swap"],
        "strategies": [
            {"kind": "maker", "name": "mm", "accounts": ["binance_spot/main"]},
            {
                "kind": "maker",
                "name": "mh",
                "accounts": ["okx_swap/main"],
                "options": {"hedged": True},
            },
        ],
        "faults": [{"kind": "crash", "where": "node", "one_in": 500, "strength": 300}],
    },
    "test_market_data",
)


class Watched(Simulation):
    """Keeps every top of every book with its time, and every quote that was shown."""

    def __init__(self) -> None:
        self.quotes: list[tuple[int, Quote]] = []
        super().__init__(QUIET, 1, MemoryStore())
        self.tops: dict[str, list[tuple[int, int, int]]] = {}
        for site in self.sites:
            self._watch(site.venue.exchange)
        quotes = self.host.quotes

        def shown(accounts: tuple[str, ...]) -> tuple[Quote, ...]:
            told = quotes(accounts)
            self.quotes += [(self.world.now, each) for each in told]
            return told

        self.host.quotes = shown  # type: ignore[method-assign]

    def _watch(self, exchange: Exchange) -> None:
        tell = exchange.on_book

        def moved(symbol: str) -> None:
            bid, ask = exchange.top(symbol)
            top = (price(str(bid[0])) if bid else 0, price(str(ask[0])) if ask else 0)
            self.tops.setdefault(f"{exchange.account}/{symbol}", []).append((self.world.now, *top))
            tell(symbol)

        exchange.on_book = moved


@pytest.fixture(scope="module")
def watched() -> Watched:
    simulation = Watched()
    simulation.run()
    return simulation


def test_a_strategy_sees_what_the_book_was_a_wire_ago(watched: Watched) -> None:
    """Never a price that no book had, and never at once."""
    assert len(watched.quotes) > 60
    for now, quote in watched.quotes:
        age = now - quote.as_of
        assert 0 <= age <= QUOTE_NS_MAX
        tops = watched.tops[f"{quote.account}/{quote.instrument}"]
        stood = [
            (begun, until)
            for (begun, *top), (until, *_) in pairwise([*tops, (now, 0, 0)])
            if top == [quote.bid, quote.ask] and begun < quote.as_of
        ]
        assert stood, "no book had it before it was heard"
    late = [q for now, q in watched.quotes if _book_at(watched, q, now) != (q.bid, q.ask)]
    assert late, "the wire takes its time: now and then the book has moved since"


def _book_at(watched: Watched, quote: Quote, now: int) -> tuple[int, int]:
    tops = watched.tops[f"{quote.account}/{quote.instrument}"]
    return next((bid, ask) for at, bid, ask in reversed(tops) if at <= now)


def test_references_are_journaled_and_the_replay_has_them(watched: Watched) -> None:
    store, node = watched.store, watched.host.node
    assert node is not None
    assert watched.host.crashes
    told = [decode_event(r.body) for r in store.records() if r.name == "ReferenceSet"]
    assert 8 < len(told) <= watched.host.heard.references, "some died with the node"
    again = recover(Journal(store), BreakGate())
    assert digest_of(store, again) == digest_of(store, node.state)  # type: ignore[arg-type]
    for account, name in (("binance_spot/main", "ETHUSDT"), ("okx_swap/main", "BTC-USDT-SWAP")):
        last = [e for e in told if (e.account, e.instrument) == (account, name)][-1]  # type: ignore[union-attr]
        assert isinstance(last, ReferenceSet)
        kept = again.accounts[account].references[name]
        assert kept == Reference(last.price, last.as_of)
        middles = [(bid + ask) // 2 for _, bid, ask in watched.tops[f"{account}/{name}"]]
        assert last.price in middles


def test_at_a_slow_pace_all_that_waits_for_a_repetition_waits_longer() -> None:
    """The looks that a price needs, the age at which it is not shown, and the next reference."""
    desk = Desk()
    desk.data.pace = 10
    assert desk.data.look_ns == 10 * LOOK_NS
    desk.tell(100, 102, 7)
    desk.now += 10 * QUOTE_NS_MAX
    assert desk.seen() == (100, 10 * QUOTE_NS_MAX)
    assert [each.price for each in desk.data.look()] == [101]
    desk.now += 1
    assert desk.seen() is None
    desk.now += 10 * REFERENCE_NS_MAX - 10 * QUOTE_NS_MAX - 2
    desk.tell(100, 102, 8)
    assert [each.price for each in desk.data.look()] == []
    desk.now += 10 * QUOTE_NS_MAX + 1
    desk.tell(100, 102, 9)
    assert [each.price for each in desk.data.look()] == [101]
