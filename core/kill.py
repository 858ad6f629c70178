"""The kill switch: block, cancel, confirm that none is open, flatten, verify.

Rule 1. From the step that takes the order in, nothing new is sent but exits of the kill itself.
Rule 2. No stage is over by hope: the venue's own word, asked for after the stage began, ends it.
Rule 3. It never gives up: what does not come is asked for again, and a person hears of it.
Rule 4. The last word is asked for when no request of ours can be on its way any more.

The same table serves a node with all its books and one that was made a moment ago because the node
and its journal are dead (`tieout kill`).
"""

from typing import NamedTuple

from core import leases, strategies, trading
from core.effects import (
    CancelOrder,
    Effect,
    FetchOpenOrders,
    FetchStatement,
    PlaceOrder,
    RaiseAlert,
)
from core.events import (
    Event,
    Leg,
    OpenOrdersReported,
    OrderReported,
    OrderRequested,
    Side,
    StatementReported,
    StatementRow,
)
from core.gate import Approved, Gate, Refused
from core.listening import arm
from core.orders import TERMINAL
from core.people import are_two
from core.positions import LEGS
from core.risk_effects import CancelAllOrders, TellKill
from core.risk_events import KillLifted, KillOrdered
from core.risk_state import Kill, Killing, Stage
from core.state import Account, State, holding, note_move


class Row(NamedTuple):
    """What a stage does, what ends it, and what may come after."""

    does: str
    ends: str
    then: tuple[Stage, ...]


PROCEDURE: dict[Stage, Row] = {
    "cancelling": Row(
        "fence all gates, disable all strategies; cancel all that is open, one by one and at once",
        "the cancels are sent",
        ("confirming",),
    ),
    "confirming": Row(
        "read the venue's open orders, again and again",
        "none is open there, and none of ours is without an outcome",
        ("flattening", "verifying"),
    ),
    "flattening": Row(
        "read the venue's positions; close each by reduce-only market orders",
        "the venue says that no contract is held",
        ("verifying",),
    ),
    "verifying": Row(
        "read both again once no request of ours can be on its way",
        "none is open, none is held",
        ("cancelling", "flattening", "done"),
    ),
    "done": Row("block until two people lift it", "two people", ()),
}


class OnlyExits:
    """The gate of a person who takes the venue's word: reduce-only market orders pass."""

    def check(self, state: State, wish: OrderRequested, order: PlaceOrder) -> Approved | Refused:
        """Decide by the wish alone: our books may be wrong, or there are none."""
        if wish.reduce_only and wish.kind == "market" and wish.quantity > 0:
            return Approved(order)
        return Refused("NOT_AN_EXIT", "a kill sends reduce-only market orders only")

    def follow(self, state: State, event: Event) -> str:
        """It has no counters; the node's own gate counts what passes here."""
        return ""


AGAIN_NS = 1_000_000_000
ROUNDS_UNTIL_ALERT = 10


def on_ordered(state: State, event: KillOrdered) -> list[Effect]:
    """Block everything, then cancel on every account that it is about."""
    if event.kill_id in state.risk.kills:
        return []
    kill = Kill(event.kill_id, event.by, event.reason, event.flatten, event.received_at)
    state.risk.kills[event.kill_id] = kill
    effects = leases.fence_all(state, f"kill {event.kill_id}")
    for name in list(state.risk.strategies):
        effects += strategies.disable(state, name, f"kill {event.kill_id}")
    text = f"kill {event.kill_id} by {event.by}: {event.reason}"
    effects.append(RaiseAlert(severity="critical", subject="kill", text=text))
    for account in state.accounts.values():
        wanted = not event.accounts or account.name in event.accounts
        if wanted and account.tells != "lines":
            kill.accounts[account.name] = Killing("cancelling", state.now, state.now)
            effects += _cancel(state, kill, account)
    return effects + _missed(kill, event)


def _missed(kill: Kill, event: KillOrdered) -> list[Effect]:
    """Whoever names an account that has no orders of ours to cancel meant another one."""
    missed = [name for name in event.accounts if name not in kill.accounts]
    if not missed:
        return []
    text = f"kill {kill.kill_id} does nothing on {', '.join(missed)}: no such account trades here"
    return [RaiseAlert(severity="critical", subject="kill", text=text)]


def on_lifted(state: State, event: KillLifted) -> list[Effect]:
    """Two people lift the block of a kill that is done; strategies stay disabled."""
    if event.kill_id not in state.risk.kills:
        return []
    if wrong := fault(state, event):
        return [RaiseAlert(severity="warning", subject="kill", text=wrong)]
    del state.risk.kills[event.kill_id]
    return [RaiseAlert(severity="notice", subject="kill", text=f"kill {event.kill_id} is lifted")]


def fault(state: State, event: KillLifted) -> str:
    """Why it is not lifted; "" where nothing is in the way."""
    kill = state.risk.kills.get(event.kill_id)
    if kill is None:
        stand = ", ".join(state.risk.kills) or "none stands"
        return f"there is no kill {event.kill_id}; one that stands would do: {stand}"
    unfinished = [name for name, each in kill.accounts.items() if each.stage != "done"]
    if not unfinished and are_two(event.by, event.approver):
        return ""
    why = f"unfinished on {', '.join(unfinished)}" if unfinished else "it takes two people"
    return f"kill {event.kill_id} is not lifted: {why}"


def follow(state: State, gate: Gate, event: Event) -> list[Effect]:
    """What an event that was just taken in means to the kills that go on."""
    effects: list[Effect] = []
    for kill in list(state.risk.kills.values()):
        for name, killing in kill.accounts.items():
            if killing.stage == "done" or name != getattr(event, "account", ""):
                continue
            account = state.accounts[name]
            match event:
                case OrderReported():
                    _note(killing, event)
                case OpenOrdersReported():
                    effects += _on_open_orders(state, kill, account, event)
                case StatementReported(kind="positions", complete=True):
                    effects += _on_positions(state, gate, kill, account, event)
                case _:
                    pass
    return effects


def on_alarm(state: State, rest: str, now: int) -> list[Effect]:
    """It took too long: ask again, and say so from time to time."""
    for kill in state.risk.kills.values():
        name = rest.removeprefix(f"{kill.kill_id}/")  # its name may be any text
        killing = kill.accounts.get(name)
        if killing is not None and name != rest:
            break
    else:
        return []
    if killing.stage == "done":
        return []
    account = state.accounts[name]
    killing.rounds += 1
    effects: list[Effect] = []
    if killing.rounds % ROUNDS_UNTIL_ALERT == 0:
        text = f"kill {kill.kill_id} is {killing.stage} after {killing.rounds} rounds on {name}"
        effects.append(RaiseAlert(severity="critical", subject="kill", text=text))
    if killing.stage == "confirming":  # what was asked for before still counts when it comes
        effects += [*_cancels(state, killing, account), _tell(kill, account)]
    return effects + _ask(state, kill, account)


# --- stages --------------------------------------------------------------------------------------


def _enter(state: State, kill: Kill, account: Account, stage: Stage) -> list[Effect]:
    """Go on by the table, and tell whoever watches."""
    killing = kill.accounts[account.name]
    assert stage in PROCEDURE[killing.stage].then, (killing.stage, stage)
    note_move(state, "kill", killing.stage, stage)
    killing.stage, killing.since, killing.asked_at = stage, state.now, state.now
    killing.none_open = killing.none_held = False
    effects: list[Effect] = [_tell(kill, account)]
    if stage == "cancelling":
        return effects + _cancel(state, kill, account)
    if stage == "done":
        state.alarms.pop(_alarm(kill, account), None)
        return effects
    return effects + _ask(state, kill, account)


def _cancel(state: State, kill: Kill, account: Account) -> list[Effect]:
    """Cancel what is open, then ask what still is."""
    killing = kill.accounts[account.name]
    killing.stage = "cancelling"
    return _cancels(state, killing, account) + _enter(state, kill, account, "confirming")


def _cancels(state: State, killing: Killing, account: Account) -> list[Effect]:
    """By whichever way there is."""
    effects: list[Effect] = [CancelAllOrders(account=account.name)]
    for name in account.working:
        if state.orders[name].strategy != strategies.KILL:
            effects += trading.cancel(state, state.orders[name], state.now)
    return effects + _cancel_found(account, killing)


def _cancel_found(account: Account, killing: Killing) -> list[Effect]:
    """Cancel what the venue told of and we do not know as ours."""
    return [
        CancelOrder(
            account=account.name,
            client_order_id=client_order_id,
            instrument=instrument,
            order_id=order_id,
        )
        for client_order_id, order_id, instrument in killing.orders.values()
        if client_order_id not in account.working
    ]


def _ask(state: State, kill: Kill, account: Account) -> list[Effect]:
    """Ask for the evidence that ends the stage: however slow the answer is, it counts."""
    killing = kill.accounts[account.name]
    effects: list[Effect] = []
    if killing.stage in ("confirming", "verifying"):
        killing.orders.clear()
        effects.append(FetchOpenOrders(account=account.name))
    if killing.stage in ("flattening", "verifying") and _flattens(kill, account):
        effects += [trading.query(state.orders[name]) for name in _unended(state, killing)]
        effects.append(FetchStatement(account=account.name, kind="positions"))
    return [*effects, arm(state, _alarm(kill, account), state.now + AGAIN_NS)]


def _unended(state: State, killing: Killing) -> list[str]:
    """Exits of ours whose end nobody told yet: a node without a stream must ask."""
    mine = [name for name in killing.flattening if name in state.orders]
    return [name for name in mine if state.orders[name].status not in TERMINAL]


def _alarm(kill: Kill, account: Account) -> str:
    return f"kill/{kill.kill_id}/{account.name}"


def _flattens(kill: Kill, account: Account) -> bool:
    return kill.flatten != "nothing" and "positions" in account.statements


def _note(killing: Killing, event: OrderReported) -> None:
    """An open order that the venue told of, ours or not."""
    key = event.order_id or event.client_order_id
    if event.status in ("acknowledged", "partially_filled"):
        killing.none_open = False
        killing.orders[key] = (event.client_order_id, event.order_id, event.instrument)
    else:
        killing.orders.pop(key, None)


def _on_open_orders(
    state: State, kill: Kill, account: Account, event: OpenOrdersReported
) -> list[Effect]:
    """Confirm, or see what is open and cancel it."""
    killing = kill.accounts[account.name]
    if event.asked_at < killing.asked_at or killing.stage not in ("confirming", "verifying"):
        return []
    if event.client_order_ids or killing.orders:
        told: list[Effect] = [_tell(kill, account, open_orders=len(event.client_order_ids))]
        # A cancel takes a moment: in `confirming` the alarm asks again.
        if killing.stage == "confirming":
            return told + _cancel_found(account, killing)
        return told + _enter(state, kill, account, "cancelling")
    if account.working:
        return []  # ours without an outcome: it is queried until it has one
    if killing.stage == "confirming":
        nxt: Stage = "flattening" if _flattens(kill, account) else "verifying"
        return _enter(state, kill, account, nxt)
    killing.none_open = _is_late(kill, account, event.asked_at)
    return _end(state, kill, account)


def _on_positions(
    state: State, gate: Gate, kill: Kill, account: Account, event: StatementReported
) -> list[Effect]:
    """Close what may be closed, until the venue says that nothing is held."""
    killing = kill.accounts[account.name]
    if event.asked_at < killing.asked_at or killing.stage not in ("flattening", "verifying"):
        return []
    if any(state.orders[name].strategy == strategies.KILL for name in account.working):
        return []  # an exit is under way, of this kill or of another
    killing.flattening.clear()
    killing.positions = {f"{row.subject}/{row.leg}": row.amount for row in event.rows if row.amount}
    if killing.stage == "flattening":
        if not killing.positions:
            return _enter(state, kill, account, "verifying")
        # What our books do not agree with stays: they may catch up, or a person takes his word.
        return _place(state, gate, kill, account, _exits(state, kill, account, event))
    if killing.positions:
        return _enter(state, kill, account, "flattening")
    killing.none_held = _is_late(kill, account, event.asked_at)
    return _end(state, kill, account)


def _end(state: State, kill: Kill, account: Account) -> list[Effect]:
    """Done once the venue said both, whichever it said first."""
    killing = kill.accounts[account.name]
    if killing.none_open and (killing.none_held or not _flattens(kill, account)):
        return _enter(state, kill, account, "done")
    return []


def _is_late(kill: Kill, account: Account, asked_at: int) -> bool:
    """Whether no request that left before the kill can be on its way any more."""
    return asked_at - kill.ordered_at >= trading.grace_ns(account)


def _exits(
    state: State, kill: Kill, account: Account, event: StatementReported
) -> list[tuple[StatementRow, int]]:
    """Each leg that may be closed, and by how much."""
    found = [(row, _closable(state, kill, account, row)) for row in event.rows]
    return [(row, amount) for row, amount in found if amount]


def _closable(state: State, kill: Kill, account: Account, row: StatementRow) -> int:
    """At most what both sides agree on; a person may have ordered to take the venue's word."""
    listing = account.listings.get(row.subject)
    if listing is None or listing.kind == "spot" or row.leg not in LEGS:
        return 0
    if kill.flatten == "venues":
        return abs(row.amount)
    ours = state.holdings.get(holding(account.name, row.subject, row.leg), 0)
    return min(abs(ours), abs(row.amount)) if ours * row.amount > 0 else 0


def _place(
    state: State, gate: Gate, kill: Kill, account: Account, exits: list[tuple[StatementRow, int]]
) -> list[Effect]:
    """Reduce-only market orders, through a gate as all orders."""
    killing = kill.accounts[account.name]
    effects: list[Effect] = [_tell(kill, account)]
    for row, amount in exits:
        side: Side = "sell" if row.amount > 0 else "buy"
        leg: Leg = LEGS[row.leg]
        wish = OrderRequested(
            received_at=state.now,
            strategy=strategies.KILL,
            reference=kill.kill_id,
            account=account.name,
            instrument=row.subject,
            side=side,
            quantity=amount,
            kind="market",
            leg=leg,
            reduce_only=True,
        )
        judge = OnlyExits() if kill.flatten == "venues" else gate
        order, placed = trading.place(state, judge, wish)
        if order is not None:
            killing.flattening.append(order.client_order_id)
            killing.asked_at = state.now  # what was asked for before knows nothing of it
        effects += placed
    return effects


def _tell(kill: Kill, account: Account, open_orders: int = -1) -> Effect:
    killing = kill.accounts[account.name]
    if killing.none_open or killing.stage in ("flattening", "done"):
        open_orders = 0
    positions = (
        len(killing.positions) if killing.stage in ("flattening", "verifying", "done") else -1
    )
    return TellKill(
        kill_id=kill.kill_id,
        account=account.name,
        stage=killing.stage,
        open_orders=open_orders,
        positions=positions,
    )
