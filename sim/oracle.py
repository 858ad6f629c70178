"""The oracle: knows the world's truth, watches our books, and shares no code with either.

The law, checked at every fact of the world and every step of ours: a difference between truth and
books is *in flight* (a fact younger than the detection bound, or whose telling is on the wire) or
*named* (an open suspect or break with that holding and signed size). What is older and unnamed is
silent. A difference is as old as the time since its holding was last equal or rightly named.

The clock of a holding stands still while the statements that would show it cannot be read: until
the failure to give one has arrived and one may ask again (a quarter of a second at most), for the
period that a lie stands for, while a slow request for one is on its way there (what moves in that
time makes the answer say nothing) and the next is not due, and while our node is down. That time is
reported apart, never hidden; that nobody asks again stops no clock. Balances show cash, positions
show legs; that one cannot be read excuses nothing in the other.

What our books declare provisional is believed only where, and as far as, the venue told no better:
the average price of an order, cut to a step, until the exact value was told.

While our node is down its books are what its journal holds: what was booked and not yet durable is
unbooked again, and what was found by it is found no longer. What an old copy of the journal lacks
is unbooked as well, and no older than the crash: until then our books had it.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from sim.truth import Fact, Truth

ZERO = Decimal(0)
# What nobody touched can change its verdict by the passing of time only: looked at this often.
GLANCE_NS = 20_000_000
# A statement may be under way for so long that it tells of a moment that has passed.
MOMENT_NS = 1_000_000_000
STATEMENTS = ("balances", "positions")


class Books(Protocol):
    """What the oracle may see of our books."""

    def figure(self, holding: str) -> Decimal:
        """What we say we hold."""

    def doubt(self, holding: str) -> Decimal:
        """By how much that is declared provisional."""

    def named(self, holding: str) -> Decimal | None:
        """The signed size of the open suspect or break, if there is one."""

    def booked(self, fact: Fact) -> bool:
        """Whether the fact's identity is among what we have booked."""


@dataclass(slots=True)
class Drifted:
    """A fact whose telling was lost: when it was born, and when and how it was found.

    `born_usable` has the clock of each kind of statement that would show it; a life of our node
    that a cut took away is taken off the age, as nobody is left who read anything then.
    """

    fact: Fact
    born_usable: dict[str, int]
    found_ns: int = -1
    found_at: int = -1
    how: str = ""


@dataclass(slots=True)
class Silence:
    """A difference that nobody named in time."""

    holding: str
    at: int
    truth: Decimal
    books: Decimal
    named: Decimal | None
    facts: tuple[Fact, ...]


@dataclass(slots=True)
class UsableClock:
    """Counts the time in which one kind of an account's statements could be read."""

    since: int
    total: int = 0
    node_up: bool = True
    spoiled_until: int = 0

    def read(self, now: int) -> int:
        begun = max(self.since, self.spoiled_until)
        return self.total + max(0, now - begun) if self.node_up else self.total

    def spoil(self, now: int, until: int) -> None:
        """No statement can be read before then; 0 says that one was read now."""
        self._count(now)
        self.spoiled_until = max(self.spoiled_until, until) if until else 0

    def turn(self, now: int, *, node_up: bool) -> None:
        self._count(now)
        self.node_up = node_up

    def _count(self, now: int) -> None:
        self.total, self.since = self.read(now), now


class Oracle:
    """Watches one run."""

    def __init__(
        self,
        truth: Truth,
        bounds_ns: Mapping[str, int],
        started_at: int,
        timeless: Collection[str] = (),
    ) -> None:
        """`bounds_ns` has the detection bound of each account.

        The statements of `timeless` accounts tell no as-of: a stale one cannot be known for one.
        """
        self._truth = truth
        self._bounds = bounds_ns
        self._timeless = timeless
        self._clocks = {
            account: {kind: UsableClock(started_at) for kind in STATEMENTS} for account in bounds_ns
        }
        self._clock_of: dict[str, tuple[UsableClock, int]] = {}
        self._unbooked: dict[str, dict[int, tuple[Fact, int]]] = {}
        self._watched: dict[str, None] = {}
        self._moved: dict[str, None] = {}
        self._glance_at = 0
        self._wrong_since: dict[str, int] = {}
        self._named_at: dict[str, int] = {}
        self._restated_at: dict[str, int] = {}
        self._recounted: dict[str, int] = {}
        self._pending: dict[int, Fact] = {}
        self._born_usable: dict[int, dict[str, int]] = {}
        self._alarmed: dict[str, None] = {}
        self._moved_at: dict[str, int] = {}
        self._named: dict[str, tuple[Decimal, Decimal]] = {}
        self._booked_since: list[Fact] = []
        self._booked_at: list[tuple[int, Fact]] = []
        self._found_since: list[Drifted] = []
        self.books: Books | None = None
        self.silent: list[Silence] = []
        self.false_alarms: list[str] = []
        self.forgotten: list[str] = []
        self.drifted: dict[int, Drifted] = {}
        self._open_drift: dict[int, Drifted] = {}
        truth.on_fact = self._on_fact
        truth.on_statement_path = self._on_path

    # --- the truth moves -------------------------------------------------------------------------

    def _on_fact(self, fact: Fact) -> None:
        clocks = self._clocks[fact.account]
        kinds = dict.fromkeys(shown_by(name) for name in fact.deltas) or STATEMENTS
        born = {kind: clocks[kind].read(fact.at) for kind in kinds}
        self._born_usable[fact.number] = born
        self._pending[fact.number] = fact
        if fact.kind == "restated":
            for name in self._counted_in(fact):
                self._restated_at[name] = fact.at
                self._recounted.pop(name, None)
        for name in fact.deltas:
            self._moved_at[name] = fact.at
            self._unbooked.setdefault(name, {})[fact.number] = (fact, born[shown_by(name)])
            self._watched[name] = self._moved[name] = None
        if self.books is not None:
            self._look((), self.books)

    def _counted_in(self, restated: Fact) -> list[str]:
        """A contract's legs: one that is flat is counted anew as well, though by nothing."""
        leg = f"{restated.account}/{restated.key[0]}/"
        return [name for name in self._truth.totals if name.startswith(leg)]

    def _on_path(self, what: str, spoiled_until: int) -> None:
        account, _, kind = what.partition(" ")
        self._clocks[account][kind].spoil(self._truth.now(), spoiled_until)

    def node_up(self, books: Books) -> None:
        """Our node came up, with these books."""
        self.books = books
        self._turn_all(node_up=True)

    def node_down(self, books: Books, cut_since: int | None = None) -> None:
        """Our node went down: `books` are those that its journal holds; nobody reads statements.

        Of what was durable, what was taken in from `cut_since` on may be lost to them too; and what
        was read since to no use: that time counts against no difference.
        """
        self.books = books
        for fact in self._booked_since:
            self._unbook(fact, self._born_usable[fact.number])
        if cut_since is not None:
            self._lived_in_vain(self._truth.now() - cut_since)
            for fact in self._cut(cut_since, books):
                self._unbook(fact, self._read(fact.account, STATEMENTS))
        for drift in self._found_since:
            drift.found_ns, drift.found_at, drift.how = -1, -1, ""
            self._open_drift[drift.fact.number] = drift
        self._named.clear()
        self.node_durable()
        self._turn_all(node_up=False)

    def _lived_in_vain(self, lost_ns: int) -> None:
        """What differs is so much younger, by the time in which statements could be read."""
        for number, fact in self._pending.items():
            ages = self._born_usable[number]
            now = self._read(fact.account, ages)
            ages.update({kind: min(now[kind], ages[kind] + lost_ns) for kind in ages})
        for name, waiting in self._unbooked.items():
            usable = self._clock(name)[0].read(self._truth.now())
            for number, (fact, born) in waiting.items():
                waiting[number] = (fact, min(usable, born + lost_ns))
            if name in self._wrong_since:
                self._wrong_since[name] = min(usable, self._wrong_since[name] + lost_ns)

    def _cut(self, since: int, books: Books) -> list[Fact]:
        late = [fact for at, fact in self._booked_at if at >= since]
        had = [fact for fact in late if fact.number not in self._pending]
        return [fact for fact in had if not books.booked(fact)]

    def _unbook(self, fact: Fact, born: Mapping[str, int]) -> None:
        """Our books do not have it any more; `born` has its clock's beginning by statement."""
        self._pending[fact.number] = fact
        if fact.kind == "restated":
            for name in self._counted_in(fact):
                self._recounted.pop(name, None)
        for name in fact.deltas:
            waiting = self._unbooked[name]
            waiting[fact.number] = (fact, born[shown_by(name)])
            self._unbooked[name] = dict(sorted(waiting.items()))
            self._watched[name] = self._moved[name] = None

    def node_durable(self) -> None:
        """All that our node took in is durable: only a cut takes it back."""
        self._booked_since.clear()
        self._found_since.clear()

    def _turn_all(self, *, node_up: bool) -> None:
        for clocks in self._clocks.values():
            for clock in clocks.values():
                clock.turn(self._truth.now(), node_up=node_up)

    def paused_ns(self, account: str, now: int, started_at: int) -> int:
        """How long a clock of the account stood still, whichever did so longest."""
        return max(now - started_at - clock.read(now) for clock in self._clocks[account].values())

    def _clock(self, name: str) -> tuple[UsableClock, int]:
        """The clock of a holding, and the detection bound of its account."""
        known = self._clock_of.get(name)
        if known is None:
            account = name.rsplit("/", 2)[0]
            known = self._clocks[account][shown_by(name)], self._bounds[account]
            self._clock_of[name] = known
        return known

    def _read(self, account: str, kinds: Iterable[str]) -> dict[str, int]:
        clocks, now = self._clocks[account], self._truth.now()
        return {kind: clocks[kind].read(now) for kind in kinds}

    # --- the law ---------------------------------------------------------------------------------

    def observe(self, touched: list[str]) -> None:
        """A step was taken: `touched` holdings may have moved."""
        books = self.books
        if books is None:
            return
        if self._pending:
            for number in [n for n, fact in self._pending.items() if books.booked(fact)]:
                self._booked(self._pending.pop(number))
        self._look(touched, books)

    def look_around(self) -> None:
        """Judge all that is watched, now."""
        self._glance_at = 0
        self.observe([])

    def _look(self, touched: Sequence[str], books: Books) -> None:
        now = self._truth.now()
        if now >= self._glance_at:
            self._glance_at = now + GLANCE_NS
            self._moved.clear()
            for name in [*self._watched, *touched]:
                self._check(name, books)
            self._check_drift(books)
            return
        for name in [*self._moved, *touched]:
            self._check(name, books)
        self._moved.clear()

    def _booked(self, fact: Fact) -> None:
        self._booked_since.append(fact)
        self._booked_at.append((self._truth.now(), fact))
        self._recount(fact)
        for name in fact.deltas:
            self._unbooked[name].pop(fact.number, None)
            self._watched[name] = self._moved[name] = None
        drift = self._open_drift.pop(fact.number, None)
        if drift is None and fact.lost_at >= 0 and fact.number not in self.drifted:
            drift = self._born(fact)
            self._open_drift.pop(fact.number)
        if drift is not None:
            self._found(drift, "evidence booked")

    def _recount(self, fact: Fact) -> None:
        """Where our books took in a restatement, or what counts the contracts of before it."""
        if fact.kind == "restated":
            counted = self._counted_in(fact)
        else:
            counted = [
                name
                for name in fact.deltas
                if name in self._recounted
                and (fact.kind == "bust" or fact.at <= self._restated_at[name])
            ]
        for name in counted:
            self._recounted[name] = self._clock(name)[0].read(self._truth.now())

    def _check(self, name: str, books: Books) -> None:
        """Judge one holding; forget it once it is clean."""
        now = self._truth.now()
        unbooked = self._unbooked.get(name, {})
        truth, ours = self._truth.totals.get(name, ZERO), books.figure(name)
        named, doubt = books.named(name), self._doubt(name, books)
        clock, bound = self._clock(name)
        usable = clock.read(now)
        self._remember_name(name, truth, ours, named, doubt)
        wrong = truth - ours - sum((fact.deltas[name] for fact, _ in unbooked.values()), ZERO)
        if not unbooked and -doubt <= wrong <= doubt:
            self._watched.pop(name, None)
            self._wrong_since.pop(name, None)
            self._alarmed.pop(name, None)
            return
        if self._explained(name, unbooked, wrong, named, doubt, usable - bound):
            equal = -doubt <= truth - ours <= doubt
            if named or equal or any(born < usable - bound for _, born in unbooked.values()):
                self._named_at[name] = usable
            self._watched[name] = None
            if -doubt <= wrong <= doubt:
                self._wrong_since.pop(name, None)
            self._alarmed.pop(name, None)
            return
        self._watched[name] = None
        since = self._since(name, unbooked, usable, wrong_now=not -doubt <= wrong <= doubt)
        if usable - since > bound and name not in self._alarmed:
            self._alarmed[name] = None
            facts = tuple(fact for fact, _ in unbooked.values())
            self.silent.append(Silence(name, now, truth, ours, named, facts))

    def _doubt(self, name: str, books: Books) -> Decimal:
        """What our books declare provisional, as far as the venue has told no better."""
        declared = books.doubt(name)
        if not declared:
            return ZERO
        clock, bound = self._clock(name)
        usable, allowed = clock.read(self._truth.now()), ZERO
        orders = self._truth.provisional.get(name, {})
        for order_id, each in list(orders.items()):
            if each.exact and each.exact_since < 0:
                each.exact_since = usable
            if each.exact and usable - each.exact_since > bound:
                del orders[order_id]
            else:
                allowed += each.amount
        return min(declared, allowed)

    def _remember_name(
        self, name: str, truth: Decimal, ours: Decimal, named: Decimal | None, doubt: Decimal
    ) -> None:
        """A right name that is gone although neither truth nor books moved was forgotten.

        What is left out of a statement, being nothing, is told without an as-of as well. And where
        the truth moved a moment ago, a statement of that moment may have agreed with reason.
        """
        size = truth - ours
        if named and abs(size - named) <= doubt:
            self._named[name] = (truth, ours)
            return
        before = self._named.pop(name, None)
        if before == (truth, ours) and named is None and abs(size) > doubt:
            settled = self._truth.now() - self._moved_at.get(name, 0) > MOMENT_NS
            if settled and truth and ours and name.rsplit("/", 2)[0] not in self._timeless:
                self.forgotten.append(name)

    def _since(
        self, name: str, unbooked: dict[int, tuple[Fact, int]], usable: int, *, wrong_now: bool
    ) -> int:
        """Since when the difference has been there without a name."""
        if wrong_now:
            since = self._wrong_since.setdefault(name, usable)
        else:
            self._wrong_since.pop(name, None)
            since = usable
        for _, born in unbooked.values():
            since = min(since, born)
        return max(since, self._named_at.get(name, 0))

    def _explained(
        self,
        name: str,
        unbooked: dict[int, tuple[Fact, int]],
        wrong: Decimal,
        named: Decimal | None,
        doubt: Decimal,
        oldest: int,
    ) -> bool:
        """Whether the old part of the difference is named, with none or some of the young."""
        size = named if named is not None else ZERO
        old, young = wrong, []
        for fact, born in unbooked.values():
            if born < oldest and not fact.on_wire:
                old += fact.deltas[name]
            else:
                young.append(fact.deltas[name])
        equal_now = abs(old + sum(young, ZERO)) <= doubt
        if equal_now or abs(old - size) <= doubt:
            return True
        for amount in young:
            old += amount
            if abs(old - size) <= doubt:
                return True
        return False

    def unbooked(self, name: str) -> list[Fact]:
        """The facts of a holding that our books do not have."""
        return [fact for fact, _ in self._unbooked.get(name, {}).values()]

    def on_break(self, name: str, size: Decimal | None = None) -> None:
        """A break was opened: a false alarm where nothing explains its size, or only a slow wire.

        A break without a size says that two tellings contradict: it is true of what a venue has
        just told in two contents, or counts in other contracts than it did a while ago.
        """
        books = self.books
        assert books is not None, "a break is opened by a node that lives"
        doubt = self._doubt(name, books)
        size = books.named(name) if size is None else size  # a suspect may have a name beside it
        if not size:
            if not self._told_twice(name) and not self._is_recounting(name):
                self.false_alarms.append(name)
            return
        unbooked = [fact for fact, _ in self._unbooked.get(name, {}).values()]
        if unbooked and self._restated_at.get(name, -1) >= unbooked[0].at:
            return  # what is missing counts other contracts than the size does
        late = sum((fact.deltas[name] for fact in unbooked), ZERO)
        wrong = self._truth.totals.get(name, ZERO) - books.figure(name) - late
        sizes = [wrong]
        for fact in unbooked:
            sizes.append(sizes[-1] + fact.deltas[name])
        told = any(abs(each - size) <= doubt for each in sizes)
        if not told or (abs(wrong) <= doubt and all(fact.on_wire for fact in unbooked)):
            self.false_alarms.append(name)

    def _told_twice(self, name: str) -> bool:
        """Whether some fill of the holding contradicts, now, what our books have of it.

        What is heard is taken in at once. Where our books heard the wrong content first, every
        telling of the right one contradicts it, whenever that comes.
        """
        glance = self._truth.now() - GLANCE_NS
        for fact in self._truth.contradictions:
            if name in fact.deltas and fact.heard_first >= 0:
                right = fact.of.heard_first if fact.of is not None else -1
                if fact.heard_last >= glance or not 0 <= right < fact.heard_first:
                    return True
        return False

    def _is_recounting(self, name: str) -> bool:
        """Whether a restatement of the holding is not booked, or not longer than the bound ago.

        The same again once our books take in what happened before it.
        """
        if name not in self._restated_at:
            return False
        clock, bound = self._clock(name)
        now = clock.read(self._truth.now())
        return now - self._recounted.get(name, now) <= bound

    # --- drift -----------------------------------------------------------------------------------

    def _born(self, fact: Fact) -> Drifted:
        drift = Drifted(fact, self._born_usable[fact.number])
        self.drifted[fact.number] = self._open_drift[fact.number] = drift
        return drift

    def _check_drift(self, books: Books) -> None:
        for fact in self._pending.values():
            if fact.lost_at >= 0 and fact.number not in self.drifted:
                self._born(fact)
        for number, drift in list(self._open_drift.items()):
            if self._is_named(drift.fact, books):
                self._open_drift.pop(number)
                self._found(drift, "named")
                continue
            # A lost fill that was busted since, or undone in its leg by the next one: there is no
            # difference that this kind of statement could show.
            kinds = [kind for kind in drift.born_usable if self._cancels_out(drift.fact, kind)]
            drift.born_usable |= self._read(drift.fact.account, kinds)

    def _cancels_out(self, fact: Fact, kind: str) -> bool:
        for name in fact.deltas:
            others = self._unbooked[name].values()
            if shown_by(name) == kind and sum((other.deltas[name] for other, _ in others), ZERO):
                return False
        return True

    def _is_named(self, fact: Fact, books: Books) -> bool:
        """A suspect or break has a holding of the fact with a size that includes it.

        What people adjusted and should not have is in the size as well.
        """
        for name in fact.deltas:
            named = books.named(name)
            if named is None:
                continue
            total, doubt = ZERO, self._doubt(name, books)
            unbooked = self._unbooked[name].items()
            late = sum((other.deltas[name] for _, (other, _) in unbooked), ZERO)
            wrong = self._truth.totals.get(name, ZERO) - books.figure(name) - late
            for number, (other, _) in unbooked:
                total += other.deltas[name]
                if number >= fact.number:
                    if min(abs(total - named), abs(total + wrong - named)) <= doubt:
                        return True
        return False

    def _found(self, drift: Drifted, how: str) -> None:
        """As old as by the clock that ran longest: one kind of statement is enough to find it."""
        born = drift.born_usable
        now = self._read(drift.fact.account, born)
        drift.found_ns = max(now[kind] - born[kind] for kind in born)
        drift.found_at = self._truth.now()
        drift.how = how
        self._found_since.append(drift)

    # --- the end ---------------------------------------------------------------------------------

    def differences(self) -> dict[str, tuple[Decimal, Decimal]]:
        """Every holding in which truth and books differ now, doubt aside."""
        books = self.books
        if books is None:
            return {name: (total, ZERO) for name, total in self._truth.totals.items() if total}
        result = {}
        for name, total in self._truth.totals.items():
            ours = books.figure(name)
            if abs(total - ours) > self._doubt(name, books):
                result[name] = (total, ours)
        return result

    @property
    def in_flight(self) -> int:
        """Facts that our books do not have and that are young, or still on the wire."""
        return len(self._pending)

    def missed(self) -> list[Drifted]:
        """Drift that was never found."""
        return [drift for drift in self.drifted.values() if drift.found_ns < 0]


def shown_by(name: str) -> str:
    """The kind of statement that shows a holding."""
    return "balances" if name.endswith("/cash") else "positions"
