"""What a market shows, as strategies see it."""

from decimal import Decimal
from functools import lru_cache

from core.money import price, quantity
from core.strategy import Quote
from scenarios.model import InstrumentSpec
from venues.dialect import Top


def quote(account: str, instrument: InstrumentSpec, top: Top, heard_at: int) -> Quote:
    """The top of a book, with the steps that orders there are made of."""
    tick, lot = _steps(instrument.tick, instrument.lot)
    return Quote(
        account=account,
        instrument=instrument.symbol,
        bid=top.bid,
        ask=top.ask,
        tick=tick,
        lot=lot,
        as_of=heard_at,
    )


@lru_cache(maxsize=256)
def _steps(tick: Decimal, lot: Decimal) -> tuple[int, int]:
    """Of price and of quantity, in whole units; strategies see them at each tick."""
    return price(str(tick)), quantity(str(lot))
