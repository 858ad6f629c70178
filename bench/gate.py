"""The hot gate beside the same controls in C (`gate_yardstick.c`, built where it is asked for), and
beside openpit, where that is installed.

True here: all contestants run in one process, on one world, with the same words. `own` are the
order's own controls alone (`risk.controls.own`, the first stage of every answer), without a
reservation; `all` is every control, the reservation, and the release.
"""

import gc
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # last on the path: an installed build of the gate comes first
    sys.path.append(str(Path(__file__).parent.parent))

from bench.interpreters import compiled_python
from bench.measure import CHUNK_CALLS, Chunk, race
from bench.rows import Row, not_run
from risk import controls, gate
from risk.counters import Scope, Tier
from risk.gate import Gate

ROUTES = 5_000
OPEN = 100_000
SLOTS = 1 << 17
BIG = 1 << 55
PRICE = 100 * 10**12
START = 2 * 10**9
CALLS = 1_000  # of a contestant in one round
TIERS = ((10**12, 500, 0), (10**15, 1000, 10**10), (BIG, 10_000, 0))
Words = tuple[int, ...]


def rows(*, quick: bool) -> list[Row]:
    """The figures of DESIGN §10, of the compiled and of the plain build."""
    rounds = 10 if quick else 60
    plain = times(rounds)
    found = [*_plain(plain), *_allocations("plain", plain)]
    python, why = compiled_python()
    if python is None:
        return [*found, not_run("hot gate, compiled", "ns", "the same in C", "<= 1.3", why)]
    told = _ask(python, "times", str(rounds))
    return [*found, *_compiled(told), *_allocations("compiled", told), *_instructions(python)]


def _plain(told: dict[str, float]) -> list[Row]:
    name = "gate, plain: order's own controls"
    if "openpit" not in told:
        return [not_run(name, "ns", "openpit 0.10", "<= 1.25", "openpit is not installed")]
    ratio = told["own"] / told["openpit"]
    return [Row(name, told["own"], "ns", ratio, "openpit 0.10, three policies", "<= 1.25")]


def _compiled(told: dict[str, float]) -> list[Row]:
    found = [
        _ratio(told, "order's own controls", "own", "c_own", "<= 1.3"),
        _ratio(told, "all controls, reserve, release", "all", "c_all", "<= 1.5"),
        _ratio(told, f"all controls at {OPEN:,} open", "crowd", "all", "<= 1.3"),
        _ratio(told, f"all controls at {OPEN:,} open in one book", "queue", "all", "<= 1.3"),
        _ratio(told, "the yardstick itself, own controls", "c_own", "noop", "<= 5"),
    ]
    for what, target in (("own", ">= 7"), ("all", ">= 4")):
        name = f"gate, compiled: {what}, times faster than openpit"
        if "openpit" in told:
            ratio = told["openpit"] / told[what]
            found.append(Row(name, told["openpit"], "ns", ratio, "openpit 0.10", target))
        else:
            why = "openpit is not installed beside the compiled build"
            found.append(not_run(name, "ns", "openpit 0.10", target, why))
    return found


AGAINST = {"c_own": "the same in C", "c_all": "the same in C", "all": "none open", "noop": "no-op"}


def _ratio(told: dict[str, float], name: str, one: str, other: str, target: str) -> Row:
    full = f"gate, compiled: {name}"
    if one not in told or other not in told:
        return not_run(full, "ns", AGAINST[other], target, "no C compiler")
    return Row(full, told[one], "ns", told[one] / told[other], AGAINST[other], target)


def _allocations(build: str, told: dict[str, float]) -> list[Row]:
    tracked = Row(f"gate, {build}: tracked objects per order", told["tracked"], "", target="<= 0")
    kept = Row(f"gate, {build}: bytes kept per order and release", told["kept"], "B", target="<= 0")
    return [tracked, kept]


def _instructions(python: Path) -> list[Row]:
    """By callgrind: they repeat to the bit where times do not."""
    if shutil.which("valgrind") is None:
        why = "valgrind is not installed"
        return [not_run("gate, compiled: instructions, all", "", "the same in C", "<= 1.5", why)]
    found = {name: _counted(python, name) for name in ("noop", "own", "c_own", "all", "c_all")}
    return [
        Row("gate, compiled: instructions, own", found["own"], "", found["own"] / found["c_own"], "the same in C"),  # noqa: E501
        Row("gate, compiled: instructions, all", found["all"], "", found["all"] / found["c_all"], "the same in C"),  # noqa: E501
        Row("the yardstick: instructions, a no-op call", found["noop"], ""),
    ]  # fmt: skip


def _counted(python: Path, name: str) -> float:
    few, many = (_collected(python, name, calls) for calls in (1_000, 3_000))
    return (many - few) / 2_000


def _collected(python: Path, name: str, calls: int) -> int:
    tool = ("valgrind", "--tool=callgrind", f"--callgrind-out-file={os.devnull}")
    told = _run((*tool, str(python), "-P", __file__, "turn", name, str(calls))).stderr
    line = next(line for line in told.splitlines() if "Collected" in line)
    return int(line.split(":")[1])


def _ask(python: Path, *words: str) -> Any:
    return json.loads(_run((str(python), "-P", __file__, *words)).stdout)


def _run(command: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    environment["PYTHONHASHSEED"] = "0"
    folder = tempfile.gettempdir()
    return subprocess.run(  # noqa: S603  # our own program
        command, cwd=folder, env=environment, capture_output=True, text=True, check=True
    )


# --- the world ------------------------------------------------------------------------------------


def world(slots: int = SLOTS) -> Gate:
    """Limits far away, so that every control is asked and none refuses."""
    made = Gate(slots, 16)
    made.firm.state, made.firm.open_until = 2, 1 << 61
    accounts = [made.add_account() for _ in range(4)]
    assets = [made.add_asset() for _ in range(10)]
    strategies = [made.add_strategy() for _ in range(5)]
    for account in accounts:
        account.rate.orders_ns, account.collateral, account.credit_max = 10**15, BIG, BIG
    for strategy in strategies:
        strategy.state, strategy.rate.orders_ns = 2, 10**15
    for scope in made.scopes():
        _widen(scope)
    for number in range(ROUTES):
        holding = made.add_holding(accounts[number % 4], assets[number % 10], made.add_book())
        holding.tiers = [Tier(*tier) for tier in TIERS]
        holding.position_max, holding.collar_bp, holding.reference_age_max = 10**9, 1000, 10**18
        holding.value_den, holding.value_num = 10**9, 1
        holding.fee_ppm, holding.borrow_ppm = 500, 100
        way = made.add_route(strategies[number % 5], holding)
        way.quantity_max, way.notional_max, way.position_max = 10**6, 10**15, 10**9
        way.executions_max, way.executions_ns = 1000, 10**9
        made.priced(number, PRICE, 10**9)
    return made


def _widen(scope: Scope) -> None:
    scope.long_max = scope.short_max = scope.gross_max = BIG


def yardstick(folder: str) -> Any:
    """The extension in C, built for this interpreter, with the same world; None without a cc."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    file = Path(folder) / f"gate_yardstick{sysconfig.get_config_var('EXT_SUFFIX')}"
    source = Path(__file__).with_name("gate_yardstick.c")
    include = sysconfig.get_paths()["include"]
    flags = ("-O3", "-shared", "-fPIC", f"-I{include}")
    subprocess.run((compiler, *flags, source, "-o", file), check=True)  # noqa: S603  # our own source
    spec = importlib.util.spec_from_file_location("gate_yardstick", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    one = world(1).holdings[0]
    tiers = [n for tier in one.tiers for n in (tier.lots_max, tier.rate_unit, tier.deduction)]
    units = (one.unit, one.low, one.high, one.fee_unit, one.borrow_unit, one.reference_at, BIG)
    module.build(ROUTES, SLOTS, *units, *tiers)
    return module


def words(number: int) -> Words:
    """Route, side, quantity, price, kind, reduce-only, parent, now: of the number-th order."""
    now = START + number * 1_000_000
    return (number * 7 % ROUTES, number & 1, 10 + (number & 7), PRICE, 0, 0, -1, now)


def crowd(made: Gate, routes: int) -> None:
    """So many orders open, in so many books."""
    for number in range(OPEN):
        price = PRICE * 95 // 100 + number * 1_000_000 % 997_000_000
        code = made.order(number % routes, 0, 10, price, 0, 0, -1, START + number)
        assert code == 0, code


# --- the contestants ------------------------------------------------------------------------------


def turns(names: tuple[str, ...], folder: str) -> dict[str, Callable[[list[Words]], None]]:
    """Each contestant: what it does with a chunk of orders."""
    made = world()
    found: dict[str, Callable[[list[Words]], None]] = {"all": _all(made), "own": _own(made)}
    for name, routes in (("crowd", ROUTES), ("queue", 1)):
        if name in names:
            crowded = world()
            crowd(crowded, routes)
            found[name] = _all(crowded)
    c = yardstick(folder)
    if c is not None:
        found |= {"noop": _calls(c.noop), "c_own": _calls(c.own), "c_all": _all_in_c(c)}
    return {name: turn for name, turn in found.items() if name in names}


def _calls(function: Callable[..., int]) -> Callable[[list[Words]], None]:
    def turn(orders: list[Words]) -> None:
        for route, side, quantity, price, kind, flag, parent, now in orders:
            code = function(route, side, quantity, price, kind, flag, parent, now)
            assert code == 0

    return turn


def _own(made: Gate) -> Callable[[list[Words]], None]:
    own, firm, routes = controls.own, made.firm, made.routes

    def turn(orders: list[Words]) -> None:
        for route, side, quantity, price, _, flag, _, now in orders:
            code = own(firm, routes[route], side, quantity, quantity, price, flag, now)
            assert code == 0

    return turn


def _all(made: Gate) -> Callable[[list[Words]], None]:
    order, release = made.order, made.release

    def turn(orders: list[Words]) -> None:
        for route, side, quantity, price, kind, flag, parent, now in orders:
            code = order(route, side, quantity, price, kind, flag, parent, now)
            assert code == 0
            release(made.taken)

    return turn


def _all_in_c(c: Any) -> Callable[[list[Words]], None]:
    order, release, taken = c.order, c.release, c.taken

    def turn(orders: list[Words]) -> None:
        for route, side, quantity, price, kind, flag, parent, now in orders:
            code = order(route, side, quantity, price, kind, flag, parent, now)
            assert code == 0
            release(taken())

    return turn


def openpit() -> Callable[[list[Words]], None] | None:
    """Check and commit with three named policies: validation, rate, size."""
    if importlib.util.find_spec("openpit") is None:
        return None
    from datetime import timedelta

    import openpit as pit
    from openpit.param import AccountId, Price, Quantity, Side, TradeAmount, Volume
    from openpit.pretrade import policies

    rate = policies.RateLimit(max_orders=10**9, window=timedelta(seconds=1))
    size = policies.OrderSizeLimit(max_quantity=Quantity("1000000"), max_notional=Volume("1e12"))
    engine = (
        pit.Engine.builder()
        .no_sync()
        .builtin(policies.build_order_validation())
        .builtin(policies.build_rate_limit().broker_barrier(policies.RateLimitBrokerBarrier(limit=rate)))
        .builtin(policies.build_order_size_limit().broker_barrier(policies.OrderSizeBrokerBarrier(limit=size)))
        .build()
    )  # fmt: skip
    order = pit.Order(
        operation=pit.OrderOperation(
            instrument=pit.Instrument("BTC", "USD"),
            account_id=AccountId.from_int(1),
            side=Side.BUY,
            trade_amount=TradeAmount.quantity("10"),
            price=Price("100"),
        )
    )
    execute = engine.execute_pre_trade

    def turn(orders: list[Words]) -> None:
        for _ in orders:
            result = execute(order=order)
            assert result.ok
            result.reservation.commit()

    return turn


# --- measuring ------------------------------------------------------------------------------------


def times(rounds: int) -> dict[str, float]:
    """Nanoseconds per order of each contestant here, and what an order allocates."""
    names = ("all", "own", "crowd", "queue", "noop", "c_own", "c_all")
    with tempfile.TemporaryDirectory() as folder:
        found = turns(names, folder)
        pit = openpit()
        if pit is not None:
            found["openpit"] = pit
        clock = dict.fromkeys(found, OPEN)

        def lane(name: str) -> Callable[[], Iterable[Chunk]]:
            def chunks() -> Iterator[Chunk]:
                for _ in range(CALLS // CHUNK_CALLS):
                    begin = clock[name]
                    clock[name] += CHUNK_CALLS
                    part = [words(number) for number in range(begin, begin + CHUNK_CALLS)]
                    yield lambda part=part: found[name](part)

            return chunks

        best = race({name: lane(name) for name in found}, rounds)
    return {name: taken / CALLS for name, taken in best.items()} | allocations()


def allocations() -> dict[str, float]:
    """Objects that the collector tracks, and bytes that stay, per order and release."""
    turn = _all(world(1024))
    orders = [words(number) for number in range(2_000)]
    turn(orders[:1_000])
    gc.collect()
    gc.disable()
    before = len(gc.get_objects())
    turn(orders[1_000:])
    tracked = len(gc.get_objects()) - before - 1  # the list that was asked for
    gc.enable()
    tracemalloc.start()
    turn([words(number) for number in range(3_000, 4_000)])
    more = [words(number) for number in range(4_000, 5_000)]
    began = tracemalloc.get_traced_memory()[0]
    turn(more)
    kept = tracemalloc.get_traced_memory()[0] - began
    tracemalloc.stop()
    return {"tracked": max(0, tracked) / 1_000, "kept": kept // 1_000}


def main(what: str, *told: str) -> None:
    """What another interpreter runs: `times ROUNDS` or `turn CONTESTANT CALLS`."""
    if what == "times":
        sys.stdout.write(json.dumps(times(int(told[0])) | {"file": gate.__file__}))
        return
    with tempfile.TemporaryDirectory() as folder:
        turn = turns((told[0],), folder)[told[0]]
        turn([words(number) for number in range(int(told[1]))])


if __name__ == "__main__":
    main(*sys.argv[1:])
