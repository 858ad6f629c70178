"""A plan without dice: each line names which of its opportunities it struck, place by place.

Rule. It runs to the same digest as the plan that it was made from: what was drawn in time is drawn
again, at every place (a place where nothing struck keeps its empty line, since its turns in the
order of ties were drawn, too).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from sim.faults import Fault, Strike


def materialised(
    plan: Sequence[Fault], asked: Mapping[tuple[int, str], int], struck: Sequence[Strike]
) -> list[Fault]:
    """The plan of a run, after it: `asked` and `struck` are what `Faults` noted."""
    named: dict[tuple[int, str], list[int]] = {place: [] for place in asked}
    for strike in struck:
        named[strike.line, strike.where].append(strike.ordinal)
    return [line for n, fault in enumerate(plan) for line in _lines(n, fault, named)]


def _lines(
    number: int, fault: Fault, named: Mapping[tuple[int, str], Sequence[int]]
) -> Iterator[Fault]:
    line = number if fault.line < 0 else fault.line
    for (of, where), strikes in named.items():
        if of == line and fault.where in ("", where):
            yield replace(fault, where=where, line=line, strikes=tuple(strikes))


def strikes_in(plan: Sequence[Fault]) -> int:
    """How many strikes a materialised plan names."""
    return sum(len(fault.strikes or ()) for fault in plan)
