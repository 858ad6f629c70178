"""The catalogue of bugs that campaigns must see: in order, and two of them really are seen."""

from __future__ import annotations

import ast
from math import inf
from pathlib import Path

import pytest

from scenarios.model import find
from tests.mutants import __main__ as command
from tests.mutants import campaign, power, tree
from tests.mutants.blind import FIRST
from tests.mutants.blind_second import SECOND
from tests.mutants.catalogue import MUTANTS, RISK, STORMS, Mutant
from tests.mutants.tree import Edit, Tree, edited

BY_NAME = {mutant.name: mutant for mutant in MUTANTS}


def of(name: str, places: tuple[Edit, ...]) -> str:
    """The file of the first place, with every edit in it."""
    text = (tree.ROOT / name).read_text("utf-8")
    for edit in places:
        text = edited(text, edit) if edit.file == name else text
    return text


@pytest.mark.parametrize("mutant", [*MUTANTS, *FIRST, *SECOND], ids=lambda mutant: mutant.name)
def test_each_text_is_there_once_and_what_it_becomes_compiles(mutant: Mutant) -> None:
    for edit in mutant.edits:
        planted = of(edit.file, mutant.edits)
        assert ast.dump(ast.parse(planted)) != ast.dump(ast.parse(of(edit.file, ()))), edit
        compile(planted, edit.file, "exec")


def test_the_catalogue_is_large_has_no_name_twice_and_is_looked_for_in_storms() -> None:
    assert len(MUTANTS) >= 100
    assert len(BY_NAME) == len(MUTANTS)
    assert all(find(mutant.storm) for mutant in MUTANTS)
    assert all(find(storm).storm is not None for storm in STORMS)
    assert sum(mutant.storm in STORMS for mutant in MUTANTS) >= 100
    assert all(mutant.bug.endswith((".", ").")) for mutant in MUTANTS)


def test_a_text_that_is_not_there_or_twice_is_refused() -> None:
    source = "def one():\n    a = 1\n    b = 1\n"
    for old in ("c = 1", " = 1"):
        with pytest.raises(LookupError, match=r"0 times|2 times"):
            edited(source, Edit("any:one", old, "pass"))
    with pytest.raises(LookupError, match="no two"):
        edited(source, Edit("any:two", "a = 1", "pass"))
    changed = edited(source, Edit("any:one", "    b = 1", "    b = 2\nc = 3"))
    assert changed == "def one():\n    a = 1\n    b = 2\nc = 3\n"


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    return Tree(tmp_path_factory.mktemp("copy"))


@pytest.mark.parametrize(
    ("name", "claim"),
    [
        ("no dedup", "holdings equal the truth to the unit"),
        ("exits do not count one another", "an exit closes at most what is held"),
    ],
)
def test_a_bug_in_a_copy_is_caught_by_a_few_seeds(copy: Tree, name: str, claim: str) -> None:
    mutant = BY_NAME[name]
    before = {path: path.read_bytes() for path in copy.folder.rglob("*.py")}
    found = campaign.hunt(copy, mutant, campaign.ranges(1), 600, {})
    assert claim in found["claims"], found
    assert found["failed"] == 1
    assert found["ran"] <= campaign.LENGTH
    assert {path: path.read_bytes() for path in copy.folder.rglob("*.py")} == before


def test_a_copy_without_a_bug_runs_itself_and_holds(copy: Tree) -> None:
    """Without faults too: there no claim is made that so much of what they bring happened."""
    found = campaign.sound(copy, "cold_path_stalls", [range(1)], 600, {})
    assert (found["ran"], found["failed"], found["stopped"]) == (1 + campaign.CALM, 0, "")


def test_a_bug_that_hangs_or_breaks_is_stopped_and_said(copy: Tree) -> None:
    """A mistake that no module survives is told with its words, and one without end by its time."""
    broken = Mutant(
        "broken", "core.money", "ASSET_DECIMALS = 8", "ASSET_DECIMALS = 8 / 0", RISK, ""
    )
    with copy.planted(broken.edits):
        seeds, stopped = campaign.watch(copy, RISK, [range(1)], 0, 600)
    assert "ZeroDivisionError" in (stopped or str(seeds))
    seeds, stopped = campaign.watch(copy, RISK, [range(1)], 0, 0.01)
    assert seeds == []
    assert stopped == "not done within 0 s"


@pytest.mark.parametrize(
    ("failed", "ran", "least", "most"),
    [(0, 50, 14.06, inf), (1, 1, 1.0, 40.0), (5, 5, 1.0, 2.09), (5, 10, 1.23, 5.35)],
)
def test_expected_seeds_lie_within_clopper_and_pearson(
    failed: int, ran: int, least: float, most: float
) -> None:
    """Bounds from printed tables: of 5 in 10, 18.7 % to 81.3 %; of 5 in 5, 47.8 % and more."""
    low, high = power.interval(failed, ran)
    assert (round(low, 2), round(high, 2)) == (least, most)
    assert power.expected(failed, ran) == (ran / failed if failed else inf)


def test_ranges_are_disjoint_and_begin_at_each_remainder_of_ten() -> None:
    every = [seed for each in campaign.ranges(10) for seed in each]
    assert len(every) == len({*every}) == 50
    assert {each.start % 10 for each in campaign.ranges(10)} == {*range(10)}


def test_the_copy_is_what_a_process_runs(copy: Tree, tmp_path: Path) -> None:
    """Its modules come from the copy, wherever else the packages are installed."""
    import subprocess
    import sys

    words = [sys.executable, "-c", "import core; print(core.__file__)"]
    told = subprocess.run(
        words, cwd=tmp_path, env=copy.environment(), capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == str(copy.folder / "core" / "__init__.py")


def test_what_was_not_looked_at_is_no_pass() -> None:
    """Nor what survived, what a seed without a bug failed by, or a storm that nobody ran so."""
    mutants = [each for each in MUTANTS if each.storm == RISK][:2]
    one, other = (each.name for each in mutants)
    quiet = {"failed": 0, "stopped": ""}
    caught, survived = caught_in(1.0), {"failed": 0, "expected_seeds": [None, 14.06, None]}
    for found, sound, well in (
        ({one: caught, other: caught}, {RISK: quiet}, True),
        ({one: caught, other: survived}, {RISK: quiet}, False),
        ({one: caught}, {RISK: quiet}, False),
        ({one: caught, other: caught}, {}, False),
        ({one: caught, other: caught}, {RISK: {"failed": 1, "stopped": ""}}, False),
        ({one: caught, other: caught}, {RISK: {"failed": 0, "stopped": "late"}}, False),
    ):
        assert command.is_well({"mutants": found, "sound": sound}, mutants) is well


def caught_in(seeds: float) -> dict[str, object]:
    return {"failed": 1, "expected_seeds": [seeds, seeds, seeds]}


@pytest.mark.parametrize(
    ("most", "worst", "part", "well"),
    [
        (2.0, 50.0, 0, True),
        (2.1, 50.0, 0, False),
        (2.1, 50.0, 1, True),
        (1.0, 50.1, 0, False),
        (1.0, 50.1, 1, False),
    ],
)
def test_bugs_have_to_be_seen_soon(most: float, worst: float, part: int, *, well: bool) -> None:
    """All of them in two expected seeds in the median; each of those asked for in fifty."""
    bugs = {each.name: caught_in(most) for each in MUTANTS} | {MUTANTS[-1].name: caught_in(worst)}
    quiet = {each.storm: {"failed": 0, "stopped": ""} for each in MUTANTS}
    assert command.is_well({"mutants": bugs, "sound": quiet}, MUTANTS[part:]) is well
