"""The custodian: what its words mean, what its faults do, and that nobody else speaks for it."""

import json
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from core.effects import FetchLedger, FetchStatement
from core.events import FrameQuarantined, PageReported, RequestFailed, StatementReported
from core.frames import Frame
from core.rail_effects import QueryPayment, SendPayment
from core.rail_events import LineBooked, PaymentMissing, PaymentReported
from rails import custodian
from rails.custodian import signing, webhooks
from rails.custodian.simulated import RETRIES_S, SimulatedCustodian
from sim.faults import Fault
from tests.rail_bench import DAY, DECIMALS, HOUR, MS, SECOND, Bench, always

EPOCH = 1_790_000_000 * SECOND
KEYS = webhooks.keys(signing.public_pem(), signing.public_jwks())
ACCOUNT = "custodian/vault"
GAS = {
    "ETH": ("ETH", Decimal("0.0004")),
    "USDC": ("ETH", Decimal("0.0011")),
    "BTC": ("BTC", Decimal("0.00002")),
}
OPENING = {"ETH": Decimal(50), "USDC": Decimal(1_000_000), "BTC": Decimal(3)}


def bench(*plan: Fault, seed: int = 1) -> Bench:
    made = Bench("custodian", ACCOUNT, EPOCH, list(plan), seed)
    made.dialect = custodian.dialect(DECIMALS, KEYS)
    made.keeper = SimulatedCustodian(
        made.name,
        made.account,
        made.world,
        made.wire,
        made.faults,
        made.truth,
        made.payments,
        made.dice.stream("custodian"),
        dict(OPENING),
        GAS,
        DECIMALS,
    )
    made.listen()
    return made


def pay(name: str = "p1", amount: int = 250_000_000, to: str = "0xbeef") -> SendPayment:
    return SendPayment(
        account=ACCOUNT,
        scheme="custodian",
        payment_id=name,
        kind="out",
        asset="USDC",
        amount=amount,
        beneficiary=to,
    )


def statuses(made: Bench) -> list[tuple[str, str]]:
    return [(event.status, event.code) for event in made.of(PaymentReported)]


def lines(made: Bench) -> dict[str, int]:
    """Each line once; two tellings of one must be alike in all but where they were told."""
    seen: dict[str, Any] = {}
    for event in made.of(LineBooked):
        told = (event.asset, event.amount, event.booked_at, event.references, event.kind)
        assert seen.setdefault(event.line_id, told) == told
    return {line_id: told[1] for line_id, told in seen.items()}


# --- signatures ----------------------------------------------------------------------------------


def sample_message(samples: Path, signature: str) -> tuple[bytes, webhooks.Keys]:
    """The published webhook as it came: its stored body is a pretty print of what was signed."""
    folder = samples / "rails" / "fireblocks"
    pretty = (folder / "submitted_event_request.json").read_bytes()
    raw = json.dumps(json.loads(pretty), separators=(",", ":")).encode()
    value = (folder / signature).read_bytes().strip()
    pem = (folder / "public_key.txt").read_bytes()
    return b"Fireblocks-Signature: " + value + b"\r\n\r\n" + raw, webhooks.keys(pem)


def test_the_published_webhook_is_theirs_and_any_changed_byte_is_not(samples: Path) -> None:
    """Every byte of the body and of the signature, each changed in every one of its bits."""
    message, keys = sample_message(samples, "submitted_event_valid_signature.txt")
    body = webhooks.verified(message, keys)
    assert json.loads(body)["data"]["status"] == "SUBMITTED"
    begin = len(b"Fireblocks-Signature: ")
    blank = message.index(b"\r\n\r\n")
    places = [*range(begin, blank), *range(blank, len(message))]
    for place in places:
        for bit in range(8):
            changed = bytearray(message)
            changed[place] ^= 1 << bit
            with pytest.raises(webhooks.Forged):
                webhooks.verified(bytes(changed), keys)
    assert len(places) > 1000


def test_the_published_forgery_is_refused(samples: Path) -> None:
    message, keys = sample_message(samples, "submitted_event_invalid_signature.txt")
    with pytest.raises(webhooks.Forged, match="not theirs"):
        webhooks.verified(message, keys)


def test_the_pretty_print_of_a_signed_webhook_is_refused(samples: Path) -> None:
    """The signature covers the raw bytes: the same JSON in other bytes is somebody else's word."""
    message, keys = sample_message(samples, "submitted_event_valid_signature.txt")
    head, _, body = message.partition(b"\r\n\r\n")
    pretty = json.dumps(json.loads(body), indent=2).encode()
    with pytest.raises(webhooks.Forged):
        webhooks.verified(head + b"\r\n\r\n" + pretty, keys)


def only(message: bytes, name: bytes) -> bytes:
    """The message with one of its two signatures."""
    head, _, body = message.partition(b"\r\n\r\n")
    kept = [line for line in head.split(b"\r\n") if line.lower().startswith(name + b":")]
    assert len(kept) == 1
    return kept[0] + b"\r\n\r\n" + body


@pytest.mark.parametrize("name", [webhooks.LEGACY, webhooks.DETACHED])
def test_either_signature_does_and_any_changed_byte_of_it_does_not(name: bytes) -> None:
    """The detached JWS by a key of the JWKS, and the legacy one."""
    body = b'{"eventType":"transaction.created","data":{}}'
    message = only(signing.signed(body), name)
    assert webhooks.verified(message, KEYS) == body
    for place in range(len(name) + 2, len(message)):
        for bit in range(8):
            changed = bytearray(message)
            changed[place] ^= 1 << bit
            with pytest.raises(webhooks.Forged):
                webhooks.verified(bytes(changed), KEYS)


@pytest.mark.parametrize("name", [webhooks.LEGACY, webhooks.DETACHED])
def test_a_signature_has_one_spelling(name: bytes) -> None:
    """Other letters at its end may decode to the same bytes: they are refused all the same."""
    message = only(signing.signed(b"{}"), name)
    end = message.index(b"\r\n\r\n")
    while message[end - 1 : end] == b"=":
        end -= 1
    letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    for letter in letters.replace(message[end - 1 : end], b""):
        with pytest.raises(webhooks.Forged):
            webhooks.verified(message[: end - 1] + bytes([letter]) + message[end:], KEYS)


def test_both_signatures_must_hold_where_both_are_borne() -> None:
    """A good one beside a bad one is no good: the bad one was put there by somebody."""
    good, other = signing.signed(b'{"a":1}'), signing.signed(b'{"a":2}')
    for kept, borrowed in (
        (webhooks.LEGACY, webhooks.DETACHED),
        (webhooks.DETACHED, webhooks.LEGACY),
    ):
        mixed = only(other, borrowed).partition(b"\r\n\r\n")[0] + b"\r\n" + only(good, kept)
        with pytest.raises(webhooks.Forged):
            webhooks.verified(mixed, KEYS)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (b"{}", "no blank line"),
        (b"Content-Type: application/json\r\n\r\n{}", "bears no signature"),
        (b"Fireblocks-Webhook-Signature: e30..AA\r\n\r\n{}", "not RS512"),
        (b"Fireblocks-Webhook-Signature: a.b.c\r\n\r\n{}", "no detached JWS"),
    ],
)
def test_what_bears_no_signature_is_nobodys_word(message: bytes, reason: str) -> None:
    with pytest.raises(webhooks.Forged, match=reason):
        webhooks.verified(message, KEYS)


def test_the_algorithm_is_theirs_to_keep_and_not_the_senders_to_choose() -> None:
    """`none` and an HMAC under the public key are the two old tricks."""
    for alg in ("none", "HS512", "RS256"):
        head = signing._url(json.dumps({"alg": alg, "kid": signing.KID}).encode())
        message = f"Fireblocks-Webhook-Signature: {head}..AA\r\n\r\n{{}}".encode()
        with pytest.raises(webhooks.Forged, match="not RS512"):
            webhooks.verified(message, KEYS)


# --- what the words mean -------------------------------------------------------------------------


def told(status: str, sub_status: str = "", kind: str = "ONE_TIME_ADDRESS") -> bytes:
    data = {
        "id": "t1",
        "externalTxId": "p1",
        "status": status,
        "subStatus": sub_status,
        "assetId": "USDC",
        "source": {"type": "VAULT_ACCOUNT", "id": "0"},
        "destination": {"type": kind, "id": ""},
        "amountInfo": {"amount": "2.5"},
        "createdAt": 1,
        "lastUpdated": 2,
    }
    body = {"eventType": "transaction.status.updated", "data": data}
    return signing.signed(json.dumps(body).encode())


@pytest.mark.parametrize(
    ("status", "sub_status", "destination", "means"),
    [
        ("COMPLETED", "CONFIRMED", "ONE_TIME_ADDRESS", "settled"),
        ("COMPLETED", "CONFIRMED", "EXCHANGE_ACCOUNT", "pending"),
        ("COMPLETED", "3RD_PARTY_COMPLETED", "EXCHANGE_ACCOUNT", "settled"),
        ("COMPLETED", "COMPLETED_BUT_3RD_PARTY_FAILED", "EXCHANGE_ACCOUNT", "held"),
        ("COMPLETED", "COMPLETED_BUT_3RD_PARTY_REJECTED", "ONE_TIME_ADDRESS", "held"),
        ("COMPLETED", "", "ONE_TIME_ADDRESS", "pending"),
        ("COMPLETED", "SOMETHING_OF_2031", "ONE_TIME_ADDRESS", "pending"),
        ("CONFIRMING", "CONFIRMED", "ONE_TIME_ADDRESS", "accepted"),
        ("PENDING_AUTHORIZATION", "", "ONE_TIME_ADDRESS", "held"),
        ("CANCELLED", "", "ONE_TIME_ADDRESS", "cancelled"),
        ("BLOCKED", "BLOCKED_BY_POLICY", "ONE_TIME_ADDRESS", "rejected"),
        ("FAILED", "DROPPED_BY_BLOCKCHAIN", "ONE_TIME_ADDRESS", "failed"),
        ("A_STATUS_OF_2031", "", "ONE_TIME_ADDRESS", "pending"),
    ],
)
def test_final_is_a_status_and_a_sub_status(
    status: str, sub_status: str, destination: str, means: str
) -> None:
    """Only the two of them together settle; what is on no list is pending, with its name."""
    made = bench()
    reported = made.read(told(status, sub_status, destination))[0]
    assert isinstance(reported, PaymentReported)
    assert (reported.status, reported.code) == (means, sub_status or status)
    assert reported.amount == 2_500_000
    if "2031" in status + sub_status:
        assert "unknown" in reported.reason


def test_every_published_webhook_is_read(samples: Path) -> None:
    """Their transactions are none of our vault's and not final: dismissed, and nothing invented."""
    made = bench()
    names = ("submitted_event_request", "confirming_webhook_request")
    for name in (*names, "confirming_refund_webhook_request"):
        body = (samples / "rails" / "fireblocks" / f"{name}.json").read_bytes()
        events = made.read(signing.signed(body))
        assert [type(event).__name__ for event in events] == ["FrameDismissed"]


def test_an_amount_is_read_as_it_is_written() -> None:
    """More decimals than the asset has: quarantined, never rounded."""
    made = bench()
    body = told("CONFIRMING").partition(b"\r\n\r\n")[2].replace(b'"2.5"', b'"2.5000001"')
    events = made.read(signing.signed(body))
    assert isinstance(events[0], FrameQuarantined)
    assert "more than 6 decimals" in events[0].reason


def test_an_asset_that_nobody_declared_is_quarantined() -> None:
    made = bench()
    body = told("CONFIRMING").partition(b"\r\n\r\n")[2].replace(b"USDC", b"DOGE")
    events = made.read(signing.signed(body))
    assert isinstance(events[0], FrameQuarantined)
    assert "DOGE" in events[0].reason


# --- the twin and the dialect together -----------------------------------------------------------


def test_a_payment_goes_its_way_and_settles_once() -> None:
    made = bench()
    made.ask(pay())
    made.run(HOUR)
    assert [status for status, _ in statuses(made)][-1] == "settled"
    assert made.payments.all["p1"].times_applied == 1
    assert made.payments.all["p1"].settled_at > EPOCH
    assert sorted(lines(made).values()) == [-1_100_000_000_000_000, -250_000_000]
    assert made.units("USDC") == 1_000_000_000_000 - 250_000_000
    stated = made.ask(FetchStatement(account=ACCOUNT, kind="balances"))[0]
    assert isinstance(stated, StatementReported)
    assert {row.subject: row.amount for row in stated.rows} == {
        asset: made.units(asset) for asset in OPENING
    }


def test_the_record_tells_the_same_lines_as_the_webhooks() -> None:
    """Read page by page from the start; an equal line id is an equal line."""
    made = bench()
    for number in range(5):
        made.ask(pay(f"p{number}", 1_000_000 + number))
    made.keeper.deposit("ETH", Decimal("0.25"), "0xours")
    made.run(DAY)
    by_webhook = lines(made)
    made.events.clear()
    made.ask(FetchLedger(account=ACCOUNT, after=""))
    assert lines(made) == by_webhook
    assert len(by_webhook) == 11
    page = made.of(PageReported)[-1]
    made.events.clear()
    made.ask(FetchLedger(account=ACCOUNT, after=page.through))
    assert len(lines(made)) <= 2  # the last millisecond again, and nothing else


def test_one_id_is_taken_once_for_ever() -> None:
    """Within a day the first answer comes again; after it the id itself is refused, and lives."""
    made = bench()
    first = made.ask(pay())
    again = made.ask(pay())
    assert first[0].reference == again[0].reference  # type: ignore[union-attr]
    made.run(2 * DAY)
    late = made.ask(pay())[0]
    assert isinstance(late, PaymentReported)
    assert (late.status, late.code) == ("received", "1438")
    made.run(DAY)
    assert made.payments.all["p1"].times_applied == 1
    assert made.units("USDC") == 1_000_000_000_000 - 250_000_000


def test_a_payment_that_it_does_not_know_is_missing() -> None:
    made = bench()
    events = made.ask(QueryPayment(account=ACCOUNT, scheme="custodian", payment_id="nobody"))
    assert isinstance(events[0], PaymentMissing)


def test_an_answer_about_another_payment_is_no_answer() -> None:
    made = bench()
    made.ask(pay("p1"))
    query = QueryPayment(account=ACCOUNT, scheme="custodian", payment_id="p1")
    status, body, _ = made.keeper.handle(made.dialect.request(query))  # type: ignore[union-attr]
    other = QueryPayment(account=ACCOUNT, scheme="custodian", payment_id="p2")
    assert [type(e) for e in made.read(body, status=status, about=other)] == [RequestFailed]


def test_no_funds_fails_and_moves_nothing() -> None:
    made = bench()
    made.ask(pay(amount=2_000_000_000_000))
    made.run(HOUR)
    assert statuses(made)[-1] == ("failed", "INSUFFICIENT_FUNDS")
    assert not lines(made)


# --- faults --------------------------------------------------------------------------------------


def test_completed_but_failed_is_told_as_held_and_comes_back_days_later() -> None:
    """The value left (its line says so), nobody was credited, nothing is called settled."""
    made = bench(always("completed_but_failed"))
    made.ask(pay())
    made.run(DAY)
    status, code = statuses(made)[-1]
    assert status == "held"
    assert code.startswith("COMPLETED_BUT_3RD_PARTY_")
    assert -250_000_000 in lines(made).values()
    assert made.payments.all["p1"].settled_at < 0 < made.payments.all["p1"].failed_at
    made.run(3 * DAY)
    assert made.payments.all["p1"].returned == 250_000_000
    back = [line for line in made.of(LineBooked) if line.amount == 250_000_000]
    assert "p1" in back[0].references
    assert "settled" not in {status for status, _ in statuses(made)}


def test_a_third_party_that_fails_after_completed_was_never_settled() -> None:
    made = bench(always("completed_but_failed"))
    made.ask(pay(to="exchange:kraken"))
    made.run(DAY)
    codes = [code for _, code in statuses(made)]
    assert "CONFIRMED" in codes
    assert codes[-1].startswith("COMPLETED_BUT")
    assert "settled" not in {status for status, _ in statuses(made)}
    assert len(lines(made)) == 2


def test_an_exchange_account_settles_by_the_third_partys_word() -> None:
    made = bench()
    made.ask(pay(to="exchange:kraken"))
    made.run(DAY)
    assert statuses(made)[-1] == ("settled", "3RD_PARTY_COMPLETED")
    assert statuses(made)[-2] == ("pending", "CONFIRMED")


def test_an_approval_hangs_and_goes_on() -> None:
    made = bench(always("approval_hangs", 6 * HOUR // MS))
    made.ask(pay())
    made.run(5 * HOUR)
    assert statuses(made)[-1] == ("held", "PENDING_AUTHORIZATION")
    made.run(3 * HOUR)
    assert statuses(made)[-1] == ("settled", "CONFIRMED")


def test_a_replaced_transaction_goes_back_and_names_what_it_replaces() -> None:
    made = bench(always("custody_replaced"))
    made.ask(pay())
    made.run(DAY)
    reports = made.of(PaymentReported)
    said = [report.code for report in reports]
    assert said.count("BROADCASTING") == 2
    assert said.index("CONFIRMING") < len(said) - 1 - said[::-1].index("BROADCASTING")
    old, new = (r.reference for r in reports if r.code == "BROADCASTING")
    assert old != new
    assert reports[-1].replaces == old
    assert reports[-1].status == "settled"
    assert len(lines(made)) == 2


@pytest.mark.parametrize("seed", range(6))
def test_a_payment_fails_after_it_was_accepted(seed: int) -> None:
    """Nothing moves but, where it was mined and reverted, its fee."""
    made = bench(always("custody_failed"), seed=seed)
    made.ask(pay())
    made.run(DAY)
    status, code = statuses(made)[-1]
    assert status == "failed"
    booked = lines(made)
    fees = [-1_100_000_000_000_000] if code == "SMART_CONTRACT_EXECUTION_FAILED" else []
    assert list(booked.values()) == fees
    assert made.payments.all["p1"].failed_at > 0
    assert made.units("USDC") == 1_000_000_000_000


def test_a_refused_payment_is_told_so() -> None:
    made = bench(always("payment_rejected"))
    made.ask(pay())
    made.run(DAY)
    assert statuses(made)[-1] == ("rejected", "REJECTED_BY_USER")
    assert not lines(made)


def test_a_late_payment_is_late() -> None:
    made = bench(always("payment_late", 9 * HOUR // MS))
    made.ask(pay())
    made.run(8 * HOUR)
    assert statuses(made)[-1] == ("accepted", "CONFIRMING")
    made.run(3 * HOUR)
    assert statuses(made)[-1][0] == "settled"


def test_nobody_judges_before_it_is_through() -> None:
    made = bench(always("payment_late", 9 * HOUR // MS))
    made.ask(pay())
    made.run(8 * HOUR)
    assert made.payments.mended_by > made.world.now
    made.run(made.payments.mended_by - made.world.now + SECOND)
    assert made.payments.all["p1"].settled_at == made.payments.mended_by


def test_a_forged_webhook_changes_nothing() -> None:
    """It says COMPLETED at once; it is quarantined with the reason, and nothing is booked early."""
    made = bench(always("webhook_forged"))
    made.ask(pay())
    made.run(SECOND // 2)
    forged = made.of(FrameQuarantined)
    assert forged
    assert all("signature is not theirs" in event.reason for event in forged)
    assert not lines(made)
    assert "settled" not in {status for status, _ in statuses(made)}
    made.run(DAY)
    assert len(made.of(FrameQuarantined)) == made.faults.counts["webhook_forged"]
    assert statuses(made)[-1][0] == "settled"
    assert len(lines(made)) == 2


def test_webhooks_come_twice() -> None:
    made = bench(always("notice_twice", 5_000))
    made.ask(pay())
    made.run(DAY)
    bodies = Counter(body for _, body in made.told)
    assert set(bodies.values()) == {2}
    assert len(lines(made)) == 2


def test_webhooks_come_in_another_order() -> None:
    made = bench(Fault("notice_disorder", strength=60_000, one_in=2), seed=3)
    made.ask(pay())
    made.run(DAY)
    times = [event.occurred_at for event in made.of(PaymentReported) if event.occurred_at]
    assert times != sorted(times)
    assert len(lines(made)) == 2


def test_an_outage_tells_nothing_and_answers_no_query() -> None:
    made = bench()
    made.keeper.strike(Fault("confirmation_outage", strength=2 * HOUR // MS))
    made.ask(pay())
    made.run(HOUR)
    assert not made.told
    query = QueryPayment(account=ACCOUNT, scheme="custodian", payment_id="p1")
    assert isinstance(made.ask(query)[0], RequestFailed)
    made.run(2 * HOUR)
    assert made.payments.all["p1"].settled_at > 0
    assert made.ask(query)[0].status == "settled"  # type: ignore[union-attr]
    assert made.faults.counts == {"confirmation_outage": 1}


def test_a_webhook_is_tried_again_on_the_documented_schedule() -> None:
    """Nobody listens for two hours; what was told then arrives on its later attempts."""
    made = bench()
    made.wire.drop()
    made.keeper.deposit("ETH", Decimal(1), "0xours")
    sent = made.world.now
    made.run(2 * HOUR)
    assert not made.told
    made.listen()
    opened = made.world.now
    made.run(DAY)
    attempts, at = [], sent
    for wait in RETRIES_S:
        at += wait * SECOND
        attempts.append(at)
    first = next(at for at in attempts if at > opened)
    assert abs(made.told[0][0] - first) < SECOND
    assert len(lines(made)) == 1


@pytest.mark.parametrize("kind", ["stale_statement", "wild_statement", "empty_statement"])
def test_a_statement_that_lies_is_not_called_honest(kind: str) -> None:
    made = bench(Fault(kind, strength=MS, times_max=1, start_ns=10 * SECOND))
    asked = made.dialect.request(FetchStatement(account=ACCOUNT, kind="balances"))  # type: ignore[union-attr]
    truth = made.keeper.handle(asked)
    assert truth[2] is True
    made.ask(pay())
    made.run(HOUR)
    _, body, honest = made.keeper.handle(asked)
    assert honest is False
    assert made.keeper.handle(asked)[1] != body
    assert made.keeper.handle(asked)[2] is True


def test_an_unreferenced_deposit_comes_from_nowhere() -> None:
    made = bench()
    made.keeper.strike(Fault("credit_unreferenced", strength=500))
    made.run(HOUR)
    line = made.of(LineBooked)[0]
    assert line.amount > 0
    assert len(line.references) == 2  # its own id and its hash
    assert made.faults.counts["credit_unreferenced"] == 1


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b'{"id":1}', b'{"assets":3}', b"\xff"])
def test_an_answer_that_cannot_be_read_is_no_answer(body: bytes) -> None:
    made = bench()
    for effect in (
        pay(),
        QueryPayment(account=ACCOUNT, scheme="custodian", payment_id="p1"),
        FetchStatement(account=ACCOUNT, kind="balances"),
        FetchLedger(account=ACCOUNT, after=""),
    ):
        if body == b"[]" and isinstance(effect, FetchLedger):
            continue
        frame = Frame(
            number=1,
            account=ACCOUNT,
            channel="rest",
            received_at=1,
            body=body,
            about=effect,
        )
        events = made.dialect.decode(frame, DECIMALS)  # type: ignore[union-attr]
        assert [type(event) for event in events] == [RequestFailed]


def test_a_run_is_the_same_twice() -> None:
    def one() -> list[bytes]:
        made = bench(Fault("notice_disorder", strength=900, one_in=3), seed=11)
        for number in range(4):
            made.ask(pay(f"p{number}"))
        made.run(DAY)
        return [body for _, body in made.told]

    assert one() == one()
