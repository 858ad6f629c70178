"""A live node over a served venue, and who looks after it: real sockets, real books."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

pytest.importorskip("ccxt.pro", reason="the extra `live` is not installed")
pytest.importorskip("trustme", reason="the extra `live` is not installed")
pytest.importorskip("prometheus_client", reason="the extra `live` is not installed")

from aiohttp import ClientSession, web

from core.effects import RaiseAlert
from core.events import NodeStarted
from core.journal import Journal
from core.state import State
from sim.memory_store import MemoryStore
from tests.live import Running, Served
from tests.test_metrics import Samples, parsed
from tieout.journals.sqlite_store import SqliteStore
from tieout.live import LiveNode, Way
from tieout.watching.alert_book import Book
from tieout.watching.logs import Log
from tieout.watching.watch_files import AlertsSpec, MetricsSpec
from tieout.watching.watcher import SECOND, Watching
from tieout.wire.fronts import WAYS
from venues.live import Live

VENUE = "okx_swap"


async def until(holds: Callable[[], Awaitable[bool]], seconds: float = 40.0) -> None:
    """Wait for it; it has to come."""
    end = time.monotonic() + seconds
    while not await holds():
        assert time.monotonic() < end, "it did not come"
        await asyncio.sleep(0.2)


async def hears(told: list[dict[str, object]]) -> tuple[web.AppRunner, int]:
    """Somebody who takes webhooks."""

    async def take(request: web.Request) -> web.Response:
        told.append(json.loads(await request.read()))
        return web.Response(status=204)

    app = web.Application()
    app.add_routes([web.post("/", take)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, runner.addresses[0][1]


def alerts(port: int) -> AlertsSpec:
    hook = {"name": "desk", "webhook": f"http://127.0.0.1:{port}/", "secret": "env:S"}
    return AlertsSpec.model_validate({"channels": [{**hook, "heartbeat_s": 1}]})


async def watched(folder: Path) -> tuple[list[dict[str, object]], list[Samples], str]:
    told: list[dict[str, object]] = []
    receiver, port = await hears(told)
    served = await Served.start(VENUE, 5)
    client, spec = served.session(), served.world.sites[VENUE].spec
    live = Live(served.exchange(client), WAYS[VENUE], client, time.time_ns)
    store, out = SqliteStore(folder / "a.db"), io.StringIO()
    watching = Watching(
        "tie",
        store,
        alerts=alerts(port),
        metrics=MetricsSpec(port=0),
        book=folder / "a.db.alerts",
        secret=lambda reference: "x",
    )
    watching.log = watching.say = Log("tie", lambda: store.last()[0], time.time_ns, out=out)
    symbols = tuple(each.symbol for each in spec.instruments)
    ways = [Way(spec, live, live.open_public(symbols))]
    node = LiveNode("tie", watching.store, ways, clock=time.time_ns)
    running = Running(served, store, node, live, client)
    seen: list[Samples] = []

    async def scrape() -> Samples:
        async with ClientSession() as outside:
            url = f"http://127.0.0.1:{watching.port}/metrics"
            async with outside.get(url) as answer:
                seen.append(parsed(await answer.text()))
        return seen[-1]

    async def up() -> bool:
        return (await scrape()).get(("tieout_stream_up", (("account", f"{VENUE}/main"),))) == 1

    async def cut_off() -> bool:
        return any(each["change"] == "raised" for each in told)

    async with watching.over(lambda: node.node.state):
        running.task = asyncio.create_task(node.run())
        await until(up)
        await served.server.stop()  # the venue is gone
        watching.alert("venue", "critical", "the venue is in maintenance")
        await until(cut_off)
        await scrape()
    await running.die()
    await receiver.cleanup()
    return told, seen, out.getvalue()


def test_people_and_prometheus_see_a_live_node_lose_its_venue(tmp_path: Path) -> None:
    told, seen, said = asyncio.run(asyncio.wait_for(watched(tmp_path), 120))
    raised = [each for each in told if each["change"] == "raised"]
    assert {"venue"} <= {each["subject"] for each in raised}
    beats = [each for each in told if each["change"] == "heartbeat"]
    assert beats
    assert beats[-1]["healthy"] is True
    first, last = seen[0], seen[-1]
    assert last["tieout_journal_position", ()] > 10
    assert last["tieout_journal_commit_seconds_count", ()] > 3
    states = ("open", "exits_only", "closed")  # the node itself may have closed entries by then
    account = ("account", f"{VENUE}/main")
    gate = {each: last["tieout_gate_state", (account, ("state", each))] for each in states}
    assert (sum(gate.values()), gate["closed"]) == (1, 0)
    assert first.keys() <= last.keys()
    lines = [json.loads(line) for line in said.splitlines()]
    assert {"node started", "stream opened", "alert raised"} <= {each["event"] for each in lines}
    positions = [each["position"] for each in lines if each["event"] != "alert raised"]
    assert positions == sorted(positions)
    assert all(isinstance(each["position"], int) for each in lines)
    standing = [each.subject for each in Book(tmp_path / "a.db.alerts").standing()]
    # The node itself may have closed entries there by then.
    assert set(standing) - {f"{VENUE}/main"} == {"venue"}


def test_who_looks_on_ends_nothing_whatever_befalls_him(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look on the way of a commit that breaks is said; the commit stands."""
    out = io.StringIO()
    watching = Watching("tie", MemoryStore())
    watching.log = Log("tie", lambda: 1, lambda: 0, out=out)

    def breaks(group: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(watching.metrics, "took", breaks)
    journal = Journal(watching.store)
    journal.event(NodeStarted(received_at=1, node="tie", epoch=1))
    journal.commit()
    assert watching.store.last()[0] == 1
    assert json.loads(out.getvalue())["error"] == "ZeroDivisionError"


def test_a_node_that_ends_of_an_error_is_told_of_by_its_last_act(tmp_path: Path) -> None:
    told: list[dict[str, object]] = []

    async def lives() -> None:
        receiver, port = await hears(told)
        watching = Watching(
            "tie", MemoryStore(), alerts=alerts(port), book=tmp_path / "b", secret=lambda name: "x"
        )
        with pytest.raises(ZeroDivisionError):
            async with watching.over(State):
                raise ZeroDivisionError
        await receiver.cleanup()

    asyncio.run(asyncio.wait_for(lives(), 30))
    (raised,) = [each for each in told if each["change"] == "raised"]
    assert (raised["severity"], raised["text"]) == ("critical", "the node ended: ZeroDivisionError")


def test_what_the_journal_asked_for_is_told_once_though_who_performs_it_tells_it_too(
    tmp_path: Path,
) -> None:
    told: list[dict[str, object]] = []

    async def lives() -> None:
        receiver, port = await hears(told)
        watching = Watching("tie", MemoryStore(), alerts=alerts(port), secret=lambda name: "x")
        async with watching.over(State):
            journal = Journal(watching.store)
            number = journal.event(NodeStarted(received_at=1, node="tie", epoch=1))
            asked = RaiseAlert(severity="critical", subject="a", text="a thing")
            journal.effect(asked, number, 1)
            journal.commit()
            watching.alert(asked.subject, asked.severity, asked.text)
            assert watching.desk is not None
            assert [each.times for each in watching.desk.book.standing()] == [1]
            journal.event(NodeStarted(received_at=2, node="tie", epoch=2))
            journal.commit()
            watching.alert(asked.subject, asked.severity, asked.text)
            assert [each.times for each in watching.desk.book.standing()] == [2]
        await receiver.cleanup()

    asyncio.run(asyncio.wait_for(lives(), 30))
    assert sum(each["change"] == "raised" for each in told) == 1


def test_a_node_is_healthy_while_it_adopts_and_is_not_when_its_journal_lags() -> None:
    """Before its first commit an account is adopted, which takes as long as it takes."""
    now = [5 * SECOND]
    watching = Watching("tie", MemoryStore(), clock=lambda: now[0])
    journal = Journal(watching.store)
    journal.event(NodeStarted(received_at=now[0], node="tie", epoch=1))
    now[0] += 60 * SECOND
    assert watching.alive()["healthy"] is True
    journal.commit()
    journal.event(NodeStarted(received_at=now[0], node="tie", epoch=2))
    now[0] += 2 * SECOND - 1
    assert watching.alive()["healthy"] is True
    now[0] += 1
    assert watching.alive()["healthy"] is False
    journal.commit()
    assert watching.alive()["healthy"] is True


def test_what_a_library_and_a_lost_task_say_goes_by_the_log_without_their_words(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Else they would be on stderr by themselves, and what they were handed with them."""
    planted, out = "sk-live-0123", io.StringIO()

    async def lives() -> None:
        watching = Watching("tie", MemoryStore())
        watching.log = Log("tie", lambda: 1, lambda: 0, out=out)
        async with watching.over(State):
            logging.getLogger("aiohttp.client").warning("GET /?key=%s", planted)
            asyncio.get_running_loop().call_soon(int, planted)
            await asyncio.sleep(0.05)

    asyncio.run(lives())
    library, failed = (json.loads(line) for line in out.getvalue().splitlines()[:2])
    assert library["library"] == "aiohttp.client"
    assert (failed["event"], failed["error"]) == ("task failed", "ValueError")
    assert planted not in out.getvalue() + "".join(capsys.readouterr())
