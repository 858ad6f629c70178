"""Cash that a strategy asks to have moved from one account of ours to another.

    asked -> in flight -> arrived        asked -> refused

Rule 1. Keys that trade cannot withdraw: we ask a treasury, and it is people or their program that
move it. We know what became of it by what the two venues tell of their own accounts.
Rule 2. Between the debit that one venue told and the credit that the other told, it is in flight,
and nobody's to use. A movement is known by account, asset and exact amount, the oldest move first.
Where a venue lists no movements of cash, those who moved it tell of it.
Rule 3. What is not there in time is an open break until it is; what left too late has as long
again. It is never asked for again.
"""

from msgspec import UNSET

from core import ids
from core.effects import Effect, MoveCash, RaiseAlert, TellMove
from core.events import CashMoved, MoveRequested
from core.items import close_item, open_item
from core.listening import arm
from core.state import CashMove, State, count, holding, note_move

# What may become of one. Where the credit is told first it has arrived, whatever is told after.
MOVES: dict[str, tuple[str, ...]] = {
    "none": ("asked",),
    "asked": ("in_flight", "arrived"),
    "in_flight": ("arrived",),
}
# Of a strategy so many may be open: one that asks without end is no treasury's to serve.
OPEN_MAX = 8


def on_requested(state: State, event: MoveRequested) -> list[Effect]:
    """Ask the treasury, or tell the strategy why not."""
    state.orders_made += 1
    move = CashMove(
        move_id=ids.client_order_id(state.node, state.epoch, state.orders_made),
        strategy=event.strategy,
        reference=event.reference,
        source=event.account,
        target=event.target,
        asset=event.asset,
        amount=event.amount,
        requested_at=event.received_at,
        due_at=event.received_at + event.within_ns,
    )
    code = _refusal(state, move)
    if code:
        count(state, "moves_refused")
        return [_tell(move, "refused", code)]
    if state.cash_moves is UNSET:
        state.cash_moves = {}
    state.cash_moves[move.move_id] = move
    note_move(state, "cash", "none", "asked")
    count(state, "moves_asked")
    return [_ask(move), _tell(move, "asked"), arm(state, f"move/{move.move_id}", move.due_at)]


def _refusal(state: State, move: CashMove) -> str:
    if move.target not in state.accounts or move.target == move.source:
        return "NO_SUCH_ACCOUNT"
    if move.amount <= 0 or move.due_at <= move.requested_at:
        return "NO_AMOUNT"
    standing = state.risk.strategies.get(move.strategy)
    if state.risk.kills or (standing is not None and standing.standing == "disabled"):
        return "STRATEGY_DISABLED"
    others = open_moves(state)
    if sum(each.strategy == move.strategy for each in others) >= OPEN_MAX:
        return "TOO_MANY_OPEN"
    wanted = sum(_undebited(each, move.source, move.asset) for each in others)
    held = state.holdings.get(holding(move.source, move.asset, "cash"), 0)
    return "NOT_THERE" if move.amount + wanted > held else ""


def _undebited(move: CashMove, account: str, asset: str) -> int:
    same = (move.source, move.asset) == (account, asset)
    return move.amount if same and not move.debited_at else 0


def open_moves(state: State) -> list[CashMove]:
    """Those that are not over, in the order in which they were asked for."""
    return list(state.cash_moves.values()) if state.cash_moves is not UNSET else []


# --- what the venues tell ------------------------------------------------------------------------


def of(state: State, event: CashMoved) -> CashMove | None:
    """The move that this movement is the debit or the credit of, if it is one's."""
    for move in open_moves(state):
        if move.asset != event.asset or abs(event.amount) != move.amount:
            continue
        if event.amount < 0 and event.account == move.source and not move.debited_at:
            return move
        if event.amount > 0 and event.account == move.target and not move.credited_at:
            return move
    return None


def on_told(state: State, move: CashMove, event: CashMoved) -> list[Effect]:
    """Its movement was booked: it left, or it came."""
    effects: list[Effect] = []
    if event.amount < 0:
        move.debited_at = event.received_at
        if not move.credited_at:
            note_move(state, "cash", "asked", "in_flight")
            effects = [_tell(move, "in_flight")]
            if move.due_at <= event.received_at:  # its alarm has rung
                move.due_at = event.received_at + move.due_at - move.requested_at
                effects.append(arm(state, f"move/{move.move_id}", move.due_at))
    else:
        move.credited_at = event.received_at
        note_move(state, "cash", "in_flight" if move.debited_at else "asked", "arrived")
        count(state, "moves_arrived")
        close_item(state, move.move_id, "it came", event.frame, "not_arrived")
        effects = [_tell(move, "arrived")]
    if move.debited_at and move.credited_at and state.cash_moves is not UNSET:
        del state.cash_moves[move.move_id]
        state.alarms.pop(f"move/{move.move_id}", None)
    return effects


# --- time passes ---------------------------------------------------------------------------------


def on_alarm(state: State, name: str) -> list[Effect]:
    """It should be over: what left and did not come is a break, what did not leave a question.

    What came, and nobody told that it left, is over: what is missing there a statement says.
    """
    if state.cash_moves is UNSET or name not in state.cash_moves:
        return []
    move = state.cash_moves[name]
    if move.credited_at:
        del state.cash_moves[name]
        text = f"{move.target} has {move.amount} {move.asset}, and {move.source} told of no debit"
        return [RaiseAlert(severity="warning", subject="treasury", text=text)]
    if not move.debited_at:
        text = f"{move.source} was to send {move.amount} {move.asset} to {move.target}: not yet"
        return [RaiseAlert(severity="warning", subject="treasury", text=text)]
    about = (move.target, move.asset, move.amount, 0, f"it left {move.source}")
    return [*open_item(state, "not_arrived", name, *about), _tell(move, "overdue")]


def after_restart(state: State) -> list[Effect]:
    """What may not have been asked for is asked again, under its id: that is safe.

    Strategies begin anew with us, and hear of what is open; what left is off their positions.
    """
    effects: list[Effect] = []
    for move in open_moves(state):
        effects += [] if move.debited_at else [_ask(move)]
        effects += [] if move.credited_at else [_tell(move, "open")]
    return effects


def _ask(move: CashMove) -> Effect:
    return MoveCash(
        move_id=move.move_id,
        source=move.source,
        target=move.target,
        asset=move.asset,
        amount=move.amount,
    )


def _tell(move: CashMove, status: str, reason: str = "") -> Effect:
    return TellMove(
        strategy=move.strategy,
        reference=move.reference,
        move_id=move.move_id,
        source=move.source,
        target=move.target,
        asset=move.asset,
        amount=move.amount,
        status=status,
        reason=reason,
    )
