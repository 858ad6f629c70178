"""Which moves of core's lifecycles a run took, and which every campaign should have taken.

True here: each lifecycle is the table that core itself moves by, so a move that core learns is
expected from then on. What a run took core told as it took it (`core.state.note_move`): nothing is
guessed from states. A move that stands in no table is an error, never a number among others.

`tieout.ci_campaign` runs what must see all that is expected, and says what was missed.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from core import (
    authorizations,
    chain,
    cold,
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
from risk import lease_holder

# Each table's keys are words of its own.
Table = Mapping[Any, tuple[str, ...]]


def tables() -> dict[str, Table]:
    """Each lifecycle's name, and what may become what in it."""
    return {
        "order": {**orders.MOVES, orders.TAKEN_BACK[0]: orders.TAKEN_BACK[1:]},
        "drift": reconcile.MOVES,
        "stream": listening.MOVES,
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


# Why no campaign is expected to see it.
UNSEEN: dict[str, str] = {}


def expected() -> dict[str, str]:
    """Every move of every table: "", or the reason why no campaign is expected to see it."""
    return {move: UNSEEN.get(move, "") for move in _moves()}


def _moves() -> Iterator[str]:
    for lifecycle, table in tables().items():
        for was, becomes in table.items():
            yield from (f"{lifecycle}/{was}>{to}" for to in becomes)


def visited(moves: Mapping[str, int]) -> dict[str, int]:
    """What was counted in a run, in the order of the tables; all of it stands in one."""
    known = expected()
    strange = [move for move in moves if move not in known]
    assert not strange, f"moves that stand in no table: {', '.join(strange)}"
    return {move: moves[move] for move in known if move in moves}
