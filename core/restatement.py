"""Restatements: a contract's multiplier changes under us, and the venue counts our position anew.

Rule 1. At its time, by the venue's clock, a change brings each leg from q to q x old / new:
exactly, or not at all and with a break.
Rule 2. An announced change is booked when its time comes. Terms told without a time are those in
force when told: they confirm what was announced, or tell that something was not.
Rule 3. A fill is of the contracts of its own time, whenever it is told (`core.books`).
"""

from collections.abc import Sequence

from core import books, positions, reconcile
from core.effects import Effect, RaiseAlert
from core.events import InstrumentListed
from core.listening import ASK_TIMEOUT_NS, arm, fetch_instruments
from core.state import (
    UNATTRIBUTED,
    Account,
    Booking,
    Drift,
    Listing,
    Posting,
    State,
    Terms,
    count,
    holding,
)

LEGS = ("net", "long", "short")


def on_told(
    state: State, account: Account, listing: Listing, event: InstrumentListed
) -> list[Effect]:
    """The venue told an instrument's terms: an echo mostly, else a change to come or come."""
    if listing.kind == "spot" or event.multiplier <= 0:
        return []
    if event.effective_at:
        return _on_dated(state, account, listing, event)
    return _on_undated(state, account, listing, event)


def _on_dated(
    state: State, account: Account, listing: Listing, event: InstrumentListed
) -> list[Effect]:
    terms = Terms(event.multiplier, event.effective_at)
    if terms in listing.changes or (
        terms.multiplier == listing.multiplier and terms.effective_at <= event.received_at
    ):
        return []
    if terms.effective_at <= listing.effective_at:
        count(state, f"restated_out_of_order/{account.name}")
        text = f"{listing.instrument}: told of a change older than the last one: not booked"
        return [RaiseAlert(severity="critical", subject=account.name, text=text)]
    listing.changes[listing.restated :] = [terms]  # what was announced before is postponed
    if terms.effective_at <= event.received_at:
        return _restate_late(state, account, listing, event.frame, event.received_at)
    count(state, f"multiplier_announced/{account.name}")
    return _arm(state, account)


def _on_undated(
    state: State, account: Account, listing: Listing, event: InstrumentListed
) -> list[Effect]:
    now, announced = event.received_at, listing.changes[listing.restated :]
    if announced and announced[0].multiplier == event.multiplier:
        if announced[0].effective_at <= now + account.clock_error_ns:
            return _restate(state, account, listing, event.frame, now)
        return []
    if event.multiplier == listing.multiplier:
        if _is_younger(account, listing, event):
            listing.confirmed_at = max(listing.confirmed_at, event.asked_at)
        return []
    if not _is_younger(account, listing, event):
        return [] if event.asked_at else fetch_instruments(account)
    since = _since(state, account, listing, event)
    later = [terms for terms in announced if terms.effective_at > now]
    listing.changes[listing.restated :] = [Terms(event.multiplier, since), *later]
    return _restate_late(state, account, listing, event.frame, now)


def _is_younger(account: Account, listing: Listing, event: InstrumentListed) -> bool:
    """Whether the telling is surely of a time after the last change.

    An answer is where we asked after it; of what was pushed only a while says so.
    """
    if event.asked_at:
        return event.asked_at - account.clock_error_ns > listing.effective_at
    return event.received_at - listing.effective_at >= ASK_TIMEOUT_NS


def _since(state: State, account: Account, listing: Listing, event: InstrumentListed) -> int:
    """When a change that nobody announced came into force: derived, for it was not told.

    A leg whose told figure is exactly ours restated was restated when the venue says that it last
    changed. Where no leg shows it, the change is taken to follow the last fill that we know.
    """
    shown: list[int] = []
    first = max(listing.effective_at + 1, listing.confirmed_at)
    moved = [listing.effective_at]
    for name in _legs(state, account, listing):
        drift = state.suspects.get(name) or state.breaks.get(name)
        if drift is not None and _explains(state, listing, drift, event.multiplier):
            shown.append(drift.reading.hi)
        moved += [entry.occurred_at for entry in state.recent.get(name, ())]
    since = min(shown) if shown else max(moved) + 1
    return max(first, min(since, event.received_at))


def _explains(state: State, listing: Listing, drift: Drift, multiplier: int) -> bool:
    reading = drift.reading
    ours = books.at(state, reading.holding, reading.lo, reading.hi, reading.sequence)
    return bool(ours) and ours[-1] * listing.multiplier == reading.told * multiplier != 0


def _arm(state: State, account: Account) -> list[Effect]:
    """Ring when the next announced change comes into force."""
    due = [
        each.effective_at for ls in account.listings.values() for each in ls.changes[ls.restated :]
    ]
    return [arm(state, f"restate/{account.name}", min(due))] if due else []


def on_due(state: State, account: Account, now: int) -> list[Effect]:
    """The time of an announced change has come."""
    effects: list[Effect] = []
    for listing in account.listings.values():
        for terms in listing.changes[listing.restated :]:
            if terms.effective_at <= now:
                effects += _restate(state, account, listing, 0, now)
    return effects + _arm(state, account)


# --- booking -------------------------------------------------------------------------------------


def _restate_late(
    state: State, account: Account, listing: Listing, frame: int, now: int
) -> list[Effect]:
    """Book a change that is in force already: what happened since counts the new contracts.

    It is unbooked and booked anew. Of what is no longer remembered the count is right and the value
    is not: that is shown.
    """
    since = listing.changes[listing.restated].effective_at
    undone = books.unbook(state, listing, since)
    forgotten = [
        name
        for name in _legs(state, account, listing)
        if len(undone) == books.BOOKINGS_KEPT
        and any(entry.occurred_at >= since for entry in state.recent.get(name, ()))
    ]
    return _restate(state, account, listing, frame, now, undone, forgotten)


def _restate(
    state: State,
    account: Account,
    listing: Listing,
    frame: int,
    now: int,
    undone: Sequence[Booking] = (),
    wrong: Sequence[str] = (),
) -> list[Effect]:
    terms, old = listing.changes[listing.restated], listing.multiplier
    listing.multiplier, listing.effective_at = terms.multiplier, terms.effective_at
    listing.restated += 1
    identity = f"restated:{listing.instrument}:{terms.multiplier}:{terms.effective_at}"
    account.seen[identity] = str(old)
    count(state, f"multiplier_changed/{account.name}")
    text = f"{listing.instrument}: multiplier {old} became {terms.multiplier}"
    effects: list[Effect] = [RaiseAlert(severity="warning", subject=account.name, text=text)]
    odd = dict.fromkeys(wrong)
    for name in _legs(state, account, listing):
        lines = _restated(state, name, old, terms)
        if lines is None:
            odd[name] = None
        else:
            books.post(state, lines, terms.effective_at, 0)
    for booking in undone:
        if not books.rebook(state, account, listing, booking):
            odd[holding(account.name, listing.instrument, booking.event.leg)] = None
    effects += positions.tell(state, account.name, listing)
    reconcile.on_posted(state, "multiplier", frame, now)
    for name in odd:
        count(state, f"restated_wrong/{account.name}")
        effects += reconcile.conflict(state, account, name, frame, now, cause="multiplier")
    return effects


def _legs(state: State, account: Account, listing: Listing) -> list[str]:
    names = [holding(account.name, listing.instrument, leg) for leg in LEGS]
    return [name for name in names if name in state.holdings]


def _restated(state: State, name: str, old: int, terms: Terms) -> list[Posting] | None:
    """What brings the leg from the old contracts to the new; None where that cannot be exact."""
    before = terms.effective_at - 1
    held = books.at(state, name, before, before, 0)
    if not held or held[0] * old % terms.multiplier:
        return None
    change = held[0] * old // terms.multiplier - held[0]
    shares = _shares(state, name)
    if sum(shares.values()) != held[0] or any(
        share * old % terms.multiplier for share in shares.values()
    ):
        shares = {UNATTRIBUTED: held[0]}
    lines = []
    account, subject, leg = name.rsplit("/", 2)
    for strategy, share in shares.items():
        amount = share * old // terms.multiplier - share
        if amount:
            figure = f"{strategy}/{account}/{subject}/restated/{leg}"
            lines.append(Posting(name, figure, amount))
    assert sum(line.amount for line in lines) == change, "the shares are the leg"
    return lines


def _shares(state: State, name: str) -> dict[str, int]:
    """What of a leg each strategy holds."""
    account, subject, leg = name.rsplit("/", 2)
    ends = tuple(f"/{account}/{subject}/{purpose}/{leg}" for purpose in ("position", "restated"))
    shares: dict[str, int] = {}
    for figure, amount in state.figures.items():
        if figure.endswith(ends):
            strategy = figure.partition("/")[0]
            shares[strategy] = shares.get(strategy, 0) + amount
    return shares
