"""Simulated venues over real sockets: HTTPS and WebSocket in the venue's own protocol, on loopback.

    socket → gateway (key, signature, clock) → wire (latency, faults) → venue → wire → socket

True here: the wire draws the same faults as in a simulated run, and the socket carries them out. No
answer is a connection that hangs and is then cut; a cut stream is an aborted socket; a half-open
one says nothing any more, not even to a ping. Neither end knows of it.
"""

import asyncio
import ssl
from collections import Counter
from collections.abc import Coroutine, Mapping
from decimal import Decimal
from functools import partial
from typing import Any

import msgspec
from aiohttp import WSMessage, WSMsgType, web

from sim.wire import Headers
from tieout.wire.world import WireWorld
from tieout.world.sites import Site
from venues.served import Call, Conversation, Gateway, Heard
from venues.simulated import Asked

CLOSED = None
# What a call raises that lacks a parameter, or has one that is none: the world goes on.
UNREADABLE = (LookupError, ValueError, TypeError, ArithmeticError)


class WireServer:
    """Some venues on one port; which is asked, its host name says."""

    def __init__(self, world: WireWorld, gateways: Mapping[str, Gateway]) -> None:
        """`gateways` has a front door for each dialect of the world."""
        self._world = world
        self.doors = {
            host: (door, world.sites[dialect])
            for dialect, door in gateways.items()
            for host in door.hosts
        }
        self._epoch = 0
        self.asked: Counter[str] = Counter()
        self.port = 0
        self._runner: web.AppRunner | None = None
        self.pacing: asyncio.Task[None]

    async def start(self, port: int, tls: ssl.SSLContext | None) -> None:
        """Listen on loopback; port 0 takes a free one. OSError where it is taken."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port, ssl_context=tls)
        await site.start()
        self.port = self._runner.addresses[0][1]
        self._world.begin()
        self.pacing = asyncio.create_task(self._world.pace())

    async def unless_broken(self, what: Coroutine[Any, Any, object]) -> None:
        """Wait for it; an error of the world ends the wait, and is raised."""
        waiting = asyncio.create_task(what)
        try:
            await asyncio.wait((waiting, self.pacing), return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        if self.pacing.done():
            self.pacing.result()

    async def stop(self) -> None:
        """No socket and no task outlives it; an error of the world is raised here."""
        self.pacing.cancel()
        await asyncio.wait([self.pacing])
        if self._runner is not None:
            await self._runner.cleanup()
        if not self.pacing.cancelled():
            self.pacing.result()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        host = request.host.partition(":")[0]
        door, site = self.doors.get(host, (None, None))
        if door is None or site is None:
            return web.Response(status=421, text=f"no venue at {host}\n")
        try:
            if request.headers.get("Upgrade", "").lower() == "websocket":
                return await self._socket(request, host, door, site)
            return await self._rest(request, host, door, site)
        except ConnectionError:
            return web.Response(status=500)  # to nobody: the client is gone

    # --- requests ---------------------------------------------------------------------------------

    async def _rest(
        self, request: web.Request, host: str, door: Gateway, site: Site
    ) -> web.StreamResponse:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        path, query = request.url.raw_path, request.url.raw_query_string
        call = Call(request.method, host, path, query, headers, body)
        self.asked[f"{request.method} {path}"] += 1
        self._world.catch_up()  # a clock that is asked shows the time, however busy we are
        admitted = door.admit(call, site.venue.exchange)
        if isinstance(admitted, Asked):
            status, answer, extra = await self._ask(site, admitted)
        else:
            (status, answer), extra = admitted, ()
        if status == 0:
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=500)  # to nobody
        kind = "text/html" if answer.startswith(b"<") else "application/json"
        return web.Response(body=answer, status=status, headers=dict(extra), content_type=kind)

    async def _ask(self, site: Site, asked: Asked) -> tuple[int, bytes, Headers]:
        """Over the wire to the venue, and back; 0 where no answer ever comes."""
        came: asyncio.Future[tuple[int, bytes, Headers]] = (
            asyncio.get_running_loop().create_future()
        )
        exactly: list[tuple[str, str, Decimal]] = []

        def handled() -> tuple[int, bytes, bool]:
            try:
                status, body = site.venue.handle(asked)
            except UNREADABLE as error:
                told = f"{asked.method} {asked.path}: {type(error).__name__} {error}"
                return 400, msgspec.json.encode({"code": -1, "msg": told}), True
            exactly.extend(site.venue.exchange.told_exactly)
            return status, body, site.venue.honest

        def answered(status: int, body: bytes, headers: Headers = ()) -> None:
            if not came.done():
                came.set_result((status, body, headers))

        def arrived() -> None:
            for each in exactly:
                site.wire.truth.told_exactly(*each)

        site.wire.ask(handled, answered, site.statement_paths.get(asked.path, ""), arrived)
        return await came

    # --- streams ----------------------------------------------------------------------------------

    async def _socket(
        self, request: web.Request, host: str, door: Gateway, site: Site
    ) -> web.StreamResponse:
        talk = door.converse(host, request.path, request.query_string, site.venue.exchange)
        if talk is None:
            return web.Response(status=404)
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        line = Line(request, socket, talk, site, self, door)
        writing = asyncio.create_task(line.write())
        line.answer(talk.begin())
        try:
            async for message in socket:
                line.hear(message)
        finally:
            line.hang_up()
            writing.cancel()
        return socket

    def next_epoch(self) -> int:
        self._epoch += 1
        return self._epoch


class Line:
    """One socket of a client: what it says is heard, what the venue tells waits to be written."""

    def __init__(
        self,
        request: web.Request,
        socket: web.WebSocketResponse,
        talk: Conversation,
        site: Site,
        server: WireServer,
        door: Gateway,
    ) -> None:
        self._request, self._socket, self._talk, self._site = request, socket, talk, site
        self._server, self._pings_itself = server, door.pings
        self._waiting: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._pings: list[bytes] = []
        self._epoch = 0
        self._wire = site.wire

    def hear(self, message: WSMessage) -> None:
        if message.type is WSMsgType.PING:
            if not self._is_mute():
                self._pings.append(message.data)
                self._waiting.put_nowait(b"")
            return
        if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
            return
        text = message.data.encode() if isinstance(message.data, str) else message.data
        self._server.asked[f"socket {len(text)} bytes"] += 1
        if not self._is_mute():
            self.answer(self._talk.hear(text))

    def answer(self, heard: Heard) -> None:
        """Reply, at once or when the stream that begins is open."""
        if heard.trades:
            self._site.venue.tell_trades()
        if not heard.opens:
            self._reply(heard.replies)
            return
        self._wire = self._site.wire if heard.opens == "private" else self._site.public
        self._epoch = self._server.next_epoch()
        self._wire.open_stream(
            self._epoch,
            partial(self._reply, heard.replies),
            self._tell,
            lambda reason: self._waiting.put_nowait(CLOSED),
            self._beat,
        )

    def _beat(self) -> None:
        if self._pings_itself:
            self._waiting.put_nowait(b"")

    def _reply(self, replies: list[bytes]) -> None:
        for reply in replies:
            self._waiting.put_nowait(reply)

    def _tell(self, body: bytes) -> None:
        try:
            wrapped = self._talk.wrap(body)
        except msgspec.DecodeError:
            wrapped = body  # garbage asks for no subscription
        if wrapped is not None:
            self._waiting.put_nowait(wrapped)

    def _is_mute(self) -> bool:
        session = self._wire.session
        ours = session is not None and session.epoch == self._epoch
        return ours and self._wire.world.now < session.mute_until  # type: ignore[union-attr]  # ours

    async def write(self) -> None:
        """Write what waits, one thing after another; nothing is a ping."""
        while True:
            body = await self._waiting.get()
            if body is CLOSED:
                if self._request.transport is not None:
                    self._request.transport.abort()
                return
            try:
                if self._pings:
                    await self._socket.pong(self._pings.pop(0))
                elif body:
                    await self._socket.send_str(body.decode(errors="replace"))
                else:
                    await self._socket.ping()
            except ConnectionError:
                return

    def hang_up(self) -> None:
        """The client is gone: the wire's session with it."""
        session = self._wire.session
        if session is not None and session.epoch == self._epoch:
            self._wire.drop()
