"""Recorded market files: read once, checked, and paced. Decimals are parsed from the text.

Reads the list of lists that exchanges' trade APIs give through ccxt (timestamp ms, id, type, side,
price, amount, cost), as .json or .json.gz.
"""

import gzip
import json
import zlib
from collections.abc import Sequence
from decimal import Decimal
from hashlib import sha256
from pathlib import Path

from msgspec import Struct

from risk.written import content
from sim.market import Trade

MS = 1_000_000
# Beyond these a number is no price and no amount, and would only make a world of nonsense.
LEAST, PRICE_MAX, AMOUNT_MAX = Decimal("1e-18"), Decimal("1e12"), Decimal("1e15")
WOULD_DO = "recorded trades as .json or .json.gz would do"


class BadMarket(ValueError):
    """The file is not a market file; the text names the place and what would do."""


class Market(Struct, frozen=True, forbid_unknown_fields=True):
    """A recorded market as a run had it: which file, its very bytes, and the pace.

    A gap between two trades that is longer than `gap_ms_max` was cut to it.
    """

    file: str
    sha256: str
    gap_ms_max: int

    def __str__(self) -> str:
        return f"{self.file} (sha256 {self.sha256[:12]}…) with market_gap_ms_max {self.gap_ms_max}"


def named(path: Path, gap_ms_max: int) -> Market:
    """What a run with this file would record of it."""
    return Market(path.name, sha256(_raw(path)).hexdigest(), gap_ms_max)


def load(path: Path, gap_ms_max: int) -> tuple[Market, list[Trade]]:
    """The market, and its trades in order from the run's start; longer gaps are cut.

    The pace is a property of the run and stands in the scenario (`market_gap_ms_max`).
    """
    raw = _raw(path)
    market = Market(path.name, sha256(raw).hexdigest(), gap_ms_max)
    return market, _paced(path, _rows(path, raw), gap_ms_max)


def _paced(path: Path, rows: Sequence[object], gap_ms_max: int) -> list[Trade]:
    trades: list[Trade] = []
    at, before = 0, None
    for number, row in enumerate(rows):
        stamp, side, price, quantity = _row(path, number, row)
        if before is not None:
            if stamp < before:
                raise BadMarket(f"{path}: row {number}: time {stamp} lies before {before}")
            at += min(stamp - before, gap_ms_max) * MS
        before = stamp
        trades.append(Trade(at, side, price, quantity))
    if not trades:
        raise BadMarket(f"{path}: found no trade; a list of trades would do")
    return trades


def _raw(path: Path) -> bytes:
    try:
        return content(path)
    except OSError as error:
        found = error.strerror or error
        raise BadMarket(f"{path}: cannot be read: {found}; {WOULD_DO}") from error


def _rows(path: Path, raw: bytes) -> Sequence[object]:
    try:
        told = json.loads(
            gzip.decompress(raw) if path.suffix == ".gz" else raw, parse_float=Decimal
        )
    except gzip.BadGzipFile as error:
        raise BadMarket(f"{path}: cannot be read: {error}; {WOULD_DO}") from error
    except (ValueError, ArithmeticError, EOFError, RecursionError, zlib.error) as error:
        raise BadMarket(f"{path}: not JSON: {error}; {WOULD_DO}") from error
    if not isinstance(told, list):
        raise BadMarket(f"{path}: found {type(told).__name__}; a list of trades would do")
    return told


def _row(path: Path, number: int, row: object) -> tuple[int, str, Decimal, Decimal]:
    shape = "[timestamp ms, id, type, side, price, amount, cost]"
    if not isinstance(row, list) or len(row) < 6:
        raise BadMarket(f"{path}: row {number}: found {row!r:.80}; {shape} would do")
    stamp, side, price, quantity = row[0], row[3], row[4], row[5]
    if type(stamp) is not int or side not in ("buy", "sell"):
        raise BadMarket(f"{path}: row {number}: found {stamp!r}, {side!r}; {shape} would do")
    if type(price) not in (int, Decimal) or type(quantity) not in (int, Decimal):
        raise BadMarket(f"{path}: row {number}: price and amount must be numbers: {shape}")
    for name, figure, most in (("price", price, PRICE_MAX), ("amount", quantity, AMOUNT_MAX)):
        if not LEAST <= figure <= most:
            bounds = f"{LEAST} to {most} would do"
            raise BadMarket(f"{path}: row {number}: {name}: found {figure!s:.40}; {bounds}")
    return stamp, str(side), Decimal(price), Decimal(quantity)
