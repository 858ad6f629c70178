"""What the token costs, measured on a real node: within its bars, and as the README says."""

from collections.abc import Iterator

import pytest

from tests import gas
from tests.evms import AnvilEvm
from tests.solidity import TOKEN


@pytest.fixture(scope="module")
def measured() -> Iterator[dict[str, int]]:
    anvil = AnvilEvm()
    try:
        yield gas.measured(anvil)
    finally:
        anvil.stop()


@pytest.mark.parametrize("row", gas.BARS)
def test_a_transfer_costs_no_more_than_its_bar(measured: dict[str, int], row: str) -> None:
    assert measured[row] <= gas.BARS[row]


def test_the_readme_shows_what_is_measured(measured: dict[str, int]) -> None:
    """`python -m tests.gas` prints the table: lay it into the README when the contract changes."""
    assert gas.table(measured) in (TOKEN.parent / "README.md").read_text()


def test_permission_by_others_costs_less_than_a_random_nonce(measured: dict[str, int]) -> None:
    """A second signature is dearer than none; a lane in use pays for it."""
    ours = measured["release, holder submits, 1 signer"]
    assert ours < measured["OpenZeppelin ERC-3009, random nonce, relayed"]
