"""camt.029.001.09: our no to a bank that asks back what it paid us. A yes is a payment of its own.

Rule. It names the case and the request by the id under which the bank asked.
"""

from core.rail_effects import AnswerRecall
from rails.instructions import text
from rails.instructions.markup import document, element, named, our_bank
from rails.instructions.party import CannotSay, OurAccount

MESSAGE = "camt.029.001.09"
REASONS = ("CUST", "LEGL", "NOAS", "AC04", "AM04", "ARDT")


def camt029(answer: AnswerRecall, ours: OurAccount, message_id: str) -> bytes:
    """One refusal of a recall. Raises `CannotSay`."""
    if answer.code not in REASONS:
        raise CannotSay(f"answer to a recall {answer.code!r}; {', '.join(REASONS)} would do")
    recall_id = text.identifier(answer.recall_id)
    assignment = element(
        "Assgnmt",
        element("Id", text.identifier(message_id)),
        element("Assgnr", named("Pty", ours.name)),
        element("Assgne", our_bank("Agt", ours)),
        element("CreDtTm", text.moment(answer.answered_at)),
    )
    reason = element("Rsn", element("Cd", answer.code))
    transaction = element(
        "TxInfAndSts",
        element("CxlStsId", message_id),
        element("RslvdCase", element("Id", recall_id), element("Cretr", named("Pty", ours.name))),
        element("TxCxlSts", "RJCR"),
        element("CxlStsRsnInf", named("Orgtr", ours.name), reason),
    )
    status = element("Sts", element("Conf", "RJCR"))
    details = element("CxlDtls", transaction)
    return document(MESSAGE, element("RsltnOfInvstgtn", assignment, status, details))
