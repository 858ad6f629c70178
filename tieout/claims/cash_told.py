"""What strategies are told of cash that they asked to have moved, beside what their venues moved.

Movements are known by account, asset and exact amount, so they are counted so: whose of two alike
one is nobody says.
"""

from decimal import Decimal

from core.effects import TellMove
from core.journal import Store, decode_effect
from core.money import ASSET_DECIMALS
from core.state import State
from sim.truth import Truth
from tieout.claims.truths import EXACT

# Of which end each telling is: what left is of the source, what came of the target.
STATUSES = ("in_flight", "arrived")
Alike = tuple[str, Decimal]


def moves_told_early(truth: Truth, state: State, store: Store) -> list[str]:
    """Tellings that cash left or came before so much had, as often as was told by then."""
    waiting = _moved(truth)
    early = []
    for told, at in _told(store):
        alike = _alike(state, told)
        moments = waiting.get(alike, [])
        if moments and moments[0] <= at:
            del moments[0]
        else:
            early.append(f"{told.move_id} {told.status}")
    return early


def _moved(truth: Truth) -> dict[Alike, list[int]]:
    """When each amount came to a holding, or left it."""
    moved: dict[Alike, list[int]] = {}
    for fact in truth.facts:
        if fact.kind == "cash":
            for alike in fact.deltas.items():
                moved.setdefault(alike, []).append(fact.at)
    return moved


def _told(store: Store) -> list[tuple[TellMove, int]]:
    """Each telling, and when."""
    told = []
    for record in store.records():
        if record.name == "TellMove":
            effect = decode_effect(record.body)
            assert isinstance(effect, TellMove)
            if effect.status in STATUSES:
                told.append((effect, record.at))
    return told


def _alike(state: State, told: TellMove) -> Alike:
    """The holding, and what came to it."""
    account, sign = (told.source, -1) if told.status == "in_flight" else (told.target, 1)
    scale = state.decimals.get(told.asset, ASSET_DECIMALS)
    return f"{account}/{told.asset}/cash", EXACT.scaleb(Decimal(sign * told.amount), -scale)
