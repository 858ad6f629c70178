"""What readers of JSON-RPC nodes do the same way: batches, errors, answers that are none."""

from dataclasses import dataclass
from typing import Any

import msgspec

from core.effects import Effect, FetchStatement
from core.events import Event
from core.frames import Frame
from core.rail_events import TransactionReported
from core.reading import Unreadable, loads, request_failed
from rails.dialect import Request

Call = tuple[str, list[object]]


@dataclass(slots=True, frozen=True)
class Failed:
    """A call's error as the node told it."""

    code: int
    message: str


def batch(source: str, calls: list[Call], first_id: str = "") -> Request:
    """Several calls to one node as one request; they are numbered in their order."""
    body = [
        {"jsonrpc": "2.0", "id": first_id or number, "method": method, "params": params}
        for number, (method, params) in enumerate(calls)
    ]
    headers = {"content-type": "application/json"}
    return Request("POST", f"/{source}", headers=headers, body=msgspec.json.encode(body))


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
    return request_failed(frame, about_text(effect), reason)


def http(frame: Frame) -> str:
    """Why an answer without HTTP's 200 is none."""
    return f"HTTP {frame.status}" if frame.status else frame.body.decode(errors="replace")


def not_mined(frame: Frame, source: str, tx_hash: str, *, waits: bool) -> TransactionReported:
    """What a node tells of a transaction that no block of its chain has."""
    return TransactionReported(
        received_at=frame.received_at,
        frame=frame.number,
        account=frame.account,
        source=source,
        tx_hash=tx_hash,
        status="pending" if waits else "unknown",
        asked_at=frame.asked_at,
    )


def number(text: object) -> int:
    """A quantity of JSON-RPC ("0x1f"); whatever else it may be is not read."""
    if not isinstance(text, str) or not text.startswith("0x") or not text[2:].isalnum():
        raise Unreadable(f"{text!r} is no quantity")
    return int(text[2:], 16)


def hash32(text: object) -> str:
    """A hash of thirty-two bytes, as it was told."""
    if not isinstance(text, str) or len(text) != 66:
        raise Unreadable(f"{text!r} is no hash")
    number(text)
    return text
