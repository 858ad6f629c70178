"""Each side of a lease by itself: the node's sums, the gate's clock, and the curve between them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from core import leases
from core.effects import RaiseAlert
from core.events import NodeStarted
from core.leases import GRANTS_APART_MAX, allot, committed
from core.risk_effects import AcknowledgeReturn, GrantLease, TellGate
from core.risk_events import (
    Amount,
    Demand,
    ExposureStated,
    GateStarted,
    LeaseRequested,
    LeaseReturned,
    StatedExposure,
    Ticket,
    TicketVoided,
    Use,
)
from core.risk_state import Epoch, Line
from core.state import State
from risk.lease_holder import (
    BAD_USE,
    CLOSED,
    MOVES,
    NO_BUDGET,
    NOT_LENT,
    PASSED,
    LeaseHolder,
)
from risk.tightening import CURVE, permille
from tests.facts import MS, PERP, fill
from tests.leasing import GATES, HEARTBEAT, HOLD, LIMITS, LOT, TTL, Leasing
from tests.planting import plant

LINE = "firm/long"


# --- the curve -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("age_ms", "share"),
    [
        *((-1, 0), (0, 1000), (99, 1000), (100, 500), (199, 500)),
        *((200, 250), (299, 250), (300, 100), (399, 100), (400, 0), (10**9, 0)),
    ],
)
def test_the_curve_is_the_table(age_ms: int, share: int) -> None:
    """By a heartbeat of 100 ms and a lease of 400: tighter at one heartbeat, shut at the end."""
    assert permille(age_ms * MS, HEARTBEAT, TTL) == share


def test_the_curve_only_tightens_and_begins_to_within_one_heartbeat() -> None:
    shares = [share for _, share in CURVE]
    assert shares == sorted(shares, reverse=True)
    assert [since for since, _ in CURVE][:2] == [0, 1]
    assert shares[1] < shares[0] == 1000
    assert permille(10**12, 0, 10**15) == 0, "without a heartbeat nothing is open"


# --- the gate's side -----------------------------------------------------------------------------


def lent(budget: int = 1000, at: int = 0) -> LeaseHolder:
    """A holder that asked at a moment and was lent a budget 20 ms later."""
    holder = LeaseHolder("a", 3)
    holder.on_told(TellGate(gate="a", boot=3, epoch=9))
    holder.request(at)
    holder.on_granted(at + 20 * MS, grant(1, budget))
    assert holder.phase == "open"
    return holder


def grant(sequence: int, budget: int = 1000, *, epoch: int = 9, as_of: int = 0) -> GrantLease:
    return GrantLease(
        gate="a",
        epoch=epoch,
        sequence=sequence,
        request=sequence,
        as_of=as_of,
        heartbeat_ns=HEARTBEAT,
        ttl_ns=TTL,
        budgets=(Amount(LINE, budget),),
    )


def one(amount: int) -> tuple[Use, ...]:
    return (Use(LINE, amount),)


def test_a_stalled_node_tightens_within_one_heartbeat_and_closes_at_the_end_never_later() -> None:
    """Age counts from the request by the gate's own clock, though the grant came 20 ms later."""
    holder = lent()
    seen = [(ms, holder.headroom(ms * MS, LINE)) for ms in range(20, 500)]
    by_moment = dict(seen)
    assert by_moment[99] == 1000
    assert by_moment[100] == 500
    assert (by_moment[200], by_moment[300], by_moment[399]) == (250, 100, 100)
    assert all(left == 0 for ms, left in seen if ms >= 400)
    assert holder.phase == "closed"
    assert holder.spend(399 * MS, one(1)) == CLOSED, "a clock that goes back opens nothing"


def test_what_was_spent_since_the_grant_counts_within_the_tightened_rest() -> None:
    holder = lent()
    assert holder.spend(50 * MS, one(400)) == PASSED
    assert holder.headroom(150 * MS, LINE) == 100
    assert holder.spend(150 * MS, one(101)) == NO_BUDGET
    assert holder.spend(150 * MS, one(100)) == PASSED
    assert holder.headroom(250 * MS, LINE) == 0
    assert holder.usage() == (Amount(LINE, 500),)


@pytest.mark.parametrize(
    ("uses", "code"),
    [
        (one(1001), NO_BUDGET),
        (one(1000), PASSED),
        (one(-1), BAD_USE),
        ((Use("nobody's", 1),), NOT_LENT),
        ((*one(600), *one(600)), BAD_USE),
        ((*one(600), Use("nobody's", 1)), NOT_LENT),
        ((*one(1000), Use("other", 0)), NOT_LENT),
    ],
)
def test_an_order_takes_all_that_it_uses_or_nothing(uses: tuple[Use, ...], code: int) -> None:
    holder = lent()
    assert holder.spend(50 * MS, uses) == code
    assert holder.headroom(50 * MS, LINE) == (0 if code == PASSED else 1000)


def test_an_order_that_takes_nothing_of_a_line_passes_where_the_line_is_lent() -> None:
    assert lent(0).spend(50 * MS, one(0)) == PASSED
    assert lent(0).headroom(50 * MS, "nobody's") == 0


def test_a_lease_that_ages_is_a_tightened_one_and_says_why_it_closed() -> None:
    holder = lent()
    assert (holder.open_permille(100 * MS), holder.phase) == (500, "tightened")
    assert (holder.open_permille(400 * MS), holder.phase) == (0, "closed")
    assert holder.why == "the lease ended"


def test_what_is_not_closed_has_no_reason_to_be() -> None:
    holder = LeaseHolder("a", 3)
    holder.on_told(TellGate(gate="a", boot=3, epoch=9))
    holder.give_back()
    assert (holder.phase, holder.why) == ("waiting", "")


def test_a_ticket_says_all_that_its_order_was_decided_on_and_waits_until_it_is_counted() -> None:
    """Times are ours to say only where somebody told them."""
    holder = lent()
    bare = holder.ticket(one(1))
    assert bare == Ticket("a", 9, 1, one(1), 1)
    told = holder.ticket(one(2), now=7, heard=8, price=5)
    assert told == Ticket("a", 9, 2, one(2), 1, heard=8, now=7, price=5)
    assert holder.unheard() == [bare, told]
    holder.request(30 * MS)
    holder.on_granted(40 * MS, grant(2, as_of=1))
    assert holder.unheard() == [told]
    holder.request(50 * MS)
    holder.on_granted(60 * MS, grant(3, as_of=2))
    assert holder.unheard() == []


def test_what_it_tells_has_no_time_until_it_is_heard() -> None:
    holder = lent()
    ticket = holder.ticket(one(1))
    assert holder.start() == GateStarted(received_at=0, gate="a", boot=3)
    assert holder.void(ticket) == TicketVoided(received_at=0, ticket=ticket)


def test_of_a_line_that_is_needed_and_not_wanted_the_last_need_is_all_that_is_asked() -> None:
    holder = lent()
    for amount in (2000, 0):
        holder.spend(30 * MS, (Use("other", amount),))
        assert holder.request(30 * MS).demands == (Demand("other", 0, amount),)


def test_a_newer_epoch_of_its_own_opens_nothing_before_it_is_lent_to() -> None:
    holder = lent()
    holder.on_told(TellGate(gate="a", boot=3, epoch=10))
    assert (holder.phase, holder.epoch) == ("waiting", 10)
    assert holder.spend(30 * MS, one(1)) == CLOSED


@pytest.mark.parametrize(
    ("told", "returning"),
    [((9, 1), False), ((9, 0), True), ((8, 1), True), ((8, 0), True)],
)
def test_only_the_answer_to_it_ends_a_return(told: tuple[int, int], *, returning: bool) -> None:
    """By epoch and number of the grant."""
    holder = lent()
    holder.give_back()
    holder.on_acknowledged(AcknowledgeReturn(gate="a", epoch=told[0], sequence=told[1]))
    assert holder.returning == returning


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (grant(3), "grant 3 after 1"),
        (grant(2, epoch=8), "a grant of epoch 8"),
        (grant(1, 2000), "grant 1 after 1"),
        (grant(2, as_of=5), "a watermark of 5 between 0 and 0"),
    ],
)
def test_whatever_is_irregular_closes_until_the_next_regular_grant(
    told: GrantLease, why: str
) -> None:
    """Out of sequence, of another epoch, the same number with other budgets, a watermark ahead."""
    holder = lent()
    for _ in range(4):
        holder.request(30 * MS)
    holder.on_granted(40 * MS, told)
    assert (holder.phase, holder.why) == ("closed", why)
    assert holder.spend(41 * MS, one(1)) == CLOSED
    holder.on_granted(50 * MS, grant(holder.sequence + 1))
    assert holder.spend(51 * MS, one(1)) == PASSED


def test_the_same_grant_once_more_changes_nothing() -> None:
    holder = lent()
    assert holder.spend(50 * MS, one(900)) == PASSED
    holder.on_granted(60 * MS, grant(1))
    assert (holder.phase, holder.headroom(60 * MS, LINE)) == ("open", 100)


def test_a_grant_that_ended_on_its_way_opens_nothing() -> None:
    holder = lent()
    holder.request(100 * MS)
    holder.on_granted(500 * MS, grant(2))
    assert (holder.phase, holder.sequence) == ("closed", 2)
    holder.request(510 * MS)
    holder.on_granted(520 * MS, grant(3))
    assert holder.headroom(520 * MS, LINE) == 1000


def test_older_grants_that_come_late_open_nothing_even_one_after_the_other() -> None:
    """The node counts them as dead."""
    holder = lent()
    for _ in range(4):
        holder.request(30 * MS)
    for sequence in (2, 3, 4):
        holder.on_granted(40 * MS, grant(sequence, 100))
    holder.on_granted(50 * MS, grant(2, 100))
    holder.on_granted(51 * MS, grant(3, 100))
    assert (holder.phase, holder.sequence) == ("closed", 4)


def test_what_was_given_back_is_spent_no_more_and_told_until_it_is_counted() -> None:
    holder = lent()
    holder.spend(30 * MS, one(7))
    told = holder.give_back()
    assert (told.sequence, told.usage) == (1, (Amount(LINE, 7),))
    assert holder.spend(31 * MS, one(1)) == CLOSED
    holder.on_granted(32 * MS, grant(1))
    assert holder.spend(33 * MS, one(1)) == CLOSED
    assert holder.returning
    holder.on_acknowledged(AcknowledgeReturn(gate="a", epoch=9, sequence=1))
    assert not holder.returning


def test_a_gate_that_is_fenced_asks_for_another_epoch_and_begins_with_nothing() -> None:
    holder = lent()
    holder.on_told(TellGate(gate="a", ended=8))
    assert holder.phase == "open", "somebody else's end"
    holder.on_told(TellGate(gate="a", ended=9))
    assert (holder.phase, holder.usage()) == ("unborn", ())
    assert holder.start().boot == 3
    holder.on_told(TellGate(gate="a", boot=2, epoch=10))
    assert holder.phase == "unborn", "told to the process before"
    holder.on_told(TellGate(gate="a", boot=3, epoch=11))
    assert (holder.phase, holder.epoch) == ("waiting", 11)


# --- the node's side -----------------------------------------------------------------------------


def a_world() -> Leasing:
    """Three gates with an epoch each."""
    world = Leasing()
    for name in GATES:
        world.heartbeat(name)
    world.exchange()
    return world


def test_what_another_gate_is_told_is_not_for_this_one() -> None:
    holder = lent()
    holder.on_told(TellGate(gate="b", ended=9))
    holder.on_told(TellGate(gate="b", boot=3, epoch=10))
    assert (holder.epoch, holder.phase) == (9, "open")


def test_a_ticket_of_a_fenced_epoch_is_refused_and_what_was_taken_stays_reserved() -> None:
    world = a_world()
    assert world.passes("a", "buy", 3)
    world.exchange()
    assert world.passes("a", "buy", 2)
    epoch = world.gates["a"].holder.epoch
    world.node.state.moves = {}
    world.fence("a")
    assert world.node.state.moves == {"gate/open>fenced": 1}
    assert world.node.state.risk.epochs[epoch].status == "fenced"
    world.exchange()
    state = world.node.state
    assert state.counts["refused/GATE_FENCED"] == 1
    assert state.risk.lines[LINE].reserved == 3
    (name,) = world.venue
    world.venue_fill(name, 3)
    world.hear_venue(9)
    assert epoch not in state.risk.epochs, "forgotten with its last order"
    assert (state.risk.lines[LINE].reserved, state.risk.lines[LINE].exposure) == (0, 3)


def test_an_order_that_was_cancelled_holds_its_rest_for_a_while() -> None:
    """A venue told the cancel first, and the fill that came before it later."""
    world = a_world()
    assert world.passes("a", "buy", 4)
    world.exchange()
    (name,) = world.venue
    line, order = world.node.state.risk.lines[LINE], world.node.state.orders[name]
    world.hear_venue(9)
    world.venue_fill(name, 3)
    world.venue_cancel(name)
    world.hear_venue()
    assert (order.status, line.reserved, line.exposure) == ("cancelled", 4, 0)
    assert world.node.state.alarms[f"hold/{name}"] == world.node.state.now + HOLD
    world.hear_venue()
    assert (line.reserved, line.exposure) == (1, 3)
    world.commit()
    world.wait(HOLD)
    assert (line.reserved, line.exposure) == (0, 3)


def test_an_engine_that_counted_before_some_fills_is_right_all_the_same() -> None:
    world = a_world()
    state = world.node.state
    before = state.risk.lines[LINE].moved
    assert world.passes("a", "buy", 4)
    world.exchange()
    world.venue_fill(next(iter(world.venue)), 4)
    world.hear_venue(9)
    world.deliver(ExposureStated(received_at=0, lines=(StatedExposure(LINE, 1, before),)))
    assert state.risk.lines[LINE].exposure == 1 + 4


@pytest.mark.parametrize("counted", [True, False])
def test_a_fill_of_before_its_order_was_known_relieves_no_line_twice(counted: bool) -> None:  # noqa: FBT001
    """Its order's answer was lost: the engine counted it with what is held, or has yet to."""
    world = a_world()
    risk = world.node.state.risk
    assert world.passes("a", "sell", 4)
    world.exchange()
    world.from_venue.clear()
    (name,) = world.venue

    def states(held: int) -> None:
        lines = {LINE: held, "firm/short": -held}
        stated = (StatedExposure(line, of, risk.lines[line].moved) for line, of in lines.items())
        world.deliver(ExposureStated(received_at=0, lines=tuple(stated)))

    told = {"account": PERP, "instrument": "BTC-PERP", "order_id": f"v{name}"}
    world.deliver(fill("f", "sell", "4", "100", client_order_id="", **told))
    if counted:
        states(-4)
    world.venue[name].filled = 4
    world.say(name, "filled")
    world.hear_venue()
    assert world.node.state.orders[name].counted == 4 * LOT
    assert risk.lines[LINE].exposure == (-4 if counted else 0)
    assert risk.lines["firm/short"].reserved == 0
    assert risk.lines["firm/short"].exposure >= 4
    states(-4)
    assert (risk.lines[LINE].exposure, risk.lines["firm/short"].exposure) == (-4, 4)


@pytest.mark.parametrize(("fill_id", "amount"), [("g", "1"), ("f", "3")])
def test_what_a_late_order_takes_over_a_limit_is_told(fill_id: str, amount: str) -> None:
    """Missing at its venue, it was over and held nothing; then its fills name it by both ids."""
    world = a_world()
    risk = world.node.state.risk
    assert world.passes("a", "buy", 4)
    world.exchange()
    world.from_venue.clear()
    (order,) = world.node.state.orders.values()
    name = order.client_order_id
    world.say(name, "rejected")
    world.deliver(replace(world.from_venue.pop()[1], order_id=""))
    world.wait(HOLD)
    assert (order.status, risk.lines[LINE].reserved) == ("rejected", 0)
    world.node.deliver(world.limits(firm_long=2))
    told = {"account": PERP, "instrument": "BTC-PERP", "order_id": f"v{name}"}
    world.deliver(fill("f", "buy", "3", "100", client_order_id="", **told))
    world.node.deliver(fill(fill_id, "buy", amount, "100", client_order_id=name, **told))
    effects = world.node.commit()
    alerts = [each.text for each in effects if isinstance(each, RaiseAlert)]
    assert risk.limit_breaches == 1
    assert any("by our own orders" in text for text in alerts), alerts


def test_a_passive_breach_is_timed_and_lets_only_the_other_side_pass() -> None:
    """Somebody else's trade took the line over its limit: no order of ours did, and none may."""
    world = a_world()
    assert world.passes("a", "buy", 2)
    risk = world.node.state.risk
    stated = StatedExposure(LINE, 11, risk.lines[LINE].moved)
    other = StatedExposure("firm/short", -11, risk.lines["firm/short"].moved)
    world.deliver(ExposureStated(received_at=0, lines=(stated, other)))
    assert (risk.passive_breaches, risk.limit_breaches) == (1, 0)
    assert world.node.state.counts.get("refused/OVER_LIMIT") is None
    world.exchange()
    assert world.node.state.counts["refused/OVER_LIMIT"] == 1, "lent before, refused now"
    assert not world.passes("b", "buy", 1)
    assert world.passes("b", "sell", 4)
    world.exchange()
    since = risk.lines[LINE].over_since
    world.now += 700 * MS
    world.venue_fill(next(iter(world.venue)), 4)
    world.hear_venue(9)
    assert risk.lines[LINE].over_since == 0
    assert 700 * MS <= risk.passive_ns <= world.now - since


def test_a_breach_and_its_end_are_told_of_the_line_with_whose_it_was() -> None:
    state = State(now=5)
    state.risk.lines["l"] = Line(limit=10, exposure=11)
    made = {True: "our own orders", False: "no order of ours"}
    for ours, who in made.items():
        (alert,) = leases._watch(state, "l", state.risk.lines["l"], ours=ours)
        text = f"11 of 10, by {who}: only reductions pass"
        assert alert == RaiseAlert(severity="critical", subject="l", text=text)
        state.risk.lines["l"].exposure = 10
        (alert,) = leases._watch(state, "l", state.risk.lines["l"], ours=ours)
        text = "within its limit again"
        assert alert == RaiseAlert(severity="notice", subject="l", text=text)
        state.risk.lines["l"].exposure = 11
    assert (state.risk.limit_breaches, state.risk.passive_breaches) == (1, 1)


def test_the_end_of_a_breach_is_told_though_the_order_relieves_another_line_too() -> None:
    world = a_world()
    assert world.passes("a", "buy", 4)
    world.exchange()
    world.deliver(world.limits(firm_long=3))
    (order,) = world.node.state.orders.values()
    told = leases._hold(world.node.state, order, 0)
    assert told == [RaiseAlert(severity="notice", subject=LINE, text="within its limit again")]


@pytest.mark.parametrize(("age", "budget"), [(9, 10), (10, 4), (19, 4), (20, 1)])
def test_the_older_the_engine_s_word_the_less_is_lent(
    age: int, budget: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a heartbeat on no more than it may have already; from its end on nothing."""
    state = State()
    state.risk.lines["l"] = Line(limit=100)
    state.risk.heartbeat_ns, state.risk.ttl_ns = 10, 20
    epoch = Epoch("g", 1, 1, wants={"l": 9}, spent={"l": 1}, ceilings={1: {"l": 4}})
    state.risk.epochs[1] = epoch
    monkeypatch.setattr(leases.cold, "age_ns", lambda _: age)
    assert leases._budget(state, epoch, "l") == budget


def test_of_grants_beyond_those_told_apart_the_larger_of_the_oldest_two_may_live() -> None:
    epoch = Epoch("g", 1, 1)
    for number in range(GRANTS_APART_MAX):
        epoch.ceilings[number] = {"x": 1}
    epoch.ceilings[0], epoch.ceilings[1] = {"x": 7, "y": 2}, {"x": 3, "z": 4}
    was = dict(epoch.ceilings)
    leases._merge_oldest(epoch)
    assert epoch.ceilings == was
    epoch.ceilings[99] = {"x": 1}
    leases._merge_oldest(epoch)
    assert len(epoch.ceilings) == GRANTS_APART_MAX
    assert epoch.ceilings[1] == {"x": 7, "y": 2, "z": 4}


def test_a_start_that_is_told_again_is_answered_as_it_was() -> None:
    state, told = State(), GateStarted(received_at=1, gate="a", boot=3)
    answer = leases.on_gate_started(state, told)
    assert leases.on_gate_started(state, told) == answer
    assert [(each.gate, each.boot, each.ended) for each in answer] == [("a", 3, 0)]  # type: ignore[union-attr]


@pytest.mark.parametrize("uses", [one(-1), (*one(1), *one(2)), (Use(LINE, 1, "other", -1),)])
def test_a_ticket_that_no_holder_makes_is_refused_as_such(uses: tuple[Use, ...]) -> None:
    state = State()
    (told,) = leases.on_gate_started(state, GateStarted(received_at=1, gate="a", boot=3))
    assert isinstance(told, TellGate)
    code, _ = leases.refusal(state, Ticket("a", told.epoch, 1, uses, 1))
    assert code == "BAD_TICKET"


def test_a_lower_limit_is_passive_and_an_absent_one_lets_nothing_pass() -> None:
    world = a_world()
    assert world.passes("a", "buy", 4)
    world.exchange()
    world.deliver(world.limits(firm_long=3))
    risk = world.node.state.risk
    assert (risk.passive_breaches, risk.limit_breaches) == (1, 0)
    assert not world.passes("b", "buy", 1)
    risk.lines["firm/gross"].limit = None
    assert not world.passes("c", "sell", 1)


@pytest.mark.parametrize("again", [1, 2, 3])
def test_a_return_is_the_same_however_often_it_is_told_and_acknowledged_after_the_commit(
    again: int,
) -> None:
    world = a_world()
    world.heartbeat("a", 5)
    world.exchange()
    assert committed(world.node.state, LINE) == 5
    told = world.gates["a"].holder.give_back()
    for _ in range(again):
        world.deliver(told)
    assert world.to_gate == [], "nothing is said before the commit"
    world.commit()
    said = [each for _, each in world.to_gate]
    assert said == [AcknowledgeReturn(gate="a", epoch=told.epoch, sequence=1)] * again
    assert committed(world.node.state, LINE) == 0


def test_a_return_does_not_free_what_it_does_not_speak_for() -> None:
    """Usage that never came as orders, and the grants after it, stay counted."""
    world = a_world()
    world.heartbeat("a", 5)
    world.exchange()
    assert world.order("a", "buy", 2)
    old = world.gates["a"].holder.give_back()
    assert old.usage[0] == Amount(LINE, 2)
    world.to_node.clear()  # the order was lost
    world.heartbeat("a", 4)
    world.exchange()
    world.deliver(old)
    assert committed(world.node.state, LINE) == 2 + 4
    world.void("a")
    world.exchange()
    assert committed(world.node.state, LINE) == 4


def test_a_late_start_of_an_earlier_process_fences_nobody() -> None:
    world = a_world()
    world.restart("a")
    world.heartbeat("a")
    world.exchange()
    epoch = world.node.state.risk.gates["a"]
    world.deliver(GateStarted(received_at=0, gate="a", boot=1))
    world.deliver(GateStarted(received_at=0, gate="a", boot=2))
    assert world.node.state.risk.gates["a"] == epoch
    assert list(world.node.state.risk.epochs) == [epoch - 2, epoch - 1, epoch]


@pytest.mark.parametrize(
    ("applied", "usage", "why"),
    [(7, 0, "it holds grant 7, and 1 was the last"), (1, 6, "it spent 6 of firm/long")],
)
def test_a_gate_that_says_what_cannot_be_is_fenced(applied: int, usage: int, why: str) -> None:
    world = a_world()
    world.heartbeat("a", 5)
    world.exchange()
    asked = LeaseRequested(
        received_at=world.now,
        gate="a",
        epoch=world.gates["a"].holder.epoch,
        request=2,
        applied=applied,
        usage=(Amount(LINE, usage),),
        demands=(Demand(LINE, 1),),
    )
    world.node.deliver(asked)
    effects = world.node.commit()
    (alert,) = [each for each in effects if isinstance(each, RaiseAlert)]
    assert why in alert.text
    assert alert.subject == "a"
    assert committed(world.node.state, LINE) == 0


def test_a_cut_journal_fences_every_gate() -> None:
    """It may have forgotten what it lent; the epochs after it are above all before."""
    world = a_world()
    before = [gate.holder.epoch for gate in world.gates.values()]
    world.heartbeat("a", 5)
    world.exchange()
    world.store.cut(1, 0)
    world.crash(after_commit=False)
    assert len(world.node.state.risk.epochs) == 3
    world.deliver(NodeStarted(received_at=0, node="tie", epoch=5, records_lost=3))
    assert world.node.state.risk.epochs == {}
    for name in GATES:
        world.heartbeat(name)
    world.exchange()
    for name in GATES:
        world.heartbeat(name)
    world.exchange()
    after = [gate.holder.epoch for gate in world.gates.values()]
    assert min(after) > max(before)


def test_parts_of_an_order_are_rounded_against_us_and_sum_to_the_whole() -> None:
    """A third of an order takes 4 of 10, and the rest the other 6."""
    world = a_world()
    world.deliver(world.limits(odd_long=10, odd_short=100))
    world.gates["a"].holder.want("odd/long", 10)
    holder = world.gates["a"].holder
    world.heartbeat("a")
    world.exchange()
    uses = (Use("odd/long", 10, "odd/short", 10),)
    clock = world.gates["a"].clock(world.now)
    assert holder.spend(clock, uses) == PASSED
    ticket = holder.ticket(uses)
    world.sides[ticket.epoch, ticket.sequence] = ("buy", 3)
    world.send(ticket)
    world.exchange()
    (name,) = world.venue
    seen = []
    for _ in range(4):
        lines = world.node.state.risk.lines
        line, other = lines["odd/long"], lines["odd/short"]
        seen.append((line.reserved, line.exposure, other.exposure))
        world.venue_fill(name, 1)
        world.hear_venue(9)
    assert seen == [(10, 0, 0), (7, 3, -3), (4, 6, -6), (0, 10, -10)]
    order = world.node.state.orders[name]
    assert leases._taken(10, 4 * LOT, order) == 14, "and what a venue filled beyond it as well"
    assert world.node.state.orders[name].quantity == 3 * LOT


# --- dividing a pool -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pool", "asked", "given"),
    [
        (10, [(0, 4), (0, 4)], [4, 4]),
        (10, [(0, 20), (0, 10)], [5, 5]),
        (100, [(0, 10**9), (0, 20), (0, 35)], [45, 20, 35]),
        (11, [(0, 90), (0, 90), (0, 91)], [3, 4, 4]),
        (10, [(10, 10), (10, 10)], [10, 0]),
        (10, [(11, 11), (10, 10)], [0, 10]),
        (10, [(4, 20), (4, 4)], [6, 4]),
        (0, [(1, 1)], [0]),
        (-5, [(0, 3)], [0]),
    ],
)
def test_needs_are_met_whole_in_the_order_of_asking_then_wants_evenly(
    pool: int, asked: list[tuple[int, int]], given: list[int]
) -> None:
    assert allot(pool, asked) == given


@given(
    st.integers(-10, 100),
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=6),
)
def test_no_pool_is_divided_into_more_than_it_has(pool: int, asked: list[tuple[int, int]]) -> None:
    given_out = allot(pool, asked)
    assert sum(given_out) <= max(0, pool)
    assert all(0 <= got <= max(pair) for got, pair in zip(given_out, asked, strict=True))


@given(st.integers(0, 1000), st.lists(st.integers(0, 900), max_size=6))
def test_whoever_gets_less_than_it_wants_gets_no_less_than_any_other(
    pool: int, wants: list[int]
) -> None:
    given_out = allot(pool, [(0, want) for want in wants])
    for got, want in zip(given_out, wants, strict=True):
        assert got == want or got >= max(given_out) - 1
    assert sum(given_out) == min(pool, sum(wants))


def test_the_first_to_need_gets_it_though_others_want_it_all() -> None:
    world = a_world()
    for name in ("b", "c"):
        world.heartbeat(name, 12)
    world.exchange()
    assert world.passes("a", "buy", LIMITS["strategy/a/long"])


# --- planted bugs that a storm seldom meets ------------------------------------------------------


class Bug(NamedTuple):
    """In `function` the text `old`, which is there once, becomes `new`; then the test goes red."""

    function: str
    old: str
    new: str
    seen_by: Callable[[], None]


BUGS = (
    Bug(
        "core.leases:_open",
        'or epoch.status != "open"',
        "or False",
        test_a_ticket_of_a_fenced_epoch_is_refused_and_what_was_taken_stays_reserved,
    ),
    Bug(
        "core.leases:_move",
        'if status == "fenced" and not epoch.working:',
        'if status == "fenced":',
        test_a_ticket_of_a_fenced_epoch_is_refused_and_what_was_taken_stays_reserved,
    ),
    Bug(
        "core.leases:_follow",
        "min(order.reserved, left)",
        "min(order.reserved, claimed(order))",
        test_an_order_that_was_cancelled_holds_its_rest_for_a_while,
    ),
    Bug(
        "core.leases:on_exposure",
        "stated.exposure + line.moved - stated.moved",
        "stated.exposure",
        test_an_engine_that_counted_before_some_fills_is_right_all_the_same,
    ),
    Bug(
        "core.leases:on_gate_started",
        "if event.boot < risk.boots.get(event.gate, 0):",
        "if False:",
        test_a_late_start_of_an_earlier_process_fences_nobody,
    ),
    Bug(
        "core.leases:allot",
        "left // (len(waiting) - served)",
        "left",
        lambda: test_needs_are_met_whole_in_the_order_of_asking_then_wants_evenly(
            10, [(0, 20), (0, 10)], [5, 5]
        ),
    ),
    Bug(
        "core.leases:allot",
        "met = need if need <= left else 0",
        "met = min(need, left) // 2",
        lambda: test_needs_are_met_whole_in_the_order_of_asking_then_wants_evenly(
            10, [(10, 10), (10, 10)], [10, 0]
        ),
    ),
    Bug(
        "core.leases:refusal",
        "if use.amount > headroom:",
        "if False:",
        test_a_passive_breach_is_timed_and_lets_only_the_other_side_pass,
    ),
    Bug(
        "core.leases:_watch_all",
        "ours=False",
        "ours=True",
        test_a_lower_limit_is_passive_and_an_absent_one_lets_nothing_pass,
    ),
    Bug(
        "core.risks:after_restart",
        "if not records_lost:",
        "if records_lost:",
        test_a_cut_journal_fences_every_gate,
    ),
    Bug(
        "core.leases:_part",
        "-(-amount * quantity // order.quantity)",
        "amount * quantity // order.quantity",
        test_parts_of_an_order_are_rounded_against_us_and_sum_to_the_whole,
    ),
    Bug(
        "risk.lease_holder:LeaseHolder.on_granted",
        "grant.sequence > self.sequence",
        "grant.sequence != self.sequence",
        test_older_grants_that_come_late_open_nothing_even_one_after_the_other,
    ),
    Bug(
        "risk.tightening:permille",
        "or age_ns >= ttl_ns",
        "",
        test_a_stalled_node_tightens_within_one_heartbeat_and_closes_at_the_end_never_later,
    ),
    Bug(
        "risk.lease_holder:LeaseHolder.open_permille",
        'self._move("expired", "the lease ended")',
        "pass",
        test_a_stalled_node_tightens_within_one_heartbeat_and_closes_at_the_end_never_later,
    ),
    Bug(
        "risk.lease_holder:LeaseHolder._irregular",
        "or now - asked >= grant.ttl_ns",
        "",
        test_a_grant_that_ended_on_its_way_opens_nothing,
    ),
)


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: f"{bug.function} {bug.new[:20]}")
def test_a_planted_bug_is_seen(bug: Bug, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, bug.function, bug.old, bug.new)
    with pytest.raises((AssertionError, KeyError)):
        bug.seen_by()


def test_the_words_of_a_lease_are_those_of_the_table() -> None:
    """A phase that nothing leads to, or that the table does not have, is a mistake."""
    reached = {to for moves in MOVES.values() for to in moves.values()}
    assert reached == set(MOVES)


def test_a_return_of_an_unknown_epoch_is_acknowledged_so_that_it_is_not_told_for_ever() -> None:
    world = a_world()
    told = LeaseReturned(received_at=world.now, gate="a", epoch=1, sequence=4, usage=())
    world.deliver(told)
    world.commit()
    assert world.to_gate == [("a", AcknowledgeReturn(gate="a", epoch=1, sequence=4))]
