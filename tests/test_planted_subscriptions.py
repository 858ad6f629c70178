"""Planted bugs of cash for tokens: each guard removed once makes a named claim of a run fail."""

from __future__ import annotations

import pytest

from scenarios.model import Scenario, find
from sim import machine
from tests.planting import Bug, must_be_seen, plant, seeds_of
from tieout.runs import OF_OFFERINGS, OF_SETTLEMENT, run

pytestmark = pytest.mark.skipif(not machine.there(), reason="no embedded EVM for this Python")

CLAIMS = {spec.figure: spec.claim for spec in (*OF_SETTLEMENT, *OF_OFFERINGS)}
CASH = CLAIMS["tokens.cash_differences"]
EARLY = CLAIMS["tokens.minted_early"]
PAID = CLAIMS["tokens.paid_early"]
BALANCES = CLAIMS["settlement.balances_off"]
TOLD = CLAIMS["settlement.told_wrongly"]
LEDGER = CLAIMS["settlement.ledger_faults"]
SMALL, PULLED = "subscribed_and_redeemed", "mint_on_settled_cash"
PUSHED = "owed_is_not_minted_on"

BUGS = (
    Bug(
        "a mint takes cash that is merely pending",
        "core.transfers:_go_on",
        'leg.status != "settled" or',
        'leg.status not in ("settled", "in_flight") or',
        PULLED,
        range(1),
        EARLY,
    ),
    Bug(
        "what was not minted keeps its cash",
        "core.subscriptions:_end",
        'return payments.end(state, leg, "failed", "NOT_PERMITTED", why, frame)',
        "return []",
        SMALL,
        range(1),
        BALANCES,
    ),
    Bug(
        "the cash of a mint is the issuer's as it is asked for",
        "core.subscriptions:start",
        "payments.leave(state, leg, state.now)",
        "payments.leave(state, leg, state.now)\n    if leg.kind == 'mint':\n        "
        "to = ledger.issuer(leg.buys, leg.asset)\n        "
        "book(state, 'mint', leg.payment_id, 0, ((ledger.transit(leg), -leg.due), (to, leg.due)))",
        SMALL,
        range(1),
        CASH,
    ),
    Bug(
        "what is burned stays with the issuer",
        "core.subscriptions:_settle",
        "(ledger.issuer(leg.buys, leg.asset), leg.due)",
        '(ledger.issuer(leg.buys, leg.asset) if leg.kind == "mint" else "loss/USD", leg.due)',
        SMALL,
        range(1),
        LEDGER,
    ),
    Bug(
        "what was taken back and is owed bears no mint any more",
        "core.subscriptions:standing",
        "source.contingent + ledger.owed(source) if",
        "source.contingent if",
        PUSHED,
        range(1),
        EARLY,
    ),
    Bug(
        "what others pushed bears mints without a limit",
        "core.subscriptions:_left",
        "if _are_of(leg, credit.customer, credit.asset) and credit.contingent:",
        "if False:",
        PUSHED,
        range(1),
        EARLY,
    ),
    Bug(
        "a customer hears that it is done once a mint is mined",
        "core.transfers:view",
        "statuses.append(leg.status)",
        'statuses.append("settled" if leg.kind == "mint" else leg.status)',
        SMALL,
        range(1),
        TOLD,
    ),
)


def world(name: str) -> Scenario:
    """The one that pulls cash for an hour only: what it pulls is pending to the end."""
    scenario = find(name)
    hours = {"duration_s": 14400, "heal_s": 1800}
    return scenario.model_copy(update=hours) if name == PULLED else scenario


def failing(name: str, seed: int) -> dict[str, str]:
    """The claims that fail, with their figures; of what is pending to the end those of cash."""
    outcome = run(world(name), seed, sampled=False)
    judged = [each for each in outcome.claims if not each.held]
    of_cash = [spec.claim for spec in OF_OFFERINGS]
    return {c.claim: c.figure for c in judged if name != PULLED or c.claim in of_cash}


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_planted_bug_makes_its_claim_fail(bug: Bug, monkeypatch: pytest.MonkeyPatch) -> None:
    must_be_seen(bug, monkeypatch, failing)


def test_a_redemption_that_is_paid_while_its_burn_is_under_way_is_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two guards stand behind one another: nothing goes on before a leg did, nor without a word."""
    left = "payments.leave(state, leg, state.now)"
    again = f"{left}\n    payments.touch(state, leg)"
    plant(monkeypatch, "core.subscriptions:start", left, again)
    over, early = 'leg.status != "settled" or', '(leg.status, leg.kind) == ("in_flight", "mint") or'
    plant(monkeypatch, "core.transfers:_go_on", over, early)
    assert PAID in failing(SMALL, 0)


@pytest.mark.parametrize("name", sorted({bug.scenario for bug in BUGS}))
def test_without_a_bug_every_claim_holds_on_the_same_seeds(name: str) -> None:
    for seed in seeds_of(BUGS, name):
        assert failing(name, seed) == {}
