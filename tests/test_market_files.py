"""Recorded markets from files: exact in every format, or refused with the place."""

import gzip
import io
import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tieout.backtest.data import Recorded, load
from tieout.backtest.joined import joined
from tieout.backtest.rows import Told
from tieout.bad_input import BadMarket

HEADER = "timestamp,open,high,low,close,volume\n"
BARS = HEADER + "".join(
    f"2022-01-01T00:0{minute}:00Z,10{minute}.5,110,99,10{minute}.25,{minute}.125\n"
    for minute in range(5)
)
MINUTE = 60 * 10**9
BEGAN = 1_640_995_200 * 10**9  # 2022-01-01T00:00:00Z


def loaded(path: Path, content: str | bytes, told: Told | None = None) -> Recorded:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return load(path, told or Told())


def columns(recorded: Recorded) -> Mapping[str, list[int]]:
    """The tape's columns as lists, its times among them."""
    tape = recorded.tape
    return {"at": tape.at.tolist()} | {n: c.tolist() for n, c in tape.columns.items()}


# --- what is read --------------------------------------------------------------------------------


def test_bars_are_whole_ticks_and_lots_known_at_their_close(tmp_path: Path) -> None:
    got = loaded(tmp_path / "m.csv", BARS)
    assert (got.source.kind, got.source.rows, got.source.bar_ns) == ("bars", 5, MINUTE)
    assert (got.tape.tick, got.tape.lot) == (10**10, 10**5), "0.01 and 0.001"
    assert columns(got) == {
        "at": [BEGAN + (n + 1) * MINUTE for n in range(5)],
        "opened_at": [BEGAN + n * MINUTE for n in range(5)],
        "open": [10050, 10150, 10250, 10350, 10450],
        "high": [11000] * 5,
        "low": [9900] * 5,
        "close": [10025, 10125, 10225, 10325, 10425],
        "volume": [125, 1125, 2125, 3125, 4125],
    }
    assert any("the tick is taken to be 0.01" in each for each in got.source.assumed)


def test_a_bars_time_is_its_open_unless_it_is_said_to_be_its_close(tmp_path: Path) -> None:
    """Taken for the open where nobody says: then no bar is known too early, whatever it was."""
    opened = loaded(tmp_path / "m.csv", BARS)
    assert any("taken for a bar's open" in each for each in opened.source.assumed)
    closed = loaded(tmp_path / "m.csv", BARS, Told(bar_time="close"))
    assert (closed.tape.at + MINUTE == opened.tape.at).all()
    named = loaded(tmp_path / "m.csv", BARS.replace("timestamp", "Close Time"))
    assert named.tape.at.tolist() == closed.tape.at.tolist()
    assert not any("bar's open" in each for each in named.source.assumed)


TRADES = [
    (1_640_995_200_123, "7", "buy", "1.50", "3"),
    (1_640_995_201_000, "8", "sell", "1.25", "4.5"),
]
TOLD = {
    "at": [BEGAN + 123 * 10**6, BEGAN + 10**9],
    "side": [1, -1],
    "price": [150, 125],
    "quantity": [30, 45],
}


def named_trades(names: str, rows: str) -> str:
    return f"{names}\n{rows}"


FORMATS: dict[str, tuple[str, str]] = {
    "by name": (
        "m.csv",
        "time,id,side,price,amount\n1640995200123,7,buy,1.50,3\n1640995201000,8,SELL,1.25,4.5\n",
    ),
    "semicolons and a mark": (
        "m.csv",
        "\ufeffTrade Time;Price;Qty;is_buyer_maker\n2022-01-01 00:00:00.123 UTC;1.50;3;False\n"
        "2022-01-01 00:00:01 UTC;1.25;4.5;True\n",
    ),
    "seconds with decimals": (
        "m.csv",
        "ts,px,sz,side\n1640995200.123,1.5,3e0,b\n1640995201,125e-2,4.5,s\n",
    ),
    "an offset": (
        "m.csv",
        "datetime,price,size,side\n2022-01-01T01:00:00.123+01:00,1.5,3,Buy\n"
        "2022-01-01T01:00:01+01:00,1.25,4.5,Sell\n",
    ),
    "when it was heard": (
        "m.csv",
        "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n"
        "x,y,1640995200000001,1640995200123000,7,buy,1.5,3\n"
        "x,y,1640995200000000,1640995201000000,8,sell,1.25,4.5\n",
    ),
    "Binance spot without names": (
        "m.csv",
        "7,1.50000000,3.00000000,4.5,1640995200123,False,True\n8,1.25,4.5,5.6,1640995201000,True,True\n",
    ),
    "Binance spot in microseconds": (
        "m.csv",
        "7,1.50000000,3.00000000,4.5,1640995200123000,False,True\n8,1.25,4.5,5.6,1640995201000000,True,True\n",
    ),
    "Binance aggregates": (
        "m.csv",
        "7,1.5,3,70,71,1640995200123,false,true\n8,1.25,4.5,72,72,1640995201000,true,true\n",
    ),
    "lists of ccxt": (
        "m.json",
        '[[1640995200123,"7",null,"buy",1.50,3,4.5],[1640995201000,"8",null,"sell",1.25,4.5,5.6]]',
    ),
    "fetchTrades of ccxt": (
        "m.json",
        '[{"id":"7","timestamp":1640995200123,"datetime":"x","side":"buy","price":1.5,"amount":3.0,'
        '"info":{},"fees":[]},{"id":"8","timestamp":1640995201000,"datetime":"y","side":"sell",'
        '"price":1.25,"amount":4.5,"info":{},"fees":[]}]',
    ),
    "aggregates of Binance's API": (
        "m.json",
        '[{"a":7,"p":"1.50","q":"3","f":1,"l":1,"T":1640995200123,"m":false,"M":true},'
        '{"a":8,"p":"1.25","q":"4.5","f":2,"l":2,"T":1640995201000,"m":true,"M":true}]',
    ),
    "OKX, newest first": (
        "m.json",
        '{"code":"0","msg":"","data":[{"instId":"X","tradeId":"8","px":"1.25","sz":"4.5","side":'
        '"sell","ts":"1640995201000"},{"instId":"X","tradeId":"7","px":"1.5","sz":"3","side":"buy",'
        '"ts":"1640995200123"}]}',
    ),
    "Bybit, newest first": (
        "m.json",
        '{"retCode":0,"result":{"category":"linear","list":[{"execId":"b","symbol":"X","price":'
        '"1.25","size":"4.5","side":"Sell","time":"1640995201000","isBlockTrade":false},{"execId":'
        '"a","symbol":"X","price":"1.5","size":"3","side":"Buy","time":"1640995200123",'
        '"isBlockTrade":false}]}}',
    ),
    "a line each": (
        "m.jsonl",
        '{"stream":"x@trade","data":{"e":"trade","E":1640995200200,"t":7,"p":"1.50","q":"3","T":'
        '1640995200123,"m":false}}\n{"stream":"x@trade","data":{"e":"trade","E":1640995201001,"t":8,'
        '"p":"1.25","q":"4.5","T":1640995201000,"m":true}}\n',
    ),
}


@pytest.mark.parametrize("what", FORMATS)
def test_the_same_trades_are_the_same_tape_in_every_format(what: str, tmp_path: Path) -> None:
    name, content = FORMATS[what]
    got = loaded(tmp_path / name, content)
    assert columns(got) == TOLD, got.source
    assert (got.tape.tick, got.tape.lot) == (10**10, 10**7)


def test_a_file_may_be_gzipped_or_zipped(tmp_path: Path) -> None:
    name, content = FORMATS["by name"]
    assert columns(loaded(tmp_path / "m.csv.gz", gzip.compress(content.encode()))) == TOLD
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(name, content)
    assert columns(loaded(tmp_path / "m.csv.zip", packed.getvalue())) == TOLD


def test_parquet_has_types_of_its_own(tmp_path: Path) -> None:
    """Floats are the decimals that they stand for, even those that arithmetic moved by a hair."""
    at = pa.array([int(each) for each in TOLD["at"]]).cast(pa.timestamp("ns", "UTC"))
    table = {"timestamp": at, "price": [1.5, 1.25], "qty": [3.0, 4.5], "buyer_maker": [False, True]}
    pq.write_table(pa.table(table), tmp_path / "m.parquet")
    assert columns(load(tmp_path / "m.parquet")) == TOLD
    moved = [0.1 + 0.2, 0.00031099999999999997]
    pq.write_table(pa.table(table | {"qty": moved}), tmp_path / "m.parquet")
    got = load(tmp_path / "m.parquet")
    assert (got.tape.lot, columns(got)["quantity"]) == (100, [300_000, 311])


BARS_OF_APIS = {
    "fetchOHLCV of ccxt": "[[1640995200000,1,4,0.5,2,10.5],[1640995260000,2,5,1.5,3,11]]",
    "klines of Binance": json.dumps(
        [
            [1640995200000, "1", "4", "0.5", "2", "10.5", 1640995259999, "9", 3, "1", "1", "0"],
            [1640995260000, "2", "5", "1.5", "3", "11", 1640995319999, "9", 3, "1", "1", "0"],
        ]
    ),
    "klines of Bybit, newest first": json.dumps(
        {
            "result": {
                "list": [
                    ["1640995260000", "2", "5", "1.5", "3", "11", "9"],
                    ["1640995200000", "1", "4", "0.5", "2", "10.5", "9"],
                ]
            }
        }
    ),
    "candles of OKX, newest first, the last not closed": json.dumps(
        {
            "data": [
                ["1640995320000", "9", "9", "9", "9", "9", "1", "1", "0"],
                ["1640995260000", "2", "5", "1.5", "3", "11", "1", "1", "1"],
                ["1640995200000", "1", "4", "0.5", "2", "10.5", "1", "1", "1"],
            ]
        }
    ),
}


@pytest.mark.parametrize("what", BARS_OF_APIS)
def test_the_same_bars_are_the_same_tape_from_every_api(what: str, tmp_path: Path) -> None:
    got = loaded(tmp_path / "m.json", BARS_OF_APIS[what])
    assert columns(got) == {
        "at": [BEGAN + MINUTE, BEGAN + 2 * MINUTE],
        "opened_at": [BEGAN, BEGAN + MINUTE],
        "open": [10, 20],
        "high": [40, 50],
        "low": [5, 15],
        "close": [20, 30],
        "volume": [105, 110],
    }
    assert not any("bar's open" in each for each in got.source.assumed), "the API says so"


def test_quotes_have_a_top_and_a_side_may_be_empty(tmp_path: Path) -> None:
    names = "timestamp,ask_amount,ask_price,bid_price,bid_amount\n"
    got = loaded(
        tmp_path / "m.csv", names + "1640995200000,3,101,100.5,2\n1640995201000,0,0,100,2\n"
    )
    assert got.source.kind == "quotes"
    assert columns(got) == {
        "at": [BEGAN, BEGAN + 10**9],
        "bid": [1005, 1000],
        "bid_quantity": [2, 2],
        "ask": [1010, 0],
        "ask_quantity": [3, 0],
    }


DEPTH = {
    "at": [BEGAN] * 3 + [BEGAN + 10**9] * 2,
    "side": [1, 1, -1, 1, -1],
    "price": [100, 99, 101, 100, 102],
    "quantity": [5, 6, 7, 0, 8],
    "ends": [0, 0, 1, 0, 1],
    "fresh": [1, 0, 0, 0, 0],
}
BOOKS = {
    "by level": (
        "m.csv",
        "timestamp,is_snapshot,side,price,amount\n"
        "1640995200000,true,bid,100,5\n1640995200000,true,bid,99,6\n1640995200000,true,ask,101,7\n"
        "1640995201000,false,bid,100,0\n1640995201000,false,ask,102,8\n",
    ),
    "OKX": (
        "m.jsonl",
        '{"arg":{"channel":"books"},"action":"snapshot","data":[{"bids":[["100","5","0","1"],["99",'
        '"6","0","1"]],"asks":[["101","7","0","1"]],"ts":"1640995200000","seqId":1}]}\n'
        '{"arg":{"channel":"books"},"action":"update","data":[{"bids":[["100","0","0","0"]],"asks":'
        '[["102","8","0","1"]],"ts":"1640995201000","seqId":2}]}\n',
    ),
    "Bybit": (
        "m.jsonl",
        '{"topic":"orderbook.50.X","type":"snapshot","ts":1640995200000,"data":{"s":"X","b":[["100",'
        '"5"],["99","6"]],"a":[["101","7"]],"u":1,"seq":1}}\n'
        '{"topic":"orderbook.50.X","type":"delta","ts":1640995201000,"data":{"s":"X","b":[["100",'
        '"0"]],"a":[["102","8"]],"u":2,"seq":2}}\n',
    ),
    "ccxt and Binance": (
        "m.json",
        '[{"symbol":"X","bids":[[100,5],[99,6]],"asks":[[101,7]],"timestamp":1640995200000,"nonce":'
        '1},{"e":"depthUpdate","E":1640995201000,"s":"X","U":2,"u":3,"b":[["100","0"]],"a":[["102",'
        '"8"]]}]',
    ),
}


@pytest.mark.parametrize("what", BOOKS)
def test_books_are_snapshots_and_changes(what: str, tmp_path: Path) -> None:
    got = loaded(tmp_path / BOOKS[what][0], BOOKS[what][1])
    assert (got.source.kind, columns(got)) == ("depth", DEPTH)


def test_two_whole_books_are_two_snapshots(tmp_path: Path) -> None:
    book = {"bids": [[100, 5]], "asks": [[101, 7]], "timestamp": 1640995200000}
    got = loaded(tmp_path / "m.json", json.dumps([book, book | {"timestamp": 1640995201000}]))
    assert got.tape.columns["fresh"].tolist() == [1, 0, 1, 0]


# --- what is told beside the file ----------------------------------------------------------------


def test_a_tick_that_is_told_is_counted_or_refused(tmp_path: Path) -> None:
    got = loaded(tmp_path / "m.csv", BARS, Told(tick=25 * 10**10, lot=10**5))
    assert got.tape.columns["close"].tolist() == [401, 405, 409, 413, 417], "of 0.25"
    place = "line 2: close: found 100.25; a multiple of the tick 0.5 would do"
    with pytest.raises(BadMarket, match=place):
        loaded(tmp_path / "m.csv", BARS, Told(tick=5 * 10**11))
    with pytest.raises(BadMarket, match=r"found 4\.5; a multiple of the lot 1 would do"):
        loaded(tmp_path / "m.csv", FORMATS["by name"][1], Told(lot=10**8))


def test_volumes_are_cut_to_lots_and_may_count_the_quote(tmp_path: Path) -> None:
    cut = loaded(tmp_path / "m.csv", BARS, Told(lot=10**8))
    assert cut.tape.columns["volume"].tolist() == [0, 1, 2, 3, 4]
    assert "5 volumes are no multiple of 1; they are cut to one" in cut.source.assumed
    worth = loaded(tmp_path / "m.csv", BARS, Told(lot=10**5, volume="quote"))
    assert worth.tape.columns["volume"].tolist() == [1, 11, 20, 30, 39], "4.125 of 104.25 is 0.0395"
    fine = BARS.replace("4.125", "4.1234567891")
    got = loaded(tmp_path / "m.csv", fine)
    assert got.tape.columns["volume"][4] == 412_345_678
    assert "volumes are cut to 8 decimals" in got.source.assumed


def test_times_without_a_zone_are_of_the_zone_that_is_told(tmp_path: Path) -> None:
    plain = BARS.replace("Z,", ",")
    taken = loaded(tmp_path / "m.csv", plain)
    assert taken.tape.at.tolist() == loaded(tmp_path / "z.csv", BARS).tape.at.tolist()
    assert any("without a zone are taken for UTC" in each for each in taken.source.assumed)
    told = loaded(tmp_path / "m.csv", plain, Told(zone="Asia/Tokyo"))
    assert (taken.tape.at - told.tape.at == 9 * 60 * MINUTE).all()
    assert not any("zone" in each for each in told.source.assumed)
    with pytest.raises(BadMarket, match="no zone 'Mars/Olympus'; UTC would do"):
        loaded(tmp_path / "m.csv", plain, Told(zone="Mars/Olympus"))
    autumn = plain.replace("2022-01-01T00", "2022-10-30T01")
    with pytest.raises(BadMarket, match=r"line 2: timestamp: 2022-10-30 01:00:00 stands twice"):
        loaded(tmp_path / "m.csv", autumn, Told(zone="Europe/London"))


def test_what_is_told_of_the_kind_must_be_so(tmp_path: Path) -> None:
    with pytest.raises(BadMarket, match=r"found bars \(JSON: OHLCV of ccxt\); trades would do"):
        loaded(tmp_path / "m.json", BARS_OF_APIS["fetchOHLCV of ccxt"], Told(kind="trades"))
    with pytest.raises(BadMarket, match="trades also need price, quantity, side or maker"):
        loaded(tmp_path / "m.csv", BARS.replace("volume", "v2"), Told(kind="trades"))
    with pytest.raises(BadMarket, match="one bar does not tell how long it is"):
        loaded(tmp_path / "m.csv", "\n".join(BARS.split("\n")[:2]))
    one = loaded(tmp_path / "m.csv", "\n".join(BARS.split("\n")[:2]), Told(bar_ns=MINUTE))
    assert one.tape.at.tolist() == [BEGAN + MINUTE]


# --- what is refused -----------------------------------------------------------------------------


def line(number: int, was: str, becomes: str) -> Callable[[str], str]:
    """The bars with something else in one line, counted as an editor does."""

    def changed(text: str) -> str:
        lines = text.split("\n")
        assert was in lines[number - 1]
        lines[number - 1] = lines[number - 1].replace(was, becomes)
        return "\n".join(lines)

    return changed


def swapped(text: str) -> str:
    first, second, third, *rest = text.split("\n")
    return "\n".join([first, third, second, *rest])


BAD: dict[str, tuple[Callable[[str], str], str]] = {
    "an empty file": (lambda _: "", "found nothing, the file is empty"),
    "only spaces": (lambda _: "\n \n", "found nothing, the file is empty"),
    "only names": (lambda text: HEADER, "found no bar; one or more would do"),
    "missing columns": (line(1, ",close,volume", ",x,y"), "bars also need close, volume"),
    "a missing time": (line(1, "timestamp", "when"), "bars also need a time"),
    "a column twice": (line(1, "close", "open"), "the column 'open' stands twice; once would do"),
    "no names": (lambda text: text.partition("\n")[2].replace("2022-", "9,"), "without names"),
    "mixed zones, one without": (
        line(4, "Z", ""),
        "line 4: timestamp: found 2022-01-01T00:02:00, and 2022-01-01T00:00:00Z in the first row:"
        " mixed time zones; one for the whole file, best UTC, would do",
    ),
    "mixed zones, two of them": (line(4, "Z", "+01:00"), "line 4: timestamp: found .* mixed"),
    "mixed units": (
        lambda _: HEADER + "1640995200,1,1,1,1,1\n1640995260000,1,1,1,1,1\n",
        "line 3: timestamp: found 1640995260000 and 1640995200 in the first row; s, ms",
    ),
    "numbers that are no time": (
        lambda _: HEADER + "44562.5,1,1,1,1,1\n44563.5,1,1,1,1,1\n",
        "line 2: timestamp: found 44562 .* s, ms, µs or ns since 1970",
    ),
    "a date of another style": (
        lambda text: text.replace("2022-01-01T", "01/01/2022 "),
        "line 2: timestamp: found '01/01/2022 00:00:00Z'; 2022-01-31T23:59:00Z would do",
    ),
    "a day that there is not": (
        line(6, "2022-01-01", "2022-02-30"),
        "line 6: timestamp: found '2022-02-30",
    ),
    "a negative price": (
        line(3, "99,", "-99,"),
        "line 3: found open 101.5, high 110, low -99, .* prices over 0, up to 1e12, would do",
    ),
    "a price of zero": (line(3, "99,", "0,"), "line 3: found .* low 0"),
    "a price beyond all": (line(3, "110", "2000000000000"), "line 3: .* up to 1e12, would do"),
    "a price of too many digits": (
        line(3, "110", "1e30"),
        "line 3: high: found 1E.30; less than",
    ),
    "a price too fine": (
        line(3, "110", "110.0000000000001"),
        "line 3: high: found 110.0000000000001; at most 12 decimals would do",
    ),
    "a power beyond all": (
        line(3, "110", "11e-305201000"),
        "line 3: high: found 1.1E-305200999; at most 12 decimals would do",
    ),
    "a price that is none": (line(3, "110", "n/a"), "line 3: high: found 'n/a'; a number would do"),
    "a price that is not there": (line(3, "110", ""), "line 3: high: found ''; a number would do"),
    "not a number": (line(3, "110", "NaN"), "line 3: high: found NaN; a number would do"),
    "infinite": (line(3, "110", "-inf"), "line 3: high: found -Infinity; a number would do"),
    "a decimal comma": (
        lambda text: text.replace(",", ";").replace("110", "110,5"),
        "line 2: high: found '110,5'; a number would do",
    ),
    "a negative volume": (
        line(3, "1.125", "-1.125"),
        "line 3: .* volume -1.125; quantities over 0, up to 1e15, would do",
    ),
    "unsorted rows": (
        swapped,
        "line 3: time 2022-01-01T00:01:00Z lies before 2022-01-01T00:02:00Z; rows sorted",
    ),
    "a high below the low": (line(3, "110", "98"), "line 3: found .* low ≤ open, close ≤ high"),
    "a close outside": (line(3, "101.25", "120"), "line 3: found .* low ≤ open, close ≤ high"),
    "a bar twice, otherwise": (
        line(3, "00:01:00", "00:00:00"),
        "line 3: a bar of this time stands there again, and says otherwise; one would do",
    ),
    "bars that overlap": (
        line(3, "00:01:00", "00:00:30"),
        "line 3: found bars at .*; whole bars of 60 s would do",
    ),
    "a line too short": (line(3, ",1.125", ""), "no CSV: .* as many cells in each line"),
    "no text": (lambda text: text[:90] + "\udcff", "no CSV"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_bars_are_refused_with_the_place_and_what_would_do(what: str, tmp_path: Path) -> None:
    spoils, told = BAD[what]
    content = spoils(BARS).encode(errors="surrogateescape")
    with pytest.raises(BadMarket, match=told) as caught:
        loaded(tmp_path / "m.csv", content)
    assert str(tmp_path / "m.csv") in str(caught.value)
    assert "would do" in str(caught.value) or "also need" in str(caught.value)


BAD_OTHERS = {
    "a side that is none": (
        "m.csv",
        "time,price,size,side\n1640995200,1,1,hold\n",
        "line 2: side: found 'hold'; buy or",
    ),
    "a maker that is none": (
        "m.csv",
        "time,price,size,m\n1640995200,1,1,perhaps\n",
        "line 2: m: found 'perhaps'; true",
    ),
    "nothing traded": (
        "m.csv",
        "time,price,size,side\n1640995200,1,0,buy\n",
        "line 2: found price 1, quantity 0",
    ),
    "an id that says two things": (
        "m.csv",
        "time,id,price,size,side\n1640995200,5,1,1,buy\n1640995200,5,2,1,buy\n",
        "line 3: a trade of this id stands there again, and says otherwise",
    ),
    "no list": ("m.json", '{"code": 0}', "found dict without result, data, list"),
    "a word": ("m.json", '"trades"', "found str; a list of trades, bars or books"),
    "rows of two widths": (
        "m.json",
        "[[1640995200000,1,1,1,1,1],[1640995260000,1,1,1,1]]",
        "row 1: found",
    ),
    "rows of no shape": ("m.json", "[[1,2]]", r"row 0: found \[1, 2\]; \[at, id, type, side"),
    "rows of two sorts": ("m.json", '[{"time":1,"price":1},[1]]', "row 1: found"),
    "nothing in a cell": (
        "m.json",
        "[[1640995200000,1,1,1,1,1],[1640995260000,null,1,1,1,1]]",
        "row 1: open: found nothing; a value in every row would do",
    ),
    "a book without a time": (
        "m.json",
        '[{"lastUpdateId":1,"bids":[],"asks":[]}]',
        "row 0: found a book without a time",
    ),
    "a level that is none": (
        "m.json",
        '[{"ts":1,"bids":[7],"asks":[]}]',
        r"row 0: found 7; \[price, quantity\] would do",
    ),
    "no JSON": ("m.json", "time,price", "not JSON"),
    "no Parquet": ("m.parquet", "time,price", "no Parquet"),
    "no gzip": ("m.csv.gz", "time,price", "cannot be read"),
    "no zip": ("m.csv.zip", "time,price", "cannot be read"),
}


@pytest.mark.parametrize("what", BAD_OTHERS)
def test_other_files_are_refused_too(what: str, tmp_path: Path) -> None:
    name, content, told = BAD_OTHERS[what]
    with pytest.raises(BadMarket, match=told):
        loaded(tmp_path / name, content)


def test_a_parquet_column_of_another_type_is_refused(tmp_path: Path) -> None:
    table = {"time": [1640995200], "side": ["buy"], "price": [[1.0]], "size": [1.0]}
    pq.write_table(pa.table(table), tmp_path / "m.parquet")
    with pytest.raises(BadMarket, match=r"row 0: price: found list<.*; a number would do"):
        load(tmp_path / "m.parquet")
    pq.write_table(pa.table(table | {"price": [1 / 3]}), tmp_path / "m.parquet")
    with pytest.raises(BadMarket, match=r"price: found 0\.3333333333333333; at most 12 decimals"):
        load(tmp_path / "m.parquet")


def test_a_folder_and_a_file_that_is_not_there_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.csv"):
        with pytest.raises(BadMarket, match=r"cannot be read: .* would do"):
            load(path)


def test_parquet_of_other_types_is_refused_or_read_by_its_text(tmp_path: Path) -> None:
    table = {"time": [1640995200], "id": [1], "side": ["buy"], "price": ["1.5"], "size": [2]}
    path = tmp_path / "m.parquet"

    def read(**columns: object) -> Recorded:
        pq.write_table(pa.table(table | columns), path)
        return load(path)

    for price in (["1.50"], pa.array([1.5], pa.float32()), pa.array(["1.5"]).dictionary_encode()):
        assert read(price=price).tape.columns["price"].tolist() == [15]
    with pytest.raises(BadMarket, match="row 0: time: found a moment beyond 1677 to 2262"):
        read(time=pa.array([10**18], pa.timestamp("us")))
    with pytest.raises(BadMarket, match="row 0: id: found list"):
        read(id=[[1]])
    with pytest.raises(BadMarket, match="row 0: price: found True; a number would do"):
        read(price=[True])
    with pytest.raises(BadMarket, match="row 0: size: found nothing; a value in every row"):
        read(size=[None])


# --- several files -------------------------------------------------------------------------------


def test_files_that_follow_one_another_are_one_tape(tmp_path: Path) -> None:
    """Counted by a tick and lot that fit them all, though each has its own."""
    head, *rows = BARS.splitlines(keepends=True)
    whole = loaded(tmp_path / "m.csv", BARS)
    first = loaded(tmp_path / "1.csv", head + "".join(rows[:2]))
    second = loaded(tmp_path / "2.csv", head + "".join(rows[2:]), Told(tick=25 * 10**10, lot=10**5))
    assert (first.tape.tick, second.tape.tick) == (10**10, 25 * 10**10)
    both = joined([first, second])
    assert (both.tick, both.at.tolist()) == (10**10, whole.tape.at.tolist())
    for name, column in whole.tape.columns.items():
        assert both.columns[name].tolist() == column.tolist(), name
    for parts in ([second, first], [first, first]):
        with pytest.raises(BadMarket, match="files in order of time, each once, would do"):
            joined(parts)
    with pytest.raises(
        BadMarket, match=r"found trades, and other bars in 1\.csv; files of one kind"
    ):
        joined([first, loaded(tmp_path / "t.csv", FORMATS["by name"][1])])


# --- the recorded files --------------------------------------------------------------------------


def test_the_recorded_month_is_whole_and_thirteen_of_its_bars_are_made_up(market: Path) -> None:
    """All trade at whole dollars but these, which lie on a straight line of 1.25 a minute."""
    got = load(market / "btc_perp_1m_2022-01.csv.gz")
    assert (got.source.kind, got.source.rows, got.source.bar_ns) == ("bars", 45_031, MINUTE)
    assert [(each.code, each.rows) for each in got.source.findings] == [("fine price", 13)]
    assert len(got.source.assumed) == 6
    assert any("volumes count the base asset" in each for each in got.source.assumed)


def test_the_recorded_months_times_are_closes_in_utc(market: Path) -> None:
    """At 13:30 on 12 January inflation was told, at 19:00 on the 26th rates: the burst is in the
    row of a minute later, which is the close of the minute that began then."""
    tape = load(market / "btc_perp_1m_2022-01.csv.gz", Told(bar_time="close")).tape
    for told in ("2022-01-12T13:30", "2022-01-26T19:00"):
        row = int(np.searchsorted(tape.columns["opened_at"], np.datetime64(told, "ns").astype(int)))
        volume = tape.columns["volume"]
        assert volume[row] > 5 * volume[row - 3 : row].max()


def test_the_recorded_trades_load_clean(market: Path) -> None:
    for name, rows, tick in (
        ("binance_xrp_eth_trades.json.gz", 12_477, 10**4),
        ("binance_btcusdt_trades.parquet", 2_001, 10**10),
    ):
        got = load(market / name)
        assert (got.source.rows, got.tape.tick, got.source.findings) == (rows, tick, ())
