"""What a person must hear of a node that lives, found in its own state: one rule, one kind.

Rule 1. A rule says what stands now; whether anybody was told of it is no affair of a rule.
Rule 2. The same thing has the same key for as long as it stands, across restarts too.
Rule 3. What the core asks for itself (`RaiseAlert`) is told beside these, by its record's number.
"""

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from msgspec import UNSET

from core import closures, cold
from core.items import advice
from core.money import QUANTITY_DECIMALS, show
from core.state import State
from core.stuck import stuck

SECOND = 1_000_000_000
JOURNAL_BEHIND_NS = 2 * SECOND
LOOP_LATE_NS = 2 * SECOND

Severity = Literal["notice", "warning", "critical"]
SEVERITIES: tuple[Severity, ...] = ("notice", "warning", "critical")
Gate = Literal["open", "exits_only", "closed"]


class Vitals(NamedTuple):
    """What a node's state does not hold of its own life; nanoseconds, by our clock.

    `waiting_since` is when the oldest record was told that no commit has covered (0: none waits),
    `late_ns` by how much the loop last woke too late, `leases` when each gate was last lent to.
    """

    now: int
    waiting_since: int = 0
    late_ns: int = 0
    leases: tuple[tuple[str, int], ...] = ()


class Condition(NamedTuple):
    """Something that stands and that a person should look at."""

    key: str
    severity: Severity
    owner: str
    subject: str
    text: str


class Rule(NamedTuple):
    """A kind of condition: when it is one, and how long it must stand before it is told."""

    kind: str
    says: str
    stands_ns: int
    find: Callable[[State, Vitals], Iterator[Condition]]


def standing(state: State, vitals: Vitals) -> list[tuple[Rule, Condition]]:
    """All that stands, in the order of the table."""
    return [(rule, found) for rule in RULES for found in rule.find(state, vitals)]


# --- gates ---------------------------------------------------------------------------------------


def gate_of(state: State, account: str) -> Gate:
    """What the gate lets through on an account: all that has room, exits only, or nothing new."""
    if state.risk.kills or _engine_is_lost(state):
        return "closed"
    broken = any(name.startswith(f"{account}/") for name in state.breaks)
    shut, _ = closures.refusal(state, account)
    return "exits_only" if broken or shut or state.cut else "open"


def _engine_is_lost(state: State) -> bool:
    return state.risk.cold is not UNSET and cold.age_ns(state) >= state.risk.ttl_ns


# --- the rules -----------------------------------------------------------------------------------


def _breaks(state: State, vitals: Vitals) -> Iterator[Condition]:
    for name, drift in state.breaks.items():
        text = (
            f"break {drift.number}, {drift.cause}: the venue has {_size(state, name, drift.size)}"
        )
        proposal = f"; {drift.proposal}" if drift.proposal else ""
        key = f"break/{drift.number}"
        yield Condition(key, "critical", drift.owner, name, f"{text} more than our books{proposal}")


def _size(state: State, name: str, units: int) -> str:
    _, subject, leg = name.rsplit("/", 2)
    decimals = state.decimals.get(subject, 8) if leg == "cash" else QUANTITY_DECIMALS
    return f"{show(units, decimals)} {subject}"


def _items(state: State, vitals: Vitals) -> Iterator[Condition]:
    for item in state.settlement.items.values():
        text = f"{item.cause} at {item.account}: {advice(item)}"
        yield Condition(f"item/{item.number}", "warning", item.owner, item.subject, text)


def _late_payments(state: State, vitals: Vitals) -> Iterator[Condition]:
    for row in stuck(state) if state.settlement.open_legs else ():
        if row.late:
            text = f"{row.stage}, late: waiting for {row.waiting_for}; safe: {row.safe}"
            yield Condition(f"late/{row.payment_id}", "warning", "", row.payment_id, text)


def _kills(state: State, vitals: Vitals) -> Iterator[Condition]:
    for kill in state.risk.kills.values():
        text = f"ordered by {kill.by}: {kill.reason}; nothing new passes until two people lift it"
        yield Condition(f"kill/{kill.kill_id}", "critical", "risk", kill.kill_id, text)


def _engine(state: State, vitals: Vitals) -> Iterator[Condition]:
    if _engine_is_lost(state):
        text = "the gate is closed: the lease on the engine's word has ended"
        yield Condition("gate/engine", "critical", "risk", "engine", text)


def _leases(state: State, vitals: Vitals) -> Iterator[Condition]:
    lent = dict(vitals.leases)
    for epoch in state.risk.epochs.values():
        at = lent.get(epoch.gate)
        if epoch.status == "open" and at and vitals.now - at >= state.risk.ttl_ns > 0:
            text = f"epoch {epoch.epoch}: its lease has ended and it asks for no other"
            key = f"lease/{epoch.gate}/{epoch.epoch}"
            yield Condition(key, "critical", "risk", epoch.gate, text)


def _streams(state: State, vitals: Vitals) -> Iterator[Condition]:
    for account in state.accounts.values():
        silent = vitals.now - account.heard_at >= account.silence_ns_max
        if not account.streaming or silent:
            text = f"the private stream is {'silent' if account.streaming else 'down'}"
            also = "; books follow by back-fill and statements alone"
            yield Condition(f"stream/{account.name}", "warning", "", account.name, text + also)


def _journal(state: State, vitals: Vitals) -> Iterator[Condition]:
    since = vitals.waiting_since
    if since and vitals.now - since >= JOURNAL_BEHIND_NS:
        text = "what was told is not durable: nothing that spends leaves"
        yield Condition("journal", "critical", "", "journal", text)


def _loop(state: State, vitals: Vitals) -> Iterator[Condition]:
    if vitals.late_ns >= LOOP_LATE_NS:
        text = "the event loop wakes too late: the machine is overloaded, or something blocks it"
        yield Condition("loop", "warning", "", "loop", text)


RULES = (
    Rule("break", "an open break", 0, _breaks),
    Rule("item", "an open item of settlement", 0, _items),
    Rule("late", "a payment that should be over", 0, _late_payments),
    Rule("kill", "a kill that nobody lifted", 0, _kills),
    Rule("gate", "the gate is closed for want of the engine", 0, _engine),
    Rule("lease", "a gate whose lease has ended", 0, _leases),
    Rule("stream", "a private stream down or silent, for 15 s", 15 * SECOND, _streams),
    Rule("journal", "records wait for their commit, for 2 s", 0, _journal),
    Rule("loop", "the loop wakes late, for 5 s", 5 * SECOND, _loop),
)
