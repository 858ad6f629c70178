"""Limit test files: "this order must be refused by that control", asked of the real gate.

A file draws a small world (prices, collateral, what is held and open) and tells orders in it, each
with the refusal that it must meet, or that it passes. The gate is built from the limits alone: what
they do not set stays at 0 and refuses.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, Field, ValidationError, model_validator

from core.money import PRICE_ONE, QUANTITY_ONE
from risk import codes, counters
from risk.controls import TIME_MAX
from risk.gate import Gate
from risk.limit_controls import CONTROLS
from risk.limit_files import (
    EVERY,
    Amount,
    BadLimits,
    Limit,
    LimitFile,
    Name,
    applying,
    lines_of,
    mapping_of,
)
from risk.weights import REPORTING_DECIMALS
from risk.written import Part

NOW = 1_750_000_000 * 10**9  # as large as moments are
PASSES = "PASSES"
MS = 10**6
REPORTING_ONE = 10**REPORTING_DECIMALS
SLOTS = 64
STANDINGS = {
    "enabled": counters.ENABLED,
    "reducing": counters.REDUCING,
    "disabled": counters.DISABLED,
}
SIDES = {"buy": counters.BUY, "sell": counters.SELL}


def _known_code(name: str) -> str:
    names = [PASSES, *(code.name for code in codes.TABLE)]
    if name not in names:
        raise ValueError(f"no such answer; there are {', '.join(names)}")
    return name


Answer = Annotated[str, AfterValidator(_known_code)]


class Instrument(Part):
    """An instrument at an account: its price in reporting units, its lot in coins or contracts.

    `quote_rate` is what the quote asset is worth; `margin_bp` of any position must be collateral.
    """

    account: str
    instrument: str
    asset: str
    price: Amount
    lot: Amount
    quote_rate: Amount = Decimal(1)
    margin_bp: int = Field(default=1000, ge=0, le=10_000)
    age_ms: int = Field(default=0, ge=0)


class Order(Part):
    """An order in lots; one without a price is a market order. `after_ms` since the one before."""

    strategy: Name
    account: str
    instrument: str
    side: Literal["buy", "sell"]
    lots: int
    price: Amount | None = None
    reduce_only: bool = False
    after_ms: int = Field(default=1000, ge=0)


class Parent(Part):
    """What the last order is a child of: so many lots, by so many children."""

    lots: int = Field(ge=0)
    children: int = Field(ge=0)


class Case(Part):
    """Orders that pass first, filled at once where `filled`, and one with the answer it must get.

    Before that one, the firm and its strategy get their standing, the lease may end, and prices
    are `then_price` times what they were.
    """

    name: Name
    firm: Literal["enabled", "reducing", "disabled"] = "enabled"
    standing: Literal["enabled", "reducing", "disabled"] = "enabled"
    lease_over: bool = False
    parent: Parent | None = None
    then_price: Amount = Decimal(1)
    before: tuple[Order, ...] = ()
    filled: bool = False
    order: Order
    answer: Answer


class TestFile(Part):
    """A world and its cases."""

    __test__ = False  # pytest would take it for a test

    instruments: tuple[Instrument, ...] = Field(min_length=1)
    collateral: dict[str, Amount]
    cases: tuple[Case, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _all_known(self) -> "TestFile":
        known = [(each.account, each.instrument) for each in self.instruments]
        for case in self.cases:
            for order in (*case.before, case.order):
                if (order.account, order.instrument) not in known:
                    raise ValueError(
                        f"case {case.name}: no {order.instrument!r} at {order.account!r}"
                        " among the instruments"
                    )
        return self


class Verdict(NamedTuple):
    """One case: what it must get, and what it got."""

    case: str
    wanted: str
    got: str

    @property
    def held(self) -> bool:
        """Whether they are the same."""
        return self.wanted == self.got


def parse(text: str, source: str) -> TestFile:
    """The tests of a file's text; raises `BadLimits`."""
    told = mapping_of(text, source)
    try:
        return TestFile.model_validate(told)
    except ValidationError as error:
        raise BadLimits(lines_of(error, source)) from error


def verdicts(limits: LimitFile, tests: TestFile, at_ns: int) -> list[Verdict]:
    """Every case, each in a world of its own, under the limits as they stand at a moment."""
    standing = [*limits.standing(at_ns).values()]
    return [
        Verdict(case.name, case.answer, _answer(limits, standing, tests, case))
        for case in tests.cases
    ]


def _answer(file: LimitFile, standing: list[Limit], tests: TestFile, case: Case) -> str:
    world = World(file, standing, tests, case)
    now = NOW
    for order in case.before:
        now += order.after_ms * MS
        code = world.ask(order, now)
        if code != codes.PASSED:
            return f"{codes.NAMES[code].name} before it was its turn"
        if case.filled:
            world.gate.fill(world.gate.taken, order.lots, now)
    world.turn(case, now)
    code = world.ask(case.order, now + case.order.after_ms * MS)
    return PASSES if code == codes.PASSED else codes.NAMES[code].name


class World:
    """A gate with the limits in force, in the world of a test file."""

    def __init__(self, file: LimitFile, standing: list[Limit], tests: TestFile, case: Case) -> None:
        self.file, self.standing, self.instruments = file, standing, tests.instruments
        self.price = Decimal(1)
        self.parent = counters.NO_PARENT
        self.gate = Gate(SLOTS, 1)
        self.gate.firm.state, self.gate.firm.open_until = counters.ENABLED, NOW * 2
        self.accounts: dict[str, counters.Account] = {}
        self.assets: dict[str, counters.Scope] = {}
        self.strategies: dict[str, counters.Strategy] = {}
        self.routes: dict[tuple[str, str, str], int] = {}
        self._bound(self.gate.firm.scope, "FIRM_NET", "FIRM_GROSS", {})
        strategies = dict.fromkeys(order.strategy for order in (*case.before, case.order))
        for told in tests.instruments:
            holding = self._holding(told, tests.collateral)
            for strategy in strategies:
                self._route(strategy, told, holding)

    def ask(self, order: Order, now: int) -> int:
        """The gate's answer, at references as old as the file says; what passes stays open."""
        for number, told in enumerate(self.instruments):
            price = int(told.price * self.price * PRICE_ONE)
            self.gate.priced(number, price, now - told.age_ms * MS)
        kind, price = counters.MARKET, 0
        if order.price is not None:
            kind, price = counters.LIMIT, int(order.price * PRICE_ONE)
        route = self.routes[order.strategy, order.account, order.instrument]
        side, reduce_only = SIDES[order.side], int(order.reduce_only)
        return self.gate.order(route, side, order.lots, price, kind, reduce_only, self.parent, now)

    def turn(self, case: Case, now: int) -> None:
        """The world as it is for the last order."""
        self.price = case.then_price
        self.gate.firm.state = STANDINGS[case.firm]
        self.strategies[case.order.strategy].state = STANDINGS[case.standing]
        if case.lease_over:
            self.gate.firm.open_until = now
        if case.parent is not None:
            self.parent = 0
            self.gate.open_parent(self.parent, case.parent.lots, case.parent.children)

    # --- limits into counters -----------------------------------------------------------------

    def _units(self, control: str, place: Mapping[str, str]) -> int:
        found = applying(self.standing, control, place)
        return 0 if found is None else found.units

    def _bound(self, scope: counters.Scope, net: str, gross: str, place: Mapping[str, str]) -> None:
        scope.long_max = scope.short_max = self._units(net, place)
        scope.gross_max = self._units(gross, place)

    def _pace(self, rate: counters.Rate, control: str, place: Mapping[str, str]) -> None:
        """So many in a window: as many at once, then one each time that its share has passed."""
        found = applying(self.standing, control, place)
        if found is None or found.window_ms is None or not found.units:
            rate.interval, rate.orders_ns = NOW, -1
            return
        rate.interval = -(-found.window_ms * MS // found.units)
        rate.orders_ns = rate.interval * (found.units - 1)

    def _account(self, name: str, collateral: Mapping[str, Amount]) -> counters.Account:
        if name not in self.accounts:
            account = self.accounts[name] = self.gate.add_account()
            place = {"account": name}
            self._bound(account.scope, "ACCOUNT_NET", "ACCOUNT_GROSS", place)
            self._pace(account.rate, "ACCOUNT_RATE", place)
            account.credit_max = self._units("CREDIT", place)
            account.collateral = int(collateral.get(name, 0) * REPORTING_ONE)
        return self.accounts[name]

    def _asset(self, name: str) -> counters.Scope:
        if name not in self.assets:
            self.assets[name] = self.gate.add_asset()
            self._bound(self.assets[name], "ASSET_NET", "CONCENTRATION", {"asset": name})
        return self.assets[name]

    def _strategy(self, name: str) -> counters.Strategy:
        if name not in self.strategies:
            strategy = self.strategies[name] = self.gate.add_strategy()
            strategy.state = counters.ENABLED
            place = {"strategy": name}
            self._bound(strategy.scope, "STRATEGY_NET", "STRATEGY_GROSS", place)
            self._pace(strategy.rate, "STRATEGY_RATE", place)
        return self.strategies[name]

    def _holding(self, told: Instrument, collateral: Mapping[str, Amount]) -> counters.Holding:
        account = self._account(told.account, collateral)
        holding = self.gate.add_holding(account, self._asset(told.asset), self.gate.add_book())
        place = {"account": told.account, "instrument": told.instrument}
        lot = int(told.lot * QUANTITY_ONE)
        holding.restricted = int(any(self._restrictions(told)))
        holding.position_max = self._units("ACCOUNT_POSITION", place) // lot
        holding.collar_bp = self._units("PRICE_COLLAR", place)
        holding.reference_age_max = self._units("REFERENCE_AGE", place) * MS
        holding.value_num = lot * REPORTING_ONE * int(told.quote_rate * PRICE_ONE)
        holding.value_den = QUANTITY_ONE * PRICE_ONE * PRICE_ONE
        holding.tiers = [counters.Tier(1 << 60, told.margin_bp, 0)]
        return holding

    def _restrictions(self, told: Instrument) -> Iterator[bool]:
        for each in self.file.restricted:
            yield each.instrument == told.instrument and each.account in (EVERY, told.account)

    def _route(self, strategy: str, told: Instrument, holding: counters.Holding) -> None:
        route = self.gate.add_route(self._strategy(strategy), holding)
        self.routes[strategy, told.account, told.instrument] = route.number
        place = {"strategy": strategy, "account": told.account, "instrument": told.instrument}
        lot = int(told.lot * QUANTITY_ONE)
        route.quantity_max = self._units("ORDER_QUANTITY", place) // lot
        route.position_max = self._units("STRATEGY_POSITION", place) // lot
        route.notional_max = self._notional(place, told)
        # What bounds a span refuses by a long one: where nobody said how long, it has no end.
        apart = applying(self.standing, "DUPLICATE", place)
        route.duplicate_ns = NOW if apart is None else apart.units * MS
        repeated = applying(self.standing, "REPEATED", place)
        route.executions_ns = TIME_MAX
        if repeated is not None and repeated.window_ms is not None:
            route.executions_max = repeated.units
            route.executions_ns = repeated.window_ms * MS

    def _notional(self, place: Mapping[str, str], told: Instrument) -> int:
        found = applying(self.standing, "ORDER_NOTIONAL", place)
        if found is None or found.unit == "reporting":
            return 0 if found is None else found.units
        return int(found.units * told.quote_rate)


def controls_of(answer: str) -> list[str]:
    """The controls of limit files that stand behind an answer."""
    return [
        name
        for name, control in CONTROLS.items()
        if any(codes.NAMES[code].name == answer for code in control.codes)
    ]
