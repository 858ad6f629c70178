"""What every dialect's reader does the same way: answers without an answer, and numbers as told."""

from collections.abc import Container

from core.effects import (
    CancelOrder,
    Effect,
    FetchFills,
    FetchInstruments,
    FetchLedger,
    FetchOpenOrders,
    FetchStatement,
    PlaceOrder,
    QueryOrder,
)
from core.events import CancelRejected, Event, OrderMissing, OrderReported
from core.frames import Frame
from core.money import ASSET_DECIMALS, parse, price
from core.reading import Decimals, Unreadable, dismissed, request_failed


def units(text: str, asset: str, decimals: Decimals) -> int:
    """An amount of an asset in its units; 8 decimals where nobody said otherwise."""
    return parse(text, decimals.get(asset, ASSET_DECIMALS))


def value(text: str) -> int:
    """A value of an asset that its telling does not name: `10 ** -8`, `told_decimals` as it is."""
    return parse(text, ASSET_DECIMALS)


def fill_price(text: str) -> int:
    """A fill's price; one at none cannot be what happened, whoever tells it: stream or record."""
    told = price(text)
    if told <= 0:
        raise Unreadable("a fill at no price")
    return told


def about_text(effect: Effect) -> str:
    """What a failed read was about, as `RequestFailed.about` has it."""
    match effect:
        case FetchStatement():
            return effect.kind
        case FetchFills():
            return f"fills:{effect.instrument}"
        case FetchLedger():
            return "fills:ledger"
        case FetchInstruments():
            return f"instruments:{effect.instrument}"
        case FetchOpenOrders():
            return "open_orders"
        case _:
            return type(effect).__name__


def no_answer(frame: Frame, effect: Effect, reason: str, retry_after_ns: int = 0) -> list[Event]:
    """What it means that a request got no usable answer: an order's outcome is unknown."""
    if isinstance(effect, PlaceOrder):
        return [
            OrderReported(
                received_at=frame.received_at,
                frame=frame.number,
                account=frame.account,
                client_order_id=effect.client_order_id,
                status="unknown",
                instrument=effect.instrument,
                reason=reason,
            )
        ]
    if isinstance(effect, CancelOrder):
        return cancel_rejected(frame, effect, reason)
    if isinstance(effect, QueryOrder):
        return dismissed(frame, f"no answer to QueryOrder: {reason}")
    return request_failed(frame, about_text(effect), reason, retry_after_ns)


def unanswered(
    frame: Frame, about: Effect, limited: Container[int], wait_ns: int = 0
) -> list[Event]:
    """What it means by its status alone that an answer is none; nothing where it is to be read.

    After a status of `limited` nothing is asked for so long.
    """
    if frame.status == 0:
        return no_answer(frame, about, frame.body.decode(errors="replace"))
    if frame.status in limited:
        return no_answer(frame, about, f"HTTP {frame.status}: rate limited", wait_ns)
    if frame.status >= 500:
        return no_answer(frame, about, f"HTTP {frame.status}")
    return []


def rejected(frame: Frame, effect: PlaceOrder, reason: str) -> list[Event]:
    """A definite refusal by the venue: its code stands on the dialect's allow-list."""
    return [
        OrderReported(
            received_at=frame.received_at,
            frame=frame.number,
            account=frame.account,
            client_order_id=effect.client_order_id,
            status="rejected",
            instrument=effect.instrument,
            reason=reason,
        )
    ]


def cancel_rejected(frame: Frame, effect: CancelOrder, reason: str) -> list[Event]:
    """A cancel that did not say that it worked: core will ask what became of the order."""
    return [
        CancelRejected(
            received_at=frame.received_at,
            frame=frame.number,
            account=frame.account,
            client_order_id=effect.client_order_id,
            reason=reason,
        )
    ]


def order_missing(frame: Frame, effect: QueryOrder) -> list[Event]:
    """The venue says it has no such order."""
    return [
        OrderMissing(
            received_at=frame.received_at,
            frame=frame.number,
            account=frame.account,
            client_order_id=effect.client_order_id,
            asked_at=frame.asked_at,
        )
    ]
