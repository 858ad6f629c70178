"""Which words settle, and what may come back although it is final: said by each scheme's row."""

import pytest
import yaml

from core import schedule
from core.rail_effects import TellCustomer
from core.rail_events import PaymentReported, ReturnReported, Within
from rails.schemes import SCHEMES, BadSchemes, check, load
from tests.settling import BANK, DAY, HOUR, WIRE, Books, pay

ACSC, ACCP, ACCC = "pacs.002 ACSC", "pacs.002 ACCP", "pacs.002 ACCC"
# Two schemes of one bank: an instant one, and one that only the creditor's own account settles.
INSTANT = {**WIRE, "scheme": "instant", "settled_codes": (ACCP,)}
ABROAD = {**WIRE, "scheme": "abroad", "settled_codes": (ACCC,)}
FINAL = {
    **WIRE,
    "scheme": "final",
    "consents": (Within(days=10, until_ns=DAY, codes=("FOCR",)),),
}


def told(books: Books, payment_id: str, word: str, status: str) -> None:
    books.tell(PaymentReported, account=BANK, payment_id=payment_id, status=status, word=word)


@pytest.mark.parametrize(
    ("scheme", "word", "status", "settled"),
    [
        ("instant", ACCP, "accepted", True),
        ("abroad", ACCP, "accepted", False),
        ("instant", ACSC, "settled", False),
        ("abroad", ACSC, "settled", False),
        ("abroad", ACCC, "settled", True),
        ("abroad", "", "settled", True),  # who has no words of ISO 20022 is asked by his own
        ("wire", ACSC, "settled", True),  # a row that lists none goes by the teller's
    ],
)
def test_the_same_word_settles_one_scheme_and_not_another(
    scheme: str, word: str, status: str, *, settled: bool
) -> None:
    books = Books(alice=10_000)
    books.scheme(**INSTANT)
    books.scheme(**ABROAD)
    (leg,) = books.request("t1", pay(scheme, 500))
    told(books, leg.payment_id, word, status)
    assert (leg.status == "settled") is settled
    assert books.seen_by_customer("t1") == ("completed" if settled else "pending")


def settled_leg(books: Books) -> str:
    books.scheme(**FINAL)
    (leg,) = books.request("t1", pay("final", 500))
    told(books, leg.payment_id, ACSC, "settled")
    books.line("L1", -500, "payment", leg.payment_id)
    return leg.payment_id


def come_back(books: Books, payment_id: str, code: str = "FOCR") -> None:
    books.tell(
        ReturnReported,
        account=BANK,
        return_id="R1",
        payment_id=payment_id,
        amount=500,
        code=code,
        occurred_at=books.now,
    )
    books.line("L2", 500, "return", payment_id)


def test_what_is_final_may_be_given_back_and_nothing_stands_contingent_for_it() -> None:
    """No break: the customer was told completed, and is told returned, and has the money again."""
    books = Books(alice=10_000)
    payment_id = settled_leg(books)
    leg = books.state.settlement.legs[payment_id]
    assert (leg.contingent, leg.exposed, leg.revocable_until) == (0, 0, 0)
    books.wait(3 * DAY)
    come_back(books, payment_id)
    assert books.breaks() == {}
    assert books.has("alice") == 10_000
    assert [each.status for each in books.of(TellCustomer)][-1] == "returned"


def test_given_back_beyond_its_span_is_a_break() -> None:
    books = Books(alice=10_000)
    payment_id = settled_leg(books)
    books.wait(30 * DAY)
    come_back(books, payment_id)
    assert books.breaks() == {payment_id: "illegal_return"}
    assert books.has("alice") == 10_000


def test_a_return_counts_from_when_it_was_made_and_not_from_when_we_heard() -> None:
    books = Books(alice=10_000)
    payment_id = settled_leg(books)
    made = books.now + 2 * DAY
    books.wait(60 * DAY)
    books.tell(
        ReturnReported,
        account=BANK,
        return_id="R1",
        payment_id=payment_id,
        amount=500,
        code="FOCR",
        occurred_at=made,
    )
    assert books.breaks() == {}


def test_each_scheme_that_a_message_settles_at_a_bank_says_in_which_words() -> None:
    """And those that are final say until when their receivers may give back."""
    table = load()
    by_banks = {
        name for name, row in table.items() if row.account.startswith("bank_") and not row.pushed
    }
    by_message = {name for name in by_banks if table[name].settled_by == "message"}
    assert {name for name in table if table[name].settled_codes} == by_message
    final = {name for name in by_banks if not table[name].returns}
    assert {name for name in table if table[name].consents} == final
    assert all(table[name].unchecked for name in final)


def test_words_belong_to_messages() -> None:
    """A word is said with its message; where silence settles, none does."""
    table = yaml.safe_load(SCHEMES.read_text(encoding="utf-8"))
    with pytest.raises(BadSchemes, match=r"one\.settled_codes\.0: found 'ACSC'"):
        check({"one": {**table["fedwire"], "settled_codes": ["ACSC"]}}, "t")
    with pytest.raises(BadSchemes, match="words belong to settled_by: message"):
        check({"one": {**table["fedach_debit"], "settled_codes": [ACSC]}}, "t")


def test_a_consent_is_no_span_of_revocability() -> None:
    books = Books(alice=10_000)
    books.scheme(**FINAL)
    scheme = books.state.settlement.schemes["final"]
    assert schedule.revocable_until(books.state, scheme, books.now + HOUR) == 0
