"""Recorded market files: read once, checked, and paced. Decimals are parsed from the text.

Reads the list of lists that exchanges' trade APIs give through ccxt (timestamp ms, id, type, side,
price, amount, cost), as .json or .json.gz.
"""

import gzip
import json
import zlib
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

from sim.market import Trade

MS = 1_000_000
# Beyond these a number is no price and no amount, and would only make a world of nonsense.
LEAST, PRICE_MAX, AMOUNT_MAX = Decimal("1e-18"), Decimal("1e12"), Decimal("1e15")
WOULD_DO = "recorded trades as .json or .json.gz would do"


class BadMarket(ValueError):
    """The file is not a market file; the text names the place and what would do."""


def load(path: Path, gap_ms_max: int) -> list[Trade]:
    """The trades in order, from the run's start; gaps above `gap_ms_max` are cut to it.

    The pace is a property of the run and stands in the scenario (`market_gap_ms_max`).
    """
    rows = _rows(path)
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


def _rows(path: Path) -> Sequence[object]:
    try:
        raw = path.read_bytes()
        if path.suffix == ".gz":
            raw = gzip.decompress(raw)
        told = json.loads(raw, parse_float=Decimal)
    except OSError as error:
        found = error.strerror or error
        raise BadMarket(f"{path}: cannot be read: {found}; {WOULD_DO}") from error
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
    if not isinstance(price, (int, Decimal)) or not isinstance(quantity, (int, Decimal)):
        raise BadMarket(f"{path}: row {number}: price and amount must be numbers: {shape}")
    for name, figure, most in (("price", price, PRICE_MAX), ("amount", quantity, AMOUNT_MAX)):
        if not LEAST <= figure <= most:
            bounds = f"{LEAST} to {most} would do"
            raise BadMarket(f"{path}: row {number}: {name}: found {figure!s:.40}; {bounds}")
    return stamp, str(side), Decimal(price), Decimal(quantity)
