"""What failed to be read is asked for again, by the journal: within its wait.

A round that ends at a failed page is begun anew by its schedule, and a statement, a listing of
orders or the terms of an instrument are read by theirs, so that books come right in the end; until
then nobody knows what happened, and nothing tells that nobody asks.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from core.effects import FetchInstruments, FetchOpenOrders, FetchStatement
from core.events import PageReported, RequestFailed, StatementReported
from core.journal import Record, Store, decode_effect, decode_event
from sim.faults import Fault
from tieout.claims.asked_again import Subject, record_asked

# It is asked for again at once, or when its venue allows it; what a node has to do first is in it.
WAIT_NS = 5_000_000_000
# What a decoder makes of a venue's word is not believed beyond this, nor beyond what the plan has
# them forbid: by a unit that slipped we would ask no more for years, and call it their wish.
FORBIDDEN_NS = 300_000_000_000
ABOUT = "fills:"
STATEMENTS = ("balances", "positions")
ORDERS, TERMS = "open_orders", "instruments:"
READS = ("FetchStatement", "FetchOpenOrders", "FetchInstruments")
# What fails more often in a row is asked for less and less, and in the end by its schedule.
TRIES = 4


@dataclass(slots=True)
class Reading:
    """What is being read, what failed and until when it must be asked for, and how often in a row
    a statement could not be had."""

    forbidden_ns: int
    under_way: dict[Subject, None] = field(default_factory=dict)
    due: dict[Subject, int] = field(default_factory=dict)
    failed: dict[Subject, int] = field(default_factory=dict)

    def on_record(self, record: Record) -> None:
        if (page := record_asked(record)) is not None:
            self.under_way[page] = None
            self.due.pop(page, None)
        elif record.name in READS:
            self.due.pop(_read(record), None)
        elif record.name == "NodeStarted":
            self.under_way.clear()
            self.due.clear()
        elif record.name in ("PageReported", "StatementReported", "RequestFailed"):
            self._on_event(record)

    def _on_event(self, record: Record) -> None:
        match decode_event(record.body):
            case PageReported() as event:
                self.due.pop((event.account, event.subject), None)
                if not event.more:
                    self.under_way.pop((event.account, event.subject), None)
            case StatementReported() as event:
                self.due.pop((event.account, event.kind), None)
                self.failed.pop((event.account, event.kind), None)
            case RequestFailed() as event if self._is_retried(event):
                about = event.about.removeprefix(ABOUT)
                wait = min(event.retry_after_ns, self.forbidden_ns) + WAIT_NS
                self.due[event.account, about] = record.at + wait
            case RequestFailed() as event:
                # It is waited for longer now, whatever was due for one that failed before it.
                self.due.pop((event.account, event.about), None)

    def _is_retried(self, event: RequestFailed) -> bool:
        if event.about.startswith(ABOUT):
            return (event.account, event.about.removeprefix(ABOUT)) in self.under_way
        if event.about in STATEMENTS:
            subject = event.account, event.about
            self.failed[subject] = self.failed.get(subject, 0) + 1
            return self.failed[subject] <= TRIES
        return event.about == ORDERS or event.about.startswith(TERMS)


def reads_dropped(store: Store, forbidden_ns: int = FORBIDDEN_NS) -> list[str]:
    """What was being read, failed, and was not asked for again in time: as often as that was so. A
    node that begins reads anew, and a chain's record is its blocks."""
    reading, found = Reading(forbidden_ns), []
    for record in store.records():
        reading.on_record(record)
        for subject in [each for each, at in reading.due.items() if at < record.at]:
            del reading.due[subject]
            found.append("{} {}".format(*subject))
    return found


def forbidden_ns(plan: Iterable[Fault]) -> int:
    """How long a word to wait is believed in a run of this plan."""
    told = [fault.strength * 1_000_000 for fault in plan if fault.kind == "rate_limited"]
    return max(FORBIDDEN_NS, *told, 0)


def _read(record: Record) -> Subject:
    match decode_effect(record.body):
        case FetchStatement() as fetch:
            return fetch.account, fetch.kind
        case FetchOpenOrders() as fetch:
            return fetch.account, ORDERS
        case FetchInstruments() as fetch:
            return fetch.account, f"{TERMS}{fetch.instrument}"
    raise AssertionError(record.name)
