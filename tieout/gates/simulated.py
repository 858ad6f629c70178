"""Gates beside strategies, in simulation: each a process of its own, by a clock of its own.

True here: a gate spends what was leased to it (`risk.lease_holder`, as it would live), and its word
goes with the order over a wire that is late, loses, doubles and is cut. Its clock runs at its own
rate from its own zero, and is compared with nobody's. What it spent and the node seems not to have
heard of it gives up: an order is never sent twice.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from msgspec.structs import replace

from core.effects import TellStrategy
from core.events import Event, OrderRequested
from core.risk_effects import AcknowledgeReturn, GrantLease, TellGate
from core.risk_events import LeaseRequested, LimitsLoaded, Ticket
from risk.beside import refusal, uses_of
from risk.lease_holder import PASSED, LeaseHolder, Phase, Trigger
from scenarios.bounds import GateSpec
from sim.dice import Stream
from sim.faults import Fault, Faults
from sim.world import World

MS = 1_000_000
SECOND = 1_000_000_000
WAY_NS = MS
# After so many heartbeats an order that the node has not counted is given up.
UNHEARD_BEATS = 4

ToGate = TellGate | GrantLease | AcknowledgeReturn


class Door(Protocol):
    """What gates need of the host."""

    def tell(self, told: Event) -> None: ...


class GateProcess:
    """One gate, in one life after another."""

    def __init__(
        self, spec: GateSpec, lines: Mapping[str, int], zero: int, moves: dict[str, int]
    ) -> None:
        self.spec, self._lines, self._zero, self._moves = spec, lines, zero, moves
        self._boot = 0
        self._began_at = 0
        self.down_until = 0
        self.parted_until = 0
        self.spent_at: dict[tuple[int, int], int] = {}
        self.before: GrantLease | None = None
        self.last: GrantLease | None = None
        self.start(0)

    def start(self, now: int) -> None:
        """A new process: it knows nothing of the one before but that it is a later one."""
        self._boot += 1
        self._began_at = now
        self.spent_at.clear()
        self.before = self.last
        self.holder = LeaseHolder(self.spec.name, self._boot, self._moved)

    def _moved(self, was: Phase, trigger: Trigger, to: Phase) -> None:
        name = f"lease/{was}>{to} ({trigger})"
        self._moves[name] = self._moves.get(name, 0) + 1

    def clock(self, now: int) -> int:
        """Its own time."""
        return self._zero + (now - self._began_at) * (1000 + self.spec.fast_permille) // 1000

    def request(self, now: int) -> LeaseRequested:
        """With all that it would like to hold: a new epoch begins with no wishes."""
        for line, limit in self._lines.items():
            self.holder.want(line, limit)
        return self.holder.request(self.clock(now))

    def spend(self, now: int, wish: OrderRequested) -> Ticket | None:
        """A ticket for the order, if the lease has room for it."""
        uses = uses_of(wish)
        if self.holder.spend(self.clock(now), uses) != PASSED:
            return None
        ticket = self.holder.ticket(uses, self.clock(now))
        self.spent_at[ticket.epoch, ticket.sequence] = now
        return ticket


class SimulatedGates:
    """All gates of a run."""

    def __init__(
        self,
        specs: tuple[GateSpec, ...],
        limits: LimitsLoaded,
        world: World,
        faults: Faults,
        dice: Stream,
        door: Door,
        moves: dict[str, int],
    ) -> None:
        self._world, self._faults, self._dice, self._door = world, faults, dice, door
        self._beat_ns = limits.heartbeat_ns
        self._of: dict[str, GateProcess] = {}
        self._gates: dict[str, GateProcess] = {}
        self.refused: Callable[[TellStrategy], None] = lambda told: None
        self.orders = 0
        self.refusals = 0
        self.crashes = 0
        for number, spec in enumerate(specs):
            lines = {
                each.line: each.amount
                for each in limits.limits
                if each.line.startswith(("account_position/", "strategy_position/"))
                and _concerns(each.line, spec)
            }
            gate = GateProcess(spec, lines, 7 * number * MS, moves)
            self._gates[spec.name] = gate
            for strategy in spec.strategies:
                self._of[strategy] = gate
            self._world.call_in(1 + number * MS, self._beat, gate)
            if spec.gives_back_every_s:
                self._world.call_in(int(spec.gives_back_every_s * SECOND), self._give_back, gate)

    def holders(self) -> Iterator[LeaseHolder]:
        """Of each gate, as it lives now."""
        for gate in self._gates.values():
            yield gate.holder

    def has(self, strategy: str) -> bool:
        """Whether the strategy's orders go through a gate of its own."""
        return strategy in self._of

    # --- orders -----------------------------------------------------------------------------------

    def wish(self, wish: OrderRequested) -> None:
        """A strategy wants an order: its gate decides, here and now."""
        gate, now = self._of[wish.strategy], self._world.now
        ticket = gate.spend(now, wish) if now >= gate.down_until else None
        if ticket is None:
            self.refusals += 1
            self.refused(refusal(wish))
            return
        self.orders += 1
        overtaken = _ns(self._faults.strikes("order_overtaken", gate.spec.name))
        self._to_node(gate, replace(wish, ticket=ticket), overtaken)

    # --- heartbeats -------------------------------------------------------------------------------

    def _beat(self, gate: GateProcess) -> None:
        """Twice in a heartbeat, by its own clock."""
        again = self._beat_ns * 500 // (1000 + gate.spec.fast_permille)
        self._world.call_in(max(1, again), self._beat, gate)
        now = self._world.now
        if now < gate.down_until or self._crashes(gate):
            return
        holder = gate.holder
        if holder.phase == "unborn":
            self._to_node(gate, holder.start())
            return
        if holder.returning:
            self._to_node(gate, holder.give_back())
            return
        for ticket in holder.unheard():
            spent_at = gate.spent_at.get((ticket.epoch, ticket.sequence), now)
            if now - spent_at > UNHEARD_BEATS * self._beat_ns:
                self._to_node(gate, holder.void(ticket))
        self._to_node(gate, gate.request(now))

    def _give_back(self, gate: GateProcess) -> None:
        """Free for others once the node has counted it; until then each beat tells it again."""
        self._world.call_in(int(gate.spec.gives_back_every_s * SECOND), self._give_back, gate)
        if self._world.now >= gate.down_until and gate.holder.phase != "unborn":
            self._to_node(gate, gate.holder.give_back())

    def _crashes(self, gate: GateProcess) -> bool:
        fault = self._faults.strikes("gate_crash", gate.spec.name)
        if fault is None:
            return False
        self.crashes += 1
        gate.down_until = self._world.now + max(1, fault.strength) * MS
        gate.start(gate.down_until)
        return True

    # --- the wire ---------------------------------------------------------------------------------

    def perform(self, told: ToGate) -> None:
        """What the node tells a gate, on its way."""
        gate = self._gates.get(told.gate)
        if gate is None:
            return
        for delay in self._delays(gate):
            self._world.call_in(delay, self._hear, gate, told)
        old = gate.before
        if old is not None and self._faults.strikes("lease_of_before", gate.spec.name) is not None:
            self._world.call_in(WAY_NS, self._hear, gate, old)

    def _to_node(self, gate: GateProcess, event: Event, behind_ns: int = 0) -> None:
        for delay in self._delays(gate):
            self._world.call_in(delay + behind_ns, self._arrive, event)

    def _arrive(self, event: Event) -> None:
        self._door.tell(replace(event, received_at=self._world.now))

    def _delays(self, gate: GateProcess) -> list[int]:
        """When a message comes: once mostly; never, late, or twice if the plan wants that."""
        name, now = gate.spec.name, self._world.now
        parted = self._faults.strikes("gate_parted", name)
        if parted is not None:
            gate.parted_until = max(gate.parted_until, now + parted.strength * MS)
        if now < gate.parted_until or self._faults.strikes("lease_lost", name) is not None:
            return []
        first = WAY_NS + self._dice.below(WAY_NS) + _ns(self._faults.strikes("lease_late", name))
        twice = self._faults.strikes("lease_twice", name)
        return [first] if twice is None else [first, first + 1 + _ns(twice)]

    def _hear(self, gate: GateProcess, told: ToGate) -> None:
        now = self._world.now
        if now < gate.down_until:
            return
        match told:
            case TellGate():
                gate.holder.on_told(told)
            case GrantLease():
                gate.holder.on_granted(gate.clock(now), told)
                if told.epoch == gate.holder.epoch:
                    gate.last = told
            case AcknowledgeReturn():
                gate.holder.on_acknowledged(told)


def _ns(fault: Fault | None) -> int:
    return fault.strength * MS if fault is not None else 0


def _concerns(line: str, spec: GateSpec) -> bool:
    """A strategy's own lines are wanted by its gate only, those of accounts by all."""
    control, strategy, *_ = line.split("/")
    return control == "account_position" or strategy in spec.strategies
