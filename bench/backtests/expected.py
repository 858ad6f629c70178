"""The fills that the rule asks for, reckoned from the file alone: what every runner is held to."""

import csv
import gzip
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from bench.backtests.told import digest


def expected(market: Path, bars: int) -> tuple[int, str]:
    """How many, and their digest."""
    fills = list(_fills(market, bars))
    return len(fills), digest(fills)


def _fills(market: Path, bars: int) -> Iterator[str]:
    with gzip.open(market, "rt", newline="") as text:
        recorded = list(csv.DictReader(text))
    first = datetime.fromisoformat(recorded[0]["timestamp"]).replace(tzinfo=UTC)
    for number, index in enumerate(range(99, bars, 100)):
        moment = first + timedelta(minutes=index)
        close = Decimal(recorded[index % len(recorded)]["close"])
        side = "sell" if number % 2 else "buy"
        yield f"{int(moment.timestamp())}000000000 {side} 1 {int(close * 1000)}"
