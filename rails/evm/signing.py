"""The signer of an EVM chain: EIP-1559 transactions, from one key for each account.

Rule 1. What is signed is exactly what the effect says: coin to the beneficiary, or a token's
`transfer`, or nothing to ourselves where it cancels; an asset, an address or a cap that does not
fit is refused with the reason.
Rule 2. The gas limit is part of the bytes: a payment whose beneficiary needs more than `GAS_COIN`
is mined and reverts, and costs its fee.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from core.rail_effects import SignTransaction
from core.rail_events import SigningRefused, TransactionSigned
from core.signing import refused
from rails.evm.wallet import Wallet
from rails.keys import PrivateKey, keccak256

GAS_COIN = 21_000
GAS_TOKEN = 90_000
TRANSFER = bytes.fromhex("a9059cbb")  # transfer(address,uint256)
WORD = 1 << 256

Item = bytes | int | list["Item"]


@dataclass(slots=True, frozen=True)
class EvmSigner:
    """Signs for the accounts whose wallets and keys it was given."""

    wallets: Mapping[str, Wallet]
    keys: Mapping[str, PrivateKey] = field(repr=False)

    def sign(self, effect: SignTransaction, now: int) -> TransactionSigned | SigningRefused:
        """The signed transaction, or the reason why there is none."""
        wallet, key = self.wallets.get(effect.account), self.keys.get(effect.account)
        if wallet is None or key is None:
            return refused(effect, now, f"no key for {effect.account!r}")
        reason = objection(effect, wallet, key)
        if reason:
            return refused(effect, now, reason)
        raw = signed(_fields(effect, wallet), key)
        return TransactionSigned(
            received_at=now,
            account=effect.account,
            payment_id=effect.payment_id,
            attempt=effect.attempt,
            nonce=effect.nonce,
            tx_hash="0x" + keccak256(raw).hex(),
            raw="0x" + raw.hex(),
            fee_max=effect.fee_max,
            tip_max=effect.tip_max,
        )


def objection(effect: SignTransaction, wallet: Wallet, key: PrivateKey) -> str:
    """Why this must not be signed; "" if nothing speaks against it."""
    if address_of(key) != wallet.address.lower():
        return f"the key of {effect.account!r} is not that of {wallet.address}"
    if effect.asset != wallet.coin and effect.asset not in wallet.tokens:
        return f"{effect.asset!r} is not an asset of this wallet"
    if effect.cancels and (effect.amount or effect.beneficiary):
        return "what cancels pays nothing, and nobody but ourselves"
    if not effect.cancels and not 0 < effect.amount < WORD:
        return f"an amount of {effect.amount} cannot be sent"
    if not effect.cancels and not is_address(effect.beneficiary):
        return f"{effect.beneficiary!r} is no address, or its checksum is wrong"
    if not 0 <= effect.tip_max <= effect.fee_max < WORD:
        return f"a tip of {effect.tip_max} does not fit a cap of {effect.fee_max}"
    if effect.nonce < 0 or effect.spends or effect.change:
        return "an account's transaction has a nonce, and neither outpoints nor change"
    return ""


def _fields(effect: SignTransaction, wallet: Wallet) -> list[Item]:
    to = bytes.fromhex((wallet.address if effect.cancels else effect.beneficiary)[2:])
    gas, value, data = GAS_COIN, effect.amount, b""
    if not effect.cancels and effect.asset != wallet.coin:
        data = TRANSFER + to.rjust(32, b"\0") + effect.amount.to_bytes(32)
        gas, value, to = GAS_TOKEN, 0, bytes.fromhex(wallet.tokens[effect.asset][2:])
    fees: list[Item] = [effect.tip_max, effect.fee_max]
    return [wallet.chain_id, effect.nonce, *fees, gas, to, value, data, []]


def signed(fields: list[Item], key: PrivateKey) -> bytes:
    """A typed transaction (EIP-2718) of type 2, whose nine fields are signed by the key."""
    parity, r, s = key.sign_recoverable(keccak256(b"\x02" + rlp(fields)))
    return b"\x02" + rlp([*fields, parity, r, s])


def rlp(item: Item) -> bytes:
    """Recursive length prefix: numbers without leading zeros, texts of bytes, lists of these."""
    if isinstance(item, list):
        body = b"".join(rlp(part) for part in item)
        return _prefix(len(body), 0xC0) + body
    text = item.to_bytes((item.bit_length() + 7) // 8) if isinstance(item, int) else item
    if len(text) == 1 and text[0] < 0x80:
        return text
    return _prefix(len(text), 0x80) + text


def _prefix(length: int, kind: int) -> bytes:
    if length < 56:
        return bytes([kind + length])
    size = length.to_bytes((length.bit_length() + 7) // 8)
    return bytes([kind + 55 + len(size)]) + size


def address_of(key: PrivateKey) -> str:
    """The account's address, in lower case."""
    return "0x" + keccak256(key.public(compressed=False)[1:])[12:].hex()


def checksummed(address: str) -> str:
    """The address in the mixed case of EIP-55."""
    low = address.lower()[2:]
    digits = keccak256(low.encode()).hex()
    cased = (c.upper() if int(digit, 16) > 7 else c for c, digit in zip(low, digits, strict=False))
    return "0x" + "".join(cased)


def is_address(text: str) -> bool:
    """Twenty bytes in hexadecimal; in mixed case the checksum of EIP-55 must hold."""
    plain = text[2:]
    if not text.startswith("0x") or len(plain) != 40 or not plain.isascii():
        return False
    if any(c not in "0123456789abcdefABCDEF" for c in plain):
        return False
    return plain in (plain.lower(), plain.upper()) or checksummed(text) == text
