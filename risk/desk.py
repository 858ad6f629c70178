"""The hot gate with names: routes by strategy and instrument, quantities in lots, orders by id.

Rule 1. What is reserved follows what core reserves (`Order.reserved`): all that an order may still
fill, or that its venue claims and nobody has booked; an order that is unknown is not over.
Rule 2. A position is what the books say, whoever moved it, rounded up to whole lots.
Rule 3. A name that no limit names has no route, and is refused.

It is part of the node's state (`core.risk_state.Risk.desk`): `dump` tells all of it in plain
values, and `risk.restored` makes of them a desk that answers everything as the first would.
"""

from typing import Any, NamedTuple

from core.events import Leg, OrderRequested
from core.positions import held
from core.state import UNATTRIBUTED, Account, Order, State, holding
from risk import codes, headroom, snapshot
from risk.counters import BUY, LIMIT, MARKET, NO_PARENT, SELL, Holding, Scope
from risk.gate import Gate
from risk.lease import Lease
from risk.measuring import Measuring

NO_WAY = (-1, 0, 0, 0, 0, 0, NO_PARENT, 0)


class Way(NamedTuple):
    """A route's numbers: of the route, of its holding, and how much of a quantity is one lot."""

    route: int
    holding: int
    lot: int


class Place(NamedTuple):
    """What a holding of the gate is of; `rate` is reporting units per coin of the quote asset."""

    account: str
    instrument: str
    leg: Leg
    lot: int
    rate: int


class Kept(NamedTuple):
    """What is reserved for an order: its handle, and how much of it was filled since, in lots."""

    handle: int
    filled: int


class Desk:
    """One hot gate. `ways` are told by strategy, account, instrument and leg."""

    def __init__(self, gate: Gate, ways: dict[tuple[str, str, str, str], Way]) -> None:
        self.gate = gate
        self.ways = ways
        self.kept: dict[str, Kept] = {}
        self.places: list[Place] = []
        self.accounts: list[str] = []
        self.assets: list[str] = []
        self.strategies: list[str] = []
        self.routes: list[tuple[str, int]] = []
        self.multipliers: dict[int, int] = {}
        self.lease = Lease()
        self.turnover_max = self.turnover_ns = 0
        self.measuring = Measuring()

    # --- the question -----------------------------------------------------------------------------

    def ask(self, state: State, wish: OrderRequested, name: str) -> tuple[str, str]:
        """Two empty texts, and a reservation under that name; or the refusal's code and text."""
        way = self.ways.get((wish.strategy, wish.account, wish.instrument, wish.leg))
        if way is None:
            return self._refused(codes.UNKNOWN_ROUTE, NO_WAY)
        self._look(state, state.accounts[wish.account], wish, way)
        words = self._words(wish, way)
        code = self.gate.order(*words)
        if code != codes.PASSED:
            return self._refused(code, words)
        self.kept[name] = Kept(self.gate.taken, 0)
        return "", ""

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
        self.priced(account, way.holding, wish.instrument)
        kept = self.gate.holdings[way.holding]
        drift = state.breaks.get(holding(wish.account, wish.instrument, wish.leg))
        told = kept.position
        if drift is not None:
            told = abs(drift.reading.told) // way.lot * (1 if drift.reading.told > 0 else -1)
        self.gate.disputed(way.holding, told - kept.position)

    def priced(self, account: Account, number: int, instrument: str) -> None:
        """A reference that is newer than the one that the gate has."""
        reference = account.references.get(instrument)
        if reference is not None and reference.as_of > self.gate.holdings[number].reference_at:
            self.gate.priced(number, reference.price, reference.as_of)

    def _refused(self, code: int, words: tuple[int, ...]) -> tuple[str, str]:
        why = headroom.of_order(self.gate, code, words)
        figures = f"{why.figure} against {why.limit}, headroom {why.headroom}"
        text = f"{why.control}: {figures}; passes: {why.passes}, at most {why.largest} lots"
        return why.code, text

    # --- orders -----------------------------------------------------------------------------------

    def observe(self, order: Order, now: int) -> None:
        """Bring what is reserved in line with an order of core's; told the same twice it is one."""
        way = self._way(order)
        if way is None or order.status in ("requested", "refused"):
            return
        kept = self.kept.get(order.client_order_id)
        if kept is None and order.reserved > 0:
            side = BUY if order.side == "buy" else SELL
            left = -(-order.reserved // way.lot)
            code = self.gate.adopt(way.route, side, left, order.price, NO_PARENT, now)
            if code == codes.PASSED:
                self.kept[order.client_order_id] = Kept(self.gate.taken, order.filled // way.lot)
        elif kept is not None:
            self._follow(order, kept, way, now)

    def cancelled(self, name: str, now: int) -> None:
        """Its strategy wants it gone: one message more."""
        kept = self.kept.get(name)
        if kept is not None:
            self.gate.cancel_sent(kept.handle, now)

    def _follow(self, order: Order, kept: Kept, way: Way, now: int) -> None:
        filled = order.filled // way.lot
        if filled > kept.filled:
            self.gate.fill(kept.handle, filled - kept.filled, now)
        if filled != kept.filled:
            self.kept[order.client_order_id] = Kept(kept.handle, filled)
        if order.reserved <= 0:
            self.gate.release(kept.handle)
            del self.kept[order.client_order_id]
        else:
            self._leave(kept.handle, -(-order.reserved // way.lot))

    def _leave(self, handle: int, left: int) -> None:
        """So much may still fill: less of an order that is over, more where a fill was undone."""
        slot = self.gate._slot(handle)
        if left != slot.left():
            self.gate.amended(handle, slot.filled + left, slot.price)

    def _way(self, order: Order) -> Way | None:
        """Of whom no limit names (a kill, an order that we found), what nobody owns there."""
        place = (order.account, order.instrument, order.leg)
        way = self.ways.get((order.strategy, *place))
        return way if way is not None else self.ways.get((UNATTRIBUTED, *place))

    # --- positions --------------------------------------------------------------------------------

    def count(self, state: State, number: int) -> None:
        """A holding's positions as the books have them, strategy by strategy."""
        place = self.places[number]
        account = state.accounts[place.account]
        listing = account.listings[place.instrument]
        if listing.multiplier != self.multipliers.get(number):
            self.value(state, number)
        owned = 0
        for way in self.gate.holdings[number].routes:
            strategy, _ = self.routes[way.number]
            if strategy == UNATTRIBUTED:
                continue
            lots = _lots(held(state, strategy, place.account, listing, place.leg), place.lot)
            owned += lots
            if lots != way.position:
                self.gate.outside(way.number, lots - way.position)
        if listing.kind == "spot":
            return  # a wallet is no position
        whole = state.holdings.get(holding(place.account, place.instrument, place.leg), 0)
        rest = self.ways[UNATTRIBUTED, place.account, place.instrument, place.leg]
        more = _lots(whole, place.lot) - owned - self.gate.routes[rest.route].position
        if more:
            self.gate.outside(rest.route, more)

    def value(self, state: State, number: int) -> None:
        """What a lot is worth, by the contract's size as it is now: rounded up."""
        place = self.places[number]
        listing = state.accounts[place.account].listings[place.instrument]
        self.multipliers[number] = listing.multiplier
        kept = self.gate.holdings[number]
        spot = listing.kind == "spot"
        value_of(kept, place, 10**8 if spot else listing.multiplier, listing.kind == "inverse")
        self.gate.priced(number, kept.reference, kept.reference_at)

    def scopes(self) -> dict[str, Scope]:
        """Every sum of values by what it is of, as lines of limits have it."""
        gate = self.gate
        found = {"firm": gate.firm.scope}
        for name, account in zip(self.accounts, gate.accounts, strict=True):
            found[f"account/{name}"] = account.scope
        for name, asset in zip(self.assets, gate.assets, strict=True):
            found[f"asset/{name}"] = asset
        for name, strategy in zip(self.strategies, gate.strategies, strict=True):
            found[f"strategy/{name}"] = strategy.scope
        return found

    # --- as plain values --------------------------------------------------------------------------

    def dump(self) -> dict[str, Any]:
        """Its whole state, for snapshot and digest."""
        return {
            "accounts": self.accounts,
            "assets": self.assets,
            "strategies": self.strategies,
            "places": [list(place) for place in self.places],
            "routes": [list(route) for route in self.routes],
            "ways": [[*name, *way] for name, way in self.ways.items()],
            "multipliers": [[number, each] for number, each in self.multipliers.items()],
            "kept": {name: list(each) for name, each in self.kept.items()},
            "gate": snapshot.dump(self.gate),
            "of": [self._of(kept) for kept in self.gate.holdings],
            "slots": len(self.gate.slots),
            "lease": self.lease.dump(),
            "turnover": [self.turnover_max, self.turnover_ns],
            "measuring": self.measuring.dump(),
        }

    def _of(self, kept: Holding) -> list[int]:
        """Of a holding, its account's number and its asset's, its book's, and how many tiers."""
        gate = self.gate
        return [
            gate.accounts.index(kept.account),
            gate.assets.index(kept.asset),
            gate.books.index(kept.book),
            len(kept.tiers),
        ]


def _lots(quantity: int, lot: int) -> int:
    """Whole lots, away from nothing: a part of one counts whole."""
    return -(-quantity // lot) if quantity > 0 else quantity // lot


# A lot's worth is kept as a whole number over this, rounded up.
VALUE_DEN = 10**18


def value_of(kept: Holding, place: Place, multiplier: int, inverse: bool) -> None:  # noqa: FBT001  # a fact of the instrument
    """What a lot of it is worth in units of the reporting asset, at a price or flat."""
    worth = place.lot * multiplier * place.rate * 10**6
    if inverse:
        kept.value_num, kept.value_den = 0, 1
        kept.value_flat = -(-worth // 10 ** (8 + 8 + 12))
    else:
        kept.value_num = -(-worth * VALUE_DEN // 10 ** (8 + 8 + 12 + 12))
        kept.value_den, kept.value_flat = VALUE_DEN, 0
