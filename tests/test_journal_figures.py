"""What the journal alone shows: what was asked at once, under which nonce, and decided by what."""

from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace

from core.effects import (
    CancelOrder,
    Effect,
    FetchFills,
    FetchInstruments,
    FetchOpenOrders,
    FetchStatement,
    PlaceOrder,
    QueryOrder,
    TellStrategy,
)
from core.events import (
    Event,
    NodeStarted,
    OrderReport,
    OrderReported,
    PageReported,
    RequestFailed,
    StatementReported,
    StreamOpened,
)
from core.journal import Journal
from core.rail_effects import SignTransaction
from core.token_effects import JudgeAuthorization, SignAuthorization
from core.token_events import AuthorizationJudged, HolderStated, PolicyPublished
from sim.faults import Fault
from sim.memory_store import MemoryStore
from tieout.claims.asked_again import cancels_dropped, orders_unasked, streams_unread
from tieout.claims.read_on import forbidden_ns, reads_dropped
from tieout.claims.signings import nonces_doubled
from tieout.tokens.decisions import decided_by_old

HOUSE = "binance_spot/main"
NOTE = "NOTE"
OPENED = StreamOpened(received_at=1, account=HOUSE, epoch=1)
FETCH = FetchFills(account=HOUSE, instrument="BTCUSDT", after="")
STARTED = NodeStarted(received_at=1, node="tie", epoch=2)
QUERY = QueryOrder(account=HOUSE, instrument="BTCUSDT", client_order_id="a")
PLACE = PlaceOrder(
    account=HOUSE,
    instrument="BTCUSDT",
    client_order_id="a",
    side="buy",
    quantity=1,
    price=1,
    kind="limit",
    reduce_only=False,
)
OVER = TellStrategy(
    strategy="mm",
    reference="r",
    client_order_id="a",
    account=HOUSE,
    instrument="BTCUSDT",
    side="buy",
    quantity=1,
    filled_quantity=1,
    status="filled",
    leg="net",
)
BESIDE = FetchInstruments(account=HOUSE, instrument="BTCUSDT")


def journal(*steps: tuple[Event, list[Effect]]) -> MemoryStore:
    """The records of these steps, durable."""
    store = MemoryStore()
    written = Journal(store)
    for event, effects in steps:
        number = written.event(event)
        for effect in effects:
            written.effect(effect, number, event.received_at)
    written.commit()
    return store


def page(*, more: bool) -> PageReported:
    return PageReported(
        received_at=1, account=HOUSE, subject="BTCUSDT", through="1", more=more, asked_at=0
    )


def test_a_stream_that_opens_is_read_then_or_by_the_round_under_way() -> None:
    read = (OPENED, [FETCH, BESIDE])
    over = (page(more=False), [])
    assert streams_unread(journal(read, (OPENED, [BESIDE]))) == []
    assert streams_unread(journal(read, over, (OPENED, []))) == [], "a stream of before"
    assert streams_unread(journal(read, over, (OPENED, [BESIDE]))) == [f"{HOUSE} epoch 1"]
    assert streams_unread(journal((OPENED, [BESIDE]))) == [], "a chain's record is read otherwise"


def failed(at_s: int, wait_s: int = 0) -> RequestFailed:
    return RequestFailed(
        received_at=at_s * 10**9,
        account=HOUSE,
        about="fills:BTCUSDT",
        reason="no answer",
        asked_at=0,
        retry_after_ns=wait_s * 10**9,
    )


def test_a_page_that_failed_is_asked_for_again_within_its_wait() -> None:
    read, broken = (OPENED, [FETCH]), (failed(10), [])
    later: tuple[Event, list[Effect]] = (replace(OPENED, received_at=16 * 10**9), [])
    assert reads_dropped(journal(read, broken, later)) == [f"{HOUSE} BTCUSDT"]
    assert reads_dropped(journal(read, (failed(10), [FETCH]), later)) == []
    assert reads_dropped(journal(read, (failed(10, 60), []), later)) == [], "as it was told"
    years: tuple[Event, list[Effect]] = (replace(OPENED, received_at=400 * 10**9), [])
    assert reads_dropped(journal(read, (failed(10, 10**8), []), years)), "no venue told us that"
    banned = forbidden_ns([Fault("rate_limited", HOUSE, 0, 0, strength=900_000)])
    assert banned == 900 * 10**9 > forbidden_ns([])
    assert reads_dropped(journal(read, (failed(10, 900), []), years), banned) == [], "one did"
    assert reads_dropped(journal(read, broken, (page(more=False), []), later)) == [], "it came"
    assert reads_dropped(journal(read, (page(more=False), []), broken, later)) == [], "it was over"
    reborn = replace(STARTED, received_at=16 * 10**9)
    assert reads_dropped(journal(read, broken, (reborn, []))) == [], "all is read anew"


def failed_of(about: str, at_s: int) -> tuple[Event, list[Effect]]:
    return replace(failed(at_s), about=about), []


@pytest.mark.parametrize(
    ("about", "again"),
    [
        ("balances", FetchStatement(account=HOUSE, kind="balances")),
        ("open_orders", FetchOpenOrders(account=HOUSE)),
        ("instruments:BTCUSDT", FetchInstruments(account=HOUSE, instrument="BTCUSDT")),
    ],
)
def test_whatever_else_failed_is_asked_for_again_as_well(about: str, again: Effect) -> None:
    later: tuple[Event, list[Effect]] = (replace(OPENED, received_at=16 * 10**9), [])
    broken = failed_of(about, 10)
    assert reads_dropped(journal(broken, later)) == [f"{HOUSE} {about}"]
    assert reads_dropped(journal((broken[0], [again]), later)) == []
    other = failed_of("positions", 10)
    assert reads_dropped(journal((other[0], [again]), later)) == [f"{HOUSE} positions"]


OFTEN = [failed_of("balances", at) for at in range(1, 6)]


def test_a_statement_that_fails_over_and_over_is_left_to_its_schedule() -> None:
    asked = [(event, [FetchStatement(account=HOUSE, kind="balances")]) for event, _ in OFTEN[:4]]
    later: tuple[Event, list[Effect]] = (replace(OPENED, received_at=100 * 10**9), [])
    assert reads_dropped(journal(*asked, OFTEN[4], later)) == []
    had = StatementReported(
        received_at=6 * 10**9, account=HOUSE, kind="balances", rows=(), asked_at=0
    )
    once_more = failed_of("balances", 7)
    assert reads_dropped(journal(*asked, (had, []), once_more, later)) == [f"{HOUSE} balances"]


def test_so_is_one_that_failed_twice_since_it_was_asked_for_last() -> None:
    """Its schedule asked beside its retry: both are under way, and it is waited for longer now."""
    asked = [(event, [FetchStatement(account=HOUSE, kind="balances")]) for event, _ in OFTEN[:3]]
    later: tuple[Event, list[Effect]] = (replace(OPENED, received_at=16 * 10**9), [])
    assert reads_dropped(journal(*asked, OFTEN[3], later)) == [f"{HOUSE} balances"]
    assert reads_dropped(journal(*asked, *OFTEN[3:], later)) == []


def told(status: OrderReport) -> OrderReported:
    return OrderReported(received_at=1, account=HOUSE, client_order_id="a", status=status)


def test_what_nobody_told_of_is_asked_for_as_the_node_comes_up() -> None:
    sent = (OPENED, [PLACE])
    assert orders_unasked(journal(sent, (STARTED, [QUERY]))) == []
    assert orders_unasked(journal(sent, (told("acknowledged"), []), (STARTED, []))) == []
    assert orders_unasked(journal(sent, (told("unknown"), []), (STARTED, []))) == ["a"]


def test_what_is_to_be_off_the_book_and_is_told_to_work_is_cancelled_again() -> None:
    cancel = CancelOrder(account=HOUSE, instrument="BTCUSDT", client_order_id="a")
    works, wished = told("partially_filled"), (OPENED, [cancel])
    over = replace(OVER, status="cancelled")
    assert cancels_dropped(journal((works, []), wished, (works, [cancel]))) == []
    assert cancels_dropped(journal(wished, (works, []), (told("unknown"), []))) == ["a"]
    assert cancels_dropped(journal(wished, (OPENED, [over]), (works, []))) == [], "a late report"
    by_hand = (OPENED, [replace(cancel, client_order_id="")])
    theirs = replace(told("acknowledged"), client_order_id="")
    assert cancels_dropped(journal(by_hand, (theirs, []))) == []
    again = replace(OVER, status="unknown")
    taken_up = (OPENED, [over, again])
    assert cancels_dropped(journal(wished, taken_up, (works, []))) == ["a"]


def signing(payment_id: str, nonce: int, attempt: int = 1) -> SignTransaction:
    return SignTransaction(
        account="chain/hot",
        payment_id=payment_id,
        attempt=attempt,
        nonce=nonce,
        asset="ETH",
        amount=1,
        beneficiary="0x1",
        fee_max=1,
        tip_max=1,
    )


def test_a_nonce_is_one_payments_and_a_payment_has_one() -> None:
    again = [
        signing("p", 1),
        signing("p", 1, attempt=2),
        signing("q", 2),
        signing("of bitcoin", -1),
    ]
    assert nonces_doubled(journal((STARTED, [*again, signing("of another", -1)]))) == []
    assert nonces_doubled(journal((STARTED, [*again, signing("r", 2)]))) == [
        "chain/hot nonce 2: q, r"
    ]
    assert nonces_doubled(journal((STARTED, [*again, signing("p", 3)]))) == ["p: 2 nonces"]


def stated(commitment: str) -> HolderStated:
    return HolderStated(
        received_at=1, token=NOTE, address="0x1", group="", locked=0, commitment=commitment
    )


def policy(version: int, window_s: int = 1) -> PolicyPublished:
    return PolicyPublished(
        received_at=1,
        token=NOTE,
        version=version,
        content_hash=str(version),
        window_s=window_s,
        skew_s=1,
        head_age_s_max=1,
    )


JUDGED = AuthorizationJudged(
    received_at=1,
    token=NOTE,
    authorization_id="NOTE/1",
    valid_after=1,
    valid_before=2,
    policy_version=1,
    refusal="",
    decision_hash="0x1",
    lane=0,
    commitments=("known",),
)
JUDGE = JudgeAuthorization(
    token=NOTE,
    authorization_id="NOTE/1",
    kind="transfer",
    owner="0x1",
    sender="0x1",
    receiver="0x3",
    value=1,
    valid_after=1,
    valid_before=2,
    policy_version=1,
    place=0,
)
SIGN = SignAuthorization(
    token=NOTE,
    authorization_id="NOTE/1",
    signer="0x2",
    kind="transfer",
    sender="0x1",
    receiver="0x3",
    value=1,
    valid_after=1,
    valid_before=2,
    nonce=0,
    epoch=0,
    decision_hash="0x1",
)


def test_what_is_signed_was_decided_by_the_newest_policy_and_facts() -> None:
    terms: list[tuple[Event, list[Effect]]] = [
        (policy(1), []),
        (stated("known"), [JUDGE]),
    ]
    signed = (JUDGED, [SIGN])
    assert decided_by_old(journal(*terms, signed)) == []
    assert decided_by_old(journal(*terms, (stated("others"), []), (JUDGED, []))) == []
    for change in (stated("others"), stated(""), policy(2)):
        found = decided_by_old(journal(*terms, (change, []), signed))
        assert found == ["NOTE/1: judged by what was before"]
    earlier = msgspec.structs.replace(JUDGED, valid_after=0)
    found = decided_by_old(journal(*terms, (earlier, [SIGN])))
    assert found == ["NOTE/1: judged for another window"]
    unknown = msgspec.structs.replace(JUDGED, commitments=())
    found = decided_by_old(journal(*terms, (unknown, [SIGN])))
    assert found == ["NOTE/1: judged by what was before"]
    later = msgspec.structs.replace(JUDGED, policy_version=2)
    found = decided_by_old(journal(*terms, (policy(2, window_s=-1), []), (later, [SIGN])))
    assert found == ["NOTE/1: judged for longer than its policy says"]
