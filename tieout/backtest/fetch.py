"""Market data from an exchange through ccxt: page by page, each row once, resumed where it ended.

Rule 1. A row is written as the exchange told it: ccxt hands decimals on as texts (`number: str`).
Rule 2. What came is kept: each page is on disk before the next is asked for, and a fetch that ended
early goes on from its last whole line.
Rule 3. A page overlaps the one before: trades by their ids, bars by their times. A page that brings
nothing new is asked for again, and then is an error: never skipped.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from tieout.backtest.check import moment
from tieout.backtest.fetched import Kind, Partial, Row
from tieout.bad_input import BadMarket

Answer = TypeVar("Answer")

PAGE, PAGE_LEAST = 1000, 50
MS, HOUR_MS = 1_000_000, 3_600_000
WAITS_S: Final = (1, 2, 4, 8, 16)  # before a request that failed is made again
STALE_MAX: Final = 3  # pages in a row that bring nothing new
# Trades of these are asked for by id after the first page: a millisecond may hold more than a page.
BY_ID: Final = {
    "binance": "fromId",
    "binanceus": "fromId",
    "binanceusdm": "fromId",
    "binancecoinm": "fromId",
}


class Unreachable(Exception):
    """The exchange gave no answer, time and again; says what is kept."""


class Exchange(Protocol):
    """What is needed of a ccxt client."""

    id: str

    def fetch_ohlcv(
        self, symbol: str, timeframe: str, since: int, limit: int
    ) -> list[list[Any]]: ...

    def fetch_trades(
        self, symbol: str, since: int | None, limit: int, params: dict[str, Any]
    ) -> list[dict[str, Any]]: ...

    def load_markets(self) -> object: ...

    def feature_value(self, symbol: str, method: str, name: str, default: int) -> int: ...

    def milliseconds(self) -> int: ...

    def parse_timeframe(self, timeframe: str) -> int: ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be fetched: rows with `since_ms` ≤ time < `until_ms`."""

    exchange: str
    symbol: str
    kind: Kind
    timeframe: str
    since_ms: int
    until_ms: int

    def __post_init__(self) -> None:
        if self.since_ms >= self.until_ms:
            raise BadMarket("--since is not before --until; the other way round would do")

    def as_line(self) -> str:
        """What the first line of a partial file says of itself; it may be continued to later."""
        told = (self.exchange, self.symbol, self.kind, self.timeframe, self.since_ms)
        return json.dumps(told)

    def share(self, reached_ms: int) -> float:
        """How much of it lies before that moment, from 0 to 1."""
        return min(1.0, (reached_ms - self.since_ms) / (self.until_ms - self.since_ms))


def client(name: str) -> Exchange:
    """ccxt's client of that exchange, its rate limit kept and its decimals left as texts."""
    import ccxt

    if name not in ccxt.exchanges:
        near = [each for each in ccxt.exchanges if name[:4] in each][:5]
        would_do = ", ".join(near or ["binance", "okx", "bybit"])
        raise BadMarket(f"found no exchange {name!r} in ccxt; {would_do} would do")
    made: Exchange = getattr(ccxt, name)({"enableRateLimit": True, "number": str})
    return made


def fetch(
    exchange: Exchange,
    wanted: Wanted,
    out: Path,
    *,
    resume: bool,
    sleep: Callable[[float], object],
    progress: Callable[[float], object] = lambda share: None,
) -> int:
    """Fetch all that is wanted into `out`, and say how many rows it has.

    Raises `BadMarket` of what cannot be fetched so, and `Unreachable`: `resume` goes on after it.
    """
    kept = Partial(out, wanted.kind, wanted.as_line(), resume=resume)
    pages = _bars if wanted.kind == "bars" else _trades
    with closing(kept):
        for page, reached_ms in pages(_Asking(exchange, wanted, sleep), kept):
            kept.add(page)
            progress(wanted.share(reached_ms))
    if not kept.rows:
        asked = f"{wanted.kind} of {wanted.symbol} from {moment(wanted.since_ms * MS)} on"
        raise BadMarket(f"{exchange.id} told no {asked}; a later --since would do")
    kept.finish()
    return kept.rows


# --- pages ---------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Asking:
    """One exchange that is asked again where it gives no answer."""

    exchange: Exchange
    wanted: Wanted
    sleep: Callable[[float], object]

    def bar_ms(self) -> int:
        """How long a bar is."""
        return self._asked(lambda: self.exchange.parse_timeframe(self.wanted.timeframe)) * 1000

    def bars_max(self) -> int:
        """How many bars a page may have."""
        self._asked(self.exchange.load_markets)
        asks = partial(self.exchange.feature_value, self.wanted.symbol, "fetchOHLCV", "limit", PAGE)
        return min(PAGE, self._asked(asks))

    def bars(self, since_ms: int, most: int) -> list[list[Any]]:
        """A page of bars from then on."""
        told = self.wanted
        asks = partial(self.exchange.fetch_ohlcv, told.symbol, told.timeframe, since_ms, most)
        return self._asked(asks)

    def trades(self, since_ms: int, last_id: str) -> list[dict[str, Any]]:
        """A page of trades from that one on, where they are asked for by id, else from then on."""
        symbol, params = self.wanted.symbol, self.by_id(last_id)
        since = None if params else since_ms
        return self._asked(lambda: self.exchange.fetch_trades(symbol, since, PAGE, params))

    def by_id(self, last_id: str) -> dict[str, Any]:
        """What asks for the trades from that one on; nothing where it is asked by time."""
        name = BY_ID.get(self.exchange.id)
        return {name: int(last_id)} if name and last_id else {}

    def _asked(self, asks: Callable[[], Answer]) -> Answer:
        from ccxt import BaseError, NetworkError

        failed = ""
        for wait_s in (*WAITS_S, 0):
            try:
                return asks()
            except NetworkError as error:
                failed = f"{type(error).__name__}: {error!s:.200}"
                if wait_s:
                    self.sleep(wait_s)
            except BaseError as error:
                what = f"{type(error).__name__}: {error!s:.200}"
                raise BadMarket(f"{self.exchange.id}: {what}") from error
        raise Unreachable(f"{self.exchange.id} gave no answer {len(WAITS_S) + 1} times: {failed}")

    def stale(self, pages: int, at_ms: int) -> None:
        """A page brought nothing new: wait for a better one, but not for ever."""
        if pages >= STALE_MAX:
            found = f"{pages} pages that end before {moment(at_ms * MS)}, from which it was asked"
            raise BadMarket(f"{self.exchange.id}: found {found}; another exchange would do")
        self.sleep(WAITS_S[0])


Pages = Iterator[tuple[list[Row], int]]


def _bars(asking: _Asking, kept: Partial) -> Pages:
    """Closed bars; where a page is empty there were none, and the next span is asked for."""
    wanted = asking.wanted
    length, most = asking.bar_ms(), asking.bars_max()
    until = min(wanted.until_ms, asking.exchange.milliseconds() - length + 1)
    at = kept.last_ms + length if kept.rows else wanted.since_ms
    stale = 0
    while at < until:
        told = asking.bars(at, most)
        new = [row for row in told if row[0] >= at]
        if told and not new:
            asking.stale(stale := stale + 1, at)
            continue
        stale = 0
        page = [tuple(map(str, row[:6])) for row in new if row[0] < until]
        at = int(new[-1][0]) + length if new else at + most * length
        yield list(dict.fromkeys(page)), at


def _trades(asking: _Asking, kept: Partial) -> Pages:
    """Trades from the last one on, which comes again and is known; an empty page is an hour's."""
    wanted = asking.wanted
    until = min(wanted.until_ms, asking.exchange.milliseconds())
    at = max(kept.last_ms, wanted.since_ms)
    stale = longest = 0
    while at < until:
        told = [_trade(each) for each in asking.trades(at, kept.last_id)]
        new = [row for row in told if int(row[0]) >= at and row not in kept.latest]
        if told and not new and int(told[0][0]) < at:
            asking.stale(stale := stale + 1, at)
            continue
        stale, longest = 0, max(longest, len(told))
        if new:
            at = int(new[-1][0])
            yield [row for row in dict.fromkeys(new) if int(row[0]) < until], at
        elif asking.by_id(kept.last_id):
            return
        elif PAGE_LEAST <= len(told) == longest:
            found = f"{longest} trades in the millisecond {at}, a whole page"
            raise BadMarket(f"{asking.exchange.id}: found {found}; its own files would do")
        else:
            at += 1 if told else HOUR_MS
            yield [], at


def _trade(told: dict[str, Any]) -> Row:
    cells = (told[name] for name in ("timestamp", "id", "side", "price", "amount"))
    return tuple("" if cell is None else str(cell) for cell in cells)
