"""Adjustments: what two people book to repair a break, and what is refused.

Rule 1. An adjustment names one open break and its holding, and moves the books towards the venue's
figure, never past it. A break without a size (two tellings contradict) takes any amount, or none.
Rule 2. What is refused says what would do; nothing is booked of it, and its id stays free.
"""

from core import books, reconcile
from core.effects import Effect, RaiseAlert
from core.events import AdjustmentBooked
from core.ledger import book, nostro
from core.people import are_two
from core.state import Drift, State, count


def on_adjustment(state: State, event: AdjustmentBooked) -> list[Effect]:
    """Book the repair at the as-of at which it was told first; the break closes if nothing is left.

    A statement of between, told late, then says what the books say."""
    drift, wrong = _named(state, event.break_number), fault(state, event)
    if wrong or drift is None:
        count(state, "adjustments_refused")
        text = f"adjustment {event.adjustment_id} of {event.holding} refused: {wrong}"
        return [RaiseAlert(severity="warning", subject=event.holding, text=text)]
    count(state, f"adjusted/{event.holding.rpartition('/')[0].rpartition('/')[0]}")
    state.adjusted[event.adjustment_id] = f"{event.holding} {event.amount}"
    _book(state, event, drift.since or drift.reading.hi)
    reconcile.on_adjusted(state, drift, event)
    return []


def _book(state: State, event: AdjustmentBooked, at: int) -> None:
    """At a venue in its holding; of an account that keeps money in the ledger, and so in both."""
    account, asset = event.holding.rsplit("/", 2)[:2]
    if state.accounts[account].tells != "lines":
        books.book_adjustment(state, event, at)
        return
    theirs = f"adjustments/{account}/{asset}"
    lines = ((nostro(account, asset), event.amount), (theirs, -event.amount))
    book(state, "adjustment", event.holding, event.frame, lines, at)


def _named(state: State, number: int) -> Drift | None:
    return next((drift for drift in state.breaks.values() if drift.number == number), None)


def fault(state: State, event: AdjustmentBooked) -> str:
    """Why it is refused, and what would do; "" where nothing is wrong."""
    drift = _named(state, event.break_number)
    if not are_two(event.author, event.approver):
        return "it needs an author and another person's approval"
    if event.adjustment_id in state.adjusted:
        return "its id was used before; a new one would do"
    if drift is None:
        return f"there is no open break {event.break_number}; {_open(state)}"
    if drift.reading.holding != event.holding:
        return f"break {drift.number} is open in {drift.reading.holding}, not here"
    if drift.contradiction:
        return ""
    low, high = min(drift.size, 0), max(drift.size, 0)
    if event.amount == 0 or not low <= event.amount <= high:
        return f"{event.amount} does not repair {drift.size}; that much or a part of it would do"
    return ""


def _open(state: State) -> str:
    numbers = [f"{drift.number} ({name}, {drift.size})" for name, drift in state.breaks.items()]
    return f"open are {', '.join(numbers)}" if numbers else "none is open"
