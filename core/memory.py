"""What is at hand and what is put away: the state stays small, and nothing is forgotten.

Rule 1. What leaves the state is asked of the journal to keep (`Remember`), in the same commit group
and keyed; before an event that names it the node asks the journal's index, and what it has comes
back as an event of its own (`Recalled`). Both are journaled: a replay looks nothing up.
Rule 2. What was put away and recalled is what it would be had it never left: the numbers in
`MemoryTrimmed` decide what a node needs of memory, and never what it books.
Rule 3. Asking costs a look at the disk, so a fact newer than all that was put away is not asked
after: each telling of it bears the time at which it happened, or one that is off by less than what
is at hand spans.
"""

from collections.abc import Collection, Iterable
from itertools import islice

import msgspec

from core import identity, request_memory, settlement_memory
from core.effects import Effect, Remember
from core.events import (
    CashMoved,
    Event,
    FillBusted,
    FillReported,
    FundingPaid,
    Memory,
    MemoryTrimmed,
    OpeningSet,
    OrderReported,
    ProgressReported,
    Recalled,
)
from core.journal import Record, Store, decode_effect
from core.orders import fills_alarm
from core.rail_events import BalanceOpened, LineBooked, ReturnReported
from core.state import Account, Order, Progress, State, count
from core.token_events import AuthorizationRequested

# Of these a key is written beside the record that tells them.
_NATURAL = dict.fromkeys(
    (
        *(FillReported, FillBusted, FundingPaid, CashMoved, OpeningSet),
        *(LineBooked, ReturnReported, BalanceOpened),
    )
)


# --- put away ------------------------------------------------------------------------------------


def on_trimmed(state: State, event: MemoryTrimmed) -> list[Effect]:
    """Put away the oldest of everything, down to the numbers told."""
    kept: list[Effect] = []
    for account in state.accounts.values():
        needed = _of_bookings(account)
        ids = [key for key in _oldest(account.seen, event.ids) if key not in needed]
        progress = _oldest(account.progress, event.progress)
        for key in ids:
            kept.append(_remember(account, "id", key, account.seen.pop(key)))
        for order_id in progress:
            done = account.progress.pop(order_id)
            kept.append(
                _remember(account, "progress", identity.progress_key(order_id), _text(done))
            )
        for order_id in _oldest(account.orphans, event.orphans):
            del account.orphans[order_id]
            count(state, f"orphans_given_up/{account.name}")
        if ids:
            account.put_away_until = max(account.put_away_until, _newest(state, account))
    kept += _put_orders_away(state, event.orders)
    if event.transfers is not None:
        kept += settlement_memory.put_away(state, event.transfers)
    state.put_away += len(kept)
    return kept


def _of_bookings(account: Account) -> dict[str, None]:
    """Fills that may have to be booked anew: what was told of them is needed then."""
    return {
        identity.fill_key(name, listing.listing, each.event.fill_id, each.event.side): None
        for name, listing in account.listings.items()
        for each in listing.bookings
    }


def _oldest(held: Collection[str], keep: int) -> list[str]:
    """Those that came in first, beyond the number to keep."""
    return list(islice(held, max(0, len(held) - keep)))


def _newest(state: State, account: Account) -> int:
    """The newest moment of anything that was posted to the account, by its venue's clock.

    Whatever has an id was posted, and each holding remembers its newest postings.
    """
    mine = account.name + "/"
    moments = [
        entries[-1].occurred_at for name, entries in state.recent.items() if name.startswith(mine)
    ]
    return max(moments, default=0)


def _put_orders_away(state: State, keep: int) -> list[Effect]:
    """Orders that are over, but for those that fills are waited for of, or that still reserve."""
    working = sum(len(account.working) for account in state.accounts.values())
    over = (
        name
        for name, order in state.orders.items()
        if name not in state.accounts[order.account].working
    )
    oldest = list(islice(over, max(0, len(state.orders) - working - keep)))
    names = [
        name
        for name in oldest
        if fills_alarm(name) not in state.alarms and not state.orders[name].reserved
    ]
    kept: list[Effect] = []
    for name in names:
        order = state.orders.pop(name)
        account = state.accounts[order.account]
        kept.append(_remember(account, "order", identity.order_key(name), _text(order)))
    gone = dict.fromkeys(names)
    for account in state.accounts.values() if gone else ():
        for order_id in [each for each, name in account.client_ids.items() if name in gone]:
            name = account.client_ids.pop(order_id)
            kept.append(_remember(account, "placed", identity.placed_key(order_id), name))
    return kept


def _remember(account: Account, kind: Memory, key: str, content: str) -> Remember:
    return Remember(account=account.name, kind=kind, key=key, content=content)


def _text(thing: Order | Progress) -> str:
    return msgspec.json.encode(thing).decode()


# --- wanted back ---------------------------------------------------------------------------------


def wanted(state: State, event: Event) -> list[tuple[str, str]]:
    """Account and key of all that a step over this event would look for, that is not at hand, and
    that may be put away."""
    name = getattr(event, "account", None)
    if name is None:
        if isinstance(event, AuthorizationRequested):
            return request_memory.wanted(state, event)
        return settlement_memory.wanted(state, event)
    account = state.accounts.get(name)
    if account is None:
        return []
    keys = [(name, key) for key in _keys(state, account, event)]
    return keys + settlement_memory.wanted(state, event)


def meant(state: State, kept: Remember) -> list[tuple[str, str]]:
    """What a name that came back means, where that is put away, too."""
    if kept.kind == "placed":
        at_hand = kept.content in state.orders
        return [] if at_hand else [(kept.account, identity.order_key(kept.content))]
    return settlement_memory.meant(state, kept)


def _keys(state: State, account: Account, event: Event) -> list[str]:
    match event:
        case FillReported():
            if account.tells == "progress":
                return _order(state, account, event)
            return [*_told(account, event), *_order(state, account, event)]
        case FillBusted():
            return [*_undone(account, event), *_order(state, account, event)]
        case ProgressReported():
            return [*_progress(account, event), *_order(state, account, event)]
        case CashMoved():
            return [*_told(account, event), *_order(state, account, event)]
        case FundingPaid() | OpeningSet():
            return _told(account, event)
        case OrderReported():
            return _order(state, account, event)
        case LineBooked() | ReturnReported() | BalanceOpened():
            key = identity.natural_key(event, 0)
            return [key] if key and key not in account.seen and state.put_away else []
        case _:
            return []


def _told(
    account: Account, event: FillReported | FundingPaid | CashMoved | OpeningSet
) -> list[str]:
    if event.occurred_at > account.put_away_until:
        return []
    key = identity.natural_key(event, _listing(account, event))
    return [key] if key and key not in account.seen else []


def _listing(account: Account, event: Event) -> int:
    listing = account.listings.get(getattr(event, "instrument", ""))
    return listing.listing if listing is not None else 0


def _undone(account: Account, event: FillBusted) -> list[str]:
    """The bust's own id, the fill that it names, and whether that was undone before."""
    listing = _listing(account, event)
    if not listing:
        return []
    fill = identity.fill_key(event.instrument, listing, event.fill_id, event.side)
    keys = [identity.natural_key(event, listing), fill, identity.busted_key(fill)]
    return [key for key in keys if key not in account.seen]


def _progress(account: Account, event: ProgressReported) -> list[str]:
    """An order may go on long after its progress was put away: its newest time says nothing."""
    if event.order_id in account.progress:
        return []
    return [identity.progress_key(event.order_id)]


def _order(
    state: State,
    account: Account,
    event: FillReported | FillBusted | ProgressReported | CashMoved | OrderReported,
) -> list[str]:
    """The order that the event names, by our id or else by the venue's."""
    name = event.client_order_id or account.client_ids.get(event.order_id, "")
    if name:
        return [] if name in state.orders else [identity.order_key(name)]
    if isinstance(event, OrderReported) or not event.order_id:
        return []
    return [identity.placed_key(event.order_id)]


def find(store: Store, account: str, key: str) -> tuple[Remember, int] | None:
    """What was put away under this key last, and in which record; None where nothing was."""
    record = store.kept(identity.identity(account, key))
    if record is None:
        return None
    kept = decode_effect(record.body)
    assert isinstance(kept, Remember), "only what is kept is found by its key"
    return kept, record.number


def identity_of(state: State, event: Event) -> str:
    """The identity of what the event tells; "" where it has none."""
    if type(event) not in _NATURAL:
        return ""
    account = state.accounts.get(getattr(event, "account", ""))
    key = identity.natural_key(event, _listing(account, event)) if account is not None else ""
    return identity.identity(account.name, key) if account is not None and key else ""


# --- back at hand --------------------------------------------------------------------------------


def on_recalled(state: State, event: Recalled) -> None:
    """It stands where it stood, as the newest."""
    count(state, f"recalled/{event.account or 'settlement'}")
    if event.kind in ("transfer", "payment", "named"):
        settlement_memory.on_recalled(state, event)
        return
    account = state.accounts[event.account]
    match event.kind:
        case "id":
            account.seen[event.key] = event.content
        case "request":
            request_memory.on_recalled(state, event)
        case "order":
            order = order_of(event.content)
            state.orders[order.client_order_id] = order
        case "placed":
            account.client_ids[event.key.partition(" ")[2]] = event.content
        case "progress":
            account.progress[event.key.partition(" ")[2]] = progress_of(event.content)


def order_of(content: str) -> Order:
    return msgspec.json.decode(content, type=Order)


def progress_of(content: str) -> Progress:
    return msgspec.json.decode(content, type=Progress)


# --- for readers of a journal --------------------------------------------------------------------


def all_orders(state: State, records: Iterable[Record]) -> dict[str, Order]:
    """Every order that was ever sent or found, as it stands at the end of these records."""
    orders: dict[str, Order] = {}
    for record in records:
        if record.name == "Remember":
            kept = decode_effect(record.body)
            if isinstance(kept, Remember) and kept.kind == "order":
                order = order_of(kept.content)
                orders[order.client_order_id] = order
    return orders | state.orders
