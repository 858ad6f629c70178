"""Whom we may pay: published examples pass, every slip of the pen is found, and the reason told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import beneficiaries
from core.rail_events import BeneficiaryKind
from rails.beneficiaries import checksummed, fault

# Examples from the IBAN registry, the ABA, BIP 173, BIP 350 and EIP-55.
GOOD: list[tuple[BeneficiaryKind, str]] = [
    ("iban", "DE89370400440532013000"),
    ("iban", "GB29NWBK60161331926819"),
    ("iban", "FR1420041010050500013M02606"),
    ("iban", "NL91ABNA0417164300"),
    ("iban", "NO9386011117947"),
    ("iban", "MT84MALT011000012345MTLCAST001S"),
    ("iban", "CH9300762011623852957"),
    ("routing", "021000021/123456789"),
    ("routing", "011000015/1"),
    ("routing", "091000019/00-12A"),
    ("sort_code", "200000/55779911"),
    ("bic", "DEUTDEFF/DE89370400440532013000"),
    ("bic", "CHASUS33XXX/000123456789"),
    ("evm", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"),
    ("evm", "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"),
    ("evm", "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB"),
    ("evm", "0x5AAEB6053F3E94C9B9A09F33669435E7EF1BEAED"),
    ("evm", "0x52908400098527886E0F7030069857D2E4169EE7"),
    ("evm", "0xde709f2102306220921060314715629080e2fb77"),
    ("bitcoin", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"),
    ("bitcoin", "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0"),
    ("bitcoin", "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2"),
    ("bitcoin", "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy"),
    ("", "whoever"),
]

WRONG: list[tuple[BeneficiaryKind, str, str]] = [
    ("iban", "DE88370400440532013000", "check digits 88"),
    ("iban", "DE8937040044053201300", "22 characters, not 21"),
    ("iban", "DE89 3704 0044 0532 0130 00", "without spaces"),
    ("iban", "de89370400440532013000", "capitals"),
    ("iban", "DE8937040044053201300\u0663", "digits"),
    ("iban", "US64SVBKUS6S3300958879", "US is no country of SEPA"),
    ("iban", "DE99370400440000000024", "check digits 99"),
    ("iban", "", "country"),
    ("routing", "021000022/123456789", "check digit 2"),
    ("routing", "000000000/123456789", "check digit 0"),
    ("routing", "021000021", "account number"),
    ("routing", "021000021/123456789012345678", "1 to 17"),
    ("routing", "21000021/1", "nine digits"),
    ("routing", "130000005/1", "begins with 13"),
    ("sort_code", "20-00-00/55779911", "six digits"),
    ("sort_code", "200000/5577991", "eight"),
    ("bic", "DEUTDE/1", "BIC"),
    ("bic", "DEUTDEFF", "account number"),
    ("bic", "DEUTDEFF/DE88370400440532013000", "check digits 88"),
    ("evm", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD", "EIP-55"),
    ("evm", "5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "forty"),
    ("evm", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAe", "forty"),
    ("evm", "0x" + "0" * 40, "zero address"),
    ("bitcoin", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5", "last six letters"),
    ("bitcoin", "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4", "lower case"),
    ("bitcoin", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3tb", "without 1, b, i and o"),
    ("bitcoin", "bc1q", "cut short"),
    ("bitcoin", "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx", "test network"),
    ("bitcoin", "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn", "test network"),
    # BIP 350: bech32 where bech32m must be, the reverse, and programs that there are not.
    ("bitcoin", "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd", "last six"),
    ("bitcoin", "bc1p38j9r5y49hruaue7wxjce0updqjuyyx0kh56v8s25huc6995vvpql3jow4", "without 1"),
    ("bitcoin", "bc1pw5dgrnzv", "no such witness program"),
    ("bitcoin", "bc1qr508d6qejxtdg4y5r3zarvaryv98gj9p", "no such witness program"),
    ("bitcoin", "bc1zw508d6qejxtdg4y5r3zarvaryvqyzf3du", "last six letters"),
    ("bitcoin", "bc1gmk9yu", "cut short"),
    # Made for here: version 17, a group too many, a last bit that is no padding, version 6.
    ("bitcoin", "bc13zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz29kfv7", "no such witness program"),
    ("bitcoin", "bc1pzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzqsvssup", "no such witness program"),
    ("bitcoin", "bc1pzzzzzzzzzzzzzzzzzzzzzzzzzp45c79q", "no such witness program"),
    ("bitcoin", "3R2cuenjG5nFubqX9Wzuukdin2YfLYZyD1", "neither"),
    ("bitcoin", "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN3", "check does not fit"),
    ("bitcoin", "11BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", "neither"),
    ("bitcoin", "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVNl", "without 0"),
    ("bitcoin", "3" + "z" * 34, "too long"),
    ("bitcoin", "", "begins with"),
    ("", "", "no beneficiary"),
]


@pytest.mark.parametrize(("kind", "text"), GOOD)
def test_a_published_example_passes(kind: BeneficiaryKind, text: str) -> None:
    assert fault(kind, text) == ""
    assert beneficiaries.fault(kind, text) == ""


@pytest.mark.parametrize(("kind", "text", "reason"), WRONG)
def test_a_wrong_one_is_refused_with_the_reason(
    kind: BeneficiaryKind, text: str, reason: str
) -> None:
    assert reason in fault(kind, text)
    assert bool(beneficiaries.fault(kind, text)) == (reason != "EIP-55")


def test_core_does_not_see_the_checksum_of_an_evm_address() -> None:
    """A limitation: core knows the shape; whoever takes requests in asks `rails.beneficiaries`."""
    assert beneficiaries.fault("evm", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD") == ""


CHECKED = [each for each in GOOD if each[0] in ("iban", "bitcoin")]
ALPHABETS = {"iban": "0123456789", "bitcoin": "qpzry9x8gf2tvdw0s3jn54khce6mua7l"}


@given(st.sampled_from(CHECKED), st.data())
def test_no_single_slip_passes(good: tuple[BeneficiaryKind, str], data: st.DataObject) -> None:
    """One character written wrong, or two neighbours exchanged."""
    kind, text = good
    place = data.draw(st.integers(0, len(text) - 2))
    slip = data.draw(st.sampled_from(ALPHABETS[kind]))
    wrong = text[:place] + slip + text[place + 1 :]
    swapped = text[:place] + text[place + 1] + text[place] + text[place + 2 :]
    for each in (wrong, swapped):
        assert each == text or beneficiaries.fault(kind, each), each


@given(st.integers(0, 10**8 - 1), st.integers(0, 7), st.integers(1, 9))
def test_a_wrong_digit_of_a_routing_number_is_found(body: int, place: int, add: int) -> None:
    """Weights 3, 7 and 1 have no divisor in common with ten."""
    weighed = sum(w * int(d) for w, d in zip((3, 7, 1) * 3, f"{body:08}", strict=False))
    number = f"{body:08}{-weighed % 10}"
    wrong = number[:place] + str((int(number[place]) + add) % 10) + number[place + 1 :]
    assert beneficiaries.aba(wrong)


@given(st.binary(min_size=20, max_size=20), st.integers(2, 41))
def test_the_checksum_is_told_by_its_capitals_alone(body: bytes, place: int) -> None:
    """The right capitals pass; any one letter in the other case does not, unless it is alone."""
    address = checksummed("0x" + body.hex())
    assert address.lower() == "0x" + body.hex()
    assert fault("evm", address) == "" or not any(body)
    wrong = address[:place] + address[place].swapcase() + address[place + 1 :]
    uniform = wrong[2:] in (wrong[2:].lower(), wrong[2:].upper())
    assert wrong == address or uniform or "EIP-55" in fault("evm", wrong)


@given(st.sampled_from(["iban", "routing", "sort_code", "bic", "evm", "bitcoin"]), st.text())
def test_any_text_has_an_answer(kind: BeneficiaryKind, text: str) -> None:
    assert isinstance(fault(kind, text), str)
