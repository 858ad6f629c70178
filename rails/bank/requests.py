"""Effects as requests to a bank's file API: each instruction is a file of its own.

A file is the same bytes whenever it is built again: its ids are made of the payment's, and its
moments and its number are those that the effect bears. What cannot be said is a `ValueError`, and
is not sent; nor is a NACHA file that stands in the way of another one (`FilesSent`).
"""

from collections.abc import Callable, Mapping

from core.effects import Effect, FetchLedger, FetchStatement
from core.rail_effects import (
    AnswerRecall,
    FetchClosed,
    FetchDocument,
    QueryPayment,
    RecallPayment,
    SendPayment,
)
from rails.dialect import Request
from rails.instructions import nacha as ach
from rails.instructions.camt029 import camt029
from rails.instructions.camt056 import camt056
from rails.instructions.files_sent import FilesSent
from rails.instructions.nacha import nacha, nacha_reversal
from rails.instructions.pacs028 import pacs028
from rails.instructions.pain001 import pain001
from rails.instructions.pain008 import pain008
from rails.instructions.party import CannotSay, Mandate, Original, OurAccount

Mandates = Mapping[str, Mandate]  # by the account of who signed it


def requests(ours: OurAccount, mandates: Mandates) -> Callable[[Effect], Request]:
    """The requests that perform effects at the bank that keeps this account."""
    base, sent = f"/v1/accounts/{ours.number}", FilesSent()

    def request(effect: Effect) -> Request:
        match effect:
            case SendPayment():
                return _post("payments", _once(sent, instruction(effect, ours, mandates)))
            case QueryPayment():
                asked = _original(effect.scheme, effect.payment_id, effect.sent_at)
                told = pacs028(effect, asked, ours, f"Q{effect.payment_id}", effect.sent_at)
                return _post("status-requests", told)
            case RecallPayment():
                return _recall(effect, ours, sent)
            case AnswerRecall():
                return _post("resolutions", camt029(effect, ours, f"A{effect.recall_id}"[:35]))
            case FetchStatement():
                return Request("GET", f"{base}/balance")
            case FetchClosed():
                span = {"after": str(effect.after_at), "until": str(effect.until_at)}
                return Request("GET", f"{base}/statements", span)
            case FetchLedger() | FetchDocument():
                return Request("GET", f"{base}/entries", {"after": effect.after or "0"})
            case _:
                raise ValueError(f"a bank cannot be asked for {type(effect).__name__}")

    return request


def instruction(effect: SendPayment, ours: OurAccount, mandates: Mandates) -> bytes:
    """The file of one payment, in the words of its scheme."""
    if not effect.sent_at:
        raise CannotSay(f"{effect.payment_id}: a file says when it was made")
    settles_at = effect.settles_at or effect.sent_at
    if effect.scheme in ach.SCHEMES:
        return nacha([effect], ours, _batch(effect.file, effect.sent_at, settles_at))
    if effect.scheme == "sdd_core":
        mandate = mandates.get(effect.beneficiary)
        if mandate is None:
            raise CannotSay(f"{effect.payment_id}: no mandate of {effect.beneficiary}")
        collection = (effect, mandate)
        return pain008([collection], ours, effect.payment_id, effect.sent_at, settles_at)
    return pain001([effect], ours, effect.payment_id, effect.sent_at)


def _recall(effect: RecallPayment, ours: OurAccount, sent: FilesSent) -> Request:
    if effect.scheme not in ach.SCHEMES:
        asked = _original(effect.scheme, effect.payment_id, effect.sent_at)
        told = camt056(effect, asked, ours, f"C{effect.payment_id}", effect.asked_at)
        return _post("cancellations", told)
    original = SendPayment(
        account=effect.account,
        scheme=effect.scheme,
        payment_id=effect.payment_id,
        kind=effect.kind,
        asset=effect.asset,
        amount=effect.amount,
        beneficiary=effect.beneficiary,
        beneficiary_name=effect.beneficiary_name,
    )
    batch = _batch(effect.file, effect.asked_at, effect.asked_at)
    return _post("payments", sent.admit(nacha_reversal([original], ours, batch)))


def _original(scheme: str, payment_id: str, sent_at: int) -> Original:
    """A payment's file bears its id."""
    name = "NACHA" if scheme in ach.SCHEMES else "pain.001.001.09"
    return Original(payment_id, sent_at, "pain.008.001.08" if scheme == "sdd_core" else name)


def _batch(file: int, created_at: int, settles_at: int) -> ach.Batch:
    """A file's modifier and the trace number of its one entry follow from its own number: in turn,
    and from the beginning again when there are no more."""
    if not file:
        raise CannotSay("a NACHA file has a number")
    modifier = ach.MODIFIERS[(file - 1) % len(ach.MODIFIERS)]
    return ach.Batch(created_at, settles_at, modifier, 1 + (file - 1) % ach.TRACES)


def _once(sent: FilesSent, file: bytes) -> bytes:
    """A file with a name of its own needs no guard."""
    return sent.admit(file) if file.startswith(ach.HEADER) else file


def _post(path: str, body: bytes) -> Request:
    kind = "text/plain" if body.startswith(ach.HEADER) else "application/xml"
    return Request("POST", f"/v1/{path}", {}, {"Content-Type": kind}, body)
