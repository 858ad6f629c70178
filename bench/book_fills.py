"""Fills of the same orders on the same recorded book: our recorded market beside hftbacktest.

Tolerance: none. A fill agrees in time, order, lots and price, or the difference is one of those in
`WHY`, or it is not explained, which no test lets pass.

`python -m bench.book_fills` prints every difference, and keeps what hftbacktest filled, so that the
tests hold our market against it where it is not installed.
"""

import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

from bench.books import ours
from bench.books.recording import Recording, Row, Try, record
from bench.interpreters import peers_python

PEER = Path(__file__).parent / "books" / "hftbacktest.py"
KEPT = PEER.with_name("hftbacktest.json")
SEED, SECONDS = 1, 600
WHY = {
    "levels": "it takes several levels: there it is filled whole at the best price",
    "shown": "it is more than is shown: there it is filled whole, here as far as that goes",
    "own": "an older order of ours stands in its way: there they pass, here the newer is cancelled",
    "taken": "an order of ours had part of the level already: there it is offered whole again",
    "shared": "a trade reaches two orders of ours: there each has all of it, here it is had once",
}


class Fill(NamedTuple):
    """So many lots of an order at a price, and when."""

    at: int
    order: int
    quantity: int
    price: int


class Difference(NamedTuple):
    """What both say of one order, and why they differ: a key of `WHY`, or "" if nobody knows."""

    order: int
    ours: list[Fill]
    theirs: list[Fill]
    why: str


def main() -> None:
    """Compare, print every difference, and keep what they filled."""
    python, why = peers_python("hftbacktest")
    if python is None:
        sys.exit(why)
    recording = record(SEED, SECONDS)
    mine, theirs = our_fills(recording), their_fills(recording, python)
    keep(recording, theirs)
    found = differences(recording, mine, theirs)
    for each in found:
        print(f"order {each.order}: {each.why or 'not explained'}; {each.ours} | {each.theirs}")
    print(f"{len(recording.tries)} orders, {len(mine)} fills, {len(found)} orders filled otherwise")


def our_fills(recording: Recording) -> list[Fill]:
    """What our recorded market fills."""
    return [Fill(*each) for each in ours.fills(recording)]


def their_fills(recording: Recording, python: Path) -> list[Fill]:
    """What hftbacktest fills, in the interpreter that has it."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "recording.json"
        file.write_text(json.dumps(recording))
        command = [python, "-P", PEER, file]
        told = subprocess.run(command, stdout=subprocess.PIPE, check=True)  # noqa: S603  # our own
    return [Fill(*each) for each in json.loads(told.stdout)]


def keep(recording: Recording, theirs: Sequence[Fill]) -> None:
    """For tests where hftbacktest is not installed."""
    lines = ",\n".join(json.dumps(fill) for fill in theirs)
    KEPT.write_text(f'{{"recording": "{digest(recording)}",\n"fills": [\n{lines}\n]}}\n')


def kept(recording: Recording) -> list[Fill]:
    """What hftbacktest filled when it was last asked, of that very recording."""
    told = json.loads(KEPT.read_text())
    if told["recording"] != digest(recording):
        raise ValueError(f"{KEPT.name} is of another recording; `python -m bench.book_fills` asks")
    return [Fill(*each) for each in told["fills"]]


def digest(recording: Recording) -> str:
    """One word for a recording."""
    return hashlib.sha256(json.dumps(recording).encode()).hexdigest()


def differences(
    recording: Recording, mine: Sequence[Fill], theirs: Sequence[Fill]
) -> list[Difference]:
    """Each order of which both do not say the same."""
    found = []
    for order in sorted({fill.order for fill in (*mine, *theirs)}):
        here, there = _of(order, mine), _of(order, theirs)
        if here != there:
            why = _why(recording, recording.tries[order], here, there, mine)
            found.append(Difference(order, here, there, why))
    return found


def _of(order: int, fills: Iterable[Fill]) -> list[Fill]:
    return [fill for fill in fills if fill.order == order]


def _why(
    recording: Recording, tried: Try, here: list[Fill], there: list[Fill], mine: Sequence[Fill]
) -> str:
    if tried.price is not None:
        return "shared" if _is_had_by_another(recording.tries, tried, there, mine) else ""
    told, got = _levels(recording.rows, tried), sum(fill.quantity for fill in here)
    (best, _), had = told[0], _had(recording, tried, mine)
    levels = _less(told, had)
    if there != [Fill(tried.at, there[0].order, tried.quantity, best)]:
        return ""
    if [fill[2:] for fill in here] != _taken(levels, got):
        return ""
    if got == tried.quantity:
        return "taken" if had else "levels"
    if got == sum(lots for _, lots in levels):
        return "shown"
    return "own" if _is_in_its_way(recording.tries, tried, levels, got, mine) else ""


def _is_had_by_another(
    tries: Sequence[Try], tried: Try, there: list[Fill], mine: Sequence[Fill]
) -> bool:
    """Whether, when they fill it, another order on its side of the book is filled here."""
    return len(there) == 1 and any(
        fill.at == there[0].at and tries[fill.order].side == tried.side for fill in mine
    )


def _is_in_its_way(
    tries: Sequence[Try],
    tried: Try,
    levels: list[tuple[int, int]],
    got: int,
    mine: Sequence[Fill],
) -> bool:
    """Whether an order of ours rests on the other side, at or before the first level left."""
    ends = accumulate(lots for _, lots in levels)
    price = next(price for (price, _), end in zip(levels, ends, strict=True) if end > got)
    gone = {fill.order for fill in mine if fill.at < tried.at}
    sign = 1 if tried.side == "buy" else -1
    return any(
        other.at < tried.at < other.until and sign * other.price <= sign * price
        for order, other in enumerate(tries)
        if other.price is not None and other.side != tried.side and order not in gone
    )


def _levels(rows: Sequence[Row], tried: Try) -> list[tuple[int, int]]:
    """What a taker finds: price and lots, best first."""
    told = {
        row.price: row.quantity
        for row in rows
        if row.kind == "level" and row.side != tried.side and row.at < tried.at
    }
    best_first = sorted(told, reverse=tried.side == "sell")
    return [(price, told[price]) for price in best_first if told[price]]


def _had(recording: Recording, tried: Try, mine: Sequence[Fill]) -> int:
    """The lots that orders of ours had of the best level since it was told."""
    best, _ = _levels(recording.rows, tried)[0]
    told_at = max(
        row.at
        for row in recording.rows
        if (row.kind, row.price) == ("level", best) and row.side != tried.side and row.at < tried.at
    )
    sign = 1 if tried.side == "buy" else -1
    return sum(
        fill.quantity
        for fill in mine
        if told_at <= fill.at < tried.at
        and recording.tries[fill.order].side == tried.side
        and sign * fill.price >= sign * best
    )


def _less(levels: list[tuple[int, int]], had: int) -> list[tuple[int, int]]:
    """The levels without the first so many lots."""
    left = []
    for price, lots in levels:
        gone = min(had, lots)
        had -= gone
        if lots > gone:
            left.append((price, lots - gone))
    return left


def _taken(levels: list[tuple[int, int]], lots: int) -> list[tuple[int, int]]:
    """Lots and price of each level that so many lots take."""
    taken = []
    for price, shown in levels:
        if lots:
            taken.append((min(lots, shown), price))
            lots -= taken[-1][0]
    return taken


if __name__ == "__main__":
    main()
