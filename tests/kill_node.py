"""The process that is killed: a node over a journal on disk, and nothing else of the world.

It is told frames and events, and to commit. What it says is durable: after each commit the
journal's head, the effects that it handed out, and what its books say now. `COMMITTING` goes out
before each commit, so that a kill can be aimed at it.
"""

from __future__ import annotations

from decimal import Decimal
from multiprocessing.connection import Connection
from typing import NamedTuple

import msgspec

from core.effects import Effect
from core.events import Event
from core.frames import Frame
from core.gate import BreakGate
from core.journal import Journal
from core.node import Node, boot_epoch, recover
from core.state import State
from sim.truth import Fact, FactKind
from tests.planting import locate, planted
from tieout.claims.view import View
from tieout.journals.sqlite_store import SqliteStore
from tieout.node.dialects import READERS
from tieout.world.host import SNAPSHOT_EVERY

COMMITTING = b"committing"


class Asked(msgspec.Struct, frozen=True):
    """Whether the books have a fact; they know it by its key."""

    number: int
    account: str
    kind: FactKind
    key: tuple[str, ...]


class Told(msgspec.Struct, frozen=True):
    """One thing for the node: a frame, an event, or, where there is neither, to commit."""

    frame: Frame | None = None
    event: Event | None = None
    asked: tuple[Asked, ...] = ()


class Notice(msgspec.Struct, frozen=True):
    """What is durable now. `figures` are of holdings that moved; doubts and names are all."""

    last: int
    chain: bytes
    epoch: int
    effects: tuple[bytes, ...]
    figures: dict[str, Decimal]
    doubts: dict[str, Decimal]
    named: dict[str, Decimal]
    broken: tuple[str, ...]
    booked: tuple[int, ...]


class Bug(NamedTuple):
    """In `function`, the text `old` becomes `new`."""

    function: str
    old: str
    new: str


class Books:
    """What there is to be told of the books since it was told last."""

    def __init__(self, state: State, store: SqliteStore) -> None:
        self._state, self._view = state, View(state, store)
        self._moved = dict.fromkeys(state.holdings)
        self._breaks = state.breaks_made

    def moved(self, state: State) -> None:
        """After each step."""
        for line in state.posted:
            if line.holding:
                self._moved[line.holding] = None

    def notice(self, store: SqliteStore, effects: list[Effect], asked: tuple[Asked, ...]) -> Notice:
        state, view = self._state, self._view
        last, chain = store.last()
        names = [*state.suspects, *state.breaks]
        moved, self._moved = self._moved, {}
        broken = [name for name, drift in state.breaks.items() if drift.number > self._breaks]
        self._breaks = state.breaks_made
        return Notice(
            last,
            chain,
            boot_epoch(state, store),
            tuple(msgspec.json.encode(effect) for effect in effects),
            {name: view.figure(name) for name in moved},
            {name: view.doubt(name) for name in state.doubts},
            {name: size for name in names if (size := view.named(name)) is not None},
            tuple(broken),
            tuple(each.number for each in asked if view.booked(_fact(each))),
        )


def _fact(asked: Asked) -> Fact:
    return Fact(asked.number, asked.account, asked.kind, asked.key, 0, {})


def live(line: Connection, path: str, bug: Bug | None) -> None:
    """One life: recover from the journal, say what is in it, then do as told until the line ends.

    The first thing told is what is asked of the recovered books.
    """
    if bug is not None:
        place = locate(bug.function)
        place.__code__ = planted(place, bug.old, bug.new)
    store = SqliteStore(path, synchronous="FULL")
    journal, gate = Journal(store), BreakGate()
    state = recover(journal, gate)
    books = Books(state, store)
    node = Node(journal, READERS, gate, state, snapshot_every=SNAPSHOT_EVERY, watch=books.moved)
    decoder = msgspec.msgpack.Decoder(Told)
    effects: list[Effect] = []
    while True:
        try:
            told = decoder.decode(line.recv_bytes())
        except EOFError:
            break
        if told.frame is not None:
            node.deliver(msgspec.structs.replace(told.frame, number=journal.next_number))
        elif told.event is not None:
            node.deliver(told.event)
        else:
            line.send_bytes(COMMITTING)
            effects = node.commit()
            line.send_bytes(msgspec.msgpack.encode(books.notice(store, effects, told.asked)))
    store.close()
