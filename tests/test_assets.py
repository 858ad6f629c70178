"""The three example assets: each is the one contract with other parameters, and lives."""

from dataclasses import replace
from pathlib import Path

import pytest
from eth_abi import decode

from tests.issuing import ADMIN, ALICE, BOB, FIRST, PAUSER, SECOND, Issue, call_of, evm, node
from tokens import assets
from tokens.assets import BadAssets, Roles

__all__ = ["evm", "node"]  # fixtures

ROLES = Roles(ADMIN, PAUSER, (FIRST, SECOND))
KINDS = ["real-world asset", "structured position", "access right"]


def test_there_is_one_of_each_kind() -> None:
    assert [asset.kind for asset in assets.load().values()] == KINDS


@pytest.mark.parametrize("name", list(assets.load()))
def test_an_example_is_issued_moved_and_redeemed(evm: object, name: str) -> None:
    """From the first mint to the last burn, by as many signers as it wants."""
    asset = assets.load()[name]
    parameters = asset.deployed_by(ROLES)
    issue = Issue(evm)  # type: ignore[arg-type]
    issue.deploy(**{field: getattr(parameters, field) for field in parameters.__slots__})
    raw = evm.call(issue.token, call_of("symbol()"))  # type: ignore[attr-defined]
    assert decode(["string"], raw) == (asset.symbol,)
    assert issue.read("decimals()") == asset.decimals
    unit = 10**asset.decimals
    assert issue.minting(ALICE, 3 * unit).succeeded
    by = (FIRST, SECOND)[: asset.threshold]
    assert issue.move(issue.released(issue.permit(value=unit), by)).succeeded
    assert issue.burning(value=2 * unit).succeeded
    assert (issue.balance(ALICE), issue.balance(BOB), issue.supply()) == (0, unit, unit)


def test_too_few_authorizers_are_refused_before_anything_is_deployed() -> None:
    alone = replace(ROLES, authorizers=(FIRST, FIRST))
    with pytest.raises(BadAssets, match="2 must sign, and 1 can"):
        assets.load()["warehouse_note"].deployed_by(alone)


@pytest.mark.parametrize(
    ("line", "wrong", "said"),
    [
        ("decimals: 2", "decimals: 19", "decimals"),
        ("decimals: 2", "decimals: '2'", "decimals"),
        ("threshold: 2", "threshold: 0", "threshold"),
        ("symbol: WHN31", "symbol: w", "symbol"),
        ("name: Warehouse Note 2031", f"name: {'é' * 16}", "at most 31 bytes"),
        ("kind: real-world asset", "kind: coin", "kind"),
        ("decimals: 2", "decimals: 2\n  owner: somebody", "unknown field owner"),
        ("decimals: 2", "decimals: 2\n  decimals: 3", "decimals"),
        ("warehouse_note:", "warehouse_note: [", "assets.yaml"),
    ],
)
def test_a_wrong_field_is_refused_by_name(tmp_path: Path, line: str, wrong: str, said: str) -> None:
    path = tmp_path / "assets.yaml"
    text = assets.ASSETS.read_text()
    assert line in text
    path.write_text(text.replace(line, wrong, 1))
    with pytest.raises(BadAssets, match=said) as told:
        assets.load(path)
    assert str(path) in str(told.value)
