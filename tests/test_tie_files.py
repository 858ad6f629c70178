"""Exports tied with one another: clean ones tie to the unit, each planted break is found, bad data
is refused with its place and what would do."""

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.own_exports import VENUES, Exports, ms
from tests.test_cli import tieout
from tieout.bad_input import BadFile
from tieout.tie.books import Begins, books_of
from tieout.tie.breaks import Break
from tieout.tie.cells import zone_of
from tieout.tie.exports import read_export
from tieout.tie.facts import Told, take
from tieout.tie.kinds import KINDS
from tieout.tie.tied import Story, Tied, tied


def tie(exports: Exports, folder: Path, begins: Begins = "zero") -> Tied:
    return tied(books_of(exports.save(folder), begins=begins))


# --- what ties -----------------------------------------------------------------------------------


@pytest.mark.parametrize("venue", VENUES)
def test_clean_exports_tie_to_the_unit(venue: str, tmp_path: Path) -> None:
    """No break, nothing left over, and every holding held against a statement."""
    outcome = tie(VENUES[venue](), tmp_path)
    assert outcome.breaks == ()
    assert len(outcome.holdings) >= 2
    assert {each.difference for each in outcome.holdings} == {0}


@pytest.mark.parametrize("venue", VENUES)
def test_the_order_of_the_files_and_of_their_rows_changes_nothing(
    venue: str, tmp_path: Path
) -> None:
    """Oldest first and newest first are both sorted; a file that is given twice is once."""
    once = tie(VENUES[venue](), tmp_path / "once")
    amounts = [_amounts(each) for each in once.holdings]
    turned = VENUES[venue]()
    for rows in turned.rows.values():
        rows.reverse()
    paths = turned.save(tmp_path / "turned")[::-1]
    turned_round = tied(books_of(paths, begins="zero"))
    assert [_amounts(each) for each in turned_round.holdings] == amounts
    again = tied(books_of([*paths, *paths], begins="zero"))
    assert again.breaks == ()
    assert [_amounts(each) for each in again.holdings] == amounts
    assert again.echoes > once.echoes


def _amounts(story: Story) -> Story:
    return story._replace(opened_by="")


# --- what breaks ---------------------------------------------------------------------------------


class Planted(NamedTuple):
    """A break in one venue's exports, and what is to be found: of what, how much, of which cause.

    `says` stands in the explanation of each, or in its evidence.
    """

    what: str
    venue: str
    plant: Callable[[Exports], object]
    found: set[tuple[str, str, str]]
    says: str


def without(file: str, **told: object) -> Callable[[Exports], object]:
    """Rows of a file that tell this are not there."""

    def plant(exports: Exports) -> None:
        rows = exports.rows[file]
        kept = [row for row in rows if not all(row[key] == x for key, x in told.items())]
        assert len(kept) < len(rows)
        exports.rows[file] = kept

    return plant


def changed(file: str, key: str, value: object, **told: object) -> Callable[[Exports], object]:
    """The row that tells this says otherwise in one cell."""

    def plant(exports: Exports) -> None:
        (row,) = (r for r in exports.rows[file] if all(r[k] == x for k, x in told.items()))
        row[key] = value

    return plant


def both(*plants: Callable[[Exports], object]) -> Callable[[Exports], object]:
    return lambda exports: [plant(exports) for plant in plants]


def told_again(file: str, key: str, value: object, **told: object) -> Callable[[Exports], object]:
    """The row that tells this stands there twice, the second time with another cell."""

    def plant(exports: Exports) -> None:
        rows = exports.rows[file]
        at, row = next(
            (n, r) for n, r in enumerate(rows) if all(r[k] == x for k, x in told.items())
        )
        rows.insert(at + 1, row | {key: value})

    return plant


def balanced(file: str, change: str, balance: str) -> Callable[[Exports], object]:
    """A ledger's balances follow from its rows again, newest first."""

    def plant(exports: Exports) -> None:
        stands = Decimal(0)
        for row in reversed(exports.rows[file]):
            stands += Decimal(row[change])
            row[balance] = str(stands)

    return plant


def liquidated(exports: Exports) -> None:
    """The venue closed 1 of 4 by force, as bill and position say; no fill tells it."""
    rows = exports.rows["bills.json"]
    taken = rows[0] | {
        "billId": "8000", "type": "5", "subType": "100", "instId": "SOL-USDT-SWAP",
        "tradeId": "99", "sz": "1", "balChg": "-7.5", "fee": "-0.5", "pnl": "-7",
        "bal": str(Decimal(rows[0]["bal"]) - Decimal("7.5")), "ts": str(ms(800)),
    }  # fmt: skip
    rows.insert(0, taken)
    changed("positions.json", "pos", "3", instId="SOL-USDT-SWAP")(exports)
    changed("positions.json", "uTime", str(ms(800)), instId="SOL-USDT-SWAP")(exports)
    changed("positions.json", "tradeId", "99", instId="SOL-USDT-SWAP")(exports)


PLANTED = [
    Planted(
        "a missing fill", "binance_usdm", without("userTrades.json", id=2),
        {("SOLUSDT/net", "1", "unknown"), ("USDT/cash", "-0.0515", "missing_fill")}, "trade 2 of",
    ),
    Planted(
        "a missing fill", "okx", without("fills.json", tradeId="4"),
        {("SOL-USDT-SWAP/net", "-2", "missing_fill"), ("USDT/cash", "17.89", "missing_fill")},
        "trade 4 of SOL-USDT-SWAP",
    ),
    Planted(
        "a missing fill", "bybit_table", without("executions.json", execId="exec4"),
        {("SOLUSDT/net", "-2", "missing_fill"), ("USDT/cash", "17.89", "missing_fill")}, "log.csv",
    ),
    Planted(
        "a missing fill", "binance_spot", without("trades.csv", Executed="1SOL"),
        {("SOL/cash", "1", "missing_fill"), ("USDT/cash", "-103", "missing_fill"),
         ("BNB/cash", "-0.001", "missing_fill")}, "transactions.csv",
    ),
    Planted(
        "a row told again with other content", "okx",
        told_again("fills.json", "fillSz", "7", tradeId="8"),
        {("XRP-USDT-SWAP/net", "-4", "conflict")}, "fills.json, row 2",
    ),
    Planted(
        "a wrong fee", "bybit", changed("executions.json", "execFee", "0.06", execId="exec3"),
        {("USDT/cash", "0.01", "fee")}, "another fee of trade exec3",
    ),
    Planted(
        "a missing funding", "binance_usdm", without("income.json", tranId=951),
        {("USDT/cash", "0.0625", "unknown")}, "balance.json",
    ),
    Planted(
        "a missing funding", "okx", without("bills.json", type="8", ts=str(ms(700))),
        {("USDT/cash", "-0.125", "unknown")}, "by what no row says",
    ),
    Planted(
        "an unlisted deposit", "binance_spot", changed("account.json", "free", "913", asset="USDT"),
        {("USDT/cash", "100", "unknown")}, "account.json",
    ),
    Planted(
        "a busted trade", "bybit", both(
            without("transaction-log.json", tradeId="exec8"),
            balanced("transaction-log.json", "change", "cashBalance"),
            changed("positions.json", "size", "2", symbol="XRPUSDT"),
            changed("positions.json", "side", "Sell", symbol="XRPUSDT"),
        ), {("XRPUSDT/net", "-3", "unknown"), ("USDT/cash", "-5.973", "unknown")}, "exec8",
    ),
    Planted(
        "an external trade", "okx", both(
            changed("positions.json", "pos", "7", instId="SOL-USDT-SWAP"),
            changed("positions.json", "uTime", str(ms(800)), instId="SOL-USDT-SWAP"),
            changed("positions.json", "tradeId", "12", instId="SOL-USDT-SWAP"),
        ), {("SOL-USDT-SWAP/net", "3", "unknown")}, "positions.json",
    ),
    Planted(
        "a wrong multiplier", "okx",
        changed("positions.json", "pos", "40", instId="SOL-USDT-SWAP"),
        {("SOL-USDT-SWAP/net", "36", "unknown")}, "a change of the contract's size by 10",
    ),
    Planted(
        "a stale snapshot", "binance_usdm",
        changed("positionRisk.json", "positionAmt", "1", symbol="SOLUSDT"),
        {("SOLUSDT/net", "-3", "unknown")}, "undone and not told yet, or booked twice",
    ),
    Planted(
        "a liquidation without its fill", "okx", liquidated,
        {("SOL-USDT-SWAP/net", "-1", "liquidation"), ("USDT/cash", "-7.5", "liquidation")},
        "trade 99",
    ),
    Planted(
        "a flipped sign", "binance_usdm", changed("userTrades.json", "side", "SELL", id=7),
        {("SOLUSDT/net", "6", "unknown")}, "row 7 with the other sign",
    ),
]  # fmt: skip


@pytest.mark.parametrize("planted", PLANTED, ids=lambda p: f"{p.what} at {p.venue}")
def test_a_planted_break_is_found_with_its_size_and_cause(planted: Planted, tmp_path: Path) -> None:
    """To the unit, and nothing beside it."""
    exports = VENUES[planted.venue]()
    planted.plant(exports)
    outcome = tie(exports, tmp_path)
    found = {(f"{b.subject}/{b.leg}", f"{b.size.normalize():f}", b.cause) for b in outcome.breaks}
    assert found == planted.found
    assert len(outcome.breaks) == len(found)
    assert all(planted.says in _all(each) for each in outcome.breaks), outcome.breaks


def _all(broken: Break) -> str:
    return " ".join((broken.explanation, *broken.evidence))


def test_of_trades_of_one_moment_no_cause_is_said_where_only_the_moment_is_told(
    tmp_path: Path,
) -> None:
    """Two trades of one second, one in the ledger: the size is sure, the cause is not."""
    exports = VENUES["binance_spot"]()
    rows = exports.rows["trades.csv"]
    rows.insert(1, rows[1] | {"Executed": "2SOL", "Amount": "206USDT", "Fee": "0.002BNB"})
    outcome = tie(exports, tmp_path)
    assert {each.cause for each in outcome.breaks} == {"unknown"}
    assert "one of 2 trades of SOLUSDT" in outcome.breaks[0].explanation


# --- what the user says --------------------------------------------------------------------------


def test_a_zone_that_no_file_names_is_the_users(tmp_path: Path) -> None:
    """The right one ties, another one moves the ledger away from its fills."""
    exports = VENUES["okx_table"]()
    exports.first_lines.clear()
    paths = exports.save(tmp_path)
    assert tied(books_of(paths, begins="zero", zone=zone_of("UTC+8"))).breaks == ()
    assert tied(books_of(paths, begins="zero", zone=zone_of("Asia/Hong_Kong"))).breaks == ()
    assert tied(books_of(paths, begins="zero", zone=zone_of("UTC"))).breaks


def test_a_pair_whose_name_does_not_say_its_coins_is_the_users(tmp_path: Path) -> None:
    trade = {
        "symbol": "AAABBB", "id": 1, "orderId": 1, "price": "2", "qty": "3", "quoteQty": "6",
        "commission": "0", "commissionAsset": "BBB", "time": ms(1), "isBuyer": True,
        "isMaker": False,
    }  # fmt: skip
    exports = Exports()
    exports.add("trades.json", [trade])
    held = {"makerCommission": 0, "updateTime": ms(2), "balances": [
        {"asset": "AAA", "free": "3", "locked": "0"}]}  # fmt: skip
    exports.add("account.json", [held], lambda rows: rows[0])
    paths = exports.save(tmp_path)
    with pytest.raises(BadFile, match="--pair AAABBB=BASE-QUOTE would do"):
        books_of(paths, begins="zero")
    (broken,) = tied(books_of(paths, begins="zero", pairs={"AAABBB": ("AAA", "BBB")})).breaks
    assert (broken.subject, broken.size) == ("BBB", Decimal(6))


WRONG = {
    ("--zone", "Nowhere"): "found 'Nowhere'; UTC, UTC+8",
    ("--pair", "BTCUSDT"): "SYMBOL=BASE-QUOTE would do",
    ("--journal", "out.db", "--from-zero"): "for exports alone",
}


@pytest.mark.parametrize("said", WRONG, ids=" ".join)
def test_what_the_user_says_wrongly_is_bad_input(said: tuple[str, ...], tmp_path: Path) -> None:
    path, *_ = VENUES["okx"]().save(tmp_path)
    done = tieout("tie", *said, str(path))
    assert (done.returncode, done.stdout) == (2, "")
    assert WRONG[said] in done.stderr


# --- where books begin ---------------------------------------------------------------------------


def test_a_holding_begins_with_its_first_statement_which_is_not_compared(tmp_path: Path) -> None:
    """Two snapshots: the first opens, what is older is in it, the second is held against it."""
    exports = VENUES["binance_usdm"]()
    early = {"symbol": "SOLUSDT", "positionSide": "BOTH", "positionAmt": "3", "updateTime": ms(120)}
    exports.add("positions-before.json", [early])
    story = next(each for each in tie(exports, tmp_path, "stated").holdings if each.leg == "net")
    assert (story.opening, story.trades) == (Decimal(3), Decimal(1))
    assert story.difference == 0
    assert story.opened_by == "positions-before.json"
    exports.rows["positions-before.json"][0]["positionAmt"] = "2"
    (broken,) = tie(exports, tmp_path, "stated").breaks
    assert (broken.subject, broken.size) == ("SOLUSDT", Decimal(1))


def test_what_only_one_statement_tells_of_is_shown_as_not_tied(tmp_path: Path) -> None:
    """An opening alone proves nothing, and is not called tied; a ledger opens its own assets."""
    outcome = tie(VENUES["okx"](), tmp_path, "stated")
    assert [each.difference for each in outcome.holdings] == [None, 0, None]
    assert "--from-zero" in str(outcome)


def test_a_ledger_ties_with_itself_where_nothing_else_is_given(tmp_path: Path) -> None:
    """Its balances follow from its rows, or a row is missing: where, and of what size."""
    exports = VENUES["okx"]()
    del exports.rows["fills.json"], exports.rows["positions.json"]
    assert tie(exports, tmp_path, "stated").breaks == ()
    without("bills.json", tradeId="4")(exports)
    (broken,) = tie(exports, tmp_path, "stated").breaks
    assert (broken.subject, broken.size) == ("USDT", Decimal("17.89"))
    assert broken.evidence == ("bills.json, row 7", "bills.json, row 6")


def test_a_ledger_that_begins_in_the_middle_opens_before_its_first_trade(tmp_path: Path) -> None:
    """The match was before the bill: it is in the ledger all the same; what was earlier is not."""
    exports = VENUES["okx"]()
    exports.rows["bills.json"] = exports.rows["bills.json"][:5]
    outcome = tie(exports, tmp_path, "stated")
    assert outcome.breaks == ()
    cash = next(each for each in outcome.holdings if each.leg == "cash")
    assert (cash.opening, cash.trades) == (Decimal("10017.6755"), Decimal(14))


def test_a_contract_of_another_size_is_no_break_where_the_venue_told_of_it(tmp_path: Path) -> None:
    """Terms come from the venue's own list of instruments, a change at its own moment."""
    exports = VENUES["okx"]()
    changed("positions.json", "pos", "40", instId="SOL-USDT-SWAP")(exports)
    changed("positions.json", "uTime", str(ms(900)), instId="SOL-USDT-SWAP")(exports)
    changed("positions.json", "tradeId", "", instId="SOL-USDT-SWAP")(exports)
    changed("positions.json", "uTime", str(ms(901)), instId="XRP-USDT-SWAP")(exports)
    change = {"param": "ctVal", "newValue": "0.1", "effTime": str(ms(800))}
    terms = {
        "instType": "SWAP", "instId": "SOL-USDT-SWAP", "ctVal": "1", "ctValCcy": "SOL",
        "ctMult": "1", "ctType": "linear", "settleCcy": "USDT", "uly": "SOL-USDT",
        "baseCcy": "", "quoteCcy": "", "upcChg": [change],
    }  # fmt: skip
    exports.add("instruments.json", [terms], lambda rows: {"code": "0", "data": rows})
    outcome = tie(exports, tmp_path)
    assert outcome.breaks == ()
    story = outcome.holdings[0]
    assert (story.trades, story.moved, story.later) == (Decimal(4), Decimal(36), Decimal(0))
    terms["upcChg"] = []
    assert [each.size for each in tie(exports, tmp_path).breaks] == [Decimal(36)]


def test_long_and_short_legs_are_kept_apart(tmp_path: Path) -> None:
    exports = VENUES["binance_usdm"]()
    trade = exports.rows["userTrades.json"][0]
    exports.rows["userTrades.json"] = [
        trade | {"positionSide": "LONG"},
        trade | {"positionSide": "SHORT", "side": "SELL", "qty": "1", "id": 2},
    ]
    held = exports.rows["positionRisk.json"][0]
    exports.rows["positionRisk.json"] = [
        held | {"positionSide": "LONG", "positionAmt": "2"},
        held | {"positionSide": "SHORT", "positionAmt": "-2"},
    ]
    del exports.rows["income.json"], exports.rows["balance.json"]
    (broken,) = tie(exports, tmp_path).breaks
    assert (broken.leg, broken.size) == ("short", Decimal(-1))


def test_what_two_kinds_of_files_would_tell_twice_is_refused(tmp_path: Path) -> None:
    """The log as the API has it beside the table of it: one of them would do."""
    paths = VENUES["bybit"]().save(tmp_path / "api") + VENUES["bybit_table"]().save(
        tmp_path / "all"
    )
    with pytest.raises(BadFile, match="tell the same ledger; one would do"):
        books_of(paths, begins="zero")


def test_transactions_of_a_wallet_that_has_a_ledger_of_its_own_give_way(tmp_path: Path) -> None:
    """And those of wallets that no books are kept of are counted, not lost."""
    exports = VENUES["binance_usdm"]()
    exports.rows |= VENUES["binance_spot"]().rows
    exports.wrap |= VENUES["binance_spot"]().wrap
    moves = exports.rows["transactions.csv"]
    moves.append(moves[-1] | {"Account": "USD-M Futures", "Operation": "Funding Fee"})
    moves.append(moves[-1] | {"Account": "Earn"})
    outcome = tie(exports, tmp_path)
    assert outcome.breaks == ()
    assert len(outcome.holdings) == 6
    told_by = {"told by Binance USDⓈ-M income": 1, "of the wallet 'Earn'": 1}
    assert dict(outcome.left_out) == told_by


# --- what cannot be read -------------------------------------------------------------------------

TRADES = "Date(UTC),Pair,Side,Price,Executed,Amount,Fee\n"
ROW = "2026-01-01 00:0{}:00,SOLUSDT,BUY,100,2SOL,200USDT,0.002BNB\n"
OKX = (
    "id,Order id,Time,Trade Type,Symbol,Action,Amount,Trading Unit,Filled Price,PnL,Fee,Fee Unit,"
    "Position Change,Position Balance,Balance Change,Balance,Balance Unit\n"
)
OKX_ROW = "1,2,{},Transfer,,Transfer in,0,cont,0,0,0,USDT,0,0,5,5,USDT\n"

BAD: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "an empty file": ("a.csv", " \n", ("a.csv: empty", "an export of an exchange would do")),
    "a heading alone": ("a.csv", TRADES, ("no row below its heading",)),
    "a missing column": (
        "a.csv", "Date(UTC),Pair,Side,Price,Executed,Amount\n1,2,3,4,5,6\n",
        ("missing columns: Fee", "Binance spot trade history (CSV)"),
    ),
    "a missing key": (
        "a.json", json.dumps([{"symbol": "A", "positionAmt": "1", "updateTime": 1}]),
        ("missing columns: positionSide", "positionRisk"),
    ),
    "a key that one row lacks": (
        "a.json", json.dumps([
            {"symbol": "A", "positionSide": "BOTH", "positionAmt": "1", "updateTime": ms(1)},
            {"symbol": "A", "positionAmt": "1", "updateTime": ms(1)}]),
        ("row 2: no 'positionSide'",),
    ),
    "a negative price": (
        "a.csv", TRADES + ROW.format(1) + ROW.format(2).replace(",100,", ",-100,"),
        ("a.csv, row 3, column 'Price'", "found '-100'", "above 0"),
    ),
    "rows out of order": (
        "a.csv", TRADES + ROW.format(1) + ROW.format(3) + ROW.format(2),
        ("row 4", "rows out of order", "sorted by time"),
    ),
    "mixed zones": (
        "a.csv", TRADES + ROW.format(1) + ROW.format(2).replace(":00,SOL", ":00+08:00,SOL"),
        ("row 3, column 'Date(UTC)'", "another zone"),
    ),
    "a zone in a column of UTC": (
        "a.csv", TRADES + ROW.format(1).replace(":00,SOL", ":00+08:00,SOL"),
        ("row 2, column 'Date(UTC)'", "in a column of UTC"),
    ),
    "no zone": ("a.csv", OKX + OKX_ROW.format("2026-01-01 00:00:00"), ("names no zone", "--zone")),
    "no moment": ("a.csv", TRADES + ROW.format("x"), ("column 'Date(UTC)'", "a moment such as")),
    "seconds for milliseconds": (
        "a.json", json.dumps([
            {"symbol": "", "incomeType": "TRANSFER", "income": "1", "asset": "USDT",
             "time": 1767225600, "tranId": 1, "tradeId": ""}]),
        ("row 1, column 'time'", "found 1767225600", "milliseconds"),
    ),
    "no number": (
        "a.csv", TRADES + ROW.format(1).replace(",100,", ",about 100,"),
        ("row 2, column 'Price'", "found 'about 100'", "a decimal number"),
    ),
    "no coin": (
        "a.csv", TRADES + ROW.format(1).replace("2SOL", "2"),
        ("row 2, column 'Executed'", "a number and its coin"),
    ),
    "coins of another pair": (
        "a.csv", TRADES + ROW.format(1).replace("2SOL", "2ADA"), ("row 2", "not the coins of"),
    ),
    "a row with a cell too few": (
        "a.csv", TRADES + "2026-01-01 00:01:00,SOLUSDT,BUY\n", ("row 2", "found 3 cells; 7"),
    ),
    "another table": ("a.csv", "name,amount\nx,1\n", ("no export that is known", "docs/tie.md")),
    "half a document": ("a.json", '[{"symbol":', ("not JSON", "a whole JSON document")),
    "numbers for rows": ("a.json", "[1, 2]", ("row 1: found 1", "named fields")),
    "a venue's refusal": ("a.json", '{"code": "50011", "data": []}', ("no row in it",)),
    "a bank's file": ("a.xml", "<Document/>", ("a bank's file", "--journal")),
    "fills alone": ("a.csv", TRADES + ROW.format(1), ("nothing to tie", "a statement of")),
}  # fmt: skip


@pytest.mark.parametrize("bad", BAD)
def test_bad_data_is_refused_with_the_place_and_what_would_do(bad: str, tmp_path: Path) -> None:
    name, content, says = BAD[bad]
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(BadFile) as refused:
        tied(books_of([path], begins="stated"))
    for words in says:
        assert words in str(refused.value)


def test_a_file_that_is_not_there_and_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    noise = tmp_path / "noise"
    noise.write_bytes(b"\xff\xfe\x00\x01")
    for path in (tmp_path / "nowhere", tmp_path, noise):
        with pytest.raises(BadFile, match=str(path)):
            books_of([path])


def test_the_document_lists_every_export_that_is_read() -> None:
    """And no other: a row for each."""
    document = (Path(__file__).parent.parent / "docs" / "tie.md").read_text(encoding="utf-8")
    table = document.partition("| file |")[2].partition("\n\n")[0]
    rows = [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("| ")]
    assert rows == [kind.name for kind in KINDS]


SAMPLED = ("binance", "binanceusdm", "okx", "bybit")


def test_what_venues_really_answer_is_read_whole_or_refused(samples: Path, tmp_path: Path) -> None:
    """Nothing else happens to real bytes; at least twenty of them are exports that are read."""
    path, whole, refusals = tmp_path / "answer.json", 0, []
    for venue in SAMPLED:
        for file in sorted((samples / "venues" / venue).glob("*-rest-*.json")):
            path.write_text(json.loads(file.read_bytes())["raw_text"])
            told = Told()
            try:
                take(told, read_export(path), 1)
            except BadFile as refused:
                refusals.append(str(refused))
                continue
            assert told.facts, file
            whole += 1
    assert whole >= 20
    assert all(text.startswith(str(path)) for text in refusals)
    assert all("would do" in text or "docs/tie.md" in text for text in refusals)


# --- the command ---------------------------------------------------------------------------------


def test_the_command_exits_with_what_it_found(tmp_path: Path) -> None:
    """0 nothing open, 1 breaks, 2 bad input; one object with --json."""
    paths = [str(path) for path in VENUES["okx"]().save(tmp_path / "clean")]
    done = tieout("tie", "--from-zero", *paths)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip().endswith("3 holdings: 3 tied, 0 not tied, 0 breaks")
    exports = VENUES["okx"]()
    without("fills.json", tradeId="4")(exports)
    out = tmp_path / "out"
    broken = [str(path) for path in exports.save(tmp_path / "broken")]
    done = tieout("tie", "--from-zero", "--json", "--out", str(out), *broken)
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert {each["size"] for each in told["breaks"]} == {"-2", "17.89"}
    assert json.loads((out / "tied.json").read_text()) == told
    assert "trade 4 of SOL-USDT-SWAP" in (out / "report.html").read_text()
    assert tieout("verify", str(out / "journal.db")).returncode == 0
    (tmp_path / "empty.csv").write_text("")
    done = tieout("tie", str(tmp_path / "empty.csv"))
    assert (done.returncode, done.stdout) == (2, "")
    assert "empty.csv: empty" in done.stderr
