"""What each closing trade gained, at average cost and after all fees: floats, for people.

True here: a trade that reduces a position closes as much of it as it can; what is beyond opens
another. Gains are in the reporting currency at the moment of closing; the fees of an opening are
its cost, and are paid out of what closes it. What is still open has no result yet.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from core.state import UNATTRIBUTED
from tieout.backtest import frame_rows
from tieout.backtest.earned import Earned, Key
from tieout.backtest.outcome import Outcome
from tieout.backtest.worth import Place


class Closed(NamedTuple):
    """A closing trade and what came of it."""

    at: int
    key: Key
    gained: float


@dataclass(slots=True)
class _Open:
    """A position: so many units, what they cost in the unit asset, and fees paid for them."""

    units: float = 0.0
    cost: float = 0.0
    fees: float = 0.0


def closed(outcome: Outcome, earned: Earned) -> Iterator[Closed]:
    """Each closing trade, in order of time."""
    said = earned.worths
    books: dict[Key, _Open] = {}
    for fill in frame_rows.fills(outcome.fills):
        key = Key(fill.strategy or UNATTRIBUTED, Place(fill.account, fill.instrument))
        moment = int(np.searchsorted(said.moments, fill.at))
        rate = said.rate(fill.asset, fill.account)
        if rate is None:
            continue
        charged = said.rate(fill.fee_asset, fill.account) if fill.fee else None
        fee = 0.0 if charged is None else float(fill.fee) * float(charged[moment])
        inverse = said.terms[key.place].kind == "inverse"
        paid = -float(fill.paid) if inverse else float(fill.paid)
        gained = _take(books.setdefault(key, _Open()), float(fill.signed), paid, fee)
        if gained is not None:
            coins, fees = gained
            yield Closed(fill.at, key, coins * float(rate[moment]) - fees)


def _take(book: _Open, units: float, paid: float, fee: float) -> tuple[float, float] | None:
    """What a trade closed: its gain in the unit asset, and the fees of both ends."""
    closing = min(abs(units), abs(book.units)) if units * book.units < 0 else 0.0
    if not closing:
        book.units, book.cost, book.fees = book.units + units, book.cost + paid, book.fees + fee
        return None
    of_book, of_trade = closing / abs(book.units), closing / abs(units)
    gained = -(book.cost * of_book + paid * of_trade)
    fees = book.fees * of_book + fee * of_trade
    book.cost = book.cost * (1 - of_book) + paid * (1 - of_trade)
    book.fees = book.fees * (1 - of_book) + fee * (1 - of_trade)
    book.units += units
    if abs(book.units) < UNITS_MIN:
        book.units = book.cost = book.fees = 0.0
    return gained, fees


# Under the smallest quantity that there is: what adding floats has left.
UNITS_MIN = 0.5e-8
