"""What is asked at once: as a stream opens, as the node comes up, of a signer, before silence."""

from __future__ import annotations

from core.effects import Effect, FetchFills, FetchInstruments, PlaceOrder, QueryOrder
from core.events import Event, NodeStarted, OrderReport, OrderReported, PageReported, StreamOpened
from core.journal import Journal
from core.rail_effects import SignTransaction
from sim.memory_store import MemoryStore
from tieout.asked_again import orders_unasked, streams_unread
from tieout.signings import nonces_doubled

HOUSE = "binance_spot/main"
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


def told(status: OrderReport) -> OrderReported:
    return OrderReported(received_at=1, account=HOUSE, client_order_id="a", status=status)


def test_what_nobody_told_of_is_asked_for_as_the_node_comes_up() -> None:
    sent = (OPENED, [PLACE])
    assert orders_unasked(journal(sent, (STARTED, [QUERY]))) == []
    assert orders_unasked(journal(sent, (told("acknowledged"), []), (STARTED, []))) == []
    assert orders_unasked(journal(sent, (told("unknown"), []), (STARTED, []))) == ["a"]


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
