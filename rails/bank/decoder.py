"""A bank's frames as events: documents that it pushes, and the answers of its file API.

Documents are read by `rails.messages`, whatever their format. What is the bank's own is here: the
envelope of its pages, and which answers are none.

Rule 1. A payment is rejected only by a document that says so, or at the door with `FORMAT`; any
other refusal leaves it unknown.
Rule 2. Rejected as a duplicate says that the first one lives, or that another file has the name: it
is told as received, and is late if it never comes. Nothing that may live is told as failed.
Rule 3. A payment is missing only where the bank names it and says that it knows none.
Rule 4. A document of the record that cannot be read is told as that, by the cursor behind which it
stands; of its page the others are read, and the record goes on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from core.effects import FetchLedger, FetchStatement
from core.events import Event, FrameQuarantined, StatementReported
from core.frames import Decode, Frame
from core.rail_effects import (
    AnswerRecall,
    FetchClosed,
    FetchDocument,
    QueryPayment,
    RecallPayment,
    SendPayment,
)
from core.rail_events import (
    DocumentQuarantined,
    DocumentRead,
    PaymentReported,
    RecallAnswered,
    RecallTaken,
)
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

# Of a transaction, or of a message, batch, transaction, end-to-end or instruction id.
DUPLICATES = ("AM05", "DUPL", "DU01", "DU02", "DU03", "DU04", "DU05")
MALFORMED = "FORMAT"
UNKNOWN = "UNKNOWN_PAYMENT"


@dataclass(slots=True, frozen=True)
class Terms:
    """How one bank speaks: whose numbers are ours, where its days begin, what settles, and in which
    currency our account is."""

    accounts: Mapping[str, str]
    zone: str
    settled_codes: frozenset[str] = frozenset({"ACSC", "ACCC"})
    currency: str = ""


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
            currency=terms.currency,
        )
        return [_alive(event) for event in read_document(body, context)]

    def page(frame: Frame, decimals: Decimals, texts: list[bytes], after: str) -> list[Event]:
        events: list[Event] = []
        for place, text in enumerate(texts, 1):
            try:
                events += _whole(frame, documents(frame, decimals, text))
            except Unreadable as error:
                name = f"entries after {after or '0'}, document {place}"
                events.append(_unreadable(frame, name, after, str(error), len(text)))
        return events

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
            case SendPayment() | QueryPayment():
                return _whole(frame, documents(frame, decimals, frame.body))
            case FetchStatement():
                events = _whole(frame, documents(frame, decimals, frame.body))
                return [_asked_for(event) for event in events]
            case FetchLedger():
                told = an_object(loads(frame.body))
                events = page(frame, decimals, _texts(told), about.after)
                return [*events, page_end(frame, "ledger", told["through"], more=told["more"])]
            case FetchDocument():
                events = page(frame, decimals, _texts(an_object(loads(frame.body))), about.after)
                return [*events, *_read_at_last(frame, about, events)]
            case FetchClosed():
                texts = _texts(an_object(loads(frame.body)))
                events = [e for text in texts for e in documents(frame, decimals, text)]
                return events or dismissed(frame, "no statement of that time")
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


def _asked_for(event: Event) -> Event:
    """The balance of the account, which has one currency, is all that it holds: it may be wrong."""
    if isinstance(event, StatementReported):
        return msgspec.structs.replace(event, complete=True)
    return event


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


def _texts(told: dict[str, Any]) -> list[bytes]:
    """The documents of an envelope."""
    return [document["text"].encode() for document in told["documents"]]


def _unreadable(frame: Frame, name: str, after: str, reason: str, size: int) -> Event:
    """Rule 4."""
    return DocumentQuarantined(
        received_at=frame.received_at,
        frame=frame.number,
        account=frame.account,
        document_id=name,
        after=after,
        reason=reason,
        size=size,
    )


def _read_at_last(frame: Frame, about: FetchDocument, events: list[Event]) -> list[Event]:
    """Whether what was asked for once more was read."""
    if any(isinstance(event, DocumentQuarantined) for event in events):
        return []
    return [
        DocumentRead(
            received_at=frame.received_at,
            frame=frame.number,
            account=frame.account,
            document_id=about.document_id,
        )
    ]


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
