"""Plans that are smaller than another: shorter, with fewer strikes, sooner ones, or more often.

True here: nothing is run, and a plan that no file could say is none (`None`).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal

from scenarios.model import BadScenario, Scenario, check
from scenarios.thinning import as_told
from sim.faults import Fault
from tieout.failures.plans import EVERY_NS_MIN, Plan

HEAL_S_MIN = Decimal(1)
# A fault that is tried alone, or with one other, strikes so many times more often.
HARDER_TIMES = 8
# Where among its opportunities a strike is tried instead, the first of them first.
SOONER = tuple(Decimal(part) / 16 for part in (0, 1, 2, 4, 8, 12))


def bare(plan: Plan) -> Plan:
    """The plan has its faults; what its scenario says of any is of no use to it."""
    less = plan.whole().model_copy(update={"faults": (), "storm": None, "fires": None})
    return replace(plan, scenario=less, short=bool(plan.short), faults=numbered(plan.faults))


def numbered(faults: Iterable[Fault]) -> list[Fault]:
    """Each line keeps the number that names its dice, whatever goes before it."""
    return [f if f.line >= 0 else replace(f, line=n) for n, f in enumerate(faults)]


def only(lines: Sequence[Fault], kept: Sequence[tuple[int, int]]) -> list[Fault]:
    """The lines with just these strikes; a line without any is gone."""
    named: dict[int, list[int]] = {}
    for number, ordinal in kept:
        named.setdefault(number, []).append(ordinal)
    return [replace(lines[n], strikes=tuple(sorted(strikes))) for n, strikes in named.items()]


def seconds_of(plan: Plan) -> Decimal:
    scenario = plan.whole()
    return scenario.short_s if plan.short and scenario.short_s else scenario.duration_s


def heal_of(plan: Plan) -> Decimal:
    scenario = plan.whole()
    short = plan.short and scenario.short_s
    return min(scenario.heal_s, scenario.short_heal_s) if short else scenario.heal_s


def shorter(plan: Plan, seconds: Decimal) -> Plan | None:
    """The plan, over after so many seconds; None where it is then no shorter."""
    scenario = plan.whole()
    length = "short_s" if plan.short and scenario.short_s else "duration_s"
    made = in_scenario(scenario.model_copy(update={length: seconds}), plan)
    return made if made is not None and 0 < seconds_of(made) < seconds_of(plan) else None


def unhealed(plan: Plan, figure: str) -> Plan | None:
    """The plan without time to heal, and judged by that figure alone: of a healed world it says
    nothing any more, and must hold once its bug is gone."""
    less = {"heal_s": HEAL_S_MIN, "short_heal_s": HEAL_S_MIN, "judged_by": (figure,)}
    return in_scenario(plan.whole().model_copy(update=less), plan)


def in_scenario(scenario: Scenario, plan: Plan) -> Plan | None:
    """The plan in that scenario; None where it is none."""
    try:
        return replace(plan, scenario=check(as_told(scenario), scenario.name))
    except BadScenario:
        return None


def harder(fault: Fault) -> Fault:
    """The same fault, striking more often."""
    every_ns = max(EVERY_NS_MIN, fault.every_ns // HARDER_TIMES) if fault.every_ns else 0
    return replace(fault, one_in=max(1, fault.one_in // HARDER_TIMES), every_ns=every_ns)


def strikes_of(lines: Sequence[Fault]) -> list[tuple[int, int]]:
    """Each strike that the lines name: the line's place among them, and its opportunity."""
    return [(n, strike) for n, line in enumerate(lines) for strike in line.strikes or ()]


def sooner(lines: Sequence[Fault], number: int, strike: int) -> Iterator[list[Fault]]:
    """The lines with that strike at an earlier opportunity, the earliest first."""
    others = [each for each in lines[number].strikes or () if each != strike]
    for at in dict.fromkeys(int(strike * part) for part in SOONER):
        if at < strike and at not in others:
            moved = replace(lines[number], strikes=tuple(sorted((*others, at))))
            yield [*lines[:number], moved, *lines[number + 1 :]]
