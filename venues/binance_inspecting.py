"""What Binance's venues say alike of a key, of the time and of what they list.

`GET /sapi/v1/account/apiRestrictions` tells a key's rights, whatever it is used for. (Wallet API,
"Get API Key Permission")
"""

from collections.abc import Sequence
from typing import Any

from core.reading import MS, Unreadable, an_array, an_object, loads
from venues.dialect import Request
from venues.inspecting import Listing, Rights, lot, tick

RIGHTS = Request("GET", "/sapi/v1/account/apiRestrictions")
TRADES = (
    "enableSpotAndMarginTrading",
    "enableMargin",
    "enableFutures",
    "enableVanillaOptions",
    "enablePortfolioMarginTrading",
    "enableFixApiTrade",
)
MOVES = ("enableInternalTransfer", "permitsUniversalTransfer")


def told_time(body: bytes) -> int:
    return int(an_object(loads(body))["serverTime"]) * MS


def told_rights(body: bytes, here: str) -> Rights:
    """`here` is the right that our orders need; a right that is not told is none."""
    told = an_object(loads(body))
    return Rights(
        reads=_flag(told["enableReading"]),
        trades_here=_flag(told[here]),
        trades=tuple(name for name in TRADES if _flag(told.get(name, False))),
        moves=tuple(name for name in MOVES if _flag(told.get(name, False))),
        withdraws=_flag(told["enableWithdrawals"]),
    )


def _flag(told: object) -> bool:
    if not isinstance(told, bool):
        raise Unreadable(f"a right that is {told!r:.20}")
    return told


def told_listings(bodies: Sequence[bytes]) -> list[Listing]:
    """Of `exchangeInfo`; the asset of margin is told for contracts alone."""
    return [_listing(row) for body in bodies for row in an_array(an_object(loads(body))["symbols"])]


def _listing(row: dict[str, Any]) -> Listing:
    filters = {each["filterType"]: each for each in row["filters"]}
    return Listing(
        symbol=row["symbol"],
        base=row["baseAsset"],
        quote=row["quoteAsset"],
        settle=row.get("marginAsset", row["quoteAsset"]),
        tick=tick(filters["PRICE_FILTER"]["tickSize"]),
        lot=lot(filters["LOT_SIZE"]["stepSize"]),
        multiplier=None,
        trading=row["status"] == "TRADING",
    )
