"""Orders of ours: from a strategy's wish through the gate to the venue, and what is told of them.

Rule 1. An order whose outcome is unknown counts as exposure and is queried, never sent again.
Rule 2. A fill's strategy comes from our client order id; what bears none of ours is `unattributed`.
Rule 3. What remains of an order is derived from its fills; a venue that claims more than we booked
raises the suspicion of a missing fill.
"""

from msgspec import UNSET

from core import ids, leases, orders, positions, strategies
from core.books import attribute, is_covered
from core.effects import CancelOrder, Effect, PlaceOrder, QueryOrder, TellStrategy
from core.events import (
    CancelRejected,
    CancelRequested,
    CashMoved,
    FillBusted,
    FillReported,
    OpenOrdersReported,
    OrderMissing,
    OrderReport,
    OrderReported,
    OrderRequested,
    ProgressReported,
)
from core.gate import Approved, Gate, Refused
from core.listening import arm, request_backfill
from core.orders import TERMINAL, claimed, fills_alarm, is_awaited
from core.state import (
    UNATTRIBUTED,
    Account,
    Order,
    OrderStatus,
    Orphan,
    State,
    count,
    holding,
    note_move,
)

ANSWER_NS_MAX = 5_000_000_000
QUERY_NS = 1_000_000_000
GIVEN_UP = "not known to the venue"
# What moves the books and may name an order, by our id or by its venue's.
Named = FillReported | ProgressReported | FillBusted | CashMoved


# --- wishes --------------------------------------------------------------------------------------


def on_order_requested(state: State, gate: Gate, event: OrderRequested) -> list[Effect]:
    """Ask who may, then the gate; send what it approves, tell the strategy what it refuses."""
    if event.ticket is not None and leases.is_echo(state, event.ticket):
        count(state, "tickets_told_twice")
        return []
    code, text = strategies.refusal(state, event)
    if not code and event.ticket is not None:
        code, text = leases.refusal(state, event.ticket)
    order, effects = place(state, gate, event, code, text)
    if event.ticket is not None:
        leases.spend(state, event.ticket)
        if order is not None:
            leases.reserve(state, order, event.ticket)
    return effects


def place(
    state: State, gate: Gate, event: OrderRequested, code: str = "", text: str = ""
) -> tuple[Order | None, list[Effect]]:
    """Send the order, or refuse it: by the code, or because the gate does; then there is none."""
    state.orders_made += 1
    name = ids.client_order_id(state.node, state.epoch, state.orders_made)
    place = PlaceOrder(
        account=event.account,
        client_order_id=name,
        instrument=event.instrument,
        side=event.side,
        quantity=event.quantity,
        kind=event.kind,
        price=event.price,
        leg=event.leg,
        reduce_only=event.reduce_only,
        expires_at=_expires_at(state, event),
    )
    order = _new_order(name, event)
    verdict = Refused(code, text) if code else _ask(gate, state, event, place)
    if isinstance(verdict, Refused):
        return None, _refuse(state, order, verdict, event.received_at)
    state.orders[name] = order
    order.status = "in_flight"
    note_move(state, "order", "requested", "in_flight")
    _list_working(state, order)
    leases.hold(state, order)
    return order, [
        verdict.order,
        _tell(order),
        arm(state, f"order/{name}", event.received_at + ANSWER_NS_MAX),
    ]


def _refuse(state: State, order: Order, verdict: Refused, now: int) -> list[Effect]:
    order.status = "refused"
    note_move(state, "order", "requested", "refused")
    order.reason = verdict.code
    count(state, f"refused/{verdict.code}")
    halted = strategies.on_refused(state, order.strategy, verdict.code, now)
    return [_tell(order, verdict.text), *halted]


def _expires_at(state: State, event: OrderRequested) -> int:
    """Counted from the wish, however long a commit takes: so it is known to whoever recovers."""
    account = state.accounts.get(event.account)
    return event.received_at + account.request_validity_ns if account is not None else 0


def _ask(gate: Gate, state: State, event: OrderRequested, place: PlaceOrder) -> Approved | Refused:
    """Whatever goes wrong inside a gate is a refusal."""
    try:
        return gate.check(state, event, place)
    except Exception as error:  # noqa: BLE001  # an exception is a refusal, never a pass
        return Refused("GATE_FAILED", f"the gate failed: {type(error).__name__}: {error}")


def _new_order(name: str, event: OrderRequested) -> Order:
    return Order(
        client_order_id=name,
        strategy=event.strategy,
        reference=event.reference,
        account=event.account,
        instrument=event.instrument,
        side=event.side,
        leg=event.leg,
        quantity=event.quantity,
        price=event.price,
        kind=event.kind,
        reduce_only=event.reduce_only,
        status="requested",
        requested_at=event.received_at,
    )


def on_cancel_requested(state: State, event: CancelRequested) -> list[Effect]:
    """Cancels pass no gate; a strategy takes back its own, and what may be its own."""
    order = state.orders.get(event.client_order_id)
    if order is None or order.status in TERMINAL:
        return []
    if order.strategy not in (event.strategy, UNATTRIBUTED):
        count(state, f"cancels_of_others/{event.strategy}")
        return []
    return cancel(state, order, event.received_at)


def cancel(state: State, order: Order, now: int) -> list[Effect]:
    """Take an order back; asked for until it is over."""
    order.cancel_wanted = True
    return [_cancel(order), arm(state, f"order/{order.client_order_id}", now + ANSWER_NS_MAX)]


def _cancel(order: Order) -> Effect:
    return CancelOrder(
        account=order.account,
        client_order_id=order.client_order_id,
        instrument=order.instrument,
        order_id=order.order_id,
    )


# --- what is told of orders ----------------------------------------------------------------------


def on_order_reported(state: State, account: Account, event: OrderReported) -> list[Effect]:
    """Move the order by the table; adopt one of ours that the journal lost."""
    order = state.orders.get(event.client_order_id)
    if order is None:
        order = _adopt(state, event)
        if order is None:
            count(state, f"foreign_orders/{account.name}")
            account.orphans.pop(event.order_id, None)
            return []
    effects: list[Effect] = []
    if event.order_id and order.order_id != event.order_id:
        order.order_id = event.order_id
        effects += _placed_as(state, account, order)
    if event.filled_quantity > order.told_filled:
        order.told_filled = event.filled_quantity
    if event.status == "filled":
        order.summed_at = 0
    if event.status == "unknown" and order.status != "in_flight":
        return effects
    if _move(state, order, _told_status(order, event)):
        order.reason = event.reason
        effects.append(_tell(order, event.reason))
        if order.status == "unknown":
            effects.append(
                arm(state, f"order/{order.client_order_id}", event.received_at + QUERY_NS)
            )
    elif event.status in ("acknowledged", "partially_filled", "filled", "cancelled", "expired"):
        count(state, "late_reports")
    if order.cancel_wanted and event.status in ("acknowledged", "partially_filled"):
        if order.status not in TERMINAL:
            effects.append(_cancel(order))
    return effects + _check_filled(state, account, order, event.received_at)


def _placed_as(state: State, account: Account, order: Order) -> list[Effect]:
    """The venue's id of our order became known: what was booked under that id finds its home."""
    account.client_ids[order.order_id] = order.client_order_id
    before = order.filled
    for orphan in account.orphans.pop(order.order_id, []):
        attribute(state, account, order.order_id, orphan, order.strategy)
        order.filled += orphan.quantity
        _touch(state, order)
    progress = account.progress.get(order.order_id)
    if progress is not None:
        order.filled = max(order.filled, progress.quantity)
        _touch(state, order)
    moved = order.filled - before
    if not moved:
        return []
    leases.count_late(state, order)
    return _told_by_fills(state, order, moved)


def _told_status(order: Order, event: OrderReported) -> OrderReport:
    """An acknowledgement of what we know to be partly filled is told as that."""
    if event.status == "acknowledged" and order.filled > 0:
        return "partially_filled"
    return event.status


def _check_filled(state: State, account: Account, order: Order, now: int) -> list[Effect]:
    """The venue claims more fills than we booked: give the wire a moment, then go and look."""
    if not claimed(order) or is_awaited(state, order):
        return []
    order.claimed_at = now
    return [arm(state, fills_alarm(order.client_order_id), now + account.settle_ns)]


def on_fills_alarm(state: State, name: str, now: int) -> list[Effect]:
    """The moment is over: if fills are still missing, back-fill; what the record does not have
    when it was read to its end is awaited no more."""
    order = state.orders.get(name)
    if order is None or not claimed(order):
        return []
    account = state.accounts[order.account]
    backfill = account.backfill
    looked = backfill.started_at >= order.claimed_at + account.settle_ns
    if looked and not backfill.waiting:
        _touch(state, order)
        return []
    effects: list[Effect] = [arm(state, fills_alarm(name), now + account.settle_ns)]
    if looked or backfill.wanted:
        return effects
    count(state, f"claimed_fills/{order.account}")
    return request_backfill(state, account, now) + effects


def on_order_missing(state: State, account: Account, event: OrderMissing) -> list[Effect]:
    """The venue knows no such order: definite once the request can no longer be on its way."""
    order = state.orders.get(event.client_order_id)
    if order is None or order.status not in ("unknown", "in_flight"):
        return []
    if event.asked_at - order.requested_at < grace_ns(account):
        return [arm(state, f"order/{order.client_order_id}", event.received_at + QUERY_NS)]
    _move(state, order, "rejected")
    order.reason = GIVEN_UP
    return [_tell(order, order.reason)]


def grace_ns(account: Account) -> int:
    """How long after the wish its order may still come to life at the venue.

    Its request is good for so long by our clock, which is off from the venue's by an error; what
    arrived in the last moment is dealt with a little later.
    """
    return account.request_validity_ns + account.clock_error_ns + account.latency_ns_max


def on_cancel_rejected(state: State, account: Account, event: CancelRejected) -> list[Effect]:
    """Mostly the order is gone: ask what became of it."""
    order = state.orders.get(event.client_order_id)
    if order is None or order.status in TERMINAL:
        return []
    return [query(order)]


def on_order_alarm(state: State, name: str, now: int) -> list[Effect]:
    """No answer yet, or none that told: of the order (then it is unknown) or of its cancel."""
    order = state.orders.get(name)
    if order is None or order.status in TERMINAL:
        return []
    if order.status not in ("in_flight", "unknown"):
        if not order.cancel_wanted:
            return []
        again = arm(state, f"order/{name}", now + ANSWER_NS_MAX)
        return [query(order), again]
    effects: list[Effect] = []
    if _move(state, order, "unknown"):
        effects.append(_tell(order))
    return [*effects, query(order), arm(state, f"order/{name}", now + 2 * QUERY_NS)]


def query(order: Order) -> Effect:
    return QueryOrder(
        account=order.account,
        client_order_id=order.client_order_id,
        instrument=order.instrument,
        order_id=order.order_id,
    )


def on_open_orders(state: State, account: Account, event: OpenOrdersReported) -> list[Effect]:
    """What we hold open and the venue's complete listing does not have: ask after each.

    And after what it has and only our sum of fills calls over: one of them was undone, it seems.
    """
    listed = dict.fromkeys(event.client_order_ids)
    held = [state.orders[name] for name in account.working if name not in listed]
    effects = [
        query(order)
        for order in held
        if order.status in ("acknowledged", "partially_filled")
        and order.requested_at < event.asked_at
    ]
    for order in [state.orders[name] for name in listed if name in state.orders]:
        if order.summed_at < event.asked_at:
            effects += _take_up(state, order)
    return effects


def _take_up(state: State, order: Order) -> list[Effect]:
    """Over by our sum only, and that is in doubt: it counts as exposure until the venue says."""
    if not orders.take_back(order):
        return []
    note_move(state, "order", *orders.TAKEN_BACK)
    count(state, "orders_taken_up")
    _list_working(state, order)
    _touch(state, order)
    again = arm(state, f"order/{order.client_order_id}", state.now + 2 * QUERY_NS)
    return [_tell(order), query(order), again]


def after_restart(state: State, now: int) -> list[Effect]:
    """What was in flight when we died is unknown until the venue tells; strategies hear of
    their working orders, then what they hold."""
    effects: list[Effect] = []
    names = [name for account in state.accounts.values() for name in account.working]
    for order in [state.orders[name] for name in names]:
        effects.append(_tell(order))
        if order.status in ("in_flight", "unknown"):
            _move(state, order, "unknown")
            effects += [query(order), arm(state, f"order/{order.client_order_id}", now + QUERY_NS)]
        elif order.cancel_wanted:
            effects.append(_cancel(order))
    return effects + positions.tell_all(state)


def _adopt(state: State, event: OrderReported) -> Order | None:
    """An order that bears our prefix and that we do not know: the journal lost it."""
    if not ids.is_ours(state.node, event.client_order_id) or event.side is None:
        return None
    count(state, "adopted_orders")
    order = Order(
        client_order_id=event.client_order_id,
        strategy=UNATTRIBUTED,
        reference="",
        account=event.account,
        instrument=event.instrument,
        side=event.side,
        leg=event.leg,
        quantity=event.quantity,
        price=event.price,
        kind="limit",
        reduce_only=False,
        status="unknown",
        requested_at=event.received_at,
    )
    if _is_in_opening(state, event):
        order.filled = max(0, event.filled_quantity)
    state.orders[order.client_order_id] = order
    _list_working(state, order)
    leases.hold(state, order)
    _touch(state, order)
    return order


def _is_in_opening(state: State, event: OrderReported) -> bool:
    """Whether all that was filled of a found order is in an adopted opening: nobody tells it."""
    listing = state.accounts[event.account].listings.get(event.instrument)
    if listing is None or not event.occurred_at:
        return False
    traded, leg = (
        (listing.base, "cash") if listing.kind == "spot" else (event.instrument, event.leg)
    )
    return is_covered(state, holding(event.account, traded, leg), event.occurred_at, 0)


def on_covered(state: State, order: Order | None, quantity: int) -> list[Effect]:
    """A fill that an opening has in it: of an order that we found, what its venue claims comes."""
    if order is None or order.filled + quantity > order.told_filled:
        return []
    return on_filled(state, order, quantity, moves=True)


# --- fills ---------------------------------------------------------------------------------------


def on_named(state: State, event: Named) -> list[Effect]:
    """What moves the books may be the first to tell the venue's id of our order."""
    account = state.accounts[event.account]
    order = order_of(state, account, event)
    if order is None or not event.order_id or order.order_id:
        return []
    order.order_id = event.order_id
    return _placed_as(state, account, order)


def order_of(state: State, account: Account, event: Named) -> Order | None:
    """Our order that a fill belongs to; a venue's record often names only the venue's own id."""
    own = event.client_order_id or account.client_ids.get(event.order_id, "")
    return state.orders.get(own)


def on_filled(state: State, order: Order | None, quantity: int, *, moves: bool) -> list[Effect]:
    """A fill was booked, or undone (then negative): what remains follows, the strategy hears.

    Busts and corrections do not move the order: it is over, or goes on, as the venue says. Where
    only our sum said that it is over, and does so no more, the venue is asked.
    """
    if order is None:
        return []
    order.filled += quantity
    _touch(state, order)
    if moves:
        return _told_by_fills(state, order, quantity)
    effects: list[Effect] = [_tell(order, moved=quantity)]
    if order.filled < order.quantity:
        effects += _take_up(state, order)
    return effects


def remember_orphan(
    state: State, account: Account, event: FillReported | FillBusted, quantity: int
) -> list[Effect]:
    """A fill, or its undoing, of an order that we do not know, and that may be ours: ask.

    It names the venue's id only, or an id of ours that the journal lost.
    """
    name = event.client_order_id
    if not event.order_id or (name and not ids.is_ours(state.node, name)):
        return []
    orphan = Orphan(event.instrument, quantity, tuple(state.posted))
    known = account.orphans.setdefault(event.order_id, [])
    known.append(orphan)
    return [_whose(account, event.order_id, orphan)] if len(known) == 1 else []


def ask_for_orphans(account: Account) -> list[Effect]:
    """Ask again after those whose answer never came."""
    return [_whose(account, order_id, known[0]) for order_id, known in account.orphans.items()]


def _whose(account: Account, order_id: str, orphan: Orphan) -> Effect:
    return QueryOrder(
        account=account.name, client_order_id="", order_id=order_id, instrument=orphan.instrument
    )


def on_progressed(state: State, order: Order | None, event: ProgressReported) -> list[Effect]:
    """An order's progress was booked."""
    if order is None:
        return []
    moved = max(0, event.quantity - order.filled)
    order.filled += moved
    _touch(state, order)
    return _told_by_fills(state, order, moved)


def _move(state: State, order: Order, told: OrderReport | OrderStatus) -> bool:
    """Move by the table; an account's working orders are listed apart, since they are few."""
    was = order.status
    moved = orders.move(order, told)
    if moved:
        note_move(state, "order", was, order.status)
        _list_working(state, order)
        _touch(state, order)
    return moved


def _touch(state: State, order: Order) -> None:
    """Its reservation follows before the step ends."""
    if order.uses or state.risk.desk is not UNSET:
        state.risk.touched[order.client_order_id] = None


def _list_working(state: State, order: Order) -> None:
    working = state.accounts[order.account].working
    if order.status in TERMINAL:
        working.pop(order.client_order_id, None)
    else:
        working[order.client_order_id] = None


def _told_by_fills(state: State, order: Order, moved: int) -> list[Effect]:
    moved_to: OrderStatus = "filled" if order.filled >= order.quantity else "partially_filled"
    if _move(state, order, moved_to) and order.status == "filled":
        order.summed_at = state.now
    return [_tell(order, moved=moved)]


def _tell(order: Order, reason: str = "", moved: int = 0) -> Effect:
    return TellStrategy(
        strategy=order.strategy,
        reference=order.reference,
        client_order_id=order.client_order_id,
        account=order.account,
        instrument=order.instrument,
        side=order.side,
        status=order.status,
        quantity=order.quantity,
        filled_quantity=order.filled,
        leg=order.leg,
        reason=reason,
        moved=moved,
    )
