"""Bitcoin addresses as the scripts that they stand for.

Segregated witness in Bech32 (BIP 173, version 0) and Bech32m (BIP 350, later versions), and the two
older kinds in Base58Check. A wrong checksum is a `BadAddress`, never a script.
"""

from rails.keys import hash160, sha256_twice

BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
CHECK = {0: 1}  # by version of the witness; CHECK_M for all others
CHECK_M = 0x2BC830A3
GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)


class BadAddress(ValueError):
    """The text is no address of this network."""


def script_of(address: str, prefix: str = "bc") -> bytes:
    """The script that an output to this address has."""
    if address.lower().startswith(prefix + "1"):
        return _witness_script(address, prefix)
    return _base58_script(address, prefix)


def p2wpkh_address(public: bytes, prefix: str = "bc") -> str:
    """The address of a compressed public key."""
    data = [0, *_regroup(hash160(public), 8, 5, pad=True)]
    check = _polymod([*_expanded(prefix), *data, 0, 0, 0, 0, 0, 0]) ^ CHECK[0]
    digits = [*data, *(check >> 5 * (5 - place) & 31 for place in range(6))]
    return prefix + "1" + "".join(BECH32[digit] for digit in digits)


def _witness_script(address: str, prefix: str) -> bytes:
    if address not in (address.lower(), address.upper()):
        raise BadAddress("upper and lower case are mixed")
    digits = [BECH32.find(c) for c in address.lower()[len(prefix) + 1 :]]
    if -1 in digits or len(digits) < 8 or len(address) > 90:
        raise BadAddress("not in Bech32")
    version = digits[0]
    if _polymod([*_expanded(prefix), *digits]) != CHECK.get(version, CHECK_M):
        raise BadAddress("the checksum is wrong")
    program = bytes(_regroup(digits[1:-6], 5, 8, pad=False))
    if (
        version > 16
        or not 2 <= len(program) <= 40
        or (not version and len(program) not in (20, 32))
    ):
        raise BadAddress("not a witness program")
    return bytes([0x50 + version if version else 0, len(program)]) + program


def _base58_script(address: str, prefix: str) -> bytes:
    number = 0
    for c in address:
        if c not in BASE58:
            raise BadAddress("neither Bech32 nor Base58")
        number = number * 58 + BASE58.index(c)
    if number >> 200 or not address:
        raise BadAddress("not 25 bytes")
    told = number.to_bytes(25)
    if sha256_twice(told[:21])[:4] != told[21:]:
        raise BadAddress("the checksum is wrong")
    kinds = (0x00, 0x05) if prefix == "bc" else (0x6F, 0xC4)
    if told[0] == kinds[0]:
        return b"\x76\xa9\x14" + told[1:21] + b"\x88\xac"
    if told[0] == kinds[1]:
        return b"\xa9\x14" + told[1:21] + b"\x87"
    raise BadAddress("of another network")


def _regroup(digits: "bytes | list[int]", bits: int, into: int, *, pad: bool) -> list[int]:
    """The same bits in digits of another size; what is left over must be zeros."""
    held, count, out = 0, 0, []
    for digit in digits:
        held, count = held << bits | digit, count + bits
        while count >= into:
            count -= into
            out.append(held >> count & ((1 << into) - 1))
    rest = held & ((1 << count) - 1)
    if pad:
        return [*out, rest << into - count] if count else out
    if count >= bits or rest:
        raise BadAddress("bits are left over")
    return out


def _expanded(prefix: str) -> list[int]:
    return [*(ord(c) >> 5 for c in prefix), 0, *(ord(c) & 31 for c in prefix)]


def _polymod(digits: list[int]) -> int:
    check = 1
    for digit in digits:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ digit
        for place in range(5):
            check ^= GENERATOR[place] if top >> place & 1 else 0
    return check
