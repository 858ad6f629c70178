"""The loop around a node that issues tokens: what is durable is told, and nothing else."""

import asyncio
from contextlib import closing
from pathlib import Path

import pytest

from core.effects import Effect, SetAlarm
from core.gate import BreakGate
from core.journal import Journal, decode_event
from core.node import Node, recover
from core.token_effects import JudgeAuthorization
from core.token_events import AuthorizationRequested
from sim.memory_store import MemoryStore
from tests.test_token_trace import ALICE, NAME, Chain
from tieout.journals.sqlite_store import JournalFailed, SqliteStore
from tieout.tokens.process import ConnectorDoor, TokenProcess
from tokens.http.host import NotTaken


class Stubborn(MemoryStore):
    """A store whose disk fails from some moment on."""

    fails = False

    def commit(self, last: int, chain: bytes) -> None:
        if self.fails:
            raise JournalFailed("the disk is full")
        super().commit(last, chain)


def wish(request_id: str) -> AuthorizationRequested:
    return AuthorizationRequested(
        received_at=0,
        token=NAME,
        caller="desk",
        request_id=request_id,
        kind="mint",
        sender="",
        receiver=ALICE,
        value=100,
    )


def process_of(store: MemoryStore) -> tuple[TokenProcess, list[Effect]]:
    """A loop around the node of a token that was published."""
    chain, done = Chain(store=store), list[Effect]()
    return TokenProcess(chain.node, done.append, clock=lambda: chain.now + 1), done


def test_what_is_told_is_durable_before_anybody_hears() -> None:
    store = Stubborn()
    process, done = process_of(store)

    async def story() -> None:
        loop = asyncio.create_task(process.run())
        before = store.last()[0]
        told = [asyncio.create_task(process.tell(wish(f"r{n}"))) for n in range(3)]
        await asyncio.sleep(0)
        assert (store.last()[0], done) == (before, [])
        reading = asyncio.create_task(process.state())
        await asyncio.gather(*told)
        state = await reading
        assert store.last()[0] == process.node.journal.next_number - 1 > before
        assert state.tokens[NAME].made == 3
        assert sum(isinstance(each, JudgeAuthorization) for each in done) == 3
        loop.cancel()
        await asyncio.gather(loop, return_exceptions=True)
        with pytest.raises(NotTaken):
            await process.tell(wish("late"))

    asyncio.run(story())


def test_a_disk_that_fails_ends_it_and_nobody_is_told_otherwise() -> None:
    store = Stubborn()
    process, done = process_of(store)

    async def story() -> None:
        loop = asyncio.create_task(process.run())
        store.fails = True
        told = [asyncio.create_task(process.tell(wish(f"r{n}"))) for n in range(2)]
        told.append(asyncio.create_task(process.state()))  # type: ignore[arg-type]
        found = await asyncio.gather(*told, loop, return_exceptions=True)
        assert [type(each) for each in found] == [NotTaken, NotTaken, NotTaken, JournalFailed]
        for again in (process.tell(wish("r9")), process.state()):
            with pytest.raises(NotTaken):
                await again
        ConnectorDoor(process).tell(wish("r9"))
        assert done == []

    asyncio.run(story())


def test_alarms_ring_by_our_clock_and_the_loop_commits_what_they_bring() -> None:
    store = MemoryStore()
    chain, done = Chain(store=store), list[Effect]()
    clock = chain.now
    process = TokenProcess(chain.node, done.append, clock=lambda: clock)
    alarm = f"token/{NAME}"

    async def story() -> int:
        nonlocal clock
        loop = asyncio.create_task(process.run())
        process._alarms.arm(SetAlarm(alarm=alarm, at=clock + 20_000_000))
        await asyncio.sleep(0.04)
        rung_early = chain.node.journal.next_number - 1 > store.last()[0]
        clock += 60_000_000_000
        await asyncio.sleep(0.06)
        loop.cancel()
        await asyncio.gather(loop, return_exceptions=True)
        return int(rung_early)

    assert asyncio.run(story()) == 0
    assert any(type(each).__name__ == "FetchTokenHead" for each in done)


def test_what_was_asked_twice_across_a_restart_is_made_once(tmp_path: Path) -> None:
    """The journal alone knows the second time."""
    path = tmp_path / "journal.db"

    async def ask(node: Node) -> int:
        process = TokenProcess(node, lambda effect: None, clock=lambda: 0)
        loop = asyncio.create_task(process.run())
        await process.tell(wish("r1"))
        made = (await process.state()).tokens[NAME].made
        loop.cancel()
        await asyncio.gather(loop, return_exceptions=True)
        return made

    for create in ("new", "never"):
        with closing(SqliteStore(path, create=create)) as store:  # type: ignore[arg-type]
            journal = Journal(store)
            node = Node(journal, {}, BreakGate(), recover(journal, BreakGate()))
            for body in Chain().store.events() if create == "new" else ():
                node.deliver(decode_event(body))
            assert asyncio.run(ask(node)) == 1
