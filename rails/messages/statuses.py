"""pain.002 and pacs.002: what became of payments that we sent.

A status stands on the level of a transaction, of a batch or of the whole message, and the nearest
one counts. Without transactions the status is the batch's or the message's, under that id: we send
a payment that travels alone under its own id on every level.

On a pain.002 ACSC says that the debtor's side settled; only ACCC says that the creditor has it. On
a pacs.002 the scheme says which code settles: it decides by `word`, and `settled` here is only the
bank's habit, for schemes that list no words. A gpi reason G003 or G004 holds a payment on its way.
"""

from core.events import Event
from core.rail_events import PaymentReported, PaymentStatus
from rails.messages.charges import charges, money
from rails.messages.context import Context, Unreadable, apart, moment, told, units
from rails.messages.tree import Node

STATUSES: dict[str, PaymentStatus] = {
    "RCVD": "received",
    **dict.fromkeys(("ACTC", "ACCP", "ACSP", "ACWC", "ACFC", "ACWP", "ACSC", "ACCC"), "accepted"),
    **dict.fromkeys(("PDNG", "PATC", "PART"), "pending"),
    "BLCK": "held",
    "RJCT": "rejected",
    "CANC": "cancelled",
}
REASONS: dict[str, PaymentStatus] = {"G002": "pending", "G003": "held", "G004": "held"}
# Where a status repeats what the payment is worth.
WORTH = ("OrgnlTxRef/IntrBkSttlmAmt", "OrgnlTxRef/Amt/InstdAmt", "OrgnlTxRef/InstdAmt")
CUSTOMER_SETTLED = frozenset({"ACCC"})


class _Report:
    """One status: the element that tells it, and those around it, nearest first."""

    def __init__(
        self, levels: list[Node], message: str, settled: frozenset[str], said_at: str
    ) -> None:
        self.levels, self.message = levels, message
        self.settled, self.said_at = settled, said_at

    def said(self, *paths: str) -> str:
        """From the nearest level that says it."""
        return next((text for level in self.levels if (text := level.said(*paths))), "")


def customer(document: Node, context: Context) -> list[Event]:
    """pain.002: our bank's answer to what we instructed."""
    return _statuses(document, "pain.002", CUSTOMER_SETTLED & context.settled_codes, context)


def interbank(document: Node, context: Context) -> list[Event]:
    """pacs.002: the scheme's answer."""
    return _statuses(document, "pacs.002", context.settled_codes, context)


def _statuses(
    document: Node, message: str, settled: frozenset[str], context: Context
) -> list[Event]:
    said_at = document.said("GrpHdr/CreDtTm")
    reports = [_Report(levels, message, settled, said_at) for levels in _levels(document)]
    if not reports:
        raise Unreadable(f"<{document.name}> tells no status")
    return apart(reports, _reported, context)


def _levels(document: Node) -> list[list[Node]]:
    """For each status: its element first, then its batch, then the whole message."""
    whole = document.all("OrgnlGrpInfAndSts")
    found = [[told_of, *whole] for told_of in document.all("TxInfAndSts")]
    for batch in document.all("OrgnlPmtInfAndSts"):
        transactions = batch.all("TxInfAndSts")
        found += [[one, batch, *whole] for one in transactions]
        if not transactions and batch.said("PmtInfSts"):
            found.append([batch, *whole])
    return found or [[one] for one in whole if one.said("GrpSts")]


def _reported(report: _Report, context: Context) -> list[Event]:
    nearest = report.levels[0]
    code = report.said("TxSts", "PmtInfSts", "GrpSts")
    reason = report.said("StsRsnInf/Rsn/Cd", "StsRsnInf/Rsn/Prtry")
    worth = money(nearest, *WORTH)
    own = worth if worth and context.is_own(worth[1]) else None
    said_at = nearest.said("AccptncDtTm") or report.said_at
    payment_id = _payment_id(nearest)
    batch = report.said("OrgnlPmtInfId", "OrgnlMsgId", "OrgnlGrpInf/OrgnlMsgId")
    return [
        PaymentReported(
            received_at=context.received_at,
            frame=context.frame,
            account=context.account,
            payment_id=payment_id,
            status=_status(code, reason, report.settled),
            reference=nearest.said("AcctSvcrRef", "ClrSysRef"),
            code=reason or code,
            reason=report.said("StsRsnInf/AddtlInf"),
            amount=units(*own, context) if own else None,
            fee=charges(nearest, own[1], context) if own else 0,
            batch=batch if batch != payment_id else "",
            occurred_at=moment(said_at, context.zone) if said_at else 0,
            word=f"{report.message} {code}",
        )
    ]


def _status(code: str, reason: str, settled: frozenset[str]) -> PaymentStatus:
    if code not in STATUSES:
        raise Unreadable(f"status {code!r} is none that ISO 20022 tells of a payment")
    if code in settled:
        return "settled"
    if code == "ACSP":
        return REASONS.get(reason, "accepted")
    return STATUSES[code]


def _payment_id(node: Node) -> str:
    """Our id, as the payment carried it."""
    ids = ("OrgnlEndToEndId", "OrgnlInstrId", "OrgnlTxId", "OrgnlUETR")
    wider = ("OrgnlPmtInfId", "OrgnlMsgId")
    found = told(*(node.said(name) for name in (*ids, *wider)))
    if not found:
        raise Unreadable("a status that names no payment")
    return found[0]
