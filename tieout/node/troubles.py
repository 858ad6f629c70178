"""What is wrong with an account, by what its venue answers and what its clock says.

    CLOCK_WRONG    our clock and the venue's are further apart than they may be
    KEY_REFUSED    the venue does not take our key, or not for orders
    VENUE_DOWN     the venue is in maintenance, or answers nothing

Rule 1. A trouble begins on evidence that chance does not give, and ends by the venue's own word: by
an answer that could not be if it still stood, to a request that was sent after it began. People are
asked for nothing.
Rule 2. A key that reads and may not trade stays refused until something is sent and taken: what was
read says nothing of that.
Rule 3. It decides nothing else: what is closed meanwhile, core says.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from core.events import Event
from core.risk_events import EntriesClosed, EntriesOpened
from tieout.node.verdicts import Verdict, verdict
from venues.dialect import Request

Code = Literal["CLOCK_WRONG", "KEY_REFUSED", "VENUE_DOWN"]
MS = 1_000_000
SECOND = 1_000_000_000
# In a row, with no other answer between, and over so long: the wire itself loses single ones.
DOWN_MIN, DOWN_NS_MIN = 3, 2 * SECOND
CLOCK_MIN = 3
# So far ahead Binance and Bybit refuse what is signed; a request that is late by chance is refused
# in the same words.
CLOCK_NS_MAX = SECOND


@dataclass(slots=True)
class Troubles:
    """Of one account; each of its methods returns what the node is to be told."""

    account: str
    clock_ns_max: int = CLOCK_NS_MAX
    offset_ns: int = 0
    _open: dict[Code, int] = field(default_factory=dict)
    _down: int = 0
    _down_since: int = 0
    _late: int = 0
    _apart: bool = False
    _reads_refused: bool = False
    _sends_refused: bool = False

    @property
    def venue(self) -> str:
        return self.account.partition("/")[0]

    def answered(
        self, request: Request, status: int, body: bytes, asked_at: int, now: int
    ) -> list[Event]:
        """An answer came to a request of then, or (status 0) none did."""
        told = verdict(self.venue, request.path, status, body)
        is_read = request.method == "GET"
        self._count(told, asked_at, now)
        if told == "key":
            self._reads_refused |= is_read
            self._sends_refused |= not is_read
        elif told == "fine" and self._is_news("KEY_REFUSED", asked_at):
            if self._reads_refused or not is_read:
                self._sends_refused = False
            self._reads_refused = False
        words = f"{status}: {body[:120].decode(errors='replace')}"
        return list(self._changes(words, now))

    def measured(self, venue_ns: int, asked_at: int, heard_at: int, now: int) -> list[Event]:
        """The venue told its time, between two moments of ours."""
        middle, error = (asked_at + heard_at) // 2, (heard_at - asked_at) // 2 + MS
        self.offset_ns = venue_ns - middle
        self._apart = abs(self.offset_ns) - error > self.clock_ns_max
        words = f"the venue's clock is {self.offset_ns // MS} ms before ours (negative: behind)"
        return list(self._changes(words, now))

    def _is_news(self, code: Code, asked_at: int) -> bool:
        """Whether it was asked after that began; what was under way then says nothing."""
        return asked_at >= self._open.get(code, 0)

    def _count(self, told: Verdict, asked_at: int, now: int) -> None:
        if told == "down":
            self._down_since = self._down_since if self._down else now
            self._down += 1
            return
        if self._is_news("VENUE_DOWN", asked_at):
            self._down = 0
        if told == "clock":
            self._late += 1
        elif told == "fine" and self._is_news("CLOCK_WRONG", asked_at):
            self._late = 0

    def _changes(self, words: str, now: int) -> Iterator[Event]:
        is_down = self._down >= DOWN_MIN and now - self._down_since >= DOWN_NS_MIN
        stands: dict[Code, bool] = {
            "CLOCK_WRONG": self._apart or self._late >= CLOCK_MIN,
            "KEY_REFUSED": self._reads_refused or self._sends_refused,
            # Once it is down only an answer ends it.
            "VENUE_DOWN": is_down or ("VENUE_DOWN" in self._open and self._down > 0),
        }
        for code, is_so in stands.items():
            if is_so and code not in self._open:
                self._open[code] = now
                yield EntriesClosed(received_at=0, code=code, place=self.account, reason=words)
            elif not is_so and code in self._open:
                del self._open[code]
                yield EntriesOpened(received_at=0, code=code, place=self.account)
