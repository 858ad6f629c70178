"""A drill of the kill switch: somebody pulls it in the middle of a run; the truth is held to it.

True here: the person who pulls it pulls again until the node has it; what each venue truly has open
and held is looked at in the very moment in which the node says that it is done there.
"""

from collections.abc import Iterable
from typing import Any, Protocol

from core.effects import TellStrategy
from core.journal import Store, decode_effect
from core.risk_effects import TellKill
from core.risk_events import KillOrdered
from core.state import State
from core.strategies import KILL
from scenarios.model import KillSpec
from sim.world import World
from venues.exchange import Exchange

SECOND = 1_000_000_000
AGAIN_NS = SECOND // 2


class Door(Protocol):
    """What a drill needs of the host."""

    @property
    def state(self) -> State | None:
        """The node's state, None while it is down."""

    def tell(self, told: KillOrdered) -> None: ...


class Drill:
    """The kills of one run, and what was true when each was done."""

    def __init__(self, world: World, specs: Iterable[KillSpec], door: Door) -> None:
        self._world = world
        self._door = door
        self._specs = tuple(specs)
        self.ordered_at: dict[str, int] = {}
        self.done: dict[tuple[str, str], tuple[int, int, int]] = {}

    def begin(self) -> None:
        """Let each be pulled at its time."""
        for number, spec in enumerate(self._specs, 1):
            at = int(spec.after_s * SECOND)
            self._world.call_in(at, self._pull, f"drill{number}", spec)

    def _pull(self, kill_id: str, spec: KillSpec) -> None:
        state = self._door.state
        self.ordered_at.setdefault(kill_id, self._world.now)
        if state is None or kill_id not in state.risk.kills:
            order = KillOrdered(
                received_at=self._world.now,
                kill_id=kill_id,
                by=spec.by,
                reason=spec.reason,
                flatten=spec.flatten,
            )
            self._door.tell(order)
        # What was told may have died with the node, uncommitted.
        self._world.call_in(AGAIN_NS, self._pull, kill_id, spec)

    def on_told(self, told: TellKill, exchange: Exchange) -> None:
        """The node says how far it is; where it says done, look at the venue itself."""
        if told.stage == "done":
            held = sum(bool(each.quantity) for each in exchange.positions.values())
            took = self._world.now - self.ordered_at[told.kill_id]
            self.done[told.kill_id, told.account] = (len(exchange.open_tickets()), held, took)

    def figures(self, state: State, store: Store) -> dict[str, Any]:
        """What the summary says of the drills."""
        kills = state.risk.kills.values()
        stages = [each.stage for kill in kills for each in kill.accounts.values()]
        return {
            "ordered": len(self.ordered_at),
            "unfinished": sum(stage != "done" for stage in stages),
            "looked_at": len(self.done),
            "left_open": sum(left for left, _, _ in self.done.values()),
            "left_held": sum(held for _, held, _ in self.done.values()),
            "seconds_max": max((took for _, _, took in self.done.values()), default=0) / SECOND,
            "exits": len(exits(store)),
            "orders_after": _orders_after(store),
        }


def exits(store: Store) -> dict[str, None]:
    """The orders that kills sent, which follow from no wish: told to nobody but the kill itself."""
    killing, found = False, dict[str, None]()
    for record in store.records():
        killing = killing or record.name == "KillOrdered"
        if killing and record.name == "TellStrategy":
            told = decode_effect(record.body)
            if isinstance(told, TellStrategy) and told.strategy == KILL:
                found[told.client_order_id] = None
    return found


def _orders_after(store: Store) -> int:
    """Orders of strategies that were sent after the first kill was ordered: must be none."""
    killed, wishes, found = 0, dict[int, None](), 0
    for record in store.records():
        if record.name == "KillOrdered":
            killed = killed or record.number
        elif record.name == "OrderRequested" and killed:
            wishes[record.number] = None
        elif record.name == "PlaceOrder" and record.cause in wishes:
            found += 1
    return found
