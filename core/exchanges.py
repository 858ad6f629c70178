"""The exchange position: what exchanges and covers leave with us, at what cost, and what they gain.

A pair is named by its two assets in the order of the alphabet: the first is its base, and what the
base cost is counted in the second ("BTC-USD": so many BTC, for so many USD).

Rule 1. Whatever does not close something opens a lot: so much of the base, for so much against it.
A deal the other way closes the oldest lot first, and part of a lot at its share of the cost, cut to
whole units towards nothing: the rest stays with the lot, so that nothing is lost between them.
Rule 2. What was closed has a gain or a loss. It is posted at once, with the deal as its evidence;
what is open has none until it is closed.
Rule 3. After every event each position account is what its open lots say, with the other sign.
"""

from core import quotes
from core.effects import Effect, RaiseAlert
from core.ledger import book
from core.rail_events import ExchangeCovered
from core.settlement_state import Leg, Limit, Lot, Position
from core.state import State, count


def pair(one: str, other: str) -> tuple[str, str, str]:
    """The name of a pair, its base, and what its base is counted in."""
    base, against = sorted((one, other))
    return f"{base}-{against}", base, against


def account(one: str, other: str, asset: str) -> str:
    """The account of the ledger that a pair's position in one of its assets is kept in."""
    return f"exchange/{pair(one, other)[0]}/{asset}"


# --- deals ---------------------------------------------------------------------------------------


def deal(
    state: State,
    subject: str,
    frame: int,
    got: tuple[str, int],
    gave: tuple[str, int],
) -> None:
    """We got so much of one asset for so much of another: what that closes is realised."""
    name, base, against = pair(got[0], gave[0])
    position = state.settlement.positions.setdefault(name, Position(base, against))
    moved = {got[0]: got[1], gave[0]: -gave[1]}
    gain = take_in(position, Lot(subject, moved[base], moved[against]))
    lines = ((f"exchange/{name}/{against}", gain), (f"gain/{name}/{against}", -gain))
    book(state, "realise", subject, frame, lines)


def take_in(position: Position, lot: Lot) -> int:
    """Close the oldest lots of the other side, open what is left, and say what that gained."""
    gain, lots = 0, position.lots
    while lots and lot.base * lots[0].base < 0:
        first = lots[0]
        matched = min(abs(lot.base), abs(first.base))
        gain += _cut(first, matched) + _cut(lot, matched)
        if not first.base:
            lots.pop(0)
        if not lot.base:
            break
    if lot.base:
        lots.append(lot)
    position.realised += gain
    return gain


def _cut(lot: Lot, matched: int) -> int:
    """Take so much of the base out of a lot; returns its share of the cost."""
    whole = abs(lot.base)
    share = abs(lot.against) * matched // whole
    share = share if lot.against > 0 else -share
    lot.base -= matched if lot.base > 0 else -matched
    lot.against -= share
    return share


def on_covered(state: State, event: ExchangeCovered) -> list[Effect]:
    """The desk dealt in the market for us: booked once, and owed between the desk and us."""
    covers = state.settlement.covers
    content = f"{event.sold_amount} {event.sold} {event.bought_amount} {event.bought}"
    known = covers.get(event.cover_id)
    if known is not None:
        count(state, f"covers_{'echo' if known == content else 'conflict'}")
        return [] if known == content else [_not_booked(event, "it was told with another body")]
    strange = {event.sold, event.bought} - state.decimals.keys()
    if strange or event.sold == event.bought or min(event.sold_amount, event.bought_amount) <= 0:
        return [_not_booked(event, "positive amounts of two assets that are kept would do")]
    covers[event.cover_id] = content
    count(state, "covers")
    sold, bought = event.sold, event.bought
    lines = (
        (account(sold, bought, sold), event.sold_amount),
        (f"desk/{sold}", -event.sold_amount),
        (f"desk/{bought}", event.bought_amount),
        (account(sold, bought, bought), -event.bought_amount),
    )
    book(state, "cover", event.cover_id, event.frame, lines)
    got, gave = (bought, event.bought_amount), (sold, event.sold_amount)
    deal(state, event.cover_id, event.frame, got, gave)
    return []


def _not_booked(event: ExchangeCovered, found: str) -> RaiseAlert:
    text = f"cover {event.cover_id!r} is not booked: {found}"
    return RaiseAlert(severity="critical", subject="desk", text=text)


# --- limits --------------------------------------------------------------------------------------


def is_open(state: State, asset: str) -> int:
    """How much of an asset stands open, over all pairs: positive where we have it."""
    positions = state.settlement.positions.values()
    return sum(position.of(asset) for position in positions)


def over(state: State, legs: list[Leg]) -> tuple[Limit, int] | None:
    """The first limit on an open position that these exchanges could exceed, and what would pass.

    What others were promised counts as if it were exchanged, and what could offset it does not:
    then no exchange that was taken in can exceed a limit later.
    """
    exchanges = [leg for leg in legs if leg.kind == "exchange"]
    for asset in dict.fromkeys(name for leg in exchanges for name in (leg.asset, leg.buys)):
        limit = state.settlement.limits.get(f"position//{asset}")
        if limit is None:
            continue
        stands, waiting = is_open(state, asset), _waiting(state)
        for sign in (1, -1):
            wanted = _promised(exchanges, asset, sign)
            taken = max(0, sign * stands) + _promised(waiting, asset, sign)
            if wanted and taken + wanted > limit.amount:
                return limit, max(0, limit.amount - taken)
    return None


def _waiting(state: State) -> list[Leg]:
    settlement = state.settlement
    legs = [settlement.legs[name] for name in settlement.open_legs]
    return [leg for leg in legs if leg.kind == "exchange" and leg.status == "validated"]


def _promised(legs: list[Leg], asset: str, sign: int) -> int:
    """What these exchanges would add to our position on one side: we get what they sell."""
    of_us = [(leg.asset, leg.amount) for leg in legs] + [(x.buys, -x.buys_amount) for x in legs]
    return sum(abs(units) for name, units in of_us if name == asset and units * sign > 0)


# --- what it is worth, for whoever looks ---------------------------------------------------------


def unrealised(state: State, name: str) -> int | None:
    """What closing a position at the desk's last quote of its pair would gain; None without one.

    It is shown, and booked nowhere.
    """
    position = state.settlement.positions[name]
    base, against = position.of(position.base), position.of(position.against)
    quoted = [
        each.told
        for each in state.settlement.quotes.values()
        if {each.told.sells, each.told.buys} == {position.base, position.against}
    ]
    if not quoted:
        return None
    last = quoted[-1]
    if last.sells == position.base:
        return quotes.worth(last, base) + against
    return base * last.sells_units // last.buys_units + against
