"""A small world of leases: three gates, one node with its journal, a venue, a lying channel.

The world knows the truth (what the venue did, what each gate may still spend by any message that is
under way) and shares no sum with core: `overdrawn` adds it up anew, line by line.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from core.effects import CancelOrder, Effect, PlaceOrder, QueryOrder, SetAlarm
from core.events import (
    AlarmRang,
    Event,
    FillReported,
    OrderMissing,
    OrderReported,
    OrderRequested,
    Side,
)
from core.gate import BreakGate
from core.journal import Journal
from core.money import quantity
from core.node import Node, boot_epoch, recover
from core.risk_effects import AcknowledgeReturn, GrantLease, TellGate
from core.risk_events import (
    ExposureStated,
    GateFenced,
    LimitsLoaded,
    RiskLimit,
    StatedExposure,
    StrategyStateSet,
    Ticket,
    Use,
)
from risk.lease_holder import PASSED, LeaseHolder
from sim.memory_store import MemoryStore
from tests.facts import BEGIN, MS, PERP, fill, linear, opened, started

HEARTBEAT = 100 * MS
TTL = 400 * MS
HOLD = 500 * MS
LOT = quantity("1")
GATES = ("a", "b", "c")
LIMITS = {
    "firm/long": 10,
    "firm/short": 8,
    "firm/gross": 12,
    **{f"strategy/{gate}/{side}": 6 for gate in GATES for side in ("long", "short")},
}


def uses_of(gate: str, side: Side, lots: int) -> tuple[Use, ...]:
    """What an order takes: of its own side, relieving the other, and of the firm's gross."""
    mine, other = ("long", "short") if side == "buy" else ("short", "long")
    return (
        Use(f"firm/{mine}", lots, f"firm/{other}", lots),
        Use(f"strategy/{gate}/{mine}", lots, f"strategy/{gate}/{other}", lots),
        Use("firm/gross", lots),
    )


@dataclass
class Placed:
    """An order as the venue has it."""

    gate: str
    side: Side
    lots: int
    filled: int = 0
    is_open: bool = True
    fills: list[FillReported] = field(default_factory=list)


@dataclass
class GateProcess:
    """A gate's process: its clock runs at its own rate, from its own zero."""

    name: str
    zero: int
    per_mille: int
    holder: LeaseHolder
    boot: int = 1
    passed: int = 0
    asked_at: dict[tuple[int, int], int] = field(default_factory=dict)
    regular_at: int | None = None

    def clock(self, now: int) -> int:
        return self.zero + (now - BEGIN) * (1000 + self.per_mille) // 1000


class Leasing:
    """The world. Each method is something that may happen; `check` must hold after each."""

    def __init__(self, skews: tuple[int, int, int] = (0, 40, -40)) -> None:
        self.now = BEGIN
        self.store = MemoryStore()
        self.to_node: list[Event] = []
        self.to_gate: list[tuple[str, Effect]] = []
        self.from_venue: list[tuple[int, Event]] = []
        self.venue: dict[str, Placed] = {}
        self.alarms: dict[str, int] = {}
        self.gates = {
            name: GateProcess(name, 7 * number * MS, skew, LeaseHolder(name, 1))
            for number, (name, skew) in enumerate(zip(GATES, skews, strict=True))
        }
        self.tickets: dict[tuple[int, int], Ticket] = {}
        self.sides: dict[tuple[int, int], tuple[Side, int]] = {}
        self.node = Node(Journal(self.store), {}, BreakGate())
        self.deliver(started(), opened(PERP, request_validity_ns=300 * MS), linear(), self.limits())
        for name in GATES:
            self.deliver(
                StrategyStateSet(received_at=self.now, strategy=name, standing="enabled", by="anna")
            )
        self.commit()

    def limits(self, **changed: int) -> LimitsLoaded:
        known = {**LIMITS, **{name.replace("_", "/"): amount for name, amount in changed.items()}}
        return LimitsLoaded(
            received_at=self.now,
            content_hash="0" * 64,
            author="anna",
            approver="ben",
            limits=tuple(RiskLimit(line, amount) for line, amount in known.items()),
            heartbeat_ns=HEARTBEAT,
            ttl_ns=TTL,
            hold_ns=HOLD,
        )

    # --- the node ---------------------------------------------------------------------------------

    def deliver(self, *events: Event) -> None:
        for event in events:
            told: Any = event
            fields = {name: getattr(told, name) for name in told.__struct_fields__}
            self.node.deliver(type(told)(**{**fields, "received_at": self.now}))

    def commit(self) -> None:
        for effect in self.node.commit():
            self.perform(effect)

    def crash(self, *, after_commit: bool) -> None:
        """The node dies: with what was not committed, or with effects that it just might have
        handed out."""
        if after_commit:
            self.node.commit()
        self.store.crash()
        state = recover(Journal(self.store), BreakGate())
        epoch = boot_epoch(state, self.store)
        self.node = Node(Journal(self.store), {}, BreakGate(), state)
        self.alarms.clear()
        self.deliver(started(epoch))
        self.commit()
        self.tell_again()

    def tell_again(self) -> None:
        """The venue's own record is read anew: every fill, and what became of each order."""
        for name, placed in self.venue.items():
            self.from_venue += [(self.now, told) for told in placed.fills]
            if not placed.is_open:
                self.say(name, "cancelled")

    def perform(self, effect: Effect) -> None:
        match effect:
            case SetAlarm():
                self.alarms[effect.alarm] = effect.at
            case TellGate() | GrantLease() | AcknowledgeReturn():
                self.to_gate.append((effect.gate, effect))
            case PlaceOrder():
                assert effect.client_order_id not in self.venue, "sent twice"
                order = self.node.state.orders[effect.client_order_id]
                self.venue[effect.client_order_id] = Placed(
                    order.strategy, effect.side, effect.quantity // LOT
                )
                self.say(effect.client_order_id, "acknowledged")
            case CancelOrder():
                self.venue_cancel(effect.client_order_id)
            case QueryOrder():
                self.answer(effect.client_order_id)

    def answer(self, name: str) -> None:
        placed = self.venue.get(name)
        if placed is None:
            missing = OrderMissing(
                received_at=0, account=PERP, client_order_id=name, asked_at=self.now
            )
            self.from_venue.append((self.now, missing))
        else:
            self.say(name, "acknowledged" if placed.is_open else "cancelled")

    def say(self, name: str, status: Any) -> None:
        placed = self.venue[name]
        if status == "cancelled" and placed.filled == placed.lots:
            status = "filled"
        report = OrderReported(
            received_at=0,
            account=PERP,
            client_order_id=name,
            order_id=f"v{name}",
            instrument="BTC-PERP",
            side=placed.side,
            status=status,
            quantity=placed.lots * LOT,
            # Of an order that was cancelled some venues do not say how far it got.
            filled_quantity=-1 if status == "cancelled" else placed.filled * LOT,
        )
        self.from_venue.append((self.now, report))

    # --- the venue --------------------------------------------------------------------------------

    def venue_fill(self, name: str, lots: int) -> None:
        placed = self.venue[name]
        lots = min(lots, placed.lots - placed.filled)
        if not placed.is_open or lots <= 0:
            return
        placed.filled += lots
        told = fill(
            f"{name}-{placed.filled}",
            placed.side,
            str(lots),
            "100",
            account=PERP,
            instrument="BTC-PERP",
            client_order_id=name,
            order_id=f"v{name}",
        )
        placed.fills.append(told)
        placed.is_open = placed.filled < placed.lots
        self.from_venue.append((self.now, told))

    def venue_cancel(self, name: str) -> None:
        """The end of an order may be told before its last fills."""
        placed = self.venue.get(name)
        if placed is None:
            return
        placed.is_open = False
        self.say(name, "cancelled")
        self.from_venue.insert(0, self.from_venue.pop())

    def hear_venue(self, count: int = 1) -> None:
        for _ in range(min(count, len(self.from_venue))):
            self.deliver(self.from_venue.pop(0)[1])

    # --- the gates --------------------------------------------------------------------------------

    def heartbeat(self, name: str, wants: int = 0) -> None:
        """A gate asks: for an epoch, or for budget."""
        gate = self.gates[name]
        holder = gate.holder
        if holder.phase == "unborn":
            self.to_node.append(holder.start())
            return
        for use in (*uses_of(name, "buy", wants), *uses_of(name, "sell", wants)):
            holder.want(use.line, wants)
        asked = holder.request(gate.clock(self.now))
        gate.asked_at[asked.epoch, asked.request] = gate.clock(self.now)
        self.to_node.append(asked)

    def give_back(self, name: str) -> None:
        if self.gates[name].holder.phase != "unborn":
            self.to_node.append(self.gates[name].holder.give_back())

    def order(self, name: str, side: Side, lots: int) -> bool:
        """A strategy wants an order of its gate; says whether it passed."""
        gate = self.gates[name]
        holder, clock = gate.holder, gate.clock(self.now)
        uses = uses_of(name, side, lots)
        budgets = {use.line: holder.headroom(clock, use.line) for use in uses}
        if holder.spend(clock, uses) != PASSED:
            return False
        assert all(budgets[use.line] >= use.amount for use in uses)
        assert gate.regular_at is not None
        assert clock - gate.regular_at < TTL, "spent after the lease ended"
        ticket = holder.ticket(uses, clock)
        self.tickets[ticket.epoch, ticket.sequence] = ticket
        self.sides[ticket.epoch, ticket.sequence] = (side, lots)
        self.send(ticket)
        gate.passed += 1
        return True

    def send(self, ticket: Ticket) -> None:
        side, lots = self.sides[ticket.epoch, ticket.sequence]
        self.to_node.append(
            OrderRequested(
                received_at=0,
                strategy=ticket.gate,
                reference=f"{ticket.epoch}/{ticket.sequence}",
                account=PERP,
                instrument="BTC-PERP",
                side=side,
                quantity=lots * LOT,
                kind="market",
                ticket=ticket,
            )
        )

    def resend(self, name: str) -> None:
        for ticket in self.gates[name].holder.unheard():
            self.send(ticket)

    def void(self, name: str) -> None:
        holder = self.gates[name].holder
        for ticket in holder.unheard():
            self.to_node.append(holder.void(ticket))

    def restart(self, name: str) -> None:
        gate = self.gates[name]
        gate.boot += 1
        gate.holder, gate.regular_at = LeaseHolder(name, gate.boot), None
        gate.asked_at.clear()
        gate.zero += 13 * MS

    def fence(self, name: str) -> None:
        self.deliver(GateFenced(received_at=self.now, gate=name, by="ben", reason="a drill"))

    def restate(self) -> None:
        """The engine counts the firm's gross anew, from the books; it is told later."""
        state = self.node.state
        gross = abs(state.holdings.get(f"{PERP}/BTC-PERP/net", 0)) // LOT
        moved = state.risk.lines["firm/gross"].moved
        self.to_node.append(
            ExposureStated(received_at=0, lines=(StatedExposure("firm/gross", gross, moved),))
        )

    # --- the channel ------------------------------------------------------------------------------

    def pass_to_node(self, index: int, *, keep: bool = False) -> None:
        if self.to_node:
            index %= len(self.to_node)
            told = self.to_node[index] if keep else self.to_node.pop(index)
            self.deliver(told)

    def pass_to_gate(self, index: int, *, keep: bool = False) -> None:
        if self.to_gate:
            index %= len(self.to_gate)
            name, told = self.to_gate[index] if keep else self.to_gate.pop(index)
            self._hear(self.gates[name], told)

    def _hear(self, gate: GateProcess, told: Effect) -> None:
        holder, clock = gate.holder, gate.clock(self.now)
        match told:
            case TellGate():
                holder.on_told(told)
            case GrantLease():
                before = holder.sequence
                holder.on_granted(clock, told)
                if holder.sequence != before and holder.phase == "open":
                    gate.regular_at = gate.asked_at[told.epoch, told.request]
            case AcknowledgeReturn():
                holder.on_acknowledged(told)

    def lose(self, index: int, *, to_node: bool) -> None:
        channel: list[Any] = self.to_node if to_node else self.to_gate
        if channel:
            channel.pop(index % len(channel))

    def wait(self, ns: int) -> None:
        """Time goes on; what is due rings, and the venue's word is never older than the hold."""
        until = self.now + ns
        while self.now < until:
            self.now = min(until, self.now + 50 * MS)
            while self.from_venue and self.from_venue[0][0] < self.now - 300 * MS:
                self.hear_venue()
            due = [(at, name) for name, at in self.alarms.items() if at <= self.now]
            for _, name in sorted(due):
                self.alarms.pop(name, None)
                if name.partition("/")[0] in ("order", "hold", "fills"):
                    self.deliver(AlarmRang(received_at=self.now, alarm=name))
            self.commit()

    # --- the truth --------------------------------------------------------------------------------

    def is_living(self, epoch: int) -> bool:
        known = self.node.state.risk.epochs.get(epoch)
        return known is not None and known.status == "open"

    def position(self, gate: str = "") -> int:
        signed = [
            each.filled if each.side == "buy" else -each.filled
            for each in self.venue.values()
            if gate in ("", each.gate)
        ]
        return sum(signed)

    def exposure(self, line: str) -> int:
        scope, _, side = line.rpartition("/")
        held = self.position(scope.partition("/")[2])
        return abs(held) if side == "gross" else held if side == "long" else -held

    def working(self, line: str) -> int:
        """What orders may still make: at the venue, on the way there, on the way to the node."""
        total = 0
        for each in self.venue.values():
            left = each.lots - each.filled if each.is_open else 0
            total += self._takes(each.gate, each.side, left, line)
        state = self.node.state
        for name in state.accounts[PERP].working:
            order = state.orders[name]
            if name not in self.venue:
                total += self._takes(order.strategy, order.side, order.quantity // LOT, line)
        for (epoch, sequence), ticket in self._coming().items():
            side, lots = self.sides[epoch, sequence]
            total += self._takes(ticket.gate, side, lots, line)
        return total

    def _takes(self, gate: str, side: Side, lots: int, line: str) -> int:
        return sum(use.amount for use in uses_of(gate, side, lots) if use.line == line)

    def _coming(self) -> dict[tuple[int, int], Ticket]:
        """Tickets that may still come to a node that would take them."""
        told = [each.ticket for each in self.to_node if isinstance(each, OrderRequested)]
        told += [ticket for gate in self.gates.values() for ticket in gate.holder.unheard()]
        coming: dict[tuple[int, int], Ticket] = {}
        for ticket in told:
            if ticket is None or not self.is_living(ticket.epoch):
                continue
            known = self.node.state.risk.epochs[ticket.epoch]
            if ticket.sequence > known.seen_through and ticket.sequence not in known.seen:
                coming[ticket.epoch, ticket.sequence] = ticket
        return coming

    def lent(self, line: str) -> int:
        """What gates may still spend, by what they hold and by all that is under way to them."""
        total = 0
        for gate in self.gates.values():
            holder = gate.holder
            if not self.is_living(holder.epoch):
                continue
            budgets = [0]
            clock = gate.clock(self.now)
            if holder.open_permille(clock):
                budgets.append(holder._budget.get(line, 0))
            for name, told in self.to_gate:
                mine = name == gate.name and isinstance(told, GrantLease)
                if mine and told.epoch == holder.epoch and told.sequence > holder.sequence:
                    budgets += [each.amount for each in told.budgets if each.line == line]
            total += max(0, max(budgets) - holder._spent.get(line, 0))
        return total

    def overdrawn(self) -> list[str]:
        """The lines whose exposure, orders and unspent grants are more than their limit."""
        found = []
        for line, limit in LIMITS.items():
            sums = (self.exposure(line), self.working(line), self.lent(line))
            if sum(sums) > limit:
                found.append(f"{line}: {sums} of {limit}")
        return found

    def check(self) -> None:
        assert not self.overdrawn(), self.overdrawn()
        assert self.node.state.risk.limit_breaches == 0
        assert self.node.state.risk.passive_breaches == 0
        for code in ("OVER_LIMIT", "LEASE_OVERSPENT", "BAD_TICKET", "NO_LIMIT"):
            assert not self.node.state.counts.get(f"refused/{code}"), code

    # --- healing ----------------------------------------------------------------------------------

    def settle(self, beats: int = 12) -> None:
        """No more faults: everything arrives, orders end, gates ask on."""
        for _ in range(beats):
            for name in GATES:
                self.void(name)
                self.heartbeat(name)
            self.exchange()
            for name, placed in self.venue.items():
                if placed.is_open:
                    self.venue_cancel(name)
            self.hear_venue(len(self.from_venue))
            self.commit()
            self.wait(HEARTBEAT // 2)
        self.wait(8_000 * MS)
        self.restate()
        for _ in range(4):
            for name in GATES:
                self.heartbeat(name)
            self.exchange()
            self.wait(HEARTBEAT // 2)

    def exchange(self) -> None:
        """Everything under way arrives, in order."""
        while self.to_node or self.to_gate:
            while self.to_node:
                self.pass_to_node(0)
            self.commit()
            while self.to_gate:
                self.pass_to_gate(0)

    def safe(self, name: str, side: Side) -> int:
        """By brute force: the most lots that keep every line within its limit."""
        lots = 0
        while all(
            self.exposure(use.line) + use.amount <= LIMITS[use.line]
            for use in uses_of(name, side, lots + 1)
        ):
            lots += 1
        return lots

    def passes(self, name: str, side: Side, lots: int, beats: int = 6) -> bool:
        """Whether an order passes within some heartbeats: refused first, then there is budget."""
        for _ in range(beats):
            if self.order(name, side, lots):
                return True
            for other in GATES:
                self.heartbeat(other)
            self.exchange()
            self.wait(HEARTBEAT // 2)
        return False
