"""Payments that we instruct, from the bank's door to where their scheme settles them, and back.

A payment that was taken is settled once, at the time that its scheme's rule gives; the world's
truth is told then, and never by what was said. What an end-to-end id named is taken once, except in
ACH, where files are compared by their names and not their entries: a name that came before is
refused, whatever the file has in it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal

from rails.bank import flat, rules, words
from rails.bank.hours import SECOND
from rails.bank.instructed import Instruction, Malformed, payments
from rails.bank.ledger import Line, Part
from rails.bank.office import Office
from rails.bank.rules import Rule
from rails.bank.words import Status
from rails.keeper import Answer
from sim.payments import Payment

MS = 1_000_000
HOUR = 3600 * SECOND
REFUSALS = ("AC01", "AC04", "BE04", "AG01")
CORRECTED = "0210000218812345678"  # what a notification of change says is right


@dataclass(slots=True, eq=False)
class Order:
    """One payment as the bank has it. `code` is its status in the words of ISO 20022, `shown` what
    those are told who ask while the bank is mute; before `listed_at` they are told of none. The
    return of an `irregular` one will not be in order."""

    told: Instruction
    rule: Rule
    taken_at: int
    payment: Payment
    code: str = "ACCP"
    reason: str = ""
    settles_at: int = 0
    mute_until: int = 0
    line: Line | None = None
    doomed: str = ""
    drawn: bool = False
    irregular: bool = False
    listed_at: int = 0
    silence_ends: int = 0
    shown: tuple[str, str] | None = None

    @property
    def signed(self) -> Decimal:
        return self.told.amount if self.told.direction == "in" else -self.told.amount

    @property
    def alive(self) -> bool:
        return self.code not in ("RJCT", "CANC") and self.line is None


@dataclass(slots=True, eq=False)
class Clearing:
    """Every payment that we instructed at one bank."""

    office: Office
    orders: dict[str, Order] = field(default_factory=dict)
    forgotten: set[str] = field(default_factory=set)
    _files: dict[str, tuple[bytes, Answer]] = field(default_factory=dict)
    _due: dict[tuple[str, int], list[Order]] = field(default_factory=dict)
    _traces: int = 0
    _answers: dict[str, tuple[str, str]] = field(default_factory=dict)
    _reversals: int = 0

    # --- at the door -----------------------------------------------------------------------------

    def receive(self, body: bytes) -> Answer:
        """A file of payments: taken, or refused, each with its status."""
        try:
            told = payments(body)
        except (Malformed, ValueError, IndexError) as error:
            return 400, b'{"code":"FORMAT","message":"%s"}' % str(error).encode(), True
        name, by_name = told[0].message_id, told[0].message_kind == "NACHA"
        # An id that is not known again is a payment's: the file of a reversal is compared as such.
        forgotten = told[0].payment_id in self.forgotten and not told[0].reverses
        known = None if forgotten else self._files.get(name)
        if known is not None and known[0] == body and not by_name:
            return known[1]
        unanswered = self.office.strikes("payment_unanswered")
        if unanswered and self.office.dice.chance(1, 2):
            return _nobody()  # and it never came here
        refused = ("DU01" if by_name else "AM05") if known is not None else ""
        statuses = [self._take(one, refused) for one in told]
        answer = 200, self._pain_002(statuses), True
        self._files.setdefault(name, (body, answer))
        if not unanswered:
            return answer
        for one in told:
            if one.payment_id in self.orders:
                self.orders[one.payment_id].mute_until = self.office.world.now + unanswered * MS
        return _nobody()

    def _take(self, told: Instruction, refused: str) -> Status:
        office, rule = self.office, rules.RULES[told.scheme]
        refused = refused or self._refusal(told, rule)
        if refused:
            return _status(told, "RJCT", refused)
        if told.reverses:
            return self._reverse(told)
        payment = Payment(
            told.payment_id,
            office.account,
            told.scheme,
            told.currency,
            office.units(told.amount),
            to=told.peer,
        )
        payment = office.payments.applied(payment, office.world.now)
        order = Order(told, rule, office.world.now, payment)
        doubled = payment.times_applied - 1
        self.orders[told.payment_id + (f"#{doubled}" if doubled else "")] = order
        self._draw_intake(order)
        if told.direction == "out":
            office.ledger.reserved += told.amount
        if office.strikes("payment_rejected") is not None:
            order.doomed = office.dice.pick(REFUSALS)
            if office.dice.chance(1, 2):
                return self._reject(order)
        at = rules.settles(rule, office.hours, office.world.now, told.wanted)
        self._schedule(order, at)
        if office.strikes("line_alike") is not None:
            office.world.call_at(office.dice.between(office.world.now, at), self._alike, order)
        return _status(told, "ACCP", reference=told.trace)

    def _draw_intake(self, order: Order) -> None:
        """What the bank's systems forget of a payment, or do not know yet."""
        office, rule = self.office, order.rule
        if not rule.compares and office.strikes("id_forgotten") is not None:
            self.forgotten.add(order.told.payment_id)
        denied = office.strikes("payment_denied")
        if denied is not None:
            order.listed_at = office.world.now + min(denied * MS, rule.listed_s * SECOND)

    def _alike(self, order: Order) -> None:
        """Somebody else's line, which says nothing of its purpose, of the very same amount."""
        self.office.book_aside(order.signed, "payment", order.rule.family, "", "nobody")

    def _refusal(self, told: Instruction, rule: Rule) -> str:
        """Why it is not taken, as a code; "" if it is."""
        office = self.office
        offered = rule.calendar in ("", office.hours.calendar)
        if told.currency != office.head.currency or not offered:
            return "AM03"
        if not told.payment_id:
            return "RR12"
        known = told.payment_id in self.orders and told.payment_id not in self.forgotten
        if known and told.message_kind != "NACHA":
            return "AM05"
        if told.amount > rule.amount_max:
            return "AM02"
        if told.direction == "out" and told.amount > office.ledger.free:
            return "AM04"
        return ""

    def _reject(self, order: Order) -> Status:
        order.code, order.reason = "RJCT", order.doomed
        order.payment.failed_at = self.office.world.now
        self._release(order)
        if self.office.strikes("rejected_but_booked") is not None:
            self.office.world.call_at(self.office.next_morning(1), self._book_in_error, order)
        return _status(order.told, "RJCT", order.doomed)

    def _book_in_error(self, order: Order) -> None:
        """The bank said no, books it all the same, and takes that back some mornings later.

        Where silence settles, it is mute no longer than that: else nobody could ever know.
        """
        if not order.rule.confirms:
            ends = rules.silence_ends(self.office.hours, self.office.world.now)
            order.mute_until = min(order.mute_until, ends)
        line = self.office.book(order.signed, "payment", order.rule.family, (self._part(order),))
        self.office.mend(2, self.office.undo, line)

    def _release(self, order: Order) -> None:
        if order.told.direction == "out":
            self.office.ledger.reserved -= order.told.amount

    # --- to settlement ---------------------------------------------------------------------------

    def _schedule(self, order: Order, at: int) -> None:
        """Payments of one scheme that settle in one window are carried out together."""
        order.settles_at = at
        self.office.payments.holds_back_until(at)
        key = (order.rule.scheme, at)
        if key not in self._due:
            self._due[key] = []
            self.office.world.call_at(at, self._window, key)
        self._due[key].append(order)

    def _window(self, key: tuple[str, int]) -> None:
        ready = [order for order in self._due.pop(key) if order.alive and self._ready(order)]
        together = len(ready) > 1 and self.office.strikes("lines_batched") is not None
        if together:
            return self._book_batch(ready)
        for order in ready:
            line = self._book(order)
            self._booked(order, line)
            # A line that is wrong is looked at, and put right as a whole.
            if line.amount == order.signed and self.office.strikes("line_twice") is not None:
                family, part = order.rule.family, self._part(order)
                self.office.book(order.signed, "payment", family, (part,))
                self.office.stray(order.told.payment_id, order.signed)
        return None

    def _book(self, order: Order) -> Line:
        """The line of one payment; a fault may have more taken with it than its scheme allows."""
        office, family, part = self.office, order.rule.family, self._part(order)
        over = office.strikes("fee_excessive") if order.told.direction == "out" else None
        if not over:
            deducts = order.rule.deducts > 0
            return office.book_payment(order.signed, family, part, deducts=deducts)
        too_much = order.rule.deducts + office.exact(over)
        return office.book_too_little(order.signed, "payment", family, part, too_much)

    def _ready(self, order: Order) -> bool:
        """Whether nothing holds it up; what does is drawn once."""
        office = self.office
        if order.doomed:
            self._refuse_late(order)
            return False
        if order.drawn:
            return True
        order.drawn = True
        held = office.strikes("payment_held")
        late = office.strikes("payment_late")
        if held is not None:
            order.code, order.reason = self._waiting(order)
            self.tell(order, self.status(order))
        if held is None and late is None:
            return True
        at = office.world.now + max(1, ((held or 0) + (late or 0)) * MS)
        self._schedule(order, at)
        return False

    def _refuse_late(self, order: Order) -> None:
        """It was accepted, and is refused; the bank may fall silent on it at this very moment."""
        muted, shown = self.office.strikes("refusal_muted"), (order.code, order.reason)
        status = self._reject(order)
        if muted is not None:
            order.mute_until, order.shown = self.office.world.now + muted * MS, shown
            self.office.payments.holds_back_until(order.mute_until)
        self.tell(order, status)

    def _waiting(self, order: Order) -> tuple[str, str]:
        match order.rule.scheme:
            case "swift_gpi":
                return "ACSP", self.office.dice.pick(("G003", "G004"))
            case "fps":
                return "ACWP", ""
            case _:
                return "PDNG", ""

    def _part(self, order: Order, reason: str = "") -> Part:
        told = order.told
        return Part(
            amount=order.signed,
            end_to_end_id=told.individual or told.payment_id,
            trace=told.trace,
            uetr=told.uetr,
            text=told.text,
            name=told.name,
            peer=told.peer,
            reason=reason,
        )

    def _book_batch(self, orders: list[Order]) -> None:
        """One line for all of them, which may or may not say what is in it."""
        office, batch = self.office, self.office.next_id("B")
        wrong = office.strikes("batch_wrong")
        line = self._batch_line(orders, batch, wrong or 0)
        for order in orders:
            self._booked(order, line)
        if wrong:
            office.mend(1, self._put_right, orders, line)

    def _batch_line(self, orders: list[Order], batch: str, wrong: int = 0) -> Line:
        """A wrong one has somebody else's amount in it, and details none."""
        office, parts = self.office, tuple(self._part(order) for order in orders)
        if wrong:
            sign = 1 if orders[0].signed > 0 else -1
            parts = (*parts, Part(sign * office.exact(wrong)))
        return office.book(
            sum((part.amount for part in parts), Decimal(0)),
            "payment",
            orders[0].rule.family,
            parts,
            batch=batch,
            told_parts=office.dice.chance(1, 2) and not wrong,
        )

    def _put_right(self, orders: list[Order], wrong: Line) -> None:
        """The wrong line is undone, and the batch booked as it is."""
        turned = tuple(_turned(part) for part in wrong.parts)
        self.office.book(
            -wrong.amount, "reversal", wrong.family, turned, batch=wrong.batch, told_parts=False
        )
        line = self._batch_line(orders, wrong.batch)
        for order in orders:
            order.line = line

    def _booked(self, order: Order, line: Line) -> None:
        office, rule = self.office, order.rule
        self._release(order)
        order.line, order.reason = line, ""
        order.code = rule.word if rule.confirms else "ACSP"
        if rule.scheme == "swift_gpi":
            order.reason = "G000"
            at = office.world.now + office.dice.between(HOUR, 20 * HOUR)
            office.payments.holds_back_until(at)
            office.world.call_at(at, self._delivered, order)
        elif rule.confirms:
            self._settle(order)
        else:
            order.silence_ends = rules.silence_ends(office.hours, office.world.now)
            office.world.call_at(order.silence_ends, self._silence_ended, order)
        self._tell_amounts(order)
        if rule.scheme != "swift_gpi":
            order.payment.revocable_until = rules.revocable_until(
                rule, office.hours, office.world.now
            )
            self._may_come_back(order)

    def _settle(self, order: Order) -> None:
        order.payment.settled_at = self.office.world.now

    def _delivered(self, order: Order) -> None:
        """gpi: the beneficiary's bank credited it, less what the banks between took."""
        fee, over = self.office.strikes("fee_deducted"), self.office.strikes("fee_excessive")
        bound = self.office.units(order.rule.deducts)
        order.code, order.reason = "ACCC", ""
        order.payment.fee = bound + over if over else fee or 0
        self._settle(order)
        self._tell_amounts(order)
        self._may_come_back(order)
        if over:
            self.office.payments.misstated.add(order.told.payment_id)
            self.office.mend(1, self._lower, order, bound)

    def _lower(self, order: Order, fee: int) -> None:
        """A bank between took more than it may, and gave that back."""
        order.payment.fee = fee
        self._tell_now(order)

    def _tell_now(self, order: Order) -> None:
        self.tell(order, self.status(order))

    def _tell_amounts(self, order: Order) -> None:
        """The status of what was carried out; a fault may have it tell another amount at first."""
        status = self.status(order)
        off = self.office.strikes("amount_told_wrong") if order.rule.confirms else None
        if not off:
            return self.tell(order, status)
        wrong = replace(status, amount=status.amount + self.office.exact(off))
        self.office.payments.misstated.add(order.told.payment_id)
        self.office.mend(1, self._tell_now, order)
        return self.tell(order, wrong)

    def _silence_ended(self, order: Order) -> None:
        """Nothing came back in time, and nothing says so."""
        if order.payment.returned_at < 0:
            self._settle(order)

    # --- and back --------------------------------------------------------------------------------

    def _may_come_back(self, order: Order) -> None:
        office = self.office
        ways = rules.returns(order.rule, office.hours, office.world.now)
        ways = ways or rules.given_back(order.rule, office.hours, office.world.now)
        if ways and office.strikes("payment_returned") is not None:
            code, since, until = office.dice.pick(ways)
            at = office.hours.within_open_days(office.dice.between(since, until - 1), until - 1)
            nacha = order.told.message_kind == "NACHA"
            if nacha:
                order.irregular = office.strikes("return_dishonoured") is not None
            if not nacha and office.strikes("return_unnamed") is not None:
                office.world.call_at(at, self._return_unnamed, order, code)
            else:
                office.world.call_at(at, self._return, order, code, self._kept_of_return(order))
        if order.told.message_kind == "NACHA" and office.strikes("change_notified") is not None:
            office.world.call_at(office.next_morning(1), self._change, order)

    def _kept_of_return(self, order: Order) -> Decimal:
        """What will be taken for sending it back: mostly nothing, seldom more than may be."""
        office, bound = self.office, order.rule.deducts_back
        if order.told.message_kind == "NACHA":
            return Decimal(0)
        fee, over = office.strikes("fee_deducted"), office.strikes("fee_excessive")
        too_much = bound + office.exact(over or 0)
        if over and order.told.amount > too_much:
            return too_much
        return min(bound, office.exact(fee or 0))

    def _return(self, order: Order, code: str, charge: Decimal) -> None:
        """The money goes back the way it came, under its own id and with its reason; once."""
        office = self.office
        if order.payment.returned_at >= 0:
            return
        order.payment.returned_at = office.world.now
        order.payment.returned = office.units(order.signed)
        nacha = order.told.message_kind == "NACHA"
        return_id = self._trace() if nacha else office.next_id("R")
        if nacha:
            entry = self._entry(order, return_id, "21" if order.signed < 0 else "26")
            at = office.hours.local(office.world.now)
            self._say(order, flat.returned(entry, code, at, office.head.owner))
        back = _turned(self._part(order, code))
        if nacha:
            family = "PMNT/RCDT/RRTN" if order.signed < 0 else "PMNT/IDDT/UPDD"
            line = office.book(-order.signed, "return", family, (back,))
        else:
            line = self._return_less(order, code, return_id, back, charge)
        if nacha and order.irregular:
            office.world.call_at(
                office.next_morning(1), self._dishonour, order, line, code, return_id
            )

    def _return_less(
        self, order: Order, code: str, return_id: str, back: Part, charge: Decimal
    ) -> Line:
        """A pacs.004 and its line, less (or, of what was pulled, with) what is taken for it."""
        office = self.office
        family = "PMNT/RCDT/RRTN" if order.signed < 0 else "PMNT/IDDT/UPDD"
        part = replace(self._part(order), amount=order.signed + charge)
        original = order.line.reference if order.line else ""
        now, currency = office.world.now, office.head.currency
        self._say(order, words.pacs_004(return_id, part, original, code, charge, now, currency))
        book = office.book_less if charge <= order.rule.deducts_back else office.book_too_little
        return book(-order.signed, "return", family, back, charge)

    def _return_unnamed(self, order: Order, code: str) -> None:
        """Message and line name it by an id that only the banks between know; who asks is told."""
        office, bare = self.office, Part(amount=order.signed, reason=code)
        if order.payment.returned_at >= 0:
            return
        order.payment.returned_at = office.world.now
        order.payment.returned = office.units(order.signed)
        return_id = office.next_id("R")
        at, currency = office.world.now, office.head.currency
        theirs = office.next_id("X")
        body = words.pacs_004(return_id, bare, theirs, code, Decimal(0), at, currency)
        self._say(order, body)
        family = "PMNT/RCDT/RRTN" if order.signed < 0 else "PMNT/IDDT/UPDD"
        line = office.book(-order.signed, "return", family, (_turned(bare),))
        for name in (return_id, line.reference):
            office.payments.unnamed[name] = order.told.payment_id

    def _dishonour(self, order: Order, line: Line, code: str, return_id: str) -> None:
        """The return was not in order: it is undone, and the payment stands as it stood."""
        office = self.office
        entry = self._entry(order, self._trace(), "26" if order.signed < 0 else "21")
        at = office.hours.local(office.world.now)
        undone = return_id, code
        self._say(order, flat.dishonoured(entry, "R69", undone, at, office.head.owner))
        again = replace(_turned(line.parts[0]), reason="")
        office.book(-line.amount, "reversal", order.rule.family, (again,))
        order.payment.returned_at, order.payment.returned = -1, 0
        order.payment.dishonoured = True
        if order.payment.settled_at < 0 and not order.rule.confirms:
            # By when it was booked first: a batch that was put right is no later payment.
            if order.silence_ends <= office.world.now:
                self._settle(order)

    def _change(self, order: Order) -> None:
        office = self.office
        bank, _, number = order.told.peer.partition("/")
        if number == CORRECTED[9:]:
            return  # they are right already
        office.payments.corrected[order.told.peer] = f"{bank}/{CORRECTED[9:]}"
        office.payments.corrected_at.setdefault(order.told.peer, office.world.now)
        entry = self._entry(order, self._trace(), "21")
        at = office.hours.local(office.world.now)
        self._say(order, flat.changed(entry, "C01", CORRECTED[9:], at, office.head.owner))

    def _trace(self) -> str:
        """The number of an entry that the bank passes on to us, given once."""
        self._traces += 1
        return f"{flat.FED[:8]}{self._traces:07d}"

    def _entry(self, order: Order, return_trace: str, code: str) -> flat.Entry:
        routing, _, account = order.told.peer.partition("/")
        return flat.Entry(
            code,
            order.told.individual,
            order.told.trace,
            order.told.name,
            routing,
            account,
            order.told.amount,
            return_trace,
        )

    def _reverse(self, told: Instruction) -> Status:
        """NACHA: an entry of ours that undoes one; it settles as any entry does."""
        order = self.orders.get(told.payment_id)
        self._reversals += 1  # the same file again does not come this far
        name = f"reversal {self._reversals}"
        self.office.payments.asked_back(told.payment_id, name, self.office.world.now)
        if order is None or order.payment.returned_at >= 0:
            return _status(told, "RJCT", "NOOR")
        at = rules.settles(order.rule, self.office.hours, self.office.world.now, told.wanted)
        self.office.world.call_at(at, self._reversed, order)
        return _status(told, "ACCP")

    def _reversed(self, order: Order) -> None:
        if order.payment.returned_at >= 0 or order.line is None:
            return
        order.payment.returned_at = self.office.world.now
        order.payment.returned = self.office.units(order.signed)
        self.office.book(
            -order.signed, "reversal", order.rule.family, (_turned(self._part(order)),)
        )

    def recall(self, payment_id: str, message_id: str) -> None:
        """We ask a credit back: before it settles it is stopped, after it its receiver decides.

        Asked again by the same message, the answer is told again if there is one.
        """
        office, order = self.office, self.orders.get(payment_id)
        if not office.payments.asked_back(payment_id, message_id, office.world.now):
            if payment_id in self._answers:
                self._answer_recall(payment_id, *self._answers[payment_id])
            return None
        if order is None:
            return self._answer_recall(payment_id, "RJCR", "NOOR")
        if order.alive:
            order.code = "CANC"
            order.payment.failed_at = office.world.now
            self._release(order)
            return self._answer_recall(payment_id, "CNCL", "")
        at = office.next_morning(office.dice.between(1, 9))
        if order.line is None or order.payment.returned_at >= 0:
            return self._answer_recall(payment_id, "RJCR", "ARDT")
        if office.dice.chance(1, 2):
            office.world.call_at(at, self._consent, order)
        else:
            office.world.call_at(at, self._answer_recall, payment_id, "RJCR", "CUST")
        return None

    def _consent(self, order: Order) -> None:
        if order.payment.returned_at >= 0:
            return self._answer_recall(order.told.payment_id, "RJCR", "ARDT")
        self._answer_recall(order.told.payment_id, "CNCL", "")
        return self._return(order, "FOCR", self._kept_of_return(order))

    def _answer_recall(self, payment_id: str, code: str, reason: str) -> None:
        office = self.office
        self._answers[payment_id] = code, reason
        body = words.camt_029(office.next_id("C"), payment_id, code, reason, office.world.now)
        office.notices.tell(body)

    # --- what is said of it ----------------------------------------------------------------------

    def query(self, payment_id: str) -> bytes | None:
        """The status of a payment now; None if it is not known."""
        order = self.orders.get(payment_id)
        if order is None or self.office.world.now < order.listed_at:
            return None
        if order.shown is not None and self.office.world.now < order.mute_until:
            return self._body(order, _status(order.told, *order.shown, reference=order.told.trace))
        return self._body(order, self.status(order))

    def status(self, order: Order) -> Status:
        settled = order.payment.settled_at >= 0 and order.rule.confirms
        return _status(
            order.told,
            order.code,
            order.reason,
            reference=order.line.reference if order.line else order.told.trace,
            charge=self.office.exact(order.payment.fee),
            at=order.payment.settled_at if settled else 0,
        )

    def tell(self, order: Order, status: Status) -> None:
        """Push a status, unless the bank says nothing of this payment for now."""
        self._say(order, self._body(order, status))

    def _say(self, order: Order, body: bytes) -> None:
        if self.office.world.now >= order.mute_until:
            self.office.notices.tell(body)

    def _body(self, order: Order, status: Status) -> bytes:
        """The scheme's own word where it has one for us, else the bank's."""
        told = order.line is not None or status.code in ("ACSP", "ACWP")
        if not (order.rule.confirms and told):
            return self._pain_002([status])
        office = self.office
        return words.pacs_002(status, office.next_id("S"), office.world.now, office.head.currency)

    def _pain_002(self, statuses: Iterable[Status]) -> bytes:
        return words.pain_002(statuses, self.office.next_id("S"), self.office.world.now)


def _nobody() -> Answer:
    return 504, b"upstream request timeout", False


def _status(told: Instruction, code: str, reason: str = "", **more: object) -> Status:
    return Status(
        told.payment_id,
        told.message_id,
        told.message_kind,
        code,
        reason,
        uetr=told.uetr,
        amount=told.amount,
        **more,  # type: ignore[arg-type]  # fields by their names
    )


def _turned(part: Part) -> Part:
    """The same, the other way round."""
    return replace(part, amount=-part.amount, address="")
