"""The signer of Bitcoin: P2WPKH spends (BIP 143), from one key for each account.

Rule 1. An outpoint is named "txid:vout:value", for the value is part of what is signed; the value
of the spent outputs less amount and change is the fee, and never above the effect's `fee_max`.
Rule 2. The first output pays the beneficiary, the second, if there is change, pays ourselves: the
change is the outpoint "txid:1:change" of the new transaction.
Rule 3. No output is dust, and the fee is what the effect's rate asks of the size; it may be more by
an output that would be dust, where there is no change.
Rule 4. Every input says that it may be replaced (BIP 125).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from core.rail_effects import SignTransaction
from core.rail_events import SigningRefused, TransactionSigned
from core.signing import refused
from rails.bitcoin.address import BadAddress, p2wpkh_address, script_of
from rails.bitcoin.sizes import OWN, RELAY, dust, vsize
from rails.bitcoin.wallet import Wallet
from rails.keys import PrivateKey, hash160, sha256_twice

SIGHASH_ALL = 1
REPLACEABLE = 0xFFFFFFFD


@dataclass(slots=True, frozen=True)
class Input:
    """An outpoint as it is spent; `txid` in the order of bytes that people read."""

    txid: str
    vout: int
    value: int
    sequence: int = REPLACEABLE

    def outpoint(self) -> bytes:
        return bytes.fromhex(self.txid)[::-1] + self.vout.to_bytes(4, "little")


@dataclass(slots=True, frozen=True)
class Unsigned:
    """A transaction before it is signed: inputs, and outputs as (value, script)."""

    inputs: tuple[Input, ...]
    outputs: tuple[tuple[int, bytes], ...]
    version: int = 2
    locktime: int = 0


@dataclass(slots=True, frozen=True)
class BitcoinSigner:
    """Signs for the accounts whose wallets and keys it was given."""

    wallets: Mapping[str, Wallet]
    keys: Mapping[str, PrivateKey] = field(repr=False)
    prefix: str = "bc"

    def sign(self, effect: SignTransaction, now: int) -> TransactionSigned | SigningRefused:
        """The signed transaction, or the reason why there is none."""
        wallet, key = self.wallets.get(effect.account), self.keys.get(effect.account)
        if wallet is None or key is None:
            return refused(effect, now, f"no key for {effect.account!r}")
        try:
            unsigned = self._unsigned(effect, wallet, key)
        except (BadAddress, Objection) as error:
            return refused(effect, now, str(error))
        raw = signed(unsigned, key)
        return TransactionSigned(
            received_at=now,
            account=effect.account,
            payment_id=effect.payment_id,
            attempt=effect.attempt,
            nonce=effect.nonce,
            tx_hash=sha256_twice(stripped(unsigned))[::-1].hex(),
            raw=raw.hex(),
            fee_max=effect.fee_max,
            tip_max=effect.tip_max,
            spends=effect.spends,
            rate=effect.rate,
        )

    def _unsigned(self, effect: SignTransaction, wallet: Wallet, key: PrivateKey) -> Unsigned:
        """What the effect says, as a transaction; `Objection` if it must not be signed."""
        if p2wpkh_address(key.public(compressed=True), self.prefix) != wallet.address:
            raise Objection(f"the key of {effect.account!r} is not that of {wallet.address}")
        if effect.asset != wallet.coin:
            raise Objection(f"{effect.asset!r} is not an asset of this wallet")
        inputs = tuple(_input(text) for text in effect.spends)
        if not inputs or len({i.outpoint() for i in inputs}) != len(inputs):
            raise Objection("each transaction spends outpoints, and each of them once")
        outputs = [(effect.amount, script_of(effect.beneficiary, self.prefix))]
        if effect.change:
            outputs.append((effect.change, script_of(wallet.address, self.prefix)))
        for paid, script in outputs:
            if paid < dust(script):
                raise Objection(f"nobody relays {paid} there, below {dust(script)}")
        _check_fee(effect, inputs, outputs)
        return Unsigned(inputs, tuple(outputs))


def _check_fee(
    effect: SignTransaction, inputs: tuple[Input, ...], outputs: list[tuple[int, bytes]]
) -> None:
    """Rule 3: neither too little for a node, nor more than was asked for."""
    fee = sum(i.value for i in inputs) - sum(paid for paid, _ in outputs)
    scripts = [len(script) for _, script in outputs]
    least = max(effect.rate, RELAY) * vsize(len(inputs), scripts)
    if not least <= fee <= effect.fee_max:
        raise Objection(f"a fee of {fee} is not within {least} and {effect.fee_max}")
    own = bytes([0, OWN - 2]) + bytes(OWN - 2)
    most = effect.rate * vsize(len(inputs), [*scripts, OWN]) + dust(own)
    if effect.rate and fee > (least if effect.change else most):
        raise Objection(f"a fee of {fee} is more than {effect.rate} for each virtual byte")


class Objection(ValueError):
    """Why a transaction must not be signed."""


def _input(text: str) -> Input:
    txid, vout, value = [*text.split(":"), "", ""][:3]
    hexadecimal = len(txid) == 64 and all(c in "0123456789abcdef" for c in txid)
    if not hexadecimal or text.count(":") != 2 or not (vout + value).isdecimal():
        raise Objection(f"{text!r} is not an outpoint as txid:vout:value")
    return Input(txid, int(vout), int(value))


def signed(unsigned: Unsigned, key: PrivateKey) -> bytes:
    """The transaction with its witnesses, every input spent by the key."""
    public = key.public(compressed=True)
    code = b"\x76\xa9\x14" + hash160(public) + b"\x88\xac"
    witnesses = b""
    for index in range(len(unsigned.inputs)):
        signature = key.sign_der(sighash(unsigned, index, code)) + bytes([SIGHASH_ALL])
        witnesses += b"\x02" + _sized(signature) + _sized(public)
    whole = stripped(unsigned)
    return whole[:4] + b"\x00\x01" + whole[4:-4] + witnesses + whole[-4:]


def sighash(unsigned: Unsigned, index: int, code: bytes) -> bytes:
    """What an input's signature signs (BIP 143, SIGHASH_ALL)."""
    spent = unsigned.inputs[index]
    parts = [
        unsigned.version.to_bytes(4, "little"),
        sha256_twice(b"".join(i.outpoint() for i in unsigned.inputs)),
        sha256_twice(b"".join(i.sequence.to_bytes(4, "little") for i in unsigned.inputs)),
        spent.outpoint(),
        _sized(code),
        spent.value.to_bytes(8, "little"),
        spent.sequence.to_bytes(4, "little"),
        sha256_twice(b"".join(_output(value, script) for value, script in unsigned.outputs)),
        unsigned.locktime.to_bytes(4, "little"),
        SIGHASH_ALL.to_bytes(4, "little"),
    ]
    return sha256_twice(b"".join(parts))


def stripped(unsigned: Unsigned) -> bytes:
    """The transaction without witnesses, whose hash is the txid."""
    inputs = [i.outpoint() + b"\0" + i.sequence.to_bytes(4, "little") for i in unsigned.inputs]
    outputs = [_output(value, script) for value, script in unsigned.outputs]
    return b"".join(
        [
            unsigned.version.to_bytes(4, "little"),
            _count(len(inputs)),
            *inputs,
            _count(len(outputs)),
            *outputs,
            unsigned.locktime.to_bytes(4, "little"),
        ]
    )


def _output(value: int, script: bytes) -> bytes:
    return value.to_bytes(8, "little") + _sized(script)


def _sized(data: bytes) -> bytes:
    return _count(len(data)) + data


def _count(number: int) -> bytes:
    if number < 0xFD:
        return bytes([number])
    return b"\xfd" + number.to_bytes(2, "little")
