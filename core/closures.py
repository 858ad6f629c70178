"""Entries are closed while something is wrong with us or an account, and opened when it is over.

Rule 1. A closure refuses what adds to exposure, by a code that names what is wrong. Exits pass, by
at most what the strategy holds; cancels pass no gate.
Rule 2. What is wrong is found by whoever watches, in each life anew: a node that comes up knows of
nothing that is wrong.
Rule 3. Told twice it is one closure, since the first time.
"""

from msgspec import UNSET

from core.effects import Effect, RaiseAlert
from core.risk_events import EntriesClosed, EntriesOpened
from core.risk_state import Closure
from core.state import State, count

NS = 1_000_000_000


def on_closed(state: State, event: EntriesClosed) -> list[Effect]:
    """Nothing that adds passes there any more."""
    if state.risk.closures is UNSET:
        state.risk.closures = {}
    name = f"{event.code}/{event.place}"
    if name in state.risk.closures:
        return []
    state.risk.closures[name] = Closure(event.code, event.place, event.reason, event.received_at)
    count(state, f"closed/{name}")
    text = f"entries are closed: {event.code}: {event.reason}"
    return [RaiseAlert(severity="critical", subject=_subject(event.place), text=text)]


def on_opened(state: State, event: EntriesOpened) -> list[Effect]:
    """That is over; what else is wrong still holds."""
    if state.risk.closures is UNSET:
        return []
    closure = state.risk.closures.pop(f"{event.code}/{event.place}", None)
    if closure is None:
        return []
    lasted = (event.received_at - closure.since) // NS
    text = f"{event.code} is over after {lasted} s"
    return [RaiseAlert(severity="notice", subject=_subject(event.place), text=text)]


def after_restart(state: State) -> None:
    """Rule 2."""
    if state.risk.closures is not UNSET:
        state.risk.closures.clear()


def refusal(state: State, account: str) -> tuple[str, str]:
    """The code and the words by which entries are refused there; two empty texts if they pass."""
    if state.risk.closures is UNSET:
        return "", ""
    for closure in state.risk.closures.values():
        if closure.place in ("", account):
            return closure.code, f"{closure.reason}: only exits pass"
    return "", ""


def _subject(place: str) -> str:
    return place or "node"
