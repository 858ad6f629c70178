"""The oracle: knows the world's truth, watches our books, and shares no code with either.

The law, checked after every event of the world and every step of ours: a difference between truth
and books is *in flight* (a fact younger than the detection bound, or whose telling is on the wire)
or *named* (an open suspect or break with that holding and signed size). What is older and unnamed
is silent. A difference is as old as the time since its holding was last equal or rightly named.

The clock of an account stands still while its statements cannot be read (the wire or the venue
spoils them, or our node is down): that time is reported apart, never hidden.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from sim.truth import Fact, Truth

ZERO = Decimal(0)
# What nobody touched can change its verdict by the passing of time only: looked at this often.
GLANCE_NS = 20_000_000
# What our books declare provisional is believed up to this much of a unit, and no further.
DOUBT_MAX = Decimal(1)


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
    """A fact whose telling was lost: when it was born, and when and how it was found."""

    fact: Fact
    born_usable: int
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
    """Counts the time in which an account's statements could be read."""

    since: int
    total: int = 0
    bad: dict[str, None] = field(default_factory=dict)

    def read(self, now: int) -> int:
        return self.total if self.bad else self.total + now - self.since

    def turn(self, what: str, now: int, *, good: bool) -> None:
        before = bool(self.bad)
        if good:
            self.bad.pop(what, None)
        else:
            self.bad[what] = None
        if before and not self.bad:
            self.since = now
        elif not before and self.bad:
            self.total += now - self.since


class Oracle:
    """Watches one run."""

    def __init__(self, truth: Truth, bounds_ns: Mapping[str, int], started_at: int) -> None:
        """`bounds_ns` has the detection bound of each account."""
        self._truth = truth
        self._bounds = bounds_ns
        self._clocks = {account: UsableClock(started_at) for account in bounds_ns}
        self._unbooked: dict[str, dict[int, tuple[Fact, int]]] = {}
        self._watched: dict[str, None] = {}
        self._moved: dict[str, None] = {}
        self._glance_at = 0
        self._wrong_since: dict[str, int] = {}
        self._named_at: dict[str, int] = {}
        self._restated_at: dict[str, int] = {}
        self._pending: dict[int, Fact] = {}
        self._born_usable: dict[int, int] = {}
        self._alarmed: dict[str, None] = {}
        self.books: Books | None = None
        self.silent: list[Silence] = []
        self.false_alarms: list[str] = []
        self.drifted: dict[int, Drifted] = {}
        self._open_drift: dict[int, Drifted] = {}
        truth.on_fact = self._on_fact
        truth.on_statement_path = self._on_path

    # --- the truth moves -------------------------------------------------------------------------

    def _on_fact(self, fact: Fact) -> None:
        born = self._born_usable[fact.number] = self._usable(fact.account, fact.at)
        self._pending[fact.number] = fact
        if fact.kind == "restated":  # a leg that is flat is counted anew as well, though by nothing
            for name in self._truth.totals:
                if name.startswith(f"{fact.account}/{fact.key[0]}/"):
                    self._restated_at[name] = fact.at
        for name in fact.deltas:
            self._unbooked.setdefault(name, {})[fact.number] = (fact, born)
            self._watched[name] = self._moved[name] = None

    def _on_path(self, what: str, good: bool) -> None:  # noqa: FBT001  # Truth's own signature
        account, _, kind = what.partition(" ")
        self._clocks[account].turn(kind, self._truth.now(), good=good)

    def node_up(self, *, up: bool) -> None:
        """Our own node went down or came up: nobody reads statements while it is down."""
        for clock in self._clocks.values():
            clock.turn("node", self._truth.now(), good=up)

    def paused_ns(self, account: str, now: int, started_at: int) -> int:
        """How long the account's clock stood still."""
        return now - started_at - self._usable(account, now)

    def _usable(self, account: str, now: int) -> int:
        return self._clocks[account].read(now)

    # --- the law ---------------------------------------------------------------------------------

    def observe(self, touched: list[str]) -> None:
        """A step was taken: `touched` holdings may have moved."""
        books = self.books
        if books is None:
            return
        for number in [n for n, fact in self._pending.items() if books.booked(fact)]:
            self._booked(self._pending.pop(number))
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
        for name in fact.deltas:
            self._unbooked[name].pop(fact.number, None)
            self._watched[name] = self._moved[name] = None
        drift = self._open_drift.pop(fact.number, None)
        if drift is None and fact.lost_at >= 0 and fact.number not in self.drifted:
            drift = self._born(fact)
            self._open_drift.pop(fact.number)
        if drift is not None:
            self._found(drift, "evidence booked")

    def _check(self, name: str, books: Books) -> None:
        """Judge one holding; forget it once it is clean."""
        now = self._truth.now()
        unbooked = self._unbooked.get(name, {})
        truth, ours = self._truth.totals.get(name, ZERO), books.figure(name)
        named, doubt = books.named(name), min(books.doubt(name), DOUBT_MAX)
        account = name.rsplit("/", 2)[0]
        usable, bound = self._usable(account, now), self._bounds[account]
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

    def on_break(self, name: str) -> None:
        """A break was opened: a false alarm where nothing explains its size, or only a slow wire.

        A break without a size says that two tellings contradict; it claims no difference.
        """
        books = self.books
        assert books is not None, "a break is opened by a node that lives"
        size, doubt = books.named(name), min(books.doubt(name), DOUBT_MAX)
        if not size:
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
            elif self._cancels_out(drift.fact):
                # A lost fill that was busted since: there is no difference that could be found.
                drift.born_usable = self._usable(drift.fact.account, self._truth.now())

    def _cancels_out(self, fact: Fact) -> bool:
        for name in fact.deltas:
            if sum((other.deltas[name] for other, _ in self._unbooked[name].values()), ZERO):
                return False
        return True

    def _is_named(self, fact: Fact, books: Books) -> bool:
        """A suspect or break has a holding of the fact with a size that includes it."""
        for name in fact.deltas:
            named = books.named(name)
            if named is None:
                continue
            total = ZERO
            for number, (other, _) in self._unbooked[name].items():
                total += other.deltas[name]
                if number >= fact.number and abs(total - named) <= books.doubt(name):
                    return True
        return False

    def _found(self, drift: Drifted, how: str) -> None:
        account = drift.fact.account
        drift.found_ns = self._usable(account, self._truth.now()) - drift.born_usable
        drift.found_at = self._truth.now()
        drift.how = how

    # --- the end ---------------------------------------------------------------------------------

    def differences(self) -> dict[str, tuple[Decimal, Decimal]]:
        """Every holding in which truth and books differ now, doubt aside."""
        books = self.books
        if books is None:
            return {name: (total, ZERO) for name, total in self._truth.totals.items() if total}
        result = {}
        for name, total in self._truth.totals.items():
            ours = books.figure(name)
            if abs(total - ours) > books.doubt(name):
                result[name] = (total, ours)
        return result

    @property
    def in_flight(self) -> int:
        """Facts that our books do not have and that are young, or still on the wire."""
        return len(self._pending)

    def missed(self) -> list[Drifted]:
        """Drift that was never found."""
        return [drift for drift in self.drifted.values() if drift.found_ns < 0]
