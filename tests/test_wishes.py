"""What a strategy says is held against what core knows, in the same words wherever it runs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner
from msgspec import ValidationError, convert
from msgspec.structs import asdict, replace

from core.events import CancelRequested, MoveRequested, OrderRequested
from core.strategy import PublicTrade, Tick, Wish
from scenarios import strategies
from scenarios.model import BadScenario, StrategySpec, check
from sim.faults import Fault
from tests.silent import Silent
from tests.test_fire import momentum
from tieout.backtest.fire import set_up
from tieout.backtest.played import play
from tieout.backtest.run import run as backtest
from tieout.cli import main
from tieout.exits import BAD_INPUT
from tieout.gates.strategy_process import StrategyProcess
from tieout.node.wishes import BadStrategy, whole
from tieout.runs import run
from tieout.wire.world import scenario_of
from tieout.world.simulated_live import SimulatedLive, session

AT = ("binance_usdm/main", "BTCUSDT")
ORDER = OrderRequested(
    received_at=1,
    strategy="ours",
    reference="a",
    account=AT[0],
    instrument=AT[1],
    side="buy",
    quantity=1,
    kind="market",
)
WISHES: tuple[Wish, ...] = (
    ORDER,
    CancelRequested(received_at=1, strategy="ours", client_order_id="a"),
    MoveRequested(
        received_at=1,
        strategy="ours",
        reference="a",
        account=AT[0],
        target="binance_spot/main",
        asset="USDT",
        amount=1,
        within_ns=1,
    ),
)


@pytest.mark.parametrize("wish", WISHES, ids=lambda wish: type(wish).__name__)
def test_a_wish_is_whole_where_each_field_is_what_core_says_of_it(wish: Wish) -> None:
    """Whatever may stand in a field: what is let through is what msgspec would let through."""
    assert whole("ours", [wish]) == [wish]
    odd: tuple[object, ...] = (
        0,
        -5,
        2**70,
        True,
        None,
        1.0,
        "ours",
        "buy",
        "limit",
        "net",
        b"a",
        [],
        (),
    )
    for field, value in product(wish.__struct_fields__, odd):
        told = replace(wish, **{field: value})
        try:
            sound = convert(asdict(told), type(told)) == told and told.strategy == "ours"
        except ValidationError:
            sound = False
        with nullcontext() if sound else pytest.raises(BadStrategy):
            assert whole("ours", [told]) == [told]


# --- wherever it runs ----------------------------------------------------------------------------


class Astray(Silent):
    """Wants one and a half units of an instrument."""

    def on_tick(self, tick: Tick) -> list[Wish]:
        return [replace(ORDER, strategy=self.name, quantity=1.5)]


class AtTrades(Silent):
    """The same, of each trade that it sees."""

    def on_trade(self, trade: PublicTrade) -> list[Wish]:
        return [replace(ORDER, strategy=self.name, quantity=1.5)]


def in_a_backtest() -> None:
    backtest(*momentum(10))


def under_fire() -> None:
    scenario, tapes = momentum(10)
    play(set_up(scenario, tapes), 0, tapes, [Fault("answer_lost", one_in=8)])


def in_simulation() -> None:
    told = {"name": "one", "claim": "a claim", "duration_s": 20, "venues": ["binance_usdm"]}
    run(check(told | {"strategies": [{"kind": "taker", "name": "mo"}]}, "test"))


def live() -> None:
    sim = SimulatedLive(scenario_of("binance_usdm"), 7, ())
    session(sim, (StrategySpec(kind="taker", name="mo"),), 20)


def in_a_process_of_its_own() -> None:
    nobody: Any = SimpleNamespace(jetstream=lambda timeout: None)
    process = StrategyProcess(
        AtTrades("mo"), tuple, 1.0, {}, deployment="test", socket=Path("none"), client=nobody
    )
    process.trade(PublicTrade(*AT, 1, "buy", 1, 1))


@pytest.mark.parametrize(
    "runs",
    [in_a_backtest, under_fire, in_simulation, live, in_a_process_of_its_own],
    ids=lambda runs: runs.__name__,
)
def test_nonsense_is_its_strategys_mistake_wherever_it_runs(
    runs: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Said in the same words: never a broken house, and never an order of one and a half."""
    monkeypatch.setattr(strategies, "make", lambda kind, name, options: Astray(name))
    with pytest.raises((BadStrategy, BadScenario, ExceptionGroup)) as raised:
        runs()
    (told,) = getattr(raised.value, "exceptions", (raised.value,))
    assert str(told) == (
        "strategy mo: wished for OrderRequested: Expected `int`, got `float` - at `$.quantity`;"
        " what core.events says of it would do"
    )


def test_a_run_ends_as_by_bad_input_and_says_where_it_stands_until_then(tmp_path: Path) -> None:
    """The same status as of a bad file: the program is well."""
    mine = tmp_path / "mine.py"
    mine.write_text(
        "from tests.silent import Silent\n"
        "class Mine(Silent):\n"
        "    def on_tick(self, tick):\n"
        "        return None\n"
        "def make(name, options):\n"
        "    return Mine(name)\n"
    )
    told = tmp_path / "told.yaml"
    told.write_text(
        "{name: told, claim: a claim, duration_s: 20, venues: [binance_spot],"
        f" strategies: [{{kind: {mine}, name: mo}}]}}"
    )
    done = CliRunner().invoke(main, ["run", str(told), "--out", str(tmp_path / "out")])
    assert done.exit_code == BAD_INPUT
    said = "strategy mo: returned NoneType; a list of wishes would do, empty where there is none"
    assert f"tieout: {said}; plan.json, journal.db and traceback.txt are in" in done.stderr
