"""Binance USDⓈ-M, asked about itself: the mode of positions is the account's, margin each symbol's.

`exchangeInfo` takes no symbol here: it lists all that there is.
"""

from collections.abc import Sequence

from core.reading import Unreadable, an_array, an_object, loads
from venues.binance_inspecting import RIGHTS, told_listings, told_rights, told_time
from venues.dialect import Request
from venues.inspecting import Inspection, Margin, Modes, Symbols, the_one

MARGINS: dict[object, Margin] = {"CROSSED": "cross", "ISOLATED": "isolated"}


def modes(symbols: Symbols) -> tuple[Request, ...]:
    each = (Request("GET", "/fapi/v1/symbolConfig", {"symbol": name}) for name in symbols)
    return Request("GET", "/fapi/v1/positionSide/dual"), *each


def told_modes(bodies: Sequence[bytes]) -> Modes:
    dual = an_object(loads(bodies[0]))["dualSidePosition"]
    if not isinstance(dual, bool):
        raise Unreadable(f"a position mode that is {dual!r:.20}")
    told = [row["marginType"] for body in bodies[1:] for row in an_array(loads(body))]
    margin = MARGINS[the_one(told, "margin types")]
    return Modes("hedged" if dual else "net", margin)


INSPECTION = Inspection(
    time=Request("GET", "/fapi/v1/time"),
    told_time=told_time,
    rights=RIGHTS,
    told_rights=lambda body: told_rights(body, "enableFutures"),
    modes=modes,
    told_modes=told_modes,
    listings=lambda symbols: (Request("GET", "/fapi/v1/exchangeInfo"),),
    told_listings=told_listings,
)
