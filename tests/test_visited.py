"""Moves of lifecycles: each that core takes is told, counted once, and expected by its table."""

import ast
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from core.journal import encode_state
from core.memory import all_orders
from core.node import encode_snapshot
from core.settlement_memory import kept_in, whole
from core.state import State, note_move
from scenarios import lifecycles
from tests.planting import plant
from tieout.campaigns import visited
from tieout.reports.outcome import Outcome
from tieout.runs import run

ROOT = Path(__file__).parent.parent
# Where something stands in its lifecycle; whoever sets one of these moves it.
STANDS = ("status", "stage", "standing", "phase", "is_open", "streaming")
# They set it on the way to a move that is told.
ON_THE_WAY = {
    "authorizations.on_undone": "it is mined, whatever word it had; `become` tells the move",
    "kill._cancel": "`_enter` told it, or the kill begins with it",
    "orders.move": "`trading._move` tells it: an order knows no state",
    "orders.take_back": "`trading._take_up` tells it",
    "strategies._change": "a person or the house moved it: either tells it",
}


def functions(package: str) -> Iterator[tuple[str, ast.FunctionDef]]:
    """Each function of a package, by module and name."""
    for path in sorted((ROOT / package).glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                yield f"{path.stem}.{node.name}", node


def calls(function: ast.FunctionDef) -> list[ast.Call]:
    """What it calls to tell a move."""
    named = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
    return [call for call in named if ast.unparse(call.func) in ("note_move", "self._watch")]


def sets_a_stand(function: ast.FunctionDef) -> bool:
    """Whether it assigns to an attribute that says where something stands."""
    targets = [
        target
        for node in ast.walk(function)
        if isinstance(node, ast.Assign)
        for each in node.targets
        for target in (each.elts if isinstance(each, ast.Tuple) else [each])
    ]
    names = [target.attr for target in targets if isinstance(target, ast.Attribute)]
    return function.name != "__init__" and any(name in STANDS for name in names)


def test_whoever_moves_something_tells_it() -> None:
    """In core, and in the holder of leases: no status is set where no move is told."""
    everyone = [*functions("core"), *functions("risk")]
    silent = {name for name, each in everyone if sets_a_stand(each) and not calls(each)}
    assert silent == ON_THE_WAY.keys()


def test_every_lifecycle_that_is_told_has_a_table_and_every_table_is_told() -> None:
    told = {
        call.args[1].value
        for _, function in functions("core")
        for call in calls(function)
        if len(call.args) > 1 and isinstance(call.args[1], ast.Constant)
    }
    assert told | {"lease"} == lifecycles.tables().keys()


def test_every_move_of_every_table_is_expected_and_reasons_are_of_moves() -> None:
    moves = [
        f"{name}/{was}>{to}"
        for name, table in lifecycles.tables().items()
        for was, becomes in table.items()
        for to in becomes
    ]
    assert len(moves) == len(dict.fromkeys(moves)) == len(visited.expected())
    assert visited.expected().keys() == set(moves)
    assert visited.UNSEEN.keys() <= set(moves)
    assert all(len(reason.split()) > 4 for reason in visited.UNSEEN.values())


def test_a_move_that_stands_in_no_table_is_told_apart() -> None:
    counted = {"order/requested>in_flight": 3, "order/filled>requested": 1}
    assert visited.visited(counted) == {"order/requested>in_flight": 3}
    assert visited.unlisted(counted) == {"order/filled>requested": 1}


def test_a_run_that_takes_such_a_move_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, "core.trading:_refuse", '"requested", "refused"', '"refused", "requested"')
    outcome = run("exits_only", seed=0, short=True)
    failed = [claim.claim for claim in outcome.claims if not claim.held]
    assert "core takes no move that stands in none of its tables" in failed


def test_counting_is_no_part_of_the_state() -> None:
    """Neither the digest nor a snapshot knows whether somebody counts, and he still does after."""
    state, watched = State(now=7), State(now=7)
    watched.moves = {}
    note_move(watched, "order", "requested", "in_flight")
    note_move(state, "order", "requested", "in_flight")
    assert encode_state(watched) == encode_state(state)
    assert encode_snapshot(watched) == encode_snapshot(state)
    assert watched.moves == {"order/requested>in_flight": 1}


def left_over(moves: Mapping[str, int], lifecycle: str, first: str) -> dict[str, int]:
    """How many stand where at the end, if all began at `first`: in, less out."""
    stand = Counter[str]()
    for move, times in moves.items():
        name, _, way = move.partition("/")
        was, _, to = way.partition(">")
        if name == lifecycle:
            stand[was] -= times
            stand[to] += times
    begun = -stand.pop(first)
    assert begun == sum(stand.values())
    return {where: times for where, times in stand.items() if times}


@pytest.fixture(scope="module")
def stormy() -> Outcome:
    """Many orders, and no crash: what a life did not commit it did all the same."""
    return run("quiet_weather", seed=3, short=True)


def test_what_moved_into_a_status_and_not_out_of_it_stands_there(stormy: Outcome) -> None:
    """Counted twice, or not at all, it would not come out even."""
    assert stormy.summary["crashes"] == 0
    moves = left_over(stormy.summary["visited"], "order", "requested")
    refused = moves.pop("refused", 0)
    orders = all_orders(stormy.state, stormy.store.records())
    assert moves == Counter(each.status for each in orders.values())
    told = sum(record.name == "TellStrategy" for record in stormy.store.records())
    assert refused <= told
    assert sum(moves.values()) > 20


def test_so_do_payments_and_what_customers_hear() -> None:
    outcome = run("pushed_in_crypto_out_reversed", seed=0, short=True)
    assert outcome.summary["crashes"] == 0
    everything = whole(outcome.state, kept_in(outcome.store.records()))
    legs = Counter(leg.status for leg in everything.settlement.legs.values())
    legs.pop("requested", None)
    assert left_over(outcome.summary["visited"], "leg", "requested") == legs
    told = [each.told for each in everything.settlement.transfers.values() if each.told]
    heard = Counter(word.partition(" ")[0] for word in told)
    assert left_over(outcome.summary["visited"], "told", "nothing") == heard
    assert sum(legs.values()) > 5
