"""Quotes of the treasury desk: at which rate, how much, until when, and for whom.

Rule 1. A quote stands as it was told first: told again it is an echo, with another body it is not
taken, and somebody is told so.
Rule 2. What a quote gives is cut to whole units, against the customer: the amount times the units
bought, divided by the units sold, and the rest is ours. A leg that names another amount is refused.
Rule 3. A leg takes what it sells out of its quote when it is taken in, and gives that back if it
ends without an exchange: no quote ever gives more than it offered.
"""

from core.effects import Effect, RaiseAlert
from core.rail_events import ExchangeQuoted, LegWanted, TransferRequested
from core.settlement_state import Leg, Quote
from core.state import State, count


def worth(told: ExchangeQuoted, amount: int) -> int:
    """What so much of what it sells buys, in whole units."""
    return amount * told.buys_units // told.sells_units


def on_quoted(state: State, event: ExchangeQuoted) -> list[Effect]:
    """The desk offers a rate."""
    quotes = state.settlement.quotes
    known = quotes.get(event.quote_id)
    if known is not None:
        same = _body(known.told) == _body(event)
        count(state, f"quotes_{'echo' if same else 'conflict'}")
        return [] if same else [_not_taken(event, "it was told before with another body")]
    found = _fault(state, event)
    if found:
        count(state, "quotes_refused")
        return [_not_taken(event, found)]
    quotes[event.quote_id] = Quote(event)
    count(state, "quotes")
    return []


def _body(told: ExchangeQuoted) -> tuple[object, ...]:
    rate = told.sells, told.buys, told.sells_units, told.buys_units
    return *rate, told.customer, told.amount_max, told.expires_at


def _fault(state: State, event: ExchangeQuoted) -> str:
    if not event.quote_id or event.sells == event.buys:
        return "it needs an id and two assets"
    if event.sells not in state.decimals or event.buys not in state.decimals:
        return f"{event.sells} and {event.buys} are not both kept here"
    if min(event.sells_units, event.buys_units, event.amount_max) <= 0:
        return "its rate and its amount are to be positive"
    return ""


def _not_taken(event: ExchangeQuoted, found: str) -> RaiseAlert:
    text = f"quote {event.quote_id!r} is not taken: {found}"
    return RaiseAlert(severity="warning", subject="desk", text=text)


# --- what a request may do with one --------------------------------------------------------------


def unknown(state: State, leg: LegWanted, customer: str) -> str:
    """Whether the leg names no quote of this pair for this customer; the reason, or ""."""
    quote = state.settlement.quotes.get(leg.quote)
    if quote is None or quote.told.customer not in ("", customer):
        return f"{leg.quote!r} is no quote of the desk for {customer}"
    told = quote.told
    if (told.sells, told.buys) != (leg.asset, leg.buys):
        return f"{leg.quote} sells {told.sells} for {told.buys}, not {leg.asset} for {leg.buys}"
    return ""


def expired(state: State, leg: LegWanted) -> str:
    at = state.settlement.quotes[leg.quote].told.expires_at
    return f"{leg.quote} has expired; another would do" if at <= state.now else ""


def other_amount(state: State, leg: LegWanted) -> str:
    buys = worth(state.settlement.quotes[leg.quote].told, leg.amount)
    if leg.buys_amount == buys:
        return ""
    return f"{leg.quote} gives {buys} {leg.buys} for {leg.amount} {leg.asset}, not" + (
        f" {leg.buys_amount}"
    )


def used_up(state: State, event: TransferRequested) -> str:
    """Whether the legs together take more than their quotes still have."""
    wanted: dict[str, int] = {}
    for leg in event.legs:
        if leg.kind == "exchange":
            wanted[leg.quote] = wanted.get(leg.quote, 0) + leg.amount
    for name, amount in wanted.items():
        quote = state.settlement.quotes[name]
        left = quote.told.amount_max - quote.taken
        if amount > left:
            return f"{name} has {left} {quote.told.sells} left, {amount} are wanted"
    return ""


def expires_at(state: State, leg: LegWanted) -> int:
    """Until when the leg may be carried out: while its quote holds, or less long if asked so."""
    quote = state.settlement.quotes.get(leg.quote)
    if quote is None:
        return leg.expires_at
    return min(quote.told.expires_at, leg.expires_at or quote.told.expires_at)


def take(state: State, leg: Leg) -> None:
    """An exchange takes what it sells out of its quote; no other leg has one."""
    if leg.kind == "exchange":
        state.settlement.quotes[leg.quote].taken += leg.amount


def give_back(state: State, leg: Leg) -> None:
    """The leg ended, and nothing was exchanged."""
    if leg.kind == "exchange":
        state.settlement.quotes[leg.quote].taken -= leg.amount
