"""Signed bytes as a Bitcoin node reads them: P2WPKH spends, strictly, and whether they are signed.

Written apart from the signer, which it judges: no line is shared.
"""

import hashlib
from dataclasses import dataclass

Outpoint = tuple[str, int]


class BadSpend(ValueError):
    """A node does not take these bytes: Bitcoin Core's error code, and its words."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.code = code


@dataclass(slots=True, frozen=True)
class Spend:
    """A transaction: what it spends, what it pays to which scripts, and its virtual size."""

    txid: str
    inputs: tuple[Outpoint, ...]
    outputs: tuple[tuple[int, bytes], ...]
    vsize: int
    raw: bytes = b""
    sequences: tuple[int, ...] = ()
    witnesses: tuple[tuple[bytes, ...], ...] = ()
    version: int = 2
    locktime: int = 0

    @property
    def paid(self) -> int:
        """All that it pays."""
        return sum(value for value, _ in self.outputs)


class _Reader:
    """The bytes, and how far they are read."""

    def __init__(self, raw: bytes) -> None:
        self.raw, self.at = raw, 0

    def take(self, size: int) -> bytes:
        if self.at + size > len(self.raw):
            raise BadSpend(-22, DECODE_FAILED)
        self.at += size
        return self.raw[self.at - size : self.at]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "little")

    def count(self) -> int:
        first = self.number(1)
        return first if first < 0xFD else self.number({0xFD: 2, 0xFE: 4, 0xFF: 8}[first])

    def text(self) -> bytes:
        return self.take(self.count())


DECODE_FAILED = "TX decode failed. Make sure the tx has at least one input."


def read_spend(raw: bytes) -> Spend:
    """The transaction in these bytes, unsigned or not."""
    reader = _Reader(raw)
    version = reader.number(4)
    if reader.take(2) != b"\0\1":
        raise BadSpend(-22, DECODE_FAILED)
    inputs, sequences = [], []
    for _ in range(reader.count()):
        txid = reader.take(32)[::-1].hex()
        inputs.append((txid, reader.number(4)))
        if reader.text():
            raise BadSpend(-26, "scriptsig-not-empty")
        sequences.append(reader.number(4))
    outputs = tuple((reader.number(8), reader.text()) for _ in range(reader.count()))
    body_ends = reader.at
    witnesses = tuple(tuple(reader.text() for _ in range(reader.count())) for _ in inputs)
    witness_ends = reader.at
    locktime = reader.number(4)
    if reader.at != len(raw) or not inputs or not outputs:
        raise BadSpend(-22, DECODE_FAILED)
    stripped = raw[:4] + raw[6:body_ends] + raw[witness_ends:]
    return Spend(
        txid=twice(stripped)[::-1].hex(),
        inputs=tuple(inputs),
        outputs=outputs,
        vsize=-(-(3 * len(stripped) + len(raw)) // 4),
        raw=raw,
        sequences=tuple(sequences),
        witnesses=witnesses,
        version=version,
        locktime=locktime,
    )


def check_signed(spend: Spend, spent: list[tuple[int, bytes]]) -> None:
    """Every input is signed by the key that its spent output names, over value and outputs."""
    for index, (value, script) in enumerate(spent):
        if len(script) != 22 or script[:2] != b"\0\x14":
            raise BadSpend(-26, f"{SCRIPT} (only P2WPKH outputs are simulated)")
        witness = spend.witnesses[index]
        if len(witness) != 2 or _hash160(witness[1]) != script[2:]:
            raise BadSpend(-26, f"{SCRIPT} (Witness program hash mismatch)")
        signature, key = witness
        digest = _digest(spend, index, value, script[2:])
        if signature[-1:] != b"\1" or not _verifies(key, signature[:-1], digest):
            raise BadSpend(
                -26, f"{SCRIPT} (Signature must be zero for failed CHECK(MULTI)SIG operation)"
            )


SCRIPT = "mempool-script-verify-flag-failed"


def _digest(spend: Spend, index: int, value: int, program: bytes) -> bytes:
    """BIP 143, for SIGHASH_ALL."""
    points = [_point(outpoint) for outpoint in spend.inputs]
    sequences = [number.to_bytes(4, "little") for number in spend.sequences]
    outputs = [
        value_out.to_bytes(8, "little") + _counted(script) for value_out, script in spend.outputs
    ]
    return twice(
        spend.version.to_bytes(4, "little")
        + twice(b"".join(points))
        + twice(b"".join(sequences))
        + points[index]
        + b"\x19\x76\xa9\x14"
        + program
        + b"\x88\xac"
        + value.to_bytes(8, "little")
        + sequences[index]
        + twice(b"".join(outputs))
        + spend.locktime.to_bytes(4, "little")
        + b"\1\0\0\0"
    )


def _verifies(key: bytes, signature: bytes, digest: bytes) -> bool:
    from coincurve import PublicKey

    try:
        return PublicKey(key).verify(signature, digest, hasher=None)
    except ValueError:
        return False


def _point(outpoint: Outpoint) -> bytes:
    return bytes.fromhex(outpoint[0])[::-1] + outpoint[1].to_bytes(4, "little")


def _counted(script: bytes) -> bytes:
    assert len(script) < 0xFD, "no standard output has a script as long"
    return bytes([len(script)]) + script


def _hash160(data: bytes) -> bytes:
    from Crypto.Hash import RIPEMD160

    return RIPEMD160.new(hashlib.sha256(data).digest()).digest()


def twice(data: bytes) -> bytes:
    """Bitcoin's hash."""
    return hashlib.sha256(hashlib.sha256(data).digest()).digest()
