"""The oracle of permissions: what signers are asked for, beside all else that may yet happen.

It is judged when a permission is first asked to be signed: whether those that are out can happen in
an order that lets it leave a limit beyond, whether one of them bears its nonce, and whether the
books knew that the contract stands still. When it is asked for again: whether it is the same. And
when a signer declines: whether it had a reason to.

It shares no code with what it judges. What it is not sure of is no fault: a permission counts as
out only while the contract would take it, and limits are those that stood for a while.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sim.token_oracle import Decided, InForce, Kind, Movement, TokenOracle, breaks, forbids, topic

SECOND = 1_000_000_000
# So late may the books hear of a policy that is in force, or of a person's facts.
TOLD_NS_MAX = 120 * SECOND
# From the step that decides to its effect: a group's wait, and no restart.
EFFECT_NS_MAX = SECOND
# Signers trust a head of a minute; this one is surely fresh.
FRESH_S_MAX = 48
PAUSED, UNPAUSED = topic("Paused(address)"), topic("Unpaused(address)")


@dataclass(slots=True, frozen=True)
class Permission:
    """What a signer is asked to sign. Times of its window are seconds."""

    decision: str
    kind: Kind
    sender: str
    receiver: str
    value: int
    valid_after: int
    valid_before: int
    owner: str
    nonce: int
    epoch: int

    @property
    def movement(self) -> Movement:
        return Movement(0, 0, "", self.sender, self.receiver, self.value, self.decision)


@dataclass(slots=True, eq=False)
class PermissionOracle:
    """Watches one token; `takes` says whether the contract would take a permission's nonce and
    epoch in the newest block."""

    token: TokenOracle
    takes: Callable[[Permission], bool]
    beyond: list[str] = field(default_factory=list)
    nonces_shared: list[str] = field(default_factory=list)
    decisions_doubled: list[str] = field(default_factory=list)
    while_paused: list[str] = field(default_factory=list)
    declined_wrongly: list[str] = field(default_factory=list)
    _open: dict[str, Permission] = field(default_factory=dict)
    _seen: dict[str, Permission] = field(default_factory=dict)

    def asked(self, wanted: Permission, now: int) -> None:
        """A signer is asked; only the first time says when it was decided."""
        known = self._seen.setdefault(wanted.decision, wanted)
        if known is not wanted:
            if known != wanted:
                self.decisions_doubled.append(f"{wanted.decision} at {now}: for two things")
            return
        final = self._second(self.token.chain.final(now))
        over = [name for name, each in self._open.items() if each.valid_before <= final]
        for name in over:
            del self._open[name]
        self._look(wanted, now)
        self._open[wanted.decision] = wanted

    def _look(self, wanted: Permission, now: int) -> None:
        at = f"{wanted.decision} at {now}"
        if any(_is_same_nonce(each, wanted) for each in self._open.values()):
            self.nonces_shared.append(f"{at}: its nonce is out")
        if wanted.kind != "recovery" and self._is_paused(now):
            self.while_paused.append(f"{at}: the contract stands still")
        reason = self._beyond(wanted, now)
        if reason:
            self.beyond.append(f"{at}: {reason}")

    # --- limits, in any order --------------------------------------------------------------------

    def _beyond(self, wanted: Permission, now: int) -> str:
        """Which limit it leaves beyond in some order of what is out; "" where none is found."""
        every = list(self._open.values())
        if not self._excess(wanted, every, now) or not self.takes(wanted):
            return ""
        out = [each for each in every if self._is_out(each, now)]
        return self._excess(wanted, out, now)

    def _excess(self, wanted: Permission, out: Sequence[Permission], now: int) -> str:
        chain = self.token.chain
        head = chain.head(now)
        held = self.token.balances(head, chain.timeline.branch(head, now))
        forces = self.token.in_force(now - TOLD_NS_MAX, now)
        for before in self._orders(wanted, out, forces[-1]):
            state = _after(held, before)
            if not _can_pay(state, wanted):
                continue
            found = [
                breaks(force, state, wanted.movement, max(force.at, now), wanted.kind)
                for force in forces
            ]
            if all(found):
                return found[0]
        return ""

    def _orders(
        self, wanted: Permission, out: Sequence[Permission], force: InForce
    ) -> Iterator[list[Permission]]:
        """What may happen before it, as would be worst for one limit after another."""

        def place(who: str) -> str:
            return force.people[who].jurisdiction if who in force.people else ""

        yield [each for each in out if each.receiver == wanted.receiver]
        yield [each for each in out if each.sender == wanted.sender]
        yield [each for each in out if place(each.receiver) == place(wanted.receiver)]
        yield [each for each in out if each.receiver and each.receiver != wanted.sender]

    def _is_out(self, each: Permission, now: int) -> bool:
        """Whether a block to come may surely take it."""
        head = self._second(self.token.chain.head(now))
        return head + 1 < each.valid_before and self.takes(each)

    # --- a contract that stands still ------------------------------------------------------------

    def _is_paused(self, now: int) -> bool:
        """By the newest block that the books called final for long enough to go by it."""
        known = [number for number, since in self.token.finals if now - since > EFFECT_NS_MAX]
        return bool(known) and self._was_paused(known[-1], now)

    def _was_paused(self, number: int, now: int) -> bool:
        chain = self.token.chain
        for below in reversed(chain.filled(0, number)):
            for mined in reversed(chain.block(below, now)):
                for log in reversed(mined.outcome.logs):
                    if log.address == self.token.contract and log.topics[0] in (PAUSED, UNPAUSED):
                        return log.topics[0] == PAUSED
        return False

    # --- signers ---------------------------------------------------------------------------------

    def declined(self, wanted: Permission, reason: str, now: int) -> None:
        """A signer that was well did not sign."""
        if self._is_sound(wanted, now):
            self.declined_wrongly.append(f"{wanted.decision} at {now}: {reason}")

    def _is_sound(self, wanted: Permission, now: int) -> bool:
        """Whether its window is open, the contract would take it, and nothing changed since it was
        decided that permits it."""
        head, force = self._second(self.token.chain.head(now)), self.token.history[-1]
        is_open = wanted.valid_after <= head < wanted.valid_before
        if not is_open or now // SECOND - head > FRESH_S_MAX:
            return False
        changed = force.at > wanted.valid_after * SECOND
        return not changed and not self._forbidden(wanted, force) and self.takes(wanted)

    def _forbidden(self, wanted: Permission, force: InForce) -> str:
        parties = (wanted.kind, wanted.sender, wanted.receiver, wanted.value, wanted.valid_before)
        return forbids(force.rules, force.people, Decided(0, *parties))

    def _second(self, number: int) -> int:
        return self.token.chain.timeline.schedule.time(number) // SECOND


def _is_same_nonce(one: Permission, other: Permission) -> bool:
    return (one.owner, one.nonce) == (other.owner, other.nonce)


def _can_pay(held: Mapping[str, int], wanted: Permission) -> bool:
    return not wanted.sender or held.get(wanted.sender, 0) >= max(1, wanted.value)


def _after(held: Mapping[str, int], moves: Sequence[Permission]) -> dict[str, int]:
    """What everybody holds once those happened that can be paid, in their order."""
    state = dict(held)
    for each in moves:
        if _can_pay(state, each):
            _pass_on(state, each)
    return state


def _pass_on(held: dict[str, int], moved: Permission) -> None:
    for who, change in ((moved.sender, -moved.value), (moved.receiver, moved.value)):
        total = held.pop(who, 0) + change
        if who and total:
            held[who] = total
