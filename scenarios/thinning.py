"""A smaller world: a scenario without one of its parts, and without what makes no sense then.

Rule. What comes out is checked like a file: a part whose lack nothing could stand is not left out.
A thinned world makes no claim that something happened so often at least.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from scenarios.model import BadScenario, ClaimSpec, Scenario, check

Told = dict[str, Any]

CUSTOMERS = "customers"
# What is read so often after faults have ended is still found in good time.
READS_MIN = 12


def as_told(scenario: Scenario) -> Told:
    """The whole scenario in the words of a file, with nothing left to a table: `check` takes it."""
    return scenario.model_dump(mode="json")


def parts(scenario: Scenario) -> list[str]:
    """What may be left out, each as a word and a name: what most depends on comes first."""
    settling = scenario.settling
    found = [f"venue {venue.dialect}" for venue in scenario.venues]
    if settling is not None:
        found += [f"rail {rail.name}" for rail in settling.rails]
    found += [f"strategy {strategy.name}" for strategy in scenario.strategies]
    found += ["limits"] if scenario.limits is not None else []
    if settling is not None:
        found += [f"flow {flow.flow}" for flow in settling.customers.flows]
        found += [f"bound {_bound(each.model_dump())}" for each in settling.limits]
    return found


def without(scenario: Scenario, part: str) -> Scenario | None:
    """The scenario less that part; None where that is none any more, or where it has none such.

    Of `CUSTOMERS` all but one are left out.
    """
    if part not in (*parts(scenario), CUSTOMERS):
        return None
    told = as_told(scenario)
    kind, _, name = part.partition(" ")
    left_out = _leave_out(told, kind, name)
    told["claims"] = [each.model_dump(mode="json") for each in claims_of_less(scenario.claims)]
    try:
        return check(told, scenario.name) if left_out else None
    except BadScenario:
        return None


def read_seldom(scenario: Scenario, heal_s: Decimal) -> Scenario | None:
    """The scenario with half as many reads; None where too few would be left in time to heal."""
    told, periods = as_told(scenario), [Decimal(0)]
    for venue in told["venues"]:
        venue["statement_period_ms"] *= 2
        periods.append(Decimal(venue["statement_period_ms"]) / 1000)
    for rail in told["settling"]["rails"] if told["settling"] is not None else ():
        for period in ("statement_period_s", "backfill_period_s"):
            rail[period] = str(2 * Decimal(rail[period]))
            periods.append(Decimal(rail[period]))
    try:
        return check(told, scenario.name) if READS_MIN * max(periods) <= heal_s else None
    except BadScenario:
        return None


def quieter(scenario: Scenario) -> Scenario | None:
    """The scenario with half as much going on in markets, by strategies and by customers."""
    told = as_told(scenario)
    for venue in told["venues"]:
        venue["market_wait_ms"] *= 2
    for strategy in told["strategies"]:
        strategy["tick_ms"] *= 2
    if told["settling"] is not None:
        customers = told["settling"]["customers"]
        customers["every_s"] = str(2 * Decimal(customers["every_s"]))
    try:
        return check(told, scenario.name)
    except BadScenario:
        return None


def claims_of_less(claims: Sequence[ClaimSpec]) -> tuple[ClaimSpec, ...]:
    """What of the claims stands where there is less of everything."""
    bare = [claim.model_copy(update={"at_least_short": None}) for claim in claims]
    return tuple(less for claim in bare if (less := claim.in_short()) is not None)


def _leave_out(told: Told, kind: str, name: str) -> bool:
    """Whether there was something to leave out, and something of its kind is left."""
    match kind:
        case "venue":
            return _venue(told, name)
        case "rail":
            return _rail(told, name)
        case "strategy":
            return _strategies(told, [name])
        case "flow":
            return _flows(told, [name])
        case "customers":
            many = told["settling"] is not None and told["settling"]["customers"]["count"] > 1
            if many:
                told["settling"]["customers"]["count"] = 1
            return many
        case "bound":
            bounds = told["settling"]["limits"]
            told["settling"]["limits"] = [each for each in bounds if _bound(each) != name]
            return True
        case _:
            told["limits"] = None
            return not any(each["kind"] == "runaway" for each in told["strategies"])


def _bound(limit: Told) -> str:
    """What bounds what, of settlement: its name alone may stand twice."""
    return f"{limit['scope']}/{limit['subject']}/{limit['asset']}"


def _venue(told: Told, name: str) -> bool:
    """A venue goes with who trades nowhere else, its bridges, and what customers send there."""
    gone = [
        f"{each['dialect']}/{each['name']}" for each in told["venues"] if each["dialect"] == name
    ]
    told["venues"] = [each for each in told["venues"] if each["dialect"] != name]
    homeless = []
    for strategy in told["strategies"]:
        places = [place for place in strategy["accounts"] if place not in gone]
        if strategy["accounts"] and not places:
            homeless.append(strategy["name"])
        strategy["accounts"] = places
    _strategies(told, homeless)
    if not told["venues"]:
        told["limits"] = None
    elif told["limits"] is not None:
        for places in told["limits"]["places"].values():
            for place in [place for place in places if any(each in place for each in gone)]:
                del places[place]
    settling = told["settling"]
    if settling is None:
        return bool(told["venues"])
    settling["bridges"] = [each for each in settling["bridges"] if each["venue"] != name]
    sent = [
        flow["flow"]
        for flow in settling["customers"]["flows"]
        if any(leg["to_venue"] == name for leg in flow["legs"])
    ]
    return _flows(told, sent) and _faults(told, name)


def _rail(told: Told, name: str) -> bool:
    """A keeper goes with its bridges and tokens, and with what customers ask of it alone."""
    settling = told["settling"]
    settling["rails"] = [each for each in settling["rails"] if each["name"] != name]
    if not settling["rails"]:
        if told["tokens"] or not told["venues"]:
            return False
        told["settling"] = None
        return _faults(told, name)
    if any(each["rail"] == name for each in told["tokens"]):
        return False
    settling["bridges"] = [each for each in settling["bridges"] if each["rail"] != name]
    kept = {asset: None for rail in settling["rails"] for asset in rail["balances"]}
    customers = settling["customers"]
    customers["balances"] = {a: much for a, much in customers["balances"].items() if a in kept}
    schemes = [scheme for rail in settling["rails"] for scheme in rail["schemes"]]
    settling["limits"] = [
        each
        for each in settling["limits"]
        if each["asset"] in kept and (each["scope"] != "rail" or each["subject"] in schemes)
    ]
    asked = [
        flow["flow"]
        for flow in customers["flows"]
        if not all(_moves(leg, schemes, list(kept)) for leg in flow["legs"])
    ]
    return _flows(told, asked) and _faults(told, name)


def _moves(leg: Told, schemes: Sequence[str], assets: Sequence[str]) -> bool:
    """Whether a leg still has its ways and its assets."""
    ways = [way for way in (leg["scheme"], leg["undo_scheme"]) if way]
    held = [asset for asset in (leg["asset"], leg["buys"]) if asset]
    return all(way in schemes for way in ways) and all(asset in assets for asset in held)


def _strategies(told: Told, names: Sequence[str]) -> bool:
    """Strategies go with the gates beside which no other stands, and with terms of their own."""
    told["strategies"] = [each for each in told["strategies"] if each["name"] not in names]
    limits = told["limits"]
    if limits is None:
        return True
    for gate in limits["gates"]:
        gate["strategies"] = [each for each in gate["strategies"] if each not in names]
    limits["gates"] = [gate for gate in limits["gates"] if gate["strategies"]]
    limits["disabled"] = [each for each in limits["disabled"] if each not in names]
    limits["terms"] = {who: terms for who, terms in limits["terms"].items() if who not in names}
    for places in limits["places"].values():
        for place in [place for place in places if place.split("/")[0] in names]:
            del places[place]
    return True


def _flows(told: Told, names: Sequence[str]) -> bool:
    customers = told["settling"]["customers"]
    customers["flows"] = [each for each in customers["flows"] if each["flow"] not in names]
    return bool(customers["flows"])


def _faults(told: Told, name: str) -> bool:
    """Nothing that was listed for the place is left."""
    told["faults"] = [each for each in told["faults"] if each["where"] != name]
    return True
