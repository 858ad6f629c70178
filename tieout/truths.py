"""The venues' own sums of fees, funding, realised profit and traded value, beside our books'.

Holdings alone would hide two errors that cancel; these are summed from each exchange's trades and
movements, per account, instrument and asset, and held against the figures of all strategies.
"""

from collections.abc import Sequence
from decimal import Context, Decimal, Inexact

from core.money import ASSET_DECIMALS
from core.state import State
from venues.exchange import Exchange

ZERO = Decimal(0)
EXACT = Context(prec=60, traps=[Inexact])
PURPOSES = ("fee", "funding", "realised", "value")


def money_differences(
    exchanges: Sequence[Exchange], state: State
) -> dict[str, tuple[Decimal, Decimal]]:
    """Each sum in which truth and books differ: "account/instrument/purpose/asset"."""
    truth: dict[str, Decimal] = {}
    for exchange in exchanges:
        _sum_exchange(exchange, truth)
    books = _sum_books(state)
    names = dict.fromkeys([*truth, *books])
    pairs = {name: (truth.get(name, ZERO), books.get(name, ZERO)) for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _sum_exchange(exchange: Exchange, truth: dict[str, Decimal]) -> None:
    def add(symbol: str, purpose: str, asset: str, amount: Decimal) -> None:
        name = f"{exchange.account}/{symbol}/{purpose}/{asset}"
        truth[name] = truth.get(name, ZERO) + amount

    for symbol, trades in exchange.trades.items():
        terms = exchange.terms[symbol]
        for trade in trades:
            if not trade.busted:
                add(symbol, "fee", trade.fee_asset, -trade.fee)
                if terms.model != "spot":
                    add(symbol, "realised", terms.settle, trade.realised)
                    value = -trade.value if trade.side == "buy" else trade.value
                    add(symbol, "value", terms.settle, value)
    for movement in exchange.movements:
        if movement.kind == "funding":
            add(movement.symbol, "funding", movement.asset, movement.amount)


def _sum_books(state: State) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = {}
    for name, units in state.figures.items():
        parts = name.split("/")
        if len(parts) == 6 and parts[4] in PURPOSES:
            asset = parts[5]
            scale = state.decimals.get(asset, ASSET_DECIMALS)
            key = "/".join(parts[1:])
            sums[key] = sums.get(key, ZERO) + EXACT.scaleb(Decimal(units), -scale)
    return sums
