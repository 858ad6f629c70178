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
from typing import Any

import msgspec

from core.effects import FetchLedger, FetchStatement
from core.events import Event, FrameQuarantined, StatementReported
from core.frames import Decode, Frame
from core.rail_effects import AnswerRecall, QueryPayment, RecallPayment, SendPayment
from core.rail_events import PaymentReported, RecallAnswered, RecallTaken
from core.reading import (
    MS,
    Decimals,
    Unreadable,
    an_object,
    loads,
    page_end,
    quarantined,
    read,
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
            return no_answer(frame, about, "HTTP 429: rate limited", _retry_after(frame.body))
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
            case RecallPayment() if frame.body[:1] != b"{":
                return _reversal(frame, about, documents(frame, decimals, frame.body))
            case RecallPayment() | AnswerRecall():
                if not an_object(loads(frame.body))["received"]:
                    raise Unreadable("taken, and nothing is named")
                return [_taken(frame, about)]
            case _:
                raise Unreadable(f"an answer to {type(about).__name__} is not expected")

    def decode(frame: Frame, decimals: Decimals) -> list[Event]:
        return read(frame, decimals, stream, answer, no_answer)

    return decode


def _taken(frame: Frame, about: RecallPayment | AnswerRecall) -> Event:
    return RecallTaken(
        received_at=frame.received_at,
        frame=frame.number,
        account=frame.account,
        payment_id=about.payment_id if isinstance(about, RecallPayment) else "",
        recall_id=about.recall_id if isinstance(about, AnswerRecall) else "",
    )


def _reversal(frame: Frame, about: RecallPayment, told: list[Event]) -> list[Event]:
    """The status of a file that reverses is the reversal's, and says nothing of the payment."""
    reports = [event for event in told if isinstance(event, PaymentReported)]
    if not reports or any(one.payment_id != about.payment_id for one in reports):
        raise Unreadable("no status of this reversal")
    refused = next((one for one in reports if one.status == "rejected"), None)
    if refused is None:
        return [_taken(frame, about)]
    return [
        RecallAnswered(
            received_at=frame.received_at,
            frame=frame.number,
            account=frame.account,
            payment_id=about.payment_id,
            accepted=False,
            code=refused.code,
        )
    ]


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


def _retry_after(body: bytes) -> int:
    try:
        told: dict[str, Any] = an_object(loads(body))
        return int(told.get("retryAfterMs", 0)) * MS
    except (Unreadable, TypeError, ValueError):
        return 0
