"""The controls, in order of precedence: each compares whole numbers and answers with a code.

True here: nothing is changed. `size` is how large the order is, `extra` how much it adds to what is
reserved already (the same for a new order, less for an amendment), both in lots; `worst` is the
price that it may trade at first.
"""

from typing import Any, Final

from risk import codes
from risk.counters import (
    BUY,
    ENABLED,
    LIMIT,
    MARKET,
    REDUCING,
    SELL,
    Change,
    Firm,
    Holding,
    Parent,
    Route,
    Scope,
)

# Far above any order; and fast integers, as mypyc has them (62 bits): a bound that is none would
# make an object of whatever is compared with it.
QUANTITY_MAX: Final = 1 << 40
PRICE_MAX: Final = 1 << 61
TIME_MAX: Final = (1 << 62) - 1


def is_whole(told: Any) -> bool:
    """A number that counts something: True is none, nor is a text with a unit forgotten."""
    return isinstance(told, int) and not isinstance(told, bool)


def are_whole(
    route: Any,
    side: Any,
    quantity: Any,
    price: Any,
    kind: Any,
    reduce_only: Any,
    parent: Any,
    now: Any,
) -> int:
    """Whether every word of an order is a number, whatever it was handed as."""
    if not is_whole(route):
        return codes.UNKNOWN_ROUTE
    if not (is_whole(side) and is_whole(kind) and isinstance(reduce_only, int)):
        return codes.BAD_SIDE
    if not is_whole(quantity):
        return codes.BAD_QUANTITY
    if not is_whole(price):
        return codes.BAD_PRICE
    if not is_whole(parent):
        return codes.PARENT_MISSING
    return codes.PASSED if is_whole(now) else codes.BAD_TIME


def malformed(side: int, quantity: int, price: int, kind: int, reduce_only: int, now: int) -> int:
    """What is no order, by its numbers alone."""
    if side != BUY and side != SELL:
        return codes.BAD_SIDE
    if kind != LIMIT and kind != MARKET:
        return codes.BAD_SIDE
    if reduce_only != 0 and reduce_only != 1:
        return codes.BAD_SIDE
    if quantity <= 0 or quantity > QUANTITY_MAX:
        return codes.BAD_QUANTITY
    if price < 0 or price > PRICE_MAX or (price == 0) != (kind == MARKET):
        return codes.BAD_PRICE
    if now <= 0 or now > TIME_MAX:
        return codes.BAD_TIME
    return codes.PASSED


# --- the order's own ------------------------------------------------------------------------------


def own(
    firm: Firm, way: Route, side: int, size: int, extra: int, worst: int, reduce_only: int, now: int
) -> int:
    """Permission, price, size, position and pace."""
    holding = way.holding
    strategy = way.strategy
    reduces = only_reduces(way, side, extra)
    if firm.state != ENABLED:
        if firm.state != REDUCING:
            return codes.KILLED
        if not reduces:
            return codes.KILL_REDUCES
    if now > firm.open_until:
        return codes.LEASE_OVER
    if strategy.state != ENABLED:
        if strategy.state != REDUCING:
            return codes.STRATEGY_DISABLED
        if not reduces:
            return codes.STRATEGY_REDUCES
    if holding.restricted != 0:
        return codes.RESTRICTED
    if holding.unit <= 0:
        return codes.REFERENCE_MISSING
    if now < holding.reference_at or now - holding.reference_at > holding.reference_age_max:
        return codes.REFERENCE_STALE
    if worst < holding.low:
        return codes.PRICE_LOW
    if worst > holding.high:
        return codes.PRICE_HIGH
    if size > way.quantity_max:
        return codes.ORDER_QUANTITY
    if size * holding.unit > way.notional_max:
        return codes.ORDER_NOTIONAL
    if side == BUY:
        if way.long + extra > way.position_max:
            return codes.STRATEGY_POSITION
        if holding.long + extra > holding.position_max:
            return codes.ACCOUNT_POSITION
    else:
        if way.short + extra > way.position_max:
            return codes.STRATEGY_POSITION
        if holding.short + extra > holding.position_max:
            return codes.ACCOUNT_POSITION
    if reduce_only != 0 and not reduces:
        return codes.WOULD_FLIP
    if way.executions >= way.executions_max and now - way.executions_at < way.executions_ns:
        return codes.REPEATED
    if holding.account.rate.queued(now) > holding.account.rate.orders_ns:
        return codes.ACCOUNT_RATE
    if strategy.rate.queued(now) > strategy.rate.orders_ns:
        return codes.STRATEGY_RATE
    return codes.PASSED


def repeats(way: Route, side: int, quantity: int, worst: int, now: int) -> bool:
    """The same as the order before it on this route, within the time in which that is no wish."""
    if quantity != way.last_quantity or worst != way.last_price or side != way.last_side:
        return False
    return now - way.last_at < way.duplicate_ns


def only_reduces(way: Route, side: int, lots: int) -> bool:
    """Whether so much more does: for the strategy, for the account, and as the venue says.

    Net of all that is open on this side, for all of it may fill first.
    """
    holding = way.holding
    if side == SELL:
        return way.short + lots <= 0 and holding.short + lots <= min(0, holding.disputed)
    return way.long + lots <= 0 and holding.long + lots <= min(0, -holding.disputed)


# --- shared with other orders ---------------------------------------------------------------------


def shared(firm: Firm, way: Route, side: int, worst: int, parent: Parent, change: Change) -> int:
    """Parent, own orders on the other side, the four sums, margin and credit."""
    holding = way.holding
    account = holding.account
    if parent.filled + parent.working + change.lots > parent.total:
        return codes.PARENT_QUANTITY
    if meets_ours(holding, side, worst):
        return codes.SELF_MATCH
    reduces = only_reduces(way, side, change.lots)
    value, grows = change.value, change.together
    code = over(way.strategy.scope, side, value, change.alone, reduces)
    if code != codes.PASSED:
        return code
    code = over(account.scope, side, value, grows, reduces)
    if code != codes.PASSED:
        return code
    code = over(holding.asset, side, value, grows, reduces)
    if code != codes.PASSED:
        return code
    code = over(firm.scope, side, value, grows, reduces)
    if code != codes.PASSED:
        return code
    if not reduces and margin_after(holding, change) > account.collateral:
        return codes.MARGIN
    if account.credit_open + account.unsettled + value > account.credit_max:
        return codes.CREDIT
    return codes.PASSED


def meets_ours(holding: Holding, side: int, worst: int) -> bool:
    """Whether it could trade with an order of our own."""
    if side == BUY:
        sells = holding.book.sells
        return sells.size > 0 and sells.best() <= worst
    buys = holding.book.buys
    return buys.size > 0 and -buys.best() >= worst


def over(scope: Scope, side: int, value: int, grows: int, reduces: bool) -> int:  # noqa: FBT001  # a fact told, not a choice of behaviour
    """Whether a sum would pass its limit; one that has passed it lets only reductions through.

    A reduction that makes the sum of its own side worse is refused too: there it is no reduction.
    """
    if not reduces and (
        scope.long > scope.long_max
        or scope.short > scope.short_max
        or scope.gross > scope.gross_max
    ):
        return codes.PASSIVE_BREACH
    if side == BUY:
        if value > 0 and scope.long + value > scope.long_max:
            return scope.net_code
    elif value > 0 and scope.short + value > scope.short_max:
        return scope.net_code
    if grows > 0 and scope.gross + grows > scope.gross_max:
        return scope.gross_code
    return codes.PASSED


def margin_after(holding: Holding, change: Change) -> int:
    """What the account would need with the change."""
    account = holding.account
    return account.margin - holding.need + change.need + account.charged
