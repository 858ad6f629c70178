"""Public trades of Binance's venues: the stream <symbol>@trade, of spot and of futures alike.

`m` says that the buyer made: then the seller took. Futures also tell, as another `X` than MARKET,
what their insurance fund and ADL took over: nobody traded in the book there.
"""

from core.events import Side
from core.money import price, quantity
from core.reading import MS, an_object, loads
from venues.dialect import Print


def prints(body: bytes) -> list[Print]:
    """The trade that a message tells; nothing of other messages."""
    message = an_object(loads(body))
    told = message.get("data") or message
    if told.get("e") != "trade" or told.get("X", "MARKET") != "MARKET":
        return []
    side: Side = "sell" if told["m"] else "buy"
    what = price(told["p"]), quantity(told["q"]), told["T"] * MS
    return [Print(told["s"], str(told["t"]), side, *what)]
