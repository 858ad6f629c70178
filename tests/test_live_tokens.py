"""A token issued by a live node on anvil: asked for, signed, submitted by its holder, final."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("rails.evm.live", reason="the extra `live` is not installed")
pytest.importorskip("fastapi", reason="the extra `api` is not installed")

from core.effects import Effect
from rails.evm.read_only import READS
from sim.memory_store import MemoryStore
from tests.issuing import ALICE, BOB, FIRST, RELAYER, SECOND
from tests.live_chain import Bench, methods
from tests.planes import TOKEN
from tests.test_token_process import Stubborn, wish
from tests.test_token_serving import AUTHORIZATIONS, asked, body, permission
from tests.test_token_trace import NAME, Chain
from tests.token_child import AnvilNode, Issuer
from tieout.journals.replay import replay
from tieout.journals.sqlite_store import JournalFailed
from tieout.node.loop import NodeLoop
from tieout.tokens.live import LoopHost
from tokens import calls
from tokens.calls import Release
from tokens.http.host import NotTaken
from tokens.typed import Mint


@pytest.fixture
def issuer(tmp_path: Path) -> Iterator[Issuer]:
    bench = Bench(tmp_path)
    try:
        made = Issuer(tmp_path, AnvilNode(bench), bench=bench)
        yield made
        made.end()
    finally:
        bench.stop()


def mint_of(told: dict[str, Any]) -> bytes:
    message = told["message"]
    mint = Mint(
        message["receiver"].lower(),
        int(message["value"]["amount"]),
        message["valid_before"],
        int(message["nonce"]),
        message["epoch"],
        bytes.fromhex(message["policy_hash"][2:]),
    )
    (given,) = (bytes.fromhex(each["signature"][2:]) for each in told["signatures"])
    return calls.mint(mint, given)


def release_of(told: dict[str, Any]) -> bytes:
    given = tuple(bytes.fromhex(each["signature"][2:]) for each in told["signatures"])
    return calls.release([Release(permission(told), given)])


def where(told: dict[str, Any]) -> str:
    return f"{AUTHORIZATIONS}/{told['authorization'].partition('/')[2]}"


def register(issuer: Issuer) -> dict[str, int]:
    rows = issuer.ask("GET", f"/tokens/{TOKEN}/register").json()["holders"]
    return {row["address"].lower(): int(row["final"]["amount"]) for row in rows}


def test_from_a_request_to_the_register_through_kills(issuer: Issuer) -> None:
    """Killed between each two of: signed, submitted, mined, final. Every answer is the same after
    it; the register is what the contract holds, and nothing of the node ever sent anything."""
    issuer.start()
    status, minted = asked(issuer, body("mint", "1000"), "m1")
    assert (status, minted["status"]) == (201, "signed"), minted
    issuer.kill()
    assert issuer.succeeded(issuer.send(RELAYER, mint_of(minted))), "by whoever relays it"
    issuer.start()
    assert asked(issuer, body("mint", "1000"), "m1")[1]["message"] == minted["message"]
    issuer.until(where(minted), ["mined"])
    assert register(issuer).get(ALICE, 0) == 0, "what is not final is nobody's yet"
    issuer.bench.anvil.finalize()
    issuer.until(where(minted), ["final"])

    issuer.freshen()
    status, told = asked(issuer, body(), "t1")
    assert (status, told["status"]) == (201, "signed"), told
    assert [each["signer"].lower() for each in told["signatures"]] == [FIRST, SECOND]
    issuer.kill()
    issuer.start()
    assert asked(issuer, body(), "t1") == (201, told)
    assert issuer.succeeded(issuer.send(ALICE, release_of(told)))
    issuer.until(where(told), ["mined"])
    issuer.kill()
    issuer.bench.anvil.finalize()
    issuer.start()
    issuer.until(where(told), ["final"])

    held = register(issuer)
    assert held == {ALICE: 900, BOB: 100}
    assert held == {who: issuer.held(who) for who in held}
    assert sum(held.values()) == issuer.supply()
    for relay in (issuer.bench.a, issuer.bench.b):
        assert {each for asked_of in relay.asked for each in methods(asked_of)} <= READS
    issuer.kill()
    assert replay(issuer.journal).differences == ()


def test_what_a_reorganisation_takes_back_is_nobody_s(issuer: Issuer) -> None:
    """A mint in a block that gives way is in no register; submitted again, while it is valid, it
    is."""
    issuer.start()
    _, minted = asked(issuer, body("mint", "1000"), "m1")
    call = mint_of(minted)
    assert issuer.succeeded(issuer.send(RELAYER, call))
    issuer.until(where(minted), ["mined"])
    issuer.bench.anvil.reorganise(1)
    issuer.bench.anvil.mine()
    issuer.until(where(minted), ["signed"])
    assert issuer.succeeded(issuer.send(RELAYER, call))
    issuer.bench.anvil.finalize()
    issuer.until(where(minted), ["final"])
    assert register(issuer) == {ALICE: 1000} == {ALICE: issuer.held(ALICE)}


# --- the host, whose disk fails -------------------------------------------------------------------


def beside(store: MemoryStore) -> tuple[NodeLoop, LoopHost, list[Effect]]:
    """The loop of a node whose token was published, and the control plane's host in it."""
    chain, done = Chain(store=store), list[Effect]()

    async def committed() -> None:
        host.committed()

    loop = NodeLoop(chain.node, done.append, clock=lambda: chain.now + 1, committed=committed)
    host = LoopHost(loop)
    return loop, host, done


def test_what_is_told_is_durable_before_anybody_hears() -> None:
    store = Stubborn()
    loop, host, done = beside(store)

    async def story() -> None:
        running = asyncio.create_task(loop.run())
        before = store.last()[0]
        told = [asyncio.create_task(host.tell(wish(f"r{n}"))) for n in range(3)]
        reading = asyncio.create_task(host.state())
        await asyncio.sleep(0)
        assert (store.last()[0], done) == (before, [])
        assert not any(each.done() for each in (*told, reading))
        await asyncio.gather(*told)
        state = await reading
        assert store.last()[0] == loop.node.journal.next_number - 1 > before
        assert state.tokens[NAME].made == 3
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        host.end()
        for late in (host.tell(wish("late")), host.state()):
            with pytest.raises(NotTaken):
                await late

    asyncio.run(story())


def test_a_disk_that_fails_ends_it_and_nobody_is_told_otherwise() -> None:
    store = Stubborn()
    loop, host, done = beside(store)

    async def story() -> None:
        running = asyncio.create_task(loop.run())
        running.add_done_callback(lambda ended: host.end())
        store.fails = True
        told = [asyncio.create_task(host.tell(wish(f"r{n}"))) for n in range(2)]
        reading = asyncio.create_task(host.state())
        found = await asyncio.gather(*told, reading, running, return_exceptions=True)
        assert [type(each) for each in found] == [NotTaken, NotTaken, NotTaken, JournalFailed]
        assert done == []

    asyncio.run(story())


def test_a_disk_that_fails_before_a_reader_ends_the_loop_too() -> None:
    """Whoever reads may commit for himself: what broke then is the loop's end."""
    store = Stubborn()
    loop, host, _ = beside(store)

    async def story() -> None:
        running = asyncio.create_task(loop.run())
        reading = asyncio.create_task(host.state())
        await host.tell(wish("r0"))
        loop.deliver(wish("r1"))  # after the group that a reader waits for
        store.fails = True
        with pytest.raises(NotTaken):
            await host._commit_now()
        store.fails = False  # nobody knows what the disk has by now, whatever it takes from here on
        with pytest.raises(JournalFailed):
            await asyncio.wait_for(running, 5)
        reading.cancel()

    asyncio.run(story())


# --- a journal without room -----------------------------------------------------------------------


class Full:
    """A loop whose journal took a group, and takes no more."""

    def __init__(self) -> None:
        self.held, self.commits, self.waits = False, 0, True
        self.node = SimpleNamespace(state="the state")

    async def commit(self) -> None:
        self.commits += 1
        assert self.commits < 10, "it is asked again and again, and nobody else has a turn"
        self.held = True


def test_who_reads_while_the_journal_has_no_room_lets_all_others_live() -> None:
    async def test() -> None:
        loop: Any = Full()
        host = LoopHost(loop)
        reading = asyncio.create_task(host.state())
        await asyncio.sleep(0)
        host.committed()
        await asyncio.sleep(0.05)
        assert (reading.done(), loop.commits) == (False, 1)
        loop.held = loop.waits = False
        host.committed()
        assert await asyncio.wait_for(reading, 5) == "the state"

    asyncio.run(test())
