"""The node: the one door. All that happens goes through `deliver`.

    deliver -> (frame: read it) -> recall what it names -> journal -> step -> journal the effects
    commit -> put away what is too much to keep at hand -> make it durable -> perform

Rule 1. Effects are handed out by `commit` only, after their group is durable: what we did not
remember, we did not do. Cancels alone may go before (`cancels`): they spend nothing.
Rule 2. A node that dies anywhere is rebuilt by `recover` from what the journal kept; whatever it
asked of the world since is queried, never asked again.
Rule 3. A snapshot only spares `recover` time: it is the state as the fold left it, the order of its
keys included, and one that is damaged or of another make is passed over.
"""

from collections.abc import Callable, Mapping
from functools import cache
from hashlib import sha256
from typing import NamedTuple

import msgspec
from msgspec import UNSET

from core import memory, settlement_memory
from core.effects import CancelOrder, Effect, PlaceOrder, Remember
from core.events import Event, FrameQuarantined, MemoryTrimmed, Recalled
from core.frames import Decode, Frame
from core.gate import Gate
from core.journal import SCHEMA, Journal, Store, decode_event, plain
from core.state import State
from core.step import step

# Raise it when the same events come to mean another state: no older snapshot is used then.
FOLD = 8


# Put away as soon as one in so many is too much: often, so that no commit waits long for it.
EXCESS_ONE_IN = 16


class Keep(NamedTuple):
    """How much a node keeps at hand; what is beyond is put away down to this.

    Ids, progresses and orphans for each account; orders and transfers that are over for all. An id
    takes about 110 bytes, an order 450, a transfer of one leg 1,500.
    """

    ids: int = 10_000
    orders: int = 2_000
    progress: int = 2_000
    orphans: int = 1_000
    transfers: int = 2_000


class Node:
    """One set of books, behind one door."""

    def __init__(
        self,
        journal: Journal,
        readers: Mapping[str, Decode],
        gate: Gate,
        state: State | None = None,
        *,
        snapshot_every: int = 0,
        keep: Keep = Keep(),  # noqa: B008  # a value that nobody can change
        watch: Callable[[State], None] = lambda state: None,
    ) -> None:
        """`readers` has a reader for each venue, by the first part of an account's name.

        `watch` is shown the state after every step; it must not change it.
        A snapshot is saved by the first commit after each `snapshot_every` records; 0: never.
        """
        self.journal = journal
        self.state = state if state is not None else State()
        self._readers = readers
        self._gate = gate
        self._watch = watch
        self._keep = keep
        self._most = Keep(*[number + number // EXCESS_ONE_IN for number in keep])
        self._waiting: list[Effect] = []
        self._snapshot_every = snapshot_every
        self._snapshot_due = journal.next_number + snapshot_every

    def deliver(self, told: Frame | Event) -> None:
        """Take in a frame or an event; its effects wait for `commit`."""
        if isinstance(told, Frame):
            self.journal.frame(told)
            for event in self._read(told):
                self._take(event)
        else:
            self._take(told)

    def commit(self) -> list[Effect]:
        """Make everything delivered durable; returns the effects that may now be performed."""
        if self._holds_too_much():
            self._put_away()
        last = self.journal.commit()
        if self._snapshot_every and last >= self._snapshot_due:
            self._snapshot_due = last + self._snapshot_every
            self.journal.store.save_snapshot(last, encode_snapshot(self.state))
        effects, self._waiting = self._waiting, []
        return effects

    def cancels(self) -> list[Effect]:
        """The cancels that wait for no commit; a cancel whose order waits goes behind it."""
        placing = {each.client_order_id for each in self._waiting if type(each) is PlaceOrder}
        now: list[Effect] = []
        later: list[Effect] = []
        for effect in self._waiting:
            is_free = type(effect) is CancelOrder and effect.client_order_id not in placing
            (now if is_free else later).append(effect)
        self._waiting = later
        return now

    def _take(self, event: Event) -> None:
        if self.state.put_away:
            for account, key in memory.wanted(self.state, event):
                self._recall(account, key, event)
        self._book(event)

    def _book(self, event: Event) -> None:
        number = self.journal.event(event, memory.identity_of(self.state, event))
        for effect in step(self.state, event, self._gate):
            self.journal.effect(effect, number, event.received_at)
            # What the journal is asked to keep it has by now: there is nobody else to ask.
            if type(effect) is not Remember:
                self._waiting.append(effect)
        self._watch(self.state)

    # --- what is at hand --------------------------------------------------------------------------

    def _recall(self, account: str, key: str, event: Event) -> None:
        """Have back what the event names, if it was put away; of a name, what it means, too."""
        found = memory.find(self.journal.store, account, key)
        if found is None:
            return
        kept, record = found
        self._book(
            Recalled(
                received_at=event.received_at,
                frame=event.frame,
                account=account,
                kind=kept.kind,
                key=key,
                content=kept.content,
                record=record,
            )
        )
        for whose, meant in memory.meant(self.state, kept):
            self._recall(whose, meant, event)

    def _holds_too_much(self) -> bool:
        """Whether anything is far enough beyond what is to be kept at hand."""
        ids, orders, progress, orphans, transfers = self._most
        state, working = self.state, 0
        for account in state.accounts.values():
            if len(account.seen) > ids or len(account.progress) > progress:
                return True
            if len(account.orphans) > orphans:
                return True
            working += len(account.working)
        if len(state.orders) - working > orders:
            return True
        return settlement_memory.holds_too_much(state, transfers)

    def _put_away(self) -> None:
        keep = self._keep
        self._book(
            MemoryTrimmed(
                received_at=self.state.now,
                ids=keep.ids,
                orders=keep.orders,
                progress=keep.progress,
                orphans=keep.orphans,
                transfers=keep.transfers,
            )
        )

    def _read(self, frame: Frame) -> list[Event]:
        """Read a frame; a reader that trips over it must not take the node down with it."""
        reader = self._readers[frame.account.partition("/")[0]]
        try:
            return reader(frame, self.state.decimals)
        except Exception as error:  # noqa: BLE001  # one poison frame must not end the listening
            reason = f"{type(error).__name__}: {error}"
            return [
                FrameQuarantined(
                    received_at=frame.received_at,
                    frame=frame.number,
                    account=frame.account,
                    reason=reason,
                )
            ]


def recover(journal: Journal, gate: Gate) -> State:
    """The state as it was at the end of the journal. Its effects are not performed again."""
    state, number = _latest(journal.store)
    for body in journal.store.events(number):
        step(state, decode_event(body), gate)
    return state


def boot_epoch(state: State, store: Store) -> int:
    """The next boot's: above every epoch that ids were chosen under, whatever the journal lost."""
    return max(state.epoch, store.epoch) + 1


def _latest(store: Store) -> tuple[State, int]:
    """The newest snapshot that can be used, and its record's number; else an empty state, and 0."""
    last, _ = store.last()
    for number, data in store.snapshots():
        state = decode_snapshot(data)
        # A journal that was cut holds less than its snapshots know.
        if state is not None and number <= last:
            return state, number
    return State(), 0


# --- snapshots -----------------------------------------------------------------------------------


def encode_snapshot(state: State) -> bytes:
    """The state as it stands: unlike its canonical bytes, with its keys in their own order.

    `step` goes through its dictionaries in order, so that order decides the order of effects.
    """
    moves, state.moves = state.moves, UNSET
    try:
        return _make() + msgspec.json.encode(state, enc_hook=plain)
    finally:
        state.moves = moves


def decode_snapshot(data: bytes) -> State | None:
    """The state, or None where the bytes are no snapshot of this make."""
    make = _make()
    if not data.startswith(make):
        return None
    try:
        return msgspec.json.decode(data[len(make) :], type=State)
    except msgspec.MsgspecError:
        return None


@cache
def _make() -> bytes:
    """What wrote a snapshot: the journal's schema, the fold, and the shape of the state."""
    shape = sha256(msgspec.json.encode(msgspec.json.schema(State))).hexdigest()
    return f"snapshot {SCHEMA} {FOLD} {shape}\n".encode()
