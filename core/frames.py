"""Frames: the raw bytes a counterparty sent, and what a reader needs to know to read them.

Reading is a pure function of the frame, so that a mended reader can be run over history again.
"""

from collections.abc import Callable, Mapping
from typing import Literal, Protocol

from msgspec import Struct

from core.effects import Effect
from core.events import Event

Channel = Literal["stream", "rest", "dropcopy"]
Headers = tuple[tuple[str, str], ...]
# HTTP's own way to say how long to wait (RFC 9110, 10.2.3).
RETRY_AFTER = "retry-after"


class Frame(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """One message as it came off the wire.

    `body` is the bytes as they came. A webhook's signature stands in its headers and covers its raw
    body, so its frame holds the whole HTTP message: header lines, a blank line, the raw body.

    `number` is the journal's. `status` is the HTTP status of an answer (0: none came: timed out or
    cut off, the reason then stands in `body`); `about` is the effect that it answers, None on a
    stream; `asked_at` is when that was sent. `epoch` is the stream's. `headers` are those of
    an answer that its dialect reads, their names in small letters.
    """

    number: int
    account: str
    channel: Channel
    received_at: int
    body: bytes
    epoch: int = 0
    status: int = 200
    about: Effect | None = None
    asked_at: int = 0
    headers: Headers = ()


# A dialect's reader: the frame, and each asset's decimals (8 where not named).
Decode = Callable[[Frame, Mapping[str, int]], list[Event]]


class OnAnswer(Protocol):
    """Who asked hears the answer: its status (0: none came), its body, and its headers."""

    def __call__(self, status: int, body: bytes, headers: Headers = ()) -> None: ...
