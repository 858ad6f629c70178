"""What is signed for a token hashes as EIP-712 says: its own example, and eth-account's encoder."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rails.keys import PrivateKey, keccak256
from tests.ethereum import Account, encode_typed_data
from tokens import typed
from tokens.typed import Authorization, Burn, Consent, Domain, Message, Mint, Recovery, Unfit

WORD = st.integers(0, 2**256 - 1)
TIME = st.integers(0, 2**64 - 1)
ADDRESS = st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex())
HASH = st.binary(min_size=32, max_size=32)
DOMAINS = st.builds(Domain, st.text(max_size=31), st.text(max_size=8), WORD, ADDRESS)
MESSAGES: dict[type, st.SearchStrategy[Message]] = {
    Authorization: st.builds(Authorization, ADDRESS, ADDRESS, WORD, TIME, TIME, WORD, TIME, HASH),
    Consent: st.builds(Consent, HASH),
    Mint: st.builds(Mint, ADDRESS, WORD, TIME, WORD, TIME, HASH),
    Burn: st.builds(Burn, ADDRESS, WORD, TIME, WORD, TIME, HASH),
    Recovery: st.builds(Recovery, ADDRESS, ADDRESS, TIME, WORD, HASH),
}
# The types again, as eth-account wants them: by hand, and not taken from the module.
FIELDS = {
    Authorization: "address from, address to, uint256 value, uint64 validAfter, uint64 validBefore,"
    " uint256 nonce, uint64 epoch, bytes32 policyHash",
    Consent: "bytes32 authorization",
    Mint: "address to, uint256 value, uint64 validBefore, uint256 nonce, uint64 epoch,"
    " bytes32 policyHash",
    Burn: "address from, uint256 value, uint64 validBefore, uint256 nonce, uint64 epoch,"
    " bytes32 policyHash",
    Recovery: "address from, address to, uint64 validBefore, uint256 nonce, bytes32 reasonHash",
}
OURS = {
    "from": "holder",
    "validAfter": "valid_after",
    "validBefore": "valid_before",
    "policyHash": "policy_hash",
    "reasonHash": "reason_hash",
}
HERE = Domain("Asset", "1", 1, "0x" + "c0" * 20)
SOME = Authorization("0x" + "01" * 20, "0x" + "02" * 20, 5, 100, 200, 7, 1, bytes(32))


def by_eth_account(domain: Domain, message: Message) -> bytes:
    """The digest as eth-account has it."""
    fields = [tuple(field.split()) for field in FIELDS[type(message)].split(",")]
    encoded = encode_typed_data(
        {
            "name": domain.name,
            "version": domain.version,
            "chainId": domain.chain_id,
            "verifyingContract": domain.contract,
        },
        {type(message).__name__: [{"type": kind, "name": name} for kind, name in fields]},
        {name: getattr(message, OURS.get(name, name)) for _, name in fields},
    )
    return keccak256(b"\x19" + encoded.version + encoded.header + encoded.body)


@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.__name__)
def test_the_digest_is_that_of_eth_account(kind: type) -> None:
    """Any domain and any message of each kind."""

    @settings(deadline=None)
    @given(DOMAINS, MESSAGES[kind])
    def same(domain: Domain, message: Message) -> None:
        assert typed.digest(domain, message) == by_eth_account(domain, message)

    same()


def test_the_official_example() -> None:
    """The mail from Cow to Bob in EIP-712: its separator, its digest, and Cow's signature."""
    domain = Domain("Ether Mail", "1", 1, "0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC")
    person = "Person(string name,address wallet)"

    def hashed(name: str, wallet: str) -> bytes:
        body = keccak256(name.encode()) + typed.address(wallet)
        return keccak256(typed.type_hash(person) + body)

    mail = keccak256(
        typed.type_hash("Mail(Person from,Person to,string contents)" + person)
        + hashed("Cow", "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826")
        + hashed("Bob", "0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB")
        + keccak256(b"Hello, Bob!")
    )
    separator = typed.domain_separator(domain)
    assert separator.hex() == "f2cee375fa42b42143804025fc449deafd50cc031ca257e0b194a650a912090f"
    assert mail.hex() == "c52c0ee5d84264471806290a3f2c4cecfc5490626bf912d01f240d7a274b371e"
    digest = typed.typed_digest(separator, mail)
    assert digest.hex() == "be609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2"
    assert PrivateKey(keccak256(b"cow")).sign_recoverable(digest) == (
        1,
        0x4355C47D63924E8A72E509B65029052EB6C299D53A04E167C5775FD466751C9D,
        0x07299936D304C153F6443DFA05F40FF007D72911B6F72307F996231605B91562,
    )


def test_what_we_sign_eth_account_recovers() -> None:
    """A signature over our digest is one over theirs."""
    key = PrivateKey(bytes(range(1, 33)))
    parity, r, s = key.sign_recoverable(typed.digest(HERE, SOME))
    told = Account._recover_hash(by_eth_account(HERE, SOME), vrs=(27 + parity, r, s))
    assert told == Account.from_key(bytes(range(1, 33))).address


@pytest.mark.parametrize(
    "change",
    [
        {"value": 2**256},
        {"value": -1},
        {"valid_after": 2**64},
        {"valid_before": 2**64},
        {"nonce": 2**256},
        {"epoch": 2**64},
        {"holder": "0x" + "01" * 19},
        {"holder": "01" * 20},
        {"holder": "0x" + "zz" * 20},
        {"to": "0x" + "01" * 21},
        {"policy_hash": bytes(31)},
        {"policy_hash": bytes(33)},
    ],
    ids=lambda change: "-".join(change),
)
def test_what_does_not_fit_is_refused(change: dict[str, object]) -> None:
    """Nothing is cut or filled up: a signature never covers less than was said."""
    with pytest.raises(Unfit):
        typed.digest(HERE, replace(SOME, **change))


def test_a_nonce_is_a_lane_and_a_place_in_it() -> None:
    assert typed.lane_nonce(3, 5) == 3 * 2**64 + 5
    for lane, sequence in ((2**192, 0), (0, 2**64), (-1, 0)):
        with pytest.raises(Unfit):
            typed.lane_nonce(lane, sequence)
