"""Small worlds in which something fails, for the tests of reports and of shrinking."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from scenarios.model import Scenario, check
from tieout.failures.plans import Plan, drawn

POSTED = "whole = _post_contracts(state, account, listing, undone, multiplier, event, strategy)"
# A bust is noted and not posted; a bust breaks us.
SILENT_BUST = ("core.books:book_bust", POSTED, "whole = True")
# Only the last ids are remembered, so that what is told once more is booked once more.
SHORT_MEMORY = (
    "core.books:book_fill",
    "account.seen[key] = content",
    "account.seen[key] = content\n    while len(account.seen) > 1:\n"
    "        del account.seen[next(iter(account.seen))]",
)
BREAKING_BUST = ("core.books:book_bust", POSTED, 'raise KeyError("planted")')


def world(**rest: Any) -> Scenario:
    """Two venues, three strategies, faults of five families: half a minute, and a bit to heal."""
    told = {
        "name": "small",
        "claim": "it holds",
        "duration_s": 24,
        "heal_s": 20,
        "venues": ["binance_spot", "okx_swap"],
        "strategies": [
            {"kind": "maker", "name": "mm", "accounts": ["binance_spot/main"], "tick_ms": 500},
            {"kind": "taker", "name": "tk", "accounts": ["binance_spot/main"], "tick_ms": 500},
            {
                "kind": "taker",
                "name": "th",
                "accounts": ["okx_swap/main"],
                "options": {"hedged": True},
            },
        ],
        "faults": [
            {"kind": "slow_request", "one_in": 5, "strength": 300},
            {"kind": "lost_frame", "where": "binance_spot", "one_in": 9},
            {"kind": "duplicate_frame", "one_in": 7, "strength": 200},
            {"kind": "bust", "where": "binance_spot", "every_s": 3, "strength": 900},
            {"kind": "late_frame", "where": "okx_swap", "one_in": 9, "strength": 200},
        ],
        **rest,
    }
    return check(told, "small")


def plan(seed: int = 0, **rest: Any) -> Plan:
    return drawn(world(**rest), seed, short=False)


def less_each_strike(plan: Plan) -> list[Plan]:
    """The plan without one of its strikes, for each of them."""
    found = []
    for number, fault in enumerate(plan.faults):
        for ordinal in fault.strikes or ():
            faults = list(plan.faults)
            kept = tuple(each for each in fault.strikes or () if each != ordinal)
            faults[number] = replace(fault, strikes=kept)
            found.append(replace(plan, faults=faults))
    return found
