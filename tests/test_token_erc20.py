"""OpenZeppelin's own cases of ERC-20, one by one: kept by the token, or inverted, and run.

*Kept*: it holds as they say, where value moves by `release`, `mint` and `burn`. *Inverted*: the
door is shut: `transfer`, `transferFrom` and `approve` always revert with the one error
`NeedsAuthorization`, and an allowance is always 0.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

import pytest
from eth_abi import decode

from tests.issuing import ADMIN, ALICE, BOB, STRANGER, Issue, call_of, evm, issue, node, refused
from tokens import calls

__all__ = ["evm", "issue", "node"]  # fixtures

ZERO = "0x" + "00" * 20
MOST = 2**256 - 1
TRANSFER, FROM = "transfer(address,uint256)", "transferFrom(address,address,uint256)"
APPROVE = "approve(address,uint256)"


class Case(NamedTuple):
    """A case of theirs, what became of it here, and the proof."""

    of: str
    verdict: Literal["kept", "inverted"]
    shown: Callable[[Issue], None]


def shut(sender: str, function: str, *values: object) -> Callable[[Issue], None]:
    """Whatever it is called with, it reverts with the one error."""

    def shown(issue: Issue) -> None:
        assert refused(issue, sender, call_of(function, *values)) == "NeedsAuthorization"

    return shown


def no_allowance(owner: str, spender: str) -> Callable[[Issue], None]:
    """None before an approval was tried, none after."""

    def shown(issue: Issue) -> None:
        for _ in range(2):
            assert issue.read("allowance(address,address)", owner, spender) == 0
            refused(issue, owner, call_of(APPROVE, spender, 5))

    return shown


def text(function: str, expected: str) -> Callable[[Issue], None]:
    def shown(issue: Issue) -> None:
        raw = issue.evm.call(issue.token, call_of(function))
        assert decode(["string"], raw) == (expected,)

    return shown


def reads(function: str, expected: int, *values: object) -> Callable[[Issue], None]:
    def shown(issue: Issue) -> None:
        assert issue.read(function, *values) == expected

    return shown


def moves(value: int, left: int, arrived: int) -> Callable[[Issue], None]:
    """From alice to a stranger, by release; the event tells it."""

    def shown(issue: Issue) -> None:
        outcome = issue.move(issue.released(issue.permit(to=STRANGER, value=value)))
        said = {"from": ALICE, "to": STRANGER, "value": value}
        assert issue.events(outcome)[0] == ("Transfer", said)
        assert (issue.balance(ALICE), issue.balance(STRANGER)) == (left, arrived)

    return shown


def release_fails(why: str, **change: object) -> Callable[[Issue], None]:
    def shown(issue: Issue) -> None:
        data = calls.release([issue.released(issue.permit(**change))])
        assert refused(issue, ALICE, data) == why

    return shown


def mint_fails(why: str, **change: object) -> Callable[[Issue], None]:
    def shown(issue: Issue) -> None:
        before = issue.state()
        given = {"to": ALICE, "value": 1} | change
        outcome = issue.minting(given["to"], given["value"])  # type: ignore[arg-type]
        assert issue.error(outcome).startswith(why)
        assert issue.state() == before

    return shown


def mints(issue: Issue) -> None:
    outcome = issue.minting(STRANGER, 50)
    said = {"from": ZERO, "to": STRANGER, "value": 50}
    assert issue.events(outcome)[0] == ("Transfer", said)
    assert (issue.supply(), issue.balance(STRANGER)) == (1_060, 50)


def burns(value: int) -> Callable[[Issue], None]:
    def shown(issue: Issue) -> None:
        outcome = issue.burning(value=value)
        said = {"from": ALICE, "to": ZERO, "value": value}
        assert issue.events(outcome)[0] == ("Transfer", said)
        assert (issue.supply(), issue.balance(ALICE)) == (1_010 - value, 1_000 - value)

    return shown


def burn_fails(why: str, **change: object) -> Callable[[Issue], None]:
    def shown(issue: Issue) -> None:
        message = issue.burn(**change)
        data = calls.burn(message, issue.signed(ADMIN, message))
        assert refused(issue, ALICE, data) == why

    return shown


def recovery_of_nobody(issue: Issue) -> None:
    """The one movement that asks no holder: theirs of the zero address is refused all the same."""
    outcome = issue.recovering(holder=ZERO)
    assert issue.error(outcome) == "ERC20InvalidSender"


def unknown(function: str, *values: object) -> Callable[[Issue], None]:
    """There is no such function at all."""

    def shown(issue: Issue) -> None:
        assert refused(issue, ALICE, call_of(function, *values)) == "0x"

    return shown


CASES = (
    Case("has a name", "kept", text("name()", "Asset")),
    Case("has a symbol", "kept", text("symbol()", "AST")),
    Case("has decimals", "kept", reads("decimals()", 2)),
    Case("total supply: the total amount of tokens", "kept", reads("totalSupply()", 1_010)),
    Case("balanceOf: none is zero", "kept", reads("balanceOf(address)", 0, STRANGER)),
    Case("balanceOf: the amount of tokens", "kept", reads("balanceOf(address)", 1_000, ALICE)),
    # transfer
    Case("transfer: more than the balance reverts", "inverted", shut(ALICE, TRANSFER, BOB, 1_001)),
    Case("transfer: all of the balance", "inverted", shut(ALICE, TRANSFER, BOB, 1_000)),
    Case("transfer: zero tokens", "inverted", shut(ALICE, TRANSFER, BOB, 0)),
    Case("transfer: to the zero address reverts", "inverted", shut(ALICE, TRANSFER, ZERO, 1)),
    Case(
        "release: more than the balance reverts",
        "kept",
        release_fails("ERC20InsufficientBalance", value=1_001),
    ),
    Case("release: all of the balance, and its event", "kept", moves(1_000, 0, 1_000)),
    Case("release: zero tokens, and its event", "kept", moves(0, 1_000, 0)),
    Case(
        "release: to the zero address reverts",
        "kept",
        release_fails("ERC20InvalidReceiver", to=ZERO),
    ),
    # transferFrom
    Case("transferFrom: enough allowance", "inverted", shut(BOB, FROM, ALICE, STRANGER, 1)),
    Case("transferFrom: by the holder", "inverted", shut(ALICE, FROM, ALICE, BOB, 1)),
    Case("transferFrom: zero tokens", "inverted", shut(BOB, FROM, ALICE, STRANGER, 0)),
    Case("transferFrom: over the balance", "inverted", shut(BOB, FROM, ALICE, STRANGER, 1_001)),
    Case("transferFrom: without allowance", "inverted", shut(STRANGER, FROM, ALICE, STRANGER, 5)),
    Case("transferFrom: unlimited allowance", "inverted", shut(BOB, FROM, ALICE, BOB, MOST)),
    Case("transferFrom: to the zero address", "inverted", shut(BOB, FROM, ALICE, ZERO, 1)),
    Case("transferFrom: from the zero address", "inverted", shut(BOB, FROM, ZERO, BOB, 0)),
    Case("transferFrom: spends the allowance", "inverted", no_allowance(ALICE, BOB)),
    # approve
    Case("approve: the requested amount, its event", "inverted", shut(ALICE, APPROVE, BOB, 5)),
    Case("approve: replaces what was approved", "inverted", shut(ALICE, APPROVE, BOB, 0)),
    Case("approve: more than the balance", "inverted", shut(ALICE, APPROVE, BOB, 1_001)),
    Case("approve: without limit", "inverted", shut(ALICE, APPROVE, BOB, MOST)),
    Case("approve: the zero address reverts", "inverted", shut(ALICE, APPROVE, ZERO, 5)),
    Case("approve: allowance tells it", "inverted", no_allowance(ALICE, BOB)),
    Case("approve: of a holder who has nothing", "inverted", no_allowance(STRANGER, BOB)),
    # permit, and what older versions had
    Case(
        "permit: an approval by signature",
        "inverted",
        unknown(
            "permit(address,address,uint256,uint256,uint8,bytes32,bytes32)",
            *(ALICE, BOB, 5, 2**40, 27, bytes(32), bytes(32)),
        ),
    ),
    Case(
        "increaseAllowance (gone since their version 5)",
        "inverted",
        unknown("increaseAllowance(address,uint256)", BOB, 5),
    ),
    # _mint, _burn, _transfer
    Case("_mint: the zero address reverts", "kept", mint_fails("ERC20InvalidReceiver", to=ZERO)),
    Case("_mint: an overflow of the supply reverts", "kept", mint_fails("0x4e487b71", value=MOST)),
    Case("_mint: supply, balance and event", "kept", mints),
    Case(
        "_burn: more than the balance reverts",
        "kept",
        burn_fails("ERC20InsufficientBalance", value=1_001),
    ),
    Case("_burn: the zero address reverts", "kept", burn_fails("NoConsent", holder=ZERO)),
    Case("_burn: all of it: supply, balance and event", "kept", burns(1_000)),
    Case("_burn: less than all of it", "kept", burns(999)),
    Case("_transfer: from the zero address reverts", "kept", recovery_of_nobody),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.verdict}: {case.of}")
def test_a_case_of_openzeppelins(issue: Issue, case: Case) -> None:
    case.shown(issue)


def test_the_supply_is_never_more_than_a_word(issue: Issue) -> None:
    """One unit short of the overflow is still a supply."""
    assert issue.minting(STRANGER, MOST - 1_010).succeeded
    assert issue.supply() == MOST


def test_coin_is_not_taken(issue: Issue) -> None:
    """Neither with a call nor alone: nothing here is payable."""
    assert refused(issue, ALICE, b"") == "0x"
