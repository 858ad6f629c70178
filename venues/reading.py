"""What every dialect's reader does the same way: answers without an answer, and numbers as told."""

from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from types import NoneType
from typing import Any, get_args, get_origin

import msgspec

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
from core.events import (
    CancelRejected,
    Event,
    FrameDismissed,
    FrameQuarantined,
    OrderMissing,
    OrderReported,
    PageReported,
    RequestFailed,
    StatementReported,
)
from core.frames import Frame
from core.money import ASSET_DECIMALS, parse

MS = 1_000_000


class Unreadable(ValueError):
    """The frame is not what this dialect speaks; its text is the quarantine's reason."""


# A number with decimals is read as it is written, never by way of a float.
_DECODER = msgspec.json.Decoder(float_hook=Decimal)


def loads(body: bytes) -> object:
    """The JSON document, or `Unreadable`."""
    try:
        return _DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unreadable(f"not JSON: {error}") from error


def sound(events: list[Event]) -> list[Event]:
    """The events as they are; `Unreadable` where a field is not of its type.

    JSON says what it likes, and a struct takes what it is given: a list for an instrument, a text
    for a time would go on into the books.
    """
    for event in events:
        _check(event)
        if isinstance(event, StatementReported):
            for row in event.rows:
                _check(row)
    return events


def _check(told: msgspec.Struct) -> None:
    for name, allowed in _types(type(told)):
        if type(getattr(told, name)) not in allowed:
            raise Unreadable(f"{name} is {getattr(told, name)!r}")


@cache
def _types(kind: type[msgspec.Struct]) -> tuple[tuple[str, tuple[type, ...]], ...]:
    return tuple((field.name, _allowed(field.type)) for field in msgspec.structs.fields(kind))


def _allowed(annotation: object) -> tuple[type, ...]:
    """The plain types of an annotation; a Literal is a text."""
    if isinstance(annotation, type) and get_origin(annotation) is None:
        return (annotation,)
    if get_origin(annotation) is tuple:
        return (tuple,)
    parts = get_args(annotation)
    if all(isinstance(part, str) for part in parts):
        return (str,)
    return tuple(kind for part in parts for kind in _allowed(NoneType if part is None else part))


def an_object(told: object) -> dict[str, Any]:
    """What must be a JSON object; else `Unreadable`."""
    if not isinstance(told, dict):
        raise Unreadable("an object was expected")
    return told


def an_array(told: object) -> list[dict[str, Any]]:
    """What must be a JSON array, of objects as its reader will find; else `Unreadable`."""
    if not isinstance(told, list):
        raise Unreadable("an array was expected")
    return told


def units(text: str, asset: str, decimals: Mapping[str, int]) -> int:
    """An amount of an asset in its units; 8 decimals where nobody said otherwise."""
    return parse(text, decimals.get(asset, ASSET_DECIMALS))


def value(text: str) -> int:
    """A value of an asset that its telling does not name: `10 ** -8`, `told_decimals` as it is."""
    return parse(text, ASSET_DECIMALS)


def quarantined(frame: Frame, reason: str) -> list[Event]:
    return [
        FrameQuarantined(
            received_at=frame.received_at, frame=frame.number, account=frame.account, reason=reason
        )
    ]


def dismissed(frame: Frame, reason: str) -> list[Event]:
    return [
        FrameDismissed(
            received_at=frame.received_at, frame=frame.number, account=frame.account, reason=reason
        )
    ]


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
    return [
        RequestFailed(
            received_at=frame.received_at,
            frame=frame.number,
            account=frame.account,
            about=about_text(effect),
            reason=reason,
            asked_at=frame.asked_at,
            retry_after_ns=retry_after_ns,
        )
    ]


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


def page_end(frame: Frame, subject: str, through: str, *, more: bool) -> Event:
    return PageReported(
        received_at=frame.received_at,
        frame=frame.number,
        account=frame.account,
        subject=subject,
        through=through,
        more=more,
        asked_at=frame.asked_at,
    )
