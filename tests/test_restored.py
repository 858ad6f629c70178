"""A live node whose journal is an old copy: says so, trades not blind, has the truth again."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

pytest.importorskip("ccxt.pro", reason="the extra `live` is not installed")
pytest.importorskip("trustme", reason="the extra `live` is not installed")

from core.events import NodeStarted
from core.journal import decode_event
from tests.live import Running, Served
from tieout.cli import main
from tieout.exits import HELD
from tieout.journals.replay import replay
from tieout.journals.sqlite_store import open_for_reading, read_events
from tieout.journals.verify import verify


async def restored(folder: Path) -> None:
    served = await Served.start("binance_usdm", 3)
    journal, copy = folder / "desk.db", folder / "copy.db"
    running = Running.begin(served, journal)
    await until(running, lambda: running.node.said()["fills"] > 3)
    said("backup", journal, copy)
    fills = running.node.said()["fills"]
    await until(running, lambda: running.node.said()["fills"] > fills + 3)
    written, epoch = running.node.said()["last"], running.node.node.state.epoch
    await running.die()
    journal.write_bytes(copy.read_bytes())
    said("accept-cut", journal)
    running, begun = Running.begin(served, journal), time.monotonic()
    state = await running.begun()
    assert state.epoch == epoch + 1
    boots = [
        each
        for body in read_events(open_for_reading(journal))
        if isinstance(each := decode_event(body), NodeStarted)
    ]
    found = boots[-1].records_lost
    assert found >= written - verify(copy).last > 0, "all that is missing is counted"
    await until(running, lambda: state.counts.get("refused/READING_BACK", 0) > 0)
    placed = running.node.said()["orders"]
    await until(running, lambda: not state.cut)
    took_s = time.monotonic() - begun
    await until(running, lambda: running.node.said()["orders"] > placed + 3)
    running.node.rest()
    await running.converge()
    await running.die()
    await served.server.stop()
    assert not replay(journal).differences
    print(f"restored: {found} records lost, all read back in {took_s:.1f} s")


async def until(running: Running, true: object, seconds: float = 40) -> None:
    for _ in range(int(seconds * 10)):
        if true():  # type: ignore[operator]  # a question
            return
        await running.last(0.1)
    raise AssertionError(running.node.said())


def said(*words: object) -> None:
    done = CliRunner().invoke(main, [str(each) for each in words])
    assert done.exit_code == HELD, done.output


def test_an_old_copy_put_back_lets_only_exits_pass_until_all_was_read_back(tmp_path: Path) -> None:
    asyncio.run(asyncio.wait_for(restored(tmp_path), 150))
