"""The receiver of webhooks: settled over raw bytes whose they are, and kept before they are taken.

    socket → size → signature → age → had before? → journal → [commit] → 200

Rule 1. Nothing of a body is parsed before its signature holds. What does not hold is kept nowhere:
whoever likes may send it, and a disk is finite.
Rule 2. 200 is said only once the journal is durable. The answers that have them try again are 408,
429 and 503 alone; those of any other 4xx are given up there, and what they told is found by
back-fill.
Rule 3. The same bytes twice are taken once, and answered alike: a copy that they sent again and one
that somebody replays cannot be told apart, and neither does anything. What is older than they would
ever send is refused.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Protocol

import msgspec
from aiohttp import ClientError, ClientSession, ClientTimeout, web
from aiohttp.http_exceptions import HttpProcessingError

from rails.custodian.webhooks import Forged, Keys, UnknownKey, keys, verified
from tieout.journals.durable import Durable, NotDurable

SECOND = 1_000_000_000
MS = 1_000_000
DAY = 86_400 * SECOND
BORNE = ("content-type", "fireblocks-signature", "fireblocks-webhook-signature")
KEYS_S_MAX, KEYS_BYTES_MAX = 5.0, 64 * 1024
# What comes of asking for a list of keys that is none, or is not there.
NO_LIST = (ClientError, OSError, TimeoutError, KeyError, TypeError, ValueError)
LATEST = 10_000  # how many waits are remembered


class Ears(Protocol):
    """Who is told: a live twin of the custodian."""

    def hear(self, message: bytes) -> bool:
        """Tell it on; False where nobody listens."""

    def beat(self) -> None:
        """They reached us, with nothing new."""


@dataclass(slots=True)
class Keyring:
    """The custodian's keys, which change: one that is unknown is looked for where they publish it,
    at most once in `again_s`. A key that was ever known stays: it signed what the journal has."""

    keys: Keys
    fetch: Callable[[], Awaitable[bytes]] | None = None
    again_s: float = 60.0
    _fetched_at: float = float("-inf")

    async def verified(self, message: bytes) -> bytes:
        """The body of a webhook that is theirs; else `Forged`."""
        try:
            return verified(message, self.keys)
        except UnknownKey:
            if not await self._look():
                raise
        return verified(message, self.keys)

    async def _look(self) -> bool:
        """Whether their list was read again just now."""
        now = time.monotonic()
        if self.fetch is None or now < self._fetched_at + self.again_s:
            return False
        self._fetched_at = now
        try:
            found = keys(jwks=await self.fetch()).by_kid
        except NO_LIST:
            return False
        known = self.keys.by_kid
        assert isinstance(known, dict), "a decoder reads by the same keys: they are added to"
        known.update({kid: key for kid, key in found.items() if kid not in known})
        return True


def published(session: ClientSession, url: str) -> Callable[[], Awaitable[bytes]]:
    """Reads their list of keys where they publish it, by TLS of the session's making."""

    async def fetch() -> bytes:
        limit = ClientTimeout(total=KEYS_S_MAX)
        async with session.get(url, timeout=limit, allow_redirects=False) as told:
            body = b""
            async for part in told.content.iter_chunked(4096):
                body += part
                if len(body) > KEYS_BYTES_MAX:
                    raise ValueError("no list of keys is so long")
            return body

    return fetch


@dataclass(slots=True, frozen=True)
class Bounds:
    """What is refused. They send again for eight hours by themselves, if asked for thirty days."""

    bytes_max: int = 256 * 1024
    under_way_max: int = 64
    age_ns_max: int = 30 * DAY
    skew_ns_max: int = 300 * SECOND
    body_s_max: float = 5.0
    durable_s_max: float = 5.0
    remembered_max: int = 100_000


@dataclass(slots=True)
class Receiver:
    """One path at which one custodian tells us things."""

    keyring: Keyring
    ears: Ears
    durable: Durable
    clock: Callable[[], int]
    bounds: Bounds = field(default_factory=Bounds)
    path: str = "/webhooks/custodian"
    answered: Counter[int] = field(default_factory=Counter)
    waits_ns: deque[int] = field(default_factory=lambda: deque(maxlen=LATEST))
    again: int = 0
    port: int = 0
    _under_way: int = 0
    _taken: dict[bytes, "asyncio.Future[bool]"] = field(default_factory=dict)
    _runner: web.AppRunner | None = None

    async def start(self, host: str = "127.0.0.1", port: int = 0, tls: Any = None) -> None:
        """Listen; port 0 takes a free one. OSError where it is taken."""
        app = web.Application(client_max_size=self.bounds.bytes_max)
        app.router.add_post(self.path, self._receive)
        # Raw bytes: a body that comes compressed is refused, and never unpacked.
        self._runner = web.AppRunner(
            app, access_log=None, auto_decompress=False, shutdown_timeout=1.0
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port, ssl_context=tls).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _receive(self, request: web.Request) -> web.Response:
        began = time.monotonic_ns()
        if self._under_way >= self.bounds.under_way_max:
            return self._answer(429, "too many at once", began)
        self._under_way += 1
        try:
            status, text = await self._take(request)
        finally:
            self._under_way -= 1
        return self._answer(status, text, began)

    def _answer(self, status: int, text: str, began: int) -> web.Response:
        self.answered[status] += 1
        if status == 200:
            self.waits_ns.append(time.monotonic_ns() - began)
        return web.Response(status=status, text=f"{text}\n")

    async def _take(self, request: web.Request) -> tuple[int, str]:
        if "Content-Encoding" in request.headers:
            return 415, "as raw bytes, please"
        if (request.content_length or 0) > self.bounds.bytes_max:
            return 413, "too large"
        try:
            message = await asyncio.wait_for(_message(request), self.bounds.body_s_max)
            body = await self.keyring.verified(message)
        except web.HTTPRequestEntityTooLarge:
            return 413, "too large"
        except (TimeoutError, HttpProcessingError):
            return 408, "the rest did not come"
        except Forged:
            return 401, "not theirs"
        return await self._taken_once(message, body)

    async def _taken_once(self, message: bytes, body: bytes) -> tuple[int, str]:
        """It is theirs."""
        late = self._late(body)
        if late is not None:
            return late
        digest = sha256(body).digest()
        before = self._taken.get(digest)
        if before is not None:
            self.again += 1
            self.ears.beat()
            durable = await before
            return (200, "had it") if durable else (503, "not kept yet")
        return await self._kept(digest, message)

    async def _kept(self, digest: bytes, message: bytes) -> tuple[int, str]:
        if not self.ears.hear(message):
            return 503, "nobody listens"
        taken = self._taken[digest] = asyncio.get_running_loop().create_future()
        try:
            await self.durable.wait(self.bounds.durable_s_max)
        except NotDurable:
            taken.set_result(False)
            del self._taken[digest]  # it comes again, and is told again
            return 503, "not kept yet"
        taken.set_result(True)
        if len(self._taken) > self.bounds.remembered_max:
            del self._taken[next(iter(self._taken))]
        return 200, "taken"

    def _late(self, body: bytes) -> tuple[int, str] | None:
        """By their own time in it, which is signed: too old, or of a future that clocks explain."""
        try:
            told = msgspec.json.decode(body)
            at = told.get("createdAt") or told.get("timestamp")
        except (msgspec.DecodeError, AttributeError, RecursionError):
            at = None
        if not isinstance(at, int):
            return None  # theirs, and strange: the reader quarantines it where people see it
        age = self.clock() - at * MS
        if age > self.bounds.age_ns_max:
            return 410, "too old"
        if age < -self.bounds.skew_ns_max:
            return 503, "of the future: a clock is wrong"
        return None


async def _message(request: web.Request) -> bytes:
    """The HTTP message as a frame keeps it: the headers that matter, a blank line, the raw body."""
    body = await request.read()
    lines = [
        name + b": " + value
        for name, value in request.raw_headers
        if name.lower().decode() in BORNE
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def quantiles(receiver: Receiver) -> tuple[float, float]:
    """p50 and p99 of what the latest webhooks that were taken waited, in milliseconds."""
    waits = sorted(receiver.waits_ns)
    if not waits:
        return 0.0, 0.0
    return waits[len(waits) // 2] / MS, waits[min(len(waits) - 1, len(waits) * 99 // 100)] / MS
