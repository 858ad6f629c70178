"""By how much the limits of an issued token are passed, worked out by hand."""

from __future__ import annotations

from sim.limits_oracle import passed
from sim.token_oracle import InForce, Person, Place, Rules

PLACES = {
    "DE": Place(("DE",), accredited=False, holds_max=500),
    "US": Place(("US",), accredited=False),
}
PEOPLE = {
    "a": Person("DE", 0, 0, sanctioned=False),
    "b": Person("DE", 0, 0, sanctioned=False),
    "c": Person("US", 0, 0, sanctioned=False),
}
HELD = {"a": 400, "b": 110, "c": 90, "stranger": 5}


def beyond(rules: Rules) -> dict[str, int]:
    return passed(InForce(0, rules, PEOPLE), HELD)


def test_each_limit_is_passed_by_what_is_beyond_it_and_no_other_is() -> None:
    assert beyond(Rules(PLACES, 1, holder_max=100, holders_max=3, supply_max=600)) == {
        "supply": 5,
        "holders": 1,
        "holder a": 300,
        "holder b": 10,
        "place DE": 10,
    }


def test_what_is_just_kept_or_bounds_nothing_is_not_passed() -> None:
    assert beyond(Rules(PLACES, 1, holder_max=400, holders_max=4, supply_max=605)) == {
        "place DE": 10
    }
    assert beyond(Rules({}, 1)) == {}
