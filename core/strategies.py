"""Who may trade: strategies start disabled, and are disabled again without anybody asking.

Rule 1. Only a person lets a strategy do more; the house itself only ever disables.
Rule 2. What holds a strategy to exits lets it sell what it holds and no more: an exit cannot flip.
Rule 3. Before limits were loaded for the first time nobody is held; after that, whoever is not
enabled by name is not. While entries are closed (`core.closures`) everybody is.
"""

from core import closures
from core.effects import Effect, RaiseAlert
from core.events import OrderRequested
from core.orders import TERMINAL, awaited, claimed, leaves
from core.positions import held
from core.risk_effects import TellStanding
from core.risk_events import LossStated, Standing, StrategyStateSet
from core.risk_state import Strategy
from core.state import State, count, note_move

BY_A_PERSON: dict[Standing, tuple[Standing, ...]] = {
    "disabled": ("reduce_only", "enabled"),
    "reduce_only": ("enabled", "disabled"),
    "enabled": ("reduce_only", "disabled"),
}
BY_ITSELF: dict[Standing, tuple[Standing, ...]] = {
    "disabled": (),
    "reduce_only": ("disabled",),
    "enabled": ("disabled",),
}

# Under this name a kill closes positions; nobody else is heard under it.
KILL = "kill_switch"


def refusal(state: State, event: OrderRequested) -> tuple[str, str]:
    """Why the strategy may not have this order now; two empty texts if it may."""
    risk = state.risk
    if event.strategy == KILL:
        return "NOT_A_STRATEGY", f"{KILL!r} is nobody's name"
    if risk.kills:
        return "KILLED", f"kill {next(iter(risk.kills))} blocks all orders until it is lifted"
    code, text = closures.refusal(state, event.account)
    if code and event.quantity > exit_room(state, event):
        return code, text
    if not risk.content_hash:
        return "", ""
    strategy = risk.strategies.get(event.strategy)
    if strategy is None or strategy.standing == "disabled":
        why = strategy.reason if strategy is not None and strategy.reason else "nobody enabled it"
        return "STRATEGY_DISABLED", f"{event.strategy} is disabled: {why}"
    if _is_stale(state, event):
        return "STALE_REFERENCE", f"no recent price of {event.instrument} is known"
    if strategy.standing == "reduce_only":
        room = exit_room(state, event)
        if event.quantity > room:
            return "REDUCE_ONLY", f"{event.strategy} may only reduce: {room} would pass"
    return "", ""


def _is_stale(state: State, event: OrderRequested) -> bool:
    terms = state.risk.terms.get(event.strategy)
    account = state.accounts.get(event.account)
    if terms is None or not terms.stale_ns_max or account is None:
        return False
    reference = account.references.get(event.instrument)
    return reference is None or event.received_at - reference.as_of > terms.stale_ns_max


def exit_room(state: State, event: OrderRequested) -> int:
    """How much of this side only reduces what the strategy holds, net of its other reducers: of
    those that work, and of those that are over before their fills were told.
    """
    account = state.accounts.get(event.account)
    listing = account.listings.get(event.instrument) if account is not None else None
    if account is None or listing is None:
        return 0
    if listing.kind != "spot" and not event.reduce_only:
        return 0
    amount = held(state, event.strategy, account.name, listing, event.leg)
    if amount == 0 or (amount > 0) != (event.side == "sell"):
        return 0
    room = abs(amount)
    for name in account.working:
        order = state.orders[name]
        same = order.strategy == event.strategy and order.instrument == event.instrument
        if same and order.leg == event.leg and order.side == event.side:
            room -= leaves(order)
    return max(0, room - _sold(state, event))


def _sold(state: State, event: OrderRequested) -> int:
    """What exits of its that are over took by their venue's word, and the books do not have yet."""
    place = (event.strategy, event.account, event.instrument, event.leg, event.side)
    return sum(
        claimed(order)
        for order in awaited(state)
        if (order.strategy, order.account, order.instrument, order.leg, order.side) == place
        and order.status in TERMINAL
    )


# --- how a standing changes ----------------------------------------------------------------------


def on_set(state: State, event: StrategyStateSet) -> list[Effect]:
    """A person changes it; what does not change is told again."""
    strategy = state.risk.strategies.setdefault(event.strategy, Strategy())
    if event.standing in BY_A_PERSON[strategy.standing]:
        note_move(state, "standing", strategy.standing, event.standing)
        _change(state, event.strategy, strategy, event.standing, f"by {event.by}: {event.reason}")
    return [_tell(event.strategy, strategy)]


def on_loss(state: State, event: LossStated) -> list[Effect]:
    """Beyond its loss a strategy is disabled, and beyond what it may lose of what it had."""
    terms = state.risk.terms.get(event.strategy)
    if terms is None:
        return []
    strategy = state.risk.strategies.setdefault(event.strategy, Strategy())
    strategy.best = max(strategy.best, -event.loss)
    since = strategy.best + event.loss
    if terms.loss_max and event.loss > terms.loss_max:
        return disable(state, event.strategy, f"it lost {event.loss}, above {terms.loss_max}")
    if terms.drawdown_max and since > terms.drawdown_max:
        text = f"it lost {since} since it stood best, above {terms.drawdown_max}"
        return disable(state, event.strategy, text)
    return []


def on_refused(state: State, name: str, code: str, now: int) -> list[Effect]:
    """Stale data disables at once; refusals do, when there are too many of them in a while."""
    terms, strategy = state.risk.terms.get(name), state.risk.strategies.get(name)
    if terms is None or strategy is None:
        return []
    if code == "STALE_REFERENCE":
        return disable(state, name, "its prices are stale")
    if not terms.refusals_max:
        return []
    recent = [at for at in strategy.refused_at if now - at < terms.refusals_window_ns]
    strategy.refused_at = [*recent, now][-terms.refusals_max - 1 :]
    if len(strategy.refused_at) <= terms.refusals_max:
        return []
    return disable(state, name, f"{len(strategy.refused_at)} of its orders were refused in a row")


def disable(state: State, name: str, why: str) -> list[Effect]:
    """The house disables a strategy; its working orders are cancelled before the step ends."""
    strategy = state.risk.strategies.setdefault(name, Strategy())
    if "disabled" not in BY_ITSELF[strategy.standing]:
        return []
    note_move(state, "halt", strategy.standing, "disabled")
    _change(state, name, strategy, "disabled", why)
    count(state, f"disabled/{name}")
    text = f"{name} is disabled: {why}"
    return [_tell(name, strategy), RaiseAlert(severity="critical", subject=name, text=text)]


def _change(state: State, name: str, strategy: Strategy, to: Standing, why: str) -> None:
    strategy.standing, strategy.since, strategy.reason = to, state.now, why
    strategy.refused_at = []
    if to == "disabled":
        state.risk.halted[name] = None


def _tell(name: str, strategy: Strategy) -> Effect:
    return TellStanding(strategy=name, standing=strategy.standing, reason=strategy.reason)
