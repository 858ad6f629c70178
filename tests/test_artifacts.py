"""What is deployed is what stands in the source: solc-js makes the committed bytes anew."""

import json
import os
from pathlib import Path

import pytest

from rails.keys import keccak256
from tests import contract_mutants, solidity
from tests.solidity import SETTINGS, UNITS
from tokens import calls


@pytest.fixture(scope="module", autouse=True)
def compiler() -> None:
    """Absent, its tests are a counted skip, under CI a failure."""
    if solidity.node() is None or not solidity.COMPILER.exists():
        missing = "no node or no solc: run npm ci --prefix tests/servers"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_the_committed_bytes_are_built_anew(unit: Path) -> None:
    """Input and artifacts, byte for byte, without a warning."""
    for path, text in solidity.rebuilt(unit).items():
        assert path.read_text() == text, path.name


def test_the_compiler_refuses_a_source_that_is_not_the_pinned_one() -> None:
    """The input names each source by its hash, and solc-js checks it."""
    contents = solidity.sources(solidity.TOKEN)
    asked = solidity.pinned(contents)
    name = "@openzeppelin/contracts/token/ERC20/ERC20.sol"
    told = solidity.output(asked, contents | {name: contents[name] + "\n"})
    assert any("hash" in line.lower() for line in solidity.complaints(told))


def test_the_input_holds_nothing_of_others() -> None:
    """Settings and hashes; what OpenZeppelin wrote stays in their package."""
    asked = json.loads(solidity.TOKEN.with_suffix(".input.json").read_text())
    assert asked["settings"] == SETTINGS
    assert all(set(told) == {"keccak256"} for told in asked["sources"].values())
    own = asked["sources"]["AuthorizedToken.sol"]["keccak256"]
    assert own == "0x" + keccak256(solidity.TOKEN.read_bytes()).hex()


def test_what_is_deployed_is_the_artifact() -> None:
    committed = json.loads(solidity.TOKEN.with_suffix(".json").read_text())["AuthorizedToken"]
    assert calls.creation().hex() == committed["bytecode"]
    assert len(committed["deployedBytecode"]) // 2 < 24_576


def test_each_planted_bug_has_its_place_in_the_source() -> None:
    """`make prove` plants them all; here it is seen that none has lost its line."""
    for mutant in contract_mutants.MUTANTS:
        assert contract_mutants.mutated(mutant) != solidity.TOKEN.read_text()
    names = [mutant.name for mutant in contract_mutants.MUTANTS]
    assert len(set(names)) == len(names) >= 30
