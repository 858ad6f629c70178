"""The hot gate: asks the controls, and reserves the worst case of what they let pass.

Rule 1. `order` and `amend` answer with a code; 0 means that the worst case is reserved. An
exception anywhere inside is a refusal and leaves every counter as it was.
Rule 2. What an order may still do stays reserved until it is surely over. For an order whose
outcome is unknown there is nothing to call: it keeps what it has.
Rule 3. The cost of an answer does not grow with the orders that are open; of a reservation it grows
only by the heap of own prices, which touches at most one slot per doubling.
Rule 4. Facts (`fill`, `release`, ...) are never refused: one that breaks inside disables the gate.

Facts change in one statement each, and the derived sums can be counted anew from them; so whatever
breaks in between, `recount` makes them whole.
"""

from typing import Any, Final

from risk import codes, controls
from risk.counters import (
    BUY,
    DISABLED,
    LIMIT,
    NO_PARENT,
    Account,
    Book,
    Change,
    Firm,
    Holding,
    Ladder,
    Parent,
    Reservation,
    Route,
    Scope,
    Strategy,
)

NO_BOUND: Final = 1 << 60


class Gate:
    """One gate. It starts disabled, and holds at most as many open orders as it has slots."""

    def __init__(self, slots: int, parents: int) -> None:
        self.firm = Firm(Scope(codes.FIRM_NET, codes.FIRM_GROSS))
        self.accounts: list[Account] = []
        self.assets: list[Scope] = []
        self.strategies: list[Strategy] = []
        self.books: list[Book] = []
        self.holdings: list[Holding] = []
        self.routes: list[Route] = []
        self.parents = [Parent() for _ in range(parents + 1)]
        self.slots = [Reservation(number) for number in range(slots)]
        self.fresh = 0
        self.free = -1
        self.taken = -1
        self.touched = 0
        self.change = Change()
        # The last one stands for no parent (its number is NO_PARENT): it bounds nothing.
        nobody = self.parents[NO_PARENT]
        nobody.open, nobody.total, nobody.children_max = 1, NO_BOUND, NO_BOUND

    # --- the two questions ------------------------------------------------------------------------

    def order(
        self,
        route: Any,
        side: Any,
        quantity: Any,
        price: Any,
        kind: Any,
        reduce_only: Any,
        parent: Any,
        now: Any,
    ) -> int:
        """0 and a reservation, whose handle is `taken`; or the code of a refusal. Never raises."""
        try:
            code = controls.are_whole(route, side, quantity, price, kind, reduce_only, parent, now)
            if code == codes.PASSED:
                code = self._order(route, side, quantity, price, kind, reduce_only, parent, now)
            return code
        except Exception:  # noqa: BLE001  # an exception is a refusal, never a pass
            self._undo()
            return codes.GATE_FAILED

    def amend(self, handle: Any, total: Any, price: Any, now: Any) -> int:
        """0 and the larger of both reserved until `amended`; or the code of a refusal."""
        try:
            code = self.vet_amendment(handle, total, price, now)
            if code == codes.PASSED:
                self._reserve_amendment(self._slot(handle), total, price, now)
            return code
        except Exception:  # noqa: BLE001  # an exception is a refusal, never a pass
            self._undo()
            return codes.GATE_FAILED

    def vet(
        self,
        route: Any,
        side: Any,
        quantity: Any,
        price: Any,
        kind: Any,
        reduce_only: Any,
        parent: Any,
        now: Any,
    ) -> int:
        """What `order` would answer. Changes nothing; may raise."""
        code = controls.are_whole(route, side, quantity, price, kind, reduce_only, parent, now)
        if code != codes.PASSED:
            return code
        return self._judge(route, side, quantity, price, kind, reduce_only, parent, now)

    def _order(
        self,
        route: int,
        side: int,
        quantity: int,
        price: int,
        kind: int,
        reduce_only: int,
        parent: int,
        now: int,
    ) -> int:
        code = self._judge(route, side, quantity, price, kind, reduce_only, parent, now)
        if code == codes.PASSED:
            self._reserve(self.routes[route], side, price, reduce_only, parent, now)
        return code

    def _judge(
        self,
        route: int,
        side: int,
        quantity: int,
        price: int,
        kind: int,
        reduce_only: int,
        parent: int,
        now: int,
    ) -> int:
        """The code; where it passes, `change` is what the order would change."""
        if route < 0 or route >= len(self.routes):
            return codes.UNKNOWN_ROUTE
        code = controls.malformed(side, quantity, price, kind, reduce_only, now)
        if code != codes.PASSED:
            return code
        if parent < NO_PARENT or parent >= len(self.parents) - 1:
            return codes.PARENT_MISSING
        way = self.routes[route]
        worst = price if price > 0 else worst_price(way.holding, side)
        code = controls.own(self.firm, way, side, quantity, quantity, worst, reduce_only, now)
        if code != codes.PASSED:
            return code
        if controls.repeats(way, side, quantity, worst, now):
            return codes.DUPLICATE
        family = self.parents[parent]
        if family.open == 0 or (parent == NO_PARENT and way.strategy.needs_parent != 0):
            return codes.PARENT_MISSING
        if family.children >= family.children_max:
            return codes.PARENT_CHILDREN
        self.change.weigh(way, side, quantity)
        code = controls.shared(self.firm, way, side, worst, family, self.change)
        if code != codes.PASSED:
            return code
        if self.free < 0 and self.fresh == len(self.slots):
            return codes.NO_SLOT
        return codes.PASSED

    def vet_amendment(self, handle: Any, total: Any, price: Any, now: Any) -> int:
        """What `amend` would answer. Changes nothing; may raise."""
        if not controls.is_whole(handle) or not self.is_open(handle):
            return codes.UNKNOWN_ORDER
        code = controls.are_whole(handle, BUY, total, price, LIMIT, 0, NO_PARENT, now)
        if code != codes.PASSED:
            return code
        slot = self._slot(handle)
        code = controls.malformed(slot.side, total, price, LIMIT, slot.reduce_only, now)
        if code != codes.PASSED:
            return code
        return self._judge_amendment(slot, total, price, now)

    def _judge_amendment(self, slot: Reservation, total: int, price: int, now: int) -> int:
        if total <= slot.filled:
            return codes.BAD_QUANTITY
        if slot.asked != 0:
            return codes.AMENDMENT_PENDING
        way = self.routes[slot.route]
        size = total - slot.filled
        extra = max(0, size - slot.left())
        code = controls.own(self.firm, way, slot.side, size, extra, price, slot.reduce_only, now)
        if code != codes.PASSED:
            return code
        self.change.weigh(way, slot.side, extra)
        family = self.parents[slot.parent]
        return controls.shared(self.firm, way, slot.side, price, family, self.change)

    # --- reservations: sums first, then the facts in one statement --------------------------------

    def _reserve(
        self, way: Route, side: int, price: int, reduce_only: int, parent: int, now: int
    ) -> None:
        """The order whose `change` was weighed last."""
        self.touched = 1
        quantity, credit = self.change.lots, self.change.value
        holding = way.holding
        paid, asked = holding.account.rate, way.strategy.rate
        family = self.parents[parent]
        slot = self.slots[self.free if self.free >= 0 else self.fresh]
        # A free slot: what is written here is nothing yet.
        worst = price if price > 0 else worst_price(holding, side)
        slot.route, slot.side, slot.parent, slot.reduce_only = way.number, side, parent, reduce_only
        slot.total, slot.asked, slot.filled = quantity, 0, 0
        slot.price, slot.asked_price, slot.credit = worst, 0, credit
        self._count_in(slot, way, credit, worst)
        free, fresh = (slot.next_free, self.fresh) if self.free >= 0 else (-1, self.fresh + 1)
        # fmt: off
        (
            slot.open, self.taken, self.free, self.fresh, family.children,
            way.last_side, way.last_quantity, way.last_price, way.last_at,
            paid.busy_until, asked.busy_until, self.touched,
        ) = (
            1, slot.handle, free, fresh, family.children + 1,
            side, quantity, worst, now,
            paid.after(now), asked.after(now), 0,
        )
        # fmt: on

    def _reserve_amendment(self, slot: Reservation, total: int, price: int, now: int) -> None:
        self.touched = 1
        way = self.routes[slot.route]
        paid, asked = way.holding.account.rate, way.strategy.rate
        lots = max(slot.left(), total - slot.filled)
        credit = slot.credit + (lots - slot.left()) * way.holding.unit
        first = max(slot.price, price) if slot.side == BUY else min(slot.price, price)
        self._let_go(slot, way)
        self._hold(slot, way, lots, credit, first)
        # fmt: off
        (
            slot.asked, slot.asked_price, slot.credit,
            paid.busy_until, asked.busy_until, self.touched,
        ) = (
            total, price, credit,
            paid.after(now), asked.after(now), 0,
        )
        # fmt: on

    def _hold(self, slot: Reservation, way: Route, lots: int, credit: int, price: int) -> None:
        """Count an order in, with so much left."""
        self.change.weigh(way, slot.side, lots)
        self._count_in(slot, way, credit, price)

    def _count_in(self, slot: Reservation, way: Route, credit: int, price: int) -> None:
        """The same, of the change that was weighed last."""
        if self.change.lots > 0:
            ladder(way.holding.book, slot.side).put(slot, price)
        self._count(slot, way, credit)

    def _let_go(self, slot: Reservation, way: Route) -> None:
        """Count an order out, with what it has left."""
        self.change.weigh(way, slot.side, -slot.left())
        ladder(way.holding.book, slot.side).take(slot)
        self._count(slot, way, -slot.credit)

    def _count(self, slot: Reservation, way: Route, credit: int) -> None:
        """The change into every sum."""
        change = self.change
        lots, value, grows = change.lots, change.value, change.together
        holding = way.holding
        account = holding.account
        if slot.side == BUY:
            way.long += lots
            holding.long += lots
            way.strategy.scope.long += value
            account.scope.long += value
            holding.asset.long += value
            self.firm.scope.long += value
        else:
            way.short += lots
            holding.short += lots
            way.strategy.scope.short += value
            account.scope.short += value
            holding.asset.short += value
            self.firm.scope.short += value
        way.strategy.scope.gross += change.alone
        account.scope.gross += grows
        holding.asset.gross += grows
        self.firm.scope.gross += grows
        account.margin += change.need - holding.need
        holding.need = change.need
        account.credit_open += credit
        self.parents[slot.parent].working += lots

    def _undo(self) -> None:
        """Whatever was half done: the sums as the facts say. If that fails too, nothing passes."""
        if self.touched != 0:
            state, self.firm.state = self.firm.state, DISABLED
            self.recount()
            self.firm.state = state

    # --- facts of orders --------------------------------------------------------------------------

    def is_open(self, handle: int) -> bool:
        """Whether the handle names an order that is not over."""
        if handle < 0:
            return False
        slot = self._slot(handle)
        return slot.handle == handle and slot.open != 0

    def _slot(self, handle: int) -> Reservation:
        return self.slots[handle % len(self.slots)]

    def release(self, handle: int) -> int:
        """It is surely over: nothing of it is reserved any longer."""
        if not self.is_open(handle):
            return codes.UNKNOWN_ORDER
        try:
            self._release(self._slot(handle))
            return codes.PASSED
        except Exception:  # noqa: BLE001  # a fact half taken in: nothing passes any more
            return self._shut()

    def _release(self, slot: Reservation) -> None:
        self._let_go(slot, self.routes[slot.route])
        (slot.open, slot.next_free, self.free, slot.handle) = (
            0,
            self.free,
            slot.number,
            slot.handle + len(self.slots),
        )

    def fill(self, handle: int, lots: int, now: int) -> int:
        """So many lots traded: they move from the reservation into the position.

        More than was left moves the position all the same.
        """
        if not self.is_open(handle) or lots <= 0:
            return codes.UNKNOWN_ORDER
        try:
            self._fill(self._slot(handle), lots, now)
            return codes.PASSED
        except Exception:  # noqa: BLE001  # a fact half taken in: nothing passes any more
            return self._shut()

    def _fill(self, slot: Reservation, lots: int, now: int) -> None:
        way = self.routes[slot.route]
        holding = way.holding
        account = holding.account
        family = self.parents[slot.parent]
        left = slot.left()
        after = max(0, left - lots)
        credit = -(-slot.credit * after // left) if left > 0 else 0
        traded = slot.credit - credit + max(0, lots - left) * holding.unit
        new_window = now - way.executions_at >= way.executions_ns
        change = lots if slot.side == BUY else -lots
        self._let_go(slot, way)
        self._weigh(way, -1)
        # fmt: off
        (
            slot.filled, slot.credit, family.filled, way.position, holding.position,
            account.unsettled, account.charged,
            way.executions, way.executions_at,
        ) = (
            slot.filled + lots, credit, family.filled + lots,
            way.position + change, holding.position + change,
            account.unsettled + traded, account.charged + lots * holding.fee_unit,
            1 if new_window else way.executions + 1, now if new_window else way.executions_at,
        )
        # fmt: on
        shift(way, change)
        self._weigh(way, 1)
        self._hold(slot, way, slot.left(), credit, slot.most_aggressive())

    def amended(self, handle: int, total: int, price: int) -> int:
        """The order now is what the venue says: the amendment was taken, or (as before) refused."""
        if not self.is_open(handle) or total <= 0 or price <= 0:
            return codes.UNKNOWN_ORDER
        try:
            self._amended(self._slot(handle), total, price)
            return codes.PASSED
        except Exception:  # noqa: BLE001  # a fact half taken in: nothing passes any more
            return self._shut()

    def _amended(self, slot: Reservation, total: int, price: int) -> None:
        way = self.routes[slot.route]
        left = max(0, total - slot.filled)
        was = slot.left()
        credit = -(-slot.credit * left // was) if was > 0 else left * way.holding.unit
        self._let_go(slot, way)
        (slot.total, slot.asked, slot.price, slot.asked_price, slot.credit) = (
            total,
            0,
            price,
            0,
            credit,
        )
        self._hold(slot, way, left, credit, price)

    def adopt(self, route: int, side: int, lots: int, price: int, parent: int, now: int) -> int:
        """An order that works whatever we think of it: found, or alive again after it was over."""
        try:
            way = self.routes[route]
            self.change.weigh(way, side, lots)
            self._reserve(way, side, price, 0, parent, now)
            return codes.PASSED
        except Exception:  # noqa: BLE001  # what cannot be counted must not be added to
            return self._shut()

    def cancel_sent(self, handle: int, now: int) -> int:
        """A cancel always passes; it counts where messages are counted."""
        if not self.is_open(handle):
            return codes.UNKNOWN_ORDER
        way = self.routes[self._slot(handle).route]
        paid, asked = way.holding.account.rate, way.strategy.rate
        paid.busy_until, asked.busy_until = paid.after(now), asked.after(now)
        return codes.PASSED

    def _shut(self) -> int:
        self.firm.state = DISABLED
        self.recount()
        return codes.GATE_FAILED

    # --- facts of the world -----------------------------------------------------------------------

    def outside(self, route: int, lots: int) -> None:
        """A position moved without a reservation: late fill, bust, transfer, forced close."""
        way = self.routes[route]
        holding = way.holding
        self._weigh(way, -1)
        way.position, holding.position = way.position + lots, holding.position + lots
        shift(way, lots)
        self._weigh(way, 1)

    def priced(self, number: int, price: int, at: int) -> None:
        """An instrument's reference: the collar, and what all that is held and open is worth."""
        holding = self.holdings[number]
        self._weigh_all(holding, -1)
        holding.reference, holding.reference_at = price, at
        holding.price_anew()
        self._weigh_all(holding, 1)

    def disputed(self, number: int, difference: int) -> None:
        """What the venue says is held less what we say; 0 where they agree."""
        self.holdings[number].disputed = difference

    def settled(self, account: int, value: int) -> None:
        """So much of what was traded is settled."""
        self.accounts[account].unsettled -= value

    def collateral(self, account: int, units: int) -> None:
        """What the account has, told net of every fee so far."""
        told = self.accounts[account]
        told.collateral, told.charged = units, 0

    def open_parent(self, number: int, total: int, children_max: int) -> int:
        """Children of this number may add up to so much; not while old ones of it still work."""
        parent = self.parents[number]
        if parent.working != 0:
            return codes.PARENT_MISSING
        parent.open, parent.total, parent.children_max = 1, total, children_max
        parent.children, parent.filled = 0, 0
        return codes.PASSED

    def close_parent(self, number: int) -> None:
        """No more children; those that work go on."""
        self.parents[number].open = 0

    # --- the sums ---------------------------------------------------------------------------------

    def recount(self) -> None:
        """Every derived sum anew, from positions, references and open reservations."""
        for scope in self.scopes():
            scope.long = scope.short = scope.gross = 0
        for account in self.accounts:
            account.margin = account.credit_open = 0
        for parent in self.parents:
            parent.working = 0
        for book in self.books:
            book.buys.size = book.sells.size = 0
        for holding in self.holdings:
            holding.long, holding.short, holding.need = holding.position, -holding.position, 0
            holding.price_anew()
        for way in self.routes:
            way.long, way.short = way.position, -way.position
        for holding in self.holdings:
            self._weigh_all(holding, 1)
        for number in range(self.fresh):
            slot = self.slots[number]
            slot.place = -1
            if slot.open != 0:
                price = slot.most_aggressive()
                self._hold(slot, self.routes[slot.route], slot.left(), slot.credit, price)
        self.touched = 0

    def scopes(self) -> list[Scope]:
        """Every sum of values, the firm's first."""
        scopes = [self.firm.scope]
        scopes += [account.scope for account in self.accounts]
        scopes += self.assets
        scopes += [strategy.scope for strategy in self.strategies]
        return scopes

    def _weigh(self, way: Route, sign: int) -> None:
        """Count a route and its holding into the sums of values, or out of them."""
        weigh(way.strategy.scope, way.long, way.short, way.holding.unit * sign)
        self._weigh_holding(way.holding, sign)

    def _weigh_all(self, holding: Holding, sign: int) -> None:
        """A holding with all its routes."""
        unit = holding.unit * sign
        for way in holding.routes:
            weigh(way.strategy.scope, way.long, way.short, unit)
        self._weigh_holding(holding, sign)

    def _weigh_holding(self, holding: Holding, sign: int) -> None:
        account = holding.account
        unit = holding.unit * sign
        long, short = holding.long, holding.short
        weigh(account.scope, long, short, unit)
        weigh(holding.asset, long, short, unit)
        weigh(self.firm.scope, long, short, unit)
        need = holding.margin(long, short) if sign > 0 else 0
        account.margin += need - holding.need
        holding.need = need

    # --- the set-up -------------------------------------------------------------------------------

    def add_account(self) -> Account:
        """One more account."""
        account = Account(Scope(codes.ACCOUNT_NET, codes.ACCOUNT_GROSS))
        self.accounts.append(account)
        return account

    def add_asset(self) -> Scope:
        """One more underlying asset."""
        self.assets.append(Scope(codes.ASSET_NET, codes.CONCENTRATION))
        return self.assets[-1]

    def add_strategy(self) -> Strategy:
        """One more strategy, disabled."""
        strategy = Strategy(Scope(codes.STRATEGY_NET, codes.STRATEGY_GROSS))
        self.strategies.append(strategy)
        return strategy

    def add_book(self) -> Book:
        """One more market, in which our orders could meet."""
        self.books.append(Book())
        return self.books[-1]

    def add_holding(self, account: Account, asset: Scope, book: Book) -> Holding:
        """One more instrument of an account."""
        holding = Holding(account, asset, book)
        self.holdings.append(holding)
        return holding

    def add_route(self, strategy: Strategy, holding: Holding) -> Route:
        """A strategy may trade here, as far as its limits (all 0 yet) allow."""
        way = Route(len(self.routes), strategy, holding)
        self.routes.append(way)
        holding.routes.append(way)
        return way


def worst_price(holding: Holding, side: int) -> int:
    """What a market order may trade at."""
    return holding.high if side == BUY else holding.low


def ladder(book: Book, side: int) -> Ladder:
    """Where an order of this side rests."""
    return book.buys if side == BUY else book.sells


def shift(way: Route, lots: int) -> None:
    """The position moved: so does all that it may come to."""
    holding = way.holding
    way.long += lots
    way.short -= lots
    holding.long += lots
    holding.short -= lots


def weigh(scope: Scope, long: int, short: int, unit: int) -> None:
    """Both sides of a position into a sum, or out of it where the unit is negative."""
    scope.long += long * unit
    scope.short += short * unit
    scope.gross += max(long, short) * unit
