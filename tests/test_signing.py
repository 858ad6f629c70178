"""The signers: published vectors, determinism, and everything that they refuse."""

import json
import stat
from pathlib import Path

import msgspec
import pytest

from core import beneficiaries
from core.rail_effects import SignTransaction
from core.rail_events import SigningRefused, TransactionSigned
from core.signing import Signer
from rails import keystore
from rails.bitcoin import signing as bitcoin
from rails.bitcoin import sizes
from rails.bitcoin.address import BadAddress, p2wpkh_address, script_of
from rails.bitcoin.funding import NoFunds, funded
from rails.bitcoin.wallet import Wallet as BitcoinWallet
from rails.evm import signing as evm
from rails.evm.wallet import Wallet as EvmWallet
from rails.keys import ORDER, NotAKey, PrivateKey, hash160
from sim.bitcoin import least_output
from sim.dice import Dice
from sim.keys import secret
from sim.segwit import read_spend

USDC = "0x" + "a0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"
BESU_KEY = "8f2a55949038a9610f50fb23b5883af3b4ecb3c3bb792cbcefbd1542c692be63"
TO = "0x000000000000000000000000000000000000aaaa"

# From Besu's vectors for EIP-1559: nonce, value, gas, tip, cap, and the end of the signed bytes.
EIP_1559 = [
    (
        (819, 43203529, 35552, 75853, 121212),
        "80a0d067f2167008c59219652f91cbf8788dbca5f771f6e91e2b7657e85b78b472e0"
        "a01d305af9fe81fdba43f0dfcd400ed24dcace0a7e30d4e85701dcaaf484cd079e",
    ),
    (
        (353, 61901619, 32593, 38850, 136295),
        "01a004205678f13fc1d7b10feea6513dfa76e24418b6e08097d95c6f93a3b64e536d"
        "a01d45ad61bfece43862de2cce7d2575a8c1d08c26c87f3cb5f26d7b0be54a91b2",
    ),
    (
        (119, 65456115, 62341, 24721, 107729),
        "01a0e38e239770801eb995498c821e55ac9c19ae09184bb27b34be105e02fe3b7615"
        "a067c64ca6bd6d9107e85fd581ab2e70a14b637eb36505bb40861ef9d6e800cab6",
    ),
]
EIP_55 = [
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
    "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
]


@pytest.mark.parametrize(("numbers", "end"), EIP_1559)
def test_a_typed_transaction_is_signed_as_published(numbers: tuple[int, ...], end: str) -> None:
    nonce, value, gas, tip, cap = numbers
    fields: list[evm.Item] = [7822, nonce, tip, cap, gas, bytes.fromhex(TO[2:]), value, b"", []]
    raw = evm.signed(fields, PrivateKey(bytes.fromhex(BESU_KEY)))
    assert raw.hex().endswith(end)
    assert raw[0] == 2


def test_a_first_vector_holds_byte_for_byte() -> None:
    """The head of the bytes too: type, length, chain, nonce, tip, cap, gas, receiver, value."""
    fields: list[evm.Item] = [7822, 819, 75853, 121212, 35552]
    fields += [bytes.fromhex(TO[2:]), 43203529, b"", []]
    raw = evm.signed(fields, PrivateKey(bytes.fromhex(BESU_KEY)))
    head = "02f870821e8e8203338301284d8301d97c828ae094" + TO[2:] + "8402933bc980c0"
    assert raw.hex() == head + EIP_1559[0][1]


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (b"dog", "83646f67"),
        ([b"cat", b"dog"], "c88363617483646f67"),
        (b"", "80"),
        ([], "c0"),
        (0, "80"),
        (15, "0f"),
        (1024, "820400"),
        ([[], [[]], [[], [[]]]], "c7c0c1c0c3c0c1c0"),
        (b"Lorem ipsum dolor sit amet, consectetur adipisicing elit", "b838" + "4c6f72656d2069"),
    ],
)
def test_rlp_is_the_yellow_papers(item: evm.Item, expected: str) -> None:
    assert evm.rlp(item).hex().startswith(expected)


@pytest.mark.parametrize("address", EIP_55)
def test_checksums_are_those_of_eip_55(address: str) -> None:
    assert evm.checksummed(address.lower()) == address
    assert evm.is_address(address)
    assert evm.is_address(address.lower())
    assert not evm.is_address(
        address[:-1] + address[-1].swapcase()
        if address[-1].isalpha()
        else address[:2] + address[2:].swapcase()
    )


def test_the_address_of_a_published_key() -> None:
    """The vector of ethereum/tests' keystore: its key and its address."""
    secret = bytes.fromhex("7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d")
    assert evm.address_of(PrivateKey(secret)) == "0x008aeeda4d805471df9b2a5b0f38a0c3bcba786b"


def test_a_seed_is_a_wallet_too() -> None:
    """Golden: the address of the first account of world 7, on any machine."""
    key = PrivateKey(secret(Dice(7), "chain/hot"))
    assert evm.address_of(key) == "0x0e1582f21c5c5fe1d42481d60ce8a7263581df93"
    assert secret(Dice(7), "chain/hot") != secret(Dice(7), "chain/cold")
    assert secret(Dice(7), "chain/hot") != secret(Dice(8), "chain/hot")


# --- what an EVM signer does and refuses ---------------------------------------------------------


def evm_signer() -> tuple[evm.EvmSigner, EvmWallet]:
    key = PrivateKey(bytes.fromhex(BESU_KEY))
    wallet = EvmWallet("chain/hot", evm.address_of(key), 1, tokens={"USDC": USDC})
    return evm.EvmSigner({"chain/hot": wallet}, {"chain/hot": key}), wallet


def payment(**changes: object) -> SignTransaction:
    effect = SignTransaction(
        account="chain/hot",
        payment_id="P1",
        attempt=1,
        nonce=4,
        asset="USDC",
        amount=5_000_000,
        beneficiary=TO,
        fee_max=30 * 10**9,
        tip_max=10**9,
    )
    return msgspec.structs.replace(effect, **changes)


def test_the_same_effect_gives_the_same_bytes() -> None:
    first, second = evm_signer()[0], evm_signer()[0]
    one, two = first.sign(payment(), 1), second.sign(payment(), 2)
    assert isinstance(one, TransactionSigned)
    assert isinstance(two, TransactionSigned)
    assert (one.raw, one.tx_hash) == (two.raw, two.tx_hash)
    bumped = first.sign(payment(attempt=2, fee_max=33 * 10**9, tip_max=11 * 10**8), 3)
    assert isinstance(bumped, TransactionSigned)
    assert bumped.tx_hash != one.tx_hash


def test_s_is_low() -> None:
    """Of many signatures none has an s above half the order: nobody can turn it into another."""
    key = PrivateKey(bytes.fromhex(BESU_KEY))
    for number in range(200):
        _, r, s = key.sign_recoverable(number.to_bytes(32))
        assert 0 < s <= ORDER // 2
        assert 0 < r < ORDER


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"account": "chain/cold"}, "no key for 'chain/cold'"),
        ({"asset": "DAI"}, "'DAI' is not an asset"),
        ({"amount": 0}, "an amount of 0"),
        ({"amount": 1 << 256}, "cannot be sent"),
        ({"beneficiary": TO[:-1]}, "is no address"),
        ({"beneficiary": EIP_55[0].replace("5aA", "5AA")}, "checksum is wrong"),
        ({"tip_max": 31 * 10**9}, "does not fit a cap"),
        ({"nonce": -1}, "has a nonce"),
        ({"spends": ("a:0:1",)}, "neither outpoints"),
    ],
)
def test_an_evm_signer_refuses_with_the_reason(changes: dict[str, object], reason: str) -> None:
    asked = payment(**changes)
    told = evm_signer()[0].sign(asked, 7)
    assert isinstance(told, SigningRefused)
    assert reason in told.reason
    assert told.received_at == 7
    assert (told.account, told.payment_id) == (asked.account, asked.payment_id)
    assert told.attempt == asked.attempt


def test_a_key_that_is_not_the_wallets_signs_nothing() -> None:
    signer, wallet = evm_signer()
    other = evm.EvmSigner({wallet.account: wallet}, {wallet.account: PrivateKey(b"\1" * 32)})
    told = other.sign(payment(), 1)
    assert isinstance(told, SigningRefused)
    assert "is not that of" in told.reason
    assert BESU_KEY not in repr(signer)


@pytest.mark.parametrize("secret", [b"", b"\0" * 32, ORDER.to_bytes(32), b"\1" * 31])
def test_what_is_no_key_is_refused(secret: bytes) -> None:
    with pytest.raises(NotAKey):
        PrivateKey(secret)


# --- Bitcoin -------------------------------------------------------------------------------------

# BIP 143, the native P2WPKH example.
BIP_143 = bitcoin.Unsigned(
    inputs=(
        bitcoin.Input(
            "9f96ade4b41d5433f4eda31e1738ec2b36f6e7d1420d94a6af99801a88f7f7ff",
            0,
            625_000_000,
            0xFFFFFFEE,
        ),
        bitcoin.Input(
            "8ac60eb9575db5b2d987e29f301b5b819ea83a5c6579d282d189cc04b8e151ef",
            1,
            600_000_000,
            0xFFFFFFFF,
        ),
    ),
    outputs=(
        (112_340_000, bytes.fromhex("76a9148280b37df378db99f66f85c95a783a76ac7a6d5988ac")),
        (223_450_000, bytes.fromhex("76a9143bde42dbee7e4dbe6a21b2d50ce2f0167faa815988ac")),
    ),
    version=1,
    locktime=17,
)
BIP_143_KEY = "619c335025c7f4012e556c2a58b2506e30b8511b53ade95ea316fd8c3286feb9"
BIP_143_SIGNATURE = (
    "304402203609e17b84f6a7d30c80bfa610b5b4542f32a8a0d5447a12fb1366d7f01cc44a"
    "0220573a954c4518331561406f90300e8f3358f51928d43c212a8caed02de67eebee"
)


def test_a_spend_is_signed_as_in_bip_143() -> None:
    key = PrivateKey(bytes.fromhex(BIP_143_KEY))
    public = key.public(compressed=True)
    code = b"\x76\xa9\x14" + hash160(public) + b"\x88\xac"
    digest = bitcoin.sighash(BIP_143, 1, code)
    assert digest.hex() == "c37af31116d1b27caf68aae9e3ac82f1477929014d5b917657d0eb49478cb670"
    assert key.sign_der(digest).hex() == BIP_143_SIGNATURE


BIP_173 = [
    (
        "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4",
        "bc",
        "0014751e76e8199196d454941c45d1b3a323f1433bd6",
    ),
    (
        "tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7",
        "tb",
        "00201863143c14c5166804bd19203356da136c985678cd4d27a1b8c6329604903262",
    ),
    (
        "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
        "bc",
        "512079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
    ),
    (
        "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2",
        "bc",
        "76a91477bff20c60e522dfaa3350c39b030a5d004e839a88ac",
    ),
]
NO_ADDRESS = [
    "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5",  # checksum
    "bc1Qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",  # mixed case
    "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx",  # another network
    "bc1gmk9yu",  # empty
    "bc1pw5dgrnzv",  # a program of one byte
    "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3tb",  # b is no digit
    "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN3",
    "",
]


@pytest.mark.parametrize(("address", "prefix", "script"), BIP_173)
def test_an_address_stands_for_its_script(address: str, prefix: str, script: str) -> None:
    assert script_of(address, prefix).hex() == script


@pytest.mark.parametrize("address", NO_ADDRESS)
def test_what_is_no_address_has_no_script(address: str) -> None:
    with pytest.raises(BadAddress):
        script_of(address)


def test_the_address_of_the_key_that_is_one() -> None:
    key = PrivateKey((1).to_bytes(32))
    assert p2wpkh_address(key.public(compressed=True)) == BIP_173[0][0].lower()


TXID = "11" * 32


def bitcoin_signer() -> bitcoin.BitcoinSigner:
    key = PrivateKey((1).to_bytes(32))
    wallet = BitcoinWallet("bitcoin/hot", BIP_173[0][0].lower())
    return bitcoin.BitcoinSigner({"bitcoin/hot": wallet}, {"bitcoin/hot": key})


def spend(**changes: object) -> SignTransaction:
    effect = SignTransaction(
        account="bitcoin/hot",
        payment_id="P1",
        attempt=1,
        nonce=0,
        asset="BTC",
        amount=60_000,
        beneficiary=BIP_173[2][0],
        fee_max=2_000,
        tip_max=0,
        spends=(f"{TXID}:0:50000", f"{TXID}:3:40000"),
        change=28_500,
    )
    return msgspec.structs.replace(effect, **changes)


def test_a_spend_names_its_outpoints_and_pays_ourselves_the_change() -> None:
    one, two = bitcoin_signer().sign(spend(), 1), bitcoin_signer().sign(spend(), 2)
    assert isinstance(one, TransactionSigned)
    assert isinstance(two, TransactionSigned)
    assert one.raw == two.raw
    assert one.spends == spend().spends
    raw = bytes.fromhex(one.raw)
    assert raw[4:6] == b"\0\1"
    assert (28_500).to_bytes(8, "little") + b"\x16" + script_of(BIP_173[0][0]) in raw


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"account": "x"}, "no key"),
        ({"asset": "ETH"}, "not an asset"),
        ({"spends": ()}, "spends outpoints"),
        ({"spends": (f"{TXID}:0:50000", f"{TXID}:0:40000")}, "each of them once"),
        ({"spends": (f"{TXID}:0",)}, "is not an outpoint"),
        ({"spends": (f"{TXID}:0:-5",)}, "is not an outpoint"),
        ({"fee_max": 1_499}, "a fee of 1500"),
        ({"change": 30_000}, "a fee of 0"),
        ({"change": 29_900}, "a fee of 100 is not within 221"),  # nobody relays it
        ({"rate": 8}, "a fee of 1500 is not within 1768"),
        ({"rate": 6}, "a fee of 1500 is more than 6"),
        ({"change": 0, "fee_max": 40_000, "rate": 6}, "is more than 6"),
        ({"change": 293, "amount": 88_207}, "below 294"),
        ({"amount": 329}, "below 330"),
        ({"beneficiary": NO_ADDRESS[0]}, "checksum"),
    ],
)
def test_a_bitcoin_signer_refuses_with_the_reason(changes: dict[str, object], reason: str) -> None:
    told = bitcoin_signer().sign(spend(**changes), 7)
    assert isinstance(told, SigningRefused)
    assert reason in told.reason


POINTS = (f"{TXID}:7:50000", f"{TXID}:5:15000", f"{TXID}:6:40000")
# By hand, for outputs to a P2WSH script and to ourselves: of one input 10.5 + 68 + 43 + 31 bytes.
SIZES = {(1, True): 153, (2, True): 221, (3, True): 289, (1, False): 122, (2, False): 190}


@pytest.mark.parametrize(
    ("amount", "avoid", "expected", "change"),
    [
        (40_000, (), POINTS[:1], 10_000 - 1_530),
        (48_780, (), POINTS[:1], 0),
        (48_781, (), (POINTS[0], POINTS[2]), 41_219 - 2_210),
        (20_000, POINTS[:1], POINTS[2:], 20_000 - 1_530),
        (90_000, (), (POINTS[0], POINTS[2], POINTS[1]), 15_000 - 2_890),
    ],
)
def test_the_largest_free_outpoints_are_spent_and_named_again_by_the_next_attempt(
    amount: int, avoid: tuple[str, ...], expected: tuple[str, ...], change: int
) -> None:
    asked = spend(spends=(), change=0, amount=amount, avoid=avoid, fee_max=9_000, rate=10)
    chosen = funded(asked, POINTS)
    fee = 10 * SIZES[len(expected), change > 0]
    assert (chosen.spends, chosen.change, chosen.fee_max) == (expected, change, fee)
    first, again = bitcoin_signer().sign(chosen, 1), funded(chosen, ())
    assert isinstance(first, TransactionSigned)
    assert (first.spends, first.fee_max, first.rate) == (expected, fee, 10)
    assert again == chosen


# One address of each kind, and the least that Core passes on to it.
KINDS = (
    ("1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", 546),
    ("3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy", 540),
    ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", 294),
    ("bc1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qccfmv3", 330),
    ("bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0", 330),
)


@pytest.mark.parametrize(("to", "least"), KINDS)
def test_core_the_signer_and_the_node_call_the_same_dust(to: str, least: int) -> None:
    assert beneficiaries.dust(to) == sizes.dust(script_of(to)) == least
    assert least_output(script_of(to)) == least
    asked = spend(spends=(), change=0, beneficiary=to, fee_max=9_000, rate=10)
    for amount, said in ((least, TransactionSigned), (least - 1, SigningRefused)):
        told = bitcoin_signer().sign(
            funded(msgspec.structs.replace(asked, amount=amount), POINTS), 1
        )
        assert isinstance(told, said)


@pytest.mark.parametrize("to", [to for to, _ in KINDS])
def test_a_node_reckons_the_size_that_the_fee_was_reckoned_by(to: str) -> None:
    """Of each kind of script, with one input and with many; the signature may be a byte shorter."""
    for count in (1, 2, 7):
        points = [f"{TXID}:{n}:10000" for n in range(count)]
        amount = 10_000 * count - 5_000 if count > 1 else 4_000
        asked = spend(spends=(), beneficiary=to, amount=amount, fee_max=90_000, rate=5)
        told = bitcoin_signer().sign(funded(asked, points), 1)
        assert isinstance(told, TransactionSigned)
        size = read_spend(bytes.fromhex(told.raw)).vsize
        assert 0 <= told.fee_max - 5 * size <= 5 * count + 5 * 31 + 294


def test_change_that_nobody_relays_is_part_of_the_fee() -> None:
    asked = spend(spends=(), change=0, fee_max=9_000, rate=10)
    least = 50_000 - 10 * SIZES[1, True]
    told = funded(msgspec.structs.replace(asked, amount=least - 293), POINTS)
    assert (told.change, told.fee_max) == (0, 1_530 + 293)
    assert isinstance(bitcoin_signer().sign(told, 1), TransactionSigned)
    kept = funded(msgspec.structs.replace(asked, amount=least - 294), POINTS)
    assert (kept.change, kept.fee_max) == (294, 1_530)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"amount": 102_421}, "105000 satoshis are free"),
        ({"amount": 60_000, "avoid": POINTS[:1]}, "55000 satoshis are free"),
        ({"amount": 40_000, "spends": POINTS[2:]}, "40000 satoshis are free"),
        ({"amount": 40_000, "fee_max": 1_529}, "a fee of 1530 is wanted"),
    ],
)
def test_a_wallet_without_cover_says_what_there_is(changes: dict[str, object], words: str) -> None:
    """Also where a dearer attempt would need another outpoint: it never takes one."""
    asked = msgspec.structs.replace(spend(spends=(), change=0, fee_max=9_000, rate=10), **changes)
    with pytest.raises(NoFunds, match=words):
        funded(asked, POINTS)


def test_both_are_what_core_calls_a_signer() -> None:
    signers: list[Signer] = [evm_signer()[0], bitcoin_signer()]
    assert len(signers) == 2


# --- the keystore --------------------------------------------------------------------------------

SECRET = bytes(range(1, 33))
CHEAP = 2  # scrypt's cost, for tests


@pytest.mark.parametrize("name", ["test1", "test2"])
def test_official_keystores_are_read(name: str, samples: Path) -> None:
    """The vectors of ethereum/tests: PBKDF2 and scrypt."""
    told = json.loads((samples / "tokens/ethereum_tests_keystore/basic_tests.json").read_text())
    text, password = json.dumps(told[name]["json"]), told[name]["password"]
    assert keystore.decrypt(text, password).hex() == told[name]["priv"]
    with pytest.raises(keystore.WrongPassword):
        keystore.decrypt(text, password + "x")


def test_a_keystore_is_written_whole_and_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "hot.json"
    keystore.create(path, SECRET, "open", address=TO, cost=CHEAP)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]
    assert keystore.load(path, "open") == SECRET
    assert SECRET.hex() not in path.read_text()
    with pytest.raises(keystore.WrongPassword, match=r"hot\.json: the password does not open it"):
        keystore.load(path, "Open")


def test_a_keystore_never_takes_the_place_of_another(tmp_path: Path) -> None:
    path = tmp_path / "hot.json"
    keystore.create(path, SECRET, "open", cost=CHEAP)
    with pytest.raises(FileExistsError):
        keystore.create(path, bytes(31) + b"\1", "open", cost=CHEAP)
    assert keystore.load(path, "open") == SECRET
    assert list(tmp_path.iterdir()) == [path]


def test_two_keystores_of_one_key_differ() -> None:
    first, second = (json.loads(keystore.encrypt(SECRET, "open", cost=CHEAP)) for _ in "12")
    assert first["crypto"]["ciphertext"] != second["crypto"]["ciphertext"]
    assert first["crypto"]["kdfparams"]["salt"] != second["crypto"]["kdfparams"]["salt"]


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("version", 1, "version 1 is not 3"),
        ("crypto.cipher", "aes-256-gcm", "cipher 'aes-256-gcm'"),
        ("crypto.kdf", "argon2id", "'argon2id' is unknown"),
        ("crypto.kdfparams.n", 1 << 30, "takes"),
        ("crypto.kdfparams.dklen", 16, "a derived key of 16 bytes"),
        ("crypto.ciphertext", "zz", "not a keystore"),
        ("crypto.mac", None, "not a keystore"),
        ("crypto", 5, "not a keystore"),
    ],
)
def test_what_is_no_keystore_says_why(path: str, value: object, reason: str) -> None:
    told = json.loads(keystore.encrypt(SECRET, "open", cost=CHEAP))
    place, *names = told, *path.split(".")
    for name in names[:-1]:
        place = place[name]
    place[names[-1]] = value
    with pytest.raises(keystore.NotAKeystore, match=reason):
        keystore.decrypt(json.dumps(told), "open")
    with pytest.raises(keystore.NotAKeystore):
        keystore.decrypt("{", "open")
