"""Facts of settlement in any order, doubled, late and contradicting: what always holds.

Nothing is simulated: a bank that says anything at any time is told to the core by hand.
"""

from __future__ import annotations

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition

from core import exposure, ledger
from core.effects import Effect
from core.events import AlarmRang, Event, NodeStarted
from core.gate import BreakGate
from core.journal import decode_event, encode_state
from core.leg_moves import MOVES
from core.rail_effects import SendPayment, TellCustomer
from core.rail_events import (
    AddressAssigned,
    DebtResolved,
    LegWanted,
    LineBooked,
    LineKind,
    PaymentMissing,
    PaymentReported,
    PaymentStatus,
    ReturnReported,
    TransferCancelled,
    TransferReleased,
    TransferScreened,
)
from core.settlement_state import Credited, Leg, LegStatus
from core.state import State
from core.step import step
from core.stuck import debts
from sim.customer_oracle import NEXT
from tests import exporting
from tests.exporting import Machine, initialize, rule
from tests.settling import BANK, DAY, SECOND, Books, change, pay, pull
from tests.test_deposits import PUSHED
from tests.transfer_model import Nostro, imbalance

CUSTOMERS = ("alice", "bob")
LIMIT = 900
WAITS = (SECOND, 11 * SECOND, DAY, 5 * DAY, 61 * DAY)
STATUSES: tuple[PaymentStatus, ...] = ("accepted", "pending", "rejected", "failed", "settled")
KINDS: tuple[LineKind, ...] = ("payment", "payment", "return", "reversal", "fee")
AMOUNTS = st.sampled_from((0, 0, 0, 1, -1, 150))
PICKS = st.integers(min_value=0, max_value=10**6)


class Kept(Books):
    """Books that keep every event, as a journal would."""

    def __init__(self, **opening: int) -> None:
        self.events: list[bytes] = []
        self.nostro = Nostro()
        super().__init__(**opening)

    def tell(self, fact: type[Event], /, **fields: object) -> list[Effect]:
        event = fact(received_at=self.now, **fields)
        self.events.append(msgspec.json.encode(event))
        self.nostro.tell(event)
        before = {name: leg.status for name, leg in self.state.settlement.legs.items()}
        effects = step(self.state, event, BreakGate())
        self.asked += effects
        for name, leg in self.state.settlement.legs.items():
            was = before.get(name, "requested")
            assert leg.status == was or reachable(was, leg.status), (was, leg.status)
        return effects


def reachable(was: LegStatus, now: LegStatus) -> bool:
    """Whether the table leads there; a step may go several moves."""
    seen, rest = {was}, [was]
    while rest:
        for to in MOVES[rest.pop()]:
            if to not in seen:
                seen.add(to)
                rest.append(to)
    return now in seen


class Settling(Machine):
    """Two customers, one bank, limits, and a bound above which two people are needed."""

    def events(self) -> list[Event]:
        return [decode_event(body) for body in self.books.events]

    @initialize()
    def opened(self) -> None:
        self.books = Kept(alice=1000, bob=300)
        self.books.limit("customer", "*", LIMIT)
        self.books.limit("rail", "pull", LIMIT)
        self.books.limit("release", "", 400)
        self.books.limit("rail", "received", LIMIT)
        self.books.scheme(**PUSHED)
        for who in CUSTOMERS:
            self.books.tell(AddressAssigned, account=BANK, address=f"IBAN {who}", customer=who)
        self.made = 0
        self.lines = 0
        self.epoch = 1
        self.last: dict[str, object] | None = None
        self.told: dict[tuple[str, str], str] = {}
        for shape in (pay("wire", 100), pay("ach", 120), pull("pull", 150)):
            self.made += 1
            self.books.request(f"t{self.made}", shape)

    # --- what is told ----------------------------------------------------------------------------

    @rule(who=st.sampled_from(CUSTOMERS), amount=st.integers(-1, 500), how=PICKS)
    def asked(self, who: str, amount: int, how: int) -> None:
        """A request: one leg, or in and out again."""
        self.made += 1
        shapes: tuple[tuple[LegWanted, ...], ...] = (
            (pay("wire", amount),),
            (pay("ach", amount),),
            (pull("pull", amount),),
            (pull("pull", amount, undo_scheme="wire"), pay("wire", amount)),
            (pull("pull", amount, waits_for="irrevocable"), pay("ach", amount)),
            (self._changed(who, amount),),
            (pull("pull", amount), self._changed(who, amount)),
        )
        self.books.request(f"t{self.made}", *shapes[how % len(shapes)], customer=who)

    @rule(who=st.sampled_from(CUSTOMERS), amount=st.integers(1, 700))
    def pushed(self, who: str, amount: int) -> None:
        """Somebody pays to a customer's address."""
        self._line(amount, "payment", (f"IBAN {who}",))

    @rule(pick=PICKS, part=st.integers(1, 3))
    @precondition(lambda self: self.books.state.settlement.credits)
    def taken_back(self, pick: int, part: int) -> None:
        """The bank takes a credit back, or a part of it."""
        credits_ = list(self.books.state.settlement.credits.values())
        credit = credits_[pick % len(credits_)]
        amount = max(1, credit.amount // part)
        self._line(-amount, "reversal", (credit.subject.partition(" ")[2],))

    @rule(pick=PICKS, way=st.sampled_from(("set_off", "write_off")), amount=st.integers(1, 300))
    @precondition(lambda self: debts(self.books.state))
    def paid(self, pick: int, way: str, amount: int) -> None:
        """Two people decide about what is owed."""
        owed = debts(self.books.state)
        row = owed[pick % len(owed)]
        self.books.tell(
            DebtResolved,
            resolution_id=f"d{len(self.books.state.settlement.resolutions)}",
            subject=row.payment_id,
            way=way,
            amount=min(amount, row.amount),
            author="ann",
            approver="ben",
            reason="agreed",
            evidence="letter 7",
        )

    @rule(pick=PICKS, amount=st.integers(1, 500))
    @precondition(lambda self: self.made > 0)
    def asked_again(self, pick: int, amount: int) -> None:
        self.books.request(f"t{1 + pick % self.made}", pay("wire", amount))

    @rule(pick=PICKS, by=st.sampled_from(("clerk", "alice", "boss", "")))
    @precondition(lambda self: self.made > 0)
    def released(self, pick: int, by: str) -> None:
        name = f"t{1 + pick % self.made}"
        self.books.tell(TransferReleased, transfer_id=name, approver=by)

    @rule(pick=PICKS, clear=st.booleans())
    @precondition(lambda self: self.made > 0)
    def screened(self, pick: int, clear: bool) -> None:  # noqa: FBT001  # as it is told
        self.books.tell(TransferScreened, transfer_id=f"t{1 + pick % self.made}", clear=clear)

    @rule(pick=PICKS)
    @precondition(lambda self: self.made > 0)
    def cancelled(self, pick: int) -> None:
        self.books.tell(TransferCancelled, transfer_id=f"t{1 + pick % self.made}", by="alice")

    @rule(pick=PICKS, status=st.sampled_from(STATUSES), batch=st.sampled_from(("", "B1", "B2")))
    @precondition(lambda self: self._sent())
    def reported(self, pick: int, status: PaymentStatus, batch: str) -> None:
        leg = self._leg(pick)
        self.books.tell(
            PaymentReported,
            account=BANK,
            payment_id=leg.payment_id,
            status=status,
            reference=f"ref {leg.payment_id}",
            batch=batch,
        )

    @rule(pick=PICKS, off=AMOUNTS, kind=st.sampled_from(KINDS), named=st.booleans())
    @precondition(lambda self: self._sent())
    def booked(self, pick: int, off: int, kind: LineKind, named: bool) -> None:  # noqa: FBT001
        """A line of a payment: right, short, too much, the other way, or of nobody."""
        leg = self._leg(pick)
        way = 1 if (leg.kind == "in") == (kind == "payment") else -1
        self._line(way * leg.amount + off, kind, (leg.payment_id,) if named else ())

    @rule(batch=st.sampled_from(("B1", "B2")), off=AMOUNTS)
    @precondition(lambda self: self._sent())
    def booked_as_one(self, batch: str, off: int) -> None:
        settlement = self.books.state.settlement
        names = settlement.batches.get(f"{BANK} {batch}", ())
        total = sum(settlement.legs[name].due for name in names)
        if total + off:
            self._line(total + off, "payment", (batch,))

    @rule()
    @precondition(lambda self: self.last is not None)
    def booked_again(self) -> None:
        """The same line once more: nothing moves."""
        before = dict(self.books.state.settlement.ledger)
        self.books.tell(LineBooked, **(self.last or {}))
        assert self.books.state.settlement.ledger == before

    @rule(pick=PICKS, number=st.integers(1, 3), undone=st.booleans())
    @precondition(lambda self: self._sent())
    def came_back(self, pick: int, number: int, undone: bool) -> None:  # noqa: FBT001
        leg = self._leg(pick)
        self.books.tell(
            ReturnReported,
            account=BANK,
            return_id=f"{number} {leg.payment_id} {undone}",
            payment_id=leg.payment_id,
            amount=leg.amount,
            code="R10",
            dishonours="R69" if undone else "",
        )

    @rule(pick=PICKS)
    @precondition(lambda self: self._sent())
    def missing(self, pick: int) -> None:
        leg = self._leg(pick)
        now = self.books.now
        self.books.tell(PaymentMissing, account=BANK, payment_id=leg.payment_id, asked_at=now - 1)

    @rule(ns=st.sampled_from(WAITS))
    def waited(self, ns: int) -> None:
        """Time goes by at once; what was due then rings late, and the record is read."""
        if self.books.now + ns > 20_170 * DAY:  # within what the calendar knows
            return
        self.books.now += ns
        for _ in range(2):
            alarms = self.books.state.alarms
            for name in [name for name, at in alarms.items() if at <= self.books.now]:
                self.books.tell(AlarmRang, alarm=name)
            self.books.read_to_the_end()

    @rule()
    def restarted(self) -> None:
        self.epoch += 1
        self.books.tell(NodeStarted, node="t", epoch=self.epoch)

    @rule()
    def recovered(self) -> None:
        """What was journaled makes the same state again."""
        state = State()
        for body in self.books.events:
            step(state, decode_event(body), BreakGate())
        assert encode_state(state) == encode_state(self.books.state)

    # --- what always holds -----------------------------------------------------------------------

    @invariant()
    def the_ledger_holds(self) -> None:
        assert ledger.faults(self.books.state) == []

    @invariant()
    def the_bank_s_account_is_what_its_lines_come_to(self) -> None:
        """By a model that knows lines alone: see transfer_model.py."""
        told = self.books.nostro.stands_at()
        assert self.books.balance(f"nostro/{BANK}/USD") == told
        assert self.books.state.holdings[f"{BANK}/USD/cash"] == told
        assert imbalance(self.books.state.settlement.ledger) == {}

    @invariant()
    def exposure_is_the_sum_of_its_legs_and_within_limits(self) -> None:
        state = self.books.state
        sums: dict[str, int] = {}
        exposed: list[Leg | Credited] = [
            *state.settlement.legs.values(),
            *state.settlement.credits.values(),
        ]
        for leg in exposed:
            assert leg.exposed >= leg.passive >= 0
            for key in exposure.keys(leg):
                sums[key] = sums.get(key, 0) + leg.exposed
        assert {k: v for k, v in state.settlement.exposure.items() if v} == {
            k: v for k, v in sums.items() if v
        }
        assert exposure.breaches(state) == []

    @invariant()
    def what_reversals_may_cost_is_within_limits(self) -> None:
        """If all that may be taken back were, and what is owed never paid."""
        pushed = 0
        for who in CUSTOMERS:
            settlement = self.books.state.settlement
            credits_ = [c for c in settlement.credits.values() if c.customer == who]
            legs = settlement.legs.values()
            pulls = [leg for leg in legs if leg.customer == who and leg.kind == "in"]
            back = sum(credit.contingent for credit in credits_)
            back += sum(leg.contingent for leg in pulls)
            owed = self.books.balance(f"receivable/{who}/USD")
            lost = max(0, back + owed - self.books.has(who))
            assert lost <= LIMIT or self._undone(), (who, lost)
            # What was pulled counts in whole, on its own rail: of what is lost it comes first.
            pushed += max(0, lost - sum(leg.exposed for leg in pulls))
        assert pushed <= LIMIT or self._undone()

    @invariant()
    def what_is_owed_is_the_sum_of_its_causes(self) -> None:
        settlement = self.books.state.settlement
        for who in CUSTOMERS:
            legs = [leg for leg in settlement.legs.values() if leg.customer == who]
            credits_ = [each for each in settlement.credits.values() if each.customer == who]
            owed = sum(map(ledger.owed, legs)) + sum(map(ledger.owed, credits_))
            assert self.books.balance(f"receivable/{who}/USD") == owed

    @invariant()
    def nobody_disposes_of_more_than_he_has(self) -> None:
        for customer in CUSTOMERS:
            assert ledger.available(self.books.state, customer, "USD") >= 0 or self._undone()

    @invariant()
    def nothing_is_instructed_twice_under_two_ids(self) -> None:
        """Each leg has one id and one body, however often it is sent; no leg has two."""
        legs = self.books.state.settlement.legs
        bodies: dict[str, SendPayment] = {}
        for sent in (each for each in self.books.asked if isinstance(each, SendPayment)):
            assert bodies.setdefault(sent.payment_id, sent) == sent
            assert sent.payment_id in legs
        places = [(leg.transfer_id, leg.number) for leg in legs.values()]
        assert len(places) == len(set(places))

    @invariant()
    def customers_hear_a_story_that_never_goes_back(self) -> None:
        for each in [one for one in self.books.asked if isinstance(one, TellCustomer)]:
            if each.transfer_id.startswith(BANK):  # a deposit, of which nothing is told before
                assert each.status == "returned"
                continue
            whose = (each.customer, each.transfer_id)
            was = self.told.get(whose, "")
            assert each.status == was or each.status in NEXT[was], (was, each.status)
            self.told[whose] = each.status
        self.books.asked = [each for each in self.books.asked if isinstance(each, SendPayment)]

    # --- picking ---------------------------------------------------------------------------------

    def _sent(self) -> list[Leg]:
        legs = self.books.state.settlement.legs.values()
        return [leg for leg in legs if leg.kind != "exchange" and leg.status != "validated"]

    def _leg(self, pick: int) -> Leg:
        legs = self._sent()
        return legs[pick % len(legs)]

    def _changed(self, who: str, amount: int) -> LegWanted:
        self.books.quote(f"q{self.made}", self.books.now + DAY, 500, customer=who)
        return change(f"q{self.made}", amount, amount * 9 // 10)

    def _undone(self) -> bool:
        """Whether a return was undone: what it gave back is taken again, spent or not."""
        return any(b'"dishonours":"R69"' in body for body in self.books.events)

    def _line(self, amount: int, kind: LineKind, references: tuple[str, ...]) -> None:
        self.lines += 1
        self.last = {
            "account": BANK,
            "line_id": f"L{self.lines}",
            "asset": "USD",
            "amount": amount,
            "booked_at": self.books.now,
            "kind": kind,
            "references": references,
        }
        self.books.tell(LineBooked, **self.last)
        if self.lines % 2:
            self.booked_again()


TestSettling = exporting.case(Settling, examples=150, steps=50)
