"""Scenarios of tokens: each holds, says why it cannot run where there is no EVM, and means it."""

import json
import os
import re

import pytest
from click.testing import CliRunner

from scenarios.figures import TOKEN_REFUSALS
from scenarios.model import BadScenario, check, find, names
from scenarios.tokens import AskSpec, HolderSpec
from sim import machine
from tieout.campaigns.campaign import campaign, runs_here, runs_here_in_short
from tieout.cli import main
from tieout.exits import HELD, LACKING
from tieout.reports.report import report
from tieout.reports.words import duration
from tieout.runs import run
from tieout.tokens.refusals import CHAIN, LIMITS, REQUEST, refused_by
from tokens.policy import RULES

STORMS = ("storm", "storm_tokens")
FULL = os.environ.get("TIEOUT_FULL") == "1"
# A minute a seed: with TIEOUT_FULL=1. Four hours of it are lived in test_planted_subscriptions.py.
SLOW = ("mint_on_settled_cash",)
OF_TOKENS = [name for name in names() if find(name).tokens and name not in STORMS]
executed = pytest.mark.skipif(not machine.there(), reason="no embedded EVM for this Python")


@executed
@pytest.mark.parametrize("name", [each for each in OF_TOKENS if FULL or each not in SLOW])
def test_a_scenario_of_tokens_holds(name: str) -> None:
    for seed in range(1 if name in SLOW else 2):
        outcome = run(name, seed, sampled=False)
        assert [f"{c.claim}: {c.figure}" for c in outcome.claims if not c.held] == [], (
            f"seed {seed}"
        )


@executed
def test_the_storm_of_tokens_holds_and_is_the_same_twice() -> None:
    digests = []
    for seed in (0, 1, 2, 0):
        outcome = run("storm_tokens", seed, short=True, sampled=False)
        assert [f"{c.claim}: {c.figure}" for c in outcome.claims if not c.held] == [], (
            f"seed {seed}"
        )
        digests.append(outcome.summary["digest"])
    assert digests[0] == digests[3]
    assert len(set(digests)) == 3


def test_a_token_is_left_out_of_a_short_form_with_all_that_customers_do_with_it() -> None:
    """So the short storm of everything costs what it did, and runs where there is no EVM."""
    whole = find("storm")
    less = whole.in_short()
    assert [token.token for token in whole.tokens] == ["NOTE"]
    assert less.tokens == ()
    assert whole.settling is not None
    assert less.settling is not None
    kept = [flow for flow in whole.settling.customers.flows if not flow.legs[0].token]
    assert [*less.settling.customers.flows] == kept
    assert len(kept) < len(whole.settling.customers.flows)
    assert find("storm_tokens").in_short() == find("storm_tokens")


@executed
def test_the_report_tells_what_was_lost_and_how_soon_it_was_found() -> None:
    outcome = run("signer_stolen", 0, sampled=False)
    page = report(outcome)
    assert "Issued tokens" in page
    assert "1 orphan: value of 250 moved that nobody decided" in page
    assert "What moved that nobody decided" in page
    assert "Tokens: what is not as it should be" not in page
    outcome.summary["tokens"]["detail"].append("balanceOf 0xabc is not the register's")
    assert "balanceOf 0xabc is not the register" in report(outcome)


@executed
def test_the_report_has_the_cap_table_and_says_how_soon_it_was_final() -> None:
    outcome = run("storm_tokens", 1, short=True, sampled=False)
    page = report(outcome)
    assert report(outcome) == page
    token = outcome.state.tokens["ESTATE"]
    for holder, units in token.reserved.balances.items():
        assert re.search(f"{holder}</td><td[^>]*>[^<]*</td><td[^>]*>{units:,}<", page), holder
    assert f"as of block {token.blocks[0].number} (" in page
    figures = outcome.summary["tokens"]
    refused = figures["requests"]["refused"]
    assert f"{refused:,} of {sum(figures['requests'].values()):,}" in page
    assert "From signed to final" in page
    slow = outcome.authorizations
    slowest = (slow.final_at - slow.signed_at).max().total_seconds()
    assert f"the slowest after {duration(slowest)}." in page
    orphans = re.findall(
        r'<td class="s">ESTATE 0x[^<]*</td><td class="n">[\d,]+</td>.*?</td>', page
    )
    assert [each.rsplit('"n">')[-1] for each in orphans] == [
        f"{duration(figures['orphan_seconds_max'])}</td>"
    ]


def test_every_refusal_has_one_who_refuses() -> None:
    """A new reason is not taken for a flaw of the request in silence."""
    named = (*RULES, *LIMITS, *CHAIN, *REQUEST)
    assert len(set(named)) == len(named)
    assert set(named) == set(TOKEN_REFUSALS)
    assert [refused_by(each) for each in ("kyc", "locked", "paused", "not_all")] == [
        *("people", "limits", "chain", "request")
    ]


@executed
def test_a_lock_up_binds_until_it_is_over_and_no_longer() -> None:
    """Books have no calendar of lock-ups: that one is over they are told."""
    scenario = find("two_authorizations_one_cap")
    alice = HolderSpec.model_validate(
        {
            "name": "alice",
            "opening": 800,
            "facts": {"jurisdiction": "DE", "locked": 700, "locked_s": 2400},
        }
    )
    gives = {"sender": "alice", "receiver": "bob"}
    asks = [
        AskSpec.model_validate({"at_s": at, "value": value, **gives})
        for at, value in ((1500, 101), (1700, 100), (3300, 101))
    ]
    token = scenario.tokens[0]
    told = {"holders": (alice, *token.holders[1:]), "asks": tuple(asks)}
    changed = {"tokens": (token.model_copy(update=told),), "claims": ()}
    outcome = run(scenario.model_copy(update=changed), 0, sampled=False)
    assert [claim.figure for claim in outcome.claims if not claim.held] == []
    asked = outcome.authorizations.query("kind == 'transfer'")
    assert asked[["status", "reason"]].values.tolist() == [
        ["refused", "locked"],
        ["final", ""],
        ["final", ""],
    ]


def test_without_an_evm_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Status 3, for one run and for a campaign; a campaign of all leaves out what cannot run."""

    def nothing() -> None:
        raise machine.NoEvm("no embedded EVM: pyrevm has wheels for Python 3.11 and 3.12")

    monkeypatch.setattr(machine, "there", lambda: False)
    monkeypatch.setattr(machine, "load", nothing)
    for command in (
        ["run", "issued_and_moved"],
        ["campaign", "issued_and_moved", "--seeds", "0:1"],
    ):
        told = CliRunner().invoke(main, command)
        assert told.exit_code == LACKING, told.output
        assert "no embedded EVM" in told.output
    assert [name for name in names() if not runs_here(name)] == sorted([*OF_TOKENS, *STORMS])
    in_short = [name for name in names() if not runs_here_in_short(name)]
    assert "storm_tokens" in in_short
    assert "storm" not in in_short, "its short form has no token"
    with pytest.raises(machine.NoEvm):
        campaign("storm_tokens", [0])


def test_a_campaign_of_all_says_what_it_left_out_and_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """On stderr for people, and in the one object for programs."""
    some = ["lost_frame", "issued_and_moved", "signer_stolen"]
    monkeypatch.setattr("tieout.campaigns.campaign.names", lambda: some)
    words = ["campaign", "all", "--seeds", "0:1", "--short", "--json"]
    if machine.there():
        result = campaign("all", [])
        assert result.left_out == {}
    monkeypatch.setattr(machine, "there", lambda: False)
    told = CliRunner().invoke(main, words)
    assert told.exit_code == HELD, told.output
    summary = json.loads(told.stdout)
    assert summary["runs"] == 1
    assert summary["left_out"] == dict.fromkeys(["issued_and_moved", "signer_stolen"], machine.NONE)
    assert f"left out, and not run: issued_and_moved, signer_stolen: {machine.NONE}" in told.stderr
    assert "no embedded EVM: pyrevm has wheels for Python 3.11 and 3.12" in told.stderr


@pytest.mark.parametrize(
    ("token", "words"),
    [
        ({"policy": "estate", "rail": "bank_us"}, "no chain 'bank_us' among"),
        ({"policy": "castle"}, "no policy 'castle'"),
        ({"policy": "estate", "threshold": 4}, "threshold: found 4; 3 or less would do"),
        (
            {"policy": "estate", "asks": [{"at_s": 1, "value": 1, "sender": "eve"}]},
            "no holder 'eve'",
        ),
        (
            {
                "policy": "estate",
                "offering": {"asset": "ETH"},
                "holders": [{"name": "c1", "opening": 5}],
            },
            "opening: nobody pays for it",
        ),
        (
            {
                "policy": "estate",
                "deeds": [{"at_s": 1, "deed": "tighten", "policy": {"lot_min": 0}}],
            },
            "deeds.0.policy",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(token: dict[str, object], words: str) -> None:
    told = find("issued_and_moved").model_dump(mode="json")
    fields = {key: told[key] for key in ("name", "claim", "duration_s", "settling")}
    with pytest.raises(BadScenario) as refused:
        check({**fields, "tokens": [token]}, "x")
    assert words in str(refused.value)


def test_what_customers_have_minted_is_offered_for_what_they_pay_with() -> None:
    told = find("subscribed_and_redeemed").model_dump(mode="json", exclude={"claims"})
    told["tokens"][0]["offering"]["asset"] = "EUR"
    with pytest.raises(BadScenario, match="mint of FUND for USD: a token with an offering"):
        check(told, "x")


def test_a_fault_of_a_token_needs_one() -> None:
    told = find("webhook_twice").model_dump(mode="json")
    fields = {key: told[key] for key in ("name", "claim", "duration_s", "settling")}
    with pytest.raises(BadScenario, match="there is no token"):
        check({**fields, "faults": [{"kind": "use_late"}]}, "x")
