"""Money as whole units of a named asset; prices and quantities as exact scaled integers.

No amount is ever a float, and nothing is rounded on the way in: a text that does not fit its scale
exactly is refused with `InexactAmount`, never cut.

- an *amount* counts units of an asset: `10 ** -decimals` of one, decimals as the asset declares
  (8 where nobody said otherwise, 18 at most);
- a *quantity* counts `10 ** -8` of a coin or of a contract, whichever the instrument trades in;
- a *price* counts `10 ** -12` of the quote asset per coin (linear) or per coin (inverse, in USD);
- a *value* counts what its telling says, `10 ** -8` where the telling does not name its asset.

An asset's decimals are those of whoever counts it most finely: ETH of a chain has 18, and so it has
in our books; USDC has 6 on a chain and 8 at a venue, and so 8. What is told more coarsely is exact
in finer units. Refused are: an instrument whose lots are finer than 1e-8 or ticks finer than 1e-12,
a quantity or price told more finely than these, and an amount or value finer than its asset.
"""

from decimal import Context, Decimal, DecimalException, Inexact

ASSET_DECIMALS = 8
ASSET_DECIMALS_MAX = 18
QUANTITY_DECIMALS = 8
PRICE_DECIMALS = 12
DIGITS_MAX = 40
QUANTITY_ONE = 10**QUANTITY_DECIMALS
PRICE_ONE = 10**PRICE_DECIMALS

# int ** int is typed as Any, for the exponent might be negative; a table is typed, and faster.
TEN_TO: tuple[int, ...] = tuple(int("1" + "0" * n) for n in range(80))

# No amount is near 1e200; the million digits of a text like 9e999999 would hold the node up.
_EXACT = Context(prec=60, Emax=200, traps=[Inexact])


class InexactAmount(ValueError):
    """The text is not a number, or has more decimals than its unit holds."""


def parse(text: str, decimals: int) -> int:
    """`text` (a decimal, exponent allowed) in units of `10 ** -decimals`, exactly."""
    # Nearly all that venues write is plain digits with a dot: three times as fast as a Decimal.
    whole, _, part = text.partition(".")
    digits, places = whole + part, decimals - len(part)
    if digits.isdecimal() and places >= 0 and len(text) < DIGITS_MAX:
        return int(digits) * TEN_TO[places]
    try:
        scaled = _EXACT.scaleb(_EXACT.create_decimal(text), decimals)
        units = int(scaled)
    except (DecimalException, ValueError, OverflowError) as error:
        raise InexactAmount(f"{text!r} is not a decimal number") from error
    if units != scaled:
        raise InexactAmount(f"{text!r} has more than {decimals} decimals")
    return units


def quantity(text: str) -> int:
    """A quantity of coins or contracts."""
    return parse(text, QUANTITY_DECIMALS)


def price(text: str) -> int:
    """A price; venues write an empty text or 0 where there is none."""
    return parse(text, PRICE_DECIMALS) if text else 0


def show(units: int, decimals: int) -> str:
    """The decimal text of `units`, without an exponent and without trailing zeros."""
    text = format(_EXACT.scaleb(Decimal(units), -decimals), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def rescale(units: int, decimals_from: int, decimals_to: int) -> int:
    """The same amount at another scale; refuses to lose a digit."""
    if decimals_to >= decimals_from:
        return units * TEN_TO[decimals_to - decimals_from]
    whole, rest = divmod(units, TEN_TO[decimals_from - decimals_to])
    if rest:
        raise InexactAmount(f"{units} at {decimals_from} decimals does not fit {decimals_to}")
    return whole
