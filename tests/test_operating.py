"""Operators of a live node: over its socket, with a served venue behind it, and by the command."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Coroutine
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

pytest.importorskip("ccxt.pro", reason="the extra `live` is not installed")
pytest.importorskip("trustme", reason="the extra `live` is not installed")

from core.effects import Effect
from core.events import AdjustmentBooked
from core.journal import decode_event
from core.risk_events import KillLifted, KillOrdered, StrategyStateSet
from tests.deploying import written
from tests.live import Running, Served
from tieout.cli import main
from tieout.exits import BAD_INPUT, LACKING
from tieout.journals.sqlite_store import JournalFull
from tieout.operating import operator_door
from tieout.operating.operator_door import OperatorDoor
from tieout.operating.operator_socket import NoNode, ask, door_of, named
from tieout.operating.operator_words import (
    AdjustmentProposed,
    Answered,
    Approved,
    Asked,
    Killed,
    LiftProposed,
    Shown,
    StrategySet,
)

VENUE = "okx_swap"
Ask = Callable[[Asked], Awaitable[Answered]]


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 120))


class Story:
    """A node that lives, and its operators."""

    def __init__(self, served: Served, running: Running, socket: Path) -> None:
        self.served, self.running, self._socket = served, running, socket

    @classmethod
    async def begin(cls, folder: Path) -> Story:
        served, journal = await Served.start(VENUE, 3), folder / "desk.db"
        door = OperatorDoor(door_of(journal), ("tk", "mm"))
        running = Running.begin(served, journal, beside=[door])
        await running.begun()
        return cls(served, running, door_of(journal))

    async def asks(self, asked: Asked) -> Answered:
        return await ask(self._socket, asked)

    async def proposes(self, asked: Asked) -> str:
        """The number under which it waits."""
        told = await self.asks(asked)
        assert told.result == "proposed", told
        return told.lines[-1].rpartition(" ")[2]

    async def until(self, line: str) -> str:
        """Until a line like this is shown; the line."""
        for _ in range(120):
            shown = "\n".join((await self.asks(Shown())).lines)
            if found := re.search(line, shown):
                return found[0]
            await asyncio.sleep(0.25)
        raise AssertionError(f"not shown: {line}")

    def events(self, kind: type) -> list[Any]:
        told = [decode_event(each) for each in self.running.store.events()]
        return [each for each in told if isinstance(each, kind)]

    async def end(self) -> None:
        await self.running.die()
        await self.served.server.stop()


# --- a break --------------------------------------------------------------------------------------


async def adjusts(folder: Path) -> None:
    """Cash that no record lists: two people book it, in two steps."""
    story = await Story.begin(folder)
    story.running.node.rest()
    exchange: Any = story.served.world.sites[VENUE].venue.exchange
    exchange.credit_unlisted("USDT", Decimal("12.5"))
    line = await story.until(r"break \d+  okx_swap/main/USDT/cash  12\.5 .*")
    number = int(line.split()[1])
    for amount, said in (("13", "does not repair"), ("-1", "does not repair"), ("x", "amount: ")):
        told = await story.asks(AdjustmentProposed(number, amount, "ann", "a gift"))
        assert (told.result, said in told.lines[0]) == ("refused", True), told
    told = await story.asks(AdjustmentProposed(number + 7, "12.5", "ann", "a gift"))
    assert f"one that is would do: {number}" in told.lines[0]
    proposal = await story.proposes(AdjustmentProposed(number, "12.5", "ann", "a gift"))
    assert f"proposal {proposal}  by ann: book 12.5 in" in await story.until("proposal .*")
    for name in ("ann", " ANN", ""):
        assert (await story.asks(Approved(proposal, name))).result == "refused"
    assert not story.events(AdjustmentBooked), "nothing is journaled before the second person"
    assert (await story.asks(Approved(proposal, "bob"))).result == "done"
    (booked,) = story.events(AdjustmentBooked)
    assert (booked.author, booked.approver, booked.reason) == ("ann", "bob", "a gift")
    assert not story.running.node.node.state.breaks
    assert (await story.asks(Approved(proposal, "bob"))).result == "refused", "once"
    await story.end()


def test_an_adjustment_takes_two_people_and_closes_the_break(tmp_path: Path) -> None:
    run(adjusts(tmp_path))


# --- strategies and kills -------------------------------------------------------------------------


async def decides(folder: Path) -> None:
    story = await Story.begin(folder)
    told = await story.asks(StrategySet("kt", "disabled", "ann", "it is mad"))
    assert (told.result, "one of the deployment's" in told.lines[0]) == ("refused", True)
    told = await story.asks(StrategySet("tk", "enabled", "ann", "reviewed"))
    assert told.result == "done"
    assert "strategy tk  enabled" in await story.until("strategy tk .*")
    (standing,) = story.events(StrategyStateSet)
    assert (standing.by, standing.reason) == ("ann", "reviewed")
    told = await story.asks(Killed("ann", "runaway", "venues"))
    assert told.result == "done"
    (ordered,) = story.events(KillOrdered)
    early = await story.asks(LiftProposed(ordered.kill_id, "ann"))
    assert early.result == "refused" or story.running.node.working() == 0
    await story.until(rf"kill {ordered.kill_id}  by ann: runaway  okx_swap/main done")
    positions = story.served.world.sites[VENUE].venue.exchange.positions
    assert not any(each.quantity for each in positions.values()), "flat"
    lifting = await story.proposes(LiftProposed(ordered.kill_id, "ann"))
    assert (await story.asks(Approved(lifting, "Ann"))).result == "refused"
    assert (await story.asks(Approved(lifting, "bob"))).result == "done"
    assert len(story.events(KillLifted)) == 1
    assert "strategy tk  disabled" in await story.until("strategy tk .*"), "they stay disabled"
    await story.end()


def test_a_strategy_is_set_by_one_and_a_kill_is_lifted_by_two(tmp_path: Path) -> None:
    run(decides(tmp_path))


# --- what is refused ------------------------------------------------------------------------------


async def too_late(folder: Path, patched: pytest.MonkeyPatch) -> None:
    story = await Story.begin(folder)
    story.running.node.rest()
    await story.asks(Killed("ann", "drill", "ours"))
    await story.until("okx_swap/main done")
    (ordered,) = story.events(KillOrdered)
    lifting = await story.proposes(LiftProposed(ordered.kill_id, "ann"))
    patched.setattr(operator_door, "WAITS_NS", 0)
    assert (await story.asks(Approved(lifting, "bob"))).result == "refused", "it waited too long"
    await no_room(story, patched)
    told = await story.asks(StrategySet("tk", "disabled", "ann", "now"))
    assert (told.result, "no room" in told.lines[0]) == ("refused", True)
    patched.undo()
    await story.end()


async def no_room(story: Story, patched: pytest.MonkeyPatch) -> None:
    """From now on, until it is undone: the loop itself finds out, and has not looked when this
    begins."""

    def full() -> list[Effect]:
        raise JournalFull("no room")

    loop = story.running.node.loop
    patched.setattr(loop.node, "commit", full)
    loop.wake()
    while not loop.held:
        await asyncio.sleep(0.01)


def test_what_waited_too_long_or_finds_no_room_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(too_late(tmp_path, monkeypatch))


def test_a_socket_in_a_deep_folder_has_a_name(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    with named(deep / "desk.db.door") as name:
        assert len(name) < 100
        Path(name).write_text("there")
    assert (deep / "desk.db.door").read_text() == "there"


def test_a_node_lives_on_where_no_socket_can_be_made(tmp_path: Path) -> None:
    """A file that is none lies in its place, or the folder's system knows no sockets."""
    place, said = door_of(tmp_path / "desk.db"), list[tuple[str, str, str]]()
    place.write_text("no socket")

    async def live() -> None:
        door = OperatorDoor(place, (), lambda *words: said.append(words))
        living = asyncio.create_task(door.run())
        await asyncio.sleep(0.2)
        assert not living.done()
        living.cancel()

    asyncio.run(live())
    assert [each[:2] for each in said] == [("operators", "critical")]
    assert place.read_text() == "no socket"


def test_nobody_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(NoNode, match="no node answers there"):
        asyncio.run(ask(tmp_path / "desk.db.door", Shown()))
    path = written(tmp_path, VENUE)
    done = CliRunner().invoke(main, ["operate", "shows", str(path)])
    assert (done.exit_code, "no node answers there" in done.output) == (LACKING, True), done.output
    words = ["operate", "adjust", str(path), "7", "-0.5", "--by", "ann", "--reason", "a fee"]
    assert CliRunner().invoke(main, words).exit_code == LACKING, "a negative amount is one"
    done = CliRunner().invoke(main, ["operate", "adjust", str(path), "7", "1"])
    assert done.exit_code == BAD_INPUT
    assert "--by" in done.output
