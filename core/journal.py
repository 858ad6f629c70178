"""The journal: every frame, event and effect in order, encoded once, chained, and read back.

Rule 1. A commit group is whole or absent: a frame, then its events, then the effects they caused.
Rule 2. Each record carries its crc32c; each group the SHA-256 of the group before it and its own
records. What the chain's head says is what was written, in that order, and nothing else.
Rule 3. The *digest* covers events and effects (not frames, not where groups were cut) and the final
state: equal digests mean equal runs.

This module owns the encoding and the chain; where the bytes rest is a `Store`'s business.
"""

from collections.abc import Iterator
from hashlib import sha256
from typing import Any, Literal, Protocol

import msgspec
from google_crc32c import value as crc32c
from msgspec import UNSET, Struct

from core.effects import Effect, Remember
from core.events import Event
from core.frames import Frame, Headers
from core.identity import identity as identity_of
from core.state import State

SCHEMA = 2
Kind = Literal["frame", "event", "effect"]


def plain(thing: Any) -> dict[str, Any]:
    """What stands in a state and is no record itself (`Risk.desk`), as plain values."""
    told: dict[str, Any] = thing.dump()
    return told


_encoder = msgspec.json.Encoder()
_canonical = msgspec.json.Encoder(order="deterministic", enc_hook=plain)
_event_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)
_effect_decoder: msgspec.json.Decoder[Effect] = msgspec.json.Decoder(Effect)


class FrameHead(Struct, frozen=True, gc=False, omit_defaults=True):
    """What a frame's record keeps beside the raw bytes."""

    account: str
    channel: str
    received_at: int
    epoch: int = 0
    status: int = 200
    about: Effect | None = None
    asked_at: int = 0
    headers: Headers = ()


class Record(Struct, frozen=True, gc=False):
    """One line of the journal. `cause` is the number of the record that it follows from, or 0.

    `identity` is what an event is known again by, or what an effect keeps; "" of all others.
    """

    number: int
    kind: Kind
    name: str
    cause: int
    at: int
    head: bytes
    body: bytes
    crc: int
    identity: str = ""


class Store(Protocol):
    """Where records rest. `append` may lose what `commit` has not confirmed; nothing else may."""

    @property
    def epoch(self) -> int:
        """The highest boot epoch that was made durable; it stands where no cut of records gets."""

    @property
    def records_lost(self) -> int:
        """How many records it once had beyond its last; 0 from the next commit on."""

    def append(self, record: Record) -> None: ...

    def commit(self, last: int, chain: bytes) -> None:
        """Make everything appended so far durable, as one group."""

    def records(self, after: int = 0) -> Iterator[Record]:
        """The committed records with numbers above `after`, in order."""

    def events(self, after: int = 0) -> Iterator[bytes]:
        """The bodies of the events among them: all that a recovery needs."""

    def kept(self, identity: str) -> Record | None:
        """The last effect that bears the identity, committed or not yet; None where none does."""

    def last(self) -> tuple[int, bytes]:
        """The number and chain hash of the last committed group; (0, b"") of an empty store."""

    def save_snapshot(self, number: int, data: bytes) -> None:
        """Keep what the state was after the committed record `number`; a few older ones stay."""

    def snapshots(self) -> Iterator[tuple[int, bytes]]:
        """The snapshots that are whole, newest first."""


class Journal:
    """Numbers, encodes and chains records into a store."""

    def __init__(self, store: Store) -> None:
        self.store = store
        last, chain = store.last()
        self.next_number = last + 1
        self._chain = chain
        self._group = sha256(chain)
        self._dirty = False

    def frame(self, frame: Frame) -> int:
        """Write the raw bytes; the frame must bear the next number."""
        assert frame.number == self.next_number, (frame.number, self.next_number)
        head = FrameHead(
            account=frame.account,
            channel=frame.channel,
            received_at=frame.received_at,
            epoch=frame.epoch,
            status=frame.status,
            about=frame.about,
            asked_at=frame.asked_at,
            headers=frame.headers,
        )
        return self._append(
            "frame", frame.channel, 0, frame.received_at, _encoder.encode(head), frame.body
        )

    def event(self, event: Event, identity: str = "") -> int:
        """Write an event, and what it is known again by; its cause is its frame."""
        return self._append(
            "event",
            type(event).__name__,
            event.frame,
            event.received_at,
            b"",
            _encoder.encode(event),
            identity,
        )

    def effect(self, effect: Effect, cause: int, at: int) -> int:
        """Write an effect that the event numbered `cause` brought about."""
        identity = ""
        if type(effect) is Remember:
            identity = identity_of(effect.account, effect.key)
        return self._append(
            "effect", type(effect).__name__, cause, at, b"", _encoder.encode(effect), identity
        )

    def commit(self) -> int:
        """Make the group durable; returns the number of the last durable record."""
        if self._dirty:
            chain = self._group.digest()
            self.store.commit(self.next_number - 1, chain)
            self._chain = chain
            self._group = sha256(chain)
            self._dirty = False
        return self.next_number - 1

    def _append(
        self,
        kind: Kind,
        name: str,
        cause: int,
        at: int,
        head: bytes,
        body: bytes,
        identity: str = "",
    ) -> int:
        number = self.next_number
        crc = crc32c(head + body if head else body)
        self.store.append(Record(number, kind, name, cause, at, head, body, crc, identity))
        link(self._group, number, kind, head, body)
        self.next_number = number + 1
        self._dirty = True
        return number


class _Hash(Protocol):
    def update(self, data: bytes, /) -> None: ...


def link(group: _Hash, number: int, kind: str, head: bytes, body: bytes) -> None:
    """What one record adds to the hash of its group."""
    # One update for the three of them: this stands on the way of every record.
    group.update(b"%d %s %d %d\n%s%s" % (number, kind.encode(), len(head), len(body), head, body))


def decode_event(body: bytes) -> Event:
    return _event_decoder.decode(body)


def decode_effect(body: bytes) -> Effect:
    return _effect_decoder.decode(body)


def decode_frame(record: Record) -> Frame:
    """The frame as it was delivered."""
    head = msgspec.json.decode(record.head, type=FrameHead)
    return Frame(
        number=record.number,
        account=head.account,
        channel=head.channel,  # type: ignore[arg-type]  # written from a Frame, so of its Literal
        received_at=head.received_at,
        body=record.body,
        epoch=head.epoch,
        status=head.status,
        about=head.about,
        asked_at=head.asked_at,
        headers=head.headers,
    )


class Digest:
    """Folds events, effects and at last the state into the run's digest."""

    def __init__(self) -> None:
        self._hash = sha256()

    def add(self, kind: str, body: bytes) -> None:
        self._hash.update(b"%s %d\n" % (kind.encode(), len(body)))
        self._hash.update(body)

    def close(self, state: State) -> str:
        """The digest, as hex; `add` may go on afterwards, as if this had not been asked."""
        final = self._hash.copy()
        final.update(encode_state(state))
        return final.hexdigest()


def encode_state(state: State) -> bytes:
    """The state's canonical bytes: keys sorted, what is only for watchers left out.

    Gates' epochs come after the rest, for their keys are numbers, which sort as texts here.
    """
    last, epochs = (state.posted, state.booked, state.settled, state.moves), state.risk.epochs
    state.posted, state.booked, state.settled, state.risk.epochs = [], [], [], {}
    state.moves = UNSET
    try:
        told = _canonical.encode(state)
    finally:
        state.posted, state.booked, state.settled, state.moves = last
        state.risk.epochs = epochs
    return told + _canonical.encode(msgspec.to_builtins(epochs, str_keys=True)) if epochs else told


def digest_of(store: Store, state: State) -> str:
    """The digest of everything committed in `store` with `state` at its end."""
    digest = Digest()
    for record in store.records():
        if record.kind != "frame":
            digest.add(record.kind, record.body)
    return digest.close(state)
