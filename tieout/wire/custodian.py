"""The simulated custodian over real sockets: Fireblocks' REST API and its webhooks, on loopback.

    SDK → gateway (key, token, body's hash) → wire (latency, faults) → keeper → wire → SDK
                                                                       keeper → wire → webhook → us

True here: the wire draws the faults of a simulated run and the sockets carry them out. No answer
is a connection that is cut. A webhook that nobody took is tried again as the documentation says, by
the custodian's clock: a 4xx is given up, but for 408 and 429.
"""

import asyncio
from collections import Counter
from collections.abc import Coroutine
from email.utils import formatdate
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout, web

from rails.custodian.served import Call, Gateway
from rails.custodian.signing import public_jwks
from rails.custodian.simulated import RETRIES_S
from rails.dialect import Request
from sim.wire import Headers
from tieout.settlement.simulated import RailSite
from tieout.wire.desk import DeskWorld

SECOND = 1_000_000_000
POST_S_MAX = 10.0
DIAL_AGAIN_S = 5


class CustodianServer:
    """One custodian on one port."""

    def __init__(
        self, world: DeskWorld, site: RailSite, gateway: Gateway, *, acks_lost: int = 0
    ) -> None:
        """Of what we answer to webhooks one in `acks_lost` never comes back to it; 0: none."""
        self._world, self._site, self._gateway, self._acks_lost = world, site, gateway, acks_lost
        self._dice = world.simulation.dice.stream(f"acks/{site.spec.name}")
        self._url = ""
        self.asked: Counter[str] = Counter()
        self.refused = 0
        self.posted: Counter[int] = Counter()
        self.given_up = 0
        self.port = 0
        self._runner: web.AppRunner | None = None
        self._session: ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._epoch = 0

    async def start(self, port: int = 0, tls: Any = None, trust: Any = None) -> None:
        """Listen on loopback; port 0 takes a free one. OSError where it is taken.

        `trust` is for the webhooks' own TLS, where they have one."""
        app = web.Application()
        app.router.add_get("/.well-known/jwks.json", self._keys)
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port, ssl_context=tls).start()
        self.port = self._runner.addresses[0][1]
        self._session = ClientSession(timeout=ClientTimeout(total=POST_S_MAX))
        self._trust = trust

    def tell(self, url: str) -> None:
        """Post webhooks there from now on; until then nobody is told anything."""
        self._url = url
        self._dial()

    async def stop(self) -> None:
        """No socket and no task outlives it."""
        self._epoch = -1
        for task in list(self._tasks):
            task.cancel()
        if self._session is not None:
            await self._session.close()
        if self._runner is not None:
            await self._runner.cleanup()

    # --- requests --------------------------------------------------------------------------------

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        path, query = request.url.raw_path, request.url.raw_query_string
        self.asked[request.method] += 1
        admitted = self._gateway.admit(Call(request.method, path, query, headers, body))
        extra: Headers = ()
        if isinstance(admitted, Request):
            status, answer, extra = await self._ask(admitted)
        else:
            self.refused += 1
            status, answer = admitted
        if status == 0:
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=500)  # to nobody
        kind = "text/html" if answer.startswith(b"<") else "application/json"
        told = {**dict(extra), "Date": formatdate(self._gateway.clock(), usegmt=True)}
        return web.Response(body=answer, status=status, headers=told, content_type=kind)

    async def _keys(self, request: web.Request) -> web.Response:
        """By which its webhooks are signed, for everybody."""
        self.asked["keys"] += 1
        return web.Response(body=public_jwks(), content_type="application/json")

    async def _ask(self, asked: Request) -> tuple[int, bytes, Headers]:
        """Over the wire to the keeper, and back; 0 where no answer ever comes."""
        came: asyncio.Future[tuple[int, bytes, Headers]] = (
            asyncio.get_running_loop().create_future()
        )

        def answered(status: int, body: bytes, headers: Headers = ()) -> None:
            if not came.done():
                came.set_result((status, body, headers))

        kind = "balances" if self._site.made.states(asked) else ""
        self._site.wire.ask(lambda: self._site.keeper.handle(asked), answered, kind)
        return await came

    # --- webhooks --------------------------------------------------------------------------------

    def _dial(self) -> None:
        """The way to us is a stream of the wire's, so that its faults strike here, too."""
        self._epoch += 1
        self._site.wire.open_stream(
            self._epoch, lambda: None, self._tell, self._closed, lambda: None
        )

    def _closed(self, reason: str) -> None:
        if self._epoch > 0:
            self._site.wire.world.call_in(DIAL_AGAIN_S * SECOND, self._dial)

    def _tell(self, message: bytes) -> None:
        self._spawn(self._post(message))

    async def _post(self, message: bytes) -> None:
        """Until somebody took it, or the custodian gives up."""
        for wait_s in (*RETRIES_S, 0):
            status = await self._posted(message)
            self.posted[status] += 1
            if 200 <= status < 300:
                return
            if 400 <= status < 500 and status not in (408, 429):
                break
            await self._world.sleep(wait_s * SECOND)
        self.given_up += 1

    async def _posted(self, message: bytes) -> int:
        """One attempt: the status that it met, 0 for none."""
        assert self._session is not None, "a server that was started"
        head, blank, body = message.partition(b"\r\n\r\n")
        lines = [line.decode().partition(": ") for line in head.split(b"\r\n")] if blank else []
        headers = {name: value for name, _, value in lines if name != "Content-Length"}
        data = body if blank else message  # garbage of the wire's own has no head
        try:
            async with self._session.post(
                self._url, data=data, headers=headers, ssl=self._trust or True
            ) as told:
                lost = self._acks_lost and self._dice.chance(1, self._acks_lost)
                return 0 if lost else told.status
        except (ClientError, OSError, TimeoutError):
            return 0

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
