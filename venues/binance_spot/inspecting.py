"""Binance spot, asked about itself: a venue of balances, without modes."""

from venues.binance_inspecting import RIGHTS, told_listings, told_rights, told_time
from venues.dialect import Request
from venues.inspecting import Inspection, Symbols, ask_no_modes, no_modes


def listings(symbols: Symbols) -> tuple[Request, ...]:
    """One for each: an unknown symbol among several would refuse them all."""
    return tuple(Request("GET", "/api/v3/exchangeInfo", {"symbol": name}) for name in symbols)


INSPECTION = Inspection(
    time=Request("GET", "/api/v3/time"),
    told_time=told_time,
    rights=RIGHTS,
    told_rights=lambda body: told_rights(body, "enableSpotAndMarginTrading"),
    modes=ask_no_modes,
    told_modes=no_modes,
    listings=listings,
    told_listings=told_listings,
)
