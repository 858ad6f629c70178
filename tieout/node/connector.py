"""The connector: performs effects at one venue or rail and tells what came back, as frames.

It decides nothing: no retry, no back-fill, no dedup. What a dialect cannot say is told as an answer
that never came, with the reason. Its transport is a wire (simulated) or sockets
(live); what it hears goes through one door, `tell`. A request is whatever the dialect makes of an
effect and the transport can send.
"""

from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

from core.effects import Effect, OpenStream
from core.events import Event, HeartbeatHeard, StreamClosed, StreamOpened
from core.frames import Channel, Frame, Headers, OnAnswer

R = TypeVar("R")


R_contra = TypeVar("R_contra", contravariant=True)


class Transport(Protocol[R_contra]):
    """How bytes reach the venue and come back."""

    def send(self, request: R_contra, on_answer: OnAnswer) -> None:
        """Send one request; the answer comes later."""

    def open_stream(
        self,
        epoch: int,
        on_open: Callable[[], None],
        on_frame: Callable[[bytes], None],
        on_close: Callable[[str], None],
        on_beat: Callable[[], None],
    ) -> None:
        """Open the private stream; an older one is dropped."""


class Door(Protocol):
    """What the connector needs of the node: a number for the next frame, and the one door."""

    def next_frame(self) -> int: ...

    def tell(self, told: Frame | Event) -> None: ...


class Connector(Generic[R]):
    """One account's connector."""

    def __init__(
        self,
        account: str,
        request: Callable[[Effect], R],
        transport: Transport[R],
        door: Door,
        clock: Callable[[], int],
        headers: Sequence[str] = (),
    ) -> None:
        """Of an answer's headers the frame keeps those named here, in small letters."""
        self._account = account
        self._request = request
        self._transport = transport
        self._door = door
        self._clock = clock
        self._headers = headers
        self._epoch = 0

    def perform(self, effect: Effect) -> None:
        """Do what the effect asks; its outcome is told later."""
        if isinstance(effect, OpenStream):
            self._open(effect.epoch)
            return
        sent = self._clock()

        def answered(status: int, body: bytes, headers: Headers = ()) -> None:
            kept: Headers = ()
            if headers:
                small = ((name.lower(), value) for name, value in headers)
                kept = tuple(pair for pair in small if pair[0] in self._headers)
            self._frame("rest", body, status=status, about=effect, asked_at=sent, headers=kept)

        try:
            request = self._request(effect)
        except ValueError as error:
            answered(0, f"not sent: {error}".encode())
        else:
            self._transport.send(request, answered)

    def drop_copy(self, body: bytes) -> None:
        """A message came on the drop copy."""
        self._frame("dropcopy", body)

    def _open(self, epoch: int) -> None:
        self._epoch = epoch
        account, tell, clock = self._account, self._door.tell, self._clock
        self._transport.open_stream(
            epoch,
            lambda: tell(StreamOpened(received_at=clock(), account=account, epoch=epoch)),
            lambda body: self._frame("stream", body, epoch=epoch),
            lambda reason: tell(
                StreamClosed(received_at=clock(), account=account, epoch=epoch, reason=reason)
            ),
            lambda: tell(HeartbeatHeard(received_at=clock(), account=account, epoch=epoch)),
        )

    def _frame(
        self,
        channel: Channel,
        body: bytes,
        *,
        epoch: int = 0,
        status: int = 200,
        about: Effect | None = None,
        asked_at: int = 0,
        headers: Headers = (),
    ) -> None:
        self._door.tell(
            Frame(
                number=self._door.next_frame(),
                account=self._account,
                channel=channel,
                received_at=self._clock(),
                body=body,
                epoch=epoch,
                status=status,
                about=about,
                asked_at=asked_at,
                headers=headers,
            )
        )
