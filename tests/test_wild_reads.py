"""A venue that lies in its statements: how often in a row it must, before it is believed."""

import pytest

from scenarios.model import check
from sim.faults import Fault
from tieout.reports.outcome import Outcome
from tieout.runs import run
from venues.simulated import SimulatedVenue

BELIEVED_FROM = 4


def lying(kind: str, reads: int) -> Outcome:
    """Some lies of so many reads each, with an honest read between two of them."""
    scenario = check(
        {
            "name": "lying",
            "claim": "none",
            "duration_s": 45,
            "heal_s": 15,
            "venues": ["binance_spot", "binance_usdm"],
            "strategies": [{"kind": "maker", "name": "mm"}],
            "faults": [{"kind": kind, "one_in": 9, "strength": reads}],
        },
        "test_wild_reads",
    )
    return run(scenario, 1, sampled=False)


@pytest.mark.parametrize("kind", ["wild_statement", "empty_statement"])
@pytest.mark.parametrize("reads", [1, 2, BELIEVED_FROM - 1])
def test_an_absurd_read_must_insist(kind: str, reads: int) -> None:
    summary = lying(kind, reads).summary
    assert summary["faults"][kind] >= 5
    assert summary["counts"]["suspects/binance_spot/main"] >= 1, "it was seen, and suspected"
    assert summary["drift"]["breaks_opened"] == 0


@pytest.mark.parametrize("kind", ["wild_statement", "empty_statement"])
def test_told_four_times_it_is_its_word_against_ours_and_a_break_until_it_is_taken_back(
    kind: str,
) -> None:
    """The limit, said plainly: a break is shown, nothing is booked, and it closes by itself."""
    summary = lying(kind, BELIEVED_FROM).summary
    assert summary["drift"]["breaks_opened"] >= 1
    assert summary["drift"]["false_alarms"] == summary["drift"]["breaks_opened"]
    assert summary["open_breaks"] == summary["open_suspects"] == 0
    assert summary["differences"]["holdings"] == summary["silent_differences"] == 0


@pytest.mark.parametrize(("strength", "lies"), [(0, 1), (1, 1), (3, 3)])
def test_the_strength_of_a_lie_is_how_many_reads_in_a_row(strength: int, lies: int) -> None:
    """And after them one honest read, whatever the dice say."""
    venue = SimulatedVenue.__new__(SimulatedVenue)
    venue.name, venue._lies = "v", {}
    venue.faults = Always(Fault("wild_statement", strength=strength))  # type: ignore[assignment]
    told = [venue._next_lie("balances") for _ in range(2 * lies + 2)]
    assert told == ([*["wild_statement"] * lies, ""]) * 2


class Always:
    def __init__(self, fault: Fault) -> None:
        self.fault = fault

    def strikes(self, kind: str, where: str) -> Fault | None:
        return self.fault if kind == self.fault.kind else None
