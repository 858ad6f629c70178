"""camt.056.001.08: please give it back. The answer is a camt.029 that says no, or the money.

Rule. A recall asks and obliges nobody: whoever sent it still counts the payment as gone.
"""

from core.rail_effects import RecallPayment
from rails.instructions import text
from rails.instructions.markup import document, element, money, named, our_bank, total
from rails.instructions.original import original_payment
from rails.instructions.party import CannotSay, Original, OurAccount

MESSAGE = "camt.056.001.08"
REASONS = ("DUPL", "TECH", "FRAD", "CUST", "AM09", "AC03")


def camt056(
    recall: RecallPayment,
    original: Original,
    ours: OurAccount,
    message_id: str,
    created_at: int,
    reason: str = "",
) -> bytes:
    """One recall of a whole payment; `reason` explains the code in words. Raises `CannotSay`."""
    if recall.code not in REASONS:
        raise CannotSay(f"recall code {recall.code!r}; {', '.join(REASONS)} would do")
    why = text.words(reason, 105)
    if recall.code == "FRAD" and not why:
        raise CannotSay("a recall for fraud says in words what happened")
    assignment = element(
        "Assgnmt",
        element("Id", text.identifier(message_id)),
        element("Assgnr", named("Pty", ours.name)),
        element("Assgne", our_bank("Agt", ours)),
        element("CreDtTm", text.moment(created_at)),
    )
    control = element("CtrlData", element("NbOfTxs", "1"), total([recall.amount], ours))
    transaction = element(
        "TxInf",
        element("CxlId", message_id),
        *original_payment(recall.payment_id, recall.scheme, original),
        money("OrgnlIntrBkSttlmAmt", recall.amount, ours),
        element("OrgnlIntrBkSttlmDt", text.day(original.sent_at, ours.zone)),
        element(
            "CxlRsnInf",
            named("Orgtr", ours.name),
            element("Rsn", element("Cd", recall.code)),
            element("AddtlInf", why) if why else None,
        ),
    )
    underlying = element("Undrlyg", transaction)
    return document(MESSAGE, element("FIToFIPmtCxlReq", assignment, control, underlying))
