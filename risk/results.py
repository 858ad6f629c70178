"""What each strategy lost, from the books' own figures: fees and funding in, rounded against us.

A position is worth its newest reference; where there is none, or an asset has no rate, what it may
be worth counts as nothing, and what was paid for it as paid.
"""

from collections.abc import Mapping

from core.money import ASSET_DECIMALS, PRICE_DECIMALS, QUANTITY_DECIMALS, TEN_TO
from core.state import Listing, Reference, State
from risk.weights import REPORTING_DECIMALS

LEGS = ("net", "long", "short")


Gains = Mapping[tuple[str, str], int]


def losses(state: State, gains: Gains) -> dict[str, int]:
    """The loss of each strategy that has a bound on it, over all accounts."""
    terms = state.risk.terms
    found = {name: 0 for name, each in terms.items() if each.loss_max or each.drawdown_max}
    for (strategy, _), gain in gains.items():
        if strategy in found:
            found[strategy] -= gain
    return found


def results(state: State, rates: Mapping[str, Reference]) -> dict[tuple[str, str], int]:
    """What each strategy that limits know made at each account, in units of the reporting asset."""
    gains: dict[tuple[str, str], int] = {}
    for figure, amount in state.figures.items():
        strategy, *rest = figure.split("/")
        if strategy in state.risk.terms and len(rest) == 5:
            venue, sub, instrument, purpose, unit = rest
            account = f"{venue}/{sub}"
            worth = _worth(state, rates, account, instrument, purpose, unit, amount)
            gains[strategy, account] = gains.get((strategy, account), 0) + worth
    return gains


def _worth(
    state: State,
    rates: Mapping[str, Reference],
    account: str,
    instrument: str,
    purpose: str,
    unit: str,
    amount: int,
) -> int:
    """A figure's part of the result: cash by its rate; contracts by price, less what they cost."""
    listing = state.accounts[account].listings.get(instrument)
    if unit in LEGS:
        reference = state.accounts[account].references.get(instrument)
        if listing is None or reference is None:
            return 0
        return _contracts(rates, listing, amount, reference.price)
    if purpose == "realised":
        return 0  # it is in what was paid and got for the contracts already
    if purpose == "value" and listing is not None and listing.kind == "inverse":
        amount = -amount  # who is long of an inverse contract has sold coins
    return _coins(state, rates, unit, amount)


def _contracts(rates: Mapping[str, Reference], listing: Listing, amount: int, price: int) -> int:
    rate = rates.get(listing.quote)
    if rate is None:
        return 0
    if listing.kind == "inverse":
        top = -amount * listing.multiplier * rate.price * TEN_TO[REPORTING_DECIMALS]
        return top // TEN_TO[2 * QUANTITY_DECIMALS + PRICE_DECIMALS]
    top = amount * listing.multiplier * price * rate.price * TEN_TO[REPORTING_DECIMALS]
    return top // TEN_TO[2 * QUANTITY_DECIMALS + 2 * PRICE_DECIMALS]


def _coins(state: State, rates: Mapping[str, Reference], asset: str, amount: int) -> int:
    rate = rate_of(state, rates, asset)
    decimals = state.decimals.get(asset, ASSET_DECIMALS)
    return amount * rate * TEN_TO[REPORTING_DECIMALS] // TEN_TO[decimals + PRICE_DECIMALS]


def rate_of(state: State, rates: Mapping[str, Reference], asset: str) -> int:
    """What a coin is worth: told, or by the price of an instrument whose quote asset is told."""
    told = rates.get(asset)
    if told is not None:
        return told.price
    for account in state.accounts.values():
        for listing in account.listings.values():
            quote, reference = rates.get(listing.quote), account.references.get(listing.instrument)
            if listing.base == asset and quote is not None and reference is not None:
                return reference.price * quote.price // TEN_TO[PRICE_DECIMALS]
    return 0
