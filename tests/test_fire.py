"""Backtests under fire: the same fills without faults; with them the law, and what is left."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from scenarios.model import Scenario, check
from sim.world import EPOCH_NS
from tieout.backtest import fire_cli
from tieout.backtest.asked import Asked
from tieout.backtest.families import FAMILIES, STRENGTHS, plan_of
from tieout.backtest.fire import CALM, Fire, FireResult, burn, families_of, set_up, tasks_of
from tieout.backtest.fire_page import page_of, summary
from tieout.backtest.fire_view import cells
from tieout.backtest.played import LEAD_NS, Played, began_at, gained, lasts_ns
from tieout.backtest.run import Tapes, run
from tieout.campaigns.seed import Task
from venues.recorded.tape import Tape

MINUTE = 60 * 10**9
BEGAN = 1_640_995_200 * 10**9
BTC = {"symbol": "BTCUSDT", "base": "BTC", "quote": "USDT", "tick": "0.1", "lot": "0.001"}
HOUR_NS = 60 * MINUTE


def bars_of(close: NDArray[np.int64], volume: int = 100_000) -> Tape:
    """Bars of a minute that open where the last closed."""
    rows = len(close)
    opened_at = BEGAN + np.arange(rows, dtype=np.int64) * MINUTE
    opened = np.concatenate([close[:1], close[:-1]])
    columns = {
        "opened_at": opened_at,
        "open": opened,
        "high": np.maximum(opened, close) + 5,
        "low": np.minimum(opened, close) - 5,
        "close": close,
        "volume": np.full(rows, volume, dtype=np.int64),
    }
    return Tape("bars", 10**11, 10**5, opened_at + MINUTE, columns)


def walk(rows: int) -> Tape:
    """A market that goes up and down by the hour, with noise."""
    noise = np.random.default_rng(7).integers(-20, 21, rows)
    wave = (4000 * np.sin(np.arange(rows) / 6)).astype(np.int64)
    return bars_of((500_000 + wave + np.cumsum(noise)).astype(np.int64))


def momentum(rows: int, quote: str = "USDT") -> tuple[Scenario, Tapes]:
    options = {"bars": 2, "bar_s": 300, "quantity": "1"}
    told = {
        "name": "fire",
        "claim": "a backtest under fire",
        "duration_s": 1000,
        "venues": [
            {
                "dialect": "binance_usdm",
                "latency_ms": 12,
                "latency_ms_p99": 12,
                "instruments": [BTC | {"price": "50000", "quote": quote}],
                "wallets": {quote: "1000000"},
                "models": {"entry": {"ns": 12_000_000}, "reply": {"ns": 12_000_000}},
            }
        ],
        "strategies": [{"kind": "momentum", "name": "mo", "options": options}],
    }
    return check(told, "test"), {("binance_usdm/main", "BTCUSDT"): walk(rows)}


def fire_of(scenario: Scenario, tapes: Tapes) -> Fire:
    return Fire(set_up(scenario, tapes), tapes)


def one(fire: Fire, name: str, seed: int = 0) -> FireResult:
    return fire(Task(name, seed, short=False))


# --- without faults ------------------------------------------------------------------------------


def test_without_faults_its_fills_are_those_of_the_direct_backtest() -> None:
    """Both by their own way: bytes over wires, and events over none."""
    scenario, tapes = momentum(240)
    direct: list[dict[str, Any]] = run(scenario, tapes).fills.to_dict("records")  # type: ignore[assignment]  # keys are names
    played = Played(set_up(scenario, tapes), 0, tapes)
    played.run()
    trades = played.sites[0].venue.exchange.trades["BTCUSDT"]
    signs = {"buy": 1, "sell": -1}
    fires = [(signs[each.side], each.quantity, each.price, each.fee) for each in trades]
    same = [tuple(each[name] for name in ("side", "quantity", "price", "fee")) for each in direct]
    assert len(same) > 10
    assert fires == same
    # Told later by the ways there and back, and the wait of a group; never by a row more.
    late = [
        each.at * 10**6 - played.shift_ns - int(told["at"])
        for each, told in zip(trades, direct, strict=True)
    ]
    assert all(0 <= each < MINUTE // 10 for each in late), late


@pytest.mark.parametrize("quote", ["USDT", "USD", "ETH"])
def test_the_limits_of_a_run_that_has_none_refuse_nothing(quote: str) -> None:
    scenario, tapes = momentum(60, quote)
    played = Played(set_up(scenario, tapes), 0, tapes)
    played.run()
    state = played.host.state
    assert state is not None
    assert not [name for name in state.counts if name.startswith("refused/")]
    assert len(played.sites[0].venue.exchange.trades["BTCUSDT"]) > 2


def test_profit_is_what_the_venue_has_more_and_its_fees_are_in_it() -> None:
    scenario, tapes = momentum(120)
    played = Played(set_up(scenario, tapes), 0, tapes)
    played.run()
    exchange = played.sites[0].venue.exchange
    trades = exchange.trades["BTCUSDT"]
    signs = {"buy": -1, "sell": 1}
    cash = sum((signs[each.side] * each.value - each.fee for each in trades), Decimal(0))
    held = exchange.positions["BTCUSDT", "net"].quantity
    last = exchange.last_price(exchange.terms["BTCUSDT"])
    assert len(trades) > 3
    assert gained(played) == {"USDT": cash + held * last}


def test_recorded_times_are_moved_as_a_whole() -> None:
    _, tapes = momentum(10)
    assert began_at(tapes) == BEGAN
    assert lasts_ns(tapes) > LEAD_NS + 10 * MINUTE
    scenario, _ = momentum(10)
    assert Played(set_up(scenario, tapes), 0, tapes).shift_ns == EPOCH_NS + LEAD_NS - BEGAN


# --- with faults ---------------------------------------------------------------------------------


@pytest.mark.parametrize("family", [each for each in FAMILIES if each != "stuck deposits"])
def test_the_law_holds_in_each_family_at_its_worst(family: str) -> None:
    result = one(fire_of(*momentum(180)), f"{family}@1")
    assert result.failed == []
    assert (result.silent, result.held) == (0, True)
    assert result.struck > 0
    assert result.coin == "USDT"


def test_a_plan_is_of_its_family_strength_and_seed_alone_and_grows_with_its_strength() -> None:
    for family in FAMILIES:
        plans = [plan_of(family, each, 3, HOUR_NS) for each in STRENGTHS]
        assert plans[0] == []
        assert plans[-1] == plan_of(family, Fraction(1), 3, HOUR_NS) != []
        if family in ("outages", "stalled risk", "crashes"):
            begins = [[fault.start_ns for fault in plan] for plan in plans[1:]]
            assert all(each == begins[0] for each in begins), "one story that gets worse"
            lasts = [sum(fault.strength for fault in plan) for plan in plans]
            assert lasts == sorted(lasts)
    assert plan_of("outages", Fraction(1), 3, HOUR_NS) != plan_of(
        "outages", Fraction(1), 4, HOUR_NS
    )


def test_arbitrage_earns_less_the_longer_deposits_are_stuck() -> None:
    """Coins go round between two venues: while they are stuck it stands still."""
    flat = np.full(120, 20_000, dtype=np.int64)
    eth = {"base": "ETH", "quote": "USDT", "tick": "0.1", "lot": "0.001", "price": "2000"}
    options = {"base": "ETH", "size": "1", "limit": "3", "edge_bp": 50, "within_s": 1800}
    told = {
        "name": "between",
        "claim": "settlement is part of the result",
        "duration_s": 1000,
        "venues": [
            {
                "dialect": "binance_spot",
                "instruments": [eth | {"symbol": "ETHUSDT"}],
                "wallets": {"ETH": "20", "USDT": "100000", "BNB": "10000"},
            },
            {
                "dialect": "coinbase",
                "instruments": [eth | {"symbol": "ETH-USDT"}],
                "wallets": {"ETH": "20", "USDT": "100000"},
            },
        ],
        "strategies": [{"kind": "arbitrage", "name": "arb", "tick_ms": 20_000, "options": options}],
        "treasury": {"acts_s": [10, 30], "moves_s": [60, 300]},
    }
    tapes = {
        ("binance_spot/main", "ETHUSDT"): bars_of(flat),
        ("coinbase/main", "ETH-USDT"): bars_of(flat + 400),
    }
    fire = fire_of(check(told, "test"), tapes)
    calm, stuck = one(fire, CALM), one(fire, "stuck deposits@1")
    assert "stuck deposits" in families_of(fire.scenario)
    assert (calm.failed, stuck.failed) == ([], [])
    assert stuck.struck > 0
    assert 0 < stuck.profit < calm.profit
    assert stuck.fills < calm.fills


# --- what is shown -------------------------------------------------------------------------------


def result(name: str, seed: int, profit: str, **said: Any) -> FireResult:
    family, _, strength = name.partition("@")
    told = {"held": True, "family": family, "strength": Fraction(strength or 0), "coin": "USDT"}
    return FireResult(name, seed, **{**told, "profit": Decimal(profit), **said})


RESULTS = [
    result(CALM, 0, "100"),
    result(CALM, 1, "50"),
    result("outages@1/4", 0, "80"),
    result("outages@1/4", 1, "40"),
    result("outages@1", 0, "-10", failed=["nothing is ever silently different"], held=False),
    result("outages@1", 1, "0", error="lost", held=False),
]


def test_a_share_is_of_what_the_same_seeds_earned_without_faults() -> None:
    known = {(each.family, each.strength): each for each in cells(RESULTS)}
    assert known["outages", Fraction(0)].share == 1
    quarter = known["outages", Fraction(1, 4)]
    assert [int(each) for each in (quarter.profit, quarter.calm, quarter.worst)] == [120, 150, 40]
    assert quarter.share == Decimal("0.8")
    worst = known["outages", Fraction(1)]
    assert (worst.runs, worst.share, worst.failed) == (1, Decimal("-0.1"), 1), "one was lost"


def test_where_nothing_was_earned_there_is_no_share() -> None:
    (calm, quarter) = cells([result(CALM, 0, "-5"), result("outages@1/4", 0, "-4")])
    assert (calm.share, quarter.share) == (None, None)


def test_the_page_stands_alone_and_names_what_failed() -> None:
    page = page_of("mo", RESULTS, "USDT")
    assert "<svg" in page
    assert "2 of 6 runs have a claim that does not hold" in page
    assert "nothing is ever silently different" in page
    assert page == page_of("mo", RESULTS, "USDT")
    assert summary(RESULTS, "USDT")["silent_differences"] == 0


def test_a_run_that_raises_is_a_result(monkeypatch: pytest.MonkeyPatch) -> None:
    fire = fire_of(*momentum(10))
    (broken,) = burn(fire, [Task("nosuch@1", 0, short=False)])
    assert broken.error.startswith("KeyError")
    assert not broken.held


def test_the_command_prints_the_table_and_says_that_the_law_held(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Any
) -> None:
    scenario, tapes = momentum(30)
    monkeypatch.setattr(fire_cli, "families_of", lambda scenario: ["disorder"])
    wanted = Asked(scenario, tapes, ())
    status = fire_cli.burnt(wanted, range(1), 1, tmp_path, lambda share: None, as_json=False)
    assert status == 0
    assert "Profit under fire, USDT" in capsys.readouterr().out
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        *("fire.html", "fire.json", "fire.parquet"),
    ]
    assert len(tasks_of(["disorder"], range(2))) == 10
