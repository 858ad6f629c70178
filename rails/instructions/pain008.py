"""pain.008.001.08: SEPA core debits that we ask our bank to collect, each under its mandate.

Rule. A collection names its mandate as it was signed; the collections of one sequence type stand
together, for a bank takes a whole group or none of it.
"""

from collections.abc import Sequence
from datetime import date

from core.rail_effects import SendPayment
from rails.instructions import text
from rails.instructions.markup import (
    Element,
    document,
    element,
    money,
    named,
    our_account,
    our_bank,
    their_account,
    total,
)
from rails.instructions.party import CannotSay, Mandate, OurAccount

MESSAGE = "pain.008.001.08"
Collection = tuple[SendPayment, Mandate]


def pain008(
    collections: Sequence[Collection],
    ours: OurAccount,
    message_id: str,
    created_at: int,
    collects_at: int,
) -> bytes:
    """One initiation of debits, due on the local day of `collects_at`. Raises `CannotSay`."""
    _check([payment for payment, _ in collections], ours)
    groups: dict[str, list[Collection]] = {}
    for collection in collections:
        groups.setdefault(collection[1].sequence, []).append(collection)
    due_on = text.day(collects_at, ours.zone)
    header = element(
        "GrpHdr",
        element("MsgId", text.identifier(message_id)),
        element("CreDtTm", text.moment(created_at)),
        element("NbOfTxs", str(len(collections))),
        total([payment.amount for payment, _ in collections], ours),
        named("InitgPty", ours.name),
    )
    information = [
        _group(group, ours, text.identifier(f"{message_id}-{sequence}"), due_on)
        for sequence, group in groups.items()
    ]
    return document(MESSAGE, element("CstmrDrctDbtInitn", header, *information))


def _check(payments: Sequence[SendPayment], ours: OurAccount) -> None:
    if not payments or any(each.kind != "in" or each.scheme != "sdd_core" for each in payments):
        raise CannotSay("debits over sdd_core, at least one, would do")
    if ours.asset != "EUR" or any(payment.asset != "EUR" for payment in payments):
        raise CannotSay("debits in EUR would do")
    if len({payment.payment_id for payment in payments}) < len(payments):
        raise CannotSay("a payment stands in the message twice")


def _group(group: Sequence[Collection], ours: OurAccount, group_id: str, due_on: str) -> Element:
    return element(
        "PmtInf",
        element("PmtInfId", group_id),
        element("PmtMtd", "DD"),
        element("NbOfTxs", str(len(group))),
        total([payment.amount for payment, _ in group], ours),
        element(
            "PmtTpInf",
            element("SvcLvl", element("Cd", "SEPA")),
            element("LclInstrm", element("Cd", "CORE")),
            element("SeqTp", group[0][1].sequence),
        ),
        element("ReqdColltnDt", due_on),
        named("Cdtr", ours.name),
        our_account("CdtrAcct", ours),
        our_bank("CdtrAgt", ours),
        element("ChrgBr", "SLEV"),
        _creditor(ours),
        *(_debit(payment, mandate, ours) for payment, mandate in group),
    )


def _creditor(ours: OurAccount) -> Element:
    told = element("Id", text.identifier(ours.creditor_id))
    scheme = element("SchmeNm", element("Prtry", "SEPA"))
    private = element("PrvtId", element("Othr", told, scheme))
    return element("CdtrSchmeId", element("Id", private))


def _debit(payment: SendPayment, mandate: Mandate, ours: OurAccount) -> Element:
    payment_id, memo = text.identifier(payment.payment_id), text.words(payment.memo, 140)
    _, account = their_account("iban", payment.beneficiary, "DbtrAgt", "DbtrAcct")
    unknown = element("Othr", element("Id", text.NAMELESS))
    return element(
        "DrctDbtTxInf",
        element("PmtId", element("InstrId", payment_id), element("EndToEndId", payment_id)),
        money("InstdAmt", payment.amount, ours),
        element(
            "DrctDbtTx",
            element(
                "MndtRltdInf",
                element("MndtId", text.identifier(mandate.mandate_id)),
                element("DtOfSgntr", _signed_on(mandate)),
            ),
        ),
        element("DbtrAgt", element("FinInstnId", unknown)),
        named("Dbtr", payment.beneficiary_name),
        account,
        element("RmtInf", element("Ustrd", memo)) if memo else None,
    )


def _signed_on(mandate: Mandate) -> str:
    try:
        return date.fromisoformat(mandate.signed_on).isoformat()
    except ValueError as error:
        raise CannotSay(f"mandate {mandate.mandate_id}: signed on {mandate.signed_on!r}") from error
