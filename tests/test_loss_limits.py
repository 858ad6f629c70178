"""A strategy that loses more than it may is stopped: in a backtest as in the simulation."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from core.journal import Store, decode_effect, decode_event
from core.money import price, quantity
from core.risk_effects import TellStanding
from core.risk_events import LossStated
from scenarios.model import Scenario, check
from tests.recordings import AT_ONCE, MINUTE, PERP, START
from tieout.backtest.run import run as backtest
from tieout.runs import run as simulate
from venues.recorded.tape import Tape

MILLION = 10**6
LOSING = '''
from core.money import quantity
from core.strategy import order
from tests.silent import Silent


class Losing(Silent):
    """Buys and sells by turns, and pays a fee each time."""

    side = "sell"

    def on_tick(self, tick):
        quote = tick.quotes[0]
        self.side = "buy" if self.side == "sell" else "sell"
        return [order(self.name, "turn", quote, self.side, quantity("1"), tick.now, kind="market")]


def make(name, options):
    return Losing(name)
'''


def losing(folder: Path, loss_max: str, **more: Any) -> Scenario:
    """It trades a coin of 20,000 each five seconds, for 8 USDT; losses are looked at between."""
    file = folder / "losing.py"
    file.write_text(LOSING)
    instrument = {"symbol": "BTCUSDT", "base": "BTC", "quote": "USDT"}
    terms = {"tick": "0.5", "lot": "0.001", "price": "20000"}
    rates = {"maker_rate": "0.0004", "taker_rate": "0.0004"}
    venue = {
        "dialect": "binance_usdm",
        "instruments": [instrument | terms | rates],
        "wallets": {"USDT": "1000000"},
    }
    told = {
        "name": "losing",
        "claim": "it stops",
        "duration_s": 60,
        "venues": [venue | more],
        "strategies": [{"kind": str(file), "name": "losing", "tick_ms": 5000}],
        "limits": {
            "file": "simulated",
            "rates": {"USDT": "1", "BTC": "20000"},
            "terms": {"losing": {"loss_max": loss_max}},
        },
    }
    return check(told, "tests")


def flat(minutes: int) -> Tape:
    """A market that stands still, so that fees are all that is lost."""
    opened = START + MINUTE * np.arange(minutes, dtype=np.int64)
    names = ("open", "high", "low", "close", "volume")
    columns = {name: np.full(minutes, 40_000, dtype=np.int64) for name in names}
    return Tape(
        "bars", price("0.5"), quantity("0.001"), opened + MINUTE, {"opened_at": opened, **columns}
    )


class Stopped(NamedTuple):
    """The losses that were stated until it was disabled, and the orders before and after that."""

    losses: list[int]
    before: int
    after: int


def stopped(store: Store | None) -> Stopped:
    assert store is not None
    losses: list[int] = []
    placed = {True: 0, False: 0}
    is_on = True
    for record in store.records():
        if record.name == "LossStated" and is_on:
            told = decode_event(record.body)
            assert isinstance(told, LossStated)
            losses.append(told.loss)
        elif record.name == "TellStanding":
            standing = decode_effect(record.body)
            assert isinstance(standing, TellStanding)
            is_on = standing.standing == "enabled"
        elif record.name == "PlaceOrder":
            placed[is_on] += 1
    assert not is_on
    return Stopped(losses, placed[True], placed[False])


def test_a_backtest_stops_where_a_strategy_lost_what_it_may(tmp_path: Path) -> None:
    """Each order costs 8: the seventh is beyond 50, and no eighth passes."""
    outcome = backtest(losing(tmp_path, "50", models=AT_ONCE), {(PERP, "BTCUSDT"): flat(4)})
    found = stopped(outcome.store)
    assert [*dict.fromkeys(found.losses)] == [8 * number * MILLION for number in range(8)]
    assert (found.before, found.after, len(outcome.fills)) == (7, 0, 7)
    orders = outcome.frames["orders"]
    assert set(orders["status"][-20:]) == {"refused"}
    assert set(orders["code"][-20:]) == {"losing is disabled: it lost 56000000, above 50000000"}
    assert outcome.tear_sheet().earned.profit == -56


def test_the_same_file_stops_there_in_the_simulation(tmp_path: Path) -> None:
    """Its market moves, and has less for it; a loss above 1 ends it as well."""
    outcome = simulate(losing(tmp_path, "1"), 7, sampled=False)
    found = stopped(outcome.store)
    *before, last = found.losses
    assert max(before) <= MILLION < last
    assert found.before > 1
    assert found.after == 0
