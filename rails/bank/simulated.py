"""A simulated bank with one account of ours: what it takes, what it answers, what it tells.

It speaks ISO 20022, and in the United States NACHA and BAI2. Its file API:

    POST /v1/payments                          pain.001, pain.008 or NACHA; answered by a pain.002
    POST /v1/status-requests                   pacs.028; answered by a pacs.002 or pain.002, or 404
    POST /v1/cancellations                     camt.056; taken with 202, its camt.029 comes later
    POST /v1/resolutions                       camt.029, our answer to a recall; taken with 202
    GET  /v1/accounts/NUMBER/balance           a camt.052 as of now
    GET  /v1/accounts/NUMBER/entries?after=N   {"documents": [...], "through": N, "more": ...}
    GET  /v1/accounts/NUMBER/statements/N      the camt.053 or BAI2 of that sequence number
    GET  /v1/accounts/NUMBER/statements?after=T&until=T    {"documents": [...]} of those of a time

The envelope of `entries` lists documents in order, each with its type and its text: one camt.052 of
the lines that follow, or none. `through` is the cursor for the next page. Everything else is pushed
as the document itself: statuses, a camt.054 for each line, returns, recalls, and after each banking
day its statement.
"""

import json
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal

from rails.bank import flat, words
from rails.bank.arrivals import Arrivals
from rails.bank.clearing import Clearing
from rails.bank.hours import Hours
from rails.bank.instructed import Malformed, question
from rails.bank.ledger import Closed, Ledger
from rails.bank.office import Office
from rails.bank.words import Head
from rails.dialect import Request
from rails.keeper import Answer, Notices, Statements
from sim.dice import Stream
from sim.faults import Fault, Faults
from sim.payments import Payments
from sim.truth import Truth
from sim.wire import Wire
from sim.world import World

LINES_PER_PAGE = 100
MS = 1_000_000
DAY = timedelta(days=1)


@dataclass(slots=True, eq=False)
class SimulatedBank:
    """One bank, on its own calendar (`fed`, `target` or `england`), with our one account."""

    name: str
    account: str
    calendar: str
    head: Head
    opening: Decimal
    world: World
    wire: Wire
    faults: Faults
    truth: Truth
    payments: Payments
    dice: Stream
    office: Office = field(init=False)
    clearing: Clearing = field(init=False)
    arrivals: Arrivals = field(init=False)
    stated: Statements = field(init=False)
    _closed_to: tuple[date, int] = field(init=False)
    _illegible: dict[int, int] = field(default_factory=dict)
    _untied: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        notices = Notices(self.name, self.world, self.wire, self.faults, self.truth)
        self.office = Office(
            self.name,
            self.account,
            self.head,
            Hours(self.calendar),
            self.world,
            self.faults,
            self.truth,
            self.payments,
            self.dice,
            Ledger(self.head.number, self.head.currency, self.opening),
            notices,
        )
        self.clearing = Clearing(self.office)
        self.arrivals = Arrivals(self.office)
        self.stated = Statements(self.name, self.world, self.faults)
        self.office.opened()
        today = self.office.hours.day(self.world.now)
        self._closed_to = today, self.world.now
        self._await_close(today)

    @property
    def statements(self) -> dict[str, str]:
        """The paths that answer with a statement, and of what kind."""
        return {f"/v1/accounts/{self.head.number}/balance": "balances"}

    def credit(self, address: str, amount: Decimal, text: str = "") -> int:
        """Somebody outside pays to an address of ours."""
        return self.arrivals.credit(address, amount, text)

    # --- what is asked is answered ---------------------------------------------------------------

    def handle(self, asked: Request) -> Answer:
        """Status, body, and whether that is honest."""
        path = asked.path.removeprefix("/v1/").split("/")
        match asked.method, path:
            case "POST", ["payments"]:
                return self.clearing.receive(asked.body)
            case "POST", [("status-requests" | "cancellations" | "resolutions") as about]:
                return self._question(about, asked.body)
            case "GET", ["accounts", self.head.number, "balance"]:
                return self.stated.answer(lambda: self._balance(self._now()), self._lie)
            case "GET", ["accounts", self.head.number, "entries"]:
                return self._entries(int(asked.params.get("after") or "0"))
            case "GET", ["accounts", self.head.number, "statements", sequence]:
                return self._statement(int(sequence))
            case "GET", ["accounts", self.head.number, "statements"]:
                return self._statements(int(asked.params["after"]), int(asked.params["until"]))
            case _:
                return _problem(404, "NOT_FOUND", f"nothing at {asked.path}")

    def _question(self, about: str, body: bytes) -> Answer:
        try:
            told = question(body)
        except Malformed as error:
            return _problem(400, "FORMAT", str(error))
        if about == "cancellations":
            self.clearing.recall(told.about, told.message_id)
            return 202, json.dumps({"received": told.message_id}).encode(), True
        if about == "resolutions":
            if not self.arrivals.answered(told.about, told.code, told.message_id):
                return _problem(404, "UNKNOWN_CASE", f"no recall {told.about}")
            return 202, json.dumps({"received": told.message_id}).encode(), True
        if self.world.now < self.office.notices.silent_until:
            return _problem(503, "UNAVAILABLE", "status service is down")
        status = self.clearing.query(told.about)
        if status is None:
            return _problem(404, "UNKNOWN_PAYMENT", told.about)
        return 200, status, True

    def _now(self) -> Decimal:
        return self.office.ledger.balance

    def _balance(self, amount: Decimal) -> bytes:
        office = self.office
        return words.camt_052(self.head, amount, (), office.next_id("T"), self.world.now)

    def _lie(self, kind: str) -> bytes:
        return self._balance(self._now() * 3 + 1000 if kind == "wild" else Decimal(0))

    def _entries(self, after: int) -> Answer:
        """A page of lines in the order in which they were booked."""
        lines = self.office.ledger.after(after, LINES_PER_PAGE)
        documents = []
        if lines:
            name = f"{self.head.number}-{lines[0].number}-{lines[-1].number}"
            body = words.camt_052(self.head, None, lines, name, self.world.now)
            body = self._maybe_illegible(after, body)
            documents.append({"type": "camt.052", "text": body.decode()})
        through = after + len(lines)
        more = through < len(self.office.ledger.lines)
        told = {"documents": documents, "through": str(through), "more": more}
        return 200, json.dumps(told).encode(), True

    def _maybe_illegible(self, after: int, body: bytes) -> bytes:
        """A document that is cut off comes so whenever it is asked for, until it is mended."""
        if after not in self._illegible:
            cut = self.office.strikes("document_unreadable")
            self._illegible[after] = self._until(cut)
        return body[: len(body) // 2] if self.world.now < self._illegible[after] else body

    def _until(self, wrong: int | None) -> int:
        """When what is wrong for so many milliseconds is put right; 0 where nothing is."""
        if wrong is None:
            return 0
        at = self.world.now + wrong * MS
        self.office.payments.holds_back_until(at)
        return at

    def _statement(self, sequence: int) -> Answer:
        closed = self.office.ledger.closed
        if not 1 <= sequence <= len(closed):
            return _problem(404, "NOT_FOUND", f"no statement {sequence}")
        return 200, self._written(closed[sequence - 1]), True

    def _statements(self, after_at: int, until_at: int) -> Answer:
        """Of what was closed in that time, as it is written now."""
        days = [day for day in self.office.ledger.closed if after_at < day.to_at <= until_at]
        kind = "bai2" if self.calendar == "fed" else "camt.053"
        told = [{"type": kind, "text": self._written(day).decode()} for day in days]
        return 200, json.dumps({"documents": told}).encode(), True

    # --- the end of each banking day -------------------------------------------------------------

    def _await_close(self, day: date) -> None:
        """The books of a banking day close at its midnight; those of other days with the next."""
        hours = self.office.hours
        last = hours.this_or_next(day)
        self.world.call_at(hours.at(last, "24:00"), self._close, last)

    def _close(self, last: date) -> None:
        first, from_at = self._closed_to
        day = self.office.ledger.close(first, last, from_at, self.world.now)
        self._closed_to = last + DAY, self.world.now
        self.world.call_at(self.office.hours.at(last, "30:00"), self._publish, day)
        self._await_close(last + DAY)

    def _publish(self, day: Closed) -> None:
        """In the morning; a gap is a statement that only those get who ask."""
        wrong = self.office.strikes("statement_untied") if day.lines else None
        self._untied[day.sequence] = self._until(wrong)
        if self.office.strikes("statement_gap") is None:
            self.office.notices.tell(self._written(day))

    def _written(self, day: Closed) -> bytes:
        """Its last line is left out until that was noticed, and the statement put right."""
        if self.world.now < self._untied.get(day.sequence, 0):
            day = replace(day, lines=day.lines[:-1])
        if self.calendar == "fed":
            at = self.office.hours.local(day.to_at)
            return flat.bai2(self.head.number, self.head.currency, day, at)
        return words.camt_053(self.head, day, f"{self.head.number}-{day.sequence}", day.to_at)

    # --- what goes wrong by itself ---------------------------------------------------------------

    def strike(self, fault: Fault) -> None:
        """One of the bank's own faults happens now; it counts where it took effect."""
        match fault.kind:
            case "confirmation_outage":
                silent_until = self.office.notices.fall_silent(fault.strength)
                self.office.payments.holds_back_until(silent_until)
            case "credit_unreferenced":
                self.arrivals.unreferenced(fault.strength)
            case "debit_unannounced":
                self.arrivals.charge(fault.strength)
            case "interest_credited":
                self.arrivals.interest(fault.strength)
            case _:
                return
        self.faults.count(fault.kind)


def _problem(status: int, code: str, message: str) -> Answer:
    return status, json.dumps({"code": code, "message": message}).encode(), True
