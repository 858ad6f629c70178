"""The treasury desk: a counterparty that quotes rates and covers what exchanges left open.

It knows what it quoted and where it dealt, in exact fractions, and tells both; what it covers it
sees as people do, in the books' open position. It imports nothing of core.
"""

from dataclasses import dataclass, field
from fractions import Fraction

from sim.dice import Stream

BASIS = 10_000


@dataclass(slots=True, frozen=True)
class Quoted:
    """An offer: `rate` units of what it buys for each unit of what it sells."""

    quote_id: str
    customer: str
    sells: str
    buys: str
    rate: Fraction
    amount_max: int
    expires_at: int

    def gives(self, amount: int) -> int:
        """What a customer gets for so much: no part of a unit is given away."""
        exact = amount * self.rate
        return exact.numerator // exact.denominator


@dataclass(slots=True, eq=False)
class Cover:
    """A deal of the desk in the market, for us; it is told until it was heard."""

    cover_id: str
    sold: str
    sold_amount: int
    bought: str
    bought_amount: int
    told_at: int = 0

    def moves(self, asset: str) -> int:
        """What it moved of an asset, as we have it."""
        got = self.bought_amount if asset == self.bought else 0
        return got - (self.sold_amount if asset == self.sold else 0)


@dataclass(slots=True, eq=False)
class Desk:
    """What it quoted, at which it dealt. The market is up to `swing_bps` better or worse for us
    than the last rate that customers got."""

    dice: Stream
    swing_bps: int
    quotes: dict[str, Quoted] = field(default_factory=dict)
    covers: dict[str, Cover] = field(default_factory=dict)

    def quote(
        self, customer: str, pair: tuple[str, str], rate: Fraction, amount: int, until: int
    ) -> Quoted:
        """Offer a rate for so much."""
        sells, buys = pair
        name = f"q{len(self.quotes) + 1}"
        self.quotes[name] = made = Quoted(name, customer, sells, buys, rate, amount, until)
        return made

    def last(self, sells: str, buys: str) -> Fraction | None:
        """At which rate it last quoted a pair, if it did."""
        for quoted in reversed(self.quotes.values()):
            if {quoted.sells, quoted.buys} == {sells, buys}:
                return quoted.rate if quoted.sells == sells else 1 / quoted.rate
        return None

    def cover(self, asset: str, against: str, open_units: int) -> Cover | None:
        """Deal so that nothing of an asset is left open; None where there is no rate to deal at."""
        rate = self._market(asset, against)
        worth = abs(open_units) * rate if rate is not None else Fraction(0)
        other = worth.numerator // worth.denominator
        if not other:
            return None
        name = f"c{len(self.covers) + 1}"
        if open_units > 0:
            made = Cover(name, asset, open_units, against, other)
        else:
            made = Cover(name, against, other, asset, -open_units)
        self.covers[name] = made
        return made

    def _market(self, asset: str, against: str) -> Fraction | None:
        """So many units against one of the asset, where the market stands now."""
        rate = self.last(asset, against)
        off = self.dice.between(-self.swing_bps, self.swing_bps)
        return rate * Fraction(BASIS + off, BASIS) if rate is not None else None
