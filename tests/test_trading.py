"""Orders of ours: gate, unknown outcomes, cancels, restarts, adoption, and what strategies hear."""

from __future__ import annotations

from typing import Any

import pytest

from core.effects import CancelOrder, PlaceOrder, QueryOrder, SetAlarm, TellStrategy
from core.events import (
    AlarmRang,
    CancelRejected,
    CancelRequested,
    CashMoved,
    FillBusted,
    OpenOrdersReported,
    OrderMissing,
)
from core.ids import client_order_id, is_ours
from core.node import decode_snapshot, encode_snapshot
from core.orders import leaves
from core.state import UNATTRIBUTED
from tests.facts import (
    SPOT,
    Books,
    bust,
    fill,
    ms,
    names,
    only,
    page,
    report,
    spot_books,
    started,
    stream,
    wish,
)


def placed(*stages: str, **terms: Any) -> tuple[Books, str]:
    """Books with one order for 10 XRP that heard these reports."""
    books = spot_books(**terms)
    books.tell(wish("buy", "10", "0.001", at=50))
    name = books.order().client_order_id
    for n, stage in enumerate(stages):
        books.tell(report(name, stage, at=60 + n, order_id="" if stage == "unknown" else "o"))
    return books, name


def cancel(name: str, *, at: int = 100) -> CancelRequested:
    return CancelRequested(received_at=ms(at), strategy="mm", client_order_id=name)


def missing(name: str, *, asked: int) -> OrderMissing:
    return OrderMissing(
        received_at=ms(asked + 20), account=SPOT, client_order_id=name, asked_at=ms(asked)
    )


def restarted(books: Books, *, at: int = 10_000) -> tuple[Books, list[Any]]:
    """The node dies and is rebuilt from what its journal kept."""
    state = decode_snapshot(encode_snapshot(books.state))
    assert state is not None
    again = Books(state)
    return again, again.tell(started(2, at=at))


def heard(effects: list[Any]) -> list[tuple[str, int]]:
    """What the strategy hears: status and filled XRP."""
    return [(each.status, each.filled_quantity // 10**8) for each in only(TellStrategy, effects)]


# --- from the wish to the venue ------------------------------------------------------------------


def test_an_approved_wish_is_sent_once_and_its_answer_awaited() -> None:
    books = spot_books()
    effects = books.tell(wish("buy", "10", "0.001", at=50))
    (order,) = only(PlaceOrder, effects)
    assert (order.side, order.quantity, order.kind) == ("buy", 10 * 10**8, "limit")
    assert heard(effects) == [("in_flight", 0)]
    assert books.state.alarms[f"order/{order.client_order_id}"] == ms(5050)


def test_a_refused_wish_is_not_sent_and_the_strategy_hears_why() -> None:
    books = spot_books()
    effects = books.tell(wish("buy", "0", "0.001"))
    (told,) = only(TellStrategy, effects)
    assert (told.status, names(effects)) == ("refused", ["TellStrategy"])
    assert "positive" in told.reason
    assert books.state.orders == {}


def test_no_id_is_chosen_twice_and_each_says_whose_it_is() -> None:
    """Node, boot epoch, position: across restarts, and within 32 alphanumerics."""
    chosen = {client_order_id("tie", epoch, n) for epoch in (1, 2, 1295) for n in (1, 2, 36**6)}
    assert len(chosen) == 9
    assert all(is_ours("tie", name) and name.isalnum() and len(name) <= 32 for name in chosen)
    assert not is_ours("tie", "tie1")
    assert not is_ours("tie", "x" + client_order_id("ie", 1, 1))


def test_the_orders_of_the_next_life_have_other_ids() -> None:
    books, name = placed()
    again, _ = restarted(books)
    again.tell(wish("buy", "10", "0.001", at=10_100))
    assert len(again.state.orders) == 2
    assert name in again.state.orders


# --- unknown outcomes ----------------------------------------------------------------------------


def test_an_order_without_an_answer_becomes_unknown_and_is_queried() -> None:
    books, name = placed()
    effects = books.ring(f"order/{name}")
    assert books.order().status == "unknown"
    assert names(effects) == ["TellStrategy", "QueryOrder"]


def test_an_unknown_order_is_queried_and_never_sent_again() -> None:
    """However often nobody answers: one PlaceOrder, and queries without end (V7)."""
    books, name = placed("unknown")
    for _ in range(20):
        assert names(books.ring(f"order/{name}")) == ["QueryOrder"]
    assert len(only(PlaceOrder, books.done)) == 1
    assert books.order().status == "unknown"


@pytest.mark.parametrize("answer", ["acknowledged", "rejected", "cancelled", "expired"])
def test_an_unknown_order_is_what_the_venue_says_when_it_says_it(answer: str) -> None:
    books, name = placed("unknown", answer)
    assert books.order().status == answer
    assert names(books.ring(f"order/{name}")) == []


def test_an_unknown_outcome_told_late_does_not_unsettle_what_is_known() -> None:
    books, _ = placed("acknowledged", "unknown")
    assert books.order().status == "acknowledged"


def test_that_a_venue_knows_no_such_order_is_definite_only_after_a_grace() -> None:
    """Until its request has ended, by a clock that may be off, it may still come to life there."""
    terms = {"request_validity_ns": 2000, "latency_ns_max": 800, "clock_error_ns": 100}
    books, name = placed("unknown", **{what: n * 10**6 for what, n in terms.items()})
    effects = books.tell(missing(name, asked=2949))
    assert books.order().status == "unknown"
    assert [each.alarm for each in only(SetAlarm, effects)] == [f"order/{name}"]
    effects = books.tell(missing(name, asked=2950))
    assert books.order().status == "rejected"
    assert heard(effects) == [("rejected", 0)]


def test_missing_is_measured_from_when_we_asked_not_from_when_we_heard() -> None:
    books, name = placed("unknown")
    late = OrderMissing(received_at=ms(9000), account=SPOT, client_order_id=name, asked_at=ms(100))
    books.tell(late)
    assert books.order().status == "unknown"


def test_an_order_that_the_venue_told_of_is_not_missing() -> None:
    books, name = placed("acknowledged")
    assert books.tell(missing(name, asked=9000)) == []
    assert books.order().status == "acknowledged"


def test_late_truth_wins_over_a_missing_order() -> None:
    books, name = placed("unknown")
    books.tell(missing(name, asked=4000))
    books.tell(fill("7", "buy", "10", "0.001", client_order_id=name, order_id="o"))
    assert books.order().status == "filled"
    assert books.hold("XRP") == "1010"


# --- cancels -------------------------------------------------------------------------------------


def test_a_cancel_passes_no_gate_and_its_answer_is_awaited() -> None:
    books, name = placed("acknowledged")
    effects = books.tell(cancel(name))
    (sent,) = only(CancelOrder, effects)
    assert (sent.client_order_id, sent.order_id) == (name, "o")
    assert names(books.ring(f"order/{name}")) == ["QueryOrder"]


def test_a_strategy_takes_back_no_order_of_another() -> None:
    """But one that nobody owns, for the journal may have lost that it was its own."""
    books, name = placed("acknowledged")
    others = CancelRequested(received_at=ms(100), strategy="other", client_order_id=name)
    assert not only(CancelOrder, books.tell(others))
    assert not books.order().cancel_wanted
    assert books.state.counts["cancels_of_others/other"] == 1
    books.order().strategy = UNATTRIBUTED
    assert only(CancelOrder, books.tell(others))


def test_a_cancel_that_met_no_order_is_sent_again_once_the_order_is_there() -> None:
    """The cancel overtook the order; the acknowledgement brings it out again."""
    books, name = placed()
    books.tell(cancel(name))
    effects = books.tell(report(name, "acknowledged", at=120, order_id="o"))
    assert [each.order_id for each in only(CancelOrder, effects)] == ["o"]


def test_a_refused_cancel_makes_us_ask_what_became_of_the_order() -> None:
    books, name = placed("acknowledged")
    books.tell(cancel(name))
    refused = CancelRejected(
        received_at=ms(120), account=SPOT, client_order_id=name, reason="-2011"
    )
    assert names(books.tell(refused)) == ["QueryOrder"]
    assert names(books.tell(report(name, "acknowledged", at=130, order_id="o"))) == ["CancelOrder"]


def test_a_cancel_of_which_nothing_is_heard_is_pursued() -> None:
    """Neither the cancel nor the query after it is answered: the order may rest there for ever."""
    books, name = placed("acknowledged")
    books.tell(cancel(name))
    for _ in range(5):
        assert names(books.ring(f"order/{name}")) in (["QueryOrder"], ["CancelOrder"])


def test_what_is_over_is_neither_cancelled_nor_asked_about() -> None:
    books, name = placed("acknowledged", "cancelled")
    gone = CancelRejected(received_at=ms(120), account=SPOT, client_order_id=name, reason="-2011")
    assert books.tell(cancel(name), gone) == []
    assert books.tell(cancel("nobody")) == []


def test_after_a_partial_fill_and_a_cancel_what_was_filled_stays() -> None:
    """Remaining is derived from fills: 4 of 10, then gone (V12)."""
    books, name = placed("acknowledged")
    books.tell(fill("7", "buy", "4", "0.001", client_order_id=name, order_id="o"))
    effects = books.tell(report(name, "cancelled", at=200, order_id="o"))
    assert heard(effects) == [("cancelled", 4)]
    assert books.hold("XRP") == "1004"


# --- claimed, listed, adopted --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "claimed"), [("partially_filled", 4), ("filled", 10), ("cancelled", 4)]
)
def test_a_venue_that_claims_more_fills_than_we_booked_makes_us_look(
    status: str, claimed: int
) -> None:
    """After a moment for the wire: then its record is read (V2)."""
    books, name = placed("acknowledged")
    books.tell(report(name, status, at=200, order_id="o", filled_quantity=claimed * 10**8))
    assert books.state.alarms[f"fills/{name}"] == ms(600)
    assert names(books.ring(f"fills/{name}")) == ["FetchFills XRPETH after the start"]


def test_fills_that_come_within_the_moment_need_no_look() -> None:
    books, name = placed("acknowledged")
    books.tell(report(name, "filled", at=200, order_id="o", filled_quantity=10 * 10**8))
    books.tell(fill("7", "buy", "10", "0.001", at=250, client_order_id=name, order_id="o"))
    assert names(books.ring(f"fills/{name}")) == []


def test_an_order_missing_in_the_listing_of_open_orders_is_asked_about() -> None:
    books, name = placed("acknowledged")

    def listing(*listed: str, asked: int) -> OpenOrdersReported:
        return OpenOrdersReported(
            received_at=ms(asked + 20), account=SPOT, client_order_ids=listed, asked_at=ms(asked)
        )

    assert names(books.tell(listing(asked=40))) == []  # asked before the order was sent
    assert names(books.tell(listing(name, asked=200))) == []
    assert names(books.tell(listing(asked=300))) == ["QueryOrder"]


def half_filled_twice() -> tuple[Books, str]:
    """A fill of 5 was corrected, so the record tells it twice, and the order looks filled."""
    books, name = placed("acknowledged")
    for n, price in enumerate(("0.001", "0.0011")):
        books.tell(fill(f"{7 + n}", "buy", "5", price, at=200 + n, client_order_id=name))
    assert (books.order().status, leaves(books.order())) == ("filled", 0)
    return books, name


def undo_of_the_first(name: str, *, at: int) -> FillBusted:
    return bust(fill("7", "buy", "5", "0.001", at=200, client_order_id=name), at=at)


def test_an_order_that_only_our_sum_called_filled_is_asked_about_once_a_fill_is_undone() -> None:
    """The correction told its undoing late: the order rests at its venue and may fill still."""
    books, name = half_filled_twice()
    effects = books.tell(undo_of_the_first(name, at=9000))
    assert names(effects) == ["TellStrategy", "TellStrategy", "QueryOrder"]
    assert (books.order().status, leaves(books.order())) == ("unknown", 5 * 10**8)
    assert names(books.ring(f"order/{name}")) == ["QueryOrder"]  # again, until it is answered
    books.tell(report(name, "partially_filled", at=9100, filled_quantity=5 * 10**8))
    assert (books.order().status, leaves(books.order())) == ("partially_filled", 5 * 10**8)
    assert books.state.counts["orders_taken_up"] == 1


def test_what_the_venue_called_filled_is_over_whatever_is_undone() -> None:
    books, name = half_filled_twice()
    books.tell(report(name, "filled", at=300, filled_quantity=10 * 10**8))
    assert names(books.tell(undo_of_the_first(name, at=9000))) == ["TellStrategy"]
    assert books.order().status == "filled"


def test_a_filled_order_that_a_later_listing_has_is_asked_about() -> None:
    """Its undoing is not told yet, and may never be: that the venue has it open is told."""
    books, name = half_filled_twice()

    def listing(asked: int) -> OpenOrdersReported:
        return OpenOrdersReported(
            received_at=ms(asked + 20), account=SPOT, client_order_ids=(name,), asked_at=ms(asked)
        )

    assert names(books.tell(listing(150))) == []  # asked before it was filled
    assert names(books.tell(listing(400))) == ["TellStrategy", "QueryOrder"]
    books.tell(report(name, "partially_filled", at=500, filled_quantity=5 * 10**8))
    books.tell(undo_of_the_first(name, at=9000))
    assert (books.order().status, leaves(books.order())) == ("partially_filled", 5 * 10**8)
    assert name in books.state.accounts[SPOT].working


def test_an_order_that_bears_our_prefix_and_that_the_journal_lost_is_adopted() -> None:
    """Its wish is lost with the journal's tail, so its fills belong to nobody, but it is ours."""
    books = spot_books()
    lost = client_order_id("tie", 1, 77)
    books.tell(report(lost, "acknowledged", order_id="o", quantity=10 * 10**8))
    assert (books.order().status, books.order().strategy) == ("acknowledged", "unattributed")
    books.tell(fill("7", "buy", "10", "0.001", client_order_id=lost, order_id="o"))
    assert books.order().status == "filled"
    assert names(books.tell(cancel(lost))) == []


def test_an_order_of_somebody_else_stays_somebody_elses() -> None:
    books = spot_books()
    assert books.tell(report("by-hand", "acknowledged", order_id="o")) == []
    assert books.state.orders == {}
    assert books.state.counts["foreign_orders/venue/main"] == 1


# --- attribution ---------------------------------------------------------------------------------


def test_fills_that_named_only_the_venues_id_are_ours_once_that_id_is_known() -> None:
    """From the record, while the order's outcome was unknown; then the query is answered."""
    books, name = placed("unknown")
    books.tell(
        fill("7", "buy", "4", "0.001", order_id="o"),
        fill("8", "buy", "6", "0.001", order_id="o"),
        fill("9", "buy", "5", "0.001", order_id="another"),
    )
    assert books.order().filled == 0
    effects = books.tell(report(name, "filled", at=200, order_id="o", filled_quantity=10 * 10**8))
    assert books.order().filled == 10 * 10**8
    assert heard(effects)[-1] == ("filled", 10)
    assert books.figure("mm/venue/main/XRPETH/trade/XRP") == "10"
    assert books.figure("unattributed/venue/main/XRPETH/trade/XRP") == "5"
    assert f"fills/{name}" not in books.state.alarms


def test_a_fill_that_was_undone_before_we_knew_whose_it_was_is_nobodys_in_the_end() -> None:
    books, name = placed("unknown")
    undone = fill("7", "buy", "4", "0.001", order_id="o")
    books.tell(undone, fill("8", "buy", "6", "0.001", order_id="o"), bust(undone))
    books.tell(report(name, "acknowledged", at=600, order_id="o"))
    assert books.order().filled == 6 * 10**8
    assert books.figure("mm/venue/main/XRPETH/trade/XRP") == "6"
    assert books.figure("unattributed/venue/main/XRPETH/trade/XRP") == "0"
    assert books.hold("XRP") == "1006"


def test_an_orphan_is_attributed_once() -> None:
    books, name = placed("unknown")
    books.tell(fill("7", "buy", "4", "0.001", order_id="o"))
    for at in (200, 210, 220):
        books.tell(report(name, "acknowledged", at=at, order_id="o"))
    assert books.order().filled == 4 * 10**8
    assert books.figure("mm/venue/main/XRPETH/trade/XRP") == "4"


def test_a_fill_that_names_both_ids_teaches_us_the_venues() -> None:
    books, name = placed()
    books.tell(
        fill("7", "buy", "4", "0.001", client_order_id=name, order_id="o"),
        fill("8", "buy", "6", "0.001", order_id="o"),
    )
    assert books.order().status == "filled"
    assert books.figure("mm/venue/main/XRPETH/trade/XRP") == "10"


@pytest.mark.parametrize("first", ["another fill", "a bust", "a fee", "the same fill again"])
def test_whatever_names_both_ids_first_the_strategy_hears_all_that_it_got(first: str) -> None:
    """The record told fills under the venue's id; then the stream names ours beside it."""
    books, name = placed("unknown")
    got = fill("7", "buy", "4", "0.001", order_id="o")
    both = {"client_order_id": name, "order_id": "o"}
    told = {
        "another fill": fill("8", "buy", "6", "0.001", **both),
        "a bust": bust(fill("8", "buy", "6", "0.001", **both)),
        "a fee": CashMoved(
            received_at=ms(300),
            occurred_at=ms(290),
            account=SPOT,
            movement_id="m",
            asset="ETH",
            amount=-1,
            reason="fee",
            **both,
        ),
        "the same fill again": fill("7", "buy", "4", "0.001", **both),
    }
    books.tell(got, told[first])
    tells = only(TellStrategy, books.done)
    assert sum(each.moved for each in tells) == books.order().filled
    assert tells[-1].filled_quantity == books.order().filled >= 4 * 10**8


def test_an_order_whose_state_the_venue_does_not_know_has_its_fills_all_the_same() -> None:
    books, name = placed("unknown")
    books.tell(fill("7", "buy", "4", "0.001", order_id="o"))
    effects = books.tell(report(name, "unknown", at=200, order_id="o"))
    assert heard(effects) == [("partially_filled", 4)]


# --- what strategies hear ------------------------------------------------------------------------


def test_a_strategy_hears_every_move_of_its_order_and_no_echo() -> None:
    books, name = placed("acknowledged")
    told = fill("7", "buy", "4", "0.001", client_order_id=name, order_id="o")
    books.tell(told, told, report(name, "acknowledged", at=180, order_id="o"))
    books.tell(fill("8", "buy", "6", "0.001", client_order_id=name, order_id="o"))
    assert heard(books.done) == [
        ("in_flight", 0),
        ("acknowledged", 0),
        ("partially_filled", 4),
        ("filled", 10),
    ]


# --- after a crash -------------------------------------------------------------------------------


@pytest.mark.parametrize("before", [[], ["unknown"]], ids=["in flight", "unknown"])
def test_what_was_in_flight_is_unknown_after_a_restart_and_queried(before: list[str]) -> None:
    books, name = placed(*before)
    again, effects = restarted(books)
    assert again.order().status == "unknown"
    assert [each.client_order_id for each in only(QueryOrder, effects)] == [name]
    assert only(PlaceOrder, effects) == []
    assert again.state.alarms[f"order/{name}"] == ms(11_000)


def test_what_stood_before_a_restart_stands_after_it_and_strategies_hear_of_it() -> None:
    books, name = placed("acknowledged")
    books.tell(fill("7", "buy", "4", "0.001", client_order_id=name, order_id="o"))
    _, effects = restarted(books)
    assert heard(effects) == [("partially_filled", 4)]
    assert only(QueryOrder, effects) == []


def test_a_cancel_that_was_wanted_before_a_restart_is_sent_after_it() -> None:
    books, name = placed("acknowledged")
    books.tell(cancel(name))
    _, effects = restarted(books)
    assert [each.client_order_id for each in only(CancelOrder, effects)] == [name]


def test_a_restart_listens_afresh_and_reads_back() -> None:
    books, _ = placed("acknowledged")
    books.tell(stream(), page("XRPETH", "7", at=70))
    again, effects = restarted(books)
    assert {"OpenStream", "FetchOpenOrders"} <= set(names(effects))
    said = names(again.tell(stream(again.account().epoch, at=10_050)))
    assert "FetchFills XRPETH after 7" in said
    assert "FetchStatement balances" in said


def test_every_alarm_is_armed_again_after_a_restart_the_overdue_ones_at_once() -> None:
    books, name = placed("acknowledged")
    books.tell(report(name, "filled", at=200, order_id="o", filled_quantity=10 * 10**8))
    again, effects = restarted(books)
    armed = {each.alarm: each.at for each in only(SetAlarm, effects)}
    assert set(armed) == set(again.state.alarms)
    assert armed[f"fills/{name}"] == ms(10_000)
    assert min(armed.values()) >= ms(10_000)


def test_an_alarm_rings_once_and_not_before_its_time() -> None:
    books, name = placed()
    early = AlarmRang(received_at=ms(5049), alarm=f"order/{name}")
    due = AlarmRang(received_at=ms(5050), alarm=f"order/{name}")
    assert books.tell(early) == []
    assert names(books.tell(due)) == ["TellStrategy", "QueryOrder"]
    assert books.tell(due) == []  # armed anew for later
