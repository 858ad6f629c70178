"""From a scenario and a seed to what a run is of: a policy, the faults, and how much of the world.

Ten seeds in a row see each policy: all faults at drawn intensities, a pair of kinds alone, a random
subset of kinds, and none, as an ordinary backtest would. Intensity and omission find different bugs
(a run full of faults hides what one of them does alone); under pair and subset the world is thinned
as well, now and then. A seed that falls on `all` is drawn as it always was.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from scenarios.draw import plan_of
from scenarios.model import ClaimSpec, Scenario
from scenarios.thinning import claims_of_less, parts, without
from sim.dice import Dice, Stream
from sim.faults import Fault

Policy = Literal["all", "pair", "subset", "none"]
# By the last digit of the seed.
POLICIES: tuple[Policy, ...] = (
    *("all", "all", "pair", "subset", "none"),
    *("all", "pair", "all", "subset", "all"),
)  # fmt: skip
# One world in so many is thinned, and then of one part in so many it is asked to do without.
THINNED_ONE_IN, LEFT_OUT_ONE_IN = 2, 3
# Figures that count what faults brought: where there are fewer of these, nothing of it is due.
OF_STRIKES = ("faults.", "counts.", "drift.", "settlement.items.", "settlement.told.", "tokens.")


class Drawn(NamedTuple):
    """What a seed is drawn into. The scenario is the one that runs: all of it, or less."""

    scenario: Scenario
    policy: str
    faults: list[Fault]


def draw(scenario: Scenario, seed: int, duration_ns: int) -> Drawn:
    """The run of a seed. Without a storm nothing is drawn: the faults are those that are listed."""
    if scenario.storm is None:
        return Drawn(scenario, "listed", plan_of(scenario, seed, duration_ns))
    policy = POLICIES[seed % len(POLICIES)]
    if policy == "all":
        return Drawn(scenario, policy, plan_of(scenario, seed, duration_ns))
    if policy == "none":
        return Drawn(_of_few_faults(scenario), policy, [])
    dice = Dice(seed).stream("policy")
    world = _thinned(scenario, dice)
    faults = plan_of(world, seed, duration_ns)
    kinds = _chosen(policy, list(dict.fromkeys(fault.kind for fault in faults)), dice)
    return Drawn(_of_few_faults(world), policy, [each for each in faults if each.kind in kinds])


def _chosen(policy: Policy, kinds: Sequence[str], dice: Stream) -> list[str]:
    """Of a pair the two are as likely as any two: what is rare together comes together here."""
    if policy == "subset":
        return [kind for kind in kinds if dice.below(2)]
    left, pair = list(kinds), list[str]()
    while left and len(pair) < 2:
        pair.append(left.pop(dice.below(len(left))))
    return pair


def _thinned(scenario: Scenario, dice: Stream) -> Scenario:
    """All of the world, or less of it: but somebody trades where somebody did."""
    if not dice.chance(1, THINNED_ONE_IN):
        return scenario
    for part in [part for part in parts(scenario) if not dice.below(LEFT_OUT_ONE_IN)]:
        less = without(scenario, part)
        if less is not None and (less.strategies or not scenario.strategies):
            scenario = less
    return scenario


def _of_few_faults(scenario: Scenario) -> Scenario:
    """Without the claims that so much at least went wrong."""
    claims: list[ClaimSpec] = []
    for claim in scenario.claims:
        claims += claims_of_less([claim]) if claim.figure.startswith(OF_STRIKES) else [claim]
    return scenario.model_copy(update={"claims": tuple(claims)})
