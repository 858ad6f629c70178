"""Reconciliation on demand: the bank's own files against a journal, and every way not to tie."""

import json
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

from core.effects import Effect
from core.events import AccountOpened, Event
from core.frames import Frame
from core.journal import Record, decode_frame
from core.rail_events import LineBooked, PaymentReported, ReturnReported
from tests.settling import BANK, Books, pull
from tests.test_cli import tieout
from tieout.bad_input import BadFile
from tieout.reports.files import save_journal
from tieout.reports.history import history
from tieout.reports.outcome import Outcome
from tieout.runs import run
from tieout.settlement.stuck import moment
from tieout.tie.bank_files import tie_files

EUR = "bank_eu/ops"
HOUR = 3600 * 10**9


@cache
def storm() -> Outcome:
    return run("storm_rails", seed=9, short=True, sampled=False)


def pushed(*marks: bytes) -> list[Frame]:
    """The documents that banks sent us, of the kinds that bear one of these marks."""
    frames = (decode_frame(r) for r in storm().store.records() if r.kind == "frame")
    return [
        frame
        for frame in frames
        if frame.account.startswith("bank")
        and frame.channel == "stream"
        and any(mark in frame.body[:300] for mark in marks)
    ]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Every statement of the run: camt.053 of two banks, BAI2 of the third."""
    folder = tmp_path_factory.mktemp("files")
    paths = []
    for frame in pushed(b"BkToCstmrStmt", b"01,"):
        path = folder / f"{frame.account.partition('/')[0]}-{frame.number}"
        path.write_bytes(frame.body)
        paths.append(path)
    assert len(paths) > 15
    return paths


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tie") / "journal.db"
    save_journal(storm().store, path)
    return path


class Cut:
    """The journal as it stood at a moment."""

    def __init__(self, until: int) -> None:
        self.kept = [record for record in storm().store.records() if record.at <= until]

    def records(self, after: int = 0) -> Iterator[Record]:
        return iter(self.kept[after:])

    def last(self) -> tuple[int, bytes]:
        return self.kept[-1].number, b""


def statement(path: Path, *lines: str, opening: str, closing: str, number: str = "") -> Path:
    """An MT940 of one day, by hand."""
    told = [":20:X", f":25:{number or '0000202051'}", ":28C:2/1", f":60F:C231114EUR{opening}"]
    told += [*lines, f":62F:C231115EUR{closing}", "-"]
    path.write_text("\r\n".join(told))
    return path


# --- what ties -----------------------------------------------------------------------------------


def test_a_run_ties_with_every_statement_of_its_banks(files: list[Path]) -> None:
    """Each line once, in three formats and two time zones, and each closing balance."""
    outcome = tie_files(storm().store, files)
    assert outcome.differences == ()
    booked = [
        heard.what
        for heard, entry in history(storm().store).settled.entries
        if isinstance(heard.what, LineBooked)
        and heard.what.account.startswith("bank")
        and entry.subject == heard.what.line_id
    ]
    assert outcome.tied == outcome.lines == len(booked) > 20
    assert len(outcome.statements) == len(files)
    assert all(each.told == each.ours for each in outcome.statements)
    # Bare dates begin where the bank is: in November, New York's at five.
    closed = {each.to_at % (24 * HOUR) for each in outcome.statements if each.asset == "USD"}
    assert closed == {5 * HOUR}


def test_each_statement_ties_alone_and_twice_is_once(files: list[Path]) -> None:
    for path in files:
        once = tie_files(storm().store, [path])
        assert once.differences == ()
        twice = tie_files(storm().store, [path, path])
        assert (twice.tied, twice.differences) == (once.tied, ())


def test_a_file_that_is_newer_than_the_books_ties_with_what_they_await(files: list[Path]) -> None:
    """At noon the books know nothing of the evening's lines, and of their payments everything."""
    cut = Cut(moment("2023-11-15T12:00"))
    outcome = tie_files(cut, [path for path in files if path.name.startswith("bank_us")][1:2])
    legs = history(cut).state.settlement.legs
    assert sum(leg.outstanding != 0 for leg in legs.values() if leg.account == "bank_us/ops") > 3
    assert outcome.tied >= 3
    # What does not tie is what the storm did: nobody asked for it, or it has a wrong amount.
    later = history(storm().store)
    known = (*later.closed, *later.state.settlement.items.values())
    named = {(item.subject, item.size) for item in known}
    wrong = [each for each in outcome.differences if each.difference == "amount"]
    assert {(each.key, each.size.scaleb(2)) for each in wrong} <= named
    rest = [each for each in outcome.differences if each not in wrong]
    assert {each.difference for each in rest} == {"unexpected"}
    assert not {each.key for each in rest} & set(legs)
    (stated,) = outcome.statements
    assert stated.told == stated.ours


# --- what does not -------------------------------------------------------------------------------


def test_a_line_that_we_do_not_have_and_those_that_it_lacks_are_told(tmp_path: Path) -> None:
    path = statement(
        tmp_path / "mt940",
        ":61:2311151115D12,50NMSCREF//BANKREF",
        opening="2080000,00",
        closing="2079987,50",
    )
    outcome = tie_files(storm().store, [path])
    found = {each.difference: each for each in outcome.differences}
    assert found["unexpected"].size == Decimal("-12.50")
    assert found["unexpected"].account == EUR
    missing = [each for each in outcome.differences if each.difference == "missing"]
    on_that_day = [
        heard.what
        for heard, _ in history(storm().store).settled.entries
        if isinstance(heard.what, LineBooked)
        and heard.what.account == EUR
        and moment("2023-11-14T23:00") <= heard.what.booked_at < moment("2023-11-15T23:00")
    ]
    assert {each.key for each in missing} == {line.line_id for line in on_that_day}
    assert sum(each.size for each in missing) == -sum(
        Decimal(line.amount).scaleb(-2) for line in on_that_day
    )
    closing = found["closing"]
    ours = Decimal("2080000") + sum(Decimal(line.amount).scaleb(-2) for line in on_that_day)
    assert closing.size == Decimal("2079987.50") - (ours - Decimal("12.50"))


def test_another_amount_under_the_same_id_is_a_signed_difference(files: list[Path]) -> None:
    """A cent more in the line, and in the closing balance, so that the statement itself holds."""
    path = next(p for p in files if p.name.startswith("bank_us") and b"\n16," in p.read_bytes())
    body = path.read_text()
    rows = body.splitlines()
    at = next(n for n, text in enumerate(rows) if text.startswith("16,"))
    words = rows[at].split(",")
    debit = int(words[1]) >= 400
    words[2] = str(int(words[2]) + 1)
    rows[at] = ",".join(words)
    changed = path.with_name("changed")
    changed.write_text("\n".join(_retotalled(rows, -1 if debit else 1)))
    outcome = tie_files(storm().store, [changed])
    sizes = {each.difference: each.size for each in outcome.differences}
    assert sizes == dict.fromkeys(("amount", "closing"), Decimal(-1 if debit else 1).scaleb(-2))


def _retotalled(rows: list[str], cent: int) -> list[str]:
    """BAI2's closing balance and its control totals, after a line was changed by a cent."""
    told = []
    for text in rows:
        words = text.split(",")
        if words[0] == "03":
            at = words.index("015") + 1
            words[at] = str(int(words[at]) + cent)
        told.append(",".join(words))
    sums = 0
    for number, text in enumerate(told):
        words = text.split(",")
        if words[0] == "03":
            sums += sum(int(words[n + 1]) for n, w in enumerate(words) if w in ("010", "015"))
        if words[0] == "16":
            sums += int(words[2])
        if words[0] in ("49", "98", "99"):
            words[1] = str(sums)
            told[number] = ",".join(words)
    return told


# --- bad input -----------------------------------------------------------------------------------


def test_a_number_that_is_none_of_ours_is_refused_until_it_is_said_whose_it_is(
    tmp_path: Path, journal: Path
) -> None:
    path = statement(tmp_path / "m", opening="2080000,00", closing="2080000,00", number="999")
    done = tieout("tie", str(journal), str(path))
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{path}: told of another account: 999" in done.stderr
    assert "--account NUMBER=ACCOUNT would do, of bank_us/ops" in done.stderr
    done = tieout("tie", str(journal), str(path), "--account", f"999={EUR}", "--json")
    assert done.returncode == 1
    assert {each["account"] for each in json.loads(done.stdout)["differences"]} == {EUR}


@pytest.mark.parametrize(
    "wrong", ["999", "=bank_eu/ops", "999=bank_eu/opz", "999=binance/spot", ""]
)
def test_an_account_that_there_is_not_is_refused_with_those_that_there_are(
    tmp_path: Path, journal: Path, wrong: str
) -> None:
    """Named wrongly, or not one that anybody books lines on: nothing is tied with nothing."""
    path = statement(tmp_path / "m", opening="2080000,00", closing="2080000,00", number="999")
    done = tieout("tie", str(journal), str(path), "--account", wrong, "--json")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"--account: found {wrong!r}; NUMBER=ACCOUNT would do" in done.stderr
    named = set(done.stderr.rpartition("of ")[2].strip().split(", "))
    there = history(storm().store).state.accounts.items()
    assert named == {name for name, account in there if account.tells == "lines"}
    assert {"bank_us/ops", "bank_eu/ops", "bank_gb/ops"} <= named


def test_what_is_no_statement_is_refused_with_what_would_do(tmp_path: Path) -> None:
    status = tmp_path / "pain.002"
    status.write_bytes(pushed(b"FIToFIPmtStsRpt")[0].body)
    with pytest.raises(BadFile, match=r"pain.002: it tells of no booked line .*camt.053.*would do"):
        tie_files(storm().store, [status])
    (tmp_path / "noise").write_text("noise")
    with pytest.raises(BadFile, match=r"noise: none of the formats"):
        tie_files(storm().store, [tmp_path / "noise"])
    with pytest.raises(BadFile, match=r"nowhere: No such file"):
        tie_files(storm().store, [tmp_path / "nowhere"])


def test_a_statement_that_does_not_hold_ties_nothing(tmp_path: Path) -> None:
    path = statement(tmp_path / "m", opening="2080000,00", closing="2080000,01")
    with pytest.raises(BadFile, match=r"m: .*2080000"):
        tie_files(storm().store, [path])


def test_the_command_prints_what_tied_and_exits_with_it(files: list[Path], journal: Path) -> None:
    done = tieout("tie", str(journal), *map(str, files))
    assert done.returncode == 0
    assert done.stdout.strip() == str(tie_files(storm().store, files))
    assert done.stdout.splitlines()[-1].endswith("tied, 0 differences")
    done = tieout("tie", str(journal))
    assert done.returncode == 2


class Kept(Books):
    """Books whose facts are kept as a journal's records."""

    def __init__(self, **opening: int) -> None:
        self.kept: list[Record] = []
        super().__init__(**opening)

    def tell(self, fact: type[Event], /, **fields: Any) -> list[Effect]:
        event = fact(received_at=self.now, **fields)
        number, body = len(self.kept) + 1, msgspec.json.encode(event)
        self.kept.append(Record(number, "event", fact.__name__, 0, self.now, b"", body, 0))
        return super().tell(fact, **fields)

    def records(self, after: int = 0) -> Iterator[Record]:
        return iter(self.kept[after:])

    def last(self) -> tuple[int, bytes]:
        return len(self.kept), b""


def test_a_payment_and_its_return_that_are_both_awaited_tie_with_two_lines(tmp_path: Path) -> None:
    """They come to nothing together, and are two movements all the same."""
    books = Kept(alice=1000)
    (leg,) = books.request("t1", pull("pull", 300))
    books.tell(PaymentReported, account=BANK, payment_id=leg.payment_id, status="accepted")
    books.tell(
        ReturnReported,
        account=BANK,
        return_id="r1",
        payment_id=leg.payment_id,
        amount=300,
        code="R01",
    )
    assert (leg.due, leg.coming_back) == (300, -300)
    path = tmp_path / "mt940"
    told = [":20:X", ":25:77", ":28C:1/1", ":60F:C241003USD10,00"]
    told += [f":61:2410041004C3,00NMSC{leg.payment_id}//L1"]
    told += [f":61:2410041004D3,00NMSC{leg.payment_id}//L2"]
    path.write_text("\r\n".join([*told, ":62F:C241004USD10,00", "-"]))
    outcome = tie_files(books, [path], {"77": BANK})
    assert (outcome.tied, outcome.differences) == (2, ())
    path.write_text("\r\n".join([*told[:5], ":62F:C241004USD13,00", "-"]))
    outcome = tie_files(books, [path], {"77": BANK})
    assert (outcome.tied, outcome.differences) == (1, ())


def test_an_account_that_trades_has_no_lines_to_tie(tmp_path: Path) -> None:
    books = Kept(alice=1000)
    books.tell(
        AccountOpened,
        account="binance_spot/main",
        tells="fills",
        statements=("balances",),
        statement_period_ns=HOUR,
        backfill_period_ns=HOUR,
        settle_ns=10**9,
        silence_ns_max=HOUR,
    )
    path = statement(tmp_path / "m", opening="10,00", closing="10,00", number="77")
    with pytest.raises(BadFile, match=r"found '77=binance_spot/main'; .*, of bank/ops$"):
        tie_files(books, [path], {"77": "binance_spot/main"})
