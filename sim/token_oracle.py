"""The oracle of an issued token: the chain's final state, and what people and policy were.

It shares no code with what it judges. It reads the contract's logs in the chain's own blocks, and
knows facts and policies as they changed. Of each final movement it says whether somebody decided
it, whether its holder acted, and whether it left a limit beyond what policy and facts allowed at
any moment from its decision to its block. The books' register is held against the chain each time
that it changes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from sim.chain import Chain, Mined
from sim.execution import TRANSFER_TOPIC, Log
from sim.typed import keccak256

SECOND = 1_000_000_000
NOBODY = ""
ZERO = "0x" + "00" * 20
OWN = -1  # the branch of a node that follows a chain of its own
Kind = Literal["transfer", "mint", "burn", "recovery"]


def topic(event: str) -> str:
    return "0x" + keccak256(event.encode()).hex()


BEHIND = (
    topic("Moved(bytes32,address,uint256,bytes32)"),
    topic("Recovered(bytes32,address,uint256,bytes32)"),
)


@dataclass(slots=True, frozen=True)
class Person:
    """What is true of a holder. Times are seconds; what was never approved ends at 0."""

    jurisdiction: str
    kyc_until: int
    accredited_until: int
    sanctioned: bool
    locks: tuple[tuple[int, int], ...] = ()
    name: str = ""

    def locked(self, at: int) -> int:
        return sum(value for value, until in self.locks if until > at)


@dataclass(slots=True, frozen=True)
class Place:
    """A jurisdiction: from where it receives, as what, and how much of it all there may hold."""

    receives_from: tuple[str, ...]
    accredited: bool
    holds_max: int = -1


@dataclass(slots=True, frozen=True)
class Rules:
    """A policy, in the oracle's own words; -1 bounds nothing."""

    places: Mapping[str, Place]
    lot_min: int
    holder_max: int = -1
    holders_max: int = -1
    supply_max: int = -1


@dataclass(slots=True, frozen=True)
class InForce:
    """Policy and facts from a moment on."""

    at: int
    rules: Rules
    people: Mapping[str, Person]


@dataclass(slots=True, frozen=True)
class Decided:
    """What was signed, by whoever decides: `at` is when it was first asked to be."""

    at: int
    kind: Kind
    sender: str
    receiver: str
    value: int
    valid_before: int


@dataclass(slots=True, frozen=True)
class Movement:
    """A `Transfer` of the contract, with what stands behind it."""

    number: int
    at: int
    subject: str
    sender: str
    receiver: str
    value: int
    decision: str


@dataclass(slots=True, frozen=True)
class Register:
    """The books' register: its blocks from the last final one on (number, hash), and balances."""

    blocks: Sequence[tuple[int, str]]
    final: Mapping[str, int]
    provisional: Mapping[str, int]


class TokenBooks(Protocol):
    """What the oracle may see of our books."""

    def mark(self) -> tuple[str, str]:
        """The hashes of the last final and of the newest block that the register has."""

    def register(self) -> Register: ...

    def orphans(self) -> list[str]:
        """The movements that are open as decided by nobody: "hash/index"."""


@dataclass(slots=True, eq=False)
class TokenOracle:
    """Watches one token."""

    chain: Chain
    contract: str
    books: TokenBooks | None = None
    history: list[InForce] = field(default_factory=list)
    decided: dict[str, Decided] = field(default_factory=dict)
    acted: dict[str, None] = field(default_factory=dict)
    found: dict[str, int] = field(default_factory=dict)
    signed_wrongly: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)
    compared: int = 0
    # The blocks that our books called final, and since when: the last two.
    finals: list[tuple[int, int]] = field(default_factory=list)
    _mark: tuple[str, str] = ("", "")
    _sums: dict[tuple[int, int], dict[str, int]] = field(default_factory=dict)
    _branches: dict[str, int] = field(default_factory=dict)

    # --- what is so ------------------------------------------------------------------------------

    def knows(self, rules: Rules, people: Mapping[str, Person], now: int) -> None:
        """Policy or facts are these from now on."""
        self.history.append(InForce(now, rules, dict(people)))

    def signed(self, decision: str, wanted: Decided, now: int) -> None:
        """Somebody who may sign did; facts and policy of this moment must not forbid it."""
        known = self.decided.setdefault(decision, wanted)
        if (known.sender, known.receiver, known.kind) != (
            wanted.sender,
            wanted.receiver,
            wanted.kind,
        ):
            self.signed_wrongly.append(f"{decision} was signed for two movements")
        force = self.history[-1]
        reason = forbids(force.rules, force.people, wanted)
        if reason:
            self.signed_wrongly.append(f"{decision} at {now}: {reason}")

    # --- the books beside the chain --------------------------------------------------------------

    def observe(self, now: int) -> None:
        """A step was taken."""
        if self.books is None:
            return
        mark = self.books.mark()
        if mark == self._mark:
            return
        self._mark = mark
        self._compare(self.books.register(), now)
        for subject in self.books.orphans():
            self.found.setdefault(subject, now)

    def _compare(self, told: Register, now: int) -> None:
        """Final and provisional, each as of its own block; and final is what is."""
        self.compared += 1
        places = [self.branch(number, block_hash, now) for number, block_hash in told.blocks]
        known = [
            (number, branch)
            for (number, _), branch in zip(told.blocks, places, strict=True)
            if branch is not None and branch != OWN
        ]
        if None in places or not known or places[0] == OWN:
            self.differences.append(f"at {now}: a block of the register is none of the chain's")
            return
        if not self.finals or self.finals[-1][0] != told.blocks[0][0]:
            self.finals = [*self.finals[-1:], (told.blocks[0][0], now)]
        if told.blocks[0][0] > self.chain.final(now):
            self.differences.append(f"at {now}: block {told.blocks[0][0]} is not final")
        if dict(told.final) != self.balances(*known[0]):
            self.differences.append(f"at {now}: final, block {told.blocks[0][0]}")
        # A node that lies of what is not final yet is found out when it is to be.
        if any(block_hash in self.chain.misquoted for _, block_hash in told.blocks[1:]):
            return
        # What a node that was split off tells of its own blocks moves nothing.
        if dict(told.provisional) != self.balances(*known[-1]):
            self.differences.append(f"at {now}: provisional, block {told.blocks[-1][0]}")

    def branch(self, number: int, block_hash: str, now: int) -> int | None:
        """Which fork made the block; None where it is no block of the chain's."""
        if block_hash in self._branches:
            return self._branches[block_hash]
        timeline = self.chain.timeline
        likely = timeline.branch(number, now)
        every: list[int] = [likely, *range(len(timeline.forks) + 1), OWN]
        for branch in every:
            if "0x" + timeline.hash_on(number, branch) == block_hash:
                self._branches[block_hash] = branch
                return branch
        return None

    def balances(self, number: int, branch: int) -> dict[str, int]:
        """What everybody holds after a block, by the logs in it and in those before it."""
        way: list[tuple[int, int]] = []
        for below in reversed(self.chain.filled(0, number)):
            place = below, self._ancestor(below, branch)
            if place in self._sums:
                way.append(place)
                break
            if place in self.chain.blocks:
                way.append(place)
        held: dict[str, int] = {}
        for place in reversed(way):
            if place in self._sums:
                held = self._sums[place]
                continue
            held = dict(held)
            for mined in self.chain.blocks[place]:
                for moved in movements(mined, self.contract):
                    _move(held, moved)
            self._sums[place] = held
        return held

    def _ancestor(self, number: int, branch: int) -> int:
        """Which fork made the block of that number on which a block of the branch stands."""
        forks = self.chain.timeline.forks
        for each in range(branch, 0, -1):
            if forks[each - 1].after < number:
                return each
        return 0

    # --- the end ---------------------------------------------------------------------------------

    def final(self, now: int) -> list[Movement]:
        """Every movement in a final block, in order."""
        chain = self.chain
        return [
            moved
            for number in chain.filled(0, chain.final(now))
            for mined in chain.block(number, now)
            for moved in movements(mined, self.contract)
        ]

    def violations(self, now: int) -> list[str]:
        """Final movements that policy and facts forbade at every moment that they were good for."""
        held: dict[str, int] = {}
        found = []
        for moved in self.final(now):
            wanted = self.decided.get(moved.decision)
            if wanted is not None:
                reason = self._violation(moved, wanted, held)
                found += [f"{moved.subject}: {reason}"] if reason else []
            _move(held, moved)
        return found

    def _violation(self, moved: Movement, wanted: Decided, held: Mapping[str, int]) -> str:
        if not _as_decided(moved, wanted):
            return "it moved otherwise than decided"
        beyond = [
            breaks(force, held, moved, max(force.at, wanted.at), wanted.kind)
            for force in self.in_force(wanted.at, moved.at)
        ]
        return beyond[0] if all(beyond) else ""

    def in_force(self, since: int, until: int) -> list[InForce]:
        """What was in force at some moment of that time."""
        ended = [each.at for each in self.history[1:]] + [until + 1]
        return [
            force
            for force, end in zip(self.history, ended, strict=True)
            if end > since and force.at <= until
        ]

    def orphans(self, now: int) -> list[Movement]:
        """Final movements that nobody decided."""
        return [moved for moved in self.final(now) if moved.decision not in self.decided]

    def missed(self, now: int) -> list[Movement]:
        return [moved for moved in self.orphans(now) if moved.subject not in self.found]

    def false_orphans(self) -> list[str]:
        """Movements called orphans that were decided, in whatever block they are or were."""
        decided = {
            moved.subject: None
            for block in self.chain.blocks.values()
            for mined in block
            for moved in movements(mined, self.contract)
            if moved.decision in self.decided
        }
        return [subject for subject in self.found if subject in decided]

    def seconds_to_find(self, now: int) -> list[float]:
        """From a forged movement's block to its name in our books."""
        return sorted(
            max(0, self.found[moved.subject] - moved.at) / SECOND
            for moved in self.orphans(now)
            if moved.subject in self.found
        )

    def moved_unasked(self, now: int) -> list[Movement]:
        """What left a holder who did not act, and was not recovered by order."""
        return [
            moved
            for moved in self.final(now)
            if moved.sender
            and moved.decision not in self.acted
            and not self._is_recovery(moved.decision)
        ]

    def _is_recovery(self, decision: str) -> bool:
        wanted = self.decided.get(decision)
        return wanted is not None and wanted.kind == "recovery"

    def could_be(self, wanted: Decided, others: Sequence[Decided], now: int) -> bool:
        """Whether it can surely be permitted, whatever becomes of the others: by sums alone."""
        force = self.history[-1]
        if forbids(force.rules, force.people, wanted):
            return False
        held = self.balances(self.chain.final(now), len(self.chain.timeline.forks))
        leaving = sum(each.value for each in others if each.sender == wanted.sender)
        if wanted.sender and held.get(wanted.sender, 0) < leaving + wanted.value:
            return False
        own = held.get(wanted.receiver, 0)
        if theirs(force.people, held, wanted.receiver) > own:
            return False  # who holds it elsewhere may be told to hold it there
        given = dict(held)
        for each in others:
            if each.receiver:
                given[each.receiver] = given.get(each.receiver, 0) + each.value
        given[wanted.sender] = held.get(wanted.sender, 0) - leaving
        moved = Movement(0, now, "", wanted.sender, wanted.receiver, wanted.value, "")
        return not breaks(force, {w: n for w, n in given.items() if n}, moved, now)


def forbids(rules: Rules, people: Mapping[str, Person], wanted: Decided) -> str:
    """Why these people may not do this up to the end of its window, whatever anybody holds."""
    sender, receiver = people.get(wanted.sender), people.get(wanted.receiver)
    if wanted.kind in ("transfer", "burn") and (sender is None or sender.sanctioned):
        return "its sender is unknown or sanctioned"
    if wanted.value < rules.lot_min and wanted.kind != "recovery":
        return "it is less than a lot"
    if wanted.kind == "burn":
        return ""
    if receiver is None or receiver.sanctioned or receiver.kyc_until < wanted.valid_before:
        return "its receiver is unknown, sanctioned or not approved for long enough"
    home = rules.places.get(receiver.jurisdiction)
    if home is None:
        return "nobody there may hold it"
    if wanted.kind == "transfer" and sender is not None:
        if sender.jurisdiction not in home.receives_from:
            return "nobody there may receive it from there"
    if home.accredited and receiver.accredited_until < wanted.valid_before:
        return "its receiver is not accredited for long enough"
    return ""


def breaks(
    force: InForce, held: Mapping[str, int], moved: Movement, at: int, kind: Kind = "transfer"
) -> str:
    """Which limit this step leaves beyond it, and further than before; "" where none.

    What is recovered by order asks no lock-up.
    """
    rules, people, value = force.rules, force.people, moved.value
    sender, receiver = people.get(moved.sender), people.get(moved.receiver)
    if moved.sender and kind != "recovery":
        locked = sender.locked(at // SECOND) if sender is not None else 0
        if held.get(moved.sender, 0) - value < locked:
            return "what is locked left"
    elif not moved.sender and 0 <= rules.supply_max < sum(held.values()) + value:
        return "more than there may be"
    if not moved.receiver:
        return ""
    before = held.get(moved.receiver, 0)
    if 0 <= rules.holder_max < theirs(people, held, moved.receiver) + value:
        if sender is None or receiver is None or sender.name != receiver.name:
            return "more than one may hold"
    joins = int(not before) - int(bool(moved.sender) and held.get(moved.sender, 0) == value)
    holders = len([each for each in held.values() if each])
    if joins > 0 and 0 <= rules.holders_max < holders + joins:
        return "more holders than there may be"
    place = receiver.jurisdiction if receiver is not None else ""
    home = rules.places.get(place)
    if home is None or home.holds_max < 0:
        return ""
    if sender is not None and sender.jurisdiction == place:
        return ""
    there = sum(n for who, n in held.items() if who in people and people[who].jurisdiction == place)
    return "more than all there may hold" if there + value > home.holds_max else ""


def theirs(people: Mapping[str, Person], held: Mapping[str, int], who: str) -> int:
    """What the person has whose address it is, at whatever address."""
    name = people[who].name if who in people else ""
    if not name:
        return held.get(who, 0)
    return sum(n for each, n in held.items() if each in people and people[each].name == name)


def _as_decided(moved: Movement, wanted: Decided) -> bool:
    same = (moved.sender, moved.receiver) == (wanted.sender, wanted.receiver)
    return same and (wanted.kind == "recovery" or moved.value == wanted.value)


def movements(mined: Mined, contract: str) -> list[Movement]:
    """What a transaction moved, each with the decision that the log behind it names."""
    logs = mined.outcome.logs
    found = []
    for place, log in enumerate(logs):
        if log.address == contract and log.topics[0] == TRANSFER_TOPIC:
            subject = f"{mined.transaction.hash}/{mined.first_log + place}"
            behind = logs[place + 1] if place + 1 < len(logs) else None
            found.append(
                Movement(
                    mined.number,
                    mined.at,
                    subject,
                    _party(log.topics[1]),
                    _party(log.topics[2]),
                    int.from_bytes(log.data),
                    _decision(behind),
                )
            )
    return found


def _decision(behind: Log | None) -> str:
    if behind is None or behind.topics[0] not in BEHIND:
        return ""
    return "0x" + behind.data[32:64].hex()


def _party(topic: str) -> str:
    address = "0x" + topic[-40:]
    return NOBODY if address == ZERO else address


def _move(held: dict[str, int], moved: Movement) -> None:
    for who, change in ((moved.sender, -moved.value), (moved.receiver, moved.value)):
        if who:
            total = held.get(who, 0) + change
            if total:
                held[who] = total
            else:
                held.pop(who, None)
