"""What keepers record of themselves: closed statements in a row, documents that nobody can read."""

from __future__ import annotations

from typing import Any

import pytest

from core.events import PageReported, StatementReported, StatementRow
from core.rail_effects import FetchClosed, FetchDocument
from core.rail_events import (
    DocumentQuarantined,
    DocumentRead,
    ItemResolved,
    NostroStated,
    PaymentReported,
)
from tests.settling import BANK, DAY, HOUR, T0, Books, pay


class Stated(Books):
    """Books of a bank that closes its days."""

    def stated(self, day: int, opening: int, closing: int, **more: Any) -> None:
        """The statement of a day, which ties unless its entries are said to be otherwise."""
        told = {"entries": 1, "entries_sum": closing - opening, "sequence": 0, **more}
        self.tell(
            NostroStated,
            account=BANK,
            asset="USD",
            statement_id=f"S{day}",
            opening=opening,
            closing=closing,
            from_at=T0 + day * DAY,
            to_at=T0 + (day + 1) * DAY,
            **told,
        )

    def resolve(self, subject: str, cause: str, **more: str) -> None:
        words = {"author": "ann", "approver": "ben", "reason": "they wrote", "evidence": "letter"}
        self.tell(
            ItemResolved,
            resolution_id=f"i {subject}",
            subject=f"{BANK} {subject}",
            cause=cause,
            **{**words, **more},
        )

    def illegible(self, after: str = "7") -> None:
        self.tell(
            DocumentQuarantined,
            account=BANK,
            document_id=f"entries after {after}, document 1",
            after=after,
            reason="not well-formed",
            size=99,
        )


DOCUMENT = "entries after 7, document 1"


def spans(books: Books) -> list[tuple[int, int]]:
    """The days of which closed statements were asked for: after the end of one, until another."""
    return [((e.after_at - T0) // DAY, (e.until_at - T0) // DAY) for e in books.of(FetchClosed)]


# --- one after another ---------------------------------------------------------------------------


def test_what_opens_otherwise_than_the_last_one_closed_is_a_break_of_its_own() -> None:
    """With its signed size; what is missing is asked for, and again with each statement's time."""
    books = Stated(alice=1000)
    books.stated(0, 1000, 1000)
    books.stated(1, 1000, 1200)
    assert books.breaks() == {}
    books.stated(3, 1100, 1500)
    assert books.breaks() == {f"{BANK} before S3": "statement_gap"}
    (item,) = books.state.settlement.items.values()
    assert (item.size, item.asset) == (-100, "USD")
    assert spans(books) == [(2, 3)]
    books.wait(HOUR)
    assert spans(books) == [(2, 3)]


def test_it_closes_by_itself_when_the_missing_ones_lead_from_one_figure_to_the_other() -> None:
    """In any order; one that leads elsewhere closes nothing."""
    books = Stated(alice=1000)
    books.stated(0, 1000, 1000)
    books.stated(4, 1300, 1500)
    books.stated(3, 1200, 1300)
    books.stated(1, 1000, 1150)
    books.stated(2, 1100, 1200)
    assert books.breaks() == {f"{BANK} before S4": "statement_gap"}
    books.stated(1, 1000, 1100)
    assert books.breaks() == {}
    assert books.state.settlement.closed[-1].resolution == "what was missing came"
    books.wait(HOUR)
    assert spans(books)[1:] == []


def test_a_number_that_jumps_with_nothing_missing_is_counted_and_no_break() -> None:
    books = Stated(alice=1000)
    books.stated(0, 1000, 1000, sequence=1)
    books.stated(3, 1000, 1200, sequence=4)
    assert (books.breaks(), books.state.counts[f"statement_gaps/{BANK}"]) == ({}, 1)


def test_a_closing_that_is_not_our_nostro_is_a_break() -> None:
    """Statements that follow one another and tie prove nothing where our books say otherwise."""
    books = Stated(alice=1000)
    books.wait(2 * DAY)
    for day in range(2, 5):
        books.stated(day - 1, 700, 700, entries=0)
        books.wait(DAY)
    (drift,) = books.state.breaks.values()
    assert (drift.reading.holding, drift.size) == (f"{BANK}/USD/cash", -300)
    books.stated(4, 700, 1000)
    assert not books.state.breaks


def test_people_close_a_gap_of_which_nothing_ever_comes() -> None:
    books = Stated(alice=1000)
    books.stated(0, 1000, 1000)
    books.stated(3, 1100, 1500)
    books.resolve("before S3", "statement_gap")
    books.of(FetchClosed)
    books.wait(HOUR)
    assert (books.breaks(), spans(books)) == ({}, [])


# --- opening + entries = closing -----------------------------------------------------------------


def test_a_statement_that_does_not_tie_is_believed_in_nothing_until_it_is_corrected() -> None:
    """It is asked for again; what follows it shows that it is missing."""
    books = Stated(alice=1000)
    books.stated(0, 1000, 1000)
    books.stated(1, 1000, 1200, entries_sum=150)
    books.stated(1, 1000, 1200, entries_sum=150)
    (item,) = books.state.settlement.items.values()
    assert (item.subject, item.cause, item.size) == (f"{BANK} S1", "statement_untied", 50)
    assert len(item.evidence) <= 1
    books.stated(2, 1200, 1300)
    assert books.breaks() == {
        f"{BANK} S1": "statement_untied",
        f"{BANK} before S2": "statement_gap",
    }
    books.of(FetchClosed)
    books.wait(HOUR)
    assert sorted(spans(books)) == [(1, 2), (1, 2)]
    books.stated(1, 1000, 1200)
    assert books.breaks() == {}


def test_people_accept_a_statement_as_it_stands_and_it_takes_its_place() -> None:
    """A line of it is missing, and its closing right: the next one opens there."""
    books = Stated(alice=1000)
    books.stated(0, 1000, 1000)
    books.stated(1, 1000, 1200, entries_sum=150)
    books.resolve("S1", "statement_untied")
    books.stated(2, 1200, 1300)
    assert books.breaks() == {}
    assert books.state.accounts[BANK].backfill.waiting


# --- documents that cannot be read ---------------------------------------------------------------


def test_a_document_that_cannot_be_read_is_one_break_however_often_it_is_met() -> None:
    """Asked for once more with each statement's time; nobody knows its size."""
    books = Stated(alice=1000)
    for _ in range(3):
        books.illegible()
    (item,) = books.state.settlement.items.values()
    assert (item.subject, item.cause, item.size) == (f"{BANK} {DOCUMENT}", "unreadable", 0)
    books.wait(HOUR)
    (asked,) = books.of(FetchDocument)
    assert (asked.after, asked.document_id) == ("7", DOCUMENT)
    books.tell(DocumentRead, account=BANK, document_id=DOCUMENT)
    assert books.breaks() == {}
    books.wait(HOUR)
    assert books.of(FetchDocument) == []


def test_people_close_the_break_of_a_document_that_is_never_mended() -> None:
    books = Stated(alice=1000)
    books.illegible()
    books.resolve(DOCUMENT, "unreadable")
    books.wait(HOUR)
    assert (books.breaks(), books.of(FetchDocument)) == ({}, [])


def test_no_silence_settles_what_a_document_may_speak_of() -> None:
    """A return may stand in it; what was sent after it was met cannot."""
    books = Stated(alice=1000)
    (leg,) = books.request("t1", pay("ach", 300))
    books.tell(PaymentReported, account=BANK, payment_id=leg.payment_id, status="accepted")
    books.line("L1", -300, "payment", leg.payment_id)
    books.wait(DAY)
    books.illegible()
    books.wait(1)
    (later,) = books.request("t2", pay("ach", 300))
    books.tell(PaymentReported, account=BANK, payment_id=later.payment_id, status="accepted")
    books.line("L2", -300, "payment", later.payment_id)
    books.wait(9 * DAY)
    assert (leg.status, later.status) == ("in_flight", "settled")
    books.tell(DocumentRead, account=BANK, document_id=DOCUMENT)
    books.wait(DAY)
    assert (leg.status, later.status) == ("settled", "settled")


def reported(books: Stated, amount: int) -> None:
    """What the bank says that we have there, now."""
    books.tell(
        StatementReported,
        account=BANK,
        kind="balances",
        rows=(StatementRow("USD", "cash", amount, as_of=books.now),),
        asked_at=books.now,
        as_of=books.now,
    )


def insisted(books: Stated, amount: int, hours: int) -> None:
    for _ in range(hours):
        reported(books, amount)
        books.wait(HOUR)


def test_a_record_that_nobody_read_to_its_end_leaves_a_suspect_that_and_no_more() -> None:
    """Its line may be all that is missing, and its notice under way; ten periods make a break."""
    books = Stated(alice=1000)
    books.illegible()
    insisted(books, 700, 5)
    holding = f"{BANK}/USD/cash"
    suspect = books.state.suspects[holding]
    assert (suspect.size, suspect.survived, list(books.state.breaks)) == (-300, False, [])
    insisted(books, 700, 8)
    assert books.state.breaks[holding].size == -300


@pytest.mark.parametrize("how", ["read", "resolved", "long before"])
def test_a_document_that_hides_nothing_keeps_no_break_waiting(how: str) -> None:
    books = Stated(alice=1000)
    books.illegible()
    if how == "read":
        books.tell(DocumentRead, account=BANK, document_id=DOCUMENT)
    elif how == "resolved":
        books.resolve(DOCUMENT, "unreadable")
    else:
        books.wait(HOUR + 1)
    insisted(books, 700, 3)
    assert books.state.breaks[f"{BANK}/USD/cash"].size == -300


def test_the_record_is_read_on_behind_it() -> None:
    books = Stated(alice=1000)
    account = books.state.accounts[BANK]
    account.backfill.waiting["ledger"] = books.now
    books.illegible()
    books.tell(PageReported, account=BANK, subject="ledger", through="9", more=False, asked_at=0)
    assert (account.cursors["ledger"], account.backfill.waiting) == ("9", {})
