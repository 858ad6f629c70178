"""When an account counts as read back after a cut, beside what the journal says was read of it.

Its open orders were listed, asked for when nothing that was lost could come to life any more; and
each part of its record was told to its end by a page that was asked for after that. What was over
by the listing is in such a page, what was alive in the listing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from msgspec import UNSET

from core.events import (
    AccountOpened,
    InstrumentListed,
    NodeStarted,
    OpenOrdersReported,
    PageReported,
)
from core.journal import Store, decode_event
from core.state import State

NAMES = (
    *("NodeStarted", "AccountOpened", "InstrumentListed"),
    *("OpenOrdersReported", "PageReported"),
)
LEDGER = "ledger"
# An account, and when it counted as read back.
End = tuple[str, int]


class Ends:
    """Watches one run: when each account counted as read back. Looks at our books from outside."""

    def __init__(self) -> None:
        self.found: dict[End, None] = {}
        self._reading: tuple[str, ...] = ()

    def node_up(self, state: State) -> None:
        """The node lives, again perhaps, with these books."""
        self._reading = _reading(state)

    def look(self, state: State) -> None:
        """A step was taken."""
        if self._reading or state.cut:
            now = _reading(state)
            gone = [name for name in self._reading if name not in now]
            self.found |= {(name, state.now): None for name in gone}
            self._reading = now


def _reading(state: State) -> tuple[str, ...]:
    return () if state.cut is UNSET else tuple(state.cut)


@dataclass(slots=True)
class _Reading:
    """One account since the last cut; once it was listed, what of its record is still unread."""

    since: int
    listed_at: int = 0
    unread: dict[str, None] = field(default_factory=dict)


def read_back_early(ends: Mapping[End, None], store: Store) -> list[str]:
    """Accounts that counted as read back before they were: "account at"."""
    return list(_early(ends, store)) if ends else []


def _early(ends: Mapping[End, None], store: Store) -> Iterable[str]:
    opened: dict[str, AccountOpened] = {}
    subjects: dict[str, dict[str, None]] = {}
    readings: dict[str, _Reading] = {}
    for record in store.records():
        if record.name not in NAMES:
            continue
        match decode_event(record.body):
            case NodeStarted() as boot if boot.records_lost:
                readings = {n: _Reading(_quiet(a, boot.received_at)) for n, a in opened.items()}
            case AccountOpened() as account:
                opened[account.account] = account
                parts = [LEDGER] if account.ledger else []
                subjects.setdefault(account.account, dict.fromkeys(parts))
            case InstrumentListed() as listing:
                subjects[listing.account][listing.instrument] = None
            case OpenOrdersReported(account=name) as listing if name in readings:
                reading = readings[name]
                if not reading.listed_at and listing.asked_at >= reading.since:
                    reading.listed_at = listing.received_at
                    reading.unread = dict(subjects[name])
            case PageReported(account=name) as page if name in readings:
                reading = readings[name]
                if reading.listed_at and not page.more and page.asked_at >= reading.listed_at:
                    reading.unread.pop(page.subject, None)
                if (name, page.received_at) in ends and (not reading.listed_at or reading.unread):
                    yield f"{name} {page.received_at}"


def _quiet(account: AccountOpened, now: int) -> int:
    """From when on nothing that was sent before can come to life at the venue."""
    late = account.clock_error_ns + account.latency_ns_max
    return now + account.request_validity_ns + late
