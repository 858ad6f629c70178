"""`tieout data fetch`: every row once, whatever an exchange does with its pages, and resumed."""

import gzip
import json
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlparse

import pytest
from click.testing import CliRunner

from tieout.backtest import fetch as fetching
from tieout.backtest.data import load
from tieout.backtest.fetch import HOUR_MS, WAITS_S, Unreachable, Wanted, fetch
from tieout.backtest.fetched import Kind
from tieout.bad_input import BadMarket
from tieout.cli import main
from tieout.exits import BAD_INPUT, HELD, LACKING

ccxt = pytest.importorskip("ccxt", reason="the extra `live` is not installed")

MINUTE = 60_000
BEGAN = 1_640_995_200_000
Page = list[Any]


class Shop:
    """An exchange with bars and trades of its own, pages of `most` rows, and whims.

    `whims` are by the number of the request: what becomes of the page that it would have had.
    """

    def __init__(self, most: int = 100, name: str = "shop") -> None:
        self.id, self.most = name, most
        self.bars: list[list[Any]] = [
            [BEGAN + n * MINUTE, "1.5", "2", "1", "1.25", "7"] for n in range(950)
        ]
        self.trades: list[dict[str, Any]] = [trade(n, BEGAN + n * 700) for n in range(950)]
        self.asked: list[tuple[int | None, dict[str, Any]]] = []
        self.told: list[Page] = []
        self.whims: dict[int, Callable[[Page], Page]] = {}
        self.now = BEGAN + 1000 * MINUTE
        self.slept: list[float] = []

    def load_markets(self) -> None: ...

    def feature_value(self, symbol: str, method: str, name: str, default: int) -> int:
        return self.most

    def milliseconds(self) -> int:
        return self.now

    def parse_timeframe(self, timeframe: str) -> int:
        return {"1m": 60}[timeframe]

    def fetch_ohlcv(self, symbol: str, timeframe: str, since: int, limit: int) -> Page:
        return self._page(since, {}, [bar for bar in self.bars if bar[0] >= since][:limit])

    def fetch_trades(
        self, symbol: str, since: int | None, limit: int, params: dict[str, Any]
    ) -> Page:
        if "fromId" in params:
            rows = [each for each in self.trades if int(each["id"]) >= params["fromId"]]
        else:
            assert since is not None
            window = range(since, since + HOUR_MS)
            rows = [each for each in self.trades if each["timestamp"] in window]
        return self._page(since, params, rows[: self.most])

    def _page(self, since: int | None, params: dict[str, Any], rows: Page) -> Page:
        self.asked.append((since, params))
        whim = self.whims.get(len(self.asked))
        rows = whim(rows) if whim else rows
        self.told.append(rows)
        return rows

    def again(self, page: Page) -> Page:
        """The page before this one, once more."""
        return self.told[-1]


def trade(number: int, at: int) -> dict[str, Any]:
    return {"id": str(number), "timestamp": at, "side": "buy", "price": "1.50", "amount": "0.1"}


def fails(page: Page) -> Page:
    raise ccxt.RequestTimeout("no answer in 10 s")


def wanted(shop: Shop, kind: Kind, until: int | None = None) -> Wanted:
    return Wanted(shop.id, "X/Y", kind, "1m", BEGAN, until or shop.now)


def fetched(shop: Shop, kind: Kind, out: Path, *, resume: bool = False) -> list[int]:
    """The rows' times, in ms, of what was fetched, as a backtest reads them."""
    fetch(shop, wanted(shop, kind), out, resume=resume, sleep=shop.slept.append)
    tape = load(out).tape
    at = tape.columns["opened_at"] if kind == "bars" else tape.at
    return [each // 10**6 for each in at.tolist()]


def all_of(shop: Shop, kind: Kind) -> list[int]:
    if kind == "bars":
        return [bar[0] for bar in shop.bars]
    return [each["timestamp"] for each in shop.trades]


KINDS: tuple[Kind, ...] = ("bars", "trades")


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".parquet"])
@pytest.mark.parametrize("kind", KINDS)
def test_all_pages_are_one_file_that_a_backtest_reads(
    kind: Kind, ending: str, tmp_path: Path
) -> None:
    shop, out = Shop(), tmp_path / f"m{ending}"
    assert fetched(shop, kind, out) == all_of(shop, kind)
    assert [path.name for path in tmp_path.iterdir()] == [out.name], "nothing else is left"
    assert load(out).source.findings == ()


@pytest.mark.parametrize("name", ["shop", "binance"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_page_twice_is_asked_for_again(kind: Kind, name: str, tmp_path: Path) -> None:
    shop = Shop(name=name)
    shop.whims = {3: shop.again, 6: shop.again, 7: shop.again}
    assert fetched(shop, kind, tmp_path / "m.csv") == all_of(shop, kind)
    assert shop.slept == [WAITS_S[0]] * 3


def test_where_nothing_was_traded_for_hours_the_next_span_is_asked_for(tmp_path: Path) -> None:
    shop = Shop()
    later = BEGAN + 5 * HOUR_MS
    shop.bars = [bar for bar in shop.bars if not BEGAN + 50 * MINUTE <= bar[0] < later]
    shop.trades = shop.trades[:300] + [trade(n, later + n) for n in range(300, 400)]
    for kind in KINDS:
        assert fetched(shop, kind, tmp_path / f"{kind}.csv") == all_of(shop, kind)


def test_an_empty_page_of_bars_is_a_gap_that_the_check_finds(tmp_path: Path) -> None:
    shop = Shop()
    shop.whims = {4: lambda page: []}
    assert fetched(shop, "bars", tmp_path / "m.csv") == [
        bar[0] for n, bar in enumerate(shop.bars) if not 300 <= n < 400
    ]
    assert [each.code for each in load(tmp_path / "m.csv").source.findings] == ["gap"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_request_that_fails_is_made_again_after_a_while(kind: Kind, tmp_path: Path) -> None:
    shop = Shop()
    shop.whims = {2: fails, 3: fails, 5: fails}
    assert fetched(shop, kind, tmp_path / "m.csv") == all_of(shop, kind)
    assert shop.slept == [1, 2, 1]


@pytest.mark.parametrize("name", ["shop", "binance"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_ended_early_goes_on_from_its_last_whole_line(
    kind: Kind, name: str, tmp_path: Path
) -> None:
    """A line that was torn as the power went is asked for again; nothing is told twice or lost."""
    shop, out, part = Shop(name=name), tmp_path / "m.csv.gz", tmp_path / "m.csv.gz.part"
    shop.whims = dict.fromkeys(range(4, 4 + len(WAITS_S) + 1), fails)
    with pytest.raises(Unreachable, match="gave no answer 6 times: RequestTimeout"):
        fetched(shop, kind, out)
    assert not out.exists()
    kept = 300 if kind == "bars" else 298
    assert len(part.read_text().splitlines()) == 1 + kept, "pages of trades overlap"
    with part.open("a") as file:
        file.write("16409")
    with pytest.raises(BadMarket, match="an earlier fetch ended early; --resume would go on"):
        fetched(shop, kind, out)
    asked = len(shop.asked)
    assert fetched(shop, kind, out, resume=True) == all_of(shop, kind)
    assert shop.asked[asked][0] != BEGAN, "not from the beginning"
    assert not part.exists()


def test_a_partial_file_of_another_fetch_is_not_continued(tmp_path: Path) -> None:
    shop, out = Shop(), tmp_path / "m.csv"
    shop.whims = dict.fromkeys(range(2, 20), fails)
    with pytest.raises(Unreachable):
        fetched(shop, "bars", out)
    with pytest.raises(BadMarket, match=r"m\.csv\.part: it is of another fetch"):
        fetched(shop, "trades", out, resume=True)


def test_many_trades_in_one_millisecond_are_paged_by_id_or_refused(tmp_path: Path) -> None:
    """By time such a page cannot be left: to skip what it hides would be silent."""
    for name in ("binance", "shop"):
        shop = Shop(name=name)
        shop.trades = [trade(n, BEGAN + max(0, n - 250)) for n in range(300)]
        if name == "binance":
            assert fetched(shop, "trades", tmp_path / "b.csv") == all_of(shop, "trades")
        else:
            with pytest.raises(BadMarket, match="found 100 trades in the millisecond"):
                fetched(shop, "trades", tmp_path / "s.csv")


def test_only_what_is_wanted_and_closed_is_kept(tmp_path: Path) -> None:
    shop = Shop()
    shop.now = BEGAN + 10 * MINUTE + 30_000
    assert fetched(shop, "bars", tmp_path / "m.csv")[-1] == BEGAN + 9 * MINUTE, "the tenth is open"
    for kind in KINDS:
        out = tmp_path / f"{kind}.csv"
        want = wanted(shop, kind, BEGAN + 3 * MINUTE)
        count = fetch(shop, want, out, resume=False, sleep=shop.slept.append)
        assert count == len([at for at in all_of(shop, kind) if at < BEGAN + 3 * MINUTE])


def test_an_exchange_that_tells_only_old_pages_is_given_up(tmp_path: Path) -> None:
    shop = Shop()
    shop.whims = {number: lambda page: shop.told[0] for number in range(2, 9)}
    with pytest.raises(BadMarket, match="found 3 pages that end before 2022-01-01T01:40:00Z"):
        fetched(shop, "bars", tmp_path / "m.csv")


def test_nothing_at_all_a_bad_name_and_a_file_that_is_there_are_refused(tmp_path: Path) -> None:
    shop = Shop()
    shop.bars = []
    with pytest.raises(BadMarket, match="shop told no bars of X/Y from 2022-01-01T00:00:00Z on"):
        fetched(shop, "bars", tmp_path / "m.csv")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(BadMarket, match=r"found m\.xls; a name that ends in \.csv"):
        fetched(shop, "trades", tmp_path / "m.xls")
    (tmp_path / "m.csv").write_text("")
    with pytest.raises(BadMarket, match="it is there already"):
        fetched(shop, "trades", tmp_path / "m.csv")
    with pytest.raises(BadMarket, match="--since is not before --until"):
        wanted(shop, "bars", BEGAN)


# --- ccxt itself, over loopback ------------------------------------------------------------------


class Served(BaseHTTPRequestHandler):
    """Binance's public API, as much as ccxt asks of it."""

    times_out: ClassVar[Sequence[int]] = (2,)
    asked: ClassVar[int] = 0

    def do_GET(self) -> None:  # as the library names it
        path, query = urlparse(self.path).path, parse_qs(urlparse(self.path).query)
        if path.endswith("/exchangeInfo"):
            return self._tell({"symbols": [LISTED]})
        type(self).asked += 1
        if Served.asked in Served.times_out:
            return self.send_error(503)
        since, most = int(query["startTime"][0]), int(query["limit"][0])
        page = [kline(n) for n in range(2500) if BEGAN + n * MINUTE >= since][:most]
        return self._tell(page)

    def _tell(self, told: object) -> None:
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # as the library has it
        pass


LISTED = {
    "symbol": "BTCUSDT",
    "status": "TRADING",
    "baseAsset": "BTC",
    "quoteAsset": "USDT",
    "permissions": ["SPOT"],
    "filters": [],
    "orderTypes": [],
}


def kline(number: int) -> list[Any]:
    at = BEGAN + number * MINUTE
    prices = ["0.10000001", "0.3", "0.1", "0.20"]
    return [at, *prices, "12.30000000", at + 59_999, "1", 1, "1", "1", "0"]


@pytest.fixture
def served() -> Iterator[str]:
    Served.asked = 0
    server = ThreadingHTTPServer(("127.0.0.1", 0), Served)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture
def binance(served: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """ccxt as it is, but for where it finds Binance."""
    make = fetching.client

    def client(name: str) -> Any:
        made: Any = make(name)
        made.urls["api"] = dict.fromkeys(made.urls["api"], f"{served}/api/v3")
        made.options["fetchMarkets"] = {"types": ["spot"]}
        made.options["fetchCurrencies"] = False
        return made

    monkeypatch.setattr(fetching, "client", client)


@pytest.mark.usefixtures("binance")
def test_ccxt_hands_on_each_decimal_as_the_exchange_wrote_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three pages by the command, one of them asked for twice; then what was asked is not open."""
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    out = tmp_path / "m.csv.gz"
    until = "2022-01-02T16:00"
    words = ["data", "fetch", "binance", "BTC/USDT", "--since", "2022-01-01", "--until", until]
    done = CliRunner().invoke(main, [*words, "--out", str(out), "--json"])
    assert done.exit_code == HELD, done.output
    (told,) = json.loads(done.stdout)["files"]
    assert (told["rows"], told["tick"], told["bar_ns"]) == (2400, "0.00000001", 60 * 10**9)
    assert gzip.decompress(out.read_bytes()).split(b"\n")[1] == (
        b"1640995200000,0.10000001,0.3,0.1,0.20,12.30000000"
    )
    assert Served.asked == 4
    words[3] = "NO/SUCH"
    wrong = CliRunner().invoke(main, [*words, "--out", str(tmp_path / "n.csv")])
    assert wrong.exit_code == BAD_INPUT
    assert "binance: BadSymbol" in wrong.stderr


@pytest.mark.usefixtures("binance")
def test_an_exchange_that_cannot_be_reached_is_status_three(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    monkeypatch.setattr(Served, "times_out", range(2, 9))
    words = ["data", "fetch", "binance", "BTC/USDT", "--since", "2022-01-01", "--out"]
    done = CliRunner().invoke(main, [*words, str(tmp_path / "m.csv")])
    assert done.exit_code == LACKING
    assert "what came is kept: --resume goes on" in done.stderr
    monkeypatch.setattr(Served, "times_out", ())
    done = CliRunner().invoke(main, [*words, str(tmp_path / "m.csv"), "--resume"])
    assert (done.exit_code, load(tmp_path / "m.csv").source.rows) == (HELD, 2500)


def test_other_words_are_bad_input(tmp_path: Path) -> None:
    for words, told in (
        (["kukoin", "X/Y", "--since", "2022-01-01"], "found no exchange 'kukoin' in ccxt"),
        (["binance", "X/Y", "--since", "yesterday"], "found 'yesterday'; a date or moment"),
    ):
        out = ["--out", str(tmp_path / "m.csv")]
        done = CliRunner().invoke(main, ["data", "fetch", *words, *out])
        assert done.exit_code == BAD_INPUT
        assert told in done.stderr


def test_without_ccxt_it_says_what_is_lacking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ccxt", None)
    words = ["data", "fetch", "binance", "X/Y", "--since", "2022-01-01", "--out"]
    done = CliRunner().invoke(main, [*words, str(tmp_path / "m.csv")])
    assert done.exit_code == LACKING
    assert "the extra `live` has it" in done.stderr
