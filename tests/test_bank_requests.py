"""What we ask of a bank, in its real formats, and that the bank takes it as we meant it."""

from dataclasses import replace
from decimal import Decimal

import pytest
from msgspec.structs import replace as changed

from core.effects import FetchLedger, FetchStatement, PlaceOrder
from core.events import FrameQuarantined, PageReported, RequestFailed, StatementReported
from core.frames import Frame
from core.rail_effects import AnswerRecall, QueryPayment, RecallPayment, SendPayment
from core.rail_events import (
    LineBooked,
    PaymentMissing,
    PaymentReported,
    RecallAnswered,
    RecallReported,
    RecallTaken,
    ReturnReported,
)
from rails import bank as rails_bank
from rails.dialect import Request
from rails.instructions.files_sent import DuplicateFile
from rails.instructions.party import CannotSay, Mandate, OurAccount
from rails.schemes import load
from tests.banks import amounts, bank, local
from tests.rail_bench import DAY, HOUR, SECOND, Bench, always
from tests.test_message_rules import pacs004, status
from tieout.node.connector import Connector

DEBTOR = "DE02120300000000202051"
MANDATES = {DEBTOR: Mandate("M-1", "2026-01-05")}
OURS = {
    "bank_us": OurAccount(
        "Tieout",
        "USD",
        2,
        "America/New_York",
        number="000123456789",
        routing="091000019",
        company_id="1234567890",
        bank_name="OUR BANK",
    ),
    "bank_eu": OurAccount(
        "Tieout",
        "EUR",
        2,
        "Europe/Berlin",
        iban="DE89370400440532013000",
        number="0532013000",
        bic="COBADEFFXXX",
        creditor_id="DE98ZZZ09999999999",
    ),
    "bank_gb": OurAccount(
        "Tieout",
        "GBP",
        2,
        "Europe/London",
        iban="GB29NWBK60161331926819",
        number="31926819",
        sort_code="601613",
    ),
}
# scheme: the bank, whom, in which direction, when it settles if sent on 2026-11-25 at 10:00.
SCHEMES = {
    "fedach_credit_same_day": ("bank_us", "021000021/12345678", "out", "2026-11-30T08:30:00"),
    "fedach_credit_next_day": ("bank_us", "021000021/12345678", "out", "2026-12-01T08:30:00"),
    "fedach_debit": ("bank_us", "021000021/12345678", "in", "2026-12-01T08:30:00"),
    "fedwire": ("bank_us", "021000021/12345678", "out", "2026-11-25T10:00:31"),
    "sepa_sct": ("bank_eu", DEBTOR, "out", "2026-11-26T18:00:00"),
    "sct_inst": ("bank_eu", DEBTOR, "out", "2026-11-25T10:00:04"),
    "sdd_core": ("bank_eu", DEBTOR, "in", "2026-11-26T14:00:00"),
    "fps": ("bank_gb", "202015/55555555", "out", "2026-11-25T10:00:04"),
}


def listening(name: str, *plan: object, seed: int = 1) -> Bench:
    made = bank(name, "2026-11-25T10:00", *plan, seed=seed)  # type: ignore[arg-type]  # faults
    made.dialect = rails_bank.dialect(made.account, OURS[name], MANDATES)
    return made


def sending(made: Bench, scheme: str, payment_id: str = "p1", amount: int = 12345) -> SendPayment:
    _, whom, kind, _ = SCHEMES[scheme]
    return SendPayment(
        account=made.account,
        scheme=scheme,
        payment_id=payment_id,
        kind=kind,  # type: ignore[arg-type]  # one of two
        asset=made.keeper.head.currency,
        amount=amount,
        beneficiary=whom,
        beneficiary_name="Payee",
        memo="invoice 7",
        sent_at=made.world.now,
        file=int(scheme.startswith("fedach")),
    )


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_bank_takes_each_scheme_as_it_was_meant(scheme: str) -> None:
    """By the file alone it knows scheme, amount and direction, and settles by that rule."""
    name, _, kind, settles = SCHEMES[scheme]
    made = listening(name)
    effect = sending(made, scheme)
    told = made.ask(effect)
    assert [(e.payment_id, e.status) for e in told] == [("p1", "accepted")]  # type: ignore[union-attr]
    made.run(10 * DAY)
    paid = made.payments.all["p1"]
    assert (paid.scheme, paid.amount, paid.times_applied) == (scheme, 12345, 1)
    assert local(made, paid.settled_at) == settles
    assert amounts(made) == [12345 if kind == "in" else -12345]
    assert "p1" in made.of(LineBooked)[0].references


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_same_effect_is_the_same_bytes_and_is_paid_once(scheme: str) -> None:
    """Days later, in ACH too, where nothing but the file's name tells that it is a repeat."""
    made = listening(SCHEMES[scheme][0])
    effect = sending(made, scheme)
    made.ask(effect)
    made.run(DAY)
    again = "received" if effect.file else "accepted"
    assert [event.status for event in made.ask(effect)] == [again]  # type: ignore[union-attr]
    made.run(5 * DAY)
    assert made.payments.all["p1"].times_applied == 1
    assert len(amounts(made)) == 1


def test_gpi_is_asked_for_by_its_service_level_and_bears_a_uetr() -> None:
    made = listening("bank_us")
    effect = changed(
        sending(made, "fedwire"), scheme="swift_gpi", beneficiary="DEUTDEFFXXX/12345678"
    )
    made.ask(effect)
    made.run(3 * DAY)
    assert made.payments.all["p1"].scheme == "swift_gpi"
    assert made.of(PaymentReported)[-1].status == "settled"
    order = made.keeper.clearing.orders["p1"]
    assert len(order.told.uetr) == 36


def test_a_long_id_of_ach_is_known_by_its_trace() -> None:
    """The entry has fifteen characters of it; the answer names the trace, and so does a return."""
    made = listening("bank_us", always("payment_returned"))
    name = "nodeone00p00a0000001234"
    accepted = made.ask(sending(made, "fedach_debit", name))[0]
    assert isinstance(accepted, PaymentReported)
    assert accepted.payment_id == name
    made.run(80 * DAY)
    back = made.of(ReturnReported)[0]
    assert accepted.reference in back.references
    assert all(accepted.reference in line.references for line in made.of(LineBooked))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_query_tells_what_became_of_it(scheme: str) -> None:
    made = listening(SCHEMES[scheme][0])
    effect = sending(made, scheme)
    query = QueryPayment(
        account=made.account, scheme=scheme, payment_id="p1", sent_at=effect.sent_at
    )
    assert [type(event) for event in made.ask(query)] == [PaymentMissing]
    made.ask(effect)
    made.run(5 * DAY)
    word = made.ask(query)[0].word  # type: ignore[union-attr]
    assert (word in load()[scheme].settled_codes) is not scheme.startswith("fedach")


def test_a_recall_and_its_answer() -> None:
    made = listening("bank_eu")
    effect = sending(made, "sepa_sct")
    made.ask(effect)
    recall = RecallPayment(
        account=made.account,
        scheme="sepa_sct",
        payment_id="p1",
        amount=12345,
        code="DUPL",
        sent_at=effect.sent_at,
        asked_at=made.world.now,
    )
    assert isinstance(made.ask(recall)[0], RecallTaken)
    made.run(HOUR)
    assert [(e.payment_id, e.accepted) for e in made.of(RecallAnswered)] == [("p1", True)]
    made.run(3 * DAY)
    assert not amounts(made)


def test_an_ach_reversal_undoes_its_entry() -> None:
    made = listening("bank_us")
    effect = sending(made, "fedach_credit_next_day")
    made.ask(effect)
    made.run(3 * DAY)
    recall = RecallPayment(
        account=made.account,
        scheme=effect.scheme,
        payment_id="p1",
        amount=effect.amount,
        code="REVERSAL",
        kind="out",
        asset="USD",
        beneficiary=effect.beneficiary,
        beneficiary_name=effect.beneficiary_name,
        sent_at=effect.sent_at,
        asked_at=made.world.now,
        file=2,
    )
    for _ in range(2):  # the same file again is the same reversal
        assert [type(event) for event in made.ask(recall)] == [RecallTaken]
    assert len(made.payments.recalls["p1"].messages) == 1
    made.run(4 * DAY)
    assert amounts(made) == [-12345, 12345]
    assert made.payments.all["p1"].times_applied == 1


def test_a_reversal_that_is_refused_is_answered_and_says_nothing_of_the_payment() -> None:
    made = listening("bank_us")
    effect = sending(made, "fedach_credit_next_day")
    recall = RecallPayment(
        account=made.account,
        scheme=effect.scheme,
        payment_id="p1",
        amount=effect.amount,
        code="REVERSAL",
        asset="USD",
        beneficiary=effect.beneficiary,
        sent_at=effect.sent_at,
        asked_at=made.world.now,
        file=2,
    )
    (told,) = made.ask(recall)  # it overtook the payment: there is nothing to undo
    assert isinstance(told, RecallAnswered)
    assert (told.payment_id, told.accepted, told.code) == ("p1", False, "NOOR")


def test_our_no_to_a_recall_reaches_the_bank() -> None:
    made = listening("bank_eu", always("recalled"))
    made.keeper.credit("DE75512108001245126199", Decimal("12.34"))
    made.run(20 * DAY)
    recall = made.of(RecallReported)[0]
    effect = AnswerRecall(
        account=made.account, recall_id=recall.recall_id, code="CUST", answered_at=made.world.now
    )
    assert made.ask(effect)[0].recall_id == recall.recall_id  # type: ignore[union-attr]
    assert made.keeper.arrivals.recalls == {recall.recall_id: "CUST"}


@pytest.mark.parametrize("name", OURS)
def test_the_account_is_listened_to(name: str) -> None:
    """Balance and lines, by the same effects as any other account."""
    made = listening(name)
    stated = made.ask(FetchStatement(account=made.account, kind="balances"))[0]
    assert isinstance(stated, StatementReported)
    assert stated.rows[0].amount == 100_000_000
    made.keeper.arrivals.charge(900)
    told = made.ask(FetchLedger(account=made.account, after=""))
    assert [type(event) for event in told] == [LineBooked, PageReported]
    assert told[1].through == "1"  # type: ignore[union-attr]


def test_what_cannot_be_said_is_not_sent() -> None:
    made = listening("bank_eu")
    dialect = made.dialect
    assert dialect is not None
    good = sending(made, "sepa_sct")
    for bad in (
        changed(good, beneficiary="DE02120300000000202052"),
        changed(good, amount=0),
        changed(good, amount=-5),
        changed(good, asset="USD"),
        changed(good, scheme="fps"),
        changed(good, sent_at=0),
        changed(sending(made, "sdd_core"), beneficiary="DE89370400440532013000"),
    ):
        with pytest.raises(CannotSay):
            dialect.request(bad)
    with pytest.raises(ValueError, match="PlaceOrder"):
        dialect.request(
            PlaceOrder(
                account=made.account,
                client_order_id="c",
                instrument="X",
                side="buy",
                quantity=1,
                kind="limit",
            )
        )


class Heard:
    """A door that keeps what it is told, and a transport that keeps what it is given."""

    def __init__(self) -> None:
        self.told: list[object] = []
        self.sent: list[object] = []

    def next_frame(self) -> int:
        return len(self.told) + 1

    def tell(self, told: object) -> None:
        self.told.append(told)

    def send(self, request: object, on_answer: object) -> None:
        self.sent.append(request)

    def open_stream(self, *args: object) -> None:
        raise AssertionError("nobody listens here")


def test_a_connector_tells_what_was_not_sent_as_no_answer() -> None:
    """The effect stays open, and core hears why: nothing is lost and nothing raises."""
    made = listening("bank_eu")
    dialect = made.dialect
    assert dialect is not None
    heard = Heard()
    connector: Connector[Request] = Connector(
        made.account, dialect.request, heard, heard, lambda: 5 * SECOND
    )
    good = sending(made, "sepa_sct")
    connector.perform(changed(good, beneficiary="DE02120300000000202052"))
    connector.perform(good)
    (frame,) = heard.told
    assert isinstance(frame, Frame)
    events = dialect.decode(frame, {"EUR": 2})
    assert [type(event) for event in events] == [RequestFailed]
    assert "check digits" in events[0].reason or "IBAN" in events[0].reason  # type: ignore[union-attr]
    assert len(heard.sent) == 1


@pytest.mark.parametrize(("currency", "told"), [("EUR", ReturnReported), ("USD", FrameQuarantined)])
def test_a_bank_s_account_has_one_currency(currency: str, told: type) -> None:
    """What comes back in another one is not read as cents of its own."""
    made = listening("bank_eu")
    assert made.dialect is not None
    body = pacs004().replace("'EUR'", f"'{currency}'").encode()
    frame = Frame(
        number=1, account=made.account, channel="stream", received_at=5 * SECOND, body=body
    )
    (event,) = made.dialect.decode(frame, {"EUR": 2, "USD": 2})
    assert isinstance(event, told)


@pytest.mark.parametrize(
    ("code", "told"),
    [(code, "received") for code in "AM05 DUPL DU01 DU02 DU03 DU04 DU05".split()]
    + [("AC04", "rejected")],
)
def test_a_duplicate_of_whichever_id_is_never_told_as_failed(code: str, told: str) -> None:
    """The first one lives: who gave the money back would pay twice."""
    made = listening("bank_eu")
    assert made.dialect is not None
    body = status("RJCT", code, "CstmrPmtStsRpt").encode()
    frame = Frame(
        number=1, account=made.account, channel="stream", received_at=5 * SECOND, body=body
    )
    (event,) = made.dialect.decode(frame, {"EUR": 2})
    assert isinstance(event, PaymentReported)
    assert (event.status, event.code) == (told, code)


def test_the_guard_stands_before_what_really_sends() -> None:
    """Of the ACH files that a connector is to send, none goes out under the name of another one,
    and no payment under two; a file that is sent again is the same bytes."""
    made = listening("bank_us")
    assert made.dialect is not None
    heard = Heard()
    connector: Connector[Request] = Connector(
        made.account, made.dialect.request, heard, heard, lambda: 5 * SECOND
    )
    first = sending(made, "fedach_credit_next_day")
    connector.perform(first)
    connector.perform(first)
    connector.perform(changed(sending(made, "fedach_credit_next_day", "p2"), file=37))
    connector.perform(changed(first, file=2))
    connector.perform(changed(sending(made, "fedach_credit_next_day", "p2"), file=2))
    reasons = [made.dialect.decode(frame, {"USD": 2})[0].reason for frame in heard.told]  # type: ignore[arg-type, union-attr]
    assert [reason.partition(" pays ")[0].rpartition(" with ")[2] for reason in reasons] == [
        "other contents",
        "not sent: file 12345678902611251000B",
    ]
    bodies = [request.body for request in heard.sent]  # type: ignore[attr-defined]
    assert bodies[0] == bodies[1]
    assert [body[13:34].decode() for body in bodies] == [
        "12345678902611251000A",
        "12345678902611251000A",
        "12345678902611251000B",
    ]


def test_a_nacha_file_has_a_number() -> None:
    made = listening("bank_us")
    assert made.dialect is not None
    with pytest.raises(CannotSay, match="has a number"):
        made.dialect.request(changed(sending(made, "fedach_debit"), file=0))


def test_a_reversal_has_no_file_of_another() -> None:
    """It says of whom it takes back what, in a file that is not the payment's."""
    made = listening("bank_us")
    assert made.dialect is not None
    paid = sending(made, "fedach_credit_next_day")
    made.dialect.request(paid)
    recall = RecallPayment(
        account=made.account,
        scheme=paid.scheme,
        payment_id="p1",
        amount=paid.amount,
        code="REVERSAL",
        asset="USD",
        beneficiary=paid.beneficiary,
        asked_at=paid.sent_at,
        file=paid.file,
    )
    with pytest.raises(DuplicateFile, match="sent with other contents"):
        made.dialect.request(recall)
    assert made.dialect.request(changed(recall, file=2)).body[33:34] == b"B"


def test_a_number_that_is_not_ours_is_not_asked_for() -> None:
    made = listening("bank_eu")
    other = rails_bank.dialect(made.account, replace(OURS["bank_eu"], number="1"), MANDATES)
    status, _, _ = made.keeper.handle(
        other.request(FetchStatement(account=made.account, kind="balances"))
    )
    assert status == 404
