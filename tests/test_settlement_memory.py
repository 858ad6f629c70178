"""Transfers that are over leave the state, and nothing of them is forgotten.

Each story is told twice: to a node that keeps no transfer which is over, and to one that keeps all.
They must book the same, and say the same.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import msgspec
import pytest

from core import ledger, transfers
from core.effects import Effect, RaiseAlert, Remember, SetAlarm
from core.events import Event, MemoryTrimmed, NodeStarted, Recalled
from core.gate import BreakGate
from core.journal import Journal, Record, decode_effect, decode_event, encode_state
from core.node import Keep, Node, decode_snapshot, encode_snapshot, recover
from core.rail_effects import QueryPayment, SendPayment, TellCustomer
from core.rail_events import (
    LegWanted,
    LineBooked,
    LinePart,
    PaymentMissing,
    PaymentReported,
    RailEvent,
    RecallAnswered,
    RecallRequested,
    RecallTaken,
    ReturnReported,
    SigningRefused,
    SuspenseResolved,
    TransactionRejected,
    TransactionReported,
    TransferCancelled,
    TransferReleased,
    TransferRequested,
    TransferScreened,
    Within,
)
from core.settlement_memory import LATELY_NS, wanted
from core.state import State
from scenarios.model import find
from sim.memory_store import MemoryStore
from tests.rail_worlds import world
from tests.settling import BANK, DAY, HOUR, SECOND, Books, pay, pull
from tieout.journals.replay import replay
from tieout.journals.sqlite_store import SqliteStore
from tieout.journals.verify import verify
from tieout.reports.history import history
from tieout.runs import run
from tieout.settlement import tables
from tieout.settlement.trace import follow

GATE = BreakGate()
MUCH = 10**9
WIRED_TO = "021000021/1234"
NONE = Keep(ids=MUCH, transfers=0)
ALL = Keep(ids=MUCH, transfers=MUCH)
RTGS = {"scheme": "rtgs", "kind": "out", "settled_by": "message", "settles_ns_max": HOUR}
Store = MemoryStore | SqliteStore


class NodeBooks(Books):
    """The same bank's-eye view, of a node: each fact is journaled, and committed by itself."""

    def __init__(self, keep: Keep, store: Store | None = None, **opening: int) -> None:
        self.keep = keep
        self.store = store if store is not None else MemoryStore()
        self.node = Node(Journal(self.store), {}, GATE, keep=keep)
        super().__init__(**opening)

    def tell(self, fact: type[Event], /, **fields: Any) -> list[Effect]:
        self.state = self.node.state
        self.node.deliver(fact(received_at=self.now, **fields))
        effects = self.node.commit()
        assert ledger.faults(self.state) == []
        self.asked += effects
        return effects

    def restart(self) -> list[Effect]:
        """The process dies, and another one takes up the journal; returns what it asks for."""
        journal, asked = Journal(self.store), list(self.asked)
        self.node = Node(journal, {}, GATE, recover(journal, GATE), keep=self.keep)
        effects = self.tell(NodeStarted, node="t", epoch=self.node.state.epoch + 1)
        self.asked = asked
        return effects

    def told(self, payment_id: str, status: str, **more: Any) -> list[Effect]:
        return self.tell(
            PaymentReported, account=BANK, payment_id=payment_id, status=status, **more
        )

    def at_hand(self) -> list[str]:
        """The transfers in the state."""
        return list(self.state.settlement.transfers)


def carried_out(books: NodeBooks, transfer_id: str, amount: int = 500, **named: str) -> str:
    """A wire that is requested, settled and booked; returns its payment's id."""
    (leg,) = books.request(transfer_id, pay("wire", amount))
    books.told(leg.payment_id, "accepted", **named)
    books.told(leg.payment_id, "settled")
    books.line(f"L{transfer_id}", -amount, "payment", leg.payment_id)
    return leg.payment_id


def time_passes(books: NodeBooks, ns: int = DAY) -> None:
    """And something is told at its end, so that the node commits."""
    books.wait(ns)
    books.tell(TransferReleased, transfer_id="none", approver="nobody")


def books_of(state: State) -> dict[str, object]:
    """All that is booked, open, exposed and counted; not what is at hand."""
    settlement = state.settlement
    return {
        "holdings": state.holdings,
        "figures": state.figures,
        "ledger": settlement.ledger,
        "exposure": settlement.exposure,
        "items": settlement.items,
        "closed": settlement.closed,
        "suspense": settlement.suspense,
        "open": list(settlement.open_legs),
        "counts": {n: k for n, k in state.counts.items() if not n.startswith("recalled/")},
    }


def both(story: Callable[[NodeBooks], object]) -> NodeBooks:
    """The story by a node that keeps nothing, and by one that keeps all; returns the first."""
    little, whole = NodeBooks(NONE, alice=9000, bob=9000), NodeBooks(ALL, alice=9000, bob=9000)
    assert story(little) == story(whole)
    assert little.asked == whole.asked
    assert books_of(little.state) == books_of(whole.state)
    assert little.state.settlement.put_away > 0
    assert whole.state.settlement.put_away == 0
    assert_replayed(little)
    return little


def assert_replayed(books: NodeBooks) -> None:
    """The journal alone rebuilds the state, and brings about the effects that it recorded."""
    again = replay(books.store)
    assert again.differences == ()
    assert encode_state(again.state) == encode_state(books.state)
    assert encode_state(recover(Journal(books.store), GATE)) == encode_state(books.state)


# --- what leaves, and when -----------------------------------------------------------------------


def test_a_payment_of_which_nothing_is_open_leaves_with_all_that_it_was_called() -> None:
    books = NodeBooks(NONE, alice=9000)
    name = carried_out(books, "t1", reference="REF1", batch="B1")
    assert books.at_hand() == ["t1"]
    time_passes(books)
    settlement = books.state.settlement
    assert (settlement.transfers, settlement.legs, settlement.over) == ({}, {}, {})
    assert (settlement.named, settlement.batches) == ({}, {})
    assert f"leg/{name}" not in books.state.alarms
    assert settlement.put_away == 1
    assert [each.key for each in kept_by(books)] == [
        "transfer t1",
        f"payment {name}",
        "named REF1",
        "named B1",
    ]
    assert books.has("alice") == 8500
    assert_replayed(books)


def kept_by(books: NodeBooks) -> list[Remember]:
    found = [decode_effect(r.body) for r in books.store.records() if r.name == "Remember"]
    return [each for each in found if isinstance(each, Remember)]


def test_a_refused_request_leaves_too_and_is_refused_again_in_the_same_words() -> None:
    def story(books: NodeBooks) -> object:
        books.request("t1", pay("wire", 10**6))
        time_passes(books)
        books.asked.clear()
        books.request("t1", pay("wire", 10**6))
        return [each.reason.partition(":")[0] for each in books.of(TellCustomer)]

    assert story(NodeBooks(NONE, alice=1)) == ["NO_FUNDS"]
    assert "t1" in both(story).at_hand()


def in_flight(books: NodeBooks) -> None:
    (leg,) = books.request("t1", pay("wire", 500))
    books.told(leg.payment_id, "accepted")


def line_missing(books: NodeBooks) -> None:
    (leg,) = books.request("t1", pay("wire", 500))
    books.told(leg.payment_id, "settled")


def returnable(books: NodeBooks) -> None:
    """Silence settled it; it may come back for sixty days."""
    (leg,) = books.request("t1", pay("ach", 500))
    books.told(leg.payment_id, "accepted")
    books.wait(3 * DAY)
    books.line("L1", -500, "payment", leg.payment_id)
    books.wait(5 * DAY)
    assert leg.status == "settled"


def recallable(books: NodeBooks) -> None:
    """No rule brings it back, and we may ask for it."""
    spans = (Within(days=30, unit="calendar_days", codes=("FRAD",)),)
    books.scheme(**{**RTGS, "recalls": spans})
    (leg,) = books.request("t1", pay("rtgs", 500))
    books.told(leg.payment_id, "settled")
    books.line("L1", -500, "payment", leg.payment_id)


def booked_twice(books: NodeBooks) -> None:
    """The second line lies in suspense, under a break that names the payment."""
    name = carried_out(books, "t1")
    books.line("again", -500, "payment", name)


def owed_to_us(books: NodeBooks) -> None:
    """It was the customer's when it came back: a receivable."""
    (leg,) = books.request("t1", pull("pull", 500))
    books.told(leg.payment_id, "accepted")
    books.wait(3 * DAY)
    books.line("L1", 500, "payment", leg.payment_id)
    books.wait(5 * DAY)
    books.line("L2", -500, "return", leg.payment_id)
    assert books.balance("receivable/alice/USD") == 500


def named_by_suspense(books: NodeBooks) -> None:
    """A line of another amount bears the bank's name for it: it lies in suspense."""
    (leg,) = books.request("t1", pay("wire", 500))
    books.told(leg.payment_id, "settled", reference="REF1")
    books.line("other", -70, "payment", "REF1")
    books.line("L1", -500, "payment", leg.payment_id)
    assert books.breaks() == {f"{BANK} other": "unknown_debit"}


def under_dispute(books: NodeBooks) -> None:
    """It came back later than its rail allows: an item until somebody dishonours it."""
    name = carried_out(books, "t1")
    books.line("back", 500, "return", name)
    assert "illegal_return" in books.breaks().values()


def waiting_for_people(books: NodeBooks) -> None:
    books.limit("release", "", 400)
    books.request("t1", pay("wire", 500))


OPEN = (
    *(in_flight, line_missing, returnable, recallable, booked_twice, owed_to_us),
    *(named_by_suspense, under_dispute, waiting_for_people),
)


@pytest.mark.parametrize("story", OPEN, ids=lambda each: each.__name__)
def test_what_anything_is_open_of_stays(story: Callable[[NodeBooks], None]) -> None:
    """And does not keep others from leaving."""
    books = NodeBooks(NONE, alice=9000, bob=9000)
    story(books)
    carried_out(books, "t2", amount=7)
    time_passes(books, 2 * DAY)
    assert books.at_hand() == ["t1"]
    assert_replayed(books)


SPANS: dict[str, tuple[Callable[[NodeBooks], None], int]] = {
    "of return": (returnable, 62 * DAY),
    "of recall": (recallable, 31 * DAY),
}


@pytest.mark.parametrize("span", SPANS)
def test_it_leaves_when_its_last_span_is_over(span: str) -> None:
    story, ns = SPANS[span]
    books = NodeBooks(NONE, alice=9000)
    story(books)
    time_passes(books, 20 * DAY)
    assert books.at_hand() == ["t1"]
    time_passes(books, ns)
    assert books.at_hand() == []


def test_what_was_told_a_moment_ago_stays_for_a_crash_may_have_kept_it_from_leaving() -> None:
    books = NodeBooks(NONE, alice=9000)
    carried_out(books, "t1")
    books.now += LATELY_NS - SECOND
    told = [each.status for each in books.restart() if isinstance(each, TellCustomer)]
    assert set(told) == {"completed"}
    time_passes(books, 2 * LATELY_NS)
    assert books.at_hand() == []


def test_the_first_to_be_over_leave_first_and_so_many_stay() -> None:
    books = NodeBooks(Keep(ids=MUCH, transfers=16), alice=9000)
    for number in range(30):
        carried_out(books, f"t{number}", amount=1)
        books.now += LATELY_NS
    time_passes(books)
    left = books.at_hand()
    assert 16 <= len(left) <= 17
    assert left == [f"t{number}" for number in range(30)][-len(left) :]


def test_what_something_happened_to_since_waits_anew() -> None:
    books = NodeBooks(NONE, alice=9000)
    carried_out(books, "t1")
    books.now += 2 * LATELY_NS - SECOND
    books.tell(TransferScreened, transfer_id="t1", clear=True)
    books.now += 2 * SECOND
    books.tell(TransferReleased, transfer_id="none", approver="nobody")
    assert books.at_hand() == ["t1"]
    time_passes(books)
    assert books.at_hand() == []


def test_however_often_something_happens_to_it_it_waits_once() -> None:
    books = NodeBooks(ALL, alice=9000)
    for number in range(10):
        carried_out(books, f"t{number}", amount=1)
    for _ in range(200):
        books.now += SECOND
        books.tell(TransferScreened, transfer_id="t3", clear=True)
    settlement = books.state.settlement
    assert len(settlement.leaving) <= 90
    assert {(at, name) for name, at in settlement.over.items()} <= set(settlement.leaving)
    assert settlement.leaving[0] == min(settlement.leaving)


def test_a_name_stays_while_a_payment_at_hand_bears_it() -> None:
    books = NodeBooks(NONE, alice=9000)
    (leg,) = books.request("t2", pay("wire", 30))
    books.told(leg.payment_id, "accepted", batch="B1")
    carried_out(books, "t1", batch="B1")
    time_passes(books)
    assert books.at_hand() == ["t2"]
    assert list(books.state.settlement.batches) == [f"{BANK} B1"]
    books.told(leg.payment_id, "settled")
    books.line("L2", -30, "payment", leg.payment_id)
    time_passes(books)
    assert books.state.settlement.batches == {}


def test_a_journal_of_before_transfers_were_put_away_puts_none_away() -> None:
    books = NodeBooks(ALL, alice=9000)
    carried_out(books, "t1")
    books.now += DAY
    books.tell(MemoryTrimmed, ids=MUCH, orders=0, progress=0, orphans=0)
    assert books.at_hand() == ["t1"]
    assert decode_event(
        b'{"type":"MemoryTrimmed","received_at":1,"ids":1,"orders":1,"progress":1,"orphans":1}'
    ) == MemoryTrimmed(received_at=1, ids=1, orders=1, progress=1, orphans=1, transfers=None)


# --- a request is one for ever -------------------------------------------------------------------


def put_away_wire(books: NodeBooks, **named: str) -> str:
    name = carried_out(books, "t1", **named)
    time_passes(books, 100 * DAY)
    books.asked.clear()
    return name


def test_the_same_request_is_an_echo_after_any_time_and_over_restarts() -> None:
    def story(books: NodeBooks) -> object:
        put_away_wire(books)
        for _ in range(2):
            books.request("t1", pay("wire", 500))
            time_passes(books)
            books.restart()
        return books.of(SendPayment), books.of(QueryPayment), books.has("alice")

    little = both(story)
    assert little.state.counts["transfers_echo"] == 2
    assert little.has("alice") == 8500


def test_another_body_under_its_id_is_refused_after_any_time_and_over_restarts() -> None:
    def story(books: NodeBooks) -> object:
        put_away_wire(books)
        for customer, amount in (("alice", 501), ("bob", 500)):
            books.restart()
            books.request("t1", pay("wire", amount), customer=customer)
            time_passes(books)
        return [each.customer for each in books.of(TellCustomer)], books.of(SendPayment)

    little = both(story)
    assert little.state.counts["refused/ID_REUSED"] == 2
    assert little.has("alice") == 8500
    assert little.has("bob") == 9000


def test_it_cannot_be_cancelled_released_or_asked_back_any_more() -> None:
    def story(books: NodeBooks) -> object:
        name = put_away_wire(books)
        books.tell(TransferCancelled, transfer_id="t1", by="alice")
        time_passes(books)
        books.tell(TransferReleased, transfer_id="t1", approver="bob")
        books.tell(RecallRequested, payment_id=name, code="FRAD", author="a", approver="b")
        return [each.text for each in books.of(RaiseAlert)]

    little = both(story)
    assert little.state.counts["refused/CANCEL_TOO_LATE"] == 1
    assert little.state.counts["recalls_refused"] == 1


# --- what comes late is its own ------------------------------------------------------------------


def test_a_very_late_return_is_booked_to_its_payment() -> None:
    """By the bank's message and by its line; the item names the payment, the customer has it."""

    def story(books: NodeBooks) -> object:
        name = put_away_wire(books)
        books.tell(
            ReturnReported, account=BANK, return_id="R1", payment_id=name, amount=500, code="AC04"
        )
        books.line("back", 500, "return", name)
        return books.breaks(), books.has("alice"), name

    little = both(story)
    (name,) = little.breaks()
    assert little.breaks() == {name: "illegal_return"}
    assert little.has("alice") == 9000
    assert little.state.settlement.transfers["t1"].legs == [name]


def test_a_very_late_line_that_only_has_the_banks_name_is_booked_to_its_payment() -> None:
    def story(books: NodeBooks) -> object:
        put_away_wire(books, reference="REF1")
        books.line("back", 500, "return", "REF1")
        return books.breaks(), books.has("alice")

    little = both(story)
    assert list(little.breaks().values()) == ["illegal_return"]
    assert little.has("alice") == 9000
    assert little.state.settlement.named == {f"{BANK} REF1": little.legs("t1")[0].payment_id}


def test_a_very_late_second_line_is_a_break_that_names_its_payment() -> None:
    def story(books: NodeBooks) -> object:
        name = put_away_wire(books)
        books.line("again", -500, "payment", name)
        return books.breaks(), books.balance(f"suspense/{BANK}/USD")

    little = both(story)
    assert little.breaks() == {little.legs("t1")[0].payment_id: "duplicate"}
    assert little.balance(f"suspense/{BANK}/USD") == 500


def _decide(books: NodeBooks, name: str, **more: str) -> None:
    people = {"author": "ann", "approver": "ben", "reason": "found", "customer": ""}
    books.tell(
        SuspenseResolved,
        resolution_id=f"r{name}",
        account=BANK,
        line_id=name,
        **{**people, **more},
    )


def test_what_people_find_to_be_a_very_old_payments_is_booked_to_it() -> None:
    def story(books: NodeBooks) -> object:
        name = put_away_wire(books)
        books.line("back", 500, "return")
        _decide(books, "back", payment_id=name)
        return name, books.breaks(), books.has("alice")

    little = both(story)
    assert list(little.breaks().values()) == ["illegal_return"]
    assert little.has("alice") == 9000


def test_what_was_sent_back_of_a_payment_comes_back_to_it_after_any_time() -> None:
    """A way back that is over may fail yet: what it took out of suspense lies there again."""

    def story(books: NodeBooks) -> object:
        (leg,) = books.request("t1", pull("pull", 500))
        books.told(leg.payment_id, "accepted")
        books.wait(3 * DAY)
        for number in (1, 2):
            books.line(f"L{number}", 500, "payment", leg.payment_id)
        books.wait(5 * DAY)
        _decide(books, leg.payment_id, scheme="wire", beneficiary=WIRED_TO)
        (back,) = books.state.settlement.transfers[f"back/r{leg.payment_id}"].legs
        books.told(back, "settled")
        books.line("L3", -500, "payment", back)
        time_passes(books, 70 * DAY)
        time_passes(books)
        books.line("L4", 500, "return", back)
        return leg.payment_id, books.breaks(), books.balance(f"suspense/{BANK}/USD")

    little = both(story)
    assert set(little.breaks().values()) == {"illegal_return", "duplicate"}
    assert little.balance(f"suspense/{BANK}/USD") == -500


def test_a_payment_stays_while_what_was_sent_back_of_it_may_come_back() -> None:
    books = NodeBooks(NONE, alice=9000)
    books.scheme(**{**RTGS, "scheme": "drawn", "kind": "in"})
    (leg,) = books.request("t1", pull("drawn", 500))
    books.told(leg.payment_id, "settled")
    for number in (1, 2):
        books.line(f"L{number}", 500, "payment", leg.payment_id)
    _decide(books, leg.payment_id, scheme="ach", beneficiary=WIRED_TO)
    (back,) = books.state.settlement.transfers[f"back/r{leg.payment_id}"].legs
    books.told(back, "accepted")
    books.line("L3", -500, "payment", back)
    time_passes(books, 8 * DAY)
    assert (books.state.settlement.legs[back].status, books.breaks()) == ("settled", {})
    time_passes(books, 12 * DAY)
    books.line("L4", 500, "return", back)
    assert books.breaks()[leg.payment_id] == "duplicate"
    assert_replayed(books)


def test_a_part_of_a_late_line_finds_its_payment() -> None:
    def story(books: NodeBooks) -> object:
        name = put_away_wire(books)
        (leg,) = books.request("t2", pay("wire", 30))
        books.tell(
            LineBooked,
            account=BANK,
            line_id="both",
            asset="USD",
            amount=-530,
            booked_at=books.now,
            parts=(LinePart(-30, (leg.payment_id,)), LinePart(-500, (name,))),
        )
        return books.breaks()

    little = both(story)
    assert little.breaks() == {little.legs("t1")[0].payment_id: "duplicate"}


def test_a_late_status_moves_nothing_and_is_heard() -> None:
    def story(books: NodeBooks) -> object:
        name = put_away_wire(books)
        books.told(name, "failed")
        time_passes(books)
        books.told(name, "settled")
        books.tell(PaymentMissing, account=BANK, payment_id=name, asked_at=books.now)
        return [each.severity for each in books.of(RaiseAlert)]

    little = both(story)
    assert little.state.counts["failed_after_settled"] == 1
    assert f"payments_unknown/{BANK}" not in little.state.counts


def test_a_name_of_a_payment_that_left_is_not_another_payments() -> None:
    """A reference that two payments share names neither, whichever of them left before."""

    def story(books: NodeBooks) -> object:
        put_away_wire(books, reference="REF1")
        (leg,) = books.request("t2", pay("wire", 30))
        books.told(leg.payment_id, "accepted", reference="REF1")
        books.line("L?", -500, "payment", "REF1")
        return books.breaks()

    little = both(story)
    assert little.breaks() == {f"{BANK} L?": "unknown_debit"}


def test_a_batch_some_of_which_left_is_booked_by_those_that_wait() -> None:
    def story(books: NodeBooks) -> object:
        for number in range(2):
            carried_out(books, f"b{number}", amount=1, batch="B1")
        put_away_wire(books, batch="B1")
        for number, amount in enumerate((30, 40), start=2):
            (leg,) = books.request(f"t{number}", pay("wire", amount))
            books.told(leg.payment_id, "accepted", batch="B1")
            books.told(leg.payment_id, "settled")
        books.line("batch", -70, "payment", "B1")
        return books.breaks(), books.balance("transit/wire/USD")

    little = both(story)
    assert little.breaks() == {}
    assert little.balance("transit/wire/USD") == 0


def test_legs_leave_and_come_back_together() -> None:
    def story(books: NodeBooks) -> object:
        legs = books.request("t1", pay("wire", 500), pay("wire", 70))
        for number, leg in enumerate(legs):
            books.told(leg.payment_id, "settled")
            books.line(f"L{number}", -leg.amount, "payment", leg.payment_id)
        names = [leg.payment_id for leg in legs]
        time_passes(books)
        books.line("back", 70, "return", names[1])
        return names, books.seen_by_customer("t1")

    little = both(story)
    assert [leg.status for leg in little.legs("t1")] == ["settled", "returned"]


def test_what_came_back_leaves_again_as_it_stands_then() -> None:
    books = NodeBooks(NONE, alice=9000)
    name = put_away_wire(books)
    books.told(name, "settled", code="LATE")
    time_passes(books)
    assert books.at_hand() == []
    books.told(name, "settled")
    assert books.legs("t1")[0].code == "LATE"


# Facts that name a payment or a transfer and of which a step takes no look at what is over.
LOOKED_FOR_NOWHERE = (
    *(SigningRefused, TransactionReported, TransactionRejected),  # they move only what is moving
    RecallAnswered,  # it is counted
    RecallTaken,  # what left the state is not asked back again
)
NAMES = {"transfer_id", "payment_id", "tx_hash", "references", "reference", "batch"}


@pytest.mark.parametrize("fact", get_args(RailEvent), ids=lambda each: each.__name__)
def test_whatever_names_a_payment_is_asked_after(fact: type[Event]) -> None:
    """A new fact of settlement must say what it looks for, or that it looks for nothing."""
    books = NodeBooks(NONE, alice=9000)
    put_away_wire(books)
    fields = {each.name: each for each in msgspec.structs.fields(fact)}
    told = {name: _named(each.type) for name, each in fields.items() if name in NAMES}
    needed = {n: _named(each.type) for n, each in fields.items() if each.required} | told
    needed |= {"received_at": books.now, "account": BANK} if "account" in fields else {}
    found = wanted(books.state, msgspec.convert(needed, fact, strict=False))
    assert bool(found) == (bool(told) and fact not in LOOKED_FOR_NOWHERE)


def _named(kind: Any) -> object:
    """A value of the type, that names something which nobody knows."""
    if kind is str:
        return "unknown"
    if kind in (int, bool):
        return 1
    if get_origin(kind) is Literal:
        return get_args(kind)[0]
    return ["unknown"] if kind == tuple[str, ...] else []


# --- asked only when it must be ------------------------------------------------------------------


class CountingStore(MemoryStore):
    """Counts how often it is asked for what was put away."""

    asked = 0

    def kept(self, identity: str) -> Record | None:
        self.asked += 1
        return super().kept(identity)


def test_the_life_of_a_payment_asks_the_disk_for_its_id_and_its_lines_and_no_more() -> None:
    store = CountingStore()
    books = NodeBooks(NONE, store, alice=9000)
    put_away_wire(books)
    store.asked = 0
    carried_out(books, "t2", amount=1)
    assert store.asked == 2
    books.line("Lt2", -1, "payment", "REF?")
    assert books.state.counts[f"lines_echo/{BANK}"] == 1
    assert store.asked == 2


def test_telling_a_customer_goes_through_nobody_elses_news(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was told lately is sorted out once in a while, not once for each that is told."""
    lengths: list[int] = []
    sorted_out = transfers._lately

    def counted(told: dict[str, int], now: int) -> dict[str, int]:
        lengths.append(len(told))
        return sorted_out(told, now)

    monkeypatch.setattr(transfers, "_lately", counted)
    books = NodeBooks(ALL, alice=9000)
    for number in range(100):
        carried_out(books, f"t{number}", amount=1)
        books.now += SECOND
    assert len(lengths) <= 13
    assert sum(lengths) <= 300
    assert len(books.state.settlement.told_lately) <= 20


def test_of_the_breaks_that_closed_the_state_keeps_a_tail_and_the_journal_all() -> None:
    books = NodeBooks(NONE, alice=9000)
    for number in range(100):
        name = carried_out(books, f"t{number}", amount=1)
        books.line(f"again{number}", -1, "payment", name)
        books.line(f"undone{number}", 1, "reversal", name)
        books.now += SECOND
    assert len(books.state.settlement.closed) == 64
    past = history(books.store)
    assert past.closed[-64:] == books.state.settlement.closed
    assert [each.number for each in past.closed] == list(range(1, 101))
    assert len(list(tables.breaks(past, books.state))) == 100


# --- whole runs ----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 2])
def test_a_storm_is_taken_the_same_by_a_node_that_keeps_nothing(seed: int) -> None:
    """All that was told in it is told again, event by event: the same effects, the same books.

    After a restart less is armed and told anew: what has nothing left to look at, or left long ago.
    """
    outcome = run("storm_rails", seed, short=True, sampled=False)
    node = Node(Journal(MemoryStore()), {}, GATE, keep=NONE)
    for event, effects in causes(outcome.store.records()):
        node.deliver(event)
        done = node.commit()
        if isinstance(event, NodeStarted):
            again = (SetAlarm, TellCustomer)
            done = [each for each in done if not isinstance(each, again)]
            effects = [each for each in effects if not isinstance(each, again)]
        assert done == effects, event
    assert node.state.settlement.put_away > 30
    assert node.state.counts["recalled/settlement"] > 20
    assert books_of(node.state) == books_of(outcome.state)


def causes(records: Iterator[Record]) -> Iterator[tuple[Event, list[Effect]]]:
    """Each event with the effects that followed."""
    event: Event | None = None
    effects: list[Effect] = []
    for record in records:
        if record.kind == "event":
            if event is not None:
                yield event, effects
            event, effects = decode_event(record.body), []
        elif record.kind == "effect":
            effects.append(decode_effect(record.body))
    if event is not None:
        yield event, effects


def test_readers_of_a_journal_see_every_transfer_wherever_it_is() -> None:
    """Tables, traces and figures of a run that put all away are those of one that kept all."""
    little = run(world("forgetful"), 0, sampled=False)
    whole = run(world("forgetful").model_copy(update={"memory": None}), 0, sampled=False)
    assert little.state.settlement.put_away > 30
    assert len(little.state.settlement.transfers) < len(whole.state.settlement.transfers) / 2
    assert little.held
    figures = ("legs", "told", "payments", "items", "outstanding", "pending", "misjudged")
    assert [little.summary["settlement"][f] for f in figures] == [
        whole.summary["settlement"][f] for f in figures
    ]
    for table in ("transfers", "ledger", "in_flight", "refusals"):
        assert len(getattr(little, table)) == len(getattr(whole, table)), table
    columns = ["transfer_id", "payment_id", "amount", "status", "told", "settled_at"]
    assert little.transfers[columns].equals(whole.transfers[columns])
    for transfer_id in list(whole.state.settlement.transfers)[:5]:
        mine, theirs = (follow(transfer_id, each.store).stories for each in (little, whole))
        assert [story.as_dict()["status"] for story in mine] == [
            story.as_dict()["status"] for story in theirs
        ]


def test_the_scenario_of_it_recalls_lines_messages_and_requests() -> None:
    outcome = run("over_and_put_away", 0, short=True, sampled=False)
    assert outcome.held
    assert find("over_and_put_away").memory is not None
    told = [decode_event(r.body) for r in outcome.store.records() if r.name == "Recalled"]
    kinds = {each.kind for each in told if isinstance(each, Recalled)}
    assert {"transfer", "payment", "named"} <= kinds
    again = replay(outcome.store)
    assert (again.digest, again.differences) == (outcome.summary["digest"], ())


# --- a long run on disk --------------------------------------------------------------------------

LIVES = 20_000 if os.environ.get("TIEOUT_FULL") == "1" else 4_000
KEPT = Keep(ids=500, transfers=200)


def live(books: NodeBooks, begin: int, end: int) -> list[int]:
    """Wires that are requested, settled and booked, one a second; the state's size on the way."""
    sizes = []
    for number in range(begin, end):
        _life(books, number)
        if number % 20 == 19:
            books.node.commit()
        if number % 1000 == 999:
            assert ledger.faults(books.node.state) == []
            sizes.append(len(encode_snapshot(books.node.state)))
    return sizes


def _life(books: NodeBooks, number: int) -> None:
    node, books.now = books.node, books.now + SECOND
    wanted = LegWanted(
        kind="out", asset="USD", amount=1, scheme="wire", beneficiary="021000021/1234"
    )
    node.deliver(
        TransferRequested(
            received_at=books.now, transfer_id=f"t{number}", customer="alice", legs=(wanted,)
        )
    )
    (name,) = node.state.settlement.transfers[f"t{number}"].legs
    for status in ("accepted", "settled"):
        node.deliver(
            PaymentReported(
                received_at=books.now,
                account=BANK,
                payment_id=name,
                status=status,
                reference=f"REF{number}",
            )
        )
    node.deliver(
        LineBooked(
            received_at=books.now,
            account=BANK,
            line_id=f"L{number}",
            asset="USD",
            amount=-1,
            booked_at=books.now,
            references=(name,),
        )
    )


@pytest.fixture(scope="module")
def long_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[int], int]:
    """The journal of thousands of transfers, the state's size on the way, and the time."""
    path = tmp_path_factory.mktemp("long") / "journal.db"
    with closing(SqliteStore(path, synchronous="OFF")) as store:
        books = NodeBooks(KEPT, store, alice=10**6)
        sizes = live(books, 0, LIVES)
        books.node.commit()
        return path, sizes, books.now


def test_the_state_does_not_grow_over_thousands_of_transfers(
    long_run: tuple[Path, list[int], int],
) -> None:
    """Snapshot and digest stay of one size, and whatever settlement holds is bounded."""
    path, sizes, _ = long_run
    assert len(sizes) == LIVES // 1000
    assert max(sizes) < 1.1 * sizes[0]
    with closing(SqliteStore(path, synchronous="OFF")) as store:
        state = recover(Journal(store), GATE)
    settlement, most = state.settlement, KEPT.transfers + KEPT.transfers // 16 + 20
    for held in (settlement.transfers, settlement.legs, settlement.over, settlement.named):
        assert len(held) <= most
    assert settlement.put_away >= LIVES - most
    assert not settlement.open_legs
    again = decode_snapshot(encode_snapshot(state))
    assert again is not None
    assert encode_snapshot(again) == encode_snapshot(state)
    assert -settlement.ledger["customer/alice/USD"] == 10**6 - LIVES
    assert settlement.ledger["transit/wire/USD"] == 0
    assert state.holdings[f"{BANK}/USD/cash"] == 10**6 - LIVES


@pytest.fixture
def grown(long_run: tuple[Path, list[int], int], tmp_path: Path) -> Iterator[NodeBooks]:
    """A copy of that journal, taken up by another process."""
    path, _, now = long_run
    for each in path.parent.glob("journal.db*"):
        (tmp_path / each.name).write_bytes(each.read_bytes())
    with closing(SqliteStore(tmp_path / "journal.db", synchronous="OFF")) as store:
        books = NodeBooks.__new__(NodeBooks)
        books.keep, books.store, books.now, books.asked = KEPT, store, now, []
        books.restart()
        books.asked.clear()
        yield books


def test_an_ancient_transfer_is_known_over_restarts_and_replay(
    grown: NodeBooks, tmp_path: Path
) -> None:
    """An echo, another body, and a return of which the bank tells its own reference only."""
    wanted = pay("wire", 1)
    assert "t7" not in grown.at_hand()
    grown.tell(TransferRequested, transfer_id="t7", customer="alice", legs=(pay("wire", 2),))
    assert grown.state.counts["refused/ID_REUSED"] == 1
    live(grown, LIVES, LIVES + 500)
    grown.restart()
    assert "t7" not in grown.at_hand()
    grown.tell(TransferRequested, transfer_id="t7", customer="alice", legs=(wanted,))
    assert grown.state.counts["transfers_echo"] == 1
    assert not grown.of(SendPayment)[500:]
    had = grown.has("alice")
    grown.line("back", 1, "return", "REF8")
    assert grown.breaks() == {grown.legs("t8")[0].payment_id: "illegal_return"}
    assert grown.has("alice") == had + 1
    again = replay(grown.store)
    assert again.differences == ()
    assert encode_state(again.state) == encode_state(grown.state)
    assert str(verify(tmp_path / "journal.db").status) == "sound"
    past = history(grown.store)
    assert len(past.whole().settlement.transfers) == LIVES + 500
    assert follow("REF9", grown.store).stories[0].as_dict()["transfer_id"] == "t9"
