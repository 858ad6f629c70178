"""How beneficiaries are written, per kind of scheme, and what is wrong with one that is not so.

Every check answers with "" or with the reason. What passes may still belong to nobody: a check
digit finds slips of the pen, not closed accounts.

Rule. One beneficiary has one spelling (no spaces, capitals where the standard has them), so that
two texts are the same account only if they are equal.

The checksum in the capitals of an EVM address needs a hash that the standard library lacks:
`rails.beneficiaries` adds it at the door.
"""

import re
from hashlib import sha256
from typing import assert_never

from core.rail_events import BeneficiaryKind

# The countries of SEPA and the length of their IBANs (ISO 13616 registry).
IBAN_LENGTHS = {
    each[:2]: int(each[2:])
    for each in (
        "AD24 AL28 AT20 BE16 BG22 CH21 CY28 CZ24 DE22 DK18 EE20 ES24 FI18 FR27 GB22 GI23 GR27 HR21 "
        "HU28 IE22 IS26 IT27 LI21 LT20 LU20 LV21 MC27 MD24 ME22 MK19 MT31 NL18 NO15 PL28 PT25 RO24 "
        "RS22 SE24 SI19 SK24 SM27 VA22"
    ).split()
}
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]+", re.ASCII)
_BIC = re.compile(r"[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?", re.ASCII)
_EVM = re.compile(r"0x[0-9a-fA-F]{40}", re.ASCII)
_NUMBER = {"routing": r"[A-Za-z0-9-]{1,17}", "bic": r"[A-Za-z0-9]{1,34}"}
_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_GENERATORS = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_BECH32_ENDS, _BECH32M_ENDS = 1, 0x2BC830A3
DUST_RATE = 3
_SPENT_BY_WITNESS, _SPENT_OTHERWISE = 67, 148


def fault(kind: BeneficiaryKind, text: str) -> str:
    """Why `text` cannot be a beneficiary of this kind; "" if it can."""
    match kind:
        case "":
            return "" if text else "no beneficiary"
        case "iban":
            return iban(text)
        case "routing":
            return routing(text)
        case "sort_code":
            return sort_code(text)
        case "bic":
            return bic(text)
        case "evm":
            return evm(text)
        case "bitcoin":
            return bitcoin(text)
    assert_never(kind)


# --- banks ---------------------------------------------------------------------------------------


def iban(text: str) -> str:
    """An IBAN of a SEPA country: its length, and ISO 7064 MOD 97-10."""
    if not _IBAN.fullmatch(text):
        return "an IBAN is a country, two digits, then capitals and digits without spaces"
    length = IBAN_LENGTHS.get(text[:2])
    if length is None:
        return f"{text[:2]} is no country of SEPA"
    if len(text) != length:
        return f"an IBAN of {text[:2]} has {length} characters, not {len(text)}"
    # 00, 01 and 99 leave the same remainder as 97, 98 and 02, which alone are ever given out.
    digits = "".join(str(int(letter, 36)) for letter in text[4:] + text[:4])
    if int(digits) % 97 != 1 or not 2 <= int(text[2:4]) <= 98:
        return f"the check digits {text[2:4]} do not fit the rest of the IBAN"
    return ""


def routing(text: str) -> str:
    """ "routing/account" of a bank in the United States: ABA routing number, account number."""
    number, _, account = text.partition("/")
    if reason := aba(number):
        return reason
    if not re.fullmatch(_NUMBER["routing"], account, re.ASCII):
        return (
            "after the routing number and a slash, an account number of 1 to 17 letters or digits"
        )
    return ""


def aba(number: str) -> str:
    """An ABA routing number: nine digits, a prefix that was given out, weights 3, 7 and 1."""
    if not (len(number) == 9 and number.isascii() and number.isdigit()):
        return "a routing number has nine digits"
    prefix = int(number[:2])
    if not (prefix <= 12 or 21 <= prefix <= 32 or 61 <= prefix <= 72 or prefix == 80):
        return f"no routing number begins with {number[:2]}"
    weights = (3, 7, 1) * 3
    total = sum(weight * int(digit) for weight, digit in zip(weights, number, strict=True))
    if total % 10 or number == "000000000":
        return f"the check digit {number[8]} does not fit the rest of the routing number"
    return ""


def sort_code(text: str) -> str:
    """ "sort code/account" of a bank in the United Kingdom: shape only, for its check digits are of
    many kinds, by a table that its scheme sells."""
    if not re.fullmatch(r"[0-9]{6}/[0-9]{8}", text, re.ASCII):
        return "a sort code of six digits, a slash and an account number of eight"
    return ""


def bic(text: str) -> str:
    """ "BIC/account"; an account that reads as an IBAN must be one."""
    code, _, account = text.partition("/")
    if not _BIC.fullmatch(code):
        return "a BIC has eight or eleven capitals and digits"
    if not re.fullmatch(_NUMBER["bic"], account, re.ASCII):
        return "after the BIC and a slash, an account number of 1 to 34 letters or digits"
    reads_as_iban = account[:2] in IBAN_LENGTHS and account[2:4].isdigit()
    return iban(account) if reads_as_iban else ""


# --- chains --------------------------------------------------------------------------------------


def evm(text: str) -> str:
    """An address of an EVM chain: shape only (see above)."""
    if not _EVM.fullmatch(text):
        return "an address is 0x and forty hexadecimal digits"
    if int(text, 16) == 0:
        return "nobody has the key of the zero address"
    return ""


def bitcoin(text: str) -> str:
    """An address of Bitcoin's main network: segwit (BIP 173, BIP 350), or base58 with its check."""
    if text[:1] in ("1", "3"):
        return _base58(text)
    if text.lower().startswith(("tb1", "bcrt1")) or text[:1] in ("m", "n", "2"):
        return "an address of a test network"
    if not text.startswith("bc1"):
        return "an address begins with bc1, 1 or 3, in lower case if with bc1"
    return _segwit(text)


def dust(address: str) -> int:
    """The least that may be paid to a sound address: what its output costs to make and to spend, at
    three satoshis a byte, the rate below which nodes pass nothing on."""
    if address[:1] == "1":
        return DUST_RATE * (8 + 1 + 25 + _SPENT_OTHERWISE)
    if address[:1] == "3":
        return DUST_RATE * (8 + 1 + 23 + _SPENT_OTHERWISE)
    program = _bytes_of([_BECH32.index(letter) for letter in address[4:-6]])
    return DUST_RATE * (8 + 1 + 2 + len(program) + _SPENT_BY_WITNESS)


def _segwit(text: str) -> str:
    if len(text) > 90 or any(letter not in _BECH32 for letter in text[3:]):
        return "after bc1 at most 87 letters and digits, without 1, b, i and o, in lower case"
    values = [_BECH32.index(letter) for letter in text[3:]]
    if len(values) < 7:
        return "the address is cut short"
    version = values[0]
    if _polymod(values) != (_BECH32M_ENDS if version else _BECH32_ENDS):
        return "the last six letters do not fit the rest of the address"
    program = _bytes_of(values[1:-6])
    fitting = (20, 32) if version == 0 else range(2, 41)
    if version > 16 or len(program) not in fitting:
        return "no such witness program"
    return ""


def _polymod(values: list[int]) -> int:
    """The checksum of BIP 173 over "bc" and the values."""
    check = 1
    for value in [3, 3, 0, 2, 3, *values]:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(_GENERATORS):
            check ^= generator if top >> bit & 1 else 0
    return check


def _bytes_of(values: list[int]) -> bytes:
    """Groups of five bits as bytes; nothing where the rest is more than padding with zeros."""
    whole = 0
    for value in values:
        whole = whole << 5 | value
    length, spare = divmod(5 * len(values), 8)
    if spare > 4 or whole & (1 << spare) - 1:
        return b""
    return (whole >> spare).to_bytes(length, "big")


def _base58(text: str) -> str:
    if len(text) > 35 or any(letter not in _BASE58 for letter in text):
        return "at most 35 letters and digits, without 0, O, I and l"
    whole = 0
    for letter in text:
        whole = whole * 58 + _BASE58.index(letter)
    if whole >= 1 << 200:
        return "the address is too long"
    told = whole.to_bytes(25, "big")
    if sha256(sha256(told[:21]).digest()).digest()[:4] != told[21:]:
        return "the check does not fit the rest of the address"
    zeros = len(told) - len(told.lstrip(b"\0"))
    ones = len(text) - len(text.lstrip("1"))
    if told[0] not in (0, 5) or zeros != ones:
        return "neither an address of a key nor one of a script"
    return ""
