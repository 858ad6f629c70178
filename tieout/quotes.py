"""What a market shows, as strategies see it."""

from core.money import price, quantity
from core.strategy import Quote
from scenarios.model import InstrumentSpec
from venues.dialect import Top


def quote(account: str, instrument: InstrumentSpec, top: Top, heard_at: int) -> Quote:
    """The top of a book, with the steps that orders there are made of."""
    return Quote(
        account=account,
        instrument=instrument.symbol,
        bid=top.bid,
        ask=top.ask,
        tick=price(str(instrument.tick)),
        lot=quantity(str(instrument.lot)),
        as_of=heard_at,
    )
