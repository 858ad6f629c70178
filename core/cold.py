"""The cold engine's word: asked for by the clock of this process, and how long it may be acted on.

Rule 1. Its age counts from our own request, so that no delay of an answer adds to it; no clock but
ours is ever compared.
Rule 2. Anything irregular closes (an answer out of sequence, of an epoch before, to no request of
this life, or too late) until the next regular one; closing forbids new reservations, frees nothing.
Rule 3. The same answer once more is the same answer.

We ask twice in a heartbeat: so an answer that comes in time tightens nothing.
"""

from msgspec import UNSET

from core.effects import Effect
from core.listening import arm
from core.risk_effects import AskEngine
from core.risk_events import ExposureStated
from core.risk_state import Cold
from core.state import State, count, note_move

ALARM = "engine"
# The cold engine's word: whether it is acted on.
MOVES: dict[str, tuple[str, ...]] = {"closed": ("open",), "open": ("closed",)}
# Requests that are remembered: an answer to an older one is as good as expired.
REQUESTS_MAX = 64


def begin(state: State) -> list[Effect]:
    """Limits of this process's gate were loaded: from now on the engine is asked."""
    if state.risk.cold is not UNSET:
        return []
    state.risk.cold = Cold()
    return ask(state)


def after_restart(state: State) -> list[Effect]:
    """What was asked by the life before is of another clock: closed until there is an answer."""
    cold = state.risk.cold
    if cold is UNSET:
        return []
    cold.asked.clear()
    _move(state, cold, is_open=False)
    return ask(state)


def ask(state: State) -> list[Effect]:
    """Ask now, and again after half a heartbeat."""
    cold, now = state.risk.cold, state.now
    assert cold is not UNSET
    cold.request += 1
    cold.asked[str(cold.request)] = now
    while len(cold.asked) > REQUESTS_MAX:
        del cold.asked[next(iter(cold.asked))]
    again = arm(state, ALARM, now + max(1, state.risk.heartbeat_ns // 2))
    return [AskEngine(request=cold.request), again]


def age_ns(state: State) -> int:
    """How old the engine's word is: nothing where none is asked, a lease where it is closed."""
    cold = state.risk.cold
    if cold is UNSET:
        return 0
    return state.now - cold.since if cold.is_open else state.risk.ttl_ns


def heard(state: State, event: ExposureStated) -> bool:
    """Take in an answer; whether what it says is to be believed."""
    cold = state.risk.cold
    if cold is UNSET or not event.sequence:
        return True
    place = (event.epoch, event.sequence)
    if place == (cold.epoch, cold.sequence):
        count(state, "engine_echoes")
        return False
    why = _irregular(state, cold, event)
    newer = place > (cold.epoch, cold.sequence)
    if newer:
        cold.epoch, cold.sequence = place
    _move(state, cold, is_open=not why)
    if why:
        count(state, f"engine_irregular/{why}")
    else:
        cold.since = cold.asked[str(event.request)]
    return newer


def _move(state: State, cold: Cold, *, is_open: bool) -> None:
    if is_open != cold.is_open:
        note_move(state, "engine", *(("closed", "open") if is_open else ("open", "closed")))
    cold.is_open = is_open


def _irregular(state: State, cold: Cold, event: ExposureStated) -> str:
    """What is wrong with an answer; "" mostly."""
    if event.epoch < cold.epoch:
        return "epoch"
    follows = cold.sequence + 1 if event.epoch == cold.epoch else 1
    if event.sequence != follows:
        return "sequence"
    asked = cold.asked.get(str(event.request))
    if asked is None:
        return "request"
    return "late" if state.now - asked >= state.risk.ttl_ns else ""
