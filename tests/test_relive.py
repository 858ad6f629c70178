"""A journal lived once more in simulated time: its inputs alone give the rest, byte for byte."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from core.events import Event, FillReported, StatementReported
from core.frames import Frame
from core.journal import digest_of
from scenarios.model import find
from sim.faults import Fault
from tieout.cli import main
from tieout.exits import BAD_INPUT
from tieout.journals.relive import relive
from tieout.node.dialects import READERS
from tieout.reports.compare import compare
from tieout.reports.files import save_journal
from tieout.reports.outcome import Outcome
from tieout.reports.session import session_of
from tieout.runs import run
from tieout.wire.world import rough
from tieout.world.host import keep_of

if TYPE_CHECKING:
    from tests.live import Running

SCENARIOS = ("lost_frame", "killed_as_it_fills", "small_memory")


def outcome(name: str) -> Outcome:
    return run(name, seed=7, short=True, sampled=False)


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_simulated_journal_is_lived_again_to_its_digest(name: str) -> None:
    """With boots, and with memory that is put away and recalled."""
    found = outcome(name)
    again = relive(found.store, keep=keep_of(find(name)))
    assert again.differences == ()
    assert again.digest == found.summary["digest"]
    assert 0 < again.inputs < found.store.last()[0], "the rest came by itself"


def test_an_input_that_is_another_gives_another_journal() -> None:
    """A decoder that reads one digit otherwise is found by the record that it changed."""
    found = outcome("lost_frame")

    def misreads(frame: Frame, decimals: Mapping[str, int]) -> list[Event]:
        read = READERS["binance_spot"](frame, decimals)
        return [
            replace(each, fee=each.fee + 1) if isinstance(each, FillReported) else each
            for each in read
        ]

    again = relive(found.store, {**READERS, "binance_spot": misreads})
    assert again.differences
    assert "FillReported" in again.differences[0].recorded
    assert again.digest != found.summary["digest"]


def test_the_command_prints_the_digest_and_refuses_half_a_life(tmp_path: Path) -> None:
    found = outcome("lost_frame")
    save_journal(found.store, tmp_path / "journal.db")
    said = CliRunner().invoke(main, ["replay", str(tmp_path / "journal.db"), "--relive"])
    assert (said.exit_code, said.stdout.strip()) == (0, found.summary["digest"])
    half = ["replay", str(tmp_path / "journal.db"), "--relive", "--until", "5"]
    assert CliRunner().invoke(main, half).exit_code == BAD_INPUT


# --- live ----------------------------------------------------------------------------------------


async def trades(running: Running, fills: int) -> None:
    """Let it live until its taker has had so many fills; it has to come to that."""
    until = time.monotonic() + 60
    while running.node.said()["fills"] < fills:
        assert time.monotonic() < until, "it traded"
        await running.last(0.25)


async def lived(venue: str, journal: Path) -> str:
    """Two lives against a served venue whose frames are lost and doubled; the digest at its end."""
    from tests.live import Running, Served

    plan: tuple[Fault, ...] = tuple(rough(15))
    served = await Served.start(venue, 11, plan)
    running = Running.begin(served, journal)
    await trades(running, 4)
    await running.die()
    running = Running.begin(served, journal)
    await trades(running, running.node.said()["fills"] + 4)
    running.node.rest()
    running.task.cancel()
    await asyncio.wait([running.task])
    await running.node.loop.commit()
    digest = digest_of(running.store, running.node.node.state)
    await running.die()
    await served.server.stop()
    return digest


def test_a_live_journal_replays_in_another_process_and_is_lived_again_in_simulation(
    tmp_path: Path,
) -> None:
    """The state that lived, the replay of a fresh process, and the inputs at a simulated node's
    door: one digest, and no effect that differs."""
    pytest.importorskip("ccxt.pro", reason="the extra `live` is not installed")
    pytest.importorskip("trustme", reason="the extra `live` is not installed")
    journal = tmp_path / "live.db"
    digest = asyncio.run(asyncio.wait_for(lived("okx_swap", journal), 120))
    command = [sys.executable, "-m", "tieout", "replay", str(journal), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    told: dict[str, Any] = json.loads(done.stdout)
    assert (done.returncode, told["digest"], told["differences"]) == (0, digest, [])
    again = relive(journal)
    assert (again.differences, again.digest, again.lives) == ((), digest, 2)
    compares_with_a_venue_that_is_dearer(journal)
    traced = CliRunner().invoke(
        main, ["trace", "balance", "okx_swap/main/USDT/cash", "--journal", str(journal)]
    )
    assert (traced.exit_code, "OpeningSet" in traced.output) == (0, True), traced.output


def compares_with_a_venue_that_is_dearer(journal: Path) -> None:
    """The live session against itself as told with three units more of fee for each fill: all of
    the difference is fees, to the unit."""

    def reads(more: int) -> Callable[[Frame, Mapping[str, int]], list[Event]]:
        def read(frame: Frame, decimals: Mapping[str, int]) -> list[Event]:
            told = READERS["okx_swap"](frame, decimals)
            return [
                replace(each, fee=each.fee + more) if isinstance(each, FillReported) else each
                for each in told
                if not isinstance(each, StatementReported)
            ]

        return read

    live, sim = (relive(journal, {**READERS, "okx_swap": reads(more)}).store for more in (3, 0))
    compared = compare(session_of(live.records, "tk"), session_of(sim.records, "tk"))
    assert compared.whole
    ((line, parts),) = [(each, dict(each.parts)) for each in compared.lines]
    assert {part for part, units in parts.items() if units} == {"fees"}
    assert (line.difference, line.residual) == (parts["fees"], 0)
    assert parts["fees"] < 0
    assert parts["fees"] % 3 == 0
