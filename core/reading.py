"""What every reader of frames does the same way, be it of a venue, a bank or a node.

Rule. Nothing that the world sends raises beyond `read`: an answer that cannot be read is no answer,
any other frame that cannot be read is quarantined.
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cache, lru_cache
from types import NoneType
from typing import Any, get_args, get_origin

import msgspec

from core.effects import Effect
from core.events import (
    Event,
    FrameDismissed,
    FrameQuarantined,
    PageReported,
    RequestFailed,
    StatementReported,
)
from core.frames import RETRY_AFTER, Frame
from core.rail_events import LineBooked

MS = 1_000_000
SECOND = 1_000_000_000
# The types that fields had together, of each kind: a few in all that a counterparty tells.
SHAPES_KEPT = 1024
Decimals = Mapping[str, int]
Read = Callable[[Frame, Decimals], list[Event]]
NoAnswer = Callable[[Frame, Effect, str], list[Event]]


class Unreadable(ValueError):
    """The frame is not what its sender should speak; its text is the quarantine's reason."""


# What reading strange bytes may raise; a document nested too deep is a RecursionError.
STRANGE = (Unreadable, AttributeError, IndexError, KeyError, TypeError, ValueError, RecursionError)

# A number with decimals is read as it is written, never by way of a float.
_DECODER = msgspec.json.Decoder(float_hook=Decimal)


def read(
    frame: Frame, decimals: Decimals, stream: Read, answer: Read, no_answer: NoAnswer
) -> list[Event]:
    """Every event that the frame tells, read by the dialect's own `stream` or `answer`."""
    try:
        return sound(
            stream(frame, decimals) if frame.channel == "stream" else answer(frame, decimals)
        )
    except STRANGE as error:
        if frame.about is not None:
            return no_answer(frame, frame.about, f"unreadable answer: {error!r}")
        return quarantined(frame, f"{type(error).__name__}: {error}")


# --- JSON as told --------------------------------------------------------------------------------


def loads(body: bytes) -> object:
    """The JSON document, or `Unreadable`; a `RecursionError` where it is nested too deep."""
    try:
        return _DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unreadable(f"not JSON: {error}") from error


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


# --- what every field must be --------------------------------------------------------------------


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
        elif isinstance(event, LineBooked):
            for part in event.parts:
                _check(part)
    return events


def _check(told: msgspec.Struct) -> None:
    # Nearly all frames have the shape of one before them: its fields were gone through then.
    shape = tuple(map(type, msgspec.structs.astuple(told)))
    if not _is_sound(type(told), shape):
        raise Unreadable(_strange(told))
    references = getattr(told, "references", ())
    for each in references:
        if type(each) is not str:
            raise Unreadable(f"references are {references!r}")


@lru_cache(maxsize=SHAPES_KEPT)
def _is_sound(kind: type[msgspec.Struct], shape: tuple[type, ...]) -> bool:
    """Whether these are types that the fields of such a struct may have."""
    return all(each in allowed for each, (_, allowed) in zip(shape, _types(kind), strict=True))


def _strange(told: msgspec.Struct) -> str:
    """The first field that is not of its type."""
    for name, allowed in _types(type(told)):
        value = getattr(told, name)
        if type(value) not in allowed:
            return f"{name} is {value!r}"
    raise AssertionError(told)


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


# --- what is told of a frame that told nothing, or not all ---------------------------------------


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


def request_failed(frame: Frame, about: str, reason: str, retry_after_ns: int = 0) -> list[Event]:
    """A request got no usable answer: what it asked for may or may not have been done."""
    return [
        RequestFailed(
            received_at=frame.received_at,
            frame=frame.number,
            account=frame.account,
            about=about,
            reason=reason,
            asked_at=frame.asked_at,
            retry_after_ns=retry_after_ns,
        )
    ]


def header(frame: Frame, name: str) -> str:
    """What a header of the answer says; "" where it was not told."""
    return next((value for told, value in frame.headers if told == name), "")


def retry_after_ns(frame: Frame) -> int:
    """The seconds of `Retry-After`; 0 where it was not told, or told as a date."""
    told = header(frame, RETRY_AFTER)
    return int(told) * SECOND if re.fullmatch("[0-9]{1,6}", told) else 0


def page_end(frame: Frame, subject: str, through: str, *, more: bool) -> Event:
    """A page of a record ended."""
    return PageReported(
        received_at=frame.received_at,
        frame=frame.number,
        account=frame.account,
        subject=subject,
        through=through,
        more=more,
        asked_at=frame.asked_at,
    )
