"""The payment of ours that a message is about, by the names under which it was instructed."""

from rails.instructions import text
from rails.instructions.markup import Element, element, uetr
from rails.instructions.pain001 import FLAVOURS
from rails.instructions.party import Original


def original_payment(
    payment_id: str, scheme: str, original: Original
) -> tuple[Element | None, ...]:
    """Its group, its ids, and its UETR where the scheme has one. Raises `CannotSay`."""
    own = text.identifier(payment_id)
    traced = scheme in FLAVOURS and FLAVOURS[scheme].traced
    return (
        element(
            "OrgnlGrpInf",
            element("OrgnlMsgId", text.identifier(original.message_id)),
            element("OrgnlMsgNmId", original.message_name),
            element("OrgnlCreDtTm", text.moment(original.sent_at)),
        ),
        element("OrgnlInstrId", own),
        element("OrgnlEndToEndId", own),
        element("OrgnlUETR", uetr(own)) if traced else None,
    )
