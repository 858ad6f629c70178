"""The driver of a backtest: recorded markets move the clock, and nothing stands between two moments
that matter.

    next of: a row that can touch an order of ours | what a strategy is to see | what is due in the
    world (an order or a word that arrives, an alarm, funding)

It wires and decides nothing: node, gate, journal, step and exchange are those of every other run.

Rule 1. Of one instant, rows come first, then what strategies see, then what arrives. Nobody is
shown, and no order is matched with, a row that is not known yet.
Rule 2. Each account's statements are told as of every whole multiple of `statement_ns`. The first
one after an account moved is told at once, and so is each while the reconciler is in doubt; those
that say the same word for word are told as one run, before anything happens there next
(`core.reconcile` judges each of them).
Rule 3. Under limits whoever decides has the market's price: references are told before each order
that is wished for and before the cold engine is asked, and between the two to nobody. One that is
still the price is told again when it is `REFERENCE_NS` old, for nothing is lent on a stale one.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from msgspec.structs import replace

from core.effects import (
    Effect,
    MoveCash,
    RaiseAlert,
    SetAlarm,
    TellMove,
    TellPosition,
    TellStrategy,
)
from core.events import AlarmRang, Event, NodeStarted, OrderRequested, ReferenceSet
from core.journal import Journal
from core.node import Node
from core.orders import TERMINAL
from core.risk_effects import AskEngine, TellStanding
from core.strategy import MovesCash, Quote, SeesBars, SeesTrades, Strategy, Tick, Wish
from risk.adapter import LimitGate
from sim.dice import Dice
from sim.memory_store import MemoryStore
from sim.treasury import Treasury
from sim.truth import Fact
from sim.world import World
from tieout.backtest import views
from tieout.backtest.venue import RecordedVenue
from tieout.node.wishes import BadStrategy, answered, asked, whole
from tieout.risk.cold import ColdEngine
from venues.recorded.book import RecordedBook
from venues.recorded.funding import Due, Funding
from venues.recorded.liquidation import Threatened, take_over, threatened
from venues.recorded.tape import Tape

NODE: Final = "tie"
END: Final = 2**62
BLOCK: Final = 4096
# After the last row, so long is waited for what is under way.
SETTLING_NS: Final = 60 * 1_000_000_000
STATED_AGAIN_MAX: Final = 10
WISHES_MAX: Final = 10_000
# A strategy that wishes for nothing may say so by any of these.
NOTHING: Final[tuple[Sequence[Wish], ...]] = ([], ())
REFERENCE_NS: Final = 10 * 1_000_000_000


@dataclass(slots=True, eq=False)
class Feed:
    """One instrument's market: its tape, and its book at the venue."""

    venue: RecordedVenue
    instrument: str
    tape: Tape
    book: RecordedBook
    tick: int
    lot: int
    funding: Funding | None = None
    maintenance: Decimal | None = None
    # The price in ticks that was told as a reference, and when.
    referred: tuple[int, int] = (0, 0)

    @property
    def last_price(self) -> int:
        """The last known price, which may be told as a reference; 0 before any."""
        return self.book.last * self.tick

    def catch_up(self, now: int) -> None:
        """Every row that is known by now has passed; none of them can touch an order of ours."""
        known = int(self.tape.at.searchsorted(now, side="right"))
        if known > self.book.row:
            executions = self.book.advance(known)
            assert not executions, "rows that touch an order come one by one"

    def touches(self) -> int:
        """The row that may touch an order of ours or take a position over, or where to look again;
        the number of rows where no row can."""
        row = stop = min(len(self.tape), self.book.row + BLOCK)
        exchange, matters = self.venue.exchange, False
        if any(each.symbol == self.instrument for each in exchange.open.values()):
            row, matters = self.book.next_touch(stop), True
        for one in self.threatened():
            row, matters = min(row, self.book.next_reach(stop, one.sign, one.price)), True
        # Where other markets bear on what covers a position, no price is its own for long.
        if matters and self.maintenance is not None and self._covers_several():
            row = min(row, self.book.row)
        return row if matters else len(self.tape)

    def _covers_several(self) -> bool:
        return sum(bool(held.quantity) for held in self.venue.exchange.positions.values()) > 1

    def threatened(self) -> list[Threatened]:
        """Positions here that a price would take over."""
        if self.maintenance is None:
            return []
        exchange = self.venue.exchange
        return [
            each
            for each in threatened(exchange, self.maintenance)
            if each.symbol == self.instrument
        ]


@dataclass(slots=True, eq=False)
class Watch:
    """What one strategy is to see of one market, and how far it has."""

    strategy: str
    look: Callable[[views.Seen], list[Wish]]
    view: views.View
    place: int = 0

    @property
    def next_at(self) -> int:
        """When it sees the next item; END after the last."""
        return int(self.view.at[self.place]) if self.place < len(self.view) else END


@dataclass(slots=True)
class Wished:
    """What a strategy wanted, when, and what the market showed it then."""

    wish: OrderRequested
    at: int
    seen: int


@dataclass(slots=True, eq=False)
class Engine:
    """One backtest under way."""

    world: World
    dice: Dice
    venues: Mapping[str, RecordedVenue]
    feeds: Sequence[Feed]
    strategies: Mapping[str, Strategy]
    statement_ns: int
    ticks_ns: Mapping[str, int] = field(default_factory=dict)
    # Which accounts a strategy trades at; who is not named here, at all.
    trades_at: Mapping[str, Sequence[str]] = field(default_factory=dict)
    on_event: Callable[[Event], None] = lambda event: None
    wished: dict[str, Wished] = field(default_factory=dict)
    told: dict[str, TellStrategy] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)
    ended_at: dict[str, int] = field(default_factory=dict)
    store: MemoryStore = field(default_factory=MemoryStore)
    items_seen: int = 0
    statements_told: int = 0
    cold: ColdEngine | None = None
    treasury: Treasury | None = None
    node: Node = field(init=False)
    _watches: list[Watch] = field(default_factory=list)
    _alarms: dict[str, int] = field(default_factory=dict)
    _stated_to: int = 0
    _ends: int = END
    _wished_at: int = 0
    _wished_now: int = 0
    _inbox: deque[Event] = field(default_factory=deque)
    _delivering: bool = False
    _unnamed: dict[tuple[str, str], deque[Wished]] = field(default_factory=dict)
    _touch: tuple[int, Feed | None, int] = (END, None, 0)
    _stale: bool = True
    _moved: bool = False

    # --- the clock --------------------------------------------------------------------------------

    def run(self, opening: Iterable[Event], progress: Callable[[float], None]) -> None:
        """Open the books, play the tapes to their end, and wait for what is under way."""
        self._begin(opening)
        ends = max((int(feed.tape.at[-1]) for feed in self.feeds if len(feed.tape)), default=0)
        self._ends = ends
        began = self.world.now
        self._play(ends, lambda at: progress((at - began) / max(1, ends - began)))
        self.state_before(ends + 1)
        self._wind_up(ends)
        self.node.commit()

    def _wind_up(self, ends: int) -> None:
        """What is under way comes in; what is in doubt is stated a few times more."""
        self._step_to(ends + SETTLING_NS)
        for number in range(1, STATED_AGAIN_MAX + 1):
            if not self._is_awaited():
                return
            self._step_to(ends + number * self.statement_ns)
            self.state_before(ends + number * self.statement_ns + 1)
            self._step_to(max(ends + SETTLING_NS, self._stated_to))

    def _step_to(self, until: int) -> None:
        while self.world.peek() <= until:
            self.world.step()

    def _play(self, ends: int, progress: Callable[[int], None]) -> None:
        shown = self.world.now
        step = max(1, (ends - shown) // 50)
        while True:
            if self._stale:
                self._touch, self._stale = self._next_touch(), False
            touch_at, feed, row = self._touch
            watch = min(self._watches, key=_next_at, default=None)
            watch_at = watch.next_at if watch is not None else END
            due = int(min(self.world.peek(), END))
            first = min(touch_at, watch_at, due)
            if self._is_awaited() and self._stated_to + self.statement_ns < min(first, ends + 1):
                self.state_before(self._stated_to + self.statement_ns + 1)
                continue
            if first > ends:
                return
            if feed is not None and touch_at <= watch_at and touch_at <= due:
                self.state_before(touch_at)
                if self.world.peek() >= touch_at:  # what was just told may be due before it
                    self._row(feed, row)
            elif watch is not None and watch_at <= due:
                self._show(watch, min(due, touch_at - 1))
            else:
                self.world.step()
            if self.world.now > shown + step:
                shown = self.world.now
                progress(shown)

    def _next_touch(self) -> tuple[int, Feed | None, int]:
        """When, where and by which row an order of ours may be touched, or we must look on."""
        first: tuple[int, Feed | None, int] = (END, None, 0)
        for feed in self.feeds:
            # What passed could touch nothing then, whatever has changed since.
            feed.catch_up(self.world.now - 1)
        for feed in self.feeds:
            row = feed.touches()
            if row < len(feed.tape) and int(feed.tape.at[row]) < first[0]:
                first = int(feed.tape.at[row]), feed, row
        return first

    def _row(self, feed: Feed, row: int) -> None:
        """A row passes that may touch an order, or take a position over.

        It is the row that was found: whoever looked at the market since has let others pass.
        """
        self.world.skip_to(int(feed.tape.at[row]))
        self._stale = True
        exchange = feed.venue.exchange
        ends = [
            each
            for each in feed.threatened()
            if feed.book.next_reach(row + 1, each.sign, each.price) == row
        ]
        exchange.passed(feed.instrument, feed.book.advance(row + 1))
        for one in ends:
            if exchange.positions[one.symbol, one.leg].quantity * one.sign > 0:
                take_over(exchange, feed.book, one)

    def _show(self, watch: Watch, until: int) -> None:
        """Let a strategy see what there is, until it wishes for something or something is due."""
        others = [each.next_at for each in self._watches if each is not watch]
        until = min(until, *others) if others else until
        stop = int(watch.view.at.searchsorted(until, side="right"))
        look, place = watch.look, watch.place
        items = watch.view.upto(place, max(stop, place + 1))
        wishes: list[Wish] = []
        with asked(watch.strategy):
            for item in items:
                place += 1
                wishes = look(item)
                if wishes not in NOTHING:
                    break
        self.items_seen += place - watch.place
        watch.place = place
        if wishes not in NOTHING:
            self.world.skip_to(item.at)
            self._wish(whole(watch.strategy, wishes))

    # --- statements -------------------------------------------------------------------------------

    def moved(self, fact: Fact) -> None:
        """Something happened at a venue: the next statement has another content, and a position
        may be taken over elsewhere."""
        self._moved = self._stale = True

    def _is_awaited(self) -> bool:
        """Whether the next statement is news, or the reconciler waits for it."""
        state = self.node.state
        return self._moved or bool(state.readings or state.suspects or state.breaks)

    def state_before(self, before: int) -> None:
        """The statements of every moment before that, which nobody has told yet."""
        period = self.statement_ns
        last = (before - 1) // period * period
        if last <= self._stated_to:
            return
        since = self._stated_to + period
        self._stated_to, self._moved = last, False
        self.statements_told += (last - since) // period + 1
        self.world.skip_to(max(self.world.now, last))
        for venue in self.venues.values():
            kinds = ("balances", "positions") if venue.exchange.positions else ("balances",)
            for kind in kinds:
                first = since if since < last else 0
                self.tell(venue.statement(kind, last, last, first))  # type: ignore[arg-type]  # of the two

    # --- the node ---------------------------------------------------------------------------------

    def _begin(self, opening: Iterable[Event]) -> None:
        self._stated_to = self.world.now // self.statement_ns * self.statement_ns
        self.node = Node(Journal(self.store), {}, LimitGate())
        self.tell(NodeStarted(received_at=self.world.now, node=NODE, epoch=1))
        for event in opening:
            self.tell(event)
        for name, strategy in self.strategies.items():
            self._let_see(name, strategy)
        for feed in self.feeds:
            self._await_funding(feed)

    def _await_funding(self, feed: Feed) -> None:
        due = feed.funding.next_after(self.world.now) if feed.funding is not None else None
        if due is not None and due.at <= int(feed.tape.at[-1]):
            self.world.call_at(due.at, self._fund, feed, due)

    def _fund(self, feed: Feed, due: Due) -> None:
        """Who holds a position at this moment pays, or gets."""
        self.catch_up()
        self._stale = feed.venue.exchange.pay_funding(feed.instrument, due.rate) or self._stale
        self._await_funding(feed)

    def _let_see(self, name: str, strategy: Strategy) -> None:
        for feed in self._shown_to(name):
            about = (feed.tape, feed.venue.account, feed.instrument)
            if isinstance(strategy, SeesBars):
                bars = views.bars(*about, strategy.bar_ns)
                self._watches.append(Watch(name, strategy.on_bar, bars))  # type: ignore[arg-type]  # bars
            if isinstance(strategy, SeesTrades):
                trades = views.trades(*about)
                self._watches.append(Watch(name, strategy.on_trade, trades))  # type: ignore[arg-type]  # trades
        if self.ticks_ns.get(name):
            self.world.call_in(self.ticks_ns[name], self._tick, name)

    def _refer(self) -> None:
        """What every market is at, for those who are about to count what is held."""
        for feed in self.feeds:
            feed.catch_up(self.world.now)
            price, as_of = feed.referred
            if price != feed.book.last or as_of + REFERENCE_NS <= self.world.now:
                self._tell_reference(feed)

    def _tell_reference(self, feed: Feed) -> None:
        now, last = self.world.now, feed.book.last
        if last and feed.referred != (last, now):
            feed.referred = last, now
            self.tell(
                ReferenceSet(
                    received_at=now,
                    account=feed.venue.account,
                    instrument=feed.instrument,
                    price=feed.last_price,
                    as_of=now,
                )
            )

    def _shown_to(self, name: str) -> Sequence[Feed]:
        """The markets of a strategy."""
        accounts = self.trades_at.get(name)
        return [each for each in self.feeds if not accounts or each.venue.account in accounts]

    def tell(self, event: Event) -> None:
        """Deliver, commit and perform; what is told meanwhile waits its turn."""
        self._inbox.append(event)
        if self._delivering:
            return
        self._delivering = True
        while self._inbox:
            told = self._inbox.popleft()
            now = self.world.now
            if told.received_at != now:
                told = replace(told, received_at=now)
            self.node.deliver(told)
            self.on_event(told)
            self._commit()
        self._delivering = False

    def _commit(self) -> None:
        for effect in self.node.commit():
            self._perform(effect)

    def _perform(self, effect: Effect) -> None:
        match effect:
            case SetAlarm():
                # No stream of a recorded venue has a key that would end.
                if not effect.alarm.startswith("renew/"):
                    self._alarms[effect.alarm] = effect.at
                    at = max(effect.at, self.world.now)
                    self.world.call_at(at, self._ring, effect.alarm, effect.at)
            case TellStrategy():
                self._hear(effect)
            case TellPosition():
                strategy = self.strategies.get(effect.strategy)
                if strategy is not None:
                    now = self.world.now
                    self._wish(answered(effect.strategy, strategy.on_position, effect, now))
            case TellMove():
                mover = self.strategies.get(effect.strategy)
                if mover is not None and isinstance(mover, MovesCash):
                    self._wish(answered(effect.strategy, mover.on_move, effect, self.world.now))
            case MoveCash():
                if self.treasury is not None:
                    self.treasury.move(effect)
            case AskEngine():
                if self.cold is not None:
                    self._refer()
                    self.cold.ask(effect.request)
            case RaiseAlert() | TellStanding():
                pass  # an alert is in the journal and the breaks; a standing, in each refusal
            case _:
                self._stale = True
                self.venues[effect.account].perform(effect)  # type: ignore[union-attr]  # of a venue

    def _ring(self, alarm: str, due: int) -> None:
        if self._alarms.get(alarm) == due:
            del self._alarms[alarm]
            self.tell(AlarmRang(received_at=self.world.now, alarm=alarm))

    def arrived(self, event: Event) -> None:
        """A venue's word is here; whatever it was, the venue has moved."""
        self._stale = True
        self.tell(event)

    # --- strategies -------------------------------------------------------------------------------

    def _show_markets(self) -> None:
        for feed in self.feeds:
            feed.catch_up(self.world.now)

    def catch_up(self) -> None:
        """Every market comes to the world's time, and what was so far is stated."""
        self.state_before(self.world.now)
        self._show_markets()

    def _tick(self, name: str) -> None:
        if self.world.now > self._ends:
            return  # no market is there to be looked at
        self._show_markets()
        word = self.dice.stream(f"strategy/{name}").word()
        tick = Tick(self.world.now, word, tuple(map(self._quote, self._shown_to(name))))
        self._wish(answered(name, self.strategies[name].on_tick, tick))
        self.world.call_in(self.ticks_ns[name], self._tick, name)

    def _quote(self, feed: Feed) -> Quote:
        bid, ask = feed.book.best_bid or 0, feed.book.best_ask or 0
        return Quote(
            account=feed.venue.account,
            instrument=feed.instrument,
            bid=bid * feed.tick,
            ask=ask * feed.tick,
            tick=feed.tick,
            lot=feed.lot,
            as_of=self.world.now,
        )

    def _wish(self, wishes: Sequence[Wish]) -> None:
        for wish in wishes:
            self._count(wish)
            if isinstance(wish, OrderRequested):
                self._note(wish)
            self.tell(wish)

    def _count(self, wish: Wish) -> None:
        """Time does not pass while strategies wish: who answers every word would wish for ever."""
        if self.world.now > self._wished_at:
            self._wished_at, self._wished_now = self.world.now, 0
        self._wished_now += 1
        if self._wished_now > WISHES_MAX:
            raise BadStrategy(
                f"strategy {wish.strategy}: more than {WISHES_MAX} wishes at one moment; one that"
                " does not answer each word with another wish would do"
            )

    def _note(self, wish: OrderRequested) -> None:
        """What the market showed when it was wished for; a gate under limits is told it first."""
        feed = next(
            (
                each
                for each in self.feeds
                if (each.venue.account, each.instrument) == (wish.account, wish.instrument)
            ),
            None,
        )
        seen = 0
        if feed is not None:
            feed.catch_up(self.world.now)
            seen = feed.last_price
            if self.node.state.risk.content_hash:
                self._refer()
                self._tell_reference(feed)
        key = (wish.strategy, wish.reference)
        self._unnamed.setdefault(key, deque()).append(Wished(wish, self.world.now, seen))

    def _hear(self, told: TellStrategy) -> None:
        name = told.client_order_id
        if name not in self.wished:
            waiting = self._unnamed.get((told.strategy, told.reference))
            if waiting:
                self.wished[name] = waiting.popleft()
        self.told[name] = told
        if told.status in TERMINAL:
            self.ended_at.setdefault(name, self.world.now)
            order = self.node.state.orders.get(name)
            self.codes[name] = order.reason if order is not None else told.reason
        strategy = self.strategies.get(told.strategy)
        if strategy is not None:
            self._wish(answered(told.strategy, strategy.on_order, told, self.world.now))


def _next_at(watch: Watch) -> int:
    return watch.next_at
