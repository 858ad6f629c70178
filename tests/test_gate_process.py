"""Gates in processes of their own: what holds in one process holds over socket and stream."""

from __future__ import annotations

import asyncio
import random
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from msgspec.structs import replace
from nats.aio.msg import Msg

from core.effects import TellStrategy
from core.events import CancelRequested, OrderRequested
from core.journal import decode_event
from core.leases import committed
from core.money import price
from core.risk_effects import AcknowledgeReturn
from core.risk_events import Ticket
from tests import gate_world
from tests.facts import MS, PERP
from tests.gate_world import NatsServer, ProcessWorld, served, wait_for
from tests.leasing import GATES, HEARTBEAT, LIMITS, LOT, TTL, Leasing, uses_of
from tests.planting import plant
from tieout.gates import lease_stream, order_socket
from tieout.gates.gate_process import NO_NODE
from tieout.gates.gate_server import DURABLE
from tieout.gates.order_socket import FRAME_BYTES_MAX, GateConnected, framed
from tieout.journals.replay import replay
from tieout.journals.sqlite_store import JournalFull

LINE = "firm/long"


@pytest.fixture(scope="module")
def nats_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    yield from served(tmp_path_factory.mktemp("nats"))


@pytest.fixture
def world(tmp_path: Path, nats_server: NatsServer) -> Iterator[ProcessWorld]:
    made = ProcessWorld(tmp_path, nats_server)
    yield made
    made.close()


# --- one table of claims, over lists and over processes ------------------------------------------


def beat(world: Leasing, beats: int = 3) -> None:
    """A while in which every gate asks and is answered."""
    for _ in range(beats):
        for name in GATES:
            world.heartbeat(name)
        world.exchange()
        world.wait(HEARTBEAT // 2)


def sums(world: Leasing, line: str = LINE) -> tuple[int, int]:
    known = world.node.state.risk.lines[line]
    return known.reserved, known.exposure


def hear_all(world: Leasing) -> None:
    world.hear_venue(len(world.from_venue))
    world.commit()


def orders_pass_up_to_the_limit_and_no_further(world: Leasing) -> None:
    for name in GATES:
        assert world.passes(name, "buy", 3)
    assert not world.passes("a", "buy", 2, beats=3)
    assert world.passes("a", "buy", 1)
    assert not world.passes("b", "buy", 1, beats=3)
    assert world.passes("b", "sell", 2)
    assert not world.passes("c", "sell", 1, beats=3), "gross nets nothing"
    world.exchange()
    assert len(world.venue) == 5


def what_fills_is_exposed_and_reserved_no_more(world: Leasing) -> None:
    assert world.passes("a", "buy", 4)
    beat(world)
    world.venue_fill(next(iter(world.venue)), 3)
    hear_all(world)
    assert sums(world) == (1, 3)
    assert sums(world, "firm/short") == (0, -3)
    assert not world.passes("a", "buy", 3, beats=3)
    assert world.passes("a", "buy", 2)


def a_gate_that_was_killed_gets_an_epoch_of_its_own_and_its_orders_stay_reserved(
    world: Leasing,
) -> None:
    assert world.passes("a", "buy", 4)
    beat(world)
    old = world.node.state.risk.gates["a"]
    world.restart("a")
    beat(world)
    risk = world.node.state.risk
    assert risk.gates["a"] > old
    assert (risk.epochs[old].status, sums(world)) == ("fenced", (4, 0))
    assert not world.passes("a", "buy", 3, beats=3)
    assert world.passes("a", "buy", 2)
    for name in list(world.venue):
        world.venue_fill(name, 4)
    hear_all(world)
    assert old not in risk.epochs, "forgotten with its last order"


def a_gate_that_was_fenced_begins_anew(world: Leasing) -> None:
    assert world.passes("b", "sell", 3)
    beat(world)
    old = world.node.state.risk.gates["b"]
    world.fence("b")
    world.commit()
    beat(world)
    assert world.node.state.risk.gates["b"] > old
    assert world.passes("b", "sell", 3)
    assert not world.passes("b", "sell", 1, beats=3)


def a_node_that_died_knows_what_it_lent(world: Leasing) -> None:
    assert world.passes("a", "buy", 4)
    beat(world)
    epochs = dict(world.node.state.risk.gates)
    for name in GATES:
        world.heartbeat(name, 2)
    world.exchange()
    world.crash(after_commit=True)
    assert sums(world) == (4, 0)
    beat(world)
    hear_all(world)
    assert world.node.state.risk.gates == epochs, "a lease outlives the node"
    assert not world.passes("a", "buy", 3, beats=3)
    assert world.passes("b", "buy", 3)
    assert not world.passes("c", "buy", 4, beats=3)


def what_a_node_forgot_it_never_did(world: Leasing) -> None:
    """It dies before the commit: no order of the lost group was sent, and none is sent twice."""
    assert world.passes("a", "buy", 4)
    world.crash(after_commit=False)
    beat(world)
    hear_all(world)
    world.void("a")  # in one process the test says when; a process gives up by itself
    beat(world, 6)
    open_now = sum(each.lots for each in world.venue.values())
    assert committed(world.node.state, LINE) in (open_now, 4)
    assert world.passes("b", "buy", 6)


def a_node_that_stalls_closes_its_gates_when_their_leases_end(world: Leasing) -> None:
    for name in GATES:
        world.heartbeat(name, 2)
    world.exchange()
    assert world.order("a", "buy", 1), "lent, and fresh"
    if isinstance(world, ProcessWorld):
        time.sleep(world.ends / 1e9)  # its loop runs only while the test waits
        assert {world.phase(name) for name in GATES} == {"closed"}
    else:
        world.wait(TTL)
    assert not world.order("a", "buy", 1)
    assert not world.order("b", "buy", 1)
    assert world.passes("b", "buy", 1, beats=20), "and open them again"


CLAIMS: tuple[Callable[[Leasing], None], ...] = (
    orders_pass_up_to_the_limit_and_no_further,
    what_fills_is_exposed_and_reserved_no_more,
    a_gate_that_was_killed_gets_an_epoch_of_its_own_and_its_orders_stay_reserved,
    a_gate_that_was_fenced_begins_anew,
    a_node_that_died_knows_what_it_lent,
    what_a_node_forgot_it_never_did,
    a_node_that_stalls_closes_its_gates_when_their_leases_end,
)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.__name__)
def test_in_one_process(claim: Callable[[Leasing], None]) -> None:
    world = Leasing()
    beat(world)
    claim(world)
    world.check()


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.__name__)
def test_in_processes(claim: Callable[[Leasing], None], world: ProcessWorld) -> None:
    claim(world)
    world.check()
    world.settle()
    world.check()
    assert not world.process.counts["decided otherwise"]


# --- what only processes can suffer --------------------------------------------------------------


async def withheld(message: Msg) -> None:
    """In the place of an acknowledgement."""


def test_what_is_not_acknowledged_comes_again_and_changes_nothing(
    world: ProcessWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The node acknowledges nothing for a while: the stream tells all of it again."""
    assert world.passes("a", "buy", 3)
    world.exchange()
    late = world.node.state.counts.get("late_lease_requests", 0)
    monkeypatch.setattr(Msg, "ack", withheld)
    world.until(lambda: world.node.state.counts.get("late_lease_requests", 0) > late + 3)
    assert sums(world) == (3, 0)
    assert world.passes("b", "buy", 4)
    world.check()


def test_what_was_told_is_acknowledged_after_its_commit_and_not_before(
    world: ProcessWorld,
) -> None:
    async def unacknowledged() -> int:
        jetstream = world.client.jetstream()
        told = await jetstream.consumer_info(f"{world.deployment}_leases", DURABLE)
        return told.num_ack_pending or 0

    world.process.loop.group_wait_s = 5 * world.beat / 1e9
    world.commit()
    world.until(lambda: bool(world.process.gates._uncommitted))
    asked = world.do(unacknowledged())
    assert asked > 0
    world.process.loop.group_wait_s = 0.0
    for name in GATES:
        world.children[name].ask("mute")
    world.until(lambda: world.do(unacknowledged()) == 0)


def test_what_was_committed_and_not_acknowledged_is_told_to_the_next_life(
    world: ProcessWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The acknowledgement was lost with the node: the same grant again, and no more."""
    real = Msg.ack
    monkeypatch.setattr(Msg, "ack", withheld)
    beat(world)
    monkeypatch.setattr(Msg, "ack", real)
    late = world.node.state.counts.get("late_lease_requests", 0)
    world.crash(after_commit=True)
    world.until(lambda: world.node.state.counts.get("late_lease_requests", 0) > late)
    assert world.passes("a", "buy", 6)
    assert not world.passes("b", "buy", 5, beats=3)
    world.check()


def test_a_return_is_told_until_it_is_acknowledged(world: ProcessWorld) -> None:
    """Its acknowledgement is lost twice. What it spent stays counted, the rest is free."""
    assert world.passes("a", "buy", 2)
    world.heartbeat("a", 5)
    world.exchange()
    stream: Any = world.process.gates._leases
    say, lost = stream.tell, []

    def losing(subject: str, message: Any) -> None:
        if isinstance(message, AcknowledgeReturn) and len(lost) < 2:
            lost.append(message)
        else:
            say(subject, message)

    stream.tell = losing
    left = world.loop.run_in_executor(None, world.children["a"].ask, "leave")
    world.until(left.done)
    assert left.result() == "closed"
    assert len(lost) == 2
    assert committed(world.node.state, LINE) == 2
    assert not world.order("a", "buy", 1)


@pytest.mark.parametrize("how", ["the stream is gone", "its messages are gone"])
def test_a_wiped_stream_is_made_anew_and_forgets_no_order(world: ProcessWorld, how: str) -> None:
    assert world.passes("a", "buy", 3)
    for name in GATES:
        world.heartbeat(name, 2)
    world.exchange()
    epochs = dict(world.node.state.risk.gates)
    if how == "the stream is gone":
        world.wipe_stream()
    else:
        world.do(world.client.jetstream().purge_stream(f"{world.deployment}_leases"))
    beat(world, 6)
    assert world.node.state.risk.gates == epochs
    assert sums(world) == (3, 0)
    assert world.passes("b", "buy", 6)
    assert not world.passes("c", "buy", 2, beats=3)
    world.check()


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[NatsServer]:
    """One that the test may kill."""
    yield from served(tmp_path / "nats")


def test_without_a_server_gates_close_when_their_leases_end_and_orders_still_come(
    own_server: NatsServer, tmp_path: Path
) -> None:
    """The socket needs no stream: what is lent may be spent, and nothing after its end."""
    world = ProcessWorld(tmp_path, own_server)
    try:
        for name in GATES:
            world.heartbeat(name, 3)
        world.exchange()
        own_server.kill()
        assert world.order("a", "buy", 1)
        world.until(lambda: len(world.venue) == 1)
        world.run_for(world.ends)
        assert {world.phase(name) for name in GATES} == {"closed"}
        own_server.start()
        world.until(lambda: world.phase("a") == "open")
        assert world.passes("b", "buy", 3)
        world.check()
    finally:
        world.close()


def test_without_a_node_nothing_passes_and_nothing_is_spent(world: ProcessWorld) -> None:
    for name in GATES:
        world.heartbeat(name, 3)
    world.exchange()
    world.stop()
    wait_for(lambda: world.children["a"].ask("node") == "gone")
    assert world.children["a"].ask("order buy 1") == str(NO_NODE)
    assert world.children["a"].ask("usage") == "0"


def test_a_gate_that_is_parted_from_the_stream_closes_and_the_others_trade_on(
    world: ProcessWorld,
) -> None:
    for name in GATES:
        world.heartbeat(name, 3)
    world.exchange()
    world.children["a"].ask("mute")
    world.run_for(world.ends + world.beat)
    assert world.phase("a") == "closed"
    world.until(lambda: world.phase("b") == "open")
    assert not world.order("a", "buy", 1)
    assert committed(world.node.state, LINE) >= 3, "what it might hold is free for nobody"
    world.children["a"].ask("speak")
    world.until(lambda: world.phase("a") == "open")
    world.check()


def test_an_order_that_was_lost_with_its_connection_is_given_up_and_never_sent(
    world: ProcessWorld,
) -> None:
    """The node dies with the order told and not committed; the gate's word gives it up."""
    for name in GATES:
        world.heartbeat(name, 3)
    world.exchange()
    assert world.order("a", "buy", 3)
    world.crash(after_commit=False)
    if not world.venue:  # it was not taken in, and mostly it is not
        assert sums(world) == (0, 0)
        world.until(lambda: _names(world).count("TicketVoided") == 1)
    beat(world)
    assert len(world.venue) == _names(world).count("OrderRequested")
    world.check()


def _names(world: ProcessWorld) -> list[str]:
    return [record.name for record in world.disk.records()]


# --- a process that lies -------------------------------------------------------------------------


def test_a_ticket_of_the_life_before_is_refused(world: ProcessWorld) -> None:
    """A message of a killed process that comes late, over a connection of its own."""
    assert world.passes("a", "buy", 2)
    beat(world)
    taken = _wishes(world)[-1]
    assert taken.ticket is not None
    world.restart("a")
    beat(world)
    late = replace(taken, ticket=replace(taken.ticket, sequence=taken.ticket.sequence + 1))
    with _said(world, framed(GateConnected("a")), framed(late)):
        world.until(lambda: world.node.state.counts.get("refused/GATE_FENCED") == 1)
    assert len(world.venue) == 1


def test_an_order_that_is_told_twice_is_one_order(world: ProcessWorld) -> None:
    assert world.passes("a", "buy", 2)
    beat(world)
    with _said(world, framed(GateConnected("a")), framed(_wishes(world)[-1])):
        world.until(lambda: world.node.state.counts.get("tickets_told_twice") == 1)
    assert len(world.venue) == 1


def test_a_gate_that_lets_pass_what_its_lease_does_not_is_fenced_before_the_order_is_taken(
    world: ProcessWorld,
) -> None:
    assert world.passes("a", "buy", 1)
    world.exchange()
    assert world.children["a"].ask("forge 2") == "0"
    world.until(lambda: world.process.counts["decided otherwise"] == 1)
    world.until(lambda: world.node.state.counts.get("refused/GATE_FENCED") == 1)
    assert len(world.venue) == 1
    world.check()


def _wishes(world: ProcessWorld) -> list[OrderRequested]:
    told = [decode_event(each.body) for each in world.disk.records() if each.kind == "event"]
    return [each for each in told if isinstance(each, OrderRequested)]


@contextmanager
def _said(world: ProcessWorld, *frames: bytes) -> Iterator[asyncio.StreamReader]:
    """Over a connection of its own, which stands meanwhile."""
    reader, writer = world.do(asyncio.open_unix_connection(world.socket))
    writer.write(b"".join(frames))
    try:
        yield reader
    finally:
        writer.close()


def _hung_up_on(world: ProcessWorld, *frames: bytes) -> bytes:
    """What is heard until the node hangs up; it has to come to that."""
    with _said(world, *frames) as reader:
        heard: bytes = world.do(asyncio.wait_for(reader.read(), gate_world.PATIENCE_S))
        return heard


def a_wish(**terms: Any) -> OrderRequested:
    usual = OrderRequested(
        received_at=0,
        strategy="a",
        reference="1",
        account=PERP,
        instrument="BTC-PERP",
        side="buy",
        quantity=LOT,
        kind="market",
        ticket=Ticket("a", 1, 1, uses_of("a", "buy", 1)),
    )
    return replace(usual, **terms)


HELLO = framed(GateConnected("a"))


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ((b"\0\0\0\0",), "a frame of 0 bytes"),
        ((HELLO, (FRAME_BYTES_MAX + 1).to_bytes(4, "big")), "a frame of 65537 bytes"),
        ((b"GET / HTTP/1.1\r\n\r\n",), "a frame of 1195725856 bytes"),
        ((HELLO, b"\0\0\0\3abc"), "Expected `object`, got `int`"),
        ((framed(GateConnected("z")),), "no gate of ours"),
        ((framed(a_wish()),), "no gate of ours"),
        ((HELLO, framed(a_wish(ticket=None))), "an order without its gate's ticket"),
        ((HELLO, framed(a_wish(strategy="b"))), "not for this process to say"),
        (
            (HELLO, framed(a_wish(ticket=Ticket("b", 1, 1, ())))),
            "an order without its gate's ticket",
        ),
        (
            (HELLO, framed(CancelRequested(received_at=0, strategy="b", client_order_id="x"))),
            "not for this process to say",
        ),
        ((HELLO, HELLO), "not for this process to say"),
    ],
)
def test_who_says_what_it_may_not_is_hung_up_on_and_nothing_of_it_is_booked(
    quiet: ProcessWorld, said: tuple[bytes, ...], why: str
) -> None:
    before = _names(quiet).count("OrderRequested")
    key = f"hung up: {why}"
    times = quiet.process.counts[key]
    assert _hung_up_on(quiet, *said) == b"", "it hears nothing"
    assert quiet.process.counts[key] == times + 1, quiet.process.counts
    assert _names(quiet).count("OrderRequested") == before


@pytest.fixture(scope="module")
def quiet(
    tmp_path_factory: pytest.TempPathFactory, nats_server: NatsServer
) -> Iterator[ProcessWorld]:
    """One world for all that must leave no trace in it."""
    made = ProcessWorld(tmp_path_factory.mktemp("quiet"), nats_server)
    yield made
    made.close()


def test_half_a_frame_at_the_end_of_a_connection_is_nothing(quiet: ProcessWorld) -> None:
    async def cut() -> None:
        _, writer = await asyncio.open_unix_connection(quiet.socket)
        writer.write(HELLO + framed(a_wish())[:-1])
        await writer.drain()
        writer.close()

    quiet.do(cut())
    quiet.run_for(50 * MS)
    assert "OrderRequested" not in _names(quiet)


def test_a_gate_that_speaks_for_another_on_the_stream_is_not_read(quiet: ProcessWorld) -> None:
    """A subject is one gate's: so a server can be told who may write to it."""
    start = quiet.node.state.risk.boots["b"]
    stream: Any = quiet.process.gates._leases
    told = {"gate": "b", "boot": start + 1, "received_at": 0, "type": "GateStarted"}
    subject = lease_stream.to_node(quiet.deployment, "a")
    quiet.do(quiet.client.jetstream().publish(subject, lease_stream._encoder.encode(told)))
    quiet.do(quiet.client.jetstream().publish(subject, b"\xff"))
    quiet.until(lambda: quiet.process.counts["not read"] == 2)
    assert quiet.node.state.risk.boots["b"] == start
    assert stream.untold == 0


def test_the_socket_is_ours_alone(quiet: ProcessWorld) -> None:
    """Whoever may open it may trade."""
    assert stat.S_IMODE(quiet.socket.stat().st_mode) == 0o600
    assert stat.S_ISSOCK(quiet.socket.stat().st_mode)


# --- orders that are refused where they come in ---------------------------------------------------


async def _refused(world: ProcessWorld) -> str:
    """Why an order is refused, as its process hears it."""
    reader, writer = await asyncio.open_unix_connection(world.socket)
    writer.write(HELLO + framed(a_wish()))
    try:
        told = order_socket.told
        while (heard := await asyncio.wait_for(told(reader), gate_world.PATIENCE_S)) is not None:
            if isinstance(heard.what, TellStrategy):
                return heard.what.reason
    finally:
        writer.close()
    return "hung up"


def test_while_the_node_rests_an_order_is_refused_and_no_journal_has_it(
    world: ProcessWorld,
) -> None:
    world.process.gates.resting = True
    assert world.do(_refused(world)) == "RESTING"
    world.commit()
    assert "OrderRequested" not in _names(world)
    world.process.gates.resting = False
    assert world.passes("b", "buy", 1)


def test_a_full_journal_takes_no_order_and_what_was_told_comes_again_once_there_is_room(
    world: ProcessWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full() -> None:
        raise JournalFull("no room")

    monkeypatch.setattr(world.node, "commit", full)
    world.until(lambda: world.process.loop.held)
    asked, unheard = world._asked("b"), len(world.process.gates._uncommitted)
    assert world.do(_refused(world)) == "JOURNAL_FULL"
    world.run_for(3 * world.beat)
    assert (world._asked("b"), len(world.process.gates._uncommitted)) == (asked, unheard)
    monkeypatch.undo()
    world.until(lambda: not world.process.loop.held)
    world.until(lambda: world.phase("b") == "open")
    assert world.passes("b", "buy", 1)
    world.exchange()
    assert _names(world).count("OrderRequested") == 1
    world.check()


# --- orders wait for their commit, cancels do not ------------------------------------------------


def test_an_order_waits_for_its_commit_and_a_cancel_does_not(world: ProcessWorld) -> None:
    assert world.passes("a", "buy", 2)
    world.until(lambda: len(world.venue) == 1)
    (name,) = world.venue
    world.heartbeat("b", 2)
    world.exchange()
    world.process.loop.group_wait_s = 10 * world.beat / 1e9
    world.commit()
    assert world.order("b", "buy", 1)
    assert world.children["a"].ask(f"cancel {name}") == "True"
    world.until(lambda: not world.venue[name].is_open)
    assert _names(world).count("CancelRequested") == 0, "its group is not durable yet"
    assert len(world.venue) == 1, "so the order has not left"
    world.until(lambda: len(world.venue) == 2)
    assert _names(world).count("OrderRequested") == 2


# --- the record ----------------------------------------------------------------------------------


def test_an_order_carries_what_it_was_decided_on_and_a_replay_decides_the_same(
    world: ProcessWorld,
) -> None:
    assert world.passes("a", "buy", 2)
    world.until(lambda: world.children["a"].ask("told") == "in_flight")
    assert world.passes("a", "sell", 1)
    world.exchange()
    first, second = (each.ticket for each in _wishes(world))
    assert first is not None
    assert second is not None
    assert (first.sequence, second.sequence) == (1, 2)
    assert 0 < first.lease <= second.lease
    assert 0 < first.now < second.now
    heard = _names(world)[second.heard - 1]
    assert first.heard < second.heard, heard
    world.commit()
    found = replay(world.disk)
    assert found.differences == ()
    assert found.events > 10


# --- a strategy ----------------------------------------------------------------------------------


def test_a_strategy_of_the_catalogue_trades_in_a_process_of_its_own(world: ProcessWorld) -> None:
    """The taker, as in simulation; it would go far beyond what its limits let it hold."""
    world.replace("a", "strategy_child")
    held: list[int] = []

    def traded() -> bool:
        """Whatever is at the venue is filled, and told; the engine counts gross anew."""
        for name, placed in world.venue.items():
            if placed.is_open:
                world.venue_fill(name, placed.lots)
        world.hear_venue(len(world.from_venue))
        world.recount()
        held.append(world.position("a"))
        world.check()
        return len(world.venue) > 20 and len(dict.fromkeys(held)) > 3

    world.until(traded)
    assert max(map(abs, held)) <= LIMITS["strategy/a/long"]
    wishes = _wishes(world)
    assert {each.ticket.price for each in wishes if each.ticket} <= {price("99"), price("101")}
    world.commit()
    assert replay(world.disk).differences == ()


def test_a_process_that_connects_is_told_what_its_strategy_holds(world: ProcessWorld) -> None:
    """After its own death as after the node's; the fill it never heard of is in it."""
    assert world.passes("a", "buy", 3)
    world.until(lambda: len(world.venue) == 1)
    assert world.children["a"].ask("position") == "nothing told"
    world.children["a"].kill()
    world.venue_fill(next(iter(world.venue)), 3)
    hear_all(world)
    world.restart("a")
    world.until(lambda: world.children["a"].ask("position") == "3")
    assert world.children["b"].ask("position") == "nothing told"
    world.passes("b", "sell", 1)
    world.until(lambda: len(world.venue) == 2)
    world.venue_fill(list(world.venue)[1], 1)
    hear_all(world)
    world.crash(after_commit=False)
    world.until(lambda: world.children["b"].ask("position") == "-1")


# --- a storm -------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [1, 2])
def test_a_storm_overdraws_nothing(world: ProcessWorld, seed: int) -> None:
    """Anything, again and again: the sums hold after every step, and orders passed."""
    dice = random.Random(seed)  # noqa: S311
    passed = 0
    for _ in range(60):
        name, index = dice.choice(GATES), dice.randrange(8)
        names = list(world.venue)
        one = names[-1 - index % len(names)] if names else ""
        match dice.choices(range(9), (12, 30, 14, 8, 16, 2, 2, 1, 1))[0]:
            case 0:
                world.heartbeat(name, dice.randint(0, 6))
            case 1:
                passed += world.order(name, dice.choice(("buy", "buy", "sell")), dice.randint(1, 3))
            case 2 if one:
                world.venue_fill(one, dice.randint(1, 3))
            case 3 if one:
                world.venue_cancel(one)
            case 4:
                world.hear_venue(dice.randint(1, 3))
            case 5:
                world.restart(name)
            case 6:
                world.fence(name)
            case 7:
                world.crash(after_commit=dice.random() < 0.5)
            case 8:
                world.wipe_stream()
            case _:
                pass
        world.run_for(dice.choice((1, 10, 40, 120)) * world.beat // 100)
        world.check()
    world.settle()
    for name in GATES:
        passed += world.passes(name, "sell", 1) or world.passes(name, "buy", 1)
    assert passed > 3, "the storm lets orders through, or it proves nothing"
    world.check()
    assert not world.process.counts["decided otherwise"]
    assert replay(world.disk).differences == ()


# --- planted bugs --------------------------------------------------------------------------------


class Bug(NamedTuple):
    """In `function` the text `old`, which is there once, becomes `new`; then the test goes red."""

    function: str
    old: str
    new: str
    seen_by: Callable[[ProcessWorld], None]


BUGS = (
    Bug(
        "tieout.gates.gate_server:GateServer._hear",
        "self._uncommitted.append(message)",
        "await message.ack()",
        test_what_was_told_is_acknowledged_after_its_commit_and_not_before,
    ),
    Bug(
        "tieout.gates.gate_server:GateServer._decided_again",
        "if wrong and",
        "if False and",
        test_a_gate_that_lets_pass_what_its_lease_does_not_is_fenced_before_the_order_is_taken,
    ),
    Bug(
        "tieout.node.loop:NodeLoop.cancels_now",
        "for effect in self.node.cancels():",
        "for effect in ():",
        test_an_order_waits_for_its_commit_and_a_cancel_does_not,
    ),
    Bug(
        "tieout.gates.gate_server:GateServer._take",
        "if told.ticket is None or told.ticket.gate != gate:",
        "if False:",
        lambda world: test_who_says_what_it_may_not_is_hung_up_on_and_nothing_of_it_is_booked(
            world, (HELLO, framed(a_wish(ticket=None))), "an order without its gate's ticket"
        ),
    ),
    Bug(
        "tieout.gates.lease_stream:LeaseStream._is_there",
        "return False",
        "return True",
        lambda world: test_a_wiped_stream_is_made_anew_and_forgets_no_order(
            world, "the stream is gone"
        ),
    ),
    Bug(
        "core.leases:on_gate_started",
        "if old.boot == event.boot:",
        "if True:",
        a_gate_that_was_killed_gets_an_epoch_of_its_own_and_its_orders_stay_reserved,
    ),
    Bug(
        "core.leases:is_echo",
        "return epoch is not None and (",
        "return epoch is None and (",
        test_an_order_that_is_told_twice_is_one_order,
    ),
)


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: f"{bug.function} {bug.new[:20]}")
def test_a_planted_bug_is_seen(
    bug: Bug, world: ProcessWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch, bug.function, bug.old, bug.new)
    monkeypatch.setattr(gate_world, "PATIENCE_S", 30 * world.beat / 1e9)
    with pytest.raises((AssertionError, KeyError, TimeoutError)):
        bug.seen_by(world)
