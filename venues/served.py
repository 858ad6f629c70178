"""A simulated venue over real sockets: what a call is, who may make it, and how a socket talks.

A gateway is the venue's front door and nothing behind it: it checks keys, signatures and clocks as
the venue documents them, and hands on what the simulated venue understands. It shares nothing with
our own signing. Whether a frame is lost, late or cut is the wire's to say, not the gateway's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from venues.exchange import Exchange
from venues.simulated import Answer, Asked

Channel = Literal["", "private", "public"]


@dataclass(slots=True, frozen=True)
class Key:
    """An API key that the venue issued; `passphrase` where the venue has one.

    Its rights are read, trade, move and withdraw, which each venue has words of its own for.
    """

    name: str
    secret: str
    passphrase: str = ""
    rights: tuple[str, ...] = ("read", "trade")

    def may(self, method: str) -> bool:
        """Whether a request by that method is let in: a key that only reads asks by GET alone."""
        return method == "GET" or "trade" in self.rights


@dataclass(slots=True, frozen=True)
class Call:
    """One HTTP request as it came off the socket; header names are in small letters."""

    method: str
    host: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class Heard:
    """What the venue does about a message on a socket: replies, and a stream that begins.

    Where a stream begins, the replies are sent when it is open, and none if it is refused.
    `trades`: somebody asked to be told each trade.
    """

    replies: list[bytes] = field(default_factory=list)
    opens: Channel = ""
    trades: bool = False


class Conversation(Protocol):
    """One socket's talk, from the handshake on."""

    def begin(self) -> Heard:
        """The handshake is done."""

    def hear(self, text: bytes) -> Heard:
        """The client said something."""

    def wrap(self, body: bytes) -> bytes | None:
        """What the venue tells, as this socket carries it; None where it was not asked for."""


class Gateway(Protocol):
    """A venue's front door, at its real host names."""

    @property
    def hosts(self) -> tuple[str, ...]: ...
    @property
    def pings(self) -> bool:
        """Whether the venue pings by the protocol of WebSocket."""

    def key_ended(self) -> None:
        """The key of the account's stream is over, where the venue has one."""

    def is_key_over(self, now_ms: int) -> bool:
        """Whether that key has run out by the venue's clock, and nobody ended it yet."""

    def admit(self, call: Call, exchange: Exchange) -> Asked | Answer:
        """The request that the venue is to handle, or at once its answer."""

    def converse(self, host: str, path: str, query: str, exchange: Exchange) -> Conversation | None:
        """The talk of a socket at that place; None where the venue has no socket there."""
