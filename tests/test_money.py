"""Money: exact in, exact out, refused where a digit would be lost."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.money import InexactAmount, parse, price, quantity, rescale, show

UNITS = st.integers(-(10**40), 10**40)
DECIMALS = st.integers(0, 18)


@pytest.mark.parametrize(
    ("text", "decimals", "units"),
    [
        ("1", 8, 100_000_000),
        ("0.00000001", 8, 1),
        ("-0.5", 8, -50_000_000),
        ("1.50", 1, 15),
        ("1e-8", 8, 1),
        ("2E3", 0, 2000),
        ("0", 8, 0),
        ("-0", 8, 0),
        ("0.1", 18, 10**17),
        ("123456789012345678901234567890.12345678", 8, 12345678901234567890123456789012345678),
    ],
)
def test_a_decimal_text_is_so_many_units(text: str, decimals: int, units: int) -> None:
    assert parse(text, decimals) == units


@pytest.mark.parametrize(
    ("text", "decimals"),
    [
        ("0.000000001", 8),
        ("1.55", 1),
        ("1e-9", 8),
        ("0.5", 0),
        ("", 8),
        ("one", 8),
        ("1,000", 8),
        ("NaN", 8),
        ("Infinity", 8),
        ("9e999990", 8),
        ("1" * 61, 8),
    ],
)
def test_what_does_not_fit_is_refused_never_cut(text: str, decimals: int) -> None:
    with pytest.raises(InexactAmount):
        parse(text, decimals)


def test_a_quantity_has_eight_decimals_a_price_twelve_and_no_price_is_zero() -> None:
    assert quantity("1.5") == 150_000_000
    assert price("0.00141") == 1_410_000_000
    assert price("") == 0


@given(UNITS, DECIMALS)
def test_what_is_shown_is_read_back_to_the_unit(units: int, decimals: int) -> None:
    assert parse(show(units, decimals), decimals) == units


@given(UNITS, DECIMALS)
def test_what_is_shown_is_the_amount_without_exponent_or_trailing_zeros(
    units: int, decimals: int
) -> None:
    text = show(units, decimals)
    assert Decimal(text) == Decimal(f"{units}e-{decimals}")
    assert "E" not in text
    assert "." not in text or text[-1] not in "0."


@given(UNITS, DECIMALS, DECIMALS)
def test_rescaling_keeps_the_amount_or_refuses(units: int, one: int, other: int) -> None:
    """Up is always exact; down is exact, or `InexactAmount` where a digit would be lost."""
    fits = other >= one or units % 10 ** (one - other) == 0
    if fits:
        assert rescale(rescale(units, one, other), other, one) == units
        assert Decimal(f"{rescale(units, one, other)}e-{other}") == Decimal(f"{units}e-{one}")
    else:
        with pytest.raises(InexactAmount):
            rescale(units, one, other)
