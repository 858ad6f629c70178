"""The tables of a run as data frames: one for each subject, read from the journal.

Rule 1. Nothing is in them that was not recorded (see `tieout/reports/history.py`).
Rule 2. Amounts are `decimal.Decimal`, exact; what a venue did not tell is None. Times are UTC
timestamps to the nanosecond; what has not happened is NaT.
Rule 3. Columns and their types are the same in every run, an empty one included: `COLUMNS`.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, Literal

import pandas as pd

from core.events import CashMoved, FillReported, ProgressReported
from core.journal import Store
from core.money import ASSET_DECIMALS, PRICE_DECIMALS, QUANTITY_DECIMALS
from core.state import Drift, Order, Posting, State
from tieout.reports.history import History, Taken, amount_of, exact, history, occurred_at
from tieout.risk import tables as risk_tables
from tieout.risk.history import RiskHistory, risk_history
from tieout.settlement import tables as settlement_tables
from tieout.tokens import tables as token_tables

Type = Literal["text", "decimal", "time", "int", "seconds", "bool", "numbers"]
Row = tuple[Any, ...]
# What settlement books on a nostro is a figure of its own: "settlement/account/purpose/asset".
SETTLEMENT = "settlement"

COLUMNS: Mapping[str, Mapping[str, Type]] = {
    "fills": {
        "received_at": "time",
        "occurred_at": "time",
        "account": "text",
        "instrument": "text",
        "strategy": "text",
        "side": "text",
        "quantity": "decimal",
        "price": "decimal",
        "value": "decimal",
        "fee": "decimal",
        "fee_asset": "text",
        "realised": "decimal",
        "fill_id": "text",
        "order_id": "text",
        "client_order_id": "text",
        "told": "text",
        "channel": "text",
        "frame": "int",
        "leg": "text",
        "cause": "text",
        "event": "int",
    },
    "orders": {
        "requested_at": "time",
        "client_order_id": "text",
        "strategy": "text",
        "reference": "text",
        "account": "text",
        "instrument": "text",
        "side": "text",
        "leg": "text",
        "kind": "text",
        "quantity": "decimal",
        "price": "decimal",
        "reduce_only": "bool",
        "status": "text",
        "filled": "decimal",
        "order_id": "text",
        "reason": "text",
    },
    "positions": {
        "holding": "text",
        "account": "text",
        "subject": "text",
        "leg": "text",
        "strategy": "text",
        "instrument": "text",
        "purpose": "text",
        "amount": "decimal",
        "held": "decimal",
        "doubt": "decimal",
    },
    "breaks": {
        "number": "int",
        "holding": "text",
        "subject": "text",
        "size": "decimal",
        "cause": "text",
        "owner": "text",
        "proposal": "text",
        "opened_at": "time",
        "broken_at": "time",
        "closed_at": "time",
        "age_s": "seconds",
        "resolution": "text",
        "evidence": "numbers",
        "open": "bool",
    },
    "transfers": {
        "requested_at": "time",
        "transfer_id": "text",
        "payment_id": "text",
        "leg": "int",
        "customer": "text",
        "kind": "text",
        "scheme": "text",
        "account": "text",
        "asset": "text",
        "amount": "decimal",
        "status": "text",
        "told": "text",
        "sent_at": "time",
        "settles_at": "time",
        "settled_at": "time",
        "revocable_until": "time",
        "returned": "decimal",
        "fee": "decimal",
        "attempts": "int",
        "queries": "int",
        "reference": "text",
        "code": "text",
        "reason": "text",
        "evidence": "numbers",
    },
    "ledger": {
        "event": "int",
        "name": "text",
        "at": "time",
        "purpose": "text",
        "subject": "text",
        "account": "text",
        "asset": "text",
        "amount": "decimal",
        "frame": "int",
    },
    "in_flight": {
        "at": "time",
        "scope": "text",
        "subject": "text",
        "asset": "text",
        "amount": "decimal",
        "contingent": "decimal",
        "limit": "text",
        "bound": "decimal",
        "event": "int",
    },
    "exchange_positions": {
        "pair": "text",
        "base": "text",
        "open": "decimal",
        "against": "text",
        "cost": "decimal",
        "unrealised": "decimal",
        "realised": "decimal",
        "lots": "int",
    },
    "movements": {
        "received_at": "time",
        "occurred_at": "time",
        "account": "text",
        "asset": "text",
        "amount": "decimal",
        "reason": "text",
        "movement_id": "text",
        "instrument": "text",
        "told": "text",
        "channel": "text",
        "frame": "int",
        "event": "int",
    },
    "postings": {
        "event": "int",
        "name": "text",
        "received_at": "time",
        "occurred_at": "time",
        "holding": "text",
        "strategy": "text",
        "account": "text",
        "instrument": "text",
        "purpose": "text",
        "unit": "text",
        "amount": "decimal",
        "frame": "int",
        "channel": "text",
    },
    "exposures": {
        "at": "time",
        "holding": "text",
        "account": "text",
        "subject": "text",
        "leg": "text",
        "change": "decimal",
        "held": "decimal",
        "event": "int",
    },
    "utilisation": {
        "at": "time",
        "line": "text",
        "control": "text",
        "place": "text",
        "side": "text",
        "unit": "text",
        "used": "decimal",
        "limit": "decimal",
        "open": "decimal",
        "event": "int",
    },
    "measures": {
        "at": "time",
        "figure": "text",
        "of": "text",
        "amount": "decimal",
        "intervals": "int",
    },
    "refusals": {
        "at": "time",
        "strategy": "text",
        "reference": "text",
        "client_order_id": "text",
        "account": "text",
        "instrument": "text",
        "side": "text",
        "leg": "text",
        "kind": "text",
        "quantity": "decimal",
        "price": "decimal",
        "code": "text",
        "text": "text",
        "customer": "text",
    },
    "authorizations": {
        "at": "time",
        "authorization": "text",
        "token": "text",
        "kind": "text",
        "caller": "text",
        "request_id": "text",
        "sender": "text",
        "receiver": "text",
        "amount": "decimal",
        "status": "text",
        "reason": "text",
        "policy_version": "int",
        "decision_hash": "text",
        "valid_after": "time",
        "valid_before": "time",
        "signatures": "int",
        "signed_at": "time",
        "final_at": "time",
        "block_number": "int",
        "tx_hash": "text",
        "block_hash": "text",
        "evidence": "numbers",
        "event": "int",
    },
    "timeline": {
        "at": "time",
        "what": "text",
        "account": "text",
        "text": "text",
    },
}


def table(name: str, store: Store, state: State) -> pd.DataFrame:
    """The table of one subject; `state` is how the books stood at the store's end."""
    if name in _OF_RISK:
        return frame(COLUMNS[name], _OF_RISK[name](risk_history(store)))
    return frame(COLUMNS[name], _ROWS[name](history(store), state))


def frame(columns: Mapping[str, Type], rows: Iterable[Row]) -> pd.DataFrame:
    """Rows in the columns' types. Every row has a value for every column."""
    by_column = list(zip(*rows, strict=True)) or [()] * len(columns)
    return pd.DataFrame(
        {
            name: _series(kind, values)
            for (name, kind), values in zip(columns.items(), by_column, strict=True)
        }
    )


def _series(kind: Type, values: tuple[Any, ...]) -> "pd.Series[Any]":
    match kind:
        case "time":
            # 0 is no time of ours. Through integers, so that no nanosecond is lost on the way.
            stamps = pd.Series(values, dtype="int64").astype("datetime64[ns]").dt.tz_localize("UTC")
            return stamps.where(pd.Series(values, dtype="int64") != 0)
        case "int":
            return pd.Series(values, dtype="int64")
        case "seconds":
            return pd.Series(values, dtype="float64")
        case "bool":
            return pd.Series(values, dtype="bool")
        case "text":
            return pd.Series(values, dtype="str")
        case "decimal" | "numbers":
            return pd.Series(values, dtype="object")


# --- what venues told ----------------------------------------------------------------------------


def _fills(past: History, state: State) -> Iterable[Row]:
    """Every telling of every fill; only the booked one moved the books.

    Where a venue tells an order's progress instead, what each telling added stands here as derived:
    `told` is "progress", and there is neither fill id nor price, for none was told.
    """
    orders = past.orders()
    placed = {(each.account, each.order_id): each for each in orders.values() if each.order_id}
    for taken in past.taken:
        event = taken.event
        if isinstance(event, ProgressReported) and taken.way == "booked":
            yield _progress(taken, event, state)
        if not isinstance(event, FillReported):
            continue
        order = placed.get((event.account, event.order_id))
        if event.client_order_id:
            order = orders.get(event.client_order_id)
        yield (
            event.received_at,
            event.occurred_at,
            event.account,
            event.instrument,
            order.strategy if order is not None else "unattributed",
            event.side,
            exact(event.quantity, QUANTITY_DECIMALS),
            exact(event.price, PRICE_DECIMALS),
            _told(event, event.value),
            _asset(state, event.fee_asset, event.fee),
            event.fee_asset,
            _told(event, event.realised),
            event.fill_id,
            event.order_id,
            event.client_order_id,
            taken.way.removeprefix("as_"),
            taken.channel,
            taken.frame,
            event.leg,
            event.cause,
            taken.number,
        )


def _progress(taken: Taken, event: ProgressReported, state: State) -> Row:
    listing = state.accounts[event.account].listings[event.instrument]
    sign = 1 if event.side == "buy" else -1
    added: dict[str, dict[str, Decimal]] = {"trade": {}, "fee": {}}
    for line in taken.postings:
        _, strategy, _, purpose = _attributed(line.figure)
        added[purpose][_unit(line)] = _posted(state, line)
    return (
        event.received_at,
        event.occurred_at,
        event.account,
        event.instrument,
        strategy,
        event.side,
        sign * added["trade"][listing.base],
        None,
        -sign * added["trade"][listing.quote],
        -added["fee"][event.fee_asset],
        event.fee_asset,
        None,
        "",
        event.order_id,
        event.client_order_id,
        "progress",
        taken.channel,
        taken.frame,
        "net",
        "trade",
        taken.number,
    )


def _movements(past: History, state: State) -> Iterable[Row]:
    for taken in past.taken:
        event = taken.event
        # Realised profit comes as cash on some venues, and is none of a transfer.
        if not isinstance(event, CashMoved) or event.reason == "realised":
            continue
        yield (
            event.received_at,
            event.occurred_at,
            event.account,
            event.asset,
            _asset(state, event.asset, event.amount),
            event.reason,
            event.movement_id,
            event.instrument,
            taken.way,
            taken.channel,
            taken.frame,
            taken.number,
        )


def _told(event: FillReported, value: int | None) -> Decimal | None:
    return None if value is None else exact(value, event.told_decimals)


def _asset(state: State, asset: str, units: int | None) -> Decimal | None:
    if units is None:
        return None
    return exact(units, state.decimals.get(asset, ASSET_DECIMALS))


# --- our orders ----------------------------------------------------------------------------------


def _orders(past: History, state: State) -> Iterable[Row]:
    """Those that were sent and those that our gate refused, in the order of the wishes."""
    rows = [_order(order) for order in past.orders().values()]
    for wish, told, code in past.refusals:
        rows.append(
            (
                wish.received_at,
                told.client_order_id,
                wish.strategy,
                wish.reference,
                wish.account,
                wish.instrument,
                wish.side,
                wish.leg,
                wish.kind,
                exact(wish.quantity, QUANTITY_DECIMALS),
                exact(wish.price, PRICE_DECIMALS),
                wish.reduce_only,
                told.status,
                exact(0, QUANTITY_DECIMALS),
                "",
                code,
            )
        )
    return sorted(rows, key=lambda row: (row[0], row[1]))


def _order(order: Order) -> Row:
    return (
        order.requested_at,
        order.client_order_id,
        order.strategy,
        order.reference,
        order.account,
        order.instrument,
        order.side,
        order.leg,
        order.kind,
        exact(order.quantity, QUANTITY_DECIMALS),
        exact(order.price, PRICE_DECIMALS),
        order.reduce_only,
        order.status,
        exact(order.filled, QUANTITY_DECIMALS),
        order.order_id,
        order.reason,
    )


def _refusals(past: History, state: State) -> Iterable[Row]:
    for wish, told, code in past.refusals:
        yield (
            wish.received_at,
            wish.strategy,
            wish.reference,
            told.client_order_id,
            wish.account,
            wish.instrument,
            wish.side,
            wish.leg,
            wish.kind,
            exact(wish.quantity, QUANTITY_DECIMALS),
            exact(wish.price, PRICE_DECIMALS),
            code,
            told.reason,
            "",
        )
    yield from settlement_tables.refusals(past)


# --- the books -----------------------------------------------------------------------------------


def _positions(past: History, state: State) -> Iterable[Row]:
    """What each holding is the sum of. Memoranda belong to no holding and stand in postings."""
    for name, units in state.figures.items():
        holding, strategy, instrument, purpose = _attributed(name)
        if not holding:
            continue
        account, subject, leg = holding.rsplit("/", 2)
        yield (
            holding,
            account,
            subject,
            leg,
            strategy,
            instrument,
            purpose,
            amount_of(state, holding, units),
            amount_of(state, holding, state.holdings.get(holding, 0)),
            amount_of(state, holding, state.doubts.get(holding, 0)),
        )


def _attributed(figure: str) -> tuple[str, str, str, str]:
    """The holding that a figure is a part of, its strategy, instrument and purpose."""
    parts = figure.split("/")
    account = "/".join(parts[1:3])
    if parts[0] == "adjustment":
        return "/".join(parts[1:5]), "adjustment", "", "adjustment"
    if parts[0] == SETTLEMENT:
        return f"{account}/{parts[4]}/cash", SETTLEMENT, "", parts[3]
    strategy, subject, purpose, unit = parts[0], parts[3], parts[4], parts[5]
    if purpose == "value":
        return "", strategy, subject, purpose
    if purpose == "opening":
        return f"{account}/{subject}/{unit}", strategy, "", purpose
    if purpose in ("position", "restated"):
        return f"{account}/{subject}/{unit}", strategy, subject, purpose
    return f"{account}/{unit}/cash", strategy, subject, purpose


def _postings(past: History, state: State) -> Iterable[Row]:
    for taken in past.taken:
        for line in taken.postings:
            _, strategy, instrument, purpose = _attributed(line.figure)
            yield (
                taken.number,
                type(taken.event).__name__,
                taken.event.received_at,
                occurred_at(taken.event),
                line.holding,
                strategy,
                "/".join(line.figure.split("/")[1:3]),
                instrument,
                purpose,
                _unit(line),
                _posted(state, line),
                taken.frame,
                taken.channel,
            )


def _unit(line: Posting) -> str:
    """What the amount counts: an asset, or contracts of an instrument."""
    if line.holding:
        return line.holding.split("/")[2]
    parts = line.figure.split("/")
    return parts[3] if parts[4] == "position" else parts[5]


def _posted(state: State, line: Posting) -> Decimal:
    if line.holding:
        return amount_of(state, line.holding, line.amount)
    # A memorandum's figure ends in its unit: an asset, or the leg of a position.
    parts = line.figure.split("/")
    scale = QUANTITY_DECIMALS
    if parts[4] != "position":
        scale = state.decimals.get(parts[5], ASSET_DECIMALS)
    return exact(line.amount, scale)


def _exposures(past: History, state: State) -> Iterable[Row]:
    held: dict[str, int] = {}
    for taken in past.taken:
        changes: dict[str, int] = {}
        for line in taken.postings:
            if line.holding:
                changes[line.holding] = changes.get(line.holding, 0) + line.amount
        for holding, change in changes.items():
            held[holding] = held.get(holding, 0) + change
            yield (
                taken.event.received_at,
                holding,
                *holding.rsplit("/", 2),
                amount_of(state, holding, change),
                amount_of(state, holding, held[holding]),
                taken.number,
            )


# --- what went wrong -----------------------------------------------------------------------------


def _breaks(past: History, state: State) -> Iterable[Row]:
    """Closed ones in the order of their ends, then those still open; then those of settlement.

    `subject` is the payment, line or statement that one of settlement is about.
    """
    for each in past.resolved:
        yield (
            each.number,
            each.holding,
            "",
            amount_of(state, each.holding, each.size),
            each.cause,
            each.owner,
            each.proposal,
            each.opened_at,
            each.broken_at,
            each.closed_at,
            (each.closed_at - each.opened_at) / 1e9,
            each.resolution,
            each.evidence,
            False,
        )
    for drifts in (state.suspects, state.breaks):
        for holding, drift in drifts.items():
            yield _open(state, holding, drift)
    yield from settlement_tables.breaks(past, state)


def _open(state: State, holding: str, drift: Drift) -> Row:
    return (
        drift.number,
        holding,
        "",
        amount_of(state, holding, drift.size),
        drift.cause,
        drift.owner,
        drift.proposal,
        drift.opened_at,
        drift.broken_at,
        0,
        (state.now - drift.opened_at) / 1e9,
        "",
        (drift.reading.frame,),
        True,
    )


def _timeline(past: History, state: State) -> Iterable[Row]:
    return past.moments


_ROWS: Mapping[str, Callable[[History, State], Iterable[Row]]] = {
    "fills": _fills,
    "orders": _orders,
    "positions": _positions,
    "breaks": _breaks,
    "transfers": settlement_tables.transfers,
    "ledger": settlement_tables.entries,
    "in_flight": settlement_tables.in_flight,
    "exchange_positions": settlement_tables.exchange_positions,
    "movements": _movements,
    "postings": _postings,
    "exposures": _exposures,
    "refusals": _refusals,
    "authorizations": token_tables.authorizations,
    "timeline": _timeline,
}
_OF_RISK: Mapping[str, Callable[[RiskHistory], Iterable[Row]]] = {
    "utilisation": risk_tables.utilisation,
    "measures": risk_tables.measures,
}
