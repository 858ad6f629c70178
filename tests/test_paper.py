"""Paper: real prices over real sockets, fills of our own; the node's books are the paper account's.

The public feed is a served venue's. Nothing but a subscription may come to its sockets.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

pytest.importorskip("ccxt.pro", reason="the extra `live` is not installed")
pytest.importorskip("trustme", reason="the extra `live` is not installed")

from aiohttp import ClientError
from ccxt import BaseError

from core.orders import TERMINAL
from scenarios.model import VenueSpec
from tests.deploying import Desk, desk, run
from tieout.claims.view import View
from tieout.deployment.file import BadDeployment, load
from tieout.deployment.paper import check_fresh, paper_ways, public_feed
from tieout.deployment.paper_world import PaperWorld
from tieout.journals.deployed import journal_of
from tieout.journals.sqlite_store import SqliteStore
from tieout.journals.verify import verify
from tieout.live import LiveNode
from tieout.wire.fronts import WAYS
from tieout.wire.world import scenario_of
from venues.read_only import Forbidden

# --- the market of a paper account ----------------------------------------------------------------


def world_of(venue: str = "okx_swap", **fields: Any) -> PaperWorld:
    spec = scenario_of(venue).venues[0]
    world = PaperWorld(VenueSpec.model_validate(spec.model_dump() | fields))
    world.begin()
    return world


def told(
    bid: str, bid_size: str, ask: str, ask_size: str, sequence: int, symbol: str = "BTC-USDT-SWAP"
) -> bytes:
    row = {"bids": [[bid, bid_size, "0", "1"]], "asks": [[ask, ask_size, "0", "1"]]}
    row |= {"ts": str(sequence), "seqId": sequence}  # type: ignore[dict-item]  # as OKX tells it
    return msgspec.json.encode({"arg": {"channel": "bbo-tbt", "instId": symbol}, "data": [row]})


def placed(world: PaperWorld, side: str, quantity: str, price: str, kind: str = "limit") -> Any:
    exchange = world.site.venue.exchange
    leg = "long" if side == "buy" else "short"
    return exchange.place(
        "",
        "BTC-USDT-SWAP",
        side,
        Decimal(quantity),
        kind,
        Decimal(price),
        leg,  # type: ignore[arg-type]  # one of two
    )


def test_a_taker_takes_what_is_offered_and_no_more() -> None:
    """Half a contract stands at the ask: the rest of an order of two is not filled by magic."""
    world = world_of()
    world.hear(told("50000", "3", "50001", "0.5", 1))
    order = placed(world, "buy", "2", "50010", "ioc")
    assert (order.filled, order.value / order.filled / Decimal("0.01")) == (Decimal("0.5"), 50001)
    assert placed(world, "buy", "1", "50010", "ioc").filled == 0, "it was taken"
    world.hear(told("50000", "3", "50001", "0.5", 2))
    assert placed(world, "buy", "1", "50010", "ioc").filled == Decimal("0.5"), "and told anew"


def test_a_resting_order_waits_until_the_market_comes_to_it() -> None:
    """Joined at the best bid it stands behind everybody; it is filled at its own price."""
    world = world_of()
    world.hear(told("50000", "3", "50001", "1", 1))
    order = placed(world, "buy", "2", "50000")
    world.hear(told("50000", "1", "50001", "9", 2))
    assert order.filled == 0
    world.hear(told("49998", "1", "49999", "0.5", 3))
    assert (order.filled, order.value) == (Decimal("0.5"), Decimal("0.5") * 50000 / 100)
    world.hear(told("49998", "1", "49999", "9", 4))
    assert order.status == "FILLED"


def test_where_nothing_is_told_nothing_is_offered() -> None:
    world = world_of()
    world.hear(told("50000", "3", "50001", "1", 1))
    world.withdraw()
    assert placed(world, "buy", "1", "60000", "ioc").filled == 0


def test_what_was_overtaken_crossed_or_off_the_tick_offers_nothing() -> None:
    world = world_of()
    world.hear(told("50000", "3", "50001", "1", 5))
    world.hear(told("40000", "3", "40001", "1", 4))
    world.hear(told("50002", "3", "50001", "1", 6))
    world.hear(b"garbage")
    assert world.site.venue.exchange.top("BTC-USDT-SWAP")[1] == (Decimal("50001.0"), Decimal(1))
    world.hear(told("50000.05", "3", "50001", "0.001", 7))
    assert world.site.venue.exchange.top("BTC-USDT-SWAP") == (None, None)
    assert world.counts == {
        "tops": 2,
        "overtaken or not ours": 1,
        "crossed": 1,
        "not read": 1,
        "off the tick": 1,
    }


# --- a session ------------------------------------------------------------------------------------


async def paper_session(folder: Path, venue: str, seconds: float) -> tuple[dict[str, int], Desk]:
    """A node on paper for a while, its feed a served venue; converged and ended."""
    folder.mkdir()
    found = await desk(folder, venue)
    for name in ("key", "secret", "passphrase"):
        (folder / name).unlink()  # nobody reads one
    deployment = load(found.path)
    async with AsyncExitStack() as stack:
        ways, beside = await paper_ways(deployment, folder, stack)
        store = SqliteStore(journal_of(deployment, folder, "paper"))
        stack.callback(store.close)
        check_fresh(store, store.path)
        node = LiveNode("tie", store, ways, deployment.strategies, clock=time.time_ns)
        running = [asyncio.create_task(each) for each in (node.run(), *beside)]
        await asyncio.wait(running, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        node.rest()
        node.cancel_all()
        await _converges(node, ways[0].transport.site.venue.exchange.truth, running)  # type: ignore[attr-defined]  # a paper one
        for task in running:
            task.cancel()
        await asyncio.wait(running)
        await node.loop.commit()
        return node.said(), found


async def _converges(node: LiveNode, truth: Any, running: list[asyncio.Task[Any]]) -> None:
    """Books are the paper account's truth to the unit, and nothing is open."""
    state, until = node.node.state, time.monotonic() + 30
    while time.monotonic() < until:
        done, _ = await asyncio.wait(running, timeout=0.3)
        assert not done, [task.exception() for task in done]
        view = View(state, node.store)
        off = {n: (t, view.figure(n)) for n, t in truth.totals.items() if t != view.figure(n)}
        open_ones = [each for each in state.orders.values() if each.status not in TERMINAL]
        if not (off or open_ones or state.suspects or state.breaks):
            return
    raise AssertionError((off, open_ones, state.suspects, state.breaks))


def test_books_are_the_paper_account_s_and_nothing_private_leaves(tmp_path: Path) -> None:
    async def one(venue: str) -> None:
        said, found = await paper_session(tmp_path / venue, venue, 8)
        asked = list(found.served.server.asked)
        assert asked, "the feed was heard"
        assert all(each.startswith("socket ") for each in asked), asked
        exchange = found.served.world.sites[venue].venue.exchange
        assert not exchange.tickets, "the real venue never heard of an order"
        assert said["fills"] > 3, said
        assert verify(tmp_path / venue / "desk.paper.db").status == "sound"
        assert not (tmp_path / venue / "desk.db").exists(), "the real accounts' books are apart"
        store = SqliteStore(tmp_path / venue / "desk.paper.db")
        with pytest.raises(BadDeployment, match="records of a paper account that is no more"):
            check_fresh(store, store.path)
        store.close()
        await found.served.server.stop()

    async def all_trade() -> None:
        await asyncio.gather(*(one(venue) for venue in WAYS))

    run(all_trade, 170)


def test_the_session_of_a_feed_can_ask_for_nothing_else(tmp_path: Path) -> None:
    """ccxt's own methods go through it: an order, a read of the account, another socket."""

    async def held_back() -> None:
        found = await desk(tmp_path, "binance_spot")
        async with AsyncExitStack() as stack:
            ways = WAYS["binance_spot"]
            account = found.deployment.accounts[0]
            feed = await public_feed(found.deployment, account, ways, tmp_path, stack)
            feed.exchange.apiKey, feed.exchange.secret = "somebody", "else's"
            for call in (
                feed.exchange.load_markets(),
                feed.exchange.private_get_account(),
                feed.exchange.private_post_order({"symbol": "ETHUSDT"}),
                feed.session.get("https://api.binance.com/api/v3/time"),
                feed.session.ws_connect("wss://ws-api.binance.com:443/ws-api/v3"),
            ):
                with pytest.raises((Forbidden, BaseError, ClientError)):
                    await call
        assert not found.served.server.asked
        await found.served.server.stop()

    run(held_back)
