"""A failing plan as a scenario of its own, in a file as the catalogue has them.

Rule. It runs to the digest of the plan: the same world, the same faults strike for strike, and the
seed that its dice have where nobody says another.
"""

import json
from decimal import Decimal
from typing import Any

import yaml

from scenarios.model import BadScenario, FaultSpec, Scenario, check
from scenarios.thinning import as_told, claims_of_less
from sim.faults import Fault
from sim.world import SECOND
from tieout.failures.plans import BadPlan, Plan

FOR_EVER_S = Decimal(10_000_000)


def regression(plan: Plan, name: str, claim: str) -> Scenario:
    """The scenario; raises `BadPlan` where a file cannot say it."""
    if plan.market is not None:
        raise BadPlan(f"{plan.path}: market: it is of {plan.market.file}; a plan of none would do")
    if plan.tie_break not in (None, plan.seed):
        found = f"found {plan.tie_break}, and the seed is {plan.seed}"
        raise BadPlan(f"{plan.path}: tie_break: {found}; the same would do")
    was = plan.whole()
    short = bool(plan.short and was.short_s)
    less = {
        "name": name,
        "claim": claim,
        "seed": plan.seed,
        "covers": (),
        "storm": None,
        "fires": None,
        "faults": tuple(_spec(fault) for fault in plan.faults),
        "duration_s": was.short_s if short else was.duration_s,
        "short_s": Decimal(0),
        "heal_s": min(was.heal_s, was.short_heal_s) if short else was.heal_s,
        "claims": claims_of_less(was.claims) if short else was.claims,
    }
    try:
        return check(as_told(was.model_copy(update=less)), str(plan.path))
    except BadScenario as error:
        raise BadPlan(str(error)) from error


def _spec(fault: Fault) -> FaultSpec:
    return FaultSpec(
        kind=fault.kind,
        where=fault.where,
        from_s=Decimal(fault.start_ns) / SECOND,
        to_s=min(FOR_EVER_S, Decimal(fault.end_ns) / SECOND),
        one_in=fault.one_in,
        strength=fault.strength,
        every_s=Decimal(fault.every_ns) / SECOND,
        times_max=fault.times_max,
        line=fault.line,
        strikes=fault.strikes,
    )


def text_of(scenario: Scenario) -> str:
    """The file: what is as everywhere is left out, where it can be."""
    told = json.loads(scenario.model_dump_json(exclude_defaults=True))
    if not _is(told, scenario):
        told = as_told(scenario)
    return yaml.safe_dump(told, sort_keys=False, width=100, default_flow_style=None)


def _is(told: dict[str, Any], scenario: Scenario) -> bool:
    try:
        return check(told, scenario.name) == scenario
    except BadScenario:
        return False
