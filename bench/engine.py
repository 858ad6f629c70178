"""The cold engine: a full recompute beside pandas and polars, one fill, and a whole cycle.

1,000 instruments, 50 strategies and 20 accounts; of their million cells 50,000 are live. The peers
keep the same rows in a frame and do what a user of theirs would: values by multiplication in
float64 (which is less than we do), and a group-by for each of the eight kinds of keys.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import count
from typing import Any

import numpy as np

from bench.measure import CHUNK_CALLS, Chunk, race
from bench.rows import Row, not_run
from risk import var
from risk.engine import Engine
from risk.engine_sums import column
from risk.records import Terms
from risk.weights import SHIFT, Weight, weigh

INSTRUMENTS, STRATEGIES, ACCOUNTS, ASSETS, CURRENCIES = 1_000, 50, 20, 100, 5
CELLS, CELLS_MIN = 50_000, 5_000
FILLS = 2_000
SCENARIOS = 500
ONE = 10**8
KEYS = (
    *(["strategy"], ["account"], ["instrument"], ["asset"], ["currency"]),
    *(["instrument", "asset", "currency"], ["strategy", "account"], ["firm"]),
)


def rows(*, quick: bool = False) -> list[Row]:
    """Measure; the peers are of the set `bench` and of ours."""
    rounds = 5 if quick else 60
    engine = _engine(CELLS_MIN if quick else CELLS)
    took = race({"fill": lambda: _fills(engine)}, rounds)
    took |= race(_whole(engine), rounds)
    took["fill"] /= FILLS
    found = [
        Row(
            "full recompute",
            took["full"] / 1e3,
            "us",
            None,
            "",
            "",
            "values and eight kinds of keys",
        )
    ]
    for peer in ("pandas", "polars"):
        name, target = f"full recompute, {peer}", ">= 20" if peer == "pandas" else ""
        if peer in took:
            found.append(
                Row(name, took[peer] / 1e3, "us", took[peer] / took["full"], "ours", target)
            )
        else:
            found.append(not_run(name, "us", "ours", target, f"{peer} is not installed"))
    found += [
        Row(
            "one fill",
            took["fill"],
            "ns",
            took["full"] / took["fill"],
            "full recompute",
            ">= 500",
        ),
        Row("cycle with factor VaR", took["cycle"] / 1e6, "ms", target="<= 2.5"),
        Row("the same with new prices of all", took["repriced"] / 1e6, "ms"),
        Row("VaR of single instruments", took["by instrument"] / 1e6, "ms"),
    ]
    return found


def _whole(engine: Engine) -> dict[str, Callable[[], Iterable[Chunk]]]:
    """What takes milliseconds: one call is one chunk."""
    dice = np.random.default_rng(4)
    assets = tuple(f"a{number}" for number in range(ASSETS))
    factors = var.map_of(engine, assets)
    moves = dice.normal(0, 0.02, (ASSETS, SCENARIOS))
    instruments = tuple(f"i{number}" for number in range(INSTRUMENTS))
    single = var.map_of(engine, instruments, by_instrument=True)
    single_moves = dice.normal(0, 0.02, (INSTRUMENTS, SCENARIOS))
    clock = count(2)

    def cycle() -> None:
        engine.cycle(next(clock))
        var.tails(var.exposures(engine, factors), moves)

    def repriced() -> Iterator[Chunk]:
        """The telling is not timed: it comes price by price, between cycles."""
        now = next(clock)
        for listing in range(len(engine.terms)):
            weight = Weight(engine.listing_up[listing], engine.listing_down[listing])
            engine.price(listing, weight, now)
        yield cycle

    jobs: dict[str, Callable[[], object]] = {
        "full": engine.recompute,
        "cycle": cycle,
        "by instrument": lambda: var.tails(var.exposures(engine, single), single_moves),
        **_peers(engine),
    }
    once = {name: (lambda job=job: [job]) for name, job in jobs.items()}
    return {**once, "repriced": repriced}


# --- the engine ----------------------------------------------------------------------------------


def _engine(cells: int) -> Engine:
    """Cells drawn without regard to order, each with a position and working orders."""
    dice = np.random.default_rng(7)
    engine = Engine(1 << 60)
    drawn = dice.choice(INSTRUMENTS * STRATEGIES * ACCOUNTS, cells, replace=False)
    for place in drawn.tolist():
        rest, instrument = divmod(place, INSTRUMENTS)
        strategy, account = divmod(rest, ACCOUNTS)
        terms = Terms(
            f"v{account}/main",
            f"i{instrument}",
            f"a{instrument % ASSETS}",
            f"c{instrument % CURRENCIES}",
            ONE,
        )
        listing = engine.listing(terms)
        engine.price(listing, weigh(terms, 10**9 * (instrument + 1), 10**12, 20_000), 1)
        cell = engine.cell(f"s{strategy}", terms.account, terms.instrument)
        held, bought, sold = dice.integers(0, 10**6, 3).tolist()
        engine.change(cell, (held - 500_000) * 1000, bought * 100 + 10**6, sold * 100)
    engine.cycle(2)
    return engine


def _fills(engine: Engine) -> Iterator[Chunk]:
    """Each a unit of a working buy that becomes position; undone between the chunks, untimed."""
    for start in range(FILLS // CHUNK_CALLS):
        cells = [(start * 7919 + step * 104_729) % CELLS_MIN for step in range(CHUNK_CALLS)]

        def chunk(cells: list[int] = cells) -> None:
            for cell in cells:
                engine.change(cell, 1000, -1000, 0)

        yield chunk
        for cell in cells:
            engine.change(cell, -1000, 1000, 0)


# --- the peers -----------------------------------------------------------------------------------


def _columns(engine: Engine) -> dict[str, Any]:
    terms = [engine.terms[listing] for listing in engine.listings]
    held = column(engine.position).astype(np.float64)
    return {
        "strategy": [name[0] for name in engine.cells],
        "account": [each.account for each in terms],
        "instrument": [each.instrument for each in terms],
        "asset": [each.asset for each in terms],
        "currency": [each.currency for each in terms],
        "firm": ["firm"] * len(terms),
        "bought": held + column(engine.buys),
        "sold": column(engine.sells) - held,
        "weight": column(engine.up) * (1.0 / (1 << SHIFT)),
    }


def _peers(engine: Engine) -> dict[str, Callable[[], object]]:
    found = {"pandas": _pandas(_columns(engine))}
    with suppress(ModuleNotFoundError):  # of the set `bench`
        found["polars"] = _polars(_columns(engine))
    return found


def _pandas(columns: dict[str, Any]) -> Callable[[], object]:
    """Names as categories, which is the fastest that pandas groups by."""
    import pandas as pd

    frame = pd.DataFrame(columns)
    for name in ("strategy", "account", "instrument", "asset", "currency", "firm"):
        frame[name] = frame[name].astype("category")

    def full() -> object:
        long = frame["bought"] * frame["weight"]
        short = frame["sold"] * frame["weight"]
        worth = frame.assign(long=long, short=short, gross=np.maximum(long, short))
        figures = ["long", "short", "gross"]
        return [worth.groupby(keys, observed=True)[figures].sum() for keys in KEYS]

    return full


def _polars(columns: dict[str, Any]) -> Callable[[], object]:
    """Lazily, all group-bys in one plan, on all cores."""
    import polars as pl

    names = ("strategy", "account", "instrument", "asset", "currency", "firm")
    frame = pl.DataFrame(columns).with_columns(pl.col(*names).cast(pl.Categorical))
    worth = frame.lazy().with_columns(
        long=pl.col("bought") * pl.col("weight"), short=pl.col("sold") * pl.col("weight")
    )
    worth = worth.with_columns(gross=pl.max_horizontal("long", "short"))
    plans = [worth.group_by(keys).agg(pl.col("long", "short", "gross").sum()) for keys in KEYS]
    return lambda: pl.collect_all(plans)
