"""What readers of JSON-RPC nodes do the same way: batches, errors, answers that are none."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

from core.effects import Effect, FetchStatement
from core.events import Event, FrameDismissed, FrameQuarantined, RequestFailed
from core.frames import Frame

STRANGE = (AttributeError, IndexError, KeyError, TypeError, ValueError, msgspec.DecodeError)

# A number with decimals is read as it is written, never by way of a float.
_DECODER = msgspec.json.Decoder(float_hook=Decimal)


class Unreadable(ValueError):
    """The frame is not what this node speaks; its text is the reason given."""


@dataclass(slots=True, frozen=True)
class Failed:
    """A call's error as the node told it."""

    code: int
    message: str


def loads(body: bytes) -> Any:
    """The JSON document."""
    return _DECODER.decode(body)


def answers(body: bytes, count: int) -> list[Any]:
    """The results of a batch in the order asked; a call that failed stands as `Failed`.

    A node may answer in any order, and one that will not take the batch answers with one error.
    """
    told = loads(body)
    if isinstance(told, dict):
        told = [told] if count == 1 or "error" not in told else [told] * count
    if not isinstance(told, list) or len(told) != count:
        raise Unreadable(f"{count} answers were expected")
    if count > 1 and all(type(line.get("id")) is int for line in told):
        told = sorted(told, key=lambda line: line["id"])
        if [line["id"] for line in told] != list(range(count)):
            raise Unreadable("answers to other calls than were made")
    return [_answer(line) for line in told]


def _answer(line: dict[str, Any]) -> Any:
    error = line.get("error")
    if error is not None:
        return Failed(int(error["code"]), str(error["message"]))
    return line["result"]


def results(body: bytes, count: int) -> list[Any]:
    """The results of a batch all of whose calls must have worked."""
    told = answers(body, count)
    for answer in told:
        if isinstance(answer, Failed):
            raise Unreadable(f"{answer.code}: {answer.message}")
    return told


def about_text(effect: Effect) -> str:
    """What a failed read was about, as `RequestFailed.about` has it."""
    return effect.kind if isinstance(effect, FetchStatement) else type(effect).__name__


def no_answer(frame: Frame, effect: Effect, reason: str) -> list[Event]:
    """A request got no usable answer: of a broadcast too, whose outcome is then unknown."""
    return [
        RequestFailed(
            received_at=frame.received_at,
            frame=frame.number,
            account=frame.account,
            about=about_text(effect),
            reason=reason,
            asked_at=frame.asked_at,
        )
    ]


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
