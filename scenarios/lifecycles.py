"""The lifecycles of core and of a gate's lease: their tables by name, and each move by its own.

A move is written "order/acknowledged>filled", with a lease's trigger in brackets behind it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from core import (
    authorizations,
    chain,
    cold,
    cut,
    items,
    kill,
    leases,
    leg_moves,
    listening,
    orders,
    recalls,
    reconcile,
    register,
    strategies,
    transfers,
)
from core import (
    moves as cash_moves,
)
from risk import lease_holder

# Each table's keys are words of its own.
Table = Mapping[Any, tuple[str, ...]]


def tables() -> dict[str, Table]:
    """Each lifecycle's name, and what may become what in it."""
    return {
        "order": {**orders.MOVES, orders.TAKEN_BACK[0]: orders.TAKEN_BACK[1:]},
        "cash": cash_moves.MOVES,
        "drift": reconcile.MOVES,
        "stream": listening.MOVES,
        "cut": cut.MOVES,
        "leg": leg_moves.MOVES,
        "told": transfers.TOLD,
        "item": {"none": tuple(items.REMEDIES), **dict.fromkeys(items.REMEDIES, ("closed",))},
        "deposit": chain.DEPOSITS,
        "recall": recalls.OURS,
        "their_recall": recalls.THEIRS,
        "gate": leases.MOVES,
        "lease": {was: tuple(_triggered(was)) for was in lease_holder.MOVES},
        "engine": cold.MOVES,
        "standing": strategies.BY_A_PERSON,
        "halt": strategies.BY_ITSELF,
        "kill": {stage: row.then for stage, row in kill.PROCEDURE.items()},
        "token": register.MOVES,
        "authorization": authorizations.NEXT,
    }


def _triggered(was: lease_holder.Phase) -> Iterator[str]:
    for trigger, to in lease_holder.MOVES[was].items():
        yield f"{to} ({trigger})"


def moves() -> tuple[str, ...]:
    """Every move of every table, in their order."""
    return tuple(
        f"{lifecycle}/{was}>{to}"
        for lifecycle, table in tables().items()
        for was, becomes in table.items()
        for to in becomes
    )
