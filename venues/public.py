"""Market data of one account's venue: what is told to everybody, kept as the latest top per book.

Rule 1. Only the latest counts: per instrument the newest telling by the venue's own order within a
connection; what was overtaken is dropped. This is the conflation; nothing waits in a queue.
Rule 2. A top that our clock heard longer than `QUOTE_NS_MAX` ago is not shown.
Rule 3. `step` sees no frame of these. It is told a reference price, the middle of the top: when the
middle moved by a thousandth, else each `REFERENCE_NS_MAX`, and never more often than `look` is
called.
Rule 4. A few frames are no reason to believe that a price leapt: a middle that is a fifth or more
away from the reference is told when `LEAP_LOOKS` looks in a row found it about there. Under limits
the first reference of all waits for `first_looks`.
Rule 5. A trade is told on at once, and once: an id that was heard before is an echo. What nobody
told us, while no connection stood, is not made up for.

Frames of market data are not journaled; what was decided on them is: the references and the wishes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from core.events import ReferenceSet
from core.reading import STRANGE, Unreadable
from core.strategy import PublicTrade
from venues.dialect import Dialect, Print, Top

LOOK_NS = 1_000_000_000
QUOTE_NS_MAX = 5_000_000_000
REFERENCE_NS_MAX = 10_000_000_000
REFERENCE_MOVE = 1000
REFERENCE_LEAP = 5
LEAP_LOOKS = 10
# So many ids of trades are remembered of each book: as many as a venue could tell again.
PRINTS_KEPT = 1024


class Dial(Protocol):
    """Opens the public stream; an older connection is dropped."""

    def __call__(
        self,
        epoch: int,
        on_open: Callable[[], None],
        on_frame: Callable[[bytes], None],
        on_close: Callable[[str], None],
        on_beat: Callable[[], None],
    ) -> None: ...


@dataclass(slots=True)
class Heard:
    """What one life of the node heard of market data, counted."""

    frames: int = 0
    unreadable: int = 0
    trades: int = 0
    trades_echoed: int = 0
    overtaken: int = 0
    stale: int = 0
    references: int = 0
    age_ns_max: int = 0


class MarketData:
    """One venue's public stream, as we keep it."""

    def __init__(
        self,
        account: str,
        dialect: Dialect,
        dial: Dial,
        clock: Callable[[], int],
        heard: Heard,
        *,
        on_trade: Callable[[PublicTrade], None] = lambda trade: None,
        first_looks: int = 1,
        pace: int = 1,
    ) -> None:
        """`on_trade` hears each trade, where the stream has any.

        The first reference is told when so many looks in a row found about the same.

        A stream that repeats what stands so many times more seldom is given so much more time.
        """
        self.pace = pace
        self._first_looks = first_looks
        self._account, self._dialect, self._dial, self._clock = account, dialect, dial, clock
        self._heard, self._on_trade = heard, on_trade
        self._epoch = 0
        self._closed = False
        self._alive_at = 0
        self._latest: dict[str, tuple[Top, int]] = {}
        self._newest: dict[str, tuple[int, int]] = {}
        self._references: dict[str, ReferenceSet] = {}
        self._leapt: dict[str, tuple[int, int]] = {}
        self._prints: dict[str, dict[str, None]] = {}

    def open(self) -> None:
        """Open the stream afresh; what was heard stays until it is too old."""
        self._epoch += 1
        self._closed, self._alive_at = False, self._clock()
        epoch = self._epoch
        self._dial(
            epoch,
            self._newest.clear,  # a new connection counts from anew
            lambda body: self._on_frame(epoch, body),
            lambda reason: self._on_close(epoch),
            self._on_beat,
        )

    def show(self, instrument: str) -> tuple[Top, int] | None:
        """The latest top, and when our clock heard it; None where there is none, or too old."""
        held = self._latest.get(instrument)
        if held is None:
            return None
        age = self._clock() - held[1]
        if age > QUOTE_NS_MAX * self.pace:
            self._heard.stale += 1
            return None
        self._heard.age_ns_max = max(self._heard.age_ns_max, age)
        return held

    @property
    def look_ns(self) -> int:
        """How long until the next look."""
        return LOOK_NS * self.pace

    def look(self) -> list[ReferenceSet]:
        """Once in `look_ns`: dial again if need be; returns the references to be told."""
        now = self._clock()
        if self._closed or now - self._alive_at > QUOTE_NS_MAX * self.pace:
            self.open()
        due = []
        for instrument, (top, heard_at) in self._latest.items():
            middle = (top.bid + top.ask) // 2 if top.bid and top.ask else 0
            if middle and self._is_due(instrument, middle, heard_at):
                reference = ReferenceSet(
                    received_at=now,
                    account=self._account,
                    instrument=instrument,
                    price=middle,
                    as_of=heard_at,
                )
                self._references[instrument] = reference
                due.append(reference)
        self._heard.references += len(due)
        return due

    def _is_due(self, instrument: str, middle: int, heard_at: int) -> bool:
        last = self._references.get(instrument)
        if last is None:
            return self._stays(instrument, middle, self._first_looks)
        if not _leaps(last.price, middle):
            self._leapt.pop(instrument, None)
        elif not self._stays(instrument, middle, LEAP_LOOKS):
            return False
        moved = abs(middle - last.price) * REFERENCE_MOVE >= last.price
        return moved or heard_at - last.as_of >= REFERENCE_NS_MAX * self.pace

    def _stays(self, instrument: str, middle: int, wanted: int) -> bool:
        """Whether so many looks in a row found about the same."""
        before, looks = self._leapt.get(instrument, (middle, 0))
        looks = 1 if _leaps(before, middle) else looks + 1
        self._leapt[instrument] = (middle, looks)
        return looks >= wanted

    def _on_close(self, epoch: int) -> None:
        self._closed = self._closed or epoch == self._epoch

    def _on_beat(self) -> None:
        self._alive_at = self._clock()

    def _on_frame(self, epoch: int, body: bytes) -> None:
        if epoch != self._epoch:
            return
        self._alive_at = now = self._clock()
        self._heard.frames += 1
        try:
            tops = self._dialect.tops(body)
            for top in tops:
                self._take(top, now)
            for told in self._dialect.prints(body) if not tops else ():
                self._print(told)
        except STRANGE:
            self._heard.unreadable += 1

    def _take(self, top: Top, now: int) -> None:
        if min(top.bid, top.ask) < 0 or (top.ask and top.bid > top.ask):
            raise Unreadable(f"a book of {top.bid} to {top.ask}")
        order = (top.sequence, top.occurred_at)
        if order <= self._newest.get(top.instrument, (-1, -1)):
            self._heard.overtaken += 1
            return
        self._newest[top.instrument] = order
        self._latest[top.instrument] = (top, now)

    def _print(self, told: Print) -> None:
        if min(told.price, told.quantity) <= 0:
            raise Unreadable(f"a trade of {told.quantity} at {told.price}")
        known = self._prints.setdefault(told.instrument, {})
        if told.trade_id in known:
            self._heard.trades_echoed += 1
            return
        known[told.trade_id] = None
        if len(known) > PRINTS_KEPT:
            del known[next(iter(known))]
        self._heard.trades += 1
        what = told.occurred_at, told.side, told.price, told.quantity
        self._on_trade(PublicTrade(self._account, told.instrument, *what))


def _leaps(before: int, middle: int) -> bool:
    """Whether a price is a fifth or more away from one before it."""
    return abs(middle - before) * REFERENCE_LEAP >= before
