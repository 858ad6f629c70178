"""When a venue takes a position over, and at which price: where its margin no longer covers it.

Assumed is one maintenance rate for all sizes, and cross margin: what an account has of a settlement
asset, with the profit and loss of all that settles in it, covers the maintenance of all of that. A
position is taken over where this equity is no more than the maintenance: rate times value, both at
the last known price. Venues have tiers by size, haircuts on other assets, a mark price of their own
and an insurance fund; none of these is here.

True here: prices are rounded so that a position is taken over sooner, never later.
"""

from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from typing import Literal, NamedTuple

from venues.exchange import ZERO, Exchange, Position, Terms, profit, trade_value
from venues.recorded.book import RecordedBook
from venues.recorded.shown import Sign

_MONEY = Context(prec=40)


class Threatened(NamedTuple):
    """A position, and the price in ticks at which it is taken over: from above for sign 1."""

    symbol: str
    leg: str
    sign: Sign
    price: int


def threatened(exchange: Exchange, rate: Decimal) -> list[Threatened]:
    """What is taken over where, all else staying as it is; less what no price could threaten."""
    return [
        Threatened(symbol, leg, 1 if position.quantity > 0 else -1, price)
        for (symbol, leg), position in exchange.positions.items()
        if position.quantity
        and (price := _ticks(exchange, exchange.terms[symbol], position, rate)) is not None
    ]


def take_over(exchange: Exchange, book: RecordedBook, one: Threatened) -> bool:
    """The last row came to its price: the venue closes it there, as far as the market takes it."""
    lot, position = exchange.terms[one.symbol].lot, exchange.positions[one.symbol, one.leg]
    with book.coming_to(one.sign, one.price):
        lots = int(abs(position.quantity) / lot)
        return exchange.force(one.symbol, one.leg, lots, "liquidation")


def price(
    terms: Terms, quantity: Decimal, entry: Decimal, cover: Decimal, rate: Decimal
) -> Decimal | None:
    """Where the equity of a position, with that cover, is no more than its maintenance.

    None where no price above 0 is: a purchase that is all paid for, a sale that coins cover.
    """
    size, sign = abs(quantity) * terms.multiplier, 1 if quantity > 0 else -1
    if terms.model == "inverse":
        # cover + sign * size * (1/entry - 1/price) = rate * size / price
        above, below = size * (sign + rate), cover + sign * _MONEY.divide(size, entry)
    else:
        # cover + sign * size * (price - entry) = rate * size * price
        above, below = sign * size * entry - cover, size * (sign - rate)
    found = _MONEY.divide(above, below) if below else ZERO
    return found if found > 0 else None


def _ticks(exchange: Exchange, terms: Terms, position: Position, rate: Decimal) -> int | None:
    found = price(
        terms, position.quantity, position.entry, _cover(exchange, terms, position, rate), rate
    )
    if found is None:
        return None
    sooner: Literal["ROUND_CEILING", "ROUND_FLOOR"]
    sooner = ROUND_CEILING if position.quantity > 0 else ROUND_FLOOR
    return int(_MONEY.divide(found, terms.tick).to_integral_value(sooner))


def _cover(exchange: Exchange, terms: Terms, besides: Position, rate: Decimal) -> Decimal:
    """The cash of the settlement asset, and what the other positions in it add or need."""
    cover = exchange.wallets.get(terms.settle, ZERO)
    for (symbol, _), position in exchange.positions.items():
        other = exchange.terms[symbol]
        if position is besides or not position.quantity or other.settle != terms.settle:
            continue
        last = exchange.last_price(other)
        cover += profit(other, position.quantity, position.entry, last)
        cover -= rate * trade_value(other, abs(position.quantity), last)
    return cover
