"""By how much what is held of an issued token passes the limits of its policy.

It shares no code with what it judges, and says each limit in its own words: a place by its name.
"""

from collections.abc import Mapping

from sim.token_oracle import InForce


def passed(force: InForce, held: Mapping[str, int]) -> dict[str, int]:
    """Each limit that is passed: "supply", "holders", "holder ADDRESS", or "place NAME"."""
    rules = force.rules
    pairs = {
        "supply": (sum(held.values()), rules.supply_max),
        "holders": (len(held), rules.holders_max),
        **{f"holder {who}": (units, rules.holder_max) for who, units in held.items()},
        **{
            f"place {name}": (_there(force, held, name), rules.places[name].holds_max)
            for name in rules.places
        },
    }
    return {what: units - most for what, (units, most) in pairs.items() if 0 <= most < units}


def _there(force: InForce, held: Mapping[str, int], place: str) -> int:
    """All that people of that place hold."""
    people = force.people
    return sum(n for who, n in held.items() if who in people and people[who].jurisdiction == place)
