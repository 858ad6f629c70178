"""A venue's live twin at its edges: redirects, and a client that trips; somebody always hears."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("ccxt.pro", reason="the extra `live` is not installed")

from aiohttp import ClientError, ClientSession, web

from tieout.live import LiveNode
from tieout.wire.fronts import WAYS
from venues.dialect import Request
from venues.live import Live
from venues.read_only import Forbidden, settings

ORDER = Request("POST", "/order")
Heard = list[tuple[str, str]]


@asynccontextmanager
async def redirecting(heard: Heard) -> AsyncIterator[str]:
    """A venue that sends everybody elsewhere, by a redirect that keeps method and body."""

    async def answer(request: web.Request) -> web.Response:
        heard.append((request.path, request.headers.get("X-KEY", "")))
        return web.Response(status=307, headers={"Location": "/elsewhere"})

    async def took(request: web.Request) -> web.Response:
        heard.append((request.path, request.headers.get("X-KEY", "")))
        return web.Response(text="{}")

    app = web.Application()
    app.router.add_route("*", "/order", answer)
    app.router.add_route("*", "/elsewhere", took)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/order"
    finally:
        await runner.cleanup()


def live(client: ClientSession, sign: Callable[..., dict[str, Any]], exchange: Any = None) -> Live:
    return Live(exchange, replace(WAYS["okx_swap"], sign=sign), client, time.time_ns)


def signed(url: str) -> Callable[..., dict[str, Any]]:
    told = {"method": "POST", "url": url, "body": b"{}", "headers": {"X-KEY": "sesame"}}
    return lambda *asked: told


async def answer_of(twin: Live) -> tuple[int, bytes]:
    came: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()
    twin.send(ORDER, lambda status, body, headers=(): came.set_result((status, body)))
    return await asyncio.wait_for(came, 5)


def test_an_order_is_not_sent_again_where_a_redirect_leads() -> None:
    async def test() -> None:
        heard: Heard = []
        async with redirecting(heard) as url, ClientSession() as client:
            status, _ = await answer_of(live(client, signed(url)))
        assert (status, heard) == (307, [("/order", "sesame")])

    asyncio.run(test())


def test_what_ccxt_sends_itself_follows_no_redirect_either() -> None:
    async def test() -> None:
        heard: Heard = []
        async with redirecting(heard) as url, ClientSession() as client:
            live(client, signed(url))
            with pytest.raises(ClientError):
                await client.post(url, headers={"X-KEY": "sesame"})
        assert heard == [("/order", "sesame")]

    asyncio.run(test())


def test_a_session_that_can_only_read_is_not_led_to_anything_else() -> None:
    """What is asked after a redirect was never looked at."""
    reads = replace(WAYS["binance_usdm"].reads, paths=frozenset({"/order"}))

    async def test() -> None:
        heard: Heard = []
        async with redirecting(heard) as url, ClientSession(**settings(reads)) as client:
            with pytest.raises(Forbidden):
                await client.post(url)
        assert heard == [("/order", "")]

    asyncio.run(test())


def test_a_client_that_trips_over_a_key_is_an_answer_that_did_not_come() -> None:
    def trips(*asked: object) -> dict[str, Any]:
        raise TypeError("the key is sesame")

    async def test() -> None:
        async with ClientSession() as client:
            assert await answer_of(live(client, trips)) == (0, b"not sent: TypeError")

    asyncio.run(test())


def test_a_clock_that_ccxt_cannot_read_is_none() -> None:
    async def trips() -> int:
        raise TypeError("unhashable type: 'dict'")

    async def test() -> None:
        async with ClientSession() as client:
            twin = live(client, signed(""), SimpleNamespace(fetch_time=trips))
            assert await twin.venue_time() is None

    asyncio.run(test())


async def _no_place(exchange: Any) -> str:
    return str({}["listenKey"])


async def _forbidden(exchange: Any) -> str:
    raise Forbidden("POST /fapi/v1/listenKey: this session can only read")


@pytest.mark.parametrize(
    ("place", "said"), [(_no_place, "KeyError"), (_forbidden, "Forbidden")], ids=["place", "reads"]
)
def test_a_stream_that_ccxt_cannot_open_is_told_as_closed(
    place: Callable[[Any], Awaitable[str]], said: str
) -> None:
    async def test() -> None:
        closed: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        async with ClientSession() as client:
            ways = replace(WAYS["binance_usdm"], place=place)
            twin = Live(SimpleNamespace(client=None), ways, client, time.time_ns)
            twin.open_stream(1, _nothing, _nothing, closed.set_result, _nothing)
            assert await asyncio.wait_for(closed, 5) == said

    asyncio.run(test())


def _nothing(*told: object) -> None:
    """Nobody listens."""


def test_a_node_ends_though_a_client_forgets_that_it_is_to_end() -> None:
    """`asyncio.wait_for` before Python 3.12 does, where an answer comes together with a cancel."""

    class Forgets:
        async def venue_time(self) -> int | None:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                return None
            return None

    async def test() -> None:
        node: Any = SimpleNamespace(_clock=time.time_ns)
        watching = asyncio.create_task(LiveNode._watch_clock(node, "okx_swap/main", Forgets()))
        await asyncio.sleep(0.05)
        watching.cancel()
        done, _ = await asyncio.wait([watching], timeout=5)
        assert done, "it goes on for ever, and the node with it"

    asyncio.run(test())
