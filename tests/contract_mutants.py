"""The token's contract with one planted bug each, which its tests must see, every one of them.

`make prove` runs this (`pytest tests/contract_mutants.py`); `make test` only sees that each bug still
has its place in the source. The contract as it is goes the same way, and passes.
"""

# ruff: noqa: E501  # a table of texts is read across

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tests import solidity
from tests.solidity import ROOT, TOKEN


class Mutant(NamedTuple):
    """The text `old`, which the source has once, becomes `new`."""

    name: str
    old: str
    new: str


MUTANTS = (
    # who must act
    Mutant(
        "anybody is the holder",
        "if (msg.sender == holder) return;",
        "if (msg.sender != address(0)) return;",
    ),
    Mutant(
        "an authorizer acts for a holder",
        "if (msg.sender == holder) return;",
        "if (msg.sender == holder || isAuthorizer(msg.sender)) return;",
    ),
    Mutant("a holder in person is refused", "if (msg.sender == holder) return;", ""),
    Mutant(
        "consent over the message itself",
        "_hashTypedDataV4(keccak256(abi.encode(CONSENT, message)))",
        "_hashTypedDataV4(message)",
    ),
    Mutant(
        "consent without a domain",
        "_hashTypedDataV4(keccak256(abi.encode(CONSENT, message)))",
        "keccak256(abi.encode(CONSENT, message))",
    ),
    Mutant(
        "consent of anybody with a key",
        "SignatureChecker.isValidSignatureNowCalldata(holder, digest, consent)",
        "ECDSA.recover(digest, consent) != address(0)",
    ),
    Mutant(
        "consent of keys alone",
        "SignatureChecker.isValidSignatureNowCalldata(holder, digest, consent)",
        "ECDSA.recover(digest, consent) == holder",
    ),
    Mutant(
        "no consent to a transfer",
        "        _requireConsent(a.from, message, given.consent);\n",
        "",
    ),
    Mutant("no consent to a burn", "        _requireConsent(b.from, message, consent);\n", ""),
    # who must permit
    Mutant(
        "no authorizer at all", "        _requireAuthorizers(message, given.signatures);\n", ""
    ),
    Mutant("one signature short", "signatures.length >= threshold", "signatures.length + 1 >= threshold"),
    Mutant("one signature too many", "signatures.length >= threshold", "signatures.length > threshold"),
    Mutant("no more than the threshold", "signatures.length >= threshold", "signatures.length == threshold"),
    Mutant("one authorizer twice", "last < signer && isAuthorizer", "last <= signer && isAuthorizer"),
    Mutant("authorizers in any order", "last < signer && isAuthorizer", "last != signer && isAuthorizer"),
    Mutant("order alone, whoever signs", "last < signer && isAuthorizer(signer)", "last < signer"),
    Mutant("the order is forgotten", "            last = signer;\n", ""),
    Mutant(
        "a contract's permission",
        "address signer = _signer(digest, signatures[i]);",
        "address signer = _signer(digest, signatures[i]); if (notAfter[tx.origin] != 0) signer = tx.origin;",
    ),
    Mutant("no domain", "bytes32 digest = _hashTypedDataV4(message);", "bytes32 digest = message;"),
    Mutant(
        "the upper s counts",
        "return ECDSA.recover(digest, signature.v, signature.r, signature.s);",
        "return ecrecover(digest, signature.v, signature.r, signature.s);",
    ),
    Mutant("an authorizer a second too long", "block.timestamp <= notAfter[who]", "block.timestamp <= notAfter[who] + (notAfter[who] > 0 && notAfter[who] < 2**63 ? 1 : 0)"),
    Mutant("an authorizer a second too short", "block.timestamp <= notAfter[who]", "block.timestamp < notAfter[who]"),
    Mutant("an authorizer for ever", "block.timestamp <= notAfter[who]", "notAfter[who] != 0"),
    # once, here and now
    Mutant("a transfer again and again", "        _useCheckedNonce(a.from, a.nonce);\n", ""),
    Mutant("any nonce will do", "_useCheckedNonce(a.from, a.nonce);", "_useNonce(a.from, uint192(a.nonce >> 64));"),
    Mutant("a lane for all holders", "_useCheckedNonce(a.from, a.nonce);", "_useCheckedNonce(address(0), a.nonce);"),
    Mutant("a mint again and again", "        _useCheckedNonce(address(this), nonce);\n", ""),
    Mutant("early by a second", "a.validAfter < block.timestamp", "a.validAfter <= block.timestamp"),
    Mutant("never too early", "        require(a.validAfter < block.timestamp, OutsideWindow());\n", ""),
    Mutant("late by a second", "require(block.timestamp < validBefore,", "require(block.timestamp <= validBefore,"),
    Mutant("never too late", "        require(block.timestamp < validBefore, OutsideWindow());\n", ""),
    Mutant("a recovery late by a second", "block.timestamp < r.validBefore", "block.timestamp <= r.validBefore"),
    Mutant("any later epoch", "epoch_ == current", "epoch_ >= current"),
    Mutant("any earlier epoch", "epoch_ == current", "epoch_ <= current"),
    Mutant("recoveries void nothing", "return epoch + _recoveries[holder];", "return epoch;"),
    Mutant("epochs void nothing", "return epoch + _recoveries[holder];", "return _recoveries[holder];"),
    Mutant("the wrong holder is voided", "++_recoveries[r.from];", "++_recoveries[r.to];"),
    Mutant("an epoch that jumps back", "emit EpochRaised(address(0), ++epoch);", "emit EpochRaised(address(0), epoch = 1);"),
    Mutant("value is not signed", "a.validAfter < block.timestamp, OutsideWindow());", "a.validAfter < block.timestamp, OutsideWindow()); message = keccak256(abi.encode(AUTHORIZATION, a.from, a.to, uint256(5), a.validAfter, a.validBefore, a.nonce, a.epoch, a.policyHash));"),
    Mutant("a burn is signed like a mint", "keccak256(abi.encode(BURN, b))", "keccak256(abi.encode(MINT, b))"),
    # value
    Mutant("to oneself", "        require(a.from != a.to, SelfTransfer());\n", ""),
    Mutant("a recovery to oneself", "        require(r.from != r.to, SelfTransfer());\n", ""),
    Mutant("the wrong way", "_transfer(a.from, a.to, a.value);", "_transfer(a.to, a.from, a.value);"),
    Mutant("one more", "_mint(m.to, m.value);", "_mint(m.to, m.value + 1);"),
    Mutant("a burn of the sender's", "_burn(b.from, b.value);", "_burn(msg.sender, b.value);"),
    Mutant("a recovery leaves one", "_transfer(r.from, r.to, balanceOf(r.from));", "_transfer(r.from, r.to, balanceOf(r.from) - 1);"),
    Mutant("the batch leaves out its last", "i < releases.length", "i + 1 < releases.length || (releases.length == 1 && i == 0)"),
    Mutant("anybody mints", "require(signer == admin, NotAuthorizedBy(signer));", "require(signer != address(0));"),
    Mutant("an authorizer mints", "require(signer == admin,", "require(signer == admin || isAuthorizer(signer),"),
    # taking back
    Mutant("anybody revokes", "bool may = msg.sender == holder || msg.sender == admin;", "bool may = true;"),
    Mutant("a holder cannot revoke", "bool may = msg.sender == holder || msg.sender == admin;", "bool may = msg.sender == admin;"),
    Mutant("an authorizer stops a recovery", "(holder != address(this) && isAuthorizer(msg.sender))", "isAuthorizer(msg.sender)"),
    Mutant("a revocation of what is not next", "_useCheckedNonce(holder, nonce);", "_useNonce(holder, uint192(nonce >> 64));"),
    Mutant("a lane one place short", "while (uint64(nonces(holder, lane)) < next) {", "while (uint64(nonces(holder, lane)) + 1 < next) {"),
    Mutant("a lane that is already there", "        require(uint64(nonces(holder, lane)) < next, NothingToRevoke());\n", ""),
    # roles and pause
    Mutant("anybody in any role", "        require(msg.sender == role, NotAllowed(msg.sender));\n", ""),
    Mutant("the pauser unpauses", "function unpause() external only(admin)", "function unpause() external only(pauser)"),
    Mutant("the admin pauses", "function pause() external only(pauser)", "function pause() external only(admin)"),
    Mutant("transfers while paused", "function release(Release[] calldata releases) external whenNotPaused {", "function release(Release[] calldata releases) external {"),
    Mutant("mints while paused", "function mint(Mint calldata m, Signature calldata signature) external whenNotPaused {", "function mint(Mint calldata m, Signature calldata signature) external {"),
    Mutant("burns while paused", "        external\n        whenNotPaused\n", "        external\n"),
    Mutant("no recovery while paused", "function recover(Recovery calldata r, Signature calldata signature) external {", "function recover(Recovery calldata r, Signature calldata signature) external whenNotPaused {"),
    Mutant("no revocation while paused", "function revoke(address holder, uint256 nonce) external {", "function revoke(address holder, uint256 nonce) external whenNotPaused {"),
    Mutant("no rotation while paused", "function setAuthorizer(address who, uint64 notAfter_) external only(admin) {", "function setAuthorizer(address who, uint64 notAfter_) external only(admin) whenNotPaused {"),
    Mutant("the admin is an authorizer", "who != address(0) && who != admin && who != pauser", "who != address(0) && who != pauser"),
    Mutant("the pauser is an authorizer", "who != address(0) && who != admin && who != pauser", "who != address(0) && who != admin"),
    Mutant("an authorizer becomes pauser", "!isAuthorizer(admin_) && !isAuthorizer(pauser_)", "!isAuthorizer(admin_)"),
    Mutant("an authorizer becomes admin", "!isAuthorizer(admin_) && !isAuthorizer(pauser_)", "!isAuthorizer(pauser_)"),
    Mutant("admin and pauser in one", " && admin_ != pauser_, RolesOverlap());", ", RolesOverlap());"),
    Mutant("none has to sign", "        require(threshold_ != 0, NoThreshold());\n", ""),
    # what is told, and ERC-20
    Mutant("another policy is told", "emit Moved(message, a.from, a.nonce, a.policyHash);", "emit Moved(message, a.from, a.nonce, bytes32(0));"),
    Mutant("a mint is not told", "        emit Moved(message, m.to, m.nonce, m.policyHash);\n", ""),
    Mutant("a revocation is not told", "        emit Revoked(holder, nonce + 1);\n", ""),
    Mutant("a recovery is not told", "        emit Recovered(message, r.from, r.nonce, r.reasonHash);\n", ""),
    Mutant("transfer moves", "function transfer(address, uint256) public pure override returns (bool) {\n        revert NeedsAuthorization();", "function transfer(address to, uint256 value) public override returns (bool) {\n        return super.transfer(to, value);"),
    Mutant("transferFrom moves", "function transferFrom(address, address, uint256) public pure override returns (bool) {\n        revert NeedsAuthorization();", "function transferFrom(address from, address to, uint256 value) public override returns (bool) {\n        _transfer(from, to, value);\n        return true;"),
    Mutant("approve says yes", "function approve(address, uint256) public pure override returns (bool) {\n        revert NeedsAuthorization();", "function approve(address, uint256) public pure override returns (bool) {\n        return true;"),
    Mutant("an allowance is told", "        return 0;\n", "        return 1;\n"),
    Mutant("other decimals", "        return _decimals;\n", "        return 18;\n"),
)  # fmt: skip


def mutated(mutant: Mutant) -> str:
    """The source with the bug in it."""
    source = TOKEN.read_text()
    assert source.count(mutant.old) == 1, f"{mutant.name}: not once in the source"
    return source.replace(mutant.old, mutant.new)


def judged(text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """What the tests say of a contract with this source."""
    contents = solidity.sources(TOKEN, text)
    asked = solidity.pinned(contents)
    # Without the long way of the optimizer: a bug is as wrong, and compiled in half the time.
    asked["settings"] = asked["settings"] | {"viaIR": False}
    told = solidity.output(asked, contents)
    assert "contracts" in told, solidity.complaints(told)
    artifact = folder / "mutant.json"
    artifact.write_text(json.dumps(solidity.artifacts(TOKEN, told)))
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
    return subprocess.run(
        [*command, "tests/test_token.py", "tests/test_token_erc20.py"],
        cwd=ROOT,
        env={**os.environ, "TIEOUT_MUTANT": str(artifact)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_dies(mutant: Mutant, tmp_path: Path) -> None:
    done = judged(mutated(mutant), tmp_path)
    assert done.returncode == 1, done.stdout[-2_000:]
    assert " failed" in done.stdout, done.stdout[-2_000:]


def test_the_contract_as_it_is_lives(tmp_path: Path) -> None:
    done = judged(TOKEN.read_text(), tmp_path)
    assert done.returncode == 0, done.stdout[-2_000:]
