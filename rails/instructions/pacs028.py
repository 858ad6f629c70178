"""pacs.028.001.03: what became of a payment? The answer is a pacs.002 under the same ids.

Rule. It asks and changes nothing: an instant scheme's silence is resolved by this, never by sending
the payment again.
"""

from core.rail_effects import QueryPayment
from rails.instructions import text
from rails.instructions.markup import document, element
from rails.instructions.original import original_payment
from rails.instructions.party import Original, OurAccount

MESSAGE = "pacs.028.001.03"


def pacs028(
    query: QueryPayment, original: Original, ours: OurAccount, message_id: str, created_at: int
) -> bytes:
    """One status request. Raises `CannotSay`."""
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
        *original_payment(query.payment_id, query.scheme, original),
    )
    return document(MESSAGE, element("FIToFIPmtStsReq", header, transaction))
