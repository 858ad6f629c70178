"""The oracle of exchanges: each was by a quote of the desk, and gained what the desk's deals say.

It shares no code with what it judges. From the desk it knows what was quoted and covered, from
customers what they asked for; of our books it sees which exchanges were carried out, and when, what
they call open and what realised. Gains are reckoned once more, in exact fractions, lot by lot.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple, Protocol

from sim.desk import Desk


class PositionBooks(Protocol):
    """What this oracle may see of our books."""

    def open_of(self, one: str, other: str) -> tuple[str, int, str, int, int]:
        """Of a pair: its base and how much of it is open, the other and how much of that, and what
        was realised, counted in the other."""


class Bounded(Protocol):
    """A limit as the deployment states it."""

    @property
    def scope(self) -> str: ...
    @property
    def asset(self) -> str: ...
    @property
    def amount(self) -> int: ...


class Exchanged(NamedTuple):
    """An exchange that our books carried out, as its customer had asked for it."""

    at: int
    customer: str
    quote_id: str
    sold: str
    sold_amount: int
    bought: str
    bought_amount: int


class Deal(NamedTuple):
    """What we got and gave, by an exchange or by a cover."""

    at: int
    got: str
    got_amount: int
    gave: str
    gave_amount: int


@dataclass(slots=True)
class Exact:
    """An open lot: so much of the base, each at an exact cost."""

    base: int
    cost: Fraction


def faults(
    desk: Desk, done: Sequence[Exchanged], limits: Iterable[Bounded], books: PositionBooks
) -> list[str]:
    """At the end: exchanges by no quote, or not as it was quoted; gains and positions that are off;
    positions that were larger than they might be."""
    found = [text for each in done if (text := _by_its_quote(desk, each))]
    found += _overdrawn(desk, done)
    deals = _deals(desk, done)
    pairs = dict.fromkeys(tuple(sorted((deal.got, deal.gave))) for deal in deals)
    for one, other in pairs:
        mine = [deal for deal in deals if {deal.got, deal.gave} == {one, other}]
        found += _off(mine, books.open_of(one, other))
    return found + _too_large(deals, limits)


def _by_its_quote(desk: Desk, each: Exchanged) -> str:
    quoted = desk.quotes.get(each.quote_id)
    if quoted is None or quoted.customer != each.customer:
        return f"exchanged by {each.quote_id!r}, which was never quoted to {each.customer}"
    if (quoted.sells, quoted.buys) != (each.sold, each.bought):
        return f"{each.quote_id} is of another pair than what was exchanged by it"
    if each.at > quoted.expires_at:
        return f"{each.quote_id} had expired when it was exchanged by"
    if quoted.gives(each.sold_amount) != each.bought_amount:
        return f"{each.quote_id} does not give {each.bought_amount} for {each.sold_amount}"
    return ""


def _overdrawn(desk: Desk, done: Sequence[Exchanged]) -> list[str]:
    sold: dict[str, int] = {}
    for each in done:
        sold[each.quote_id] = sold.get(each.quote_id, 0) + each.sold_amount
    return [
        f"{name} was used for {amount}, it offered {desk.quotes[name].amount_max}"
        for name, amount in sold.items()
        if name in desk.quotes and amount > desk.quotes[name].amount_max
    ]


def _deals(desk: Desk, done: Sequence[Exchanged]) -> list[Deal]:
    """All of them in the order in which our books took them in."""
    deals = [Deal(x.at, x.sold, x.sold_amount, x.bought, x.bought_amount) for x in done]
    deals += [
        Deal(x.told_at, x.bought, x.bought_amount, x.sold, x.sold_amount)
        for x in desk.covers.values()
    ]
    return sorted(deals, key=lambda deal: deal.at)


def _off(deals: Sequence[Deal], told: tuple[str, int, str, int, int]) -> list[str]:
    base, open_base, against, open_against, realised = told
    flows = [_flow(deal, base) for deal in deals]
    bases, paid = sum(units for units, _ in flows), sum(units for _, units in flows)
    found = []
    if open_base != bases:
        found.append(f"{open_base} {base} called open, {bases} are")
    if open_against + realised != paid:
        found.append(f"{open_against} {against} open and {realised} gained, {paid} were dealt")
    exact = _gained(flows)
    # A part of a lot is cut to whole units, on both sides of it.
    if abs(exact - realised) > 2 * len(deals):
        found.append(f"{realised} {against} called gained, {float(exact):.0f} were")
    return found


def _flow(deal: Deal, base: str) -> tuple[int, int]:
    """What a deal moved of the base, and of the other, as we have it."""
    if deal.got == base:
        return deal.got_amount, -deal.gave_amount
    return -deal.gave_amount, deal.got_amount


def _gained(flows: Iterable[tuple[int, int]]) -> Fraction:
    """What closing the oldest first gained, without any rounding."""
    lots: list[Exact] = []
    gained = Fraction(0)
    for base, paid in flows:
        left, price = base, Fraction(-paid, base)
        while left and lots and lots[0].base * left < 0:
            closed = min(abs(left), abs(lots[0].base))
            sign = 1 if lots[0].base > 0 else -1
            gained += sign * closed * (price - lots[0].cost)
            lots[0].base -= sign * closed
            left += sign * closed
            if not lots[0].base:
                lots.pop(0)
        if left:
            lots.append(Exact(left, price))
    return gained


def _too_large(deals: Iterable[Deal], limits: Iterable[Bounded]) -> list[str]:
    bounds = {each.asset: each.amount for each in limits if each.scope == "position"}
    stands, most = dict.fromkeys(bounds, 0), dict.fromkeys(bounds, 0)
    for deal in deals:
        for asset, units in ((deal.got, deal.got_amount), (deal.gave, -deal.gave_amount)):
            if asset in bounds:
                stands[asset] += units
        for asset, units in stands.items():
            most[asset] = max(most[asset], abs(units))
    return [
        f"{most[asset]} {asset} were open at once, at most {amount} may be"
        for asset, amount in bounds.items()
        if most[asset] > amount
    ]
