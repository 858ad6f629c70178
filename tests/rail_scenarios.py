"""Every scenario of rails over many seeds. Too long for `make test`, which never collects this:
`make prove` does."""

import pytest

from scenarios.model import find, names
from tieout.campaigns.campaign import runs_here
from tieout.runs import run

SEEDS = 20
STORMS = ("storm_rails", "storm_tokens")
OF_RAILS = [
    name
    for name in names()
    if find(name).settling is not None and name not in STORMS and runs_here(name)
]


@pytest.mark.parametrize("name", OF_RAILS)
def test_a_scenario_of_rails_holds(name: str) -> None:
    for seed in range(SEEDS):
        outcome = run(name, seed, sampled=False)
        assert [c.claim for c in outcome.claims if not c.held] == [], f"seed {seed}"
