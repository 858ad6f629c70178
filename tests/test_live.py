"""The live node over real sockets: the same law as in simulation, by the machine's clock.

The venue is served by `tieout.wire.server`, its client is ccxt as it comes. Nothing leaves the
machine: any other host is nowhere.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ccxt.pro", reason="the extra `live` is not installed")
pytest.importorskip("trustme", reason="the extra `live` is not installed")

from aiohttp import ClientConnectorError
from ccxt import BaseError

from core.effects import CancelOrder, PlaceOrder
from core.events import OpeningSet
from core.journal import decode_effect
from scenarios.model import VenueSpec
from sim.faults import Fault
from sim.world import SECOND
from tests.live import KEY, Running, Served
from tieout.journals.replay import replay
from tieout.journals.verify import verify
from tieout.node import adopting
from tieout.node.adopting import NotAdopted, openings_of
from tieout.node.dialects import DIALECTS
from tieout.wire.fronts import WAYS
from tieout.wire.world import rough
from venues.live import Live
from venues.read_only import Forbidden, settings
from venues.served import Key

# On a machine that has much else to do.
ADOPTED_S_MAX = 60.0
VENUES = ("binance_spot", "binance_usdm", "okx_swap", "bybit_inverse")


def run(test: Coroutine[Any, Any, None], seconds: float = 170) -> None:
    asyncio.run(asyncio.wait_for(test, seconds))


# --- the served venue, and ccxt as anybody uses it ------------------------------------------------


async def standing(spec: VenueSpec, live: Live) -> list[OpeningSet]:
    return await openings_of(spec, live, time.time_ns, lambda: 1, lambda frame: None)


async def checks_signatures(venue: str) -> None:
    served = await Served.start(venue, 1)
    async with served.session() as client:
        right, wrong = served.exchange(client), served.exchange(client, Key(KEY.name, "another"))
        spec = served.world.sites[venue].spec
        assert await standing(spec, Live(right, WAYS[venue], client, time.time_ns))
        with pytest.raises(NotAdopted):
            await standing(spec, Live(wrong, WAYS[venue], client, time.time_ns))
        with pytest.raises(ClientConnectorError):
            await client.get("https://example.org/")
        await right.close()
        await wrong.close()
    await served.server.stop()


@pytest.mark.parametrize("venue", VENUES)
def test_who_signs_wrongly_is_refused_and_nothing_leaves_the_machine(
    venue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adopting, "READS_MAX", 5)
    run(checks_signatures(venue))


# --- the node -------------------------------------------------------------------------------------


async def trades(venue: str, journal: Path, seconds: float, one_in: int, kills: int) -> None:
    served = await Served.start(venue, 7, rough(one_in) if one_in else ())
    running = Running.begin(served, journal)
    await adopted(running)  # a life that ends before that begins anew, and so might each of them
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


async def adopted(running: Running) -> None:
    """Until what stands at its account is in its books."""
    state, until = running.node.node.state, time.monotonic() + ADOPTED_S_MAX
    while not state.accounts and time.monotonic() < until:
        await running.last(0.25)


async def all_trade(folder: Path, seconds: float, one_in: int, kills: int) -> None:
    """Each venue with a node of its own, at once."""
    journals = {venue: folder / f"{venue}.db" for venue in VENUES}
    each = (trades(venue, file, seconds, one_in, kills) for venue, file in journals.items())
    await asyncio.gather(*each)


def test_its_books_are_the_venue_s_where_nothing_fails(tmp_path: Path) -> None:
    run(all_trade(tmp_path, 10, 0, 0))


def test_its_books_are_the_venue_s_after_every_fault_and_kill(tmp_path: Path) -> None:
    """The short form of `make live-proof`: a minute, and five lives that end in the midst of it."""
    run(all_trade(tmp_path, 60, 15, 5), 290)


# --- shadow ---------------------------------------------------------------------------------------

ADOPTED_NS = 6 * SECOND
UNIFIED = {
    "binance_spot": "ETH/USDT",
    "binance_usdm": "ETH/USDT:USDT",
    "okx_swap": "ETH/USDT:USDT",
    "bybit_inverse": "ETH/USD:ETH",
}


async def follows(venue: str, journal: Path) -> None:
    """Somebody else trades on the account; our node reads, and whatever would send is stopped."""
    by_hand = (
        Fault("hand_trade", start_ns=ADOPTED_NS, every_ns=SECOND // 2),
        Fault("hand_trade_untold", start_ns=ADOPTED_NS, every_ns=SECOND),
    )
    served = await Served.start(venue, 3, by_hand)
    running = Running.begin(served, journal, **settings(WAYS[venue].reads))
    running.node.rest()
    await running.last(12)
    exchange = running.live.exchange
    await exchange.load_markets()
    order = (UNIFIED[venue], "market", "buy", 1)
    with pytest.raises(Forbidden):
        await exchange.create_order(*order)
    if exchange.has.get("createOrderWs"):
        with pytest.raises((Forbidden, BaseError)):
            await asyncio.wait_for(exchange.create_order_ws(*order), 3)
    answers: list[tuple[int, bytes]] = []
    effect = CancelOrder(account=f"{venue}/main", instrument="X", client_order_id="x", order_id="")
    asked = DIALECTS[venue].request(effect)
    running.live.send(asked, lambda status, body, headers=(): answers.append((status, body)))
    await running.last(0.5)
    assert answers[0][0] == 0
    assert b"this session can only read" in answers[0][1]
    served.world.heal()
    await running.converge()
    assert running.node.said()["fills"] > 3, "its books followed"
    await running.die()
    sent = [each for each in served.server.asked if not each.startswith(("GET ", "socket "))]
    assert sent in ([], ["POST /fapi/v1/listenKey"]), "nothing but reads came to the socket"
    await served.server.stop()


def test_a_shadow_follows_the_account_and_nothing_of_it_reaches_the_venue(tmp_path: Path) -> None:
    async def all_follow() -> None:
        await asyncio.gather(*(follows(venue, tmp_path / f"{venue}.db") for venue in VENUES))

    run(all_follow())


# --- an instrument that nobody told us of ---------------------------------------------------------


async def learns(folder: Path) -> None:
    """Somebody trades by hand what the deployment does not name: its terms are asked for."""
    by_hand = (Fault("hand_trade", start_ns=ADOPTED_NS, every_ns=SECOND // 2),)
    served = await Served.start("okx_swap", 3, by_hand)
    spec, journal = served.world.sites["okx_swap"].spec, folder / "okx.db"
    first, *others = (each.symbol for each in spec.instruments)
    running = Running.begin(served, journal, symbols=[first])
    running.node.rest()
    state = await running.begun()
    account = state.accounts["okx_swap/main"]
    assert list(account.listings) == [first]
    await running.last(8)
    assert set(others) <= set(account.listings), "it knows what they are"
    served.world.heal()
    await running.converge()
    await running.die()
    assert verify(journal).status == "sound"
    assert not replay(journal).differences
    await served.server.stop()


def test_an_instrument_that_is_traded_by_hand_is_learned_and_its_fills_are_booked(
    tmp_path: Path,
) -> None:
    run(learns(tmp_path))


# --- a position that stands there already ---------------------------------------------------------

BY_HAND = (
    Fault("hand_trade", start_ns=SECOND // 4, every_ns=SECOND // 4),
    Fault("hand_trade_untold", start_ns=SECOND // 4, every_ns=SECOND),
)


async def moves_meanwhile(venue: str, journal: Path) -> None:
    """Somebody trades on the account before the node begins, while it adopts, and after that."""
    served = await Served.start(venue, 5, BY_HAND)
    await asyncio.sleep(4)
    running = Running.begin(served, journal)
    running.node.rest()
    account = f"{venue}/main"
    state = await running.begun()
    assert state.counts.get(f"fills_covered/{account}", 0) > 3, "its record has older fills"
    await running.die()
    running = Running.begin(served, journal)
    running.node.rest()
    await running.last(2)
    served.world.heal()
    await running.converge()
    state = running.node.node.state
    assert state.counts[f"fills_booked/{account}"] > 3, "and newer ones"
    assert state.counts.get(f"breaks/{account}", 0) == 0, "nothing was ever broken"
    await running.die()
    await served.server.stop()


def test_an_account_that_moves_is_adopted_and_nothing_older_is_booked_twice(
    tmp_path: Path,
) -> None:
    async def all_move() -> None:
        await asyncio.gather(
            *(moves_meanwhile(venue, tmp_path / f"{venue}.db") for venue in VENUES)
        )

    run(all_move())
