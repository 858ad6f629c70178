"""pacs.028.001.03: what became of a payment? The answer is a pacs.002 under the same ids.

Rule. It asks and changes nothing: an instant scheme's silence is resolved by this, never by sending
the payment again.
"""

from core.rail_effects import QueryPayment
from rails.instructions import text
from rails.instructions.markup import document, element, uetr
from rails.instructions.pain001 import FLAVOURS
from rails.instructions.party import Original, OurAccount

MESSAGE = "pacs.028.001.03"


def pacs028(
    query: QueryPayment, original: Original, ours: OurAccount, message_id: str, created_at: int
) -> bytes:
    """One status request. Raises `CannotSay`."""
    payment_id = text.identifier(query.payment_id)
    traced = query.scheme in FLAVOURS and FLAVOURS[query.scheme].traced
    asker = element("FinInstnId", element("Nm", text.name(ours.name, 140)))
    header = element(
        "GrpHdr",
        element("MsgId", text.identifier(message_id)),
        element("CreDtTm", text.moment(created_at)),
        element("InstgAgt", asker),
    )
    transaction = element(
        "TxInf",
        element("StsReqId", message_id),
        element(
            "OrgnlGrpInf",
            element("OrgnlMsgId", text.identifier(original.message_id)),
            element("OrgnlMsgNmId", original.message_name),
            element("OrgnlCreDtTm", text.moment(original.sent_at)),
        ),
        element("OrgnlInstrId", payment_id),
        element("OrgnlEndToEndId", payment_id),
        element("OrgnlUETR", uetr(payment_id)) if traced else None,
    )
    return document(MESSAGE, element("FIToFIPmtStsReq", header, transaction))
