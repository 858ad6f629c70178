"""What a journal tells of risk: how limits were used, and what the cold engine reported.

True here: the engine is a fold of the journal, so each report that it made is made once more, of
the same events, for each of its words that the node took in. Lines are the gate's own counters.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple
from weakref import WeakKeyDictionary

from core.events import Event
from core.journal import Record, Store, decode_event
from core.risk_events import ExposureStated
from core.state import State
from risk.cycle import Cycle
from risk.lease import Used, used
from risk.measures import Measures
from risk.restored import desk_of


class Change(NamedTuple):
    """A line that is not what it was."""

    at: int
    used: Used
    event: int


@dataclass(slots=True)
class RiskHistory:
    """All of one journal."""

    changes: list[Change] = field(default_factory=list)
    reports: list[Measures] = field(default_factory=list)


_KEPT: "WeakKeyDictionary[Store, tuple[int, RiskHistory]]" = WeakKeyDictionary()


def risk_history(store: Store) -> RiskHistory:
    """The store's, read at most once for each of its lengths; empty where no limits were loaded."""
    last, _ = store.last()
    known = _KEPT.get(store)
    if known is None or known[0] != last:
        known = _KEPT[store] = last, _read([r for r in store.records() if r.kind == "event"])
    return known[1]


def _read(records: list[Record]) -> RiskHistory:
    found = RiskHistory()
    asked = _asked(records)
    if not any(record.name == "LimitsLoaded" for record in records):
        return found
    cycle, lines = Cycle(State(), 1), dict[str, Used]()
    for number, record in enumerate(records):
        cycle.take(decode_event(record.body))
        found.changes += _changes(cycle.state, lines, record)
        following = records[number + 1].number if number + 1 < len(records) else record.number + 1
        if any(as_of in asked for as_of in range(record.number, following)):
            cycle.answer(0, record.number, record.at)
            if cycle.measures is not None:
                found.reports.append(cycle.measures)
    return found


def _asked(records: Iterable[Record]) -> dict[int, None]:
    """Up to which records the engine had counted, each time that it spoke."""
    words = (_word(decode_event(r.body)) for r in records if r.name == "ExposureStated")
    return {word.as_of: None for word in words if word is not None}


def _word(event: Event) -> ExposureStated | None:
    return event if isinstance(event, ExposureStated) and event.sequence else None


def _changes(state: State, lines: dict[str, Used], record: Record) -> list[Change]:
    desk = desk_of(state.risk)
    if desk is None:
        return []
    found = [each for each in used(desk) if lines.get(each.line) != each]
    lines.update((each.line, each) for each in found)
    return [Change(record.at, each, record.number) for each in found]
