"""Leases: what the node lends to gates, and the books of each line that no loan may overdraw.

Rule 1. Per line, exposure + what working orders reserve + what grants leave unspent <= limit.
Rule 2. Nothing lent is free again before its gate says, for good, how much of it was spent, or
before its epoch is fenced: what was accepted stays counted, what comes later is refused.
Rule 3. Time frees nothing here: a lease ends by its gate's clock, and only forbids.
Rule 4. An order reserves until it is over for certain; one whose outcome is unknown reserves all.

A gate's budget of a line is a ceiling on what it may ever have spent in its epoch. So a grant that
is lost, doubled or late cannot be spent twice, and what is unspent is a difference of two sums.
"""

from collections.abc import Sequence

from msgspec import UNSET

from core import cold
from core.effects import Effect, RaiseAlert
from core.listening import arm
from core.orders import TERMINAL, claimed, is_awaited
from core.risk_effects import AcknowledgeReturn, GrantLease, TellGate
from core.risk_events import (
    Amount,
    ExposureStated,
    GateFenced,
    GateStarted,
    LeaseRequested,
    LeaseReturned,
    LimitsLoaded,
    Ticket,
    TicketVoided,
    Use,
)
from core.risk_state import Epoch, EpochStatus, Line
from core.state import Order, State, count, note_move

MOVES: dict[EpochStatus, tuple[EpochStatus, ...]] = {
    "open": ("fenced",),  # may spend, and its tickets are taken
    "fenced": ("over",),  # nothing more is taken; its orders are reserved until they are over
    "over": (),  # no order of it is left: forgotten
}

# An epoch is told apart from all of other boots of the node, whatever a cut journal forgot.
EPOCHS_PER_BOOT = 1 << 20
# So many grants of an epoch are told apart; of older ones that may live only the largest counts.
GRANTS_APART_MAX = 16


# --- grants --------------------------------------------------------------------------------------


def on_requested(state: State, event: LeaseRequested) -> list[Effect]:
    """Note how far the gate is, and lend it what it wants and what there is."""
    epoch = _open(state, event.gate, event.epoch)
    if epoch is None:
        return [TellGate(gate=event.gate, ended=event.epoch)]
    if event.request <= epoch.request:
        count(state, "late_lease_requests")
        return []
    wrong = _wrong(epoch, event)
    if wrong:
        return _fence(state, epoch, wrong)
    epoch.request = event.request
    _settle(epoch, event.applied - 1, event.usage)
    _want(epoch, event, state.now)
    return [_grant(state, epoch)]


def _wrong(epoch: Epoch, event: LeaseRequested) -> str:
    """What no gate of ours would say; "" mostly."""
    if event.applied > epoch.sequence:
        return f"it holds grant {event.applied}, and {epoch.sequence} was the last"
    for used in event.usage:
        ceiling = _ceiling(epoch, used.line)
        if used.amount > ceiling:
            return f"it spent {used.amount} of {used.line}, and might have spent {ceiling}"
    return ""


def _want(epoch: Epoch, event: LeaseRequested, now: int) -> None:
    """What it wants now; a need keeps its place in the queue for as long as it lasts."""
    since = epoch.needs_since
    epoch.wants = {each.line: max(each.want, each.need) for each in event.demands}
    epoch.needs = {each.line: each.need for each in event.demands if each.need > 0}
    epoch.needs_since = {line: since.get(line, now) for line in epoch.needs}


def _grant(state: State, epoch: Epoch) -> Effect:
    lines = dict.fromkeys([*epoch.wants, *epoch.floor, *epoch.spent])
    budgets = {line: _budget(state, epoch, line) for line in lines}
    epoch.sequence += 1
    epoch.ceilings[epoch.sequence] = budgets
    _merge_oldest(epoch)
    return GrantLease(
        gate=epoch.gate,
        epoch=epoch.epoch,
        sequence=epoch.sequence,
        request=epoch.request,
        as_of=epoch.seen_through,
        heartbeat_ns=state.risk.heartbeat_ns,
        ttl_ns=state.risk.ttl_ns,
        budgets=tuple(Amount(line, amount) for line, amount in budgets.items()),
    )


def _budget(state: State, epoch: Epoch, name: str) -> int:
    """The new ceiling: what was spent and what it is to have, within what is free now.

    Nothing new where the cold engine is silent or a cut journal is being read back, and nothing at
    all once its lease has ended.

    What it may hold by an older grant is not free yet: the larger of the two counts until the gate
    says that it holds the newer.
    """
    spent = _spent(epoch, name)
    line = state.risk.lines.get(name)
    if line is None or line.limit is None or state.risk.kills or state.cut:
        return spent
    age = cold.age_ns(state)
    if age >= state.risk.ttl_ns:
        return spent
    room = line.limit - line.exposure - line.reserved - unspent(state, name)
    share = _share(state, epoch, name, line.limit - line.exposure - line.reserved)
    most = min(spent + share, _ceiling(epoch, name) + room)
    if age >= state.risk.heartbeat_ns:  # no more than it may have already
        most = min(most, _ceiling(epoch, name))
    return max(spent, most)


def _share(state: State, epoch: Epoch, name: str, free: int) -> int:
    """This epoch's part of what is free once every gate has given back what it does not want."""
    asking = [each for each in state.risk.epochs.values() if each.status == "open"]
    asking.sort(key=lambda each: (each.needs_since.get(name, state.now), each.epoch))
    pool = free - sum(_on_its_way(each, name) for each in asking)
    asked = [(each.needs.get(name, 0), each.wants.get(name, 0)) for each in asking]
    return allot(pool, asked)[asking.index(epoch)]


def allot(pool: int, asked: Sequence[tuple[int, int]]) -> list[int]:
    """Divide a pool among (need, want) in the order of asking: needs first and whole, then wants.

    Halves of two needs would let neither order pass. A need beyond the pool waits for no one. Of
    wants each gets as much as any other, and no more than it wants: so whoever wants everything
    starves nobody.
    """
    left = max(0, pool)
    given: list[int] = []
    for need, _ in asked:
        met = need if need <= left else 0
        given.append(met)
        left -= met
    wishes = [max(0, want - met) for (_, want), met in zip(asked, given, strict=True)]
    shares = [0] * len(wishes)
    waiting = sorted(range(len(wishes)), key=lambda place: wishes[place])
    for served, place in enumerate(waiting):
        shares[place] = min(wishes[place], left // (len(waiting) - served))
        left -= shares[place]
    return [met + share for met, share in zip(given, shares, strict=True)]


def _merge_oldest(epoch: Epoch) -> None:
    """Two grants become the larger of both, alive for as long as the later one may be."""
    while len(epoch.ceilings) > GRANTS_APART_MAX:
        first, second = list(epoch.ceilings)[:2]
        older, newer = epoch.ceilings.pop(first), epoch.ceilings[second]
        lines = dict.fromkeys([*newer, *older])
        epoch.ceilings[second] = {x: max(older.get(x, 0), newer.get(x, 0)) for x in lines}


# --- sums ----------------------------------------------------------------------------------------


def unspent(state: State, name: str) -> int:
    """What living grants would still let gates spend of a line."""
    total = 0
    for epoch in state.risk.epochs.values():
        if epoch.status == "open":
            total += max(0, _ceiling(epoch, name) - epoch.spent.get(name, 0))
    return total


def committed(state: State, name: str) -> int:
    """All that Rule 1 counts of a line."""
    line = state.risk.lines[name]
    return line.exposure + line.reserved + unspent(state, name)


def _ceiling(epoch: Epoch, name: str) -> int:
    """The most that the gate may ever have spent of a line, by what it was granted and told us."""
    living = [budgets.get(name, 0) for budgets in epoch.ceilings.values()]
    return max(_spent(epoch, name), *living, 0)


def _spent(epoch: Epoch, name: str) -> int:
    return max(epoch.floor.get(name, 0), epoch.spent.get(name, 0))


def _on_its_way(epoch: Epoch, name: str) -> int:
    """Spent by the gate's word, on orders that have not come to us."""
    return _spent(epoch, name) - epoch.spent.get(name, 0)


# --- returns and fences --------------------------------------------------------------------------


def on_returned(state: State, event: LeaseReturned) -> list[Effect]:
    """Count what came back; said again it is the same. The answer leaves after the commit."""
    epoch = _open(state, event.gate, event.epoch)
    if epoch is not None:
        _settle(epoch, event.sequence, event.usage)
    return [AcknowledgeReturn(gate=event.gate, epoch=event.epoch, sequence=event.sequence)]


def _settle(epoch: Epoch, through: int, usage: Sequence[Amount]) -> None:
    """The grants up to `through` are dead, and the gate spent so much."""
    for used in usage:
        epoch.floor[used.line] = max(epoch.floor.get(used.line, 0), used.amount)
    epoch.ceilings = {s: budgets for s, budgets in epoch.ceilings.items() if s > through}


def on_gate_started(state: State, event: GateStarted) -> list[Effect]:
    """A new life of a gate gets an epoch of its own; the one before is fenced."""
    risk = state.risk
    if event.boot < risk.boots.get(event.gate, 0):
        count(state, "late_gate_starts")
        return []
    old = risk.epochs.get(risk.gates.get(event.gate, 0))
    if old is not None and old.status == "open":
        if old.boot == event.boot:
            return [TellGate(gate=event.gate, boot=event.boot, epoch=old.epoch)]
        _move(state, old, "fenced")
    risk.epochs_made += 1
    number = state.epoch * EPOCHS_PER_BOOT + risk.epochs_made
    risk.epochs[number] = Epoch(event.gate, event.boot, number)
    risk.gates[event.gate] = number
    risk.boots[event.gate] = event.boot
    return [TellGate(gate=event.gate, boot=event.boot, epoch=number)]


def on_fenced(state: State, event: GateFenced) -> list[Effect]:
    """Somebody fenced a gate."""
    epoch = state.risk.epochs.get(state.risk.gates.get(event.gate, 0))
    if epoch is None or epoch.status != "open":
        return []
    return _fence(state, epoch, f"by {event.by}: {event.reason}")


def fence_all(state: State, why: str) -> list[Effect]:
    """Fence every gate: nothing that was lent can be spent any more."""
    effects: list[Effect] = []
    for epoch in list(state.risk.epochs.values()):
        if epoch.status == "open":
            effects += _fence(state, epoch, why)
    return effects


def _fence(state: State, epoch: Epoch, why: str) -> list[Effect]:
    _move(state, epoch, "fenced")
    count(state, "gates_fenced")
    text = f"gate {epoch.gate} is fenced: {why}"
    return [
        TellGate(gate=epoch.gate, ended=epoch.epoch),
        RaiseAlert(severity="critical", subject=epoch.gate, text=text),
    ]


def _move(state: State, epoch: Epoch, status: EpochStatus) -> None:
    assert status in MOVES[epoch.status], (epoch.status, status)
    note_move(state, "gate", epoch.status, status)
    epoch.status = status
    if status == "fenced" and not epoch.working:
        _move(state, epoch, "over")
    if status == "over":
        del state.risk.epochs[epoch.epoch]


def _open(state: State, gate: str, number: int) -> Epoch | None:
    epoch = state.risk.epochs.get(number)
    if epoch is None or epoch.gate != gate or epoch.status != "open":
        return None
    return epoch


# --- orders --------------------------------------------------------------------------------------


def is_echo(state: State, ticket: Ticket) -> bool:
    """Whether this very ticket was heard before: its order is known, or was refused."""
    epoch = _open(state, ticket.gate, ticket.epoch)
    return epoch is not None and (
        ticket.sequence <= epoch.seen_through or ticket.sequence in epoch.seen
    )


def refusal(state: State, ticket: Ticket) -> tuple[str, str]:
    """Why an order cannot be taken on this ticket; two empty texts if it can."""
    epoch = _open(state, ticket.gate, ticket.epoch)
    if epoch is None:
        return "GATE_FENCED", f"epoch {ticket.epoch} of gate {ticket.gate!r} is not open"
    names = [use.line for use in ticket.uses]
    if len(dict.fromkeys(names)) != len(names) or any(
        use.amount < 0 or use.relief < 0 for use in ticket.uses
    ):
        return "BAD_TICKET", "each line once, and no negative amounts"
    for use in ticket.uses:
        left = _ceiling(epoch, use.line) - epoch.spent.get(use.line, 0)
        if use.amount > left:
            return "LEASE_OVERSPENT", f"{use.line}: {use.amount} wanted, {left} was lent"
        line = state.risk.lines.get(use.line)
        if line is None or line.limit is None:
            return "NO_LIMIT", f"no limit is set on {use.line}"
        headroom = line.limit - line.exposure - line.reserved
        if use.amount > headroom:
            return "OVER_LIMIT", f"{use.line}: {use.amount} wanted, {max(0, headroom)} would pass"
    return "", ""


def spend(state: State, ticket: Ticket) -> None:
    """Count a ticket as spent: taken or refused, it is not lent any more."""
    epoch = _open(state, ticket.gate, ticket.epoch)
    if epoch is None:
        return
    for use in ticket.uses:
        epoch.spent[use.line] = epoch.spent.get(use.line, 0) + max(0, use.amount)
    epoch.seen[ticket.sequence] = None
    while epoch.seen_through + 1 in epoch.seen:
        epoch.seen_through += 1
        del epoch.seen[epoch.seen_through]


def on_voided(state: State, event: TicketVoided) -> list[Effect]:
    """An order that did not come is not waited for, and not taken if it comes."""
    if not is_echo(state, event.ticket):
        spend(state, event.ticket)
    return []


def reserve(state: State, order: Order, ticket: Ticket) -> None:
    """The order is taken: its worst case is reserved."""
    order.uses, order.gate_epoch, order.reserved = ticket.uses, ticket.epoch, 0
    state.risk.touched[order.client_order_id] = None
    _hold(state, order, order.quantity)


def hold(state: State, order: Order) -> None:
    """The same of an order for which no lease is spent, where this process's gate counts it."""
    if state.risk.desk is not UNSET:
        order.reserved = order.quantity
        state.risk.touched[order.client_order_id] = None


def follow(state: State, now: int) -> list[Effect]:
    """Reservations and exposure follow the orders that moved in this step."""
    effects: list[Effect] = []
    touched = list(state.risk.touched)
    state.risk.touched.clear()
    for name in touched:
        order = state.orders.get(name)
        if order is not None and (order.uses or state.risk.desk is not UNSET):
            effects += _follow(state, order, now)
    return effects


def count_late(state: State, order: Order) -> None:
    """Its fills were booked before it was known for ours: with what is held the engine may have
    counted them. What they relieve as this step ends is taken back, until a word that counts both.
    """
    for use in order.uses:
        other = state.risk.lines.get(use.relieves)
        if other is not None:
            _expose(other, _relief(use, order.filled, order) - _relief(use, order.counted, order))


def _follow(state: State, order: Order, now: int) -> list[Effect]:
    left = max(0, order.quantity - order.filled)
    if order.status not in TERMINAL:
        return _hold(state, order, left)
    # Over, but not for certain: a fill may be told after a cancel, and what was claimed will be.
    effects = _hold(state, order, min(order.reserved, left))
    alarm = f"hold/{order.client_order_id}"
    if order.reserved > _due(state, order) and alarm not in state.alarms:
        effects.append(arm(state, alarm, now + state.risk.hold_ns))
    return effects


def on_hold_alarm(state: State, name: str) -> list[Effect]:
    """The order is over for certain now."""
    order = state.orders.get(name)
    if order is None or order.status not in TERMINAL:
        return []
    state.risk.touched[name] = None
    return _hold(state, order, min(order.reserved, _due(state, order)))


def _due(state: State, order: Order) -> int:
    """What may still be told of an order that is over: a claim that no record bears out is none."""
    return claimed(order) if is_awaited(state, order) else 0


def _hold(state: State, order: Order, reserved: int) -> list[Effect]:
    """Reserve for so much of the order, count what was filled, and see what that does."""
    was, order.reserved = order.reserved, reserved
    before, order.counted = order.counted, order.filled
    effects: list[Effect] = []
    for use in order.uses:
        line = state.risk.lines[use.line]
        line.reserved += _part(use.amount, reserved, order) - _part(use.amount, was, order)
        _expose(line, _taken(use.amount, order.filled, order) - _taken(use.amount, before, order))
        effects += _watch(state, use.line, line, ours=order.filled >= before)
        other = state.risk.lines.get(use.relieves)
        if other is not None:
            _expose(other, _relief(use, before, order) - _relief(use, order.filled, order))
            effects += _watch(state, use.relieves, other, ours=order.filled >= before)
    _count_working(state, order, was=bool(was))
    return effects


def _count_working(state: State, order: Order, *, was: bool) -> None:
    """A fenced epoch is over with the last of its reservations."""
    epoch = state.risk.epochs.get(order.gate_epoch)
    if epoch is None:
        return
    epoch.working += bool(order.reserved) - was
    if epoch.status == "fenced" and not epoch.working:
        _move(state, epoch, "over")


def _part(amount: int, quantity: int, order: Order) -> int:
    """Of an order's amount, what a part of its quantity takes: rounded against us."""
    return -(-amount * quantity // order.quantity)


def _taken(amount: int, filled: int, order: Order) -> int:
    """What fills took: with what is still reserved it makes the whole."""
    if filled <= order.quantity:
        return amount - _part(amount, order.quantity - filled, order)
    return _part(amount, filled, order)


def _relief(use: Use, filled: int, order: Order) -> int:
    """What fills gave back to the line of the other side."""
    return use.relief * filled // order.quantity


def _expose(line: Line, amount: int) -> None:
    line.exposure += amount
    line.moved += amount


# --- limits and exposure -------------------------------------------------------------------------


def on_limits(state: State, event: LimitsLoaded) -> list[Effect]:
    """These limits hold and no others; a line that lost its limit lets nothing new through."""
    risk = state.risk
    risk.content_hash = event.content_hash
    risk.heartbeat_ns, risk.ttl_ns, risk.hold_ns = event.heartbeat_ns, event.ttl_ns, event.hold_ns
    risk.terms = {each.strategy: each for each in event.strategies}
    for line in risk.lines.values():
        line.limit = None
    for limit in event.limits:
        risk.lines.setdefault(limit.line, Line()).limit = limit.amount
    return _watch_all(state)


def on_exposure(state: State, event: ExposureStated) -> list[Effect]:
    """Take over the engine's figures, and add what fills moved since it counted."""
    for stated in event.lines:
        line = state.risk.lines.setdefault(stated.line, Line())
        line.exposure = stated.exposure + line.moved - stated.moved
    return _watch_all(state)


def _watch_all(state: State) -> list[Effect]:
    effects: list[Effect] = []
    for name, line in state.risk.lines.items():
        effects += _watch(state, name, line, ours=False)
    return effects


def _watch(state: State, name: str, line: Line, *, ours: bool) -> list[Effect]:
    """Open or close the breach of a line; says so when it did."""
    over = line.limit is not None and line.exposure + line.reserved > line.limit
    if over == bool(line.over_since):
        return []
    if not over:
        state.risk.passive_ns += state.now - line.over_since
        line.over_since = 0
        return [RaiseAlert(severity="notice", subject=name, text="within its limit again")]
    line.over_since = state.now
    if ours:
        state.risk.limit_breaches += 1
    else:
        state.risk.passive_breaches += 1
    made = "our own orders" if ours else "no order of ours"
    text = f"{line.exposure + line.reserved} of {line.limit}, by {made}: only reductions pass"
    return [RaiseAlert(severity="critical", subject=name, text=text)]
