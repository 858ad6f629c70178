"""The live node over real sockets: the same law as in simulation, by the machine's clock.

The venue is served by `tieout.wire_server`, its client is ccxt as it comes. Nothing leaves the
machine: any other host is nowhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ccxt.pro", reason="the extra `live` is not installed")
pytest.importorskip("trustme", reason="the extra `live` is not installed")

import ccxt
from aiohttp import ClientConnectorError

from core.effects import PlaceOrder
from core.journal import decode_effect
from tests.live import KEY, Running, Served
from tieout.replay import replay
from tieout.wire_world import rough
from venues.served import Key

VENUES = ("binance_spot",)


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 170))


# --- the served venue, and ccxt as anybody uses it ------------------------------------------------


async def checks_signatures(venue: str) -> None:
    served = await Served.start(venue, 1)
    async with served.session() as client:
        right, wrong = served.exchange(client), served.exchange(client, Key(KEY.name, "another"))
        assert (await right.fetch_balance())["info"]
        with pytest.raises(ccxt.AuthenticationError):
            await wrong.fetch_balance()
        with pytest.raises(ClientConnectorError):
            await client.get("https://example.org/")
        await right.close()
        await wrong.close()
    await served.server.stop()


@pytest.mark.parametrize("venue", VENUES)
def test_who_signs_wrongly_is_refused_and_nothing_leaves_the_machine(venue: str) -> None:
    run(checks_signatures(venue))


# --- the node -------------------------------------------------------------------------------------


async def trades(venue: str, journal: Path, seconds: float, one_in: int, kills: int) -> None:
    served = await Served.start(venue, 7, rough(one_in) if one_in else ())
    running = Running.begin(served, journal)
    for _ in range(kills):
        await running.last(seconds / (kills + 1))
        await running.die()
        running = Running.begin(served, journal)
    await running.last(seconds / (kills + 1))
    served.world.heal()
    running.node.rest()
    await running.converge()
    placed = [
        decode_effect(record.body)
        for record in running.store.records()
        if record.name == "PlaceOrder"
    ]
    asked = {each.client_order_id for each in placed if isinstance(each, PlaceOrder)}
    tickets = served.world.sites[venue].venue.exchange.tickets.values()
    ours = [each.client_id for each in tickets if each.client_id]
    assert len(ours) > 20, "it traded"
    assert set(ours) <= asked, "the venue has no order that the journal does not hold"
    assert len(set(ours)) == len(ours), "no order was taken twice"
    books = dict(running.node.node.state.holdings)
    await running.die()
    await served.server.stop()
    replayed = replay(journal)
    assert (replayed.differences, replayed.state.holdings) == ((), books)


@pytest.mark.parametrize("venue", VENUES)
def test_its_books_are_the_venue_s_where_nothing_fails(venue: str, tmp_path: Path) -> None:
    run(trades(venue, tmp_path / "journal.db", 8, 0, 0))


@pytest.mark.parametrize("venue", VENUES)
def test_its_books_are_the_venue_s_after_every_fault_and_kill(venue: str, tmp_path: Path) -> None:
    run(trades(venue, tmp_path / "journal.db", 30, 15, 3))
