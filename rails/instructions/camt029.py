"""camt.029.001.09: our answer to a bank that asks back what it paid us. A yes is told once the
payment that sends it back has settled.

Rule. It names the case and the request by the id under which the bank asked.
"""

from core.rail_effects import AnswerRecall
from rails.instructions import text
from rails.instructions.markup import Element, document, element, named, our_bank
from rails.instructions.party import CannotSay, OurAccount

MESSAGE = "camt.029.001.09"
REASONS = ("CUST", "LEGL", "NOAS", "NOOR", "AC04", "AM04", "ARDT")


def camt029(answer: AnswerRecall, ours: OurAccount, message_id: str) -> bytes:
    """One answer to a recall. Raises `CannotSay`."""
    if not answer.accepted and answer.code not in REASONS:
        raise CannotSay(f"answer to a recall {answer.code!r}; {', '.join(REASONS)} would do")
    recall_id = text.identifier(answer.recall_id)
    assignment = element(
        "Assgnmt",
        element("Id", text.identifier(message_id)),
        element("Assgnr", named("Pty", ours.name)),
        element("Assgne", our_bank("Agt", ours)),
        element("CreDtTm", text.moment(answer.answered_at)),
    )
    word = "ACCR" if answer.accepted else "RJCR"
    reasons = () if answer.accepted else (_reason(answer.code, ours),)
    transaction = element(
        "TxInfAndSts",
        element("CxlStsId", message_id),
        element("RslvdCase", element("Id", recall_id), element("Cretr", named("Pty", ours.name))),
        element("TxCxlSts", word),
        *reasons,
    )
    status = element("Sts", element("Conf", "CNCL" if answer.accepted else word))
    details = element("CxlDtls", transaction)
    return document(MESSAGE, element("RsltnOfInvstgtn", assignment, status, details))


def _reason(code: str, ours: OurAccount) -> Element:
    return element("CxlStsRsnInf", named("Orgtr", ours.name), element("Rsn", element("Cd", code)))
