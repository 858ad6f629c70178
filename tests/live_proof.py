"""The live proof: every first-class venue over real sockets, under every fault, all at once.

    python -m tests.live_proof [--minutes 14] [--fills 5000] [--faults 20]

Each venue has a process: the venue served over TLS with all its faults, our node at it, and beside
them a second venue with the same faults and a trader who takes ccxt's results for the truth
(`tests/naive.py`). It ends when each venue saw so many fills and so many of each fault, or when the
minutes are over, and then says of both traders what their books are worth. It fails where our books
are not the venue's to the unit, or where too little happened to say so.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from core.effects import TellStrategy
from core.events import FillReported
from core.journal import decode_effect, decode_event
from core.orders import TERMINAL
from scenarios.draw import STRENGTHS
from sim.faults import KINDS, UNABLE, Fault
from sim.world import SECOND
from tests.live import Running, Served
from tests.naive import WHAT_CLIENTS_CATCH, Naive
from tieout.journals.sqlite_store import SqliteStore
from tieout.wire.world import SOCKETS

VENUES = ("binance_spot", "binance_usdm", "okx_swap", "bybit_inverse")
# Milliseconds: silence as long as a few beats, and cuts that end before everybody noticed.
LONG = {
    **dict.fromkeys(("half_open", "public_half_open"), 2500),
    **dict.fromkeys(("disconnect", "public_disconnect"), 500),
}
# One opportunity in so many: each often enough within the minutes, and none so often that a trader
# who trusts its stream would have nothing to trust.
ONE_IN = {"request": 300, "statement": 20, "stream": 500, "public": 150}
CUTS = {
    "contradiction": 150,
    "half_open": 350,
    **dict.fromkeys(("disconnect", "disconnect_replay"), 500),
    **dict.fromkeys(("public_disconnect", "public_half_open"), 250),
}
# What others do on the account, and every how many seconds.
BY_OTHERS = {
    "hand_trade": 6,
    "hand_trade_untold": 12,
    "transfer": 20,
    "funding": 20,
    "liquidation": 14,
    "adl": 14,
}
# Our node has taken the account over by then.
ADOPTED_NS = 8 * SECOND
SEED = 7
GRACE_S, WIDTH = 150.0, 110
# Where both legs are held, a trader who closes one waits for the other.
TICK_MS = {"okx_swap": 35}


def plan(venue: str) -> tuple[Fault, ...]:
    """Every kind of fault that sockets can carry out, and what others do on the account."""
    made = []
    for kind, (site, _, _) in KINDS.items():
        if site in SOCKETS and kind != "key_expired":
            low, high = STRENGTHS.get(kind, (0, 0))
            one_in = CUTS.get(kind, ONE_IN[site])
            strength = LONG.get(kind, (low + high) // 2)
            made.append(Fault(kind, one_in=one_in, strength=strength))
    by_itself = {**BY_OTHERS, **({"key_expired": 25} if "binance" in venue else {})}
    for kind, seconds in by_itself.items():
        if kind not in UNABLE.get(venue, ()):
            made.append(Fault(kind, start_ns=ADOPTED_NS, every_ns=seconds * SECOND, strength=1))
    return tuple(made)


# --- one venue -----------------------------------------------------------------------------------


async def prove(venue: str, journal: Path, wanted: Wanted) -> dict[str, Any]:
    served = await Served.start(venue, SEED, plan(venue))
    running = Running.begin(served, journal, tick_ms=TICK_MS.get(venue, 60))
    beside = await Served.start(venue, SEED, plan(venue))
    client = beside.session()
    naive = Naive(beside, beside.exchange(client))
    await load(naive)
    naive.begin(0.12)
    began = time.monotonic()
    while not wanted.met(served, time.monotonic() - began):
        await running.last(5)
        say(venue, told=wanted.so_far(served))
    seconds = time.monotonic() - began
    await naive.stop()
    served.world.heal()
    running.node.rest()
    await running.converge()
    result = {
        "seconds": round(seconds),
        "faults": served.world.struck(),
        "ours": {**fills_of(running.store), **orders_of(running), **differences(running)},
        "naive": naive.verdict(),
    }
    await naive.exchange.close()
    await client.close()
    await beside.server.stop()
    await running.die()
    await served.server.stop()
    return result


async def load(naive: Naive) -> None:
    """Its client needs the markets before it can begin; a person would try again."""
    for _ in range(60):
        try:
            await naive.exchange.load_markets()
            return
        except WHAT_CLIENTS_CATCH:
            await asyncio.sleep(0.5)
    raise RuntimeError(f"{naive.served.venue}: ccxt never loaded its markets")


class Wanted:
    """How long, and how much of everything."""

    def __init__(self, seconds: float, fills: int, faults: int) -> None:
        self.seconds, self.fills, self.faults = seconds, fills, faults

    def met(self, served: Served, seconds: float) -> bool:
        fills, rarest, _ = self.so_far(served)
        return seconds >= self.seconds or (fills >= self.fills and rarest >= self.faults)

    def so_far(self, served: Served) -> tuple[int, int, str]:
        """Fills of our account there, and how often the rarest fault struck, with its name."""
        struck = served.world.struck()
        each = [(struck.get(fault.kind, 0), fault.kind) for fault in plan(served.venue)]
        trades = served.world.sites[served.venue].venue.exchange.trades.values()
        return sum(map(len, trades)), *min(each)


def fills_of(store: SqliteStore) -> dict[str, int]:
    """Where each fill was heard of, by the journal: its frames say by which way they came."""
    channels: dict[int, str] = {}
    told: dict[tuple[str, str, str], Counter[str]] = {}
    for record in store.records():
        if record.kind == "frame":
            channels[record.number] = record.name
        elif record.name == "FillReported":
            fill = decode_event(record.body)
            assert isinstance(fill, FillReported)
            key = (fill.instrument, fill.fill_id, fill.side)
            told.setdefault(key, Counter())[channels.get(fill.frame, "")] += 1
    ways = [set(each) for each in told.values()]
    return {
        "fills": len(told),
        "by_stream_only": sum(each == {"stream"} for each in ways),
        "by_backfill_only": sum(each == {"rest"} for each in ways),
        "by_both": sum(len(each) > 1 for each in ways),
        "duplicates_dropped": sum(each.total() - 1 for each in told.values()),
    }


def orders_of(running: Running) -> dict[str, int]:
    """How many orders were of unknown outcome at a time, and how many still are."""
    unknown: dict[str, None] = {}
    for record in running.store.records():
        if record.name == "TellStrategy":
            told = decode_effect(record.body)
            if isinstance(told, TellStrategy) and told.status == "unknown":
                unknown[told.client_order_id] = None
    orders = running.node.node.state.orders
    alive = [name for name, each in orders.items() if each.status not in TERMINAL]
    return {
        "orders": len([r for r in running.store.records() if r.name == "PlaceOrder"]),
        "unknown_outcomes": len(unknown),
        "unknown_left": sum(name in unknown for name in alive),
    }


def differences(running: Running) -> dict[str, int]:
    state = running.node.node.state
    return {
        "differences": len(running.differences()),
        "open_breaks": len(state.breaks),
        "breaks_ever": sum(n for name, n in state.counts.items() if name.startswith("breaks/")),
    }


def say(venue: str, **what: object) -> None:
    print(json.dumps({"venue": venue, **what}), flush=True)


# --- all of them ----------------------------------------------------------------------------------


async def run(venue: str, options: tuple[str, ...], screen: Console) -> dict[str, Any]:
    """The venue's process; what it says on the way is shown."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.live_proof", "--venue", venue, *options),
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 20,
    )
    assert child.stdout is not None
    result: dict[str, Any] = {}
    shown = 0.0
    async for line in child.stdout:
        said = json.loads(line)
        if "told" in said and time.monotonic() - shown > 30:
            shown = time.monotonic()
            fills, rarest, kind = said["told"]
            screen.print(f"{venue}: {fills} fills; rarest fault {kind} {rarest} times")
        result = said.get("result", result)
    if await child.wait() or not result:
        raise click.ClickException(f"{venue}: its process ended with {child.returncode}")
    return result


ROWS = {
    "seconds": ("seconds",),
    "faults struck": ("struck",),
    "rarest fault": ("rarest",),
    "ours: fills": ("ours", "fills"),
    "  heard by stream only": ("ours", "by_stream_only"),
    "  heard by back-fill only": ("ours", "by_backfill_only"),
    "  heard by both": ("ours", "by_both"),
    "  tellings dropped as known": ("ours", "duplicates_dropped"),
    "  orders": ("ours", "orders"),
    "  outcomes unknown for a time": ("ours", "unknown_outcomes"),
    "  still unknown": ("ours", "unknown_left"),
    "  breaks opened, and closed": ("ours", "breaks_ever"),
    "  differences from the venue": ("ours", "differences"),
    "naive: fills": ("naive", "fills"),
    "  never seen": ("naive", "never_seen"),
    "  counted twice": ("naive", "counted_twice"),
    "  orders that raised": ("naive", "orders_raised"),
    "  of these filled all the same": ("naive", "orders_filled_though_raised"),
}


def show(results: dict[str, dict[str, Any]], screen: Console) -> None:
    table = Table("", *results, title="ours, and a trader who believes ccxt's results")
    for name, path in ROWS.items():
        cells = []
        for result in results.values():
            cell: Any = result
            for part in path:
                cell = cell[part]
            cells.append(str(cell))
        table.add_row(name, *cells)
    screen.print(table)


def failings(results: dict[str, dict[str, Any]], wanted: Wanted) -> Iterator[str]:
    for venue, result in results.items():
        ours = result["ours"]
        for bad in ("differences", "open_breaks", "unknown_left"):
            if ours[bad]:
                yield f"{venue}: {bad} {ours[bad]}"
        if ours["fills"] < wanted.fills:
            yield f"{venue}: {ours['fills']} fills of {wanted.fills}"
        for fault in plan(venue):
            if (struck := result["faults"].get(fault.kind, 0)) < wanted.faults:
                yield f"{venue}: {fault.kind} struck {struck} times of {wanted.faults}"
        if wanted.faults and not ours["unknown_outcomes"]:
            yield f"{venue}: no outcome was ever unknown"


@click.command()
@click.option("--minutes", default=14.0, help="At most so long, converging not counted.")
@click.option("--fills", default=5000, help="So many fills at each venue.")
@click.option("--faults", default=20, help="So many of each kind of fault at each venue.")
@click.option("--venue", type=click.Choice(VENUES), help="Only this one, in this process.")
def main(minutes: float, fills: int, faults: int, venue: str | None) -> None:
    """Each first-class venue over real sockets under every fault, at once."""
    wanted = Wanted(minutes * 60, fills, faults)
    if venue is not None:
        logging.getLogger("asyncio").disabled = True  # ccxt leaves futures that nobody asks
        with tempfile.TemporaryDirectory() as folder:
            limit = wanted.seconds + GRACE_S
            journal = Path(folder) / "journal.db"
            proof = asyncio.wait_for(prove(venue, journal, wanted), limit)
            say(venue, result=asyncio.run(proof))
        return
    screen = Console(highlight=False, width=WIDTH)
    options = ("--minutes", str(minutes), "--fills", str(fills), "--faults", str(faults))

    async def every() -> list[dict[str, Any]]:
        return await asyncio.gather(*(run(each, options, screen) for each in VENUES))

    results = dict(zip(VENUES, asyncio.run(every()), strict=True))
    for each in results.values():
        each["struck"] = sum(each["faults"].values())
        rarest = min(each["faults"], key=each["faults"].__getitem__)
        each["rarest"] = f"{rarest} {each['faults'][rarest]}"
    show(results, screen)
    found = list(failings(results, wanted))
    for words in found:
        screen.print(f"FAILED {words}")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
