"""The tables of settlement: a row for each leg, each line of an entry, each change of exposure.

Amounts have the decimals of their own asset, every one of them: wei is no rounding error.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from core import exchanges, exposure, ledger
from core.items import REMEDIES
from core.rail_events import TransferRequested
from core.settlement_state import ClosedItem, Item
from core.state import State
from core.transfers import view
from tieout.reports.history import History, exact

Row = tuple[Any, ...]


def amount(state: State, asset: str, units: int) -> Decimal:
    """Units of an asset, with all of its decimals; units themselves where nobody declared it."""
    return exact(units, state.decimals.get(asset, 0))


def transfers(past: History, state: State) -> Iterable[Row]:
    """One row a leg, in the order in which they were asked for."""
    state = past.whole()
    settlement = state.settlement
    for leg in settlement.legs.values():
        transfer = settlement.transfers[leg.transfer_id]
        yield (
            transfer.requested_at,
            leg.transfer_id,
            leg.payment_id,
            leg.number,
            leg.customer,
            leg.kind,
            leg.scheme,
            leg.account,
            leg.asset,
            amount(state, leg.asset, leg.amount),
            leg.status,
            view(state, transfer)[0],
            leg.sent_at,
            leg.settles_at,
            leg.settled_at,
            leg.revocable_until,
            amount(state, leg.asset, leg.returned),
            amount(state, leg.asset, leg.fee),
            len(leg.attempts) if leg.attempts else int(bool(leg.sent_at)),
            leg.queries,
            leg.reference,
            leg.code,
            leg.reason,
            tuple(dict.fromkeys(leg.evidence)),
        )


def entries(past: History, state: State) -> Iterable[Row]:
    """One row a line of the double-entry book."""
    for heard, entry in past.settled.entries:
        for name, units in entry.lines:
            asset = ledger.asset_of(name)
            yield (
                heard.number,
                heard.name,
                heard.at,
                entry.purpose,
                entry.subject,
                name,
                asset,
                amount(state, asset, units),
                entry.frame,
            )


def in_flight(past: History, state: State) -> Iterable[Row]:
    """Every change of what counts against a limit, and the limit that stood at the end."""
    for number, at, key, units, contingent in past.settled.exposed:
        scope, subject, asset = key.split("/")
        limit = exposure.limit_of(state, key)
        yield (
            at,
            scope,
            subject,
            asset,
            amount(state, asset, units),
            amount(state, asset, contingent),
            limit.limit if limit is not None else "",
            amount(state, asset, limit.amount) if limit is not None else None,
            number,
        )


def exchange_positions(past: History, state: State) -> Iterable[Row]:
    """One row a pair: what is open and what it cost, what closing it at the desk's last quote would
    gain (booked nowhere), and what was realised."""
    for name, position in sorted(state.settlement.positions.items()):
        base, against = position.base, position.against
        now = exchanges.unrealised(state, name)
        yield (
            name,
            base,
            amount(state, base, position.of(base)),
            against,
            amount(state, against, position.of(against)),
            amount(state, against, now) if now is not None else None,
            amount(state, against, position.realised),
            len(position.lots),
        )


def refusals(past: History) -> Iterable[Row]:
    """Requests about transfers that were not taken, in the columns of orders that were not."""
    for at, event, code, text in past.settled.declined:
        told: Any = event
        customer = event.customer if isinstance(event, TransferRequested) else ""
        yield (
            at,
            *("", told.transfer_id, "", "", "", "", ""),
            "transfer" if customer else type(event).__name__.removeprefix("Transfer").lower(),
            *(None, None),
            code,
            text,
            customer,
        )


def breaks(past: History, state: State) -> Iterable[Row]:
    """Items of settlement, closed ones in the order of their ends, in the columns of breaks."""
    for closed in past.closed:
        yield _item(state, closed, closed.closed_at, closed.resolution)
    for item in state.settlement.items.values():
        yield _item(state, item, 0, "")


def _item(state: State, item: Item | ClosedItem, closed_at: int, resolution: str) -> Row:
    owner, proposal = REMEDIES[item.cause]
    asset = asset_of(state, item)
    return (
        item.number,
        f"{item.account}/{asset}/cash" if asset else item.account,
        item.subject,
        amount(state, asset, item.size),
        item.cause,
        owner,
        f"{proposal} ({item.detail})" if item.detail else proposal,
        item.opened_at,
        item.opened_at,
        closed_at,
        ((closed_at or state.now) - item.opened_at) / 1e9,
        resolution,
        tuple(item.evidence),
        not closed_at,
    )


def asset_of(state: State, item: Item | ClosedItem) -> str:
    """The item's asset; a return that names no payment has that of its account, if it is one."""
    if item.asset:
        return item.asset
    schemes = state.settlement.schemes.values()
    found = {each.asset: None for each in schemes if each.account == item.account}
    return next(iter(found)) if len(found) == 1 else ""
