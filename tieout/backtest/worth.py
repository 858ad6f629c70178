"""What assets and contracts were worth in one reporting currency, at every moment of a backtest.

Rule 1. Exact: decimals that are never rounded, but for an inverse contract, whose worth in coins
is a quotient and is cut to 8 decimals, half to even, as venues do.
Rule 2. The mark of a moment is the last one that is not after it; before the first, the first.
Rule 3. What no mark leads to the reporting currency has no worth (`None`); nothing is made up.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Context, Decimal, Inexact
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Exacts: TypeAlias = NDArray[np.object_]  # of Decimal
Moments: TypeAlias = NDArray[np.int64]
Kind = Literal["spot", "linear", "inverse"]

EXACT = Context(prec=100, traps=[Inexact])
_ROUGH = Context(prec=60)
UNIT = Decimal("0.00000001")
ZERO, ONE = Decimal(0), Decimal(1)
KINDS: tuple[Kind, ...] = ("spot", "linear", "inverse")
# Coins that are kept at one dollar by who issues them, and the dollar: each is worth the other,
# unless a mark says more, and the tear sheet says so.
DOLLARS = ("USD", "USDT", "USDC", "FDUSD")


class Place(NamedTuple):
    """An instrument of an account."""

    account: str
    instrument: str


@dataclass(frozen=True, slots=True)
class Terms:
    """What an instrument is: `unit` is the asset in which it pays."""

    place: Place
    kind: Kind
    base: str
    quote: str
    settle: str
    multiplier: Decimal

    @property
    def account(self) -> str:
        return self.place.account

    @property
    def unit(self) -> str:
        return self.quote if self.kind == "spot" else self.settle


def terms_of(instruments: pd.DataFrame) -> dict[Place, Terms]:
    """Every instrument, in the frame's order."""
    columns = ("account", "instrument", "kind", "base", "quote", "settle", "multiplier")
    found = {}
    for told in zip(*(instruments[name].tolist() for name in columns), strict=True):
        account, instrument, kind, base, quote, settle, multiplier = told
        place = Place(account, instrument)
        found[place] = Terms(place, kind, base, quote, settle, Decimal(multiplier))
    return found


def usual_currency(terms: Iterable[Terms]) -> str:
    """What most instruments are quoted in."""
    quotes = Counter(each.quote for each in terms)
    return quotes.most_common(1)[0][0] if quotes else "USD"


def holding(terms: Terms, contracts: Decimal, mark: Decimal) -> Decimal:
    """What so many contracts are worth at a mark, in the asset that they pay in.

    What was paid for them is apart: an inverse contract's worth falls in coins as the price rises.
    """
    if terms.kind == "inverse":
        exact = _ROUGH.divide(EXACT.multiply(contracts, terms.multiplier), mark)
        return EXACT.copy_negate(exact.quantize(UNIT, ROUND_HALF_EVEN, _ROUGH))
    return EXACT.multiply(EXACT.multiply(contracts, terms.multiplier), mark)


@dataclass(slots=True, eq=False)
class Worths:
    """The worth of each thing at each of `moments`, in order: see `rate` and `mark`."""

    moments: Moments
    terms: dict[Place, Terms]
    reporting: str
    marks: dict[Place, Exacts]
    rates: dict[tuple[str, str], Exacts | None] = field(default_factory=dict)

    def mark(self, place: Place) -> Exacts | None:
        """What an instrument was marked at, at each moment."""
        return self.marks.get(place)

    def rate(self, asset: str, account: str) -> Exacts | None:
        """What one of an asset was worth, at each moment; by that account's marks if it can."""
        key = (asset, account)
        if key not in self.rates:
            self.rates[key] = self._found(asset, account, ())
        return self.rates[key]

    def _found(self, asset: str, account: str, passed: tuple[str, ...]) -> Exacts | None:
        if asset == self.reporting:
            return _all_one(self.moments)
        for terms in self._markets(asset, account):
            mark = self.marks.get(terms.place)
            if mark is None or terms.quote in passed:
                continue
            quote = self._found(terms.quote, account, (*passed, asset))
            if quote is not None:
                return times(mark, quote)
        both_dollars = asset in DOLLARS and self.reporting in DOLLARS
        return _all_one(self.moments) if both_dollars else None

    def _markets(self, asset: str, account: str) -> list[Terms]:
        """The account's own first, and spot before contracts."""
        those = [each for each in self.terms.values() if each.base == asset]
        return sorted(those, key=lambda t: (t.place.account != account, KINDS.index(t.kind)))


def worths(
    moments: Moments, terms: dict[Place, Terms], marks: pd.DataFrame, reporting: str
) -> Worths:
    """What the marks say at each of the moments."""
    by_place = {}
    told = marks[marks["price"] > 0]  # an instrument that no row has priced yet is marked at 0
    for (account, instrument), rows in told.groupby(["account", "instrument"], sort=False):
        place = Place(str(account), str(instrument))
        at = rows["at"].to_numpy(dtype=np.int64)
        last = np.searchsorted(at, moments, side="right") - 1
        by_place[place] = rows["price"].to_numpy(dtype=object)[np.maximum(last, 0)]
    return Worths(moments, terms, reporting, by_place)


def times(left: Exacts, right: Exacts) -> Exacts:
    """Their products, exact."""
    return np.fromiter(map(EXACT.multiply, left, right), dtype=object, count=len(left))


def plus(left: Exacts, right: Exacts) -> Exacts:
    """Their sums, exact."""
    return np.fromiter(map(EXACT.add, left, right), dtype=object, count=len(left))


def _all_one(moments: Moments) -> Exacts:
    return np.full(len(moments), ONE, dtype=object)
