"""Alerts: told once, across restarts too; escalated, acknowledged, over; and told when the book
itself cannot be written."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import apsw
import pytest

pytest.importorskip("aiohttp", reason="the extra `live` is not installed")
pytest.importorskip("structlog", reason="the extra `live` is not installed")

from core.effects import RaiseAlert
from core.events import NodeStarted
from core.journal import Journal
from sim.memory_store import MemoryStore
from tieout.watching.alert_book import BACK_OFF_NS_MAX, MOVES, Book, NoAlert, NoBook
from tieout.watching.alert_channels import NotTold
from tieout.watching.alert_rules import Condition, Rule
from tieout.watching.alerts import AGAIN_NS, QUIET_NS, SAID_NS, SECOND, UNTOLD_NS, Desk
from tieout.watching.watch_files import AlertsSpec

AT_ONCE = Rule("break", "an open break", 0, lambda state, vitals: iter(()))
SLOWLY = Rule("stream", "a stream is down", 15 * SECOND, lambda state, vitals: iter(()))
BROKEN = Condition("break/1", "critical", "", "okx_swap/main/USDT/cash", "1 USDT more")
DOWN = Condition("stream/a", "warning", "desk", "a", "the stream is down")
HOOK = {"webhook": "http://127.0.0.1:1/", "secret": "env:X"}
SPEC = AlertsSpec.model_validate(
    {
        "escalate_after_s": 60,
        "channels": [
            {"name": "desk", "severity": "warning", **HOOK},
            {"name": "ops", "severity": "critical", **HOOK},
            {"name": "boss", "level": 1, **HOOK},
            {"name": "chief", "level": 2, "severity": "critical", **HOOK},
        ],
    }
)


class Ear:
    """A channel that takes what it is told, for as long as it works."""

    def __init__(self, name: str, told: list[tuple[str, str, str]]) -> None:
        self.name, self.told, self.works = name, told, True
        self.names: list[str] = []

    async def tell(self, name: str, told: Mapping[str, Any]) -> None:
        if not self.works:
            raise NotTold("a test")
        self.names.append(name)
        self.told.append((self.name, str(told["change"]), str(told["subject"])))


class House:
    """A desk with ears, and a clock that is moved by hand."""

    def __init__(self, path: Path | str = ":memory:") -> None:
        self.now, self.told = 1_000 * SECOND, list[tuple[str, str, str]]()
        self.ears = {each.name: Ear(each.name, self.told) for each in SPEC.channels}
        self.path = path
        self.begin()

    def begin(self) -> None:
        """A new life."""
        self.book = Book(self.path)
        self.desk = Desk("tie", SPEC, self.book, self.ears, lambda: self.now)

    def after(self, seconds: float, *stands: tuple[Rule, Condition]) -> list[tuple[str, str]]:
        """So much later that stands; who was told what of it."""
        self.now += int(seconds * SECOND)
        before = len(self.told)
        self.desk.look(stands)

        async def telling() -> None:
            self.desk.tell()
            await self.desk.quiet()

        asyncio.run(telling())
        return [(ear, change) for ear, change, _ in self.told[before:]]


NOTHING: list[tuple[str, str]] = []


def test_what_stands_is_told_once_and_its_end_once() -> None:
    house = House()
    assert house.after(0, (AT_ONCE, BROKEN)) == [("desk", "raised"), ("ops", "raised")]
    assert house.after(1, (AT_ONCE, BROKEN)) == NOTHING
    assert house.after(1) == NOTHING, "it may be back"
    assert house.after(1, (AT_ONCE, BROKEN)) == NOTHING
    assert house.after(1) == NOTHING
    assert house.after(QUIET_NS / SECOND - 1) == NOTHING
    assert house.after(1) == [("desk", "over"), ("ops", "over")]
    assert house.after(1, (AT_ONCE, BROKEN)) == [("desk", "raised"), ("ops", "raised")]
    assert [each.status for each in house.book.all()] == ["over", "raised"]


def test_what_flickers_is_not_told_before_it_stood_and_not_over_while_it_flickers() -> None:
    house = House()
    for _ in range(10):
        assert house.after(7, (SLOWLY, DOWN)) == NOTHING
        assert house.after(7) == NOTHING
    house.after(1, (SLOWLY, DOWN))
    assert house.after(15, (SLOWLY, DOWN)) == [("desk", "raised")]
    house.book.acknowledge(1, "ann", house.now)
    house.after(0, (SLOWLY, DOWN))
    for _ in range(10):
        assert house.after(7, (SLOWLY, DOWN)) == NOTHING
        assert house.after(2) == NOTHING


def test_it_escalates_a_level_at_a_time_until_somebody_acknowledges() -> None:
    house = House()
    house.after(0, (AT_ONCE, BROKEN))
    assert house.after(59, (AT_ONCE, BROKEN)) == NOTHING
    assert house.after(1, (AT_ONCE, BROKEN)) == [("boss", "escalated")]
    assert house.after(59, (AT_ONCE, BROKEN)) == NOTHING
    assert house.after(1, (AT_ONCE, BROKEN)) == [("chief", "escalated")]
    assert house.after(1000, (AT_ONCE, BROKEN)) == NOTHING, "there is nobody further up"
    house.book.acknowledge(1, "ann", house.now)
    told = house.after(1, (AT_ONCE, BROKEN))
    assert sorted(told) == [(name, "acknowledged") for name in ("boss", "chief", "desk", "ops")]


def test_what_somebody_sees_to_does_not_escalate() -> None:
    house = House()
    house.after(0, (AT_ONCE, BROKEN))
    done = house.book.acknowledge(1, "ann", house.now)
    assert (done.status, done.acknowledged_by) == ("acknowledged", "ann")
    house.after(0, (AT_ONCE, BROKEN))
    assert house.after(1000, (AT_ONCE, BROKEN)) == NOTHING
    assert house.book.acknowledge(1, "bob", house.now).acknowledged_by == "ann"


def test_who_acknowledges_what_does_not_stand_hears_what_does() -> None:
    house = House()
    house.after(0, (AT_ONCE, BROKEN))
    with pytest.raises(NoAlert, match="alert 7 is unknown; one that stands would do: 1"):
        house.book.acknowledge(7, "ann", house.now)
    house.after(1)
    house.after(11)
    with pytest.raises(NoAlert, match="alert 1 is over; one that stands would do: none stands"):
        house.book.acknowledge(1, "ann", house.now)


def test_the_life_of_an_alert_ends() -> None:
    assert all(to in MOVES for moves in MOVES.values() for to in moves)
    assert MOVES["over"] == ()


# --- restarts ------------------------------------------------------------------------------------


def journal() -> tuple[MemoryStore, Journal]:
    store = MemoryStore()
    journal = Journal(store)
    for epoch, severity in enumerate(("warning", "critical", "warning"), 1):
        told = NodeStarted(received_at=epoch, node="tie", epoch=epoch)
        number = journal.event(told)
        text = f"a thing of {severity}"
        alert = RaiseAlert(severity=severity, subject="a", text=text)  # type: ignore[arg-type]  # as it stands above
        journal.effect(alert, number, epoch)
        journal.commit()
    return store, journal


def test_a_restart_neither_repeats_nor_forgets(tmp_path: Path) -> None:
    """Its book has looked up to a record; killed, it goes on from there with what stands."""
    store, _ = journal()
    house = House(tmp_path / "a.alerts")
    house.desk.take(next(store.records(1)))
    assert house.after(0) == [("desk", "raised")]
    house.begin()  # killed: two records were journaled that nobody looked at
    house.desk.catch_up(store)
    assert house.after(0) == [("desk", "raised"), ("ops", "raised")], "the critical one"
    for _ in range(3):
        house.begin()
        house.desk.catch_up(store)
        assert house.after(1) == NOTHING
    warning, critical = house.book.standing()
    assert (warning.times, critical.times) == (2, 1), "each record is counted once"


def test_a_journal_that_was_cut_is_heard_from_its_end_on(tmp_path: Path) -> None:
    """The book knows of records that are gone: what has their numbers now is told all the same."""
    store, written = journal()
    house = House(tmp_path / "a.alerts")
    house.book.position = 1_000
    house.begin()
    house.desk.catch_up(store)
    assert house.after(0) == NOTHING
    asked = RaiseAlert(severity="critical", subject="b", text="after the cut")
    written.effect(asked, 1, 9)
    written.commit()
    house.desk.take(next(store.records(6)))
    assert house.after(0) == [("desk", "raised"), ("ops", "raised")]
    house.after(40)
    house.begin()
    assert house.book.position == 7


def test_what_was_written_and_not_told_is_told_by_the_next_life(tmp_path: Path) -> None:
    house = House(tmp_path / "a.alerts")
    house.desk.look([(AT_ONCE, BROKEN)])
    house.begin()
    assert house.after(1, (AT_ONCE, BROKEN)) == [("desk", "raised"), ("ops", "raised")]


def test_a_restart_does_not_begin_an_escalation_anew(tmp_path: Path) -> None:
    house = House(tmp_path / "a.alerts")
    house.after(0, (AT_ONCE, BROKEN))
    house.after(59, (AT_ONCE, BROKEN))
    house.begin()
    assert house.after(1, (AT_ONCE, BROKEN)) == [("boss", "escalated")]


def test_what_was_said_is_over_when_somebody_saw_it_and_it_is_said_no_more() -> None:
    house = House()
    house.desk.alert("gate", "critical", "a revoked key")
    house.desk.alert("gate", "critical", "a revoked key")
    assert house.after(0) == [("desk", "raised"), ("ops", "raised")]
    house.after(2 * SAID_NS / SECOND)
    house.book.acknowledge(1, "ann", house.now)
    house.after(1)
    assert [each.status for each in house.book.all()] == ["over"]
    assert house.book.all()[0].times == 2


# --- what fails ----------------------------------------------------------------------------------


def test_a_channel_that_fails_is_tried_again_and_the_others_say_so() -> None:
    house = House()
    house.ears["ops"].works = False
    assert house.after(0, (AT_ONCE, BROKEN)) == [("desk", "raised")]
    assert house.after(0.5, (AT_ONCE, BROKEN)) == NOTHING
    tries = house.book.due(house.now + BACK_OFF_NS_MAX)[0].tries
    assert tries == 1, "it is not tried at each look"
    house.after(UNTOLD_NS / SECOND, (AT_ONCE, BROKEN))
    assert ("desk", "raised", "ops") in house.told, "the channel itself is a matter"
    house.ears["ops"].works = True
    told = house.after(BACK_OFF_NS_MAX / SECOND, (AT_ONCE, BROKEN))
    assert ("ops", "raised") in told
    assert len(house.ears["ops"].names) == len(dict.fromkeys(house.ears["ops"].names))


def test_where_the_book_takes_nothing_the_alert_goes_out_and_is_in_it_later(
    tmp_path: Path,
) -> None:
    house = House(tmp_path / "a.alerts")
    house.after(0, (SLOWLY, DOWN))
    full = house.book._connection
    full.execute("PRAGMA query_only = 1")
    assert house.after(1, (AT_ONCE, BROKEN)) == [("desk", "raised"), ("ops", "raised")]
    assert house.after(1, (AT_ONCE, BROKEN)) == NOTHING, "it remembers, too"
    assert house.desk.book is not house.book
    full.execute("PRAGMA query_only = 0")
    house.after(AGAIN_NS / SECOND, (AT_ONCE, BROKEN))
    assert house.desk.book is house.book
    house.begin()
    assert house.after(1, (AT_ONCE, BROKEN)) == NOTHING
    assert [each.key for each in house.book.standing()] == ["break/1"]


def test_two_processes_write_one_book(tmp_path: Path) -> None:
    house = House(tmp_path / "a.alerts")
    house.after(0, (AT_ONCE, BROKEN))
    other = Book(tmp_path / "a.alerts", create=False)
    other.acknowledge(1, "ann", house.now)
    other.close()
    house.after(1, (AT_ONCE, BROKEN))
    assert house.after(1000, (AT_ONCE, BROKEN)) == NOTHING


def test_what_is_no_book_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(NoBook, match=r"none\.alerts: .* would do"):
        Book(tmp_path / "none.alerts", create=False)
    (tmp_path / "text").write_text("a text that is no database, and long enough to be read " * 9)
    with pytest.raises(NoBook, match="would do"):
        Book(tmp_path / "text")
    apsw.Connection(str(tmp_path / "other.db")).execute("CREATE TABLE t(a)")
    with pytest.raises(NoBook, match="no book of alerts"):
        Book(tmp_path / "other.db")
