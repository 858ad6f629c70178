"""What is lent is added up anew: an order on its way is neither lent nor free."""

from __future__ import annotations

from core.risk_state import Epoch, Line
from core.state import State
from tieout.claims.lent import Lent

LINE = "firm_net/long"


def gate(name: str, number: int, lent: int, said: int = 0) -> Epoch:
    """A gate that holds one grant, and whose word is that it spent so much."""
    ceilings, floor = {1: {LINE: lent}}, {LINE: said}
    return Epoch(name, 1, number, sequence=1, ceilings=ceilings, floor=floor)


def lent_anew(budget: int) -> list[str]:
    """Of ten, four lie with one gate and six are spent by another's word; a third is lent more."""
    state, lent = State(), Lent()
    state.risk.lines[LINE] = Line(limit=10)
    state.risk.epochs = {1: gate("a", 1, 6, said=6), 2: gate("b", 2, 0), 3: gate("c", 3, 4)}
    lent.look(state)
    assert lent.beyond == []
    third = state.risk.epochs[2]
    third.sequence, third.ceilings = 2, {**third.ceilings, 2: {LINE: budget}}
    lent.look(state)
    return lent.beyond


def test_what_is_on_its_way_is_not_lent_again() -> None:
    assert lent_anew(2) == [f"{LINE}: 12 is out, and the limit is 10"]


def test_a_grant_that_raises_nothing_is_no_fault() -> None:
    assert lent_anew(0) == []
