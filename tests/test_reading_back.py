"""After a cut journal only exits pass until each account was read back, and in that order."""

import pytest
from msgspec import UNSET

from core import leases
from core.cut import begin
from core.effects import Effect, FetchFills, FetchOpenOrders, PlaceOrder, SetAlarm
from core.events import (
    AccountOpened,
    AlarmRang,
    NodeStarted,
    OpenOrdersReported,
    OrderRequested,
    PageReported,
)
from core.gate import BreakGate
from core.listening import RETRY_NS
from core.state import State
from core.step import step
from core.trading import grace_ns
from tests.test_cut_tail import LISTED, OPENED, WISH, fill

MS = 10**6
CUT_AT = 10**9


def cut(*accounts: str) -> State:
    """Books whose journal lost its tail at `CUT_AT`."""
    state = State()
    step(state, NodeStarted(received_at=1, node="tie", epoch=1), BreakGate())
    for name in accounts:
        for event in (OPENED, LISTED):
            fields = {each: getattr(event, each) for each in event.__struct_fields__}
            step(state, type(event)(**fields | {"account": name}), BreakGate())
    step(state, fill("", "1"), BreakGate())  # a lot is held
    lost = NodeStarted(received_at=CUT_AT, node="tie", epoch=2, records_lost=7)
    step(state, lost, BreakGate())
    return state


def asked(state: State, now: int, *, exit_only: bool = False) -> str:
    """What becomes of an order: sent, or the code that refused it."""
    side = "sell" if exit_only else "buy"
    wish = OrderRequested(
        **{each: getattr(WISH, each) for each in WISH.__struct_fields__}
        | {
            "received_at": now,
            "reference": str(now),
            "side": side,
            "reduce_only": exit_only,
            "quantity": 10**8,
        }
    )
    before = dict(state.counts)
    if any(isinstance(each, PlaceOrder) for each in step(state, wish, BreakGate())):
        return "sent"
    (code,) = [name for name in state.counts if state.counts[name] != before.get(name)]
    return code.removeprefix("refused/")


def listing(state: State, asked_at: int, account: str = "venue/a") -> list[Effect]:
    told = OpenOrdersReported(
        received_at=asked_at + MS, account=account, client_order_ids=(), asked_at=asked_at
    )
    return step(state, told, BreakGate())


def page(state: State, at: int, account: str = "venue/a", *, more: bool = False) -> None:
    told = PageReported(
        received_at=at, account=account, subject="X", through="1", more=more, asked_at=at - MS
    )
    step(state, told, BreakGate())


def since(state: State) -> int:
    return CUT_AT + grace_ns(state.accounts["venue/a"])


def test_no_entry_passes_until_the_account_was_read_back() -> None:
    state = cut("venue/a")
    late = since(state)
    assert asked(state, CUT_AT + 1) == "READING_BACK"
    effects = listing(state, late)
    assert [type(each) for each in effects] == [FetchFills], "the record, after the listing"
    assert asked(state, late + 2 * MS) == "READING_BACK"
    page(state, late + 3 * MS, more=True)
    assert asked(state, late + 4 * MS) == "READING_BACK", "the record goes on"
    page(state, late + 5 * MS)
    assert asked(state, late + 6 * MS) == "sent"


def test_exits_pass_meanwhile() -> None:
    state = cut("venue/a")
    assert asked(state, CUT_AT + 1, exit_only=True) == "sent"
    assert asked(state, CUT_AT + 2, exit_only=True) == "READING_BACK", "more than is held"


def test_a_listing_asked_for_while_a_lost_order_may_come_to_life_proves_nothing() -> None:
    state = cut("venue/a")
    late = since(state)
    assert listing(state, late - 1) == []
    page(state, late)
    assert asked(state, late + MS) == "READING_BACK"


def test_a_record_that_was_begun_before_the_listing_proves_nothing() -> None:
    """What was alive when its page was read may have filled and gone before the listing."""
    state = cut("venue/a")
    late = since(state)
    rang = AlarmRang(received_at=late - MS, alarm="backfill/venue/a")
    state.alarms["backfill/venue/a"] = late - MS
    assert any(isinstance(each, FetchFills) for each in step(state, rang, BreakGate()))
    assert listing(state, late) == [], "a round is under way: another follows it"
    page(state, late + 2 * MS)
    assert asked(state, late + 3 * MS) == "READING_BACK"
    page(state, late + 4 * MS)
    assert asked(state, late + 5 * MS) == "sent"


def test_the_listing_is_asked_for_when_it_can_be_complete_and_again() -> None:
    state = cut("venue/a")
    late = since(state)
    assert state.alarms["cut/venue/a"] == late
    for at in (late, late + 500 * MS):
        rang = AlarmRang(received_at=at, alarm="cut/venue/a")
        asked_again = SetAlarm(alarm="cut/venue/a", at=at + RETRY_NS)
        assert step(state, rang, BreakGate()) == [FetchOpenOrders(account="venue/a"), asked_again]
        assert state.alarms["cut/venue/a"] == at + RETRY_NS
    listing(state, late + 600 * MS)
    rang = AlarmRang(received_at=late + 1000 * MS, alarm="cut/venue/a")
    assert step(state, rang, BreakGate()) == []
    assert "cut/venue/a" not in state.alarms


def test_every_account_is_to_be_asked_and_each_turn_of_it_is_counted() -> None:
    state = cut("venue/a", "venue/b")
    state.moves = {}
    lost = NodeStarted(received_at=CUT_AT, node="tie", epoch=3, records_lost=1)
    armed = [each for each in step(state, lost, BreakGate()) if isinstance(each, SetAlarm)]
    late = since(state)
    alarms = {each.alarm: each.at for each in armed if each.alarm.startswith("cut/")}
    assert alarms == {"cut/venue/a": late, "cut/venue/b": late}
    listing(state, late)
    assert state.moves == {"cut/lost>listed": 1}
    page(state, late + 2 * MS)
    assert state.moves == {"cut/lost>listed": 1, "cut/listed>read": 1}


def test_limits_are_the_firm_s_so_one_account_bars_them_all() -> None:
    state = cut("venue/a", "venue/b")
    late = since(state)
    listing(state, late)
    page(state, late + 2 * MS)
    assert asked(state, late + 3 * MS) == "READING_BACK"
    listing(state, late, "venue/b")
    page(state, late + 4 * MS, "venue/b")
    assert asked(state, late + 5 * MS) == "sent"


def test_no_gate_is_lent_anything_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    state = cut("venue/a")
    state.risk.lines["l"] = leases.Line(limit=100)
    epoch = leases.Epoch(gate="g", boot=1, epoch=1, needs={"l": 10}, wants={"l": 10})
    state.risk.epochs[1] = epoch
    monkeypatch.setattr(leases.cold, "age_ns", lambda _: 0)
    state.risk.ttl_ns = state.risk.heartbeat_ns = 10
    assert leases._budget(state, epoch, "l") == 0
    state.cut = {}
    assert leases._budget(state, epoch, "l") == 10


def test_an_account_whose_opening_was_lost_is_read_back_too() -> None:
    state = cut()
    step(state, OPENED, BreakGate())
    step(state, LISTED, BreakGate())
    assert asked(state, CUT_AT + 1) == "READING_BACK"


def test_a_whole_journal_has_nothing_to_read_back() -> None:
    state = State()
    for event in (NodeStarted(received_at=1, node="tie", epoch=1), OPENED, LISTED):
        step(state, event, BreakGate())
    assert state.cut is UNSET
    assert asked(state, CUT_AT) == "sent"


def test_a_record_without_a_listing_proves_nothing() -> None:
    state = cut("venue/a")
    rang = AlarmRang(received_at=CUT_AT + 1000 * MS, alarm="backfill/venue/a")
    step(state, rang, BreakGate())
    page(state, CUT_AT + 1001 * MS)
    assert state.accounts["venue/a"].backfill.finished_at, "the round came to its end"
    assert asked(state, CUT_AT + 1002 * MS) == "READING_BACK"


def test_a_second_listing_changes_nothing() -> None:
    """The first was asked for in time, and the record is being read since."""
    state = cut("venue/a")
    late = since(state)
    assert listing(state, late)
    assert state.cut is not UNSET
    was = state.cut["venue/a"].listed_at
    assert listing(state, late + 5 * MS) == []
    assert state.cut["venue/a"].listed_at == was


def test_where_nothing_was_cut_a_listing_is_only_a_listing() -> None:
    state = State()
    for event in (NodeStarted(received_at=1, node="tie", epoch=1), OPENED, LISTED):
        step(state, event, BreakGate())
    assert listing(state, CUT_AT) == []


def test_each_account_that_has_orders_is_armed_when_the_journal_was_cut() -> None:
    state = cut("venue/a", "venue/b")
    lines = {each: getattr(OPENED, each) for each in OPENED.__struct_fields__}
    step(state, AccountOpened(**lines | {"account": "bank/b", "tells": "lines"}), BreakGate())
    armed = [each.alarm for each in begin(state, CUT_AT) if isinstance(each, SetAlarm)]
    assert armed == ["cut/venue/a", "cut/venue/b"]
    assert state.cut is not UNSET
    assert set(state.cut) == {"venue/a", "venue/b"}
