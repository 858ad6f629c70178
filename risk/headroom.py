"""Why the gate refused, in figures, and what would pass. For people, and never on an order's way.

True here: nothing is changed and nothing is raised. `largest` is found by asking the gate itself,
so it is right by construction: every limit is one of the gate's, not only the one that refused.
"""

from typing import Any, NamedTuple

from risk import codes, controls
from risk.counters import BUY, LIMIT, Change, Holding, Parent, Rate, Reservation, Route, Scope
from risk.gate import Gate, worst_price


class Refusal(NamedTuple):
    """`figure` is what would be with the order, `limit` what may be, `headroom` what was left.

    Of controls that compare no two numbers they are 0. `largest` is in lots, 0 where no quantity
    passes as things stand; of an amendment it is the largest total.
    """

    code: str
    control: str
    figure: int
    limit: int
    headroom: int
    largest: int
    passes: str


class Asked(NamedTuple):
    """An order as the controls see it."""

    way: Route
    side: int
    size: int
    extra: int
    worst: int
    parent: Parent
    now: int


def of_order(gate: Gate, code: int, words: tuple[Any, ...]) -> Refusal:
    """Of the order with these words, as `Gate.order` takes them, that got this code."""

    route, side, quantity, price, kind, flag, parent, now = words

    def passes(lots: int) -> bool:
        answer = gate.vet(route, side, lots, price, kind, flag, parent, now)
        return answer in (codes.PASSED, codes.DUPLICATE)

    try:
        if gate.vet(route, side, quantity, price, kind, flag, parent, now) in _MALFORMED:
            return _refusal(code, None, 0)
        way = gate.routes[route]
        worst = price if kind == LIMIT else worst_price(way.holding, side)
        asked = Asked(way, side, quantity, quantity, worst, gate.parents[parent], now)
        return _refusal(code, measure(gate, code, asked), _largest(passes, quantity))
    except Exception:  # noqa: BLE001  # an explanation that fails is no reason to fail
        return _refusal(code, None, 0)


def of_amendment(gate: Gate, code: int, handle: Any, total: Any, price: Any, now: Any) -> Refusal:
    """Of the amendment with these words that got this code."""

    def passes(less: int) -> bool:  # what is filled already cannot be asked for again
        answer = gate.vet_amendment(handle, less, price, now)
        return answer in (codes.PASSED, codes.BAD_QUANTITY)

    try:
        if gate.vet_amendment(handle, total, price, now) in _MALFORMED:
            return _refusal(code, None, 0)
        slot = gate.slots[handle % len(gate.slots)]
        asked = _as_asked(gate, slot, total, price, now)
        largest = _largest(passes, total)
        largest = largest if largest > slot.filled else 0
        return _refusal(code, measure(gate, code, asked), largest)
    except Exception:  # noqa: BLE001  # an explanation that fails is no reason to fail
        return _refusal(code, None, 0)


_MALFORMED = (
    *(codes.UNKNOWN_ROUTE, codes.UNKNOWN_ORDER, codes.BAD_SIDE, codes.BAD_QUANTITY),
    *(codes.BAD_PRICE, codes.BAD_TIME),
)


def _as_asked(gate: Gate, slot: Reservation, total: int, price: int, now: int) -> Asked:
    size = total - slot.filled
    extra = max(0, size - slot.left())
    parent = gate.parents[slot.parent]
    return Asked(gate.routes[slot.route], slot.side, size, extra, price, parent, now)


def _refusal(code: int, measured: tuple[int, int, int] | None, largest: int) -> Refusal:
    told = codes.NAMES[code]
    before, figure, limit = measured or (0, 0, 0)
    headroom = max(0, limit - before)
    return Refusal(told.name, told.control, figure, limit, headroom, largest, told.passes)


def _largest(passes: Any, quantity: int) -> int:
    """The largest below the quantity that passes: where one fails, so does every larger one."""
    low, high = 0, quantity
    while high - low > 1:
        middle = (low + high) // 2
        if passes(middle):
            low = middle
        else:
            high = middle
    return low


def measure(gate: Gate, code: int, asked: Asked) -> tuple[int, int, int] | None:
    """What the control compares: before the order, with it, and the limit; None if no numbers."""
    way, holding = asked.way, asked.way.holding
    account, firm = holding.account, gate.firm
    unit, extra = holding.unit, asked.extra
    match code:
        case codes.LEASE_OVER:
            return asked.now, asked.now, firm.open_until
        case codes.REFERENCE_STALE:
            age = asked.now - holding.reference_at
            return age, age, holding.reference_age_max
        case codes.PRICE_LOW:
            return asked.worst, asked.worst, holding.low
        case codes.PRICE_HIGH:
            return asked.worst, asked.worst, holding.high
        case codes.ORDER_QUANTITY:
            return 0, asked.size, way.quantity_max
        case codes.ORDER_NOTIONAL:
            return 0, asked.size * unit, way.notional_max
        case codes.STRATEGY_POSITION:
            return _position(way, asked, way.position_max)
        case codes.ACCOUNT_POSITION:
            return _position(holding, asked, holding.position_max)
        case codes.WOULD_FLIP | codes.KILL_REDUCES | codes.STRATEGY_REDUCES | codes.PASSIVE_BREACH:
            return 0, extra, max(0, _room(way, asked.side))
        case codes.REPEATED:
            return way.executions, way.executions, way.executions_max
        case codes.ACCOUNT_RATE:
            return _queue(account.rate, asked.now)
        case codes.STRATEGY_RATE:
            return _queue(way.strategy.rate, asked.now)
        case codes.PARENT_QUANTITY:
            used = asked.parent.filled + asked.parent.working
            return used, used + extra, asked.parent.total
        case codes.PARENT_CHILDREN:
            return asked.parent.children, asked.parent.children + 1, asked.parent.children_max
        case codes.MARGIN:
            before = account.margin + account.charged
            return before, controls.margin_after(holding, _change(asked)), account.collateral
        case codes.CREDIT:
            used = account.credit_open + account.unsettled
            return used, used + extra * unit, account.credit_max
        case codes.NO_SLOT:
            return len(gate.slots), len(gate.slots) + 1, len(gate.slots)
        case _:
            return _sum(gate, code, asked)


def _position(held: Route | Holding, asked: Asked, limit: int) -> tuple[int, int, int]:
    if asked.side == BUY:
        before = held.long
    else:
        before = held.short
    return before, before + asked.extra, limit


def _room(way: Route, side: int) -> int:
    """How much on this side only reduces (`controls.only_reduces`)."""
    holding = way.holding
    if side == BUY:
        return min(-way.long, min(0, -holding.disputed) - holding.long)
    return min(-way.short, min(0, holding.disputed) - holding.short)


def _queue(rate: Rate, now: int) -> tuple[int, int, int]:
    return rate.queued(now), rate.queued(now), rate.orders_ns


def _sum(gate: Gate, code: int, asked: Asked) -> tuple[int, int, int] | None:
    way, holding = asked.way, asked.way.holding
    change = _change(asked)
    scopes: tuple[tuple[Scope, int], ...] = (
        (way.strategy.scope, change.alone),
        (holding.account.scope, change.together),
        (holding.asset, change.together),
        (gate.firm.scope, change.together),
    )
    for scope, grows in scopes:
        if code == scope.gross_code:
            return scope.gross, scope.gross + grows, scope.gross_max
        if code == scope.net_code:
            before = scope.long if asked.side == BUY else scope.short
            limit = scope.long_max if asked.side == BUY else scope.short_max
            return before, before + change.value, limit
    return None


def _change(asked: Asked) -> Change:
    change = Change()
    change.weigh(asked.way, asked.side, asked.extra)
    return change
