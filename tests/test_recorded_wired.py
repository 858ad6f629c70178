"""In a backtest funding is paid and positions are taken over, and the books know of both."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.money import price, quantity
from core.state import UNATTRIBUTED
from scenarios.model import BadScenario, Scenario, check
from tests.facts import fill
from tests.recordings import AT_ONCE, MINUTE, PERP, START
from tieout.backtest.asked import told_by
from tieout.backtest.attributed import LIQUIDATED, attributed
from tieout.backtest.outcome import Outcome
from tieout.backtest.rows import Told
from tieout.backtest.run import run
from tieout.backtest.tear_facts import facts, money
from venues.recorded.funding import Due, Rates
from venues.recorded.tape import Tape

D = Decimal
PLACE = (PERP, "BTCUSDT")
ONCE = '''
from core.events import OrderRequested
from tests.silent import Silent


class Once(Silent):
    """Buys ten at the first bar, and waits."""

    bar_ns = 60 * 10**9

    def __init__(self, name):
        super().__init__(name)
        self.wanted = True

    def on_bar(self, bar):
        if not self.wanted:
            return []
        self.wanted = False
        return [
            OrderRequested(
                received_at=bar.at, strategy=self.name, reference="1", account=bar.account,
                instrument=bar.instrument, side="buy", quantity=10 * 10**8, kind="market", price=0,
                leg="net", reduce_only=False,
            )
        ]


def make(name, options):
    return Once(name)
'''


def minutes(*rows: tuple[int, int, int, int]) -> Tape:
    """Bars of open, high, low, close in whole USDT."""
    opened = START + MINUTE * np.arange(len(rows), dtype=np.int64)
    four = [np.array(column, dtype=np.int64) for column in zip(*rows, strict=True)]
    names = ("opened_at", "open", "high", "low", "close", "volume")
    columns = dict(zip(names, (opened, *four, np.full(len(rows), 1000)), strict=True))
    return Tape("bars", price("1"), quantity("1"), opened + MINUTE, columns)


def scenario(
    tmp_path: Path, wallet: int, names: Sequence[str] = ("once",), **models: Any
) -> Scenario:
    path = tmp_path / "once.py"
    path.write_text(ONCE)
    venue = {
        "dialect": "binance_usdm",
        "instruments": [
            {
                "symbol": "BTCUSDT",
                "base": "BTC",
                "quote": "USDT",
                "tick": 1,
                "lot": 1,
                "price": 100,
                "maker_rate": 0,
                "taker_rate": 0,
            }
        ],
        "wallets": {"USDT": wallet},
        "models": AT_ONCE | models,
    }
    once = [{"kind": str(path), "name": name} for name in names]
    told = {"name": "x", "claim": "x", "duration_s": 1, "venues": [venue], "strategies": once}
    return check(told, "tests")


def moved(outcome: Outcome) -> list[tuple[int, Decimal]]:
    """When which funding was paid, in minutes from the start."""
    found = outcome.frames["movements"]
    paid = found[found["kind"] == "funding"]
    return [
        ((at - START) // MINUTE, amount)
        for at, amount in zip(paid["at"], paid["amount"], strict=True)
    ]


DOUBLED = [(100, 101, 99, 100), (100, 200, 99, 200), *[(200, 201, 199, 200)] * 3]


def test_funding_is_paid_at_its_moments_on_what_is_held(tmp_path: Path) -> None:
    told = scenario(tmp_path, 1000, funding={"rate": "0.001", "every_s": 120})
    outcome = run(told, {PLACE: minutes(*DOUBLED)})
    assert moved(outcome) == [(2, D("-2")), (4, D("-2"))], "at the last close"
    assert outcome.counts["open_breaks"] == 0


def test_recorded_rates_are_paid_instead(tmp_path: Path) -> None:
    told = scenario(tmp_path, 1000, funding={"rate": "0.001", "every_s": 120})
    paid = Rates([Due(START + 3 * MINUTE, D("-0.002"))])
    outcome = run(told, {PLACE: minutes(*DOUBLED)}, rates={PLACE: paid})
    assert moved(outcome) == [(3, D("4"))]


@pytest.mark.parametrize(
    ("wallet", "rows", "closed"),
    [
        (200, [(100, 100, 82, 95), (95, 96, 70, 90), (90, 91, 89, 90)], (3, D(81))),
        (200, [(100, 100, 82, 95), (78, 96, 70, 90), (90, 91, 89, 90)], (3, D(78))),
        (200, [(100, 100, 82, 95), (95, 96, 82, 90), (90, 91, 89, 90)], None),
        (1000, [(100, 100, 82, 95), (95, 96, 7, 90), (90, 91, 89, 90)], None),
    ],
)
def test_what_its_margin_does_not_cover_is_taken_over(
    tmp_path: Path,
    wallet: int,
    rows: list[tuple[int, int, int, int]],
    closed: tuple[int, Decimal] | None,
) -> None:
    """Bought at 100 with a fifth of it, taken over at 81, or at the open beyond."""
    told = scenario(tmp_path, wallet, liquidation={"maintenance_rate": "0.01"})
    outcome = run(told, {PLACE: minutes((100, 100, 100, 100), *rows)})
    fills = outcome.fills[outcome.fills["cause"] == "liquidation"]
    found = [
        ((at - START) // MINUTE, price)
        for at, price in zip(fills["at"], fills["price"], strict=True)
    ]
    assert found == ([closed] if closed else [])
    assert outcome.counts["open_breaks"] == 0, "and the books know of it"


@pytest.mark.parametrize(
    ("names", "whose", "profit"),
    [
        (["once"], "once", {"once": -190}),
        # Each still counts ten at the last mark; what the venue sold of both is its own row.
        (["once", "twin"], LIQUIDATED, {LIQUIDATED: -180, "once": -100, "twin": -100}),
    ],
)
def test_what_was_taken_over_is_of_who_alone_held_it(
    tmp_path: Path, names: list[str], whose: str, profit: dict[str, int]
) -> None:
    """Each bought ten at 100 with 200 behind them; all was sold at 81, and the last mark is 90."""
    told = scenario(tmp_path, 200 * len(names), names, liquidation={"maintenance_rate": "0.01"})
    rows = minutes(*[(100, 100, 100, 100)] * 2, (100, 100, 70, 90))
    sheet = run(told, {PLACE: rows}).tear_sheet()
    assert sheet.profit_by("strategy")["profit"].to_dict() == profit
    assert sheet.liquidated.index.to_list() == [(whose, *PLACE)]
    forced = [fact for fact in facts(sheet)["Trading"] if fact.name == "Liquidated by the venue"]
    sold = 810 * len(names)
    assert [(fact.figure, fact.means) for fact in forced] == [
        (money(sold), f"USDT in 1 fill: {whose}, {PERP}, BTCUSDT")
    ]
    assert (whose, *PLACE) in sheet.quality_by("strategy", "account", "instrument").index


def test_what_a_strategy_held_no_more_was_taken_from_the_other() -> None:
    """Legs are held apart, and who closed its own has nothing to lose."""
    fills = [
        fill("1", "buy", "5", "7", leg="long", client_order_id="a"),
        fill("2", "sell", "5", "7", leg="short", client_order_id="b"),
        fill("3", "sell", "5", "7", leg="short", client_order_id="a"),
        fill("4", "buy", "5", "7", leg="short", client_order_id="b"),
        fill("5", "buy", "5", "7", leg="short", cause="liquidation"),
        fill("6", "sell", "5", "7", leg="long"),
    ]
    found = attributed(fills, {"a": "first", "b": "second"})
    assert found[-2:] == ["first", UNATTRIBUTED], "a fill by hand is nobody's, as ever"


# --- what stands beside a market's file ----------------------------------------------------------

WRITTEN = """
name: beside
claim: x
duration_s: 1
venues:
  - dialect: binance_usdm
    wallets: {{USDT: 1000}}
    instruments:
      - symbol: BTCUSDT
        base: BTC
        quote: USDT
        tick: 1
        lot: 1
        price: 100
        recorded: {recorded}
"""
TRADES = "timestamp,side,price,quantity\n1700000000000,buy,101,2\n1700000002000,sell,100,1\n"
DEPTH = "timestamp,fresh,side,price,quantity\n" + "".join(
    f"17000000000{row}\n" for row in ("00,1,buy,100,5", "00,1,sell,101,5", "01,0,sell,101,3")
)


def test_trades_beside_depth_and_rates_of_funding_are_read(tmp_path: Path) -> None:
    (tmp_path / "depth.csv").write_text(DEPTH)
    (tmp_path / "trades.csv").write_text(TRADES)
    (tmp_path / "funding.csv").write_text("fundingTime,fundingRate\n1700000001000,0.0001\n")
    path = tmp_path / "s.yaml"
    recorded = "{file: depth.csv, trades: trades.csv, funding: funding.csv}"
    path.write_text(WRITTEN.format(recorded=recorded))
    found = told_by(path, Told())
    tape = found.tapes[PLACE]
    assert (tape.kind, tape.columns["traded"].tolist()) == ("depth_and_trades", [1, 0, 0, 0, 1])
    first = found.rates[PLACE].next_after(0)
    assert first is not None
    assert first.rate == D("0.0001")


def test_contracts_say_how_many_coins_they_are(tmp_path: Path) -> None:
    """A hundredth, or a thousand: 1 is never meant."""
    (tmp_path / "trades.csv").write_text(TRADES)
    path = tmp_path / "s.yaml"
    written = WRITTEN.replace("binance_usdm", "okx_swap").format(recorded="{file: trades.csv}")
    path.write_text(written)
    with pytest.raises(BadScenario, match=r"instruments\.0\.multiplier: found nothing; how many"):
        told_by(path, Told())
    path.write_text(written.replace("lot: 1", "lot: 1\n        multiplier: 0.01"))
    assert told_by(path, Told()).scenario.venues[0].instruments[0].multiplier == D("0.01")


def test_trades_beside_trades_are_refused(tmp_path: Path) -> None:
    (tmp_path / "trades.csv").write_text(TRADES)
    path = tmp_path / "s.yaml"
    path.write_text(WRITTEN.format(recorded="{file: trades.csv, trades: trades.csv}"))
    with pytest.raises(BadScenario, match=r"recorded\.trades: found beside trades; beside depth"):
        told_by(path, Told())
