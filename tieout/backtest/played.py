"""A simulated run whose markets were recorded: bytes, wires and faults, over tapes for a crowd.

True here: what stands at each venue is the recorded book of a direct backtest, with the same models
and fees; a row passes at its own time, moved as a whole so that the run begins at the epoch of all
runs. Strategies are shown the recorded times. No venue tells bars of any length, so that these come
over the public stream in words of our own, and are lost, late and cut off as all that comes there.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Final

import msgspec

from core.strategy import Bar, PublicTrade, SeesBars, SeesTrades
from scenarios import strategies
from scenarios.model import InstrumentSpec, Scenario
from sim.faults import Fault
from sim.memory_store import MemoryStore
from sim.seal import seal
from sim.world import EPOCH_NS, SECOND
from tieout.backtest import views
from tieout.backtest.run import Paid, Tapes, assumed_of, funding_of, models_of
from tieout.simulation import Simulation
from tieout.world.host import Host
from tieout.world.sites import Site
from venues.exchange import Exchange, Print
from venues.public import Dial
from venues.recorded.book import RecordedBook
from venues.recorded.funding import Funding
from venues.recorded.liquidation import take_over, threatened
from venues.recorded.tape import Tape

# So long the node has to begin to listen, before the first row passes.
LEAD_NS: Final = 60 * SECOND
BAR: Final = b'{"bar":'
END: Final = 2**62


class ToldBar(msgspec.Struct):
    """A bar as it is told here."""

    bar: Bar


_encode = msgspec.json.encode
_bars: msgspec.json.Decoder[ToldBar] = msgspec.json.Decoder(ToldBar)


def began_at(tapes: Tapes) -> int:
    """When the first row of all began."""
    begins = (tape.columns.get("opened_at", tape.at) for tape in tapes.values() if len(tape))
    return min(int(column[0]) for column in begins)


def lasts_ns(tapes: Tapes) -> int:
    """From the run's start to its last row."""
    ends = max(int(tape.at[-1]) for tape in tapes.values() if len(tape))
    return LEAD_NS + ends - began_at(tapes) + SECOND


def play(
    scenario: Scenario,
    seed: int,
    tapes: Tapes,
    plan: Sequence[Fault] = (),
    rates: Paid = MappingProxyType({}),
) -> "Played":
    """A run over tapes that is over and healed, under a seal from its start to its end."""
    with seal():
        run = Played(scenario, seed, tapes, plan, rates)
    with seal():
        run.run()
    return run


class Played(Simulation):
    """One run over tapes, by account and symbol, under a plan of faults."""

    def __init__(
        self,
        scenario: Scenario,
        seed: int,
        tapes: Tapes,
        plan: Sequence[Fault] = (),
        rates: Paid = MappingProxyType({}),
    ) -> None:
        self.shift_ns = EPOCH_NS + LEAD_NS - began_at(tapes)
        self._tapes, self._rates = tapes, rates
        store = MemoryStore()
        duration_ns = lasts_ns(tapes)
        super().__init__(scenario, seed, store, plan, duration_ns=duration_ns, host=PlayedHost)
        self.memory = store

    def _let_trade(self, site: Site) -> None:
        """The tape is the crowd."""
        for each in site.spec.instruments:
            tape = self._tapes[site.spec.account, each.symbol]
            book = RecordedBook(tape, site.spec.account, assumed_of(site.spec, each))
            site.venue.exchange.books[each.symbol] = book
            self._play(site, each, book, tape)
            self._let_fund(site, each)

    def _play(self, site: Site, each: InstrumentSpec, book: RecordedBook, tape: Tape) -> None:
        """Rows pass, and whoever wants to sees trades and bars of them."""
        rows = Rows(self, site, each, book, tape, tells=self._sees_trades(site.spec.account))
        self.world.call_at(rows.next_at(), rows.pass_by)
        for bar_ns in self._lengths(site.spec.account):
            view = views.bars(tape, site.spec.account, each.symbol, bar_ns)
            bars = ToldBars(self, site, view)
            if len(view):
                self.world.call_at(bars.next_at(), bars.tell)

    def _watching(self, account: str) -> Iterator[object]:
        for spec in self.scenario.strategies:
            if not spec.accounts or account in spec.accounts:
                yield strategies.make(spec.kind, spec.name, spec.options)

    def _sees_trades(self, account: str) -> bool:
        return any(isinstance(each, SeesTrades) for each in self._watching(account))

    def _lengths(self, account: str) -> list[int]:
        watching = [each for each in self._watching(account) if isinstance(each, SeesBars)]
        return list(dict.fromkeys(each.bar_ns for each in watching))

    def _let_fund(self, site: Site, each: InstrumentSpec) -> None:
        """Funding falls due at recorded times."""
        funding = funding_of(site.spec, each, self._rates)
        if funding is not None and site.venue.exchange.positions:
            self._await_funding(site, each.symbol, funding)

    def _await_funding(self, site: Site, symbol: str, funding: Funding) -> None:
        due = funding.next_after(self.world.now - self.shift_ns)
        if due is not None:
            at = max(self.world.now, due.at + self.shift_ns)
            self.world.call_at(at, self._fund, site, symbol, funding, due.rate)

    def _fund(self, site: Site, symbol: str, funding: Funding, rate: Decimal) -> None:
        site.venue.exchange.pay_funding(symbol, rate)
        self._await_funding(site, symbol, funding)


@dataclass(slots=True, eq=False)
class Rows:
    """One instrument's tape on its way past its book."""

    run: Played
    site: Site
    spec: InstrumentSpec
    book: RecordedBook
    tape: Tape
    tells: bool

    def next_at(self) -> int:
        """When the next row passes, by the world's clock; END after the last."""
        row = self.book.row
        return int(self.tape.at[row]) + self.run.shift_ns if row < len(self.tape) else END

    def pass_by(self) -> None:
        """All rows of this instant pass."""
        first, now = self.book.row, self.run.world.now
        last = first
        while last < len(self.tape) and int(self.tape.at[last]) + self.run.shift_ns <= now:
            last += 1
        for row in range(first, last):
            self._pass(row)
        if self.tells:
            for row in range(first, last):
                self._print(row)
        if (at := self.next_at()) != END:
            self.run.world.call_at(at, self.pass_by)

    def _pass(self, row: int) -> None:
        """What the row does to orders that rest, and to positions that it takes over."""
        exchange, model = self.site.venue.exchange, models_of(self.site.spec).liquidation
        near = threatened(exchange, model.maintenance_rate) if model is not None else []
        reached = [
            each
            for each in near
            if each.symbol == self.spec.symbol
            and self.book.next_reach(row + 1, each.sign, each.price) == row
        ]
        exchange.passed(self.spec.symbol, self.book.advance(row + 1))
        for each in reached:
            if exchange.positions[each.symbol, each.leg].quantity:
                take_over(exchange, self.book, each)

    def _print(self, row: int) -> None:
        columns = self.tape.columns
        if self.tape.kind == "trades":
            self.site.venue.print(
                Print(
                    row + 1,
                    self.spec.symbol,
                    "buy" if columns["side"][row] > 0 else "sell",
                    int(columns["quantity"][row]) * self.spec.lot,
                    int(columns["price"][row]) * self.spec.tick,
                )
            )


@dataclass(slots=True, eq=False)
class ToldBars:
    """Bars of one length of one instrument, told as they close."""

    run: Played
    site: Site
    view: views.View
    place: int = 0

    def next_at(self) -> int:
        return int(self.view.at[self.place]) + self.run.shift_ns

    def tell(self) -> None:
        """The bar that closed just now goes over the public stream."""
        (bar, *_) = self.view.upto(self.place, self.place + 1)
        assert isinstance(bar, Bar), "a view of bars"
        self.site.public.push(_encode(ToldBar(bar)))
        self.place += 1
        if self.place < len(self.view):
            self.run.world.call_at(self.next_at(), self.tell)


class PlayedHost(Host):
    """A node's house that hears bars on the public stream, and makes none itself."""

    def __init__(self, simulation: Simulation) -> None:
        super().__init__(simulation)
        assert isinstance(simulation, Played)
        self._run = simulation
        self._newest: dict[tuple[str, str, int], int] = {}

    def _dial_of(self, site: Site) -> Dial:
        def dialled(
            epoch: int,
            on_open: Callable[[], None],
            on_frame: Callable[[bytes], None],
            on_close: Callable[[str], None],
            on_beat: Callable[[], None],
        ) -> None:
            def heard(body: bytes) -> None:
                if body.startswith(BAR):
                    on_beat()
                    self._bar(_bars.decode(body).bar)
                else:
                    on_frame(body)

            site.public.open_stream(epoch, on_open, heard, on_close, on_beat)

        return dialled

    def _bar(self, bar: Bar) -> None:
        """What comes twice, or after a later one, is not shown."""
        key = bar.account, bar.instrument, bar.at - bar.opened_at
        if bar.at > self._newest.get(key, 0):
            self._newest[key] = bar.at
            self._wish(self._sights.bar(bar))

    def _trade(self, told: PublicTrade) -> None:
        at = told.at - self._run.shift_ns
        self._wish(self._sights.trade(msgspec.structs.replace(told, at=at)))

    def _close_bars(self, life: int) -> None:
        """They are told."""


def gained(run: Played) -> dict[str, Decimal]:
    """What the accounts truly have more than they began with, at the last prices, by quote coin.

    What is on its way between them counts, and positions with what closing them would realise.
    """
    sums: dict[str, Decimal] = {}

    def add(exchange: Exchange, asset: str, amount: Decimal) -> None:
        at, quote = _prices(exchange).get(asset, (Decimal(1), asset))
        sums[quote] = sums.get(quote, Decimal(0)) + amount * at

    venues = {site.spec.account: site for site in run.sites}
    for site in venues.values():
        exchange = site.venue.exchange
        for asset, amount in exchange.wallets.items():
            add(exchange, asset, amount - site.spec.wallets.get(asset, Decimal(0)))
        for terms, gain in exchange.unrealised():
            add(exchange, terms.settle, gain)
    for asked in run.treasury.on_its_way.values():
        amount = Decimal(asked.amount).scaleb(-run.treasury.decimals[asked.asset])
        add(venues[asked.target].venue.exchange, asked.asset, amount)
    return sums


def _prices(exchange: Exchange) -> dict[str, tuple[Decimal, str]]:
    """By coin: its last price, and in which coin."""
    prices: dict[str, tuple[Decimal, str]] = {}
    for terms in exchange.terms.values():
        if terms.model == "spot" or terms.settle == terms.base:
            prices.setdefault(terms.base, (exchange.last_price(terms), terms.quote))
        if exchange.habits.fee_asset:
            prices.setdefault(
                exchange.habits.fee_asset, (exchange.habits.fee_asset_price, terms.quote)
            )
    return prices
