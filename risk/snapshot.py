"""A gate's state as plain lists of numbers, for snapshot and digest, and back.

True here: what `dump` tells, with the same limits set up again, is the whole state: `restore` gives
a gate that answers everything as the first would. Derived sums are not told but counted anew.
"""

from typing import Any

from risk.gate import Gate

FIRM = ("state", "open_until")
SCOPE = ("long_max", "short_max", "gross_max")
RATE = ("interval", "orders_ns", "busy_until")
ACCOUNT = ("collateral", "charged", "credit_max", "unsettled")
STRATEGY = ("state", "needs_parent")
HOLDING = (
    *("restricted", "position_max", "collar_bp", "reference_age_max", "value_num", "value_den"),
    *("value_flat", "fee_ppm", "borrow_ppm", "reference", "reference_at", "position", "disputed"),
)
TIER = ("value_max", "rate_bp", "deduction")
ROUTE = (
    *("quantity_max", "notional_max", "position_max", "duplicate_ns", "executions_max"),
    *("executions_ns", "position", "last_side", "last_quantity", "last_price", "last_at"),
    *("executions", "executions_at"),
)
PARENT = ("open", "total", "children_max", "children", "filled")
ORDER = (
    *("handle", "open", "route", "side", "total", "asked", "filled", "price", "asked_price"),
    *("reduce_only", "credit", "parent", "next_free"),
)
FREE = ("handle", "next_free")
SLOTS = ("fresh", "free", "taken")

Told = dict[str, list[Any]]


def dump(gate: Gate) -> Told:
    """All facts and limits; of a free slot only its place in the queue of free ones."""
    used = gate.slots[: gate.fresh]
    return {
        "firm": _tell(gate.firm, FIRM),
        "scopes": [_tell(scope, SCOPE) for scope in gate.scopes()],
        "accounts": [_tell(each, ACCOUNT) + _tell(each.rate, RATE) for each in gate.accounts],
        "strategies": [_tell(each, STRATEGY) + _tell(each.rate, RATE) for each in gate.strategies],
        "holdings": [_tell(each, HOLDING) for each in gate.holdings],
        "tiers": [[_tell(tier, TIER) for tier in each.tiers] for each in gate.holdings],
        "routes": [_tell(each, ROUTE) for each in gate.routes],
        "parents": [_tell(each, PARENT) for each in gate.parents],
        "orders": [_tell(slot, ORDER if slot.open else FREE) for slot in used],
        "slots": _tell(gate, SLOTS),
    }


def restore(gate: Gate, told: Told) -> None:
    """Into a gate that was set up with the same accounts, holdings, routes and slots."""
    _take(gate.firm, FIRM, told["firm"])
    _take_all(gate.scopes(), SCOPE, told["scopes"])
    for account, numbers in zip(gate.accounts, told["accounts"], strict=True):
        _take(account, ACCOUNT, numbers[: len(ACCOUNT)])
        _take(account.rate, RATE, numbers[len(ACCOUNT) :])
    for strategy, numbers in zip(gate.strategies, told["strategies"], strict=True):
        _take(strategy, STRATEGY, numbers[: len(STRATEGY)])
        _take(strategy.rate, RATE, numbers[len(STRATEGY) :])
    _take_all(gate.holdings, HOLDING, told["holdings"])
    for holding, tiers in zip(gate.holdings, told["tiers"], strict=True):
        _take_all(holding.tiers, TIER, tiers)
    _take_all(gate.routes, ROUTE, told["routes"])
    _take_all(gate.parents, PARENT, told["parents"])
    _take(gate, SLOTS, told["slots"])
    for slot, numbers in zip(gate.slots[: gate.fresh], told["orders"], strict=True):
        _take(slot, ORDER if len(numbers) == len(ORDER) else FREE, numbers)
    gate.recount()


def _tell(thing: object, names: tuple[str, ...]) -> list[int]:
    return [getattr(thing, name) for name in names]


def _take(thing: object, names: tuple[str, ...], numbers: list[int]) -> None:
    for name, number in zip(names, numbers, strict=True):
        setattr(thing, name, number)


def _take_all(things: list[Any], names: tuple[str, ...], rows: list[list[int]]) -> None:
    for thing, numbers in zip(things, rows, strict=True):
        _take(thing, names, numbers)
