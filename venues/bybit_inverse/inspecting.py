"""Bybit v5, asked about itself: rights by `query-api`, margin of the account, legs by each symbol.

A key that is `readOnly` may nothing but read, whatever else is listed. Asked for a symbol, the list
of positions has a row of it, flat or not, and its `positionIdx` says which legs there are.
"""

from collections.abc import Sequence
from typing import Any

from core.reading import Unreadable, an_array, an_object, loads
from venues.dialect import Request
from venues.inspecting import (
    Inspection,
    Listing,
    Margin,
    Modes,
    Rights,
    Symbols,
    lot,
    the_one,
    tick,
)

TRADES = (
    ("ContractTrade", "Order"),
    ("Derivatives", "DerivativesTrade"),
    ("Spot", "SpotTrade"),
    ("Options", "OptionsTrade"),
)
HERE = ("ContractTrade.Order", "Derivatives.DerivativesTrade")
MOVES = ("AccountTransfer", "SubMemberTransfer", "SubMemberTransferList")
MARGINS: dict[object, Margin] = {
    "REGULAR_MARGIN": "cross",
    "ISOLATED_MARGIN": "isolated",
    "PORTFOLIO_MARGIN": "portfolio",
}


def result(body: bytes) -> dict[str, Any]:
    told = an_object(loads(body))
    if told["retCode"] != 0:
        raise Unreadable(f"retCode {told['retCode']!r:.20}: {told.get('retMsg')!r:.80}")
    return an_object(told["result"])


def told_time(body: bytes) -> int:
    return int(result(body)["timeNano"])


def told_rights(body: bytes) -> Rights:
    told = result(body)
    given = an_object(told["permissions"])
    writes = {0: True, 1: False}[told["readOnly"]]
    wallet = given.get("Wallet", [])
    trades = tuple(f"{kind}.{what}" for kind, what in TRADES if what in given.get(kind, []))
    return Rights(
        reads=True,  # any right may ask this, and read
        trades_here=writes and any(each in HERE for each in trades),
        trades=trades if writes else (),
        moves=tuple(f"Wallet.{each}" for each in MOVES if each in wallet) if writes else (),
        withdraws=writes and "Withdraw" in wallet,
    )


def modes(symbols: Symbols) -> tuple[Request, ...]:
    asked = ({"category": "inverse", "symbol": name} for name in symbols)
    each = (Request("GET", "/v5/position/list", dict(params)) for params in asked)
    return Request("GET", "/v5/account/info"), *each


def told_modes(bodies: Sequence[bytes]) -> Modes:
    margin = MARGINS[result(bodies[0])["marginMode"]]
    rows = [row for body in bodies[1:] for row in an_array(result(body)["list"])]
    hedged = the_one([row["positionIdx"] != 0 for row in rows], "position modes")
    return Modes("hedged" if hedged else "net", margin)


def listings(symbols: Symbols) -> tuple[Request, ...]:
    asked = ({"category": "inverse", "symbol": name} for name in symbols)
    return tuple(Request("GET", "/v5/market/instruments-info", dict(each)) for each in asked)


def told_listings(bodies: Sequence[bytes]) -> list[Listing]:
    return [_listing(row) for body in bodies for row in an_array(result(body)["list"])]


def _listing(row: dict[str, Any]) -> Listing:
    """Inverse contracts are of one dollar each, which no field tells."""
    return Listing(
        symbol=row["symbol"],
        base=row["baseCoin"],
        quote=row["quoteCoin"],
        settle=row["settleCoin"],
        tick=tick(row["priceFilter"]["tickSize"]),
        lot=lot(row["lotSizeFilter"]["qtyStep"]),
        multiplier=None,
        trading=row["status"] == "Trading",
    )


INSPECTION = Inspection(
    time=Request("GET", "/v5/market/time"),
    told_time=told_time,
    rights=Request("GET", "/v5/user/query-api"),
    told_rights=told_rights,
    modes=modes,
    told_modes=told_modes,
    listings=listings,
    told_listings=told_listings,
)
