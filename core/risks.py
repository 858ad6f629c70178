"""Risk's part of the spine: one fact of limits, gates, strategies or a kill in, effects out.

What is lent to gates stands in `core.leases`, who may trade in `core.strategies`, and how all is
brought to a stop in `core.kill`. Whatever moved an order in a step, its reservation follows before
the step ends.
"""

from typing import assert_never

from core import closures, cold, kill, leases, strategies, trading
from core.effects import Effect, RaiseAlert
from core.events import Event
from core.gate import Gate
from core.risk_events import (
    EntriesClosed,
    EntriesOpened,
    ExposureStated,
    GateFenced,
    GateStarted,
    KillLifted,
    KillOrdered,
    LeaseRequested,
    LeaseReturned,
    LimitsLoaded,
    LossStated,
    RiskEvent,
    StrategyStateSet,
    TicketVoided,
)
from core.state import State


def step(state: State, event: RiskEvent) -> list[Effect]:
    """Take in one event of risk."""
    match event:
        case LeaseRequested():
            return leases.on_requested(state, event)
        case LeaseReturned():
            return leases.on_returned(state, event)
        case TicketVoided():
            return leases.on_voided(state, event)
        case ExposureStated():
            return leases.on_exposure(state, event) if cold.heard(state, event) else []
        case LossStated():
            return strategies.on_loss(state, event)
        case GateStarted():
            return leases.on_gate_started(state, event)
        case GateFenced():
            return leases.on_fenced(state, event)
        case StrategyStateSet():
            return strategies.on_set(state, event)
        case LimitsLoaded():
            begun = cold.begin(state) if event.slots else []
            return leases.on_limits(state, event) + begun
        case EntriesClosed():
            return closures.on_closed(state, event)
        case EntriesOpened():
            return closures.on_opened(state, event)
        case KillOrdered():
            return kill.on_ordered(state, event)
        case KillLifted():
            return kill.on_lifted(state, event)
        case _:
            assert_never(event)


def follow(state: State, gate: Gate, event: Event) -> list[Effect]:
    """What a step left behind: kills go on, halted strategies' orders go, reservations follow."""
    risk = state.risk
    effects: list[Effect] = []
    if risk.kills:
        effects += kill.follow(state, gate, event)
    if risk.halted:
        effects += _cancel_halted(state)
    touched = tuple(risk.touched)
    if touched:
        effects += leases.follow(state, event.received_at)
    if risk.content_hash:
        if touched:
            risk.touched = dict.fromkeys(touched)
        told = gate.follow(state, event)
        if told:
            effects.append(RaiseAlert(severity="critical", subject="gate", text=told))
        risk.touched.clear()
    return effects


def _cancel_halted(state: State) -> list[Effect]:
    """Whoever was disabled in this step has no order open after it."""
    halted = dict(state.risk.halted)
    state.risk.halted.clear()
    effects: list[Effect] = []
    for account in state.accounts.values():
        for name in list(account.working):
            order = state.orders[name]
            if order.strategy in halted and not order.cancel_wanted:
                effects += trading.cancel(state, order, state.now)
    return effects


def on_alarm(state: State, what: str, rest: str, now: int) -> list[Effect]:
    """An alarm of risk's rang."""
    if what == cold.ALARM:
        return cold.ask(state)
    if what == "kill":
        return kill.on_alarm(state, rest, now)
    return leases.on_hold_alarm(state, rest)


def after_restart(state: State, records_lost: int) -> list[Effect]:
    """A journal that lost its tail may have forgotten what it lent: nobody may spend that."""
    closures.after_restart(state)
    asked = cold.after_restart(state)
    if not records_lost:
        return asked
    return asked + leases.fence_all(state, f"the journal lost {records_lost} records")
