"""A recorded run under other policies: the same one says the same, a tighter one refuses more."""

from __future__ import annotations

from collections import Counter
from copy import deepcopy
from typing import Any

import pytest

from scenarios.tokens import changed_policy
from sim import machine
from tieout.reports.outcome import Outcome
from tieout.runs import run
from tieout.tokens.policy_what_if import ERASED, Change, NoJudge, Opinion, opinions

if not machine.there():
    pytest.skip("pyrevm has no wheel for this Python", allow_module_level=True)

NAME = "ESTATE"


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    """Its policy is changed three times."""
    return run("storm_tokens", 7, short=True, sampled=False)


def asked(outcome: Outcome, **changes: Change) -> list[Opinion]:
    return opinions(outcome.store, outcome.judges[NAME], NAME, changes)


def with_fields(**fields: Any) -> Change:
    return lambda policy: changed_policy(policy, fields)


def test_the_same_policy_says_of_each_request_what_was_said(outcome: Outcome) -> None:
    """Word for word, over restarts and changes of policy; and it is what was recorded."""
    found = asked(outcome, same=lambda policy: policy)
    assert len(found) > 60
    assert [each for each in found if each.said != each.would_say["same"]] == []
    said = Counter(each.said for each in found if each.said)
    assert len(said) > 4
    refused = outcome.authorizations.query("status == 'refused'").reason.value_counts()
    assert said == {reason: times for reason, times in refused.items() if reason in said}


def test_what_is_refused_for_another_cause_is_by_every_policy() -> None:
    """A recovery of less than all: no policy could let it pass."""
    runs = (run("storm_tokens", seed, short=True, sampled=False) for seed in range(2, 20))
    outcome = next(each for each in runs if "not_all" in set(each.authorizations.reason))
    changes = {"same": lambda policy: policy, "none": with_fields(holder_max=None)}
    found = asked(outcome, **changes)
    assert [each for each in found if each.said != each.would_say["same"]] == []
    other = [each for each in found if each.said == "not_all"]
    assert other
    assert {each.would_say["none"] for each in other} == {"not_all"}


def test_a_tighter_limit_refuses_more(outcome: Outcome) -> None:
    caps = (2500, 1500, 900, 500)
    changes = {f"cap {cap}": with_fields(holder_max=cap) for cap in caps}
    found = asked(outcome, **changes)
    passed = [sum(not each.would_say[name] for each in found) for name in changes]
    assert passed == sorted(passed, reverse=True)
    assert len(set(passed)) == len(caps)
    fresh = [each for each in found if each.would_say["cap 500"] and not each.said]
    assert {each.would_say["cap 500"] for each in fresh} == {"holder_cap"}


def test_a_rule_about_people_is_asked_by_the_facts_of_then(outcome: Outcome) -> None:
    """Nobody but the Swiss may receive: who is one is opened in the vault."""
    only = with_fields(jurisdictions={"CH": {"receives_from": ["CH"]}})
    found = asked(outcome, only=only)
    people = outcome.judges[NAME].people
    facts = {
        e.person: e
        for e in (
            outcome.judges[NAME].vault.open(r).facts for r in outcome.judges[NAME].vault.records
        )
    }
    let = [each.wanted for each in found if not each.would_say["only"] and each.wanted.receiver]
    assert let
    assert {facts[people[each.receiver]].jurisdiction for each in let} == {"CH"}
    assert Counter(each.would_say["only"] for each in found)["jurisdiction"] > 20


def test_what_is_looser_lets_through_what_was_refused(outcome: Outcome) -> None:
    homes = {name: {"receives_from": ["US", "DE", "CH"]} for name in ("US", "DE", "CH")}
    found = asked(outcome, all=with_fields(jurisdictions=homes))
    told = [each for each in found if each.said == "jurisdiction_pair"]
    assert len(told) > 3
    assert [each for each in told if each.would_say["all"] == "jurisdiction_pair"] == []
    assert any(not each.would_say["all"] for each in told)


def test_of_whom_was_erased_nobody_can_say(outcome: Outcome) -> None:
    judge = deepcopy(outcome.judges[NAME])
    judge.vault.erase("h1")
    theirs = {address for address, person in judge.people.items() if person == "h1"}
    found = opinions(outcome.store, judge, NAME, {"same": lambda policy: policy})
    for each in found:
        about = not theirs.isdisjoint((each.wanted.sender, each.wanted.receiver))
        assert each.would_say["same"] == (ERASED if about else each.said)
    assert any(each.would_say["same"] == ERASED for each in found)


def test_the_judge_of_another_token_has_no_word(outcome: Outcome) -> None:
    other = run("storm_tokens", 4, short=True, sampled=False)
    with pytest.raises(NoJudge, match=r"no policy has the hash|the vault has no facts"):
        opinions(outcome.store, other.judges[NAME], NAME, {"same": lambda policy: policy})
    assert opinions(outcome.store, outcome.judges[NAME], "CASTLE", {}) == []
