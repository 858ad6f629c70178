"""Our backtester beside others over the recorded month, a bar to a callback, each in a process.

True here: the fills of every run are held against what the rule asks for (`backtests/expected.py`)
before its speed counts. Events are bars; the time is the engine's own CPU time. The turns go there
and back (A B B A), and the best of each contestant counts.
"""

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

from bench.backtests.expected import expected
from bench.backtests.told import Kind, Told
from bench.interpreters import ROOT, compiled_python, next_python, peers_python
from bench.rows import Row, not_run

MARKET = ROOT.parent / "shared" / "data" / "market" / "btc_perp_1m_2022-01.csv.gz"
WORKER = Path(__file__).parent / "backtests" / "worker.py"
MONTH_BARS = 45_031
MONTHS = 23
UNIT = "events per CPU-second"
KINDS: Final[tuple[Kind, Kind]] = ("noop", "orders")


class Contestant(NamedTuple):
    """A runner of `backtests/`, the interpreter that has its engine, and our target beside it."""

    runner: str
    python: Path | None
    why: str = ""
    target: str = ""


def rows(*, quick: bool = False) -> list[Row]:
    """One row per strategy and peer: our rate, and how many times the peer's it is.

    The last is ours under limits, beside ours without.
    """
    mine, others = ours(), peers()
    if not MARKET.exists():
        why = "the recorded month is not in ../shared"
        return [_absent(kind, peer, why) for kind in KINDS for peer in others]
    bars = MONTH_BARS * (1 if quick else MONTHS)
    found = [row for kind in KINDS for row in _beside(mine, others, kind, bars)]
    return [*found, _under_limits(mine, bars)]


def ours() -> Contestant:
    """The compiled build where it is made, else the plain source."""
    python, _ = compiled_python()
    return Contestant("ours", python or Path(sys.executable))


def peers() -> tuple[Contestant, ...]:
    """Those we are measured beside, here or not."""
    return (
        Contestant("backtrader", *peers_python("backtrader"), target=">= 20"),
        Contestant("nautilus", *peers_python("nautilus_trader"), target=">= 3"),
        Contestant("nautilus_next", *next_python()),
        Contestant("vectorbt", *peers_python("vectorbt")),
        Contestant("vectorbt_callback", *peers_python("vectorbt")),
    )


def _beside(mine: Contestant, others: Iterable[Contestant], kind: Kind, bars: int) -> Iterable[Row]:
    here = [peer for peer in others if peer.python is not None]
    told: dict[str, Told] = {}
    for each in (mine, *here, *reversed(here), mine):
        found = ask(each, kind, bars)
        if each.runner not in told or found.cpu_seconds < told[each.runner].cpu_seconds:
            told[each.runner] = found
    asked_for = expected(MARKET, bars if kind == "orders" else 0)
    for peer in others:
        if peer.python is None:
            yield _absent(kind, peer, peer.why)
        else:
            yield _row(kind, peer, told[mine.runner], told[peer.runner], asked_for)


def _under_limits(mine: Contestant, bars: int) -> Row:
    free, bound, again = (ask(mine, kind, bars) for kind in ("orders", "limits", "orders"))
    took = min(free.cpu_seconds, again.cpu_seconds)
    rate, ratio = bars / bound.cpu_seconds, took / bound.cpu_seconds
    return Row("backtest/orders, under limits", rate, UNIT, ratio, "the same without")


def ask(contestant: Contestant, kind: Kind, bars: int) -> Told:
    """One run in a process of its own."""
    settings = ["--market", MARKET, "--bars", str(bars), "--strategy", kind]
    finished = subprocess.run(  # noqa: S603  # our own program
        [contestant.python or "", "-P", "-W", "ignore", WORKER, contestant.runner, *settings],
        stdout=subprocess.PIPE,
        check=True,
    )
    return Told(**json.loads(finished.stdout.splitlines()[-1]))


def _row(kind: Kind, peer: Contestant, mine: Told, theirs: Told, asked_for: tuple[int, str]) -> Row:
    for told in (mine, theirs):
        if why := strays(told, asked_for):
            return _absent(kind, peer, f"{told.engine} {why}")
    rate = mine.bars / mine.cpu_seconds
    ratio = theirs.cpu_seconds / mine.cpu_seconds
    return Row(f"backtest/{kind}/{peer.runner}", rate, UNIT, ratio, theirs.engine, peer.target)


def strays(told: Told, asked_for: tuple[int, str]) -> str:
    """How a run differs from what the rule asks for; "" if it does not."""
    if (told.fills, told.digest) != asked_for:
        return f"fills otherwise: {told.fills} of {asked_for[0]}, first {told.first}"
    if told.callbacks not in (None, told.bars):
        return f"called back {told.callbacks} times in {told.bars} bars"
    return ""


def _absent(kind: Kind, peer: Contestant, why: str) -> Row:
    return not_run(f"backtest/{kind}/{peer.runner}", UNIT, peer.runner, peer.target, why)
