"""Beneficiaries at the door: what core checks, and the capitals of an EVM address."""

from Crypto.Hash import keccak

from core import beneficiaries
from core.rail_events import BeneficiaryKind


def fault(kind: BeneficiaryKind, text: str) -> str:
    """Why `text` cannot be a beneficiary of this kind; "" if it can."""
    return beneficiaries.fault(kind, text) or (checksum_fault(text) if kind == "evm" else "")


def checksum_fault(address: str) -> str:
    """What is wrong with the capitals of an EVM address; all small or all large say nothing."""
    digits = address[2:]
    if digits in (digits.lower(), digits.upper()) or address == checksummed(address):
        return ""
    return "the capitals of the address do not fit it (EIP-55)"


def checksummed(address: str) -> str:
    """The address with the capitals that EIP-55 gives it: a letter is large where the digit of the
    hash in its place is above seven."""
    digits = address[2:].lower()
    hashed = keccak.new(digest_bits=256, data=digits.encode()).hexdigest()
    return "0x" + "".join(
        digit.upper() if int(of_hash, 16) > 7 else digit
        for digit, of_hash in zip(digits, hashed, strict=False)
    )
