"""Limits on a live node: the gate and the cold engine of every simulated run, over real sockets."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Callable, Coroutine
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

pytest.importorskip("ccxt.pro", reason="the extra `live` is not installed")
pytest.importorskip("trustme", reason="the extra `live` is not installed")

from core.journal import decode_event
from core.risk_events import LimitsLoaded, StrategyStateSet
from tests.live import Running, Served
from tieout.cli import main
from tieout.exits import BAD_INPUT
from tieout.journals.replay import replay

FULL = pytest.mark.skipif("TIEOUT_FULL" not in os.environ, reason="takes half a minute")
ENABLED = {"enabled": ("mm", "tk")}


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 100))


def refused(running: Running) -> Counter[str]:
    counts = running.node.node.state.counts
    return Counter({k[8:]: n for k, n in counts.items() if k.startswith("refused/")})


async def until(running: Running, true: Any, seconds: float = 20) -> None:
    """Let it live until something is true of it; it has to come to that."""
    for _ in range(int(seconds * 10)):
        if true():
            return
        await running.last(0.1)
    raise AssertionError(f"it never was; refused {refused(running)}, {running.node.said()}")


def placed(running: Running) -> int:
    return running.node.said()["orders"]


async def ends(running: Running, served: Served) -> None:
    await running.die()
    await served.server.stop()


# --- who may trade, and how much ------------------------------------------------------------------


async def trades_under_limits(folder: Path) -> None:
    served = await Served.start("binance_usdm", 3)
    running = Running.begin(served, folder / "j.db", limits=ENABLED)
    await until(running, lambda: placed(running) > 10)
    engine = running.node.engine
    assert engine is not None
    assert engine.words > 2
    assert running.node.node.state.risk.limit_breaches == 0
    await running.die()
    running = Running.begin(served, folder / "j.db", limits=ENABLED)
    await until(running, lambda: placed(running) > 20)
    await ends(running, served)
    replayed = replay(folder / "j.db")
    assert not replayed.differences
    events = [decode_event(each) for each in running_events(folder / "j.db")]
    assert len([each for each in events if isinstance(each, LimitsLoaded)]) == 2, "at each start"
    enabled = [each.strategy for each in events if isinstance(each, StrategyStateSet)]
    assert enabled == ["mm", "tk"], "whom the deployment enables is told once"


def running_events(journal: Path) -> list[bytes]:
    from tieout.journals.sqlite_store import open_for_reading, read_events

    return list(read_events(open_for_reading(journal)))


async def nobody_enabled(folder: Path) -> None:
    served = await Served.start("okx_swap", 3)
    running = Running.begin(served, folder / "j.db", limits={"enabled": ("mm",)})
    await until(running, lambda: refused(running)["STRATEGY_DISABLED"] > 3)
    await until(running, lambda: placed(running) > 5)
    state = running.node.node.state
    assert {each.strategy for each in state.orders.values()} == {"mm"}
    running.node.set_standing("mm", "disabled", by="bea", reason="a drill")
    await until(running, lambda: not running.node.working())
    before = placed(running)
    await running.last(1)
    assert placed(running) == before
    await ends(running, served)


async def position_limited(folder: Path) -> None:
    """By the venue's own truth no position goes beyond what the limits allow."""
    served = await Served.start("binance_usdm", 3)
    exchange = served.world.sites["binance_usdm"].venue.exchange
    most = {symbol: 3 * terms.lot for symbol, terms in exchange.terms.items()}
    places = {f"binance_usdm/main/{symbol}": amount for symbol, amount in most.items()}
    table = {**ENABLED, "places": {"account_position": places}}
    running = Running.begin(served, folder / "j.db", limits=table)
    worst: dict[str, Decimal] = dict.fromkeys(most, Decimal(0))

    def looks() -> bool:
        for (symbol, _), position in exchange.positions.items():
            worst[symbol] = max(worst[symbol], abs(position.quantity))
        return refused(running)["ACCOUNT_POSITION"] > 5

    await until(running, looks, 40)
    assert all(worst[symbol] <= most[symbol] for symbol in most), (worst, most)
    assert any(worst.values()), "it traded"
    await ends(running, served)


# --- the engine -----------------------------------------------------------------------------------


async def engine_dies(folder: Path) -> None:
    served = await Served.start("binance_usdm", 3)
    alerts: list[tuple[str, str, str]] = []
    table = {**ENABLED, "heartbeat_ms": 400, "ttl_ms": 1600}
    running = Running.begin(served, folder / "j.db", limits=table, alerts=alerts)
    engine = running.node.engine
    assert engine is not None
    await until(running, lambda: placed(running) > 5)
    assert engine.process is not None
    os.kill(engine.process.pid, signal.SIGSTOP)
    refusals = refused(running)["LEASE_OVER"]
    await until(running, lambda: refused(running)["LEASE_OVER"] > refusals + 2)
    before = placed(running)
    await running.last(1)
    assert placed(running) == before, "nothing passes while the engine is silent"
    os.kill(engine.process.pid, signal.SIGKILL)
    await until(running, lambda: placed(running) > before + 5)
    assert engine.lives == 2
    assert ("engine", "warning", "the cold engine died; it is made anew") in alerts
    await ends(running, served)


async def both(folder: Path, *stories: Callable[[Path], Coroutine[Any, Any, None]]) -> None:
    """At once, each at a venue and with a journal of its own."""
    for story in stories:
        (folder / story.__name__).mkdir()
    await asyncio.gather(*(story(folder / story.__name__) for story in stories))


def test_it_trades_under_limits_and_a_silent_engine_closes_the_gate(tmp_path: Path) -> None:
    """It goes on after a kill, and with a new engine."""
    run(both(tmp_path, trades_under_limits, engine_dies))


@FULL
def test_who_is_not_enabled_is_refused_and_no_position_goes_beyond_its_limit(
    tmp_path: Path,
) -> None:
    """By the venue's own word, and by a person's."""
    run(both(tmp_path, nobody_enabled, position_limited))


# --- a deployment without limits ------------------------------------------------------------------

BARE = """
name = "desk"
journal = "desk.db"
{}
[[accounts]]
venue = "okx_swap"
keys = {{key = "env:K", secret = "env:S", passphrase = "env:P"}}
[[strategies]]
kind = "maker"
name = "mm"
{}
"""
TABLE = '[limits]\nfile = "{}"\nrates = {{USDT = 1}}\n{}'
BAD = (
    ('limits = "some"', "", "limits: found 'some': a table, or 'none', would do"),
    ("", TABLE.format("absent.yaml", ""), "absent.yaml"),
    ("", TABLE.format("house.yaml", 'enabled = ["xx"]\nenabled_by = "anna"'), "found 'xx'"),
    ("", TABLE.format("house.yaml", 'enabled = ["mm"]'), "enabled_by: the name of who enables"),
    ("", TABLE.format("house.yaml", "disabled = ['mm']"), "disabled: a scenario's"),
    ("", TABLE.format("house.yaml", "amounts = {nothing = 1}"), "no limit 'nothing'"),
)


@pytest.mark.parametrize(("head", "tail", "said"), BAD)
def test_what_goes_live_has_limits_or_says_that_it_has_none(
    head: str, tail: str, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "desk.toml"
    path.write_text(BARE.format(head, tail))
    house = Path(__file__).parent.parent / "scenarios" / "limits" / "house.yaml"
    (tmp_path / "house.yaml").write_bytes(house.read_bytes())
    done = CliRunner().invoke(main, ["live", str(path), "--mode", "live"])
    assert done.exit_code == BAD_INPUT
    assert said in done.output, done.output
    assert "Traceback" not in done.output
    assert not (tmp_path / "desk.db").exists()


@pytest.mark.parametrize("head", ['limits = "none"', ""])
def test_limits_that_are_none_or_a_file_are_taken(head: str, tmp_path: Path) -> None:
    """It goes on to the next thing that is missing: the secrets."""
    path = tmp_path / "desk.toml"
    path.write_text(BARE.format(head, "" if head else TABLE.format("house.yaml", "")))
    house = Path(__file__).parent.parent / "scenarios" / "limits" / "house.yaml"
    (tmp_path / "house.yaml").write_bytes(house.read_bytes())
    done = CliRunner().invoke(main, ["live", str(path), "--mode", "live"])
    assert "env:K: the environment has no such variable" in done.output
