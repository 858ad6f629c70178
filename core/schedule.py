"""When a payment settles, when its evidence is due, and until when it may come back.

All of it follows from the scheme's terms and its calendar by whole-number arithmetic; where the
calendar does not reach, there is no answer, and nothing is sent on a guess.
"""

from msgspec import Struct

from core import calendars
from core.rail_events import SchemePublished, Within
from core.settlement_state import Leg
from core.state import State


class Times(Struct, frozen=True, gc=False):
    """Of one payment sent now: when it settles, when evidence is due, when silence settles it."""

    settles_at: int
    due_at: int
    silent_until: int


def times(state: State, scheme: SchemePublished, now: int) -> Times | None:
    """The times of a payment sent now; None where no calendar says."""
    settles_at = now
    if scheme.windows:
        calendar = state.settlement.calendars.get(scheme.calendar)
        if calendar is None:
            return None
        found = calendars.next_window(calendar, scheme.windows, now)
        if isinstance(found, calendars.Beyond):
            return None
        settles_at = found.settles_at
    silent_until = 0
    if scheme.silence is not None:
        silent_until = end(state, scheme, scheme.silence, settles_at)
        if not silent_until:
            return None
    if any(not end(state, scheme, each, settles_at) for each in scheme.returns):
        return None  # nobody could say until when it may come back
    return Times(settles_at, settles_at + scheme.settles_ns_max, silent_until)


def silent_until(state: State, scheme: SchemePublished, settled_at: int) -> int:
    """When silence settles what moved then; 0 where no calendar says, or no silence settles."""
    return end(state, scheme, scheme.silence, settled_at) if scheme.silence is not None else 0


def revocable_until(state: State, scheme: SchemePublished, settled_at: int) -> int:
    """The end of the last span in which the rail lets a payment settled then come back; 0: none."""
    return max((end(state, scheme, each, settled_at) for each in scheme.returns), default=0)


def over_at(state: State, scheme: SchemePublished, settled_at: int) -> int:
    """The end of the last span in which a payment settled then may come back or be asked back by
    the scheme's rules; 0: none."""
    spans = (*scheme.returns, *scheme.recalls)
    return max((end(state, scheme, each, settled_at) for each in spans), default=0)


def may_return(state: State, scheme: SchemePublished, leg: Leg, code: str, now: int) -> bool:
    """Whether the rail lets this payment come back now, for this reason, or its receiver may agree.

    A reason that no span names may use the longest.
    """
    every = [*scheme.returns, *scheme.consents]
    spans = [each for each in every if code in each.codes] or every
    settled_at = leg.settles_at or leg.settled_at
    return any(now <= end(state, scheme, each, settled_at) for each in spans)


def end(state: State, scheme: SchemePublished, within: Within, settled_at: int) -> int:
    """0 where no calendar says."""
    calendar = state.settlement.calendars.get(scheme.calendar)
    if calendar is None:
        return 0
    end = calendars.end_of(calendar, within, settled_at)
    return 0 if isinstance(end, calendars.Beyond) else end
