"""pain.001.001.09: credits that we ask our bank to pay, over the scheme that they name.

Rule. The payment id is instruction and end-to-end id, and the UETR is made of it where the scheme
has one: whoever asks again asks by the same names.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from core.rail_effects import SendPayment
from core.rail_events import BeneficiaryKind
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
    uetr,
)
from rails.instructions.party import CannotSay, OurAccount

MESSAGE = "pain.001.001.09"


@dataclass(slots=True, frozen=True)
class Flavour:
    """How a scheme is asked for: service level, local instrument, who bears the charges."""

    beneficiaries: BeneficiaryKind
    service: str
    instrument: str = ""
    charges: str = "SLEV"
    traced: bool = False


FLAVOURS = {
    "sepa_sct": Flavour("iban", "SEPA"),
    "sct_inst": Flavour("iban", "SEPA", "INST"),
    "fedwire": Flavour("routing", "URGP", charges="SHAR", traced=True),
    "swift_gpi": Flavour("bic", "G001", charges="SHAR", traced=True),
    "fps": Flavour("sort_code", "URNS", charges="SHAR"),
}


def pain001(
    payments: Sequence[SendPayment], ours: OurAccount, message_id: str, created_at: int
) -> bytes:
    """One initiation of credits over one scheme, to be executed on the day it was made.

    Raises `CannotSay`.
    """
    flavour = _flavour(payments, ours)
    count, amounts = str(len(payments)), [payment.amount for payment in payments]
    header = element(
        "GrpHdr",
        element("MsgId", text.identifier(message_id)),
        element("CreDtTm", text.moment(created_at)),
        element("NbOfTxs", count),
        total(amounts, ours),
        named("InitgPty", ours.name),
    )
    information = element(
        "PmtInf",
        element("PmtInfId", message_id),
        element("PmtMtd", "TRF"),
        element("NbOfTxs", count),
        total(amounts, ours),
        _kind_of(flavour),
        element("ReqdExctnDt", element("Dt", text.day(created_at, ours.zone))),
        named("Dbtr", ours.name),
        our_account("DbtrAcct", ours),
        our_bank("DbtrAgt", ours),
        element("ChrgBr", flavour.charges),
        *(_credit(payment, flavour, ours) for payment in payments),
    )
    return document(MESSAGE, element("CstmrCdtTrfInitn", header, information))


def _flavour(payments: Sequence[SendPayment], ours: OurAccount) -> Flavour:
    schemes = {payment.scheme: payment.kind for payment in payments}
    if len(schemes) != 1 or any(payment.kind != "out" for payment in payments):
        raise CannotSay("credits over one scheme, at least one, would do")
    if any(payment.asset != ours.asset for payment in payments):
        raise CannotSay(f"payments in {ours.asset}, the currency of the account, would do")
    if len({payment.payment_id for payment in payments}) < len(payments):
        raise CannotSay("a payment stands in the message twice")
    scheme = payments[0].scheme
    if scheme not in FLAVOURS:
        raise CannotSay(f"scheme {scheme!r} is not asked for so; {', '.join(FLAVOURS)} are")
    return FLAVOURS[scheme]


def _kind_of(flavour: Flavour) -> Element:
    local = flavour.instrument
    return element(
        "PmtTpInf",
        element("SvcLvl", element("Cd", flavour.service)),
        element("LclInstrm", element("Cd", local)) if local else None,
    )


def _credit(payment: SendPayment, flavour: Flavour, ours: OurAccount) -> Element:
    payment_id, memo = text.identifier(payment.payment_id), text.words(payment.memo, 140)
    bank, account = their_account(flavour.beneficiaries, payment.beneficiary, "CdtrAgt", "CdtrAcct")
    return element(
        "CdtTrfTxInf",
        element(
            "PmtId",
            element("InstrId", payment_id),
            element("EndToEndId", payment_id),
            element("UETR", uetr(payment_id)) if flavour.traced else None,
        ),
        element("Amt", money("InstdAmt", payment.amount, ours)),
        bank,
        named("Cdtr", payment.beneficiary_name),
        account,
        element("RmtInf", element("Ustrd", memo)) if memo else None,
    )
