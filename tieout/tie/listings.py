"""What an instrument of an export is: its kind and its coins, as its venue's names say.

Rule. A name that does not part into its coins in one way is refused, not guessed at.
"""

from collections.abc import Mapping

from core.events import InstrumentKind, InstrumentListed
from core.money import QUANTITY_ONE
from tieout.bad_input import BadFile

Pairs = Mapping[str, tuple[str, str]]
# What is quoted at venues that write a pair as one word, the longest name first.
QUOTES = (
    *("FDUSD", "USDT", "USDC", "TUSD", "BUSD", "USDE", "USD1", "BIDR", "IDRT"),
    *("BTC", "ETH", "BNB", "EUR", "TRY", "BRL", "JPY", "GBP", "AUD", "UAH", "RUB", "ZAR", "PLN"),
    *("RON", "ARS", "MXN", "CZK", "COP", "DAI", "XRP", "TRX", "SOL", "DOT", "VAI", "USD"),
)
STABLE = ("USDT", "USDC", "BUSD", "USDE")


def listed(account: str, instrument: str, category: str, pairs: Pairs) -> InstrumentListed:
    """The instrument as our books list it; `pairs` are those whose coins are told."""
    kind, base, quote = _coins(account.partition("/")[0], instrument, category, pairs)
    settle = base if kind == "inverse" else quote
    return InstrumentListed(
        received_at=0,
        account=account,
        instrument=instrument,
        kind=kind,
        base=base,
        quote=quote,
        settle=settle,
        # Exports do not tell a contract's size; nothing that is tied here is reckoned by it.
        multiplier=QUANTITY_ONE,
    )


def _coins(
    venue: str, instrument: str, category: str, pairs: Pairs
) -> tuple[InstrumentKind, str, str]:
    if venue == "binance_spot" or category == "spot":
        return "spot", *_pair(instrument, pairs, QUOTES)
    if venue == "binance_usdm":
        return "linear", *_pair(instrument.partition("_")[0], pairs, STABLE)
    if venue == "okx_swap":
        return _okx(instrument)
    return _bybit(instrument, category)


def _pair(symbol: str, pairs: Pairs, quotes: tuple[str, ...]) -> tuple[str, str]:
    if symbol in pairs:
        return pairs[symbol]
    ends = [quote for quote in quotes if symbol.endswith(quote) and symbol != quote]
    if not ends:
        would_do = f"--pair {symbol}=BASE-QUOTE would do"
        raise BadFile(f"{symbol}: its name does not say which coins it is of; {would_do}")
    return symbol.removesuffix(ends[0]), ends[0]


def _okx(instrument: str) -> tuple[InstrumentKind, str, str]:
    parts = instrument.split("-")
    if len(parts) == 2:
        return "spot", parts[0], parts[1]
    if len(parts) == 3:
        kind: InstrumentKind = "inverse" if parts[1] == "USD" else "linear"
        return kind, parts[0], parts[1]
    raise BadFile(f"{instrument}: options are not read; a file without them would do")


def _bybit(symbol: str, category: str) -> tuple[InstrumentKind, str, str]:
    if category == "inverse":
        return "inverse", symbol.partition("USD")[0], "USD"
    if category == "linear":
        quote = "USDT" if "USDT" in symbol else "USDC"
        return "linear", symbol.partition(quote)[0].removesuffix("PERP"), quote
    would_do = "the venue's whole answer, with spot, linear or inverse as its category, would do"
    raise BadFile(f"{symbol}: found category {category!r}; {would_do}")
