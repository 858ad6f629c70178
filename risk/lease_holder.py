"""A gate's side of its leases: what it may spend, by its own monotonic clock, and what it reports.

Rule 1. It never frees: what was spent stays spent for the epoch, whatever becomes of the order.
Rule 2. Anything irregular closes it (a grant out of sequence, of another epoch, of no request that
it made, or past its end) until the next regular grant; closing forbids, and frees nothing.
Rule 3. What it reports is cumulative, so that any message may be lost, doubled, late or overtaken.

Times are nanoseconds of one monotonic clock of this process, handed in; it is never compared with
anybody else's.
"""

from collections.abc import Callable
from typing import Literal

from core.risk_effects import AcknowledgeReturn, GrantLease, TellGate
from core.risk_events import (
    Amount,
    Demand,
    GateStarted,
    LeaseRequested,
    LeaseReturned,
    Ticket,
    TicketVoided,
    Use,
)
from risk.tightening import permille, tightened

Phase = Literal["unborn", "waiting", "open", "tightened", "closed"]
Trigger = Literal["epoch_told", "granted", "aged", "expired", "irregular", "returned", "fenced"]

# What a holder is, and what makes it something else; a trigger that is not here changes nothing.
MOVES: dict[Phase, dict[Trigger, Phase]] = {
    "unborn": {"epoch_told": "waiting"},
    "waiting": {"granted": "open", "irregular": "closed", "fenced": "unborn"},
    "open": {
        "granted": "open",
        "aged": "tightened",
        "expired": "closed",
        "irregular": "closed",
        "returned": "closed",
        "fenced": "unborn",
    },
    "tightened": {
        "granted": "open",
        "expired": "closed",
        "irregular": "closed",
        "returned": "closed",
        "fenced": "unborn",
    },
    "closed": {"granted": "open", "fenced": "unborn"},
}

# Why `spend` said no; 0 is yes.
PASSED = 0
CLOSED = 1
NOT_LENT = 2
NO_BUDGET = 3
BAD_USE = 4

# Requests that are remembered: an answer to an older one is as good as expired.
REQUESTS_MAX = 64
# So often a need is told after an order was refused for want of it.
NEED_TOLD_MAX = 8


class LeaseHolder:
    """What one process of a gate holds. `boot` is greater than that of any process before it."""

    def __init__(
        self,
        gate: str,
        boot: int,
        watch: Callable[[Phase, Trigger, Phase], None] = lambda was, trigger, to: None,
    ) -> None:
        """`watch` is shown each move of the table."""
        self._watch = watch
        self.gate = gate
        self.boot = boot
        self.phase: Phase = "unborn"
        self.why = ""
        self._forget()

    def _forget(self) -> None:
        """A new epoch begins with nothing."""
        self.epoch = 0
        self.sequence = 0
        self.as_of = 0
        self.orders = 0
        self._request = 0
        self._asked: dict[int, int] = {}
        self._grant: GrantLease | None = None
        self._since = 0
        self._expired_at = 0
        self._spent: dict[str, int] = {}
        self._budget: dict[str, int] = {}
        self._at_grant: dict[str, int] = {}
        self._wants: dict[str, int] = {}
        self._needs: dict[str, int] = {}
        self._needs_told: dict[str, int] = {}
        self._unheard: dict[int, Ticket] = {}
        self._returned = 0

    def _move(self, trigger: Trigger, why: str = "") -> None:
        was, moves = self.phase, MOVES[self.phase]
        if trigger in moves:
            self.phase = moves[trigger]
            self._watch(was, trigger, self.phase)
        if self.phase == "closed" and why:
            self.why = why

    # --- spending ---------------------------------------------------------------------------------

    def spend(self, now: int, uses: tuple[Use, ...]) -> int:
        """Take what an order uses, all of it or nothing; 0, or the code of what is in the way."""
        share = self.open_permille(now)
        if self.phase not in ("open", "tightened"):
            self._remember_need(uses)
            return CLOSED
        for use in uses:
            if use.amount < 0 or use.line not in self._budget:
                self._remember_need(uses)
                return NOT_LENT if use.amount >= 0 else BAD_USE
            if use.amount > self._left(use.line, share):
                self._remember_need(uses)
                return NO_BUDGET
        if len(uses) != len({use.line: None for use in uses}):
            return BAD_USE
        for use in uses:
            self._spent[use.line] = self._spent.get(use.line, 0) + use.amount
            self._needs.pop(use.line, None)
        return PASSED

    def ticket(self, uses: tuple[Use, ...], now: int = 0, heard: int = 0, price: int = 0) -> Ticket:
        """The word that goes with an order that was just spent for; kept until it is counted."""
        self.orders += 1
        made = Ticket(self.gate, self.epoch, self.orders, uses, self.sequence, heard, now, price)
        self._unheard[self.orders] = made
        return made

    def headroom(self, now: int, line: str) -> int:
        """How much of a line would pass now."""
        share = self.open_permille(now)
        return self._left(line, share) if self.phase in ("open", "tightened") else 0

    def open_permille(self, now: int) -> int:
        """How much of what the lease left is open, by its age; ages the holder."""
        grant = self._grant
        if grant is None or self.phase not in ("open", "tightened"):
            return 0
        share = permille(now - self._since, grant.heartbeat_ns, grant.ttl_ns)
        if share == 0:
            self._move("expired", "the lease ended")
        elif share < 1000:
            self._move("aged")
        return share

    def _left(self, line: str, share: int) -> int:
        spent = self._spent.get(line, 0)
        budget = self._budget.get(line, 0)
        return max(0, tightened(budget, self._at_grant.get(line, 0), share) - spent)

    def _remember_need(self, uses: tuple[Use, ...]) -> None:
        for use in uses:
            if use.amount >= 0:
                self._needs[use.line] = use.amount
                self._needs_told[use.line] = 0

    # --- what it tells ----------------------------------------------------------------------------

    def start(self) -> GateStarted:
        """Told again until an epoch comes."""
        return GateStarted(received_at=0, gate=self.gate, boot=self.boot)

    def want(self, line: str, amount: int) -> None:
        """Like to hold so much of a line, unspent."""
        self._wants[line] = amount

    def request(self, now: int) -> LeaseRequested:
        """Ask for budget, at least twice a heartbeat."""
        self._request += 1
        self._asked[self._request] = now
        while len(self._asked) > REQUESTS_MAX:
            del self._asked[next(iter(self._asked))]
        lines = dict.fromkeys([*self._wants, *self._needs])
        demands = [
            Demand(line, self._wants.get(line, 0), self._needs.get(line, 0)) for line in lines
        ]
        self._forget_old_needs()
        return LeaseRequested(
            received_at=0,
            gate=self.gate,
            epoch=self.epoch,
            request=self._request,
            applied=self.sequence,
            usage=self.usage(),
            demands=tuple(demands),
            now=now,
        )

    def _forget_old_needs(self) -> None:
        """Whoever was refused asks again, or does not need it any more."""
        for line in list(self._needs):
            self._needs_told[line] += 1
            if self._needs_told[line] >= NEED_TOLD_MAX:
                del self._needs[line]

    def usage(self) -> tuple[Amount, ...]:
        """All that was ever spent in this epoch."""
        return tuple(Amount(line, amount) for line, amount in self._spent.items())

    def give_back(self) -> LeaseReturned:
        """Close, and report what is final; told again until `returned` says that it is counted."""
        self._move("returned", "given back")
        self._returned = self.sequence
        return LeaseReturned(
            received_at=0,
            gate=self.gate,
            epoch=self.epoch,
            sequence=self.sequence,
            usage=self.usage(),
        )

    def unheard(self) -> list[Ticket]:
        """Orders that the node had not counted when it last lent to us."""
        return list(self._unheard.values())

    def void(self, ticket: Ticket) -> TicketVoided:
        """Give up an order that the node seems not to have heard of; it stays spent."""
        return TicketVoided(received_at=0, ticket=ticket)

    # --- what it is told --------------------------------------------------------------------------

    def on_told(self, told: TellGate) -> None:
        """An epoch of its own, or that the one it had is over; nothing that another is told."""
        if told.gate != self.gate:
            return
        if told.ended:
            if told.ended == self.epoch:
                self._move("fenced")
                self._forget()
        elif told.boot == self.boot and told.epoch > self.epoch:
            self._move("fenced")
            self._forget()
            self.epoch = told.epoch
            self._move("epoch_told")

    def on_granted(self, now: int, grant: GrantLease) -> None:
        """Hold the grant if all about it is regular; else close."""
        if self.phase == "unborn":
            return
        self.open_permille(now)
        if grant == self._grant:
            return  # the same once more
        why = self._irregular(now, grant)
        if grant.epoch == self.epoch and grant.sequence > self.sequence:
            self._hold(grant, now if why else self._asked[grant.request])
        if why:
            self._move("irregular", why)
        else:
            self._move("granted")

    def _irregular(self, now: int, grant: GrantLease) -> str:
        """What is wrong with a grant; "" mostly."""
        if grant.gate != self.gate or grant.epoch != self.epoch:
            return f"a grant of epoch {grant.epoch}"
        if grant.sequence != self.sequence + 1:
            return f"grant {grant.sequence} after {self.sequence}"
        if not self.as_of <= grant.as_of <= self.orders:
            return f"a watermark of {grant.as_of} between {self.as_of} and {self.orders}"
        asked = self._asked.get(grant.request)
        if asked is None or now - asked >= grant.ttl_ns:
            return "it had ended when it came"
        return ""

    def _hold(self, grant: GrantLease, since: int) -> None:
        self._grant = grant
        self._since = since
        self.sequence = grant.sequence
        self._budget = {each.line: each.amount for each in grant.budgets}
        self._at_grant = {line: self._spent.get(line, 0) for line in self._budget}
        if grant.as_of <= self.orders:
            self.as_of = max(self.as_of, grant.as_of)
        for counted in [each for each in self._unheard if each <= self.as_of]:
            del self._unheard[counted]

    def on_acknowledged(self, told: AcknowledgeReturn) -> None:
        """What was given back is counted."""
        if told.epoch == self.epoch and told.sequence >= self._returned:
            self._returned = 0

    @property
    def returning(self) -> bool:
        """Whether something was given back and nobody said yet that it is counted."""
        return self._returned > 0
