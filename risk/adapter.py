"""The hot gate where core asks its gate: names become numbers, quantities lots, codes words.

Rule 1. First the rule of breaks (`core.gate.BreakGate`): where one is open, only exits pass.
Rule 2. What is reserved follows core's own orders: `observe` each after whatever changed it. It may
be told the same twice. An order that is unknown keeps its reservation, for it is not over.
Rule 3. A name that no limit names has no route, and is refused.
"""

from typing import NamedTuple

from core.effects import PlaceOrder
from core.events import OrderRequested
from core.gate import Approved, BreakGate, Refused
from core.orders import TERMINAL
from core.state import Account, Order, State, holding
from risk import codes, headroom, snapshot
from risk.counters import BUY, LIMIT, MARKET, NO_PARENT, SELL
from risk.gate import Gate


class Way(NamedTuple):
    """A route's numbers: of the route, of its holding, and how much of a quantity is one lot."""

    route: int
    holding: int
    lot: int


class Kept(NamedTuple):
    """What was done for an order: its handle (-1 once released), and how much of it was filled."""

    handle: int
    filled: int


class LimitGate:
    """Core's gate over one hot gate. `ways` are told by strategy, account, instrument and leg."""

    def __init__(self, gate: Gate, ways: dict[tuple[str, str, str, str], Way]) -> None:
        self.gate = gate
        self.ways = ways
        self.kept: dict[str, Kept] = {}
        self.breaks = BreakGate()

    def check(self, state: State, wish: OrderRequested, order: PlaceOrder) -> Approved | Refused:
        """Decide on the order; what passes is reserved. Core's state is only read."""
        verdict = self.breaks.check(state, wish, order)
        if isinstance(verdict, Refused):
            return verdict
        way = self.ways.get((wish.strategy, wish.account, wish.instrument, wish.leg))
        if way is None:
            return self._refused(codes.UNKNOWN_ROUTE, (-1, 0, 0, 0, 0, 0, NO_PARENT, 0))
        self._look(state, state.accounts[wish.account], wish, way)
        words = self._words(wish, way)
        code = self.gate.order(*words)
        if code != codes.PASSED:
            return self._refused(code, words)
        self.kept[order.client_order_id] = Kept(self.gate.taken, 0)
        return verdict

    def _words(self, wish: OrderRequested, way: Way) -> tuple[int, ...]:
        """A quantity that is no whole number of lots is none."""
        lots, rest = divmod(wish.quantity, way.lot)
        side = BUY if wish.side == "buy" else SELL
        market = wish.kind == "market"
        price, kind = (0, MARKET) if market else (wish.price, LIMIT)
        flag = 1 if wish.reduce_only else 0
        now = wish.received_at
        return (way.route, side, -1 if rest else lots, price, kind, flag, NO_PARENT, now)

    def _look(self, state: State, account: Account, wish: OrderRequested, way: Way) -> None:
        """The newest reference, and what the venue says is held where that differs."""
        reference = account.references.get(wish.instrument)
        held = self.gate.holdings[way.holding]
        if reference is not None and reference.as_of > held.reference_at:
            self.gate.priced(way.holding, reference.price, reference.as_of)
        drift = state.breaks.get(holding(wish.account, wish.instrument, wish.leg))
        told = held.position
        if drift is not None:
            told = abs(drift.reading.told) // way.lot * (1 if drift.reading.told > 0 else -1)
        self.gate.disputed(way.holding, told - held.position)

    def _refused(self, code: int, words: tuple[int, ...]) -> Refused:
        why = headroom.of_order(self.gate, code, words)
        figures = f"{why.figure} against {why.limit}, headroom {why.headroom}"
        text = f"{why.control}: {figures}; passes: {why.passes}, at most {why.largest} lots"
        return Refused(why.code, text)

    def observe(self, order: Order, now: int) -> None:
        """Bring what is reserved in line with an order of core's."""
        way = self.ways.get((order.strategy, order.account, order.instrument, order.leg))
        if way is None or order.status in ("requested", "refused"):
            return
        side = BUY if order.side == "buy" else SELL
        over = order.status in TERMINAL
        kept = self.kept.get(order.client_order_id, Kept(-1, 0))
        left = -(-(order.quantity - kept.filled * way.lot) // way.lot)
        if kept.handle < 0 and not over and left > 0:
            code = self.gate.adopt(way.route, side, left, order.price, NO_PARENT, now)
            kept = Kept(self.gate.taken if code == codes.PASSED else -1, kept.filled)
        self._fill(way, side, kept, order.filled // way.lot - kept.filled, now)
        if over and kept.handle >= 0:
            self.gate.release(kept.handle)
            kept = Kept(-1, kept.filled)
        self.kept[order.client_order_id] = Kept(kept.handle, order.filled // way.lot)

    def _fill(self, way: Way, side: int, kept: Kept, lots: int, now: int) -> None:
        """More traded, or less where a fill was undone: that only moves the position."""
        if lots > 0 and kept.handle >= 0:
            self.gate.fill(kept.handle, lots, now)
        elif lots != 0:
            self.gate.outside(way.route, lots if side == BUY else -lots)

    def forget(self, client_order_id: str) -> None:
        """Core put the order away."""
        self.kept.pop(client_order_id, None)

    def dump(self) -> dict[str, object]:
        """Its whole state, for snapshot and digest."""
        kept = {name: list(each) for name, each in self.kept.items()}
        return {"gate": snapshot.dump(self.gate), "kept": kept}

    def restore(self, told: dict[str, object]) -> None:
        """The state that `dump` told, into a gate set up alike."""
        gate, kept = told["gate"], told["kept"]
        assert isinstance(gate, dict)
        assert isinstance(kept, dict)
        snapshot.restore(self.gate, gate)
        self.kept = {name: Kept(*each) for name, each in kept.items()}
