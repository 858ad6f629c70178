"""OKX v5, asked about itself: `account/config` tells rights and modes in one.

`perm` is a list of read_only, trade and withdraw. Margin is each order's (`tdMode`, ours cross): an
account in spot mode (`acctLv` 1) has none, and an isolated position shows that somebody
sends others.
"""

from collections.abc import Sequence
from typing import Any

from core.reading import MS, Unreadable, an_array, an_object, loads
from venues.dialect import Request
from venues.inspecting import (
    Inspection,
    Listing,
    Margin,
    Modes,
    PositionMode,
    Rights,
    Symbols,
    lot,
    tick,
)

CONFIG = Request("GET", "/api/v5/account/config")
POSITIONS: dict[object, PositionMode] = {"long_short_mode": "hedged", "net_mode": "net"}
LEVELS: dict[object, Margin] = {"1": "none", "2": "cross", "3": "cross", "4": "portfolio"}
KNOWN = ("read_only", "trade", "withdraw")


def rows(body: bytes) -> list[dict[str, Any]]:
    told = an_object(loads(body))
    if told["code"] != "0":
        raise Unreadable(f"code {told['code']!r:.20}: {told.get('msg')!r:.80}")
    return an_array(told["data"])


def told_time(body: bytes) -> int:
    return int(rows(body)[0]["ts"]) * MS


def told_rights(body: bytes) -> Rights:
    given = rows(body)[0]["perm"].split(",")
    if strange := [each for each in given if each not in KNOWN]:
        raise Unreadable(f"rights that nobody knows: {strange!r:.60}")
    trades = "trade" in given
    return Rights(
        reads=bool(given),
        trades_here=trades,
        trades=("trade",) if trades else (),
        # A key that trades may also move funds between the accounts of its owner.
        moves=(),
        withdraws="withdraw" in given,
    )


def modes(symbols: Symbols) -> tuple[Request, ...]:
    return CONFIG, Request("GET", "/api/v5/account/positions", {"instType": "SWAP"})


def told_modes(bodies: Sequence[bytes]) -> Modes:
    config, held = rows(bodies[0])[0], rows(bodies[1])
    margin = LEVELS[config["acctLv"]]
    if any(row["mgnMode"] == "isolated" for row in held):
        margin = "isolated"
    return Modes(POSITIONS[config["posMode"]], margin)


def listings(symbols: Symbols) -> tuple[Request, ...]:
    asked = ({"instType": "SWAP", "instId": name} for name in symbols)
    return tuple(Request("GET", "/api/v5/public/instruments", dict(each)) for each in asked)


def told_listings(bodies: Sequence[bytes]) -> list[Listing]:
    return [_listing(row) for body in bodies for row in rows(body)]


def _listing(row: dict[str, Any]) -> Listing:
    base, _, quote = row["uly"].partition("-")
    return Listing(
        symbol=row["instId"],
        base=base,
        quote=quote,
        settle=row["settleCcy"],
        tick=tick(row["tickSz"]),
        lot=lot(row["lotSz"]),
        multiplier=lot(row["ctVal"]) * lot(row["ctMult"]),
        trading=row["state"] == "live",
    )


INSPECTION = Inspection(
    time=Request("GET", "/api/v5/public/time"),
    told_time=told_time,
    rights=CONFIG,
    told_rights=told_rights,
    modes=modes,
    told_modes=told_modes,
    listings=listings,
    told_listings=told_listings,
)
