"""A journal lived once more in simulated time: its inputs alone give the rest, byte for byte."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from core.events import Event, FillReported
from core.frames import Frame
from core.journal import digest_of
from scenarios.model import find
from sim.faults import Fault
from tieout.cli import main
from tieout.dialects import READERS
from tieout.exits import BAD_INPUT
from tieout.files import save_journal
from tieout.outcome import Outcome
from tieout.relive import relive
from tieout.runs import run
from tieout.simulation import keep_of

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


async def lived(venue: str, journal: Path) -> str:
    """Two lives against a served venue whose frames are lost and doubled; the digest at its end."""
    from tests.live import Running, Served
    from tieout.wire_world import rough

    plan: tuple[Fault, ...] = tuple(rough(15))
    served = await Served.start(venue, 11, plan)
    running = Running.begin(served, journal)
    await running.last(4)
    await running.die()
    running = Running.begin(served, journal)
    await running.last(4)
    running.node.rest()
    running.task.cancel()
    await asyncio.wait([running.task])
    await running.node.loop.commit()
    digest = digest_of(running.store, running.node.node.state)
    assert running.node.said()["fills"] > 0, "it traded"
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
