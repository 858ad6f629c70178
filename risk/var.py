"""Value at risk and expected shortfall by historical simulation: what risk reports, in floats.

Rule. Nothing here changes a lease or closes a gate: what does is exact, and is elsewhere.

A *scenario* is what every factor (an asset, or a single instrument) did in one past interval, as a
share of its price. A *book* is whatever exposure is looked at together: a strategy, an account, the
firm. Losses are positive.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from risk.engine import Engine
from risk.engine_sums import column
from risk.records import Key
from risk.weights import SHIFT

Floats = NDArray[np.float64]
Places = NDArray[np.int64]
Marks = dict[tuple[str, str, str], float]


class Tail(NamedTuple):
    """Of each book: the loss that only the worst share of scenarios exceeds, and its mean there."""

    var: Floats
    shortfall: Floats


class Loss(NamedTuple):
    """Of one book: what it loses at most in all but the worst intervals, and on average in those.

    A book that gains even then loses nothing.
    """

    var: float
    shortfall: float


NOTHING = Loss(0.0, 0.0)


class Map(NamedTuple):
    """Which book and factor each cell is in, for as long as no cell is added."""

    books: tuple[Key, ...]
    factors: tuple[str, ...]
    by_strategy: Places
    by_account: Places
    strategies: int
    accounts: int


def map_of(engine: Engine, factors: Sequence[str], *, by_instrument: bool = False) -> Map:
    """Books are the strategies, the accounts and the firm; what has no factor does not move.

    Cash that merely lies there has none, as in the lines of limits.
    """
    place = {factor: number for number, factor in enumerate(factors)}
    width = len(factors) + 1  # the last factor is none
    strategies = {name[0]: 0 for name in engine.cells}
    accounts = {name[1]: 0 for name in engine.cells}
    for names in (strategies, accounts):
        names.update({name: number for number, name in enumerate(names)})
    by_strategy, by_account = [], []
    for (strategy, account, instrument), cell in engine.cells.items():
        terms = engine.terms[engine.listings[cell]]
        name = "" if terms.cash else instrument if by_instrument else terms.asset
        factor = place.get(name, len(factors))
        by_strategy.append(strategies[strategy] * width + factor)
        by_account.append(accounts[account] * width + factor)
    books: list[Key] = [("strategy", name) for name in strategies]
    books += [("account", name) for name in accounts]
    return Map(
        (*books, ("firm",)),
        tuple(factors),
        np.asarray(by_strategy, dtype=np.int64),
        np.asarray(by_account, dtype=np.int64),
        len(strategies),
        len(accounts),
    )


def marks(engine: Engine) -> Floats:
    """What each cell's position is worth, in reporting units, signed."""
    middle = (column(engine.up) + column(engine.down)) * (0.5 / (1 << SHIFT))
    return column(engine.position) * middle


def exposures(engine: Engine, where: Map) -> Floats:
    """Books by factors: the marks, summed."""
    values, width = marks(engine), len(where.factors) + 1
    ours = np.bincount(where.by_strategy, values, where.strategies * width).reshape(-1, width)
    theirs = np.bincount(where.by_account, values, where.accounts * width).reshape(-1, width)
    return np.vstack((ours, theirs, ours.sum(axis=0)))[:, :-1]


def tails(exposed: Floats, scenarios: Floats, percent: int = 99) -> Tail:
    """VaR and ES of each book over the scenarios (factors by scenarios).

    Of n scenarios the worst n * (100 - percent) / 100, rounded up, are the tail; VaR is the
    mildest of them, so a short history does not flatter.
    """
    count = scenarios.shape[1]
    if count == 0 or not 0 < percent < 100:
        raise ValueError(f"{count} scenarios at {percent} %: at least one, and 1 to 99, would do")
    worst = -(-count * (100 - percent) // 100)
    losses = -(exposed @ scenarios)
    tail = np.partition(losses, count - worst, axis=1)[:, count - worst :]
    return Tail(tail[:, 0], tail.mean(axis=1))


def by_book(where: Map, found: Tail) -> dict[str, Loss]:
    """By the names of the books: "firm", "strategy/NAME", "account/NAME"."""
    losses = zip(found.var.tolist(), found.shortfall.tolist(), strict=True)
    return {
        "/".join(book): Loss(max(0.0, var), max(0.0, shortfall))
        for book, (var, shortfall) in zip(where.books, losses, strict=True)
    }


def marked(engine: Engine) -> Marks:
    """What each strategy's position in an instrument is worth, where it has one; no cash."""
    values = marks(engine).tolist() if engine.counts_in else []
    return {
        name: values[cell]
        for name, cell in engine.cells.items()
        if engine.position[cell] and not engine.terms[engine.listings[cell]].cash
    }
