"""The campaign of CI sees all that is expected, and says what it missed.

The campaign itself runs in CI (`python -m tieout.ci_campaign`); what is held here takes seconds.
"""

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from scenarios.draw import kinds_drawn
from scenarios.model import find, names
from sim.faults import KINDS
from tests import planted_seeds as planted
from tieout import ci_campaign
from tieout.campaigns import visited
from tieout.campaigns.seed import Events, Run, Task, here, run_seed
from tieout.ci_campaign import RUNS, UNSTRUCK, Seen, missed, report, together

ROOT = Path(__file__).parent.parent
SITES = ("sim", "venues", "rails", "tokens", "tieout")


def strings(package: str) -> Iterator[tuple[str, bool]]:
    """Every text of a package's code; True for the head of one that is put together."""
    for path in (ROOT / package).rglob("*.py"):
        if path.name == "faults.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
                yield str(node.values[0].value), True
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value, False


def test_every_kind_of_fault_is_asked_for_by_somebody() -> None:
    """By its name, or by a head ("public_") and the rest of it."""
    told = [each for package in SITES for each in strings(package)]
    words = {text for text, is_head in told if not is_head}
    heads = {text for text, is_head in told if is_head and text.endswith("_")}
    unasked = [
        kind
        for kind in KINDS
        if kind not in words
        and not any(kind.startswith(head) and kind.removeprefix(head) in words for head in heads)
    ]
    assert unasked == []


def test_every_kind_of_fault_is_drawn_by_some_storm() -> None:
    drawn = {kind for name in names() for kind in kinds_drawn(find(name))}
    assert [kind for kind in KINDS if kind not in drawn] == []


def test_the_set_is_of_the_catalogue_and_its_reasons_are_of_kinds() -> None:
    assert RUNS.keys() <= set(names())
    assert all(seeds and len(seeds) == len(dict.fromkeys(seeds)) for seeds in RUNS.values())
    assert UNSTRUCK.keys() <= KINDS.keys()
    assert all(len(reason.split()) > 4 for reason in UNSTRUCK.values())


def test_at_least_nine_moves_in_ten_are_expected_of_it() -> None:
    reasons = list(visited.expected().values())
    assert reasons.count("") >= 0.9 * len(reasons)


def test_what_is_missed_is_said_with_its_name() -> None:
    every = [move for move, reason in visited.expected().items() if not reason]
    kinds = {kind: 1 for kind in KINDS if kind not in UNSTRUCK}
    whole = Seen(dict.fromkeys(every, 1), dict(kinds), [])
    assert missed(whole) == []
    del whole.moves["order/requested>refused"], whole.faults["lost_frame"]
    assert missed(whole) == ["order/requested>refused", "fault lost_frame"]
    lines = list(report(whole))
    assert lines[-2:] == ["MISSED: order/requested>refused", "MISSED: fault lost_frame"]


def test_it_adds_up_runs_and_fails_where_a_claim_does(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    one = ci_campaign.see(run_seed(Task("exits_only", 0, short=True)))
    assert one.failed == []
    both = together([one, one._replace(failed=["x seed 1: a claim"])])
    assert both.moves["order/requested>in_flight"] == 2 * one.moves["order/requested>in_flight"]
    assert both.failed == ["x seed 1: a claim"]
    monkeypatch.setattr(ci_campaign, "missed", lambda seen: [])
    monkeypatch.setattr(ci_campaign, "see_all", lambda pairs, jobs: both)
    assert ci_campaign.main([]) == 1
    assert "FAILED: x seed 1: a claim" in capsys.readouterr().out
    monkeypatch.setattr(ci_campaign, "see_all", lambda pairs, jobs: one)
    assert ci_campaign.main([]) == 0
    monkeypatch.setattr(ci_campaign, "missed", lambda seen: ["a move"])
    assert ci_campaign.main([]) == 1


@pytest.mark.parametrize(
    ("run", "said"),
    [
        (planted.exits, "exits_only seed 5: worker died: exit status 7"),
        (planted.raises, "exits_only seed 5: MemoryError: too much"),
    ],
)
def test_a_run_that_dies_is_what_failed_and_the_others_are_seen(
    run: Run, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ci_campaign, "run_seed", run)
    seen = ci_campaign.see_all([("exits_only", seed) for seed in (0, planted.BAD, 7)], 2)
    assert seen.failed == [said]
    assert seen.moves == {"order/working>filled": 2}


def test_a_run_that_is_lost_is_what_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    def drops(tasks: Sequence[Task], run: Run) -> Events:
        yield from here([task for task in tasks if task.seed != 7 and not task.again], run)

    monkeypatch.setattr(ci_campaign, "run_seed", planted.exits)
    monkeypatch.setattr(ci_campaign, "here", drops)
    seen = ci_campaign.see_all([("exits_only", seed) for seed in (0, 7)], 1)
    lost = "exits_only seed 0 a second time", "exits_only seed 7"
    assert seen.failed == [f"{each}: nothing is known of it" for each in lost]


def test_some_of_its_runs_are_made_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ci_campaign, "run_seed", planted.of_a_clock)
    seen = ci_campaign.see_all([(name, seed) for name, seeds in RUNS.items() for seed in seeds], 1)
    differ = [each.partition(":")[0] for each in seen.failed if "two runs, two digests" in each]
    assert differ == ["storm_venues seed 1", "storm_rails seed 57", "storm_tokens seed 57"]
