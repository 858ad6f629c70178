"""What must be asked at once, by the journal: as a stream opens, as the node comes up again, and as
an order is told to work that was to be taken off.

Rounds, alarms and strategies would ask for it too, in their time; until then nobody knows what was
missed, and what was to be off the book trades.
"""

from collections.abc import Iterator

from core.effects import (
    CancelOrder,
    FetchFills,
    FetchLedger,
    PlaceOrder,
    QueryOrder,
    TellStrategy,
)
from core.events import (
    Event,
    FillReported,
    NodeStarted,
    OrderMissing,
    OrderReported,
    PageReported,
    ProgressReported,
    StreamOpened,
)
from core.journal import Record, Store, decode_effect, decode_event
from core.orders import TERMINAL

OF_STREAMS = ("StreamOpened", "PageReported")
OF_ORDERS = ("NodeStarted", "OrderReported", "OrderMissing", "FillReported", "ProgressReported")
OF_ORDER = (PlaceOrder, QueryOrder, CancelOrder)
# By which a venue says that an order works.
WORKING = ("acknowledged", "partially_filled")
LEDGER = "ledger"
Subject = tuple[str, str]


def streams_unread(store: Store) -> list[str]:
    """Streams that opened and nothing of what they may have missed was asked for: neither then,
    nor by a round that was under way. A chain's record is its blocks, which are read otherwise."""
    under_way: dict[Subject, None] = {}
    read: dict[str, None] = {}
    found: list[StreamOpened] = []
    for event, effects in _events(store, OF_STREAMS):
        asked = [subject for each in effects if (subject := record_asked(each))]
        match event:
            case PageReported():
                under_way.pop((event.account, event.subject), None)
            case StreamOpened() if effects and not asked:  # without any it is a stream of before
                if not any(account == event.account for account, _ in under_way):
                    found.append(event)
        under_way |= dict.fromkeys(asked)
        read |= dict.fromkeys(account for account, _ in asked)
    return [f"{each.account} epoch {each.epoch}" for each in found if each.account in read]


def record_asked(record: Record) -> Subject | None:
    """Of which account's record an effect asks for which part; None of all others."""
    if record.name not in ("FetchFills", "FetchLedger"):
        return None
    match decode_effect(record.body):
        case FetchFills() as fetch:
            return fetch.account, fetch.instrument
        case FetchLedger() as fetch:
            return fetch.account, LEDGER
    return None


def orders_unasked(store: Store) -> list[str]:
    """Orders that were sent, or may have been, and of which nobody had told when the node came up:
    it did not ask for them as it began."""
    silent: dict[str, None] = {}
    found: dict[str, None] = {}
    for event, effects in _events(store, OF_ORDERS):
        match event:
            case NodeStarted():
                asked = _names(effects, "QueryOrder")
                found |= {name: None for name in silent if name not in asked}
            case OrderReported(status="unknown"):
                pass
            case OrderReported() | OrderMissing() | FillReported() | ProgressReported():
                silent.pop(event.client_order_id, None)
        silent |= dict.fromkeys(_names(effects, "PlaceOrder"))
    return list(found)


def cancels_dropped(store: Store) -> list[str]:
    """Orders that were to be taken off, were told to work all the same, and for which no cancel was
    sent then: as often as that was so. What was over by what we told its strategy is none, and
    what somebody placed by hand, which bears no name of ours, a kill takes off in its own way."""
    wanted: dict[str, None] = {}
    over: dict[str, bool] = {}
    found: list[str] = []
    for event, effects in _events(store, ("OrderReported",)):
        over |= _ended(effects)
        cancelled = dict.fromkeys(_names(effects, "CancelOrder"))
        if isinstance(event, OrderReported) and event.status in WORKING:
            name = event.client_order_id
            if name and name in wanted and name not in cancelled and not over.get(name):
                found.append(name)
        wanted |= cancelled
    return found


def _ended(effects: list[Record]) -> dict[str, bool]:
    """Each order of which its strategy is told, and whether it is over by that."""
    told = [decode_effect(each.body) for each in effects if each.name == "TellStrategy"]
    return {
        each.client_order_id: each.status in TERMINAL
        for each in told
        if isinstance(each, TellStrategy)
    }


def _names(effects: list[Record], kind: str) -> list[str]:
    """The orders that effects of this kind are about."""
    told = [decode_effect(each.body) for each in effects if each.name == kind]
    return [each.client_order_id for each in told if isinstance(each, OF_ORDER)]


def _events(store: Store, names: tuple[str, ...]) -> Iterator[tuple[Event | None, list[Record]]]:
    """Events with their effects, in order; the event only where it bears one of the names."""
    event: Event | None = None
    effects: list[Record] = []
    for record in store.records():
        if record.kind == "effect":
            effects.append(record)
        elif record.kind == "event":
            if event is not None or effects:
                yield event, effects
            event, effects = (decode_event(record.body) if record.name in names else None), []
    yield event, effects
