"""A venue's live twin: ccxt signs, authenticates and subscribes; what comes back stays raw bytes.

Rule 1. ccxt is a transport. What a socket or an answer said is handed on as it came; no result of
ccxt's parsers is used. Wherever ccxt trips over what it was told, whoever waits hears that nothing
came of it, and no listening ends.
Rule 2. A request is sent once, and to the venue alone. Whatever is no complete HTTP answer is
status 0: done or not, only the venue can say. Neither ccxt nor aiohttp sends anything again by
itself, or follows a redirect: that would be a second order, and another's to have seen the key.
Rule 3. A new stream is a new socket: the last one is dropped before, and what still comes of it is
told to nobody.
Rule 4. A node that does not lead sends nothing: that is asked right before a request is written.
One that is written too late all the same, the venue refuses by its end (`venues/dialect.py`).
Rule 5. No text that leaves here names a URL or a header: both bear signatures.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec
from aiohttp import ClientError, ClientSession, ClientTimeout, TraceConfig, WSMsgType

from core.frames import Headers, OnAnswer
from venues.dialect import Request
from venues.read_only import Forbidden, Reads

TIMEOUT_S = 10.0
DIAL_S_MAX = 10.0
PING_MS = 3_000


def message_of(body: bytes) -> dict[str, Any]:
    """The JSON object that a message is; an empty one of anything else."""
    try:
        told = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return {}
    return told if isinstance(told, dict) else {}


class Redirected(ClientError):
    """A venue sends us elsewhere; the text does not have where."""


async def _refuse_redirect(*asked: object) -> None:
    raise Redirected("a redirect, which is not followed")


class Socket(Protocol):
    """A stream's socket, as who opens it sees it."""

    async def connect(self) -> None:
        """Dial; returns when the handshake is done."""

    async def ask(self, message: object, replies: int = 1) -> None:
        """Send, and wait for so many replies that confirm it."""


@dataclass(slots=True, frozen=True)
class Ways:
    """How one venue is reached through ccxt.

    `sign` makes of a request, at a time, what is sent: url, method, headers, body. `place` says
    where the account's socket is, and `listen` opens the account's stream on it, as `public_place`
    and `watch` do for market data of the venue's own symbols, and for trades of some of them. Of
    what a socket says `is_reply` is an answer to us and no event, and `confirms` one to a
    subscription.
    """

    exchange: str
    options: Mapping[str, Any]
    sign: Callable[[Any, Request, int], dict[str, Any]]
    place: Callable[[Any], Awaitable[str]]
    listen: Callable[[Any, Socket], Awaitable[None]]
    public_place: Callable[[Any], Awaitable[str]]
    watch: Callable[[Any, Socket, tuple[str, ...], tuple[str, ...]], Awaitable[None]]
    is_reply: Callable[[bytes], bool]
    confirms: Callable[[bytes], bool]
    reads: Reads


@dataclass(slots=True)
class Line:
    """One stream's socket, and who hears it; `epoch` 0 before the first."""

    epoch: int = 0
    client: Any = None
    dialing: asyncio.Task[None] | None = None


@dataclass(slots=True)
class Live:
    """One account's way to its venue and back."""

    exchange: Any
    ways: Ways
    session: ClientSession
    clock: Callable[[], int]
    leads: Callable[[], bool] = lambda: True
    counts: dict[str, int] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _private: Line = field(default_factory=Line)
    _public: Line = field(default_factory=Line)

    def __post_init__(self) -> None:
        # Rule 2: else aiohttp asks again itself where a connection that it kept ends unanswered,
        # a GET, a PUT and a DELETE; it has no public switch for that.
        self.session._retry_connection = False
        stays = TraceConfig()
        stays.on_request_redirect.append(_refuse_redirect)
        stays.freeze()
        self.session.trace_configs.append(stays)

    # --- requests ---------------------------------------------------------------------------------

    def send(self, request: Request, on_answer: OnAnswer) -> None:
        """Sign and send, once; the answer comes later, whatever becomes of it."""
        self._spawn(self._send(request, on_answer))

    async def _send(self, request: Request, on_answer: OnAnswer) -> None:
        on_answer(*await self._answered(request))

    async def _answered(self, request: Request) -> tuple[int, bytes, Headers]:
        """Whatever breaks is an answer that did not come: somebody waits for one."""
        try:
            signed = self._signed(request)
        except Exception as error:  # noqa: BLE001  # Rule 1
            return 0, f"not sent: {type(error).__name__}".encode(), ()
        try:
            async with self.session.request(
                signed["method"],
                signed["url"],
                data=signed["body"],
                headers=signed["headers"],
                timeout=ClientTimeout(total=TIMEOUT_S),
                allow_redirects=False,
            ) as response:
                body = await response.read()
                return response.status, body, tuple(response.headers.items())
        except Forbidden as error:
            return 0, f"not sent: {error}".encode(), ()
        except Exception as error:  # noqa: BLE001  # done or not, only the venue can say
            return 0, f"no answer: {type(error).__name__}".encode(), ()

    def _signed(self, request: Request) -> dict[str, Any]:
        now = self.clock()
        if 0 < request.expires_at <= now:
            raise ValueError("it was void before it was sent")
        signed = self.ways.sign(self.exchange, request, now)
        if not self.leads():  # last of all: between this and the socket nothing is asked any more
            raise ValueError("another node leads")
        return signed

    async def venue_time(self) -> int | None:
        """The venue's clock, asked without a signature; None where it did not say."""
        try:
            async with asyncio.timeout(DIAL_S_MAX):
                told = await self.exchange.fetch_time()
        except Exception:  # noqa: BLE001  # Rule 1
            return None
        return told * 1_000_000 if isinstance(told, int) else None

    # --- streams ----------------------------------------------------------------------------------

    def open_stream(
        self,
        epoch: int,
        on_open: Callable[[], None],
        on_frame: Callable[[bytes], None],
        on_close: Callable[[str], None],
        on_beat: Callable[[], None],
    ) -> None:
        """Open the account's stream; an older one is dropped."""
        ears = Ears(self, self._private, epoch, on_open, on_frame, on_close, on_beat)
        self._dial(self._private, epoch, ears.dial(self.ways.place, self.ways.listen))

    def open_public(
        self, symbols: tuple[str, ...], trades: tuple[str, ...] = ()
    ) -> Callable[..., None]:
        """Opens the stream of market data of these symbols; a `venues.public.Dial`.

        Of those of `trades` it tells each trade, beside the top.
        """

        async def watch(exchange: Any, socket: Socket) -> None:
            await self.ways.watch(exchange, socket, symbols, trades)

        def dial(
            epoch: int,
            on_open: Callable[[], None],
            on_frame: Callable[[bytes], None],
            on_close: Callable[[str], None],
            on_beat: Callable[[], None],
        ) -> None:
            ears = Ears(self, self._public, epoch, on_open, on_frame, on_close, on_beat)
            self._dial(self._public, epoch, ears.dial(self.ways.public_place, watch))

        return dial

    def _dial(self, line: Line, epoch: int, dialing: Awaitable[None]) -> None:
        line.epoch = epoch
        if line.dialing is not None:
            line.dialing.cancel()
        line.dialing = self._spawn(dialing)

    async def drop(self, line: Line) -> None:
        """The socket is closed, and ccxt forgets it."""
        client, line.client = line.client, None
        if client is not None:
            self.exchange.clients.pop(client.url, None)
            with suppress(ClientError, OSError):
                await client.close()

    def count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1

    def _spawn(self, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def close(self) -> None:
        """Nothing of it is left running."""
        for task in list(self._tasks):
            task.cancel()
        for line in (self._private, self._public):
            line.epoch = 0
            await self.drop(line)
        await self.exchange.close()


@dataclass(slots=True)
class Ears:
    """What is heard of one socket, for as long as its epoch is the newest."""

    live: Live
    line: Line
    epoch: int
    on_open: Callable[[], None]
    on_frame: Callable[[bytes], None]
    on_close: Callable[[str], None]
    on_beat: Callable[[], None]
    closed: bool = False
    confirmed: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))

    async def dial(
        self,
        place: Callable[[Any], Awaitable[str]],
        open_up: Callable[[Any, Socket], Awaitable[None]],
    ) -> None:
        """Drop the last socket, open this one; what fails is told as a close."""
        await self.live.drop(self.line)
        try:
            async with asyncio.timeout(DIAL_S_MAX):
                await self._open(place, open_up)
        except Exception as error:  # noqa: BLE001  # Rule 1
            self._end(type(error).__name__)
            return
        if self._is_newest():
            self.on_open()

    async def _open(
        self,
        place: Callable[[Any], Awaitable[str]],
        open_up: Callable[[Any, Socket], Awaitable[None]],
    ) -> None:
        exchange = self.live.exchange
        client = self.line.client = exchange.client(await place(exchange))
        client.keepAlive = PING_MS
        self._tap(client)
        await open_up(exchange, self)

    async def connect(self) -> None:
        self.live.exchange.open()
        await self.line.client.connect(self.live.exchange.session)

    async def ask(self, message: object, replies: int = 1) -> None:
        await self.connect()
        await self.line.client.send(message)
        for _ in range(replies):
            await self.confirmed.acquire()

    def _tap(self, client: Any) -> None:
        """Hear each message before ccxt does, and guard ccxt's own receiving."""
        parse, handle = client.handle_text_or_binary_message, client.handle_message

        def told(data: str | bytes) -> None:
            body = data.encode() if isinstance(data, str) else data
            if not self.live.ways.is_reply(body):
                if self._is_newest():
                    self.on_frame(body)
                return
            if self._is_newest():
                self.on_beat()
            if self.live.ways.confirms(body):
                self.confirmed.release()
            try:
                parse(data)
            except Exception:  # noqa: BLE001  # Rule 1
                self.live.count("replies that ccxt could not read")

        def handled(message: Any) -> None:
            if message.type in (WSMsgType.PING, WSMsgType.PONG) and self._is_newest():
                self.on_beat()
            handle(message)

        client.handle_text_or_binary_message = told
        client.handle_message = handled
        client.on_close_callback = lambda client, code: self._end(f"closed: {code}")
        client.on_error_callback = lambda client, error: self._end(type(error).__name__)

    def _is_newest(self) -> bool:
        return self.line.epoch == self.epoch and not self.closed

    def _end(self, reason: str) -> None:
        if self._is_newest():
            self.closed = True
            self.on_close(reason)
