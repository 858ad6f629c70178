"""What the node lends to gates, beside what is there: each line added up anew as a grant is made.

An order that is still on its way to the node is spent by its gate's word alone: it is neither lent
nor free.
"""

from core.risk_state import Epoch
from core.state import State


class Lent:
    """Watches one run: no grant that raises what a gate may spend takes a line over its limit."""

    def __init__(self) -> None:
        self.beyond: list[str] = []
        self._sequences: dict[int, int] = {}

    def look(self, state: State) -> None:
        """A step was taken: the grants that it made are added up."""
        for epoch in state.risk.epochs.values():
            if epoch.status == "open" and self._sequences.get(epoch.epoch) != epoch.sequence:
                self._sequences[epoch.epoch] = epoch.sequence
                self._look_at(state, epoch)

    def _look_at(self, state: State, epoch: Epoch) -> None:
        older = [each for number, each in epoch.ceilings.items() if number < epoch.sequence]
        for name, budget in epoch.ceilings.get(epoch.sequence, {}).items():
            line = state.risk.lines.get(name)
            raised = budget > _most(epoch, name, older)
            if raised and line is not None and line.limit is not None:
                out = line.exposure + line.reserved + _out(state, name)
                if out > line.limit:
                    self.beyond.append(f"{name}: {out} is out, and the limit is {line.limit}")


def _out(state: State, name: str) -> int:
    """What gates may yet send us of a line: all that they were ever lent, less what has come."""
    opened = [each for each in state.risk.epochs.values() if each.status == "open"]
    return sum(
        _most(each, name, list(each.ceilings.values())) - each.spent.get(name, 0) for each in opened
    )


def _most(epoch: Epoch, name: str, grants: list[dict[str, int]]) -> int:
    """The most that its gate may have spent by these grants, by its own word and by its orders."""
    said = epoch.floor.get(name, 0), epoch.spent.get(name, 0)
    return max(*said, *(each.get(name, 0) for each in grants))
