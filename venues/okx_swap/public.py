"""OKX market data: the channel bbo-tbt. Each level is price, size, an obsolete 0, orders."""

from core.money import price
from core.reading import MS, an_object, loads
from venues.dialect import Top


def tops(body: bytes) -> list[Top]:
    """The tops that a push tells; nothing of other channels, or of the answer to a subscription."""
    message = an_object(loads(body))
    argument = message.get("arg") or {}
    if argument.get("channel") != "bbo-tbt" or "data" not in message:
        return []
    name = argument["instId"]
    return [
        Top(name, _best(row["bids"]), _best(row["asks"]), row["seqId"], int(row["ts"]) * MS)
        for row in message["data"]
    ]


def _best(levels: list[list[str]]) -> int:
    return price(levels[0][0]) if levels else 0
