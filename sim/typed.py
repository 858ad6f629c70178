"""Signed bytes as a node reads them: EIP-1559 transactions, strictly, and who signed them.

Written apart from the signer, which it judges: no line is shared.
"""

from dataclasses import dataclass
from typing import TypeAlias

ORDER_HALF = 0x7FFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFF_5D576E73_57A4501D_DFE92F46_681B20A0

Rlp: TypeAlias = "bytes | list[Rlp]"


class BadTransaction(ValueError):
    """A node does not take these bytes; the text is what geth would say."""


@dataclass(slots=True, frozen=True)
class Transaction:
    """A transaction as the chain has it. Outsiders' ones have no bytes: the world made them."""

    hash: str
    sender: str
    nonce: int
    to: str
    value: int
    data: bytes
    gas: int
    fee_max: int
    tip_max: int
    chain_id: int
    signature: tuple[int, int, int] = (0, 0, 0)


def keccak256(data: bytes) -> bytes:
    """Ethereum's hash."""
    from Crypto.Hash import keccak

    return keccak.new(digest_bits=256, data=data).digest()


def read_transaction(raw: bytes, chain_id: int) -> Transaction:
    """The transaction in these bytes; `BadTransaction` if there is none."""
    if not raw or raw[0] != 2:
        raise BadTransaction("transaction type not supported")
    fields, end = _item(raw, 1)
    if end != len(raw) or not isinstance(fields, list) or len(fields) != 12:
        raise BadTransaction("rlp: input list has wrong size for types.DynamicFeeTx")
    chain, nonce, tip, cap, gas = (_number(part) for part in fields[:5])
    to, value, data, access = _text(fields[5]), _number(fields[6]), _text(fields[7]), fields[8]
    parity, r, s = (_number(part) for part in fields[9:])
    if chain != chain_id:
        raise BadTransaction(f"invalid chain id for signer: have {chain} want {chain_id}")
    if len(to) != 20 or access != []:
        raise BadTransaction("rlp: only calls without an access list are simulated")
    sender = _recovered(raw, fields, parity, r, s)
    return Transaction(
        hash="0x" + keccak256(raw).hex(),
        sender=sender,
        nonce=nonce,
        to="0x" + to.hex(),
        value=value,
        data=data,
        gas=gas,
        fee_max=cap,
        tip_max=tip,
        chain_id=chain,
        signature=(parity, r, s),
    )


def _recovered(raw: bytes, fields: "list[Rlp]", parity: int, r: int, s: int) -> str:
    """The address of whoever signed: what is not signed at all is somebody else's, or nobody's."""
    from coincurve import PublicKey

    if parity > 1 or not 0 < s <= ORDER_HALF or r <= 0 or r >> 256:
        raise BadTransaction("invalid transaction v, r, s values")
    # What was signed are the bytes of the first nine fields, in a list of their own.
    start = _list_start(raw, 1)
    end = start
    for _ in fields[:9]:
        end = _item(raw, end)[1]
    unsigned = b"\x02" + _list_head(end - start) + raw[start:end]
    signature = r.to_bytes(32) + s.to_bytes(32) + bytes([parity])
    try:
        public = PublicKey.from_signature_and_message(signature, keccak256(unsigned), hasher=None)
    except Exception as error:  # coincurve raises plain ones
        raise BadTransaction("invalid sender") from error
    return "0x" + keccak256(public.format(compressed=False)[1:])[12:].hex()


def _item(raw: bytes, at: int) -> "tuple[Rlp, int]":
    """The item that begins there, and where it ends."""
    if at >= len(raw):
        raise BadTransaction("rlp: value size exceeds available input length")
    head = raw[at]
    if head < 0x80:
        return raw[at : at + 1], at + 1
    base = 0x80 if head < 0xC0 else 0xC0
    start, size = _span(raw, at, head - base)
    if start + size > len(raw):
        raise BadTransaction("rlp: value size exceeds available input length")
    if base == 0x80:
        text = raw[start : start + size]
        if size == 1 and text[0] < 0x80:
            raise BadTransaction("rlp: non-canonical size information")
        return text, start + size
    items: list[Rlp] = []
    place = start
    while place < start + size:
        item, place = _item(raw, place)
        items.append(item)
    if place != start + size:
        raise BadTransaction("rlp: element is larger than containing list")
    return items, place


def _span(raw: bytes, at: int, told: int) -> tuple[int, int]:
    """Where the content begins, and its size."""
    if told < 56:
        return at + 1, told
    width = told - 55
    size = int.from_bytes(raw[at + 1 : at + 1 + width])
    if size < 56 or not raw[at + 1 : at + 2].strip(b"\0"):
        raise BadTransaction("rlp: non-canonical size information")
    return at + 1 + width, size


def _list_start(raw: bytes, at: int) -> int:
    return _span(raw, at, raw[at] - 0xC0)[0]


def _list_head(size: int) -> bytes:
    if size < 56:
        return bytes([0xC0 + size])
    width = (size.bit_length() + 7) // 8
    return bytes([0xF7 + width]) + size.to_bytes(width)


def _text(item: "Rlp") -> bytes:
    if not isinstance(item, bytes):
        raise BadTransaction("rlp: expected input string or byte")
    return item


def _number(item: "Rlp") -> int:
    text = _text(item)
    if text[:1] == b"\0" or len(text) > 32:
        raise BadTransaction("rlp: non-canonical integer (leading zero bytes)")
    return int.from_bytes(text)
