"""What the token's functions cost on a real node: `python -m tests.gas` prints the table.

Lanes and balances are warm unless a row says otherwise: they were written before, as they are for
whoever transfers now and then. Lanes, values and hashes are dense, as they are in earnest.
"""

from collections.abc import Callable

from rails.keys import keccak256
from tests.evms import AnvilEvm, send
from tests.issuing import (
    ADMIN,
    ALICE,
    BOB,
    FIRST,
    OTHERS,
    PAUSER,
    RELAYER,
    SECOND,
    THIRD,
    Issue,
    artifact,
    call_of,
    signature,
)
from tokens import calls, typed
from tokens.calls import Release
from tokens.typed import lane_nonce

LANE = int.from_bytes(keccak256(b"a lane of alice's")[:24])
VALUE = 1_234_567_890_123_456_789
MUCH = 10**24
AUTHORIZED = "transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,uint8,bytes32,bytes32)"  # noqa: E501
# What must hold, by row.
BARS = {
    "release, holder submits, 1 signer": 60_000,
    "release, holder submits, 2 signers": 68_000,
    "release, relayed, 1 signer": 68_000,
    "release, ten recipients, holder submits, 1 signer: each": 28_000,
}


class Meter:
    """An issue on anvil, and what its transactions used."""

    def __init__(self, anvil: AnvilEvm) -> None:
        self.anvil = anvil
        self.issue = Issue(anvil).deploy()
        for who in (ALICE, BOB, *OTHERS[:10]):
            self.minted(who)
        for who in (ALICE, RELAYER):  # both have sent before
            send(anvil, who, self.issue.token, call_of("totalSupply()"))

    def sent(self, who: str, data: bytes) -> int:
        outcome = self.issue.send(who, data)
        assert outcome.succeeded, self.issue.error(outcome)
        return outcome.gas_used

    def minted(self, to: str) -> int:
        message = self.issue.mint(to=to, value=MUCH)
        return self.sent(RELAYER, calls.mint(message, self.issue.signed(ADMIN, message)))

    def permitted(self, ahead: int = 0, *, relayed: bool, by: int, to: str = BOB) -> Release:
        lane = LANE
        nonce = lane_nonce(lane, self.issue.place(ALICE, lane) + ahead)
        given = self.issue.permit(to=to, value=VALUE, nonce=nonce)
        return self.issue.released(given, (FIRST, SECOND)[:by], consent=relayed)

    def moved(self, *, relayed: bool, by: int) -> int:
        given = self.permitted(relayed=relayed, by=by)
        return self.sent(RELAYER if relayed else ALICE, calls.release([given]))

    def batch(self, *, relayed: bool) -> int:
        """For each of ten recipients."""
        given = [
            self.permitted(ahead, relayed=relayed, by=1, to=to)
            for ahead, to in enumerate(OTHERS[:10])
        ]
        return self.sent(RELAYER if relayed else ALICE, calls.release(given)) // 10

    def burnt(self) -> int:
        message = self.issue.burn(value=VALUE)
        return self.sent(ALICE, calls.burn(message, self.issue.signed(ADMIN, message)))

    def recovered(self) -> int:
        message = self.issue.recovery(holder=OTHERS[0], to=OTHERS[1])
        return self.sent(RELAYER, calls.recover(message, self.issue.signed(ADMIN, message)))

    def revoked(self) -> int:
        nonce = lane_nonce(LANE, self.issue.place(ALICE, LANE))
        return self.sent(FIRST, calls.revoke(ALICE, nonce))

    def lane_revoked(self) -> int:
        """Ten places of it."""
        return self.sent(FIRST, calls.revoke_lane(ALICE, LANE, self.issue.place(ALICE, LANE) + 10))


def plain_transfer(anvil: AnvilEvm) -> int:
    token = _yardstick(anvil, "PlainToken")
    data = call_of("transfer(address,uint256)", BOB, VALUE)
    send(anvil, ALICE, token, data)
    return send(anvil, ALICE, token, data).gas_used


def by_authorization(anvil: AnvilEvm, contract: str, name: str) -> int:
    """OpenZeppelin's, brought by a relayer; a keyed nonce is of a lane in use."""
    token = _yardstick(anvil, contract)
    kind = (
        "TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,"
        "uint256 validBefore,bytes32 nonce)"
    )
    domain = typed.Domain(name, "1", anvil.chain_id, token)
    for place in (0, 1):
        nonce = lane_nonce(LANE, place).to_bytes(32)
        given = (ALICE, BOB, VALUE, anvil.now() - 60, anvil.now() + 60, nonce)
        words = b"".join(map(typed.address, given[:2]))
        words += b"".join(number.to_bytes(32) for number in given[2:5]) + nonce
        hashed = keccak256(typed.type_hash(kind) + words)
        signed = signature(ALICE, typed.typed_digest(typed.domain_separator(domain), hashed))
        parts = (signed[64], signed[:32], signed[32:64])
        outcome = send(anvil, RELAYER, token, call_of(AUTHORIZED, *given, *parts))
        assert outcome.succeeded, outcome
    return outcome.gas_used


def _yardstick(anvil: AnvilEvm, contract: str) -> str:
    code = bytes.fromhex(artifact("Yardsticks", contract)["bytecode"])
    token = anvil.deploy(code + typed.address(ALICE))
    for who in (ALICE, RELAYER):
        send(anvil, who, token, call_of("totalSupply()"))
    return token


def measured(anvil: AnvilEvm) -> dict[str, int]:
    """Gas by row."""
    meter = Meter(anvil)
    fresh = meter.moved(relayed=False, by=1)
    rows: dict[str, Callable[[], int]] = {
        "OpenZeppelin ERC-20, `transfer`": lambda: plain_transfer(anvil),
        "OpenZeppelin ERC-3009, random nonce, relayed": lambda: by_authorization(
            anvil, "RandomNonceToken", "Random"
        ),
        "OpenZeppelin ERC-3009, keyed nonce, relayed": lambda: by_authorization(
            anvil, "KeyedNonceToken", "Keyed"
        ),
        "release, holder submits, 1 signer, fresh lane": lambda: fresh,
        "release, holder submits, 1 signer": lambda: meter.moved(relayed=False, by=1),
        "release, holder submits, 2 signers": lambda: meter.moved(relayed=False, by=2),
        "release, relayed, 1 signer": lambda: meter.moved(relayed=True, by=1),
        "release, relayed, 2 signers": lambda: meter.moved(relayed=True, by=2),
        "release, ten recipients, holder submits, 1 signer: each": lambda: meter.batch(
            relayed=False
        ),
        "release, ten recipients, relayed, 1 signer: each": lambda: meter.batch(relayed=True),
        "mint": lambda: meter.minted(BOB),
        "burn, holder submits": meter.burnt,
        "recover": meter.recovered,
        "revoke": meter.revoked,
        "revokeLane, ten places": meter.lane_revoked,
        "raiseEpoch": lambda: meter.sent(FIRST, calls.raise_epoch()),
        "setAuthorizer, a new one": lambda: meter.sent(
            ADMIN, calls.set_authorizer(THIRD, 2**64 - 1)
        ),
        "pause": lambda: meter.sent(PAUSER, calls.pause()),
        "unpause": lambda: meter.sent(ADMIN, calls.unpause()),
    }
    return {name: measure() for name, measure in rows.items()}


def table(gas: dict[str, int]) -> str:
    """As Markdown."""
    lines = ["| | gas | must be at most |", "|---|---:|---:|"]
    for name, used in gas.items():
        bar = f"{BARS[name]:,}" if name in BARS else ""
        lines.append(f"| {name} | {used:,} | {bar} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    node = AnvilEvm()
    try:
        print(table(measured(node)), end="")
    finally:
        node.stop()
