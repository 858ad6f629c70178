"""A small world that fails at every hundredth seed, so that a campaign proves that it reports.

It is not in the catalogue. A campaign of a hundred runs or more has two seeds of it run beside its
own, by the same workers and through the same ledger: one that fails, and one that does not.
"""

from decimal import Decimal

from scenarios.model import ClaimSpec, Scenario
from tieout.campaigns.seed import CANARY
from tieout.reports.outcome import Outcome
from tieout.runs import run as run_scenario

NAME = CANARY
SONG = "no hundredth seed has events"
EVERY = 100
BESIDE = (EVERY, EVERY + 1)


def run(seed: int) -> Outcome:
    """One seed; every hundredth breaks the one claim that it has of its own."""
    return run_scenario(scenario(seed), seed, sampled=False)


def sings(seed: int) -> bool:
    """Whether this seed has to fail."""
    return seed % EVERY == 0


def scenario(seed: int) -> Scenario:
    """The world of one seed: every hundredth has a claim that cannot hold."""
    song = ClaimSpec(claim=SONG, figure="events", at_most=Decimal(0))
    return Scenario.model_validate(
        {
            "name": NAME,
            "claim": "a campaign reports what it sees",
            "duration_s": 20,
            "heal_s": 10,
            "venues": ["binance_spot"],
            "strategies": [{"kind": "maker", "name": "mm"}, {"kind": "taker", "name": "tk"}],
            "claims": [song] if sings(seed) else [],
        }
    )
