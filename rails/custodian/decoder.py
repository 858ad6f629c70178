"""A custodian's transactions as events: webhooks v1 and v2, and the answers of its REST API.

Rule 1. A webhook is read once it is verified over its raw bytes, and not before.
Rule 2. A payment is settled at its final status *and* sub-status. With a third party (an account at
an exchange), CONFIRMED says that value left us; only the third party's own word settles.
Rule 3. COMPLETED_BUT_3RD_PARTY_FAILED is neither settled, for nobody was credited, nor failed, for
the value is gone and must not be sent again under another id. It is told as `held` under its own
code, beside the line that says that the value left: the payment stays open in flight until the
value comes back or the third party credits it after all.
Rule 4. A status or sub-status that is on no list is `pending`, with its name as the reason.
Rule 5. A payment is rejected by a code of `REJECTED`; any other refusal leaves it unknown.

The custodian tells no time of booking, and `lastUpdated` moves: the one time of a transaction that
stays, so that two tellings of one line are alike, is `createdAt`.
"""

from collections.abc import Mapping
from typing import Any

from core.effects import FetchLedger, FetchStatement
from core.events import Event, StatementReported, StatementRow
from core.frames import Decode, Frame
from core.rail_effects import QueryPayment, SendPayment
from core.rail_events import LineBooked, PaymentReported, PaymentStatus
from core.reading import (
    MS,
    Decimals,
    Unreadable,
    an_array,
    an_object,
    dismissed,
    loads,
    page_end,
    quarantined,
    read,
    retry_after_ns,
)
from rails.custodian.requests import LINES_PER_PAGE
from rails.custodian.webhooks import Keys, verified
from rails.reading import no_answer, payment_missing, text, units

Json = dict[str, Any]

STATUS: Mapping[str, PaymentStatus] = {
    "SUBMITTED": "received",
    "PENDING_AML_SCREENING": "held",
    "PENDING_ENRICHMENT": "pending",
    "PENDING_AUTHORIZATION": "held",
    "QUEUED": "pending",
    "PENDING_SIGNATURE": "pending",
    "PENDING_3RD_PARTY": "pending",
    "PENDING_3RD_PARTY_MANUAL_APPROVAL": "held",
    "BROADCASTING": "accepted",
    "CONFIRMING": "accepted",
    "PARTIALLY_COMPLETED": "pending",
    "CANCELLING": "pending",
    "CANCELLED": "cancelled",
    "REJECTED": "rejected",
    "BLOCKED": "rejected",
    "FAILED": "failed",
}
# COMPLETED, by sub-status: what is final for an address, and what for an account of a third party.
COMPLETED: Mapping[str, tuple[PaymentStatus, PaymentStatus]] = {
    "CONFIRMED": ("settled", "pending"),
    "3RD_PARTY_COMPLETED": ("settled", "settled"),
    "COMPLETED_BUT_3RD_PARTY_FAILED": ("held", "held"),
    "COMPLETED_BUT_3RD_PARTY_REJECTED": ("held", "held"),
}
THIRD_PARTIES = ("EXCHANGE_ACCOUNT", "FIAT_ACCOUNT", "NETWORK_CONNECTION")
REJECTED = (1004, 1006)  # no such vault, no such asset: nothing was made
DUPLICATE = 1438  # its externalTxId is known: the first one may well live
TRANSACTIONS = (
    "TRANSACTION_CREATED",
    "TRANSACTION_STATUS_UPDATED",
    "transaction.created",
    "transaction.status.updated",
)


def decoder(keys: Keys, vault: str = "0") -> Decode:
    """The reader of one vault's frames under these keys."""

    def stream(frame: Frame, decimals: Decimals) -> list[Event]:
        told = an_object(loads(verified(frame.body, keys)))
        kind = told.get("eventType") or told.get("type")
        if kind not in TRANSACTIONS:
            return dismissed(frame, f"a webhook of no transaction: {kind!r}")
        events = _transaction(frame, told["data"], decimals, vault)
        return events or dismissed(frame, "a transaction of others, not final")

    def answer(frame: Frame, decimals: Decimals) -> list[Event]:
        return _answer(frame, decimals, vault)

    def decode(frame: Frame, decimals: Decimals) -> list[Event]:
        return read(frame, decimals, stream, answer, no_answer)

    return decode


# --- a transaction -------------------------------------------------------------------------------


def _transaction(frame: Frame, told: Json, decimals: Decimals, vault: str) -> list[Event]:
    """Its status, if it is a payment of ours, and its lines, once they are booked."""
    events: list[Event] = []
    if text(told.get("externalTxId")) and _is_vault(told["source"], vault):
        events.append(_status(frame, told, decimals))
    return events + _lines(frame, told, decimals, vault)


# Value left us, and the third party did not credit it.
THIRD_PARTY_FAILED = ("COMPLETED_BUT_3RD_PARTY_FAILED", "COMPLETED_BUT_3RD_PARTY_REJECTED")


def _status(frame: Frame, told: Json, decimals: Decimals) -> Event:
    status, sub_status = text(told["status"]), text(told.get("subStatus"))
    said, reason = _meaning(status, sub_status, text(told["destination"].get("type")))
    return PaymentReported(
        received_at=frame.received_at,
        frame=frame.number,
        account=frame.account,
        payment_id=told["externalTxId"],
        status=said,
        reference=text(told.get("txHash")) or told["id"],
        code=sub_status or status,
        reason=reason,
        amount=_amount(told, decimals),
        moved=sub_status in THIRD_PARTY_FAILED,
        replaces=text(told.get("replacedTxHash")),
        occurred_at=told["lastUpdated"] * MS,
    )


def _meaning(status: str, sub_status: str, destination: str) -> tuple[PaymentStatus, str]:
    if status == "COMPLETED":
        final = COMPLETED.get(sub_status)
        if final is None:
            return "pending", f"unknown sub-status {sub_status!r} of COMPLETED"
        return final[destination in THIRD_PARTIES], status
    known = STATUS.get(status)
    if known is None:
        return "pending", f"unknown status {status!r}"
    return known, status


def _amount(told: Json, decimals: Decimals) -> int:
    """Told as a text in `amountInfo`, and as a number beside it by older webhooks."""
    said = (told.get("amountInfo") or {}).get("amount")
    return units(told["amount"] if said is None else said, told["assetId"], decimals)


def _lines(frame: Frame, told: Json, decimals: Decimals, vault: str) -> list[Event]:
    """What it booked on our vault: out, in, and the fee that a mined transaction costs."""
    out, into = _is_vault(told["source"], vault), _is_vault(told["destination"], vault)
    events: list[Event] = []
    if told["status"] == "COMPLETED" and out != into:
        amount = _amount(told, decimals)
        events.append(_line(frame, told, told["assetId"], -amount if out else amount, "payment"))
    fee = text((told.get("feeInfo") or {}).get("networkFee"))
    if out and fee and told["status"] in ("COMPLETED", "FAILED"):
        asset = told["feeCurrency"]
        events.append(_line(frame, told, asset, -units(fee, asset, decimals), "fee"))
    return [event for event in events if not isinstance(event, LineBooked) or event.amount]


def _line(frame: Frame, told: Json, asset: str, amount: int, kind: Any) -> Event:
    names = ("externalTxId", "txHash", "destinationAddress", "destinationTag", "note")
    return LineBooked(
        received_at=frame.received_at,
        frame=frame.number,
        account=frame.account,
        line_id=f"{told['id']}:fee" if kind == "fee" else told["id"],
        asset=asset,
        amount=amount,
        kind=kind,
        booked_at=told["createdAt"] * MS,
        references=(told["id"], *(said for name in names if (said := text(told.get(name))))),
        counterparty=text(told.get("sourceAddress" if amount > 0 else "destinationAddress")),
        code=text(told.get("operation")),
    )


def _is_vault(peer: Json, vault: str) -> bool:
    return peer.get("type") == "VAULT_ACCOUNT" and str(peer.get("id")) == vault


# --- answers -------------------------------------------------------------------------------------


def _answer(frame: Frame, decimals: Decimals, vault: str) -> list[Event]:
    about = frame.about
    assert about is not None, "an answer answers an effect"
    if frame.status == 0:
        return no_answer(frame, about, frame.body.decode(errors="replace"))
    if frame.status == 429:
        return no_answer(frame, about, "HTTP 429: rate limited", retry_after_ns(frame))
    if frame.status >= 500:
        return no_answer(frame, about, f"HTTP {frame.status}")
    told = loads(frame.body)
    if frame.status >= 400:
        return _refused(frame, an_object(told))
    match about:
        case SendPayment():
            return [_accepted(frame, about, an_object(told))]
        case QueryPayment():
            found = an_object(told)
            if found["externalTxId"] != about.payment_id:
                raise Unreadable("an answer about another payment")
            return _transaction(frame, found, decimals, vault)
        case FetchStatement():
            return [_vault(frame, an_object(told), decimals)]
        case FetchLedger():
            return _page(frame, about, an_array(told), decimals, vault)
        case _:
            raise Unreadable(f"an answer to {type(about).__name__} is not expected")


def _refused(frame: Frame, told: Json) -> list[Event]:
    about, code = frame.about, told.get("code")
    reason = f"HTTP {frame.status}: {code}: {told.get('message')}"
    match about:
        case SendPayment() if code in REJECTED:
            return [_reported(frame, about, "rejected", str(code), reason)]
        case SendPayment() if code == DUPLICATE:
            return [_reported(frame, about, "received", str(code), reason)]
        case QueryPayment() if frame.status == 404:
            return payment_missing(frame, about)
        case None:
            return quarantined(frame, reason)
        case _:
            return no_answer(frame, about, reason)


def _reported(
    frame: Frame, about: SendPayment, status: PaymentStatus, code: str, reason: str
) -> Event:
    return PaymentReported(
        received_at=frame.received_at,
        frame=frame.number,
        account=frame.account,
        payment_id=about.payment_id,
        status=status,
        code=code,
        reason=reason,
    )


def _accepted(frame: Frame, about: SendPayment, told: Json) -> Event:
    """The answer to a new transaction names it and its first status, and nothing else."""
    status, reason = _meaning(text(told["status"]), "", "")
    return PaymentReported(
        received_at=frame.received_at,
        frame=frame.number,
        account=frame.account,
        payment_id=about.payment_id,
        status=status,
        reference=told["id"],
        code=told["status"],
        reason=reason,
    )


def _vault(frame: Frame, told: Json, decimals: Decimals) -> Event:
    """Balances as they stand: the custodian says nothing of when that is."""
    rows = tuple(
        StatementRow(line["id"], "cash", units(line["total"], line["id"], decimals))
        for line in told["assets"]
    )
    return StatementReported(
        received_at=frame.received_at,
        frame=frame.number,
        account=frame.account,
        kind="balances",
        rows=rows,
        asked_at=frame.asked_at,
    )


def _page(
    frame: Frame, about: FetchLedger, rows: list[Json], decimals: Decimals, vault: str
) -> list[Event]:
    events = [event for row in rows for event in _transaction(frame, row, decimals, vault)]
    after = int(about.after or "0")
    through = max([after, *(row["lastUpdated"] for row in rows)])
    more = len(rows) >= LINES_PER_PAGE
    if more and through == after:
        raise Unreadable("more than a page within one millisecond")
    return [*events, page_end(frame, "ledger", str(through), more=more)]
