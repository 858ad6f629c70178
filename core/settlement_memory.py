"""Transfers that are over leave the state, and come back when somebody names them.

The rules of `core.memory` hold here, too.
Rule 1. A transfer leaves whole, and only when nothing is open of it: no leg has anything due, held,
contingent or at risk, its scheme lets none come back or be asked back any more, no break and no
line in suspense is about it, and what was told of it has long left.
Rule 2. It is found for ever by its own id, by a payment's and by each name that a counterparty has
for one: the same request is an echo and another body an error, and what comes late is its own.
Rule 3. Names bear no time: whatever names what is not at hand is asked after, once for each.
"""

from collections.abc import Iterable
from heapq import heappop, heappush

import msgspec

from core import identity, schedule
from core.effects import Effect, Remember
from core.events import Event, Recalled
from core.journal import Record, decode_effect
from core.rail_events import (
    ChangeNotified,
    ItemResolved,
    LineBooked,
    PaymentMissing,
    PaymentReported,
    RecallReported,
    RecallRequested,
    ReturnReported,
    SuspenseResolved,
    TransactionSigned,
    TransferCancelled,
    TransferReleased,
    TransferRequested,
    TransferScreened,
)
from core.settlement_state import Leg, Settlement, Transfer
from core.state import State

# Longer than any group of the journal waits: what was told before has left.
LATELY_NS = 10_000_000_000
# What a break or a line in suspense is about may take people long.
LOOK_AGAIN_NS = 3_600_000_000_000
# So many more may stand in the heap than twice those that are over: what changed since.
STALE_MAX = 64
# Transfers and payments are of no one account: what is told of them may name none.
OURS = ""
KINDS = ("transfer", "named")

Key = tuple[str, str]


# --- what is over --------------------------------------------------------------------------------


def note_over(state: State, transfer: Transfer) -> None:
    """Something of the transfer changed: see whether anything is open of it, and till when."""
    settlement = state.settlement
    before = settlement.over.pop(transfer.transfer_id, 0)
    for name in transfer.legs:
        if name in settlement.open_legs:
            return
    at = _over_at(state, transfer)
    settlement.over[transfer.transfer_id] = at
    if at != before:
        heappush(settlement.leaving, (at, transfer.transfer_id))
        if len(settlement.leaving) > STALE_MAX + 2 * len(settlement.over):
            # In order they are a heap, too.
            settlement.leaving = sorted((at, name) for name, at in settlement.over.items())


def _over_at(state: State, transfer: Transfer) -> int:
    """When no leg may come back or be asked back any more, and what was told has left."""
    settlement = state.settlement
    at = state.now + LATELY_NS
    for name in transfer.legs:
        leg = settlement.legs[name]
        scheme = settlement.schemes.get(leg.scheme)
        if scheme is not None and leg.status in ("settled", "returned"):
            spans_end = schedule.over_at(state, scheme, leg.settles_at or leg.settled_at)
            at = max(at, leg.revocable_until, spans_end)
    return at


def holds_too_much(state: State, most: int) -> bool:
    """Whether more than so many are over, and one of them might have left a while ago."""
    settlement = state.settlement
    if len(settlement.over) <= most:
        return False
    return settlement.leaving[0][0] + LATELY_NS <= state.now


def put_away(state: State, keep: int) -> list[Effect]:
    """Of those that are over keep so many; of the others leave first who might leave first."""
    settlement = state.settlement
    over, leaving = settlement.over, settlement.leaving
    asked_about = _asked_about(state)
    kept: list[Effect] = []
    while leaving and len(over) > keep and leaving[0][0] <= state.now:
        at, name = heappop(leaving)
        if over.get(name) != at:
            continue  # something changed of it since
        transfer = settlement.transfers[name]
        if any(payment in asked_about for payment in transfer.legs):
            over[name] = state.now + LOOK_AGAIN_NS
            heappush(leaving, (over[name], name))
        else:
            kept += _put_away(state, transfer)
            settlement.put_away += 1
    return kept


def _asked_about(state: State) -> dict[str, None]:
    """The payments that an open break or a line in suspense is about, or a recall that goes on, or
    of which something was sent back."""
    settlement = state.settlement
    found = dict.fromkeys(item.subject for item in settlement.items.values())
    found |= {name: None for name in settlement.asked_back if f"recall/{name}" in state.alarms}
    found |= {leg.disposes: None for leg in settlement.legs.values() if leg.disposes}
    for line in settlement.suspense.values():
        for reference in line.references:
            key = f"{line.account} {reference}"
            found[reference] = None
            found |= dict.fromkeys(settlement.batches.get(key, ()))
            if key in settlement.named:
                found[settlement.named[key]] = None
    return found


def _put_away(state: State, transfer: Transfer) -> list[Effect]:
    """The transfer with its legs, then what leads to it: its payments' ids, and their names."""
    settlement = state.settlement
    legs = [settlement.legs.pop(name) for name in transfer.legs]
    for container in (settlement.transfers, settlement.over, settlement.told_lately):
        container.pop(transfer.transfer_id, None)
    whole = msgspec.json.encode((transfer, legs)).decode()
    key = identity.transfer_key(transfer.transfer_id)
    kept: list[Effect] = [Remember(account=OURS, kind="transfer", key=key, content=whole)]
    for leg in legs:
        # The alarm would look at what has nothing left to look at.
        state.alarms.pop(f"leg/{leg.payment_id}", None)
        key = identity.payment_key(leg.payment_id)
        kept.append(Remember(account=OURS, kind="payment", key=key, content=leg.transfer_id))
    for name in dict.fromkeys(name for leg in legs for name in leg.called):
        kept += _put_name_away(settlement, name)
    return kept


def _put_name_away(settlement: Settlement, name: str) -> list[Effect]:
    """If no payment at hand bears it any more."""
    named, batches = settlement.named, settlement.batches
    alone, members = named.get(name, ""), batches.get(name, [])
    if any(each in settlement.legs for each in (alone, *members)) or not (alone or members):
        return []
    named.pop(name, None)
    batches.pop(name, None)
    account, _, reference = name.partition(" ")
    content = msgspec.json.encode((alone, members)).decode()
    key = identity.named_key(reference)
    return [Remember(account=account, kind="named", key=key, content=content)]


# --- wanted back ---------------------------------------------------------------------------------


def wanted(state: State, event: Event) -> list[Key]:
    """The keys of all that a step over this event would look for and that may be put away."""
    if not state.settlement.put_away:
        return []
    match event:
        case TransferRequested() | TransferReleased() | TransferScreened() | TransferCancelled():
            return _transfer(state, event.transfer_id)
        case PaymentReported():
            names = _names(state, event.account, (event.reference, event.batch))
            return [*_payments(state, (event.payment_id,)), *names]
        case LineBooked():
            return _of_line(state, event)
        case ReturnReported() | ChangeNotified():
            return _referred(state, event.account, (event.payment_id, *event.references))
        case RecallReported():
            return _referred(state, event.account, event.references)
        case PaymentMissing() | TransactionSigned() | RecallRequested():
            return _payments(state, (event.payment_id,))
        case SuspenseResolved() | ItemResolved():
            return _payments(state, (event.payment_id,))
        case _:
            return []


def _of_line(state: State, event: LineBooked) -> list[Key]:
    """Of each part what it refers to, as `core.lines` looks for it."""
    if event.pending or identity.line_key(event.line_id) in state.accounts[event.account].seen:
        return []
    whole = (*event.references, event.line_id)
    found: dict[Key, None] = {}
    for references in [part.references for part in event.parts] or [()]:
        found |= dict.fromkeys(_referred(state, event.account, (*references, *whole)))
    return list(found)


def _referred(state: State, account: str, references: tuple[str, ...]) -> list[Key]:
    """Of references the payments up to the first that is at hand; where none is, names, too."""
    found: list[Key] = []
    for reference in references:
        leg = state.settlement.legs.get(reference)
        if leg is not None and leg.account == account:
            return found
        found += _payments(state, (reference,))
    return found + _names(state, account, references)


def _transfer(state: State, transfer_id: str) -> list[Key]:
    if transfer_id in state.settlement.transfers:
        return []
    return [(OURS, identity.transfer_key(transfer_id))]


def _payments(state: State, payment_ids: Iterable[str]) -> list[Key]:
    legs = state.settlement.legs
    return [(OURS, identity.payment_key(each)) for each in payment_ids if each and each not in legs]


def _names(state: State, account: str, references: Iterable[str]) -> list[Key]:
    settlement, found = state.settlement, list[Key]()
    for each in references:
        name = f"{account} {each}"
        if each and name not in settlement.named and name not in settlement.batches:
            found.append((account, identity.named_key(each)))
    return found


def meant(state: State, kept: Remember) -> list[Key]:
    """What a name that came back means, where that is put away, too."""
    if kept.kind == "payment":
        return _transfer(state, kept.content)
    if kept.kind == "transfer":
        disposed = [leg.disposes for leg in transfer_of(kept.content)[1]]
        return _payments(state, [each for each in disposed if " " not in each])
    if kept.kind == "named":
        # One of a batch is enough: the others have nothing due, and the name leaves with it again.
        alone, members = _naming(kept.content)
        return _payments(state, (members or [alone])[:1])
    return []


# --- back at hand --------------------------------------------------------------------------------


def on_recalled(state: State, event: Recalled) -> None:
    """It stands where it stood, as the newest."""
    settlement = state.settlement
    if event.kind == "transfer":
        transfer, legs = transfer_of(event.content)
        settlement.transfers[transfer.transfer_id] = transfer
        settlement.legs |= {leg.payment_id: leg for leg in legs}
        note_over(state, transfer)
    elif event.kind == "named":
        name = f"{event.account} {event.key.partition(' ')[2]}"
        alone, members = _naming(event.content)
        if alone:
            settlement.named[name] = alone
        if members:
            settlement.batches[name] = members


def transfer_of(content: str) -> tuple[Transfer, list[Leg]]:
    """A transfer that was put away, and its legs."""
    return msgspec.json.decode(content, type=tuple[Transfer, list[Leg]])


def _naming(content: str) -> tuple[str, list[str]]:
    """The one payment that a name means, and those of the batch that it is."""
    return msgspec.json.decode(content, type=tuple[str, list[str]])


# --- for readers of a journal --------------------------------------------------------------------


def kept_in(records: Iterable[Record]) -> list[Remember]:
    """All of settlement that ever left the state, as these records have it."""
    found = []
    for record in records:
        if record.name == "Remember":
            kept = decode_effect(record.body)
            if isinstance(kept, Remember) and kept.kind in KINDS:
                found.append(kept)
    return found


def whole(state: State, kept: Iterable[Remember]) -> State:
    """The same state with every transfer that left it at its place, the first asked for first."""
    settlement = state.settlement
    if not settlement.put_away:
        return state
    transfers: dict[str, Transfer] = {}
    legs: dict[str, Leg] = {}
    named: dict[str, str] = {}
    batches: dict[str, list[str]] = {}
    for each in kept:
        if each.kind == "transfer":
            transfer, its_legs = transfer_of(each.content)
            transfers[transfer.transfer_id] = transfer
            legs |= {leg.payment_id: leg for leg in its_legs}
        else:
            name = f"{each.account} {each.key.partition(' ')[2]}"
            alone, members = _naming(each.content)
            named |= {name: alone} if alone else {}
            batches |= {name: members} if members else {}
    transfers |= settlement.transfers
    legs |= settlement.legs
    filled = msgspec.structs.replace(
        settlement,
        transfers=dict(sorted(transfers.items(), key=lambda item: item[1].requested_at)),
        legs=dict(sorted(legs.items())),
        named=named | settlement.named,
        batches=batches | settlement.batches,
    )
    return msgspec.structs.replace(state, settlement=filled)
