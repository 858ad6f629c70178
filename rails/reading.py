"""What the readers of banks and custodians share: amounts, texts, and what is no answer."""

from core.effects import Effect, FetchLedger, FetchStatement
from core.events import Event
from core.frames import Frame
from core.money import parse
from core.rail_effects import (
    AnswerRecall,
    FetchClosed,
    FetchDocument,
    QueryPayment,
    RecallPayment,
    SendPayment,
)
from core.rail_events import PaymentMissing
from core.reading import Decimals, Unreadable, request_failed


def units(text: object, asset: str, decimals: Decimals) -> int:
    """An amount in the asset's units; `Unreadable` for an asset that nobody declared."""
    if asset not in decimals:
        raise Unreadable(f"unknown asset {asset!r}")
    return parse(str(text), decimals[asset])


def text(told: object) -> str:
    """A text that may be absent: "" then."""
    if told is None:
        return ""
    if not isinstance(told, str):
        raise Unreadable(f"a text was expected, not {told!r}")
    return told


def no_answer(frame: Frame, effect: Effect, reason: str, retry_after_ns: int = 0) -> list[Event]:
    """A request got no usable answer: what it asked for may or may not have been done."""
    return request_failed(frame, about_text(effect), reason, retry_after_ns)


def about_text(effect: Effect) -> str:
    """What a failed request was about, as `RequestFailed.about` has it."""
    match effect:
        case FetchStatement():
            return effect.kind
        case FetchLedger():
            return "fills:ledger"
        case SendPayment() | QueryPayment():
            return f"payment:{effect.payment_id}"
        case FetchClosed():
            return "closed"
        case FetchDocument():
            return "document"
        case RecallPayment():
            return f"recall:{effect.payment_id}"
        case AnswerRecall():
            return f"recall:{effect.recall_id}"
        case _:
            return type(effect).__name__


def payment_missing(frame: Frame, effect: QueryPayment) -> list[Event]:
    """The keeper says that it knows no such payment."""
    return [
        PaymentMissing(
            received_at=frame.received_at,
            frame=frame.number,
            account=frame.account,
            payment_id=effect.payment_id,
            asked_at=frame.asked_at,
        )
    ]
