"""The unmodified ccxt client and our served venues in simulated time: faults, kills, hours.

Each run is under seal: no socket, no thread, no clock and no chance of this machine takes part.
"""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

pytest.importorskip("ccxt.pro", reason="the extra `live` is not installed")

from scenarios.model import Scenario, StrategySpec, check
from sim.links import Weather
from tieout.node.dialects import DIALECTS
from tieout.wire.world import rough, scenario_of
from tieout.world.simulated_live import Session, SimulatedLive, session
from venues.binance_usdm import served

VENUES = ("binance_spot", "binance_usdm", "okx_swap", "bybit_inverse")
ROOT = Path(__file__).parent.parent
HOUR_S = 3600
MINUTE_MS = 60_000
FULL = os.environ.get("TIEOUT_FULL") == "1"
SECONDS, SEEDS = (120, range(7, 12)) if FULL else (24, range(7, 8))
LIFE_S = 900 if FULL else 360  # of a connection
STORM = Weather(
    refused_one_in=15,
    reset_one_in=150,
    truncated_one_in=150,
    silent_one_in=600,
    silent_ns=20_000_000_000,
)


def trading(venue: str, tick_ms: int = 100) -> tuple[StrategySpec, ...]:
    options = {"hedged": True} if DIALECTS[venue].hedged else {}
    return (
        StrategySpec(kind="taker", name="tk", tick_ms=tick_ms, options=options),
        StrategySpec(kind="maker", name="mm", tick_ms=3 * tick_ms, options=options),
    )


def storm(venue: str, seed: int = 7) -> Session:
    """Every fault of wire and links, and two kills."""
    sim = SimulatedLive(scenario_of(venue), seed, rough(25), STORM)
    return session(sim, trading(venue), SECONDS, kills=2)


weathered = cache(storm)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("venue", VENUES)
def test_books_are_the_venue_s_after_every_fault_and_kill_and_a_seed_is_one_digest(
    venue: str, seed: int
) -> None:
    first, again = weathered(venue, seed), storm(venue, seed)
    assert first == again
    assert (first.differences, first.is_open) == ({}, False)
    assert first.fills > 10, "it traded"
    assert sum(n for kind, n in first.struck.items() if kind.startswith("link ")) > 3
    assert min(first.epochs.values()) > 3, "its stream was opened again and again"


def test_another_seed_is_another_digest() -> None:
    assert weathered("okx_swap", 7).digest != storm("okx_swap", 1).digest


PROGRAM = """
from tests.test_simulated_live import storm
print(storm("binance_usdm").digest)
"""


def test_another_process_and_hash_seed_is_the_same_digest() -> None:
    said = set()
    for seed in ("0", "1"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        program = [sys.executable, "-c", PROGRAM]
        told = subprocess.run(program, env=environment, capture_output=True, text=True, check=True)
        said.add(told.stdout.strip())
    assert said == {weathered("binance_usdm", 7).digest}


# --- hours ----------------------------------------------------------------------------------------


def hours(venue: str) -> Scenario:
    """A sleepy market: what takes hours is to be seen, and little else happens."""
    slow = {
        "dialect": venue,
        "pace": 10,
        "statement_period_ms": 5 * MINUTE_MS,
        "backfill_period_ms": 10 * MINUTE_MS,
        "market_wait_ms": 20_000,
    }
    told = {"name": "hours", "claim": "hours", "duration_s": 10_000_000, "venues": [slow]}
    return check(told, "hours")


def lived(venue: str, seconds: int, weather: Weather = Weather()) -> Session:  # noqa: B008  # nobody changes it
    sim = SimulatedLive(hours(venue), 7, (), weather)
    return session(sim, trading(venue, 20_000)[:1], seconds)


def test_a_listen_key_is_renewed_for_hours_and_its_stream_never_ends() -> None:
    told = lived("binance_usdm", 2 * HOUR_S)
    assert (told.differences, told.is_open) == ({}, False)
    assert told.asked["POST /fapi/v1/listenKey"] == 1
    assert told.asked["PUT /fapi/v1/listenKey"] == 3  # each half hour
    assert told.epochs == {"binance_usdm/main": 1}
    assert told.fills > 30


def test_a_listen_key_that_ends_before_it_is_renewed_is_asked_for_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It lasts 20 minutes, and core renews each half hour: what lives then ends later."""
    monkeypatch.setattr(served, "KEY_MS", 20 * MINUTE_MS)
    told = lived("binance_usdm", HOUR_S)
    assert (told.differences, told.is_open) == ({}, False)
    assert told.asked["POST /fapi/v1/listenKey"] == 3  # at 0, 20 and 50 minutes
    assert told.epochs == {"binance_usdm/main": 3}


@pytest.mark.parametrize("venue", VENUES)
def test_a_venue_that_ends_each_connection_by_its_age_is_dialed_again(venue: str) -> None:
    """As venues do once a day; here it is four times in the time that is lived."""
    told = lived(venue, 4 * LIFE_S, Weather(life_ns=LIFE_S * 10**9))
    assert (told.differences, told.is_open) == ({}, False)
    assert told.epochs == {f"{venue}/main": 4}
    assert told.fills > LIFE_S // 90
