"""The hot gate against its plain model, against planted exceptions, bad words and known faults."""

import ast
import gc
import importlib.util
import json
import os
import random
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from risk import codes, controls, counters, headroom, snapshot
from risk import gate as gate_module
from risk.gate import Gate
from tests import gate_model, gate_worlds
from tests.conftest import ROOT
from tests.gate_worlds import SPOILT, STARS, START, STEPS, Play, build, draw
from tests.test_compiled import compiled_python

FULL = os.environ.get("TIEOUT_FULL") == "1"
ROUNDS = 56 if FULL else 2
SOURCES = ("counters", "controls", "gate")
BOUNDS = (
    *("LEASE_OVER", "REFERENCE_STALE", "PRICE_LOW", "PRICE_HIGH", "ORDER_QUANTITY"),
    *("ORDER_NOTIONAL", "ACCOUNT_RATE", "STRATEGY_RATE", "DUPLICATE", "REPEATED"),
    *("STRATEGY_POSITION", "ACCOUNT_POSITION", "WOULD_FLIP", "PARENT_QUANTITY", "SELF_MATCH"),
    *("PASSIVE_BREACH", "STRATEGY_NET", "STRATEGY_GROSS", "ACCOUNT_NET", "ACCOUNT_GROSS"),
    *("ASSET_NET", "CONCENTRATION", "FIRM_NET", "FIRM_GROSS", "MARGIN", "CREDIT"),
)


def calm(star: str = "", seed: int = 0) -> Gate:
    """A gate in which nothing is near, priced at 1,000; or in which only this control is."""
    world = draw(Quiet(seed), star)
    gate = build(world)
    for number in range(3):
        gate.priced(number, 1000, START)
    return gate


class Quiet(random.Random):
    """Dice that never bring a limit near by chance."""

    def random(self) -> float:
        return 0.5


def buy(gate: Gate, quantity: Any = 1, price: Any = 1000, now: Any = START, **words: Any) -> int:
    told = {"route": 0, "side": 0, "kind": 0, "flag": 0, "parent": -1, **words}
    return gate.order(
        told["route"],
        told["side"],
        quantity,
        price,
        told["kind"],
        told["flag"],
        told["parent"],
        now,
    )


# --- the model ------------------------------------------------------------------------------------


def test_the_gate_answers_and_counts_as_its_plain_model() -> None:
    """Random orders and events in worlds tight in one control each; with TIEOUT_FULL=1 over
    200,000 answers, each code at least 1,000 times, each bound at -1, 0 and +1."""
    hits, edges, _ = gate_worlds.play(0, ROUNDS * len(STARS))
    names = {code.name for code in codes.TABLE} - {"GATE_FAILED"}
    least = 1000 if FULL else 5
    assert {name: hits[name] for name in names if hits[name] < least} == {}
    assert not FULL or sum(hits.values()) > 200_000
    rare = {(name, step) for name in BOUNDS for step in (-1, 0, 1) if not edges[name, step]}
    assert rare == set()


def test_the_model_shares_no_code_with_the_gate() -> None:
    """It imports the standard library alone."""
    tree = ast.parse(Path(gate_model.__file__).read_text())
    imported = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = [node.module if isinstance(node, ast.ImportFrom) else node.names[0].name for node in imported]  # fmt: skip  # noqa: E501
    assert set(names) <= {"copy", "fractions", "math", "typing"}


def test_the_compiled_gate_answers_and_counts_the_same(tmp_path: Path) -> None:
    """The same play from the compiled environment: one digest over answers and states."""
    python = compiled_python()
    episodes = ROUNDS * len(STARS)
    worker = ROOT / "tests" / "gate_worlds.py"
    command = [python, "-P", worker, "0", str(episodes)]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    told = json.loads(done.stdout)
    if Path(told["file"]).suffix == ".py":
        pytest.skip("the compiled environment has no compiled gate: `make compiled`")
    assert told["digest"] == gate_worlds.play(0, episodes)[2]


def test_a_restored_gate_is_the_same_gate() -> None:
    """In the midst of a play: what the snapshot tells is all there is."""
    for number, star in enumerate(STARS):
        one = Play(f"restore/{number}", star)
        one.run(STEPS // 2)
        told = json.loads(json.dumps(snapshot.dump(one.gate)))
        one.gate = build(one.world)
        snapshot.restore(one.gate, told)
        assert snapshot.dump(one.gate) == told
        one.run(STEPS // 2)


def test_sums_counted_along_the_way_are_those_counted_anew() -> None:
    one = Play("recount", "MARGIN")
    one.run(STEPS)
    before = sums(one.gate)
    one.gate.recount()
    assert sums(one.gate) == before


def sums(gate: Gate) -> list[tuple[int, ...]]:
    """Every derived counter."""
    told = [(scope.long, scope.short, scope.gross) for scope in gate.scopes()]
    told += [(account.margin, account.credit_open) for account in gate.accounts]
    told += [(each.long, each.short, each.need) for each in gate.holdings]
    told += [(way.long, way.short) for way in gate.routes]
    told += [(parent.working,) for parent in gate.parents]
    for book in gate.books:
        for ladder in (book.buys, book.sells):
            told.append(tuple(sorted(slot.handle for slot in ladder.slots[: ladder.size])))
            told.append((ladder.best(),) if ladder.size else ())
    return told


BY_THE_UNIT = (
    (lambda gate: gate.strategies[0].scope, "strategy", 0, "STRATEGY_NET", "STRATEGY_GROSS"),
    (lambda gate: gate.accounts[0].scope, "account", 0, "ACCOUNT_NET", "ACCOUNT_GROSS"),
    (lambda gate: gate.assets[0], "asset", 0, "ASSET_NET", "CONCENTRATION"),
    (lambda gate: gate.firm.scope, "firm", 0, "FIRM_NET", "FIRM_GROSS"),
)


@pytest.mark.parametrize(
    ("side", "value", "grows", "code"),
    [
        (0, 1, 0, codes.FIRM_NET),
        (1, 1, 0, codes.FIRM_NET),
        (0, 0, 1, codes.FIRM_GROSS),
        (1, 0, 1, codes.FIRM_GROSS),
        (0, 0, 0, codes.PASSED),
        (1, -1, -1, codes.PASSED),
    ],
)
def test_where_a_limit_is_reached_not_even_a_single_unit_more_passes(
    side: int, value: int, grows: int, code: int
) -> None:
    scope = counters.Scope(codes.FIRM_NET, codes.FIRM_GROSS)
    scope.long = scope.short = scope.gross = 10
    scope.long_max = scope.short_max = scope.gross_max = 10
    assert controls.over(scope, side, value, grows, reduces=False) == code


@pytest.mark.parametrize("measure", ["long", "short", "gross"])
@pytest.mark.parametrize("scoped", BY_THE_UNIT, ids=lambda each: each[1])
def test_a_sum_may_reach_its_limit_to_the_unit_and_not_pass_it(scoped: Any, measure: str) -> None:
    """At the limit less one it is refused; at the limit, and one above, it passes."""
    scope_of, kind, number, net, gross = scoped
    place = ("long", "short", "gross").index(measure)
    for spare, expected in ((-1, False), (0, True), (1, True)):
        model, gate = gate_model.Model(draw(Quiet(0), "")), calm()
        model.world["holdings"][0].update(reference=1000, at=START)
        side = int(measure == "short")
        reached = model.sums((kind, number), (0, side, 7))[place]
        setattr(scope_of(gate), f"{measure}_max", reached + spare)
        code = buy(gate, 7, side=side)
        name = codes.NAMES[code].name if code else ""
        assert name == ("" if expected else gross if measure == "gross" else net)


@pytest.mark.parametrize(
    ("limit", "code"), [("collateral", codes.MARGIN), ("credit_max", codes.CREDIT)]
)
def test_margin_and_credit_are_met_to_the_unit(limit: str, code: int) -> None:
    used = calm()
    buy(used, 7)
    account = used.accounts[0]
    figure = account.margin if limit == "collateral" else account.credit_open
    for spare, expected in ((-1, code), (0, codes.PASSED), (1, codes.PASSED)):
        gate = calm()
        setattr(gate.accounts[0], limit, figure + spare)
        assert buy(gate, 7) == expected


def test_an_order_s_value_is_met_to_the_unit() -> None:
    gate = calm()
    way = gate.routes[0]
    for spare, expected in ((-1, codes.ORDER_NOTIONAL), (0, codes.PASSED)):
        way.notional_max = 7 * way.holding.unit + spare
        assert buy(gate, 7) == expected


# --- exceptions -----------------------------------------------------------------------------------


class PlantedError(Exception):
    """What goes off."""


class Fuse:
    """Counts statements, and raises at one of them."""

    def __init__(self) -> None:
        self.count, self.at = 0, -1

    def __call__(self) -> None:
        self.count += 1
        if self.count == self.at:
            raise PlantedError


class Planter(ast.NodeTransformer):
    """A call of the fuse before each statement of each function, but for the `try` around all."""

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        for name in ("body", "orelse"):
            block = getattr(node, name, None)
            if isinstance(block, list) and not isinstance(node, ast.Module | ast.ClassDef):
                setattr(node, name, [part for each in block for part in self.with_fuse(each)])
        return node

    def with_fuse(self, statement: ast.stmt) -> list[ast.stmt]:
        """What cannot raise gets none: a text, and the return of a name that is bound."""
        value = getattr(statement, "value", None)
        is_text = isinstance(statement, ast.Expr) and isinstance(value, ast.Constant)
        is_handed_on = isinstance(statement, ast.Return) and isinstance(value, ast.Name)
        if is_text or is_handed_on or isinstance(statement, ast.Try):
            return [statement]
        return [*ast.parse("_fuse()").body, statement]


def fused(monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Fuse]:
    """The gate's own source with a fuse in it, as modules of its own."""
    fuse = Fuse()
    monkeypatch.setitem(sys.modules, "risk", types.ModuleType("risk"))
    monkeypatch.setitem(sys.modules, "risk.codes", codes)
    sys.modules["risk"].codes = codes  # type: ignore[attr-defined]
    for name in SOURCES:
        path = ROOT / "risk" / f"{name}.py"
        tree = ast.fix_missing_locations(Planter().visit(ast.parse(path.read_text())))
        spec = importlib.util.spec_from_loader(f"risk.{name}", loader=None)
        assert spec is not None
        module = importlib.util.module_from_spec(spec)
        module.__dict__["_fuse"] = fuse
        monkeypatch.setitem(sys.modules, f"risk.{name}", module)
        setattr(sys.modules["risk"], name, module)
        exec(compile(tree, str(path), "exec"), module.__dict__)  # noqa: S102  # our own source
    return sys.modules["risk.gate"], fuse


@pytest.mark.parametrize("ask", ["order", "amend"])
def test_an_exception_planted_at_each_statement_refuses_and_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, ask: str
) -> None:
    module, fuse = fused(monkeypatch)
    monkeypatch.setattr(gate_worlds, "Gate", module.Gate)
    monkeypatch.setattr(gate_worlds, "Tier", sys.modules["risk.counters"].Tier)  # type: ignore[attr-defined]
    gate = calm()
    for number in range(6):
        assert buy(gate, 2, 990 + number, route=number % 2, now=START + number) == codes.PASSED
    handle = gate.taken
    gate.fill(handle, 1, START)

    def asked() -> int:
        if ask == "amend":
            return gate.amend(handle, 5, 996, START + 50)
        return buy(gate, 3, 1001, now=START + 50)

    before = snapshot.dump(gate), sums(gate)
    statement = 0
    while True:
        statement += 1
        fuse.count, fuse.at = 0, statement
        code = asked()
        if fuse.count < statement:
            break
        fuse.at = -1
        assert code == codes.GATE_FAILED, statement
        assert (snapshot.dump(gate), sums(gate)) == before, statement
    fuse.at = -1
    assert code == codes.PASSED
    assert statement > 90
    assert (snapshot.dump(gate), sums(gate)) != before


@pytest.mark.parametrize("fact", ["fill", "release", "amended"])
def test_a_fact_that_breaks_inside_disables_the_gate_and_leaves_its_sums_whole(
    monkeypatch: pytest.MonkeyPatch, fact: str
) -> None:
    """Taken in or not, what is counted is what the facts say."""
    module, fuse = fused(monkeypatch)
    monkeypatch.setattr(gate_worlds, "Gate", module.Gate)
    monkeypatch.setattr(gate_worlds, "Tier", sys.modules["risk.counters"].Tier)  # type: ignore[attr-defined]
    statement = 0
    while True:
        statement += 1
        gate = calm()
        assert buy(gate, 5) == codes.PASSED
        words = {"fill": (2, START), "release": (), "amended": (3, 999)}[fact]
        fuse.count, fuse.at = 0, statement
        try:
            code = getattr(gate, fact)(gate.taken, *words)
        except PlantedError:  # outside: while the order is looked up
            continue
        if fuse.count < statement:
            break
        fuse.at = -1
        assert code == codes.GATE_FAILED
        assert gate.firm.state == counters.DISABLED
        assert buy(gate, 1, now=START + 9) == codes.KILLED
        told = sums(gate)
        gate.recount()
        assert sums(gate) == told
    assert code == codes.PASSED


# --- words ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("place", "told"), SPOILT, ids=str)
def test_bad_words_never_pass_and_never_raise(place: int, told: Any) -> None:
    """NaN, negative, zero, overflowing, unit-less, unknown: a code, and nothing changed."""
    gate = calm()
    words: list[Any] = [0, 0, 1, 1000, 0, 0, -1, START]
    before = snapshot.dump(gate)
    words[place] = told
    code = gate.order(*words)
    assert code not in (codes.PASSED, codes.GATE_FAILED)
    assert snapshot.dump(gate) == before
    assert headroom.of_order(gate, code, tuple(words)).largest == 0


@pytest.mark.parametrize(
    ("reference", "lots", "need"),
    [(1, 7, 7), (1, 8, counters.NO_COLLATERAL_SUFFICES), (0, 1, counters.NO_COLLATERAL_SUFFICES)],
)
def test_a_lot_of_a_single_unit_has_its_tier_and_one_of_none_has_none(
    reference: int, lots: int, need: int
) -> None:
    scope = counters.Scope(codes.FIRM_NET, codes.FIRM_GROSS)
    holding = counters.Holding(counters.Account(scope), scope, counters.Book())
    holding.value_num, holding.reference = 1, reference
    holding.tiers = [counters.Tier(7, 10_000, 0)]
    holding.price_anew()
    assert holding.margin(lots, -lots) == need


def test_what_nobody_set_counts_nothing_and_allows_nothing() -> None:
    """Each number of each counter is 0, but for those that stand for none."""
    scope, book = counters.Scope(codes.FIRM_NET, codes.FIRM_GROSS), counters.Book()
    account, strategy = counters.Account(scope), counters.Strategy(scope)
    holding = counters.Holding(account, scope, book)
    none = {"route": -1, "parent": counters.NO_PARENT, "place": -1, "next_free": -1}
    fresh: list[tuple[Any, dict[str, int]]] = [
        (scope, {"net_code": codes.FIRM_NET, "gross_code": codes.FIRM_GROSS}),
        (counters.Firm(scope), {}),
        (counters.Rate(), {"interval": 1}),
        (account, {}),
        (strategy, {}),
        (holding, {"value_den": 1}),
        (counters.Route(0, strategy, holding), {"last_side": -1}),
        (counters.Reservation(0), none),
        (counters.Ladder(), {}),
        (counters.Parent(), {}),
        (counters.Change(), {}),
    ]
    for thing, but_for in fresh:
        told = {name: getattr(thing, name) for name in dir(thing) if not name.startswith("_")}
        numbers = {name: each for name, each in told.items() if isinstance(each, int | None)}
        numbers = {name: each for name, each in numbers.items() if each != 0}
        assert numbers == but_for, thing


def test_nothing_passes_a_gate_that_nobody_set() -> None:
    """Every limit is 0, every strategy disabled, every reference missing: one after the other."""
    gate = Gate(4, 0)
    holding = gate.add_holding(gate.add_account(), gate.add_asset(), gate.add_book())
    way = gate.add_route(gate.add_strategy(), holding)
    seen = []
    settings: tuple[tuple[Any, str, int], ...] = (
        (gate.firm, "state", 2), (gate.firm, "open_until", START), (way.strategy, "state", 2),
        (holding, "value_num", 1), (holding, "reference_age_max", 9), (way, "quantity_max", 1),
        (way, "notional_max", 10**9), (way, "position_max", 1), (holding, "position_max", 1),
        (way, "executions_max", 1), (way.strategy.scope, "long_max", 10**9),
        (way.strategy.scope, "gross_max", 10**9), (holding.account.scope, "long_max", 10**9),
        (holding.account.scope, "gross_max", 10**9), (holding.asset, "long_max", 10**9),
        (holding.asset, "gross_max", 10**9), (gate.firm.scope, "long_max", 10**9),
        (gate.firm.scope, "gross_max", 10**9), (holding.account, "collateral", 10**9),
        (holding.account, "credit_max", 10**9),
    )  # fmt: skip
    for thing, name, value in settings:
        seen.append(buy(gate))
        setattr(thing, name, value)
        if name == "value_num":
            gate.priced(0, 1000, START)
    assert codes.PASSED not in seen
    assert buy(gate) == codes.MARGIN  # no tier is told
    holding.tiers = [counters.Tier(10**9, 100, 0)]
    gate.recount()
    assert buy(gate) == codes.PASSED


# --- V29 and its kin ------------------------------------------------------------------------------


def test_a_margin_account_is_margined() -> None:
    gate = calm()
    gate.accounts[0].collateral = 99
    assert buy(gate) == codes.MARGIN


def test_an_account_that_is_missing_is_refused() -> None:
    assert buy(calm(), route=5) == codes.UNKNOWN_ROUTE


def test_a_market_order_is_priced_at_the_worst_of_the_collar() -> None:
    gate = calm()
    way = gate.routes[0]
    way.notional_max = 3 * way.holding.unit
    assert buy(gate, 4, 0, kind=1) == codes.ORDER_NOTIONAL
    assert buy(gate, 3, 0, kind=1) == codes.PASSED
    assert gate.firm.scope.long == 3 * way.holding.unit


def test_a_market_order_without_a_reference_is_refused() -> None:
    gate = calm()
    gate.priced(0, 0, START)
    assert buy(gate, 1, 0, kind=1) == codes.REFERENCE_MISSING


def test_a_month_old_quote_is_no_quote() -> None:
    gate = calm()
    gate.holdings[0].reference_age_max = 60 * 10**9
    month = 30 * 86_400 * 10**9
    gate.firm.open_until = START + month
    assert buy(gate, now=START + month) == codes.REFERENCE_STALE


@pytest.mark.parametrize("how", ["flag", "strategy", "kill"])
def test_reducing_never_turns_long_one_into_short_four(how: str) -> None:
    """By its flag, by the strategy's state, by the kill switch; nor by two orders together."""
    gate = calm()
    gate.outside(0, 1)
    flag = int(how == "flag")
    if how == "strategy":
        gate.strategies[0].state = 1
    if how == "kill":
        gate.firm.state = 1
    code = {
        "flag": codes.WOULD_FLIP,
        "strategy": codes.STRATEGY_REDUCES,
        "kill": codes.KILL_REDUCES,
    }
    assert buy(gate, 5, side=1, flag=flag) == code[how]
    assert buy(gate, 1, side=0, flag=flag) == code[how]
    assert buy(gate, 1, side=1, flag=flag) == codes.PASSED
    assert buy(gate, 1, side=1, flag=flag, now=START + 9) == code[how]


def test_an_exit_is_at_most_what_the_venue_says_too() -> None:
    gate = calm()
    gate.outside(0, 5)
    gate.disputed(0, -3)
    assert buy(gate, 3, side=1, flag=1) == codes.WOULD_FLIP
    assert buy(gate, 2, side=1, flag=1) == codes.PASSED
    gate.disputed(0, -9)
    assert buy(gate, 1, side=1, flag=1, now=START + 9) == codes.WOULD_FLIP


# --- reservations ---------------------------------------------------------------------------------


def test_an_unknown_order_keeps_its_reservation_until_it_is_over() -> None:
    """However long it takes: time frees nothing."""
    gate = calm()
    gate.routes[0].position_max = 5
    assert buy(gate, 5) == codes.PASSED
    handle = gate.taken
    gate.priced(0, 1000, START + 10**8)
    assert buy(gate, 1, now=START + 10**8) == codes.STRATEGY_POSITION
    assert gate.release(handle) == codes.PASSED
    assert buy(gate, 5, now=START + 10**8) == codes.PASSED


def test_a_partial_fill_moves_its_part_from_the_reservation_into_the_position() -> None:
    gate = calm()
    assert buy(gate, 5) == codes.PASSED
    handle = gate.taken
    before = gate.firm.scope.long, gate.firm.scope.gross
    assert gate.fill(handle, 2, START) == codes.PASSED
    way = gate.routes[0]
    assert (way.position, way.long) == (2, 5)
    assert (gate.firm.scope.long, gate.firm.scope.gross) == before
    gate.release(handle)
    assert (way.position, way.long, gate.firm.scope.long) == (2, 2, 2 * way.holding.unit)


@pytest.mark.parametrize(("total", "price"), [(0, 1000), (-1, 1000), (3, 0), (3, -1)])
def test_an_order_of_nothing_or_for_nothing_is_none_that_the_venue_can_have(
    total: int, price: int
) -> None:
    gate = calm()
    assert buy(gate, 5) == codes.PASSED
    before = snapshot.dump(gate)
    assert gate.amended(gate.taken, total, price) == codes.UNKNOWN_ORDER
    assert snapshot.dump(gate) == before


@pytest.mark.parametrize(("side", "price"), [(0, 999), (1, 1001), (0, 0), (1, 0)])
def test_an_order_that_was_found_is_counted_as_one_that_was_asked_for(
    side: int, price: int
) -> None:
    """A limit, or at whatever the market says; and among the children of its parent."""
    asked, found = calm(), calm()
    kind = int(price == 0)
    for gate in (asked, found):
        assert gate.open_parent(1, 10, 3) == codes.PASSED
    assert buy(asked, 3, price, START + 7, side=side, kind=kind, parent=1) == codes.PASSED
    assert found.adopt(0, side, 3, price, 1, START + 7) == codes.PASSED
    assert snapshot.dump(found) == snapshot.dump(asked)


def test_an_amendment_reserves_the_larger_until_it_is_answered() -> None:
    gate = calm()
    assert buy(gate, 5) == codes.PASSED
    handle, way = gate.taken, gate.routes[0]
    assert gate.amend(handle, 3, 1000, START) == codes.PASSED
    assert way.long == 5
    gate.amended(handle, 3, 1000)
    assert way.long == 3
    assert gate.amend(handle, 8, 1001, START) == codes.PASSED
    assert way.long == 8
    assert gate.amend(handle, 9, 1001, START) == codes.AMENDMENT_PENDING
    gate.amended(handle, 3, 1000)
    assert way.long == 3


def test_the_most_aggressive_of_our_orders_is_always_at_hand() -> None:
    """Whatever is put in and taken out, with prices that differ by one or not at all."""
    dice = random.Random(0)  # noqa: S311  # the dice of a test
    ladder, inside = counters.Ladder(), []
    for number in range(3_000):
        if inside and dice.random() < 0.48:
            ladder.take(inside.pop(dice.randrange(len(inside))))
        else:
            slot = counters.Reservation(number)
            ladder.put(slot, dice.randint(1, 60))
            inside.append(slot)
        assert ladder.size == len(inside)
        ranks = [slot.rank for slot in ladder.slots[: ladder.size]]
        assert all(ranks[(place - 1) // 2] <= ranks[place] for place in range(1, len(ranks)))
        assert not inside or -ladder.best() == max(-slot.rank for slot in inside)


def test_a_handle_of_an_order_that_is_over_names_no_other() -> None:
    gate = calm()
    buy(gate)
    first = gate.taken
    gate.release(first)
    assert buy(gate, now=START + 9) == codes.PASSED
    assert gate.taken != first
    assert gate.release(first) == codes.UNKNOWN_ORDER


def test_cancels_pass_where_orders_wait_and_count_where_orders_count() -> None:
    gate = calm()
    gate.accounts[0].rate.orders_ns = 5
    assert buy(gate) == codes.PASSED
    handle = gate.taken
    assert buy(gate, 2) == codes.ACCOUNT_RATE
    for _ in range(9):
        assert gate.cancel_sent(handle, START) == codes.PASSED
    assert buy(gate, 2, now=START + 94) == codes.ACCOUNT_RATE
    assert buy(gate, 2, now=START + 95) == codes.PASSED


def test_an_answer_and_a_release_leave_nothing_for_the_collector() -> None:
    """No tracked object is made by 1,000 orders and their releases."""
    gate = calm()

    def turn(number: int) -> None:
        assert buy(gate, 1 + number % 3, now=START + 40 * number) == codes.PASSED
        gate.release(gate.taken)

    for number in range(10):
        turn(number)
    gc.collect()
    gc.disable()
    before = len(gc.get_objects())
    for number in range(10, 1010):
        turn(number)
    after = len(gc.get_objects())
    gc.enable()
    assert after - before <= 1


# --- refusals for people --------------------------------------------------------------------------


def test_a_refusal_says_figure_limit_headroom_and_what_would_pass() -> None:
    gate = calm()
    gate.routes[0].position_max = 7
    assert buy(gate, 3) == codes.PASSED
    words = (0, 0, 6, 1000, 0, 0, -1, START + 9)
    code = gate.vet(*words)
    why = headroom.of_order(gate, code, words)
    assert why[:6] == ("STRATEGY_POSITION", "position limit", 9, 7, 4, 4)


@pytest.mark.parametrize("star", sorted(set(STARS)))
def test_the_largest_that_would_pass_passes_and_one_more_does_not(star: str) -> None:
    """In worlds tight in each control, of every refusal that a smaller order would escape."""
    told = 0
    one = Play(f"largest/{star}", star)
    for _ in range(4):
        one.run(STEPS // 5)
        for _ in range(20):
            words = one.wish()
            code = one.gate.vet(*words)
            if code == codes.PASSED:
                continue
            why = headroom.of_order(one.gate, code, tuple(words))
            answers = [one.gate.vet(*words[:2], why.largest + more, *words[3:]) for more in (0, 1)]
            assert answers[1] != codes.PASSED
            assert why.largest == 0 or answers[0] in (codes.PASSED, codes.DUPLICATE)
            told += 1
    assert told


def test_every_code_is_in_the_table_once_under_its_own_name() -> None:
    named = {name: value for name, value in vars(codes).items() if isinstance(value, int)}
    del named["PASSED"]
    assert {code.name: code.number for code in codes.TABLE} == named
    assert len(codes.NAMES) == len(codes.TABLE)
    for code in codes.TABLE:
        assert code.control
        assert code.rules
        assert code.passes


def test_bounds_are_within_fast_integers() -> None:
    """What may be handed in, times what a lot may be worth, stays exact in any case; the words
    themselves, and what they are compared with, are fast integers of mypyc (62 bits)."""
    assert controls.QUANTITY_MAX < controls.PRICE_MAX < controls.TIME_MAX < 1 << 62
    assert gate_module.NO_BOUND > controls.QUANTITY_MAX
