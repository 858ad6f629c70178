"""A bank's frames as events: documents that it pushes, and the answers of its file API.

Documents are read by `rails.messages`, whatever their format. What is the bank's own is here: the
envelope of its pages, and which answers are none.

Rule 1. A payment is rejected only by a document that says so, or at the door with `FORMAT`; any
other refusal leaves it unknown.
Rule 2. Rejected as a duplicate (AM05, DUPL) says that the first one lives: it is told as received.
Rule 3. A payment is missing only where the bank names it and says that it knows none.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from core.effects import FetchLedger, FetchStatement
from core.events import Event, FrameQuarantined, StatementReported
from core.frames import Decode, Frame
from core.rail_effects import AnswerRecall, QueryPayment, RecallPayment, SendPayment
from core.rail_events import PaymentReported
from core.reading import (
    Decimals,
    Unreadable,
    an_object,
    dismissed,
    loads,
    page_end,
    quarantined,
    read,
    retry_after_ns,
)
from rails.messages import Context
from rails.messages import read as read_document
from rails.reading import no_answer, payment_missing

DUPLICATES = ("AM05", "DUPL")
MALFORMED = "FORMAT"
UNKNOWN = "UNKNOWN_PAYMENT"


@dataclass(slots=True, frozen=True)
class Terms:
    """How one bank speaks: whose numbers are ours, where its days begin, what settles."""

    accounts: Mapping[str, str]
    zone: str
    settled_codes: frozenset[str] = frozenset({"ACSC", "ACCC"})


def decoder(terms: Terms) -> Decode:
    """The reader of one bank's frames."""

    def documents(frame: Frame, decimals: Decimals, body: bytes) -> list[Event]:
        context = Context(
            account=frame.account,
            accounts=terms.accounts,
            decimals=decimals,
            received_at=frame.received_at,
            frame=frame.number,
            asked_at=frame.asked_at,
            zone=terms.zone,
            settled_codes=terms.settled_codes,
        )
        return [_alive(event) for event in read_document(body, context)]

    def stream(frame: Frame, decimals: Decimals) -> list[Event]:
        return documents(frame, decimals, frame.body)

    def answer(frame: Frame, decimals: Decimals) -> list[Event]:
        about = frame.about
        assert about is not None, "an answer answers an effect"
        if frame.status == 0:
            return no_answer(frame, about, frame.body.decode(errors="replace"))
        if frame.status == 429:
            return no_answer(frame, about, "HTTP 429: rate limited", retry_after_ns(frame))
        if frame.status >= 500:
            return no_answer(frame, about, f"HTTP {frame.status}")
        if frame.status >= 400:
            return _refused(frame)
        match about:
            case SendPayment() | QueryPayment() | FetchStatement():
                return _whole(frame, documents(frame, decimals, frame.body))
            case FetchLedger():
                told = an_object(loads(frame.body))
                texts = [document["text"].encode() for document in told["documents"]]
                pages = [_whole(frame, documents(frame, decimals, text)) for text in texts]
                end = page_end(frame, "ledger", told["through"], more=told["more"])
                return [*(event for page in pages for event in page), end]
            case RecallPayment() | AnswerRecall():
                taken = an_object(loads(frame.body))["received"]
                return dismissed(frame, f"{taken} was taken; its outcome is told later")
            case _:
                raise Unreadable(f"an answer to {type(about).__name__} is not expected")

    def decode(frame: Frame, decimals: Decimals) -> list[Event]:
        return read(frame, decimals, stream, answer, no_answer)

    return decode


def _alive(event: Event) -> Event:
    """Rule 2."""
    if isinstance(event, PaymentReported) and event.status == "rejected":
        if event.code in DUPLICATES:
            return msgspec.structs.replace(event, status="received")
    return event


def _whole(frame: Frame, events: list[Event]) -> list[Event]:
    """An answer is read whole and about what was asked, or it is none."""
    for event in events:
        if isinstance(event, FrameQuarantined):
            raise Unreadable(event.reason)
        asked = frame.about
        if isinstance(event, PaymentReported) and isinstance(asked, SendPayment | QueryPayment):
            if event.payment_id != asked.payment_id:
                raise Unreadable(f"an answer about {event.payment_id}")
        if isinstance(event, StatementReported) and not isinstance(asked, FetchStatement):
            raise Unreadable("balances that were not asked for")
    return events


def _refused(frame: Frame) -> list[Event]:
    """A refusal is a small JSON of the bank's; whatever else has such a status is no answer."""
    told = an_object(loads(frame.body))
    about, code = frame.about, told.get("code")
    reason = f"HTTP {frame.status}: {code}: {told.get('message')}"
    match about:
        case SendPayment() if code == MALFORMED:
            return [_rejected(frame, about, reason)]
        case QueryPayment() if code == UNKNOWN and told.get("message") == about.payment_id:
            return payment_missing(frame, about)
        case None:
            return quarantined(frame, reason)
        case _:
            return no_answer(frame, about, reason)


def _rejected(frame: Frame, about: SendPayment, reason: str) -> Event:
    return PaymentReported(
        received_at=frame.received_at,
        frame=frame.number,
        account=frame.account,
        payment_id=about.payment_id,
        status="rejected",
        code=MALFORMED,
        reason=reason,
    )
