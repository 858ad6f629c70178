"""One tape of a market of which the levels and the trades were recorded apart.

Only such a tape tells what became of a queue: a level that shrank by a trade let us forward, by a
cancel only perhaps. At one moment trades come first, for they are what the level's news is of.
"""

from math import gcd

import numpy as np

from venues.recorded.tape import COLUMNS, Column, Tape

ONE_ROW = {"ends": 1, "fresh": 0, "traded": 1}


def merged(depth: Tape, trades: Tape) -> Tape:
    """Both in order of time, in the finer tick and lot that counts both."""
    assert (depth.kind, trades.kind) == ("depth", "trades"), (depth.kind, trades.kind)
    tick, lot = gcd(depth.tick, trades.tick), gcd(depth.lot, trades.lot)
    order = np.argsort(np.concatenate((trades.at, depth.at)), kind="stable")

    def column(name: str) -> Column:
        scale = {"price": tick, "quantity": lot}.get(name, 0)
        told = _told(trades, name, scale), _told(depth, name, scale)
        return np.concatenate(told)[order]

    at = np.concatenate((trades.at, depth.at))[order]
    names = COLUMNS["depth_and_trades"]
    return Tape("depth_and_trades", tick, lot, at, {name: column(name) for name in names})


def trades_of(tape: Tape) -> Tape:
    """The trades alone."""
    assert tape.kind == "depth_and_trades", tape.kind
    rows = np.flatnonzero(tape.columns["traded"])
    columns = {name: tape.columns[name][rows] for name in COLUMNS["trades"]}
    return Tape("trades", tape.tick, tape.lot, tape.at[rows], columns)


def _told(tape: Tape, name: str, unit: int) -> Column:
    """A column of one of both, in the unit of both; what its kind leaves out is the same always."""
    if name not in tape.columns:
        always = ONE_ROW[name] if tape.kind == "trades" else 0
        return np.full(len(tape), always, dtype=np.int64)
    own = {"price": tape.tick, "quantity": tape.lot}.get(name, 0)
    return tape.columns[name] * (own // unit) if unit else tape.columns[name]
