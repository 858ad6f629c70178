"""Restatements: a contract's multiplier changes under us, and the venue counts our position anew.

Rule 1. At its time, by the venue's clock, a change brings each leg from q to q x old / new:
exactly, or not at all and with a break.
Rule 2. An announced change is booked when its time comes. Terms told without a time are those in
force when told: they confirm what was announced, or tell that something was not.
Rule 3. A fill is of the contracts of its own time, whenever it is told (`core.books`).
"""

from collections.abc import Sequence

from core import books, dating, positions, reconcile
from core.effects import Effect, RaiseAlert
from core.events import FillBusted, FillReported, InstrumentListed
from core.listening import ASK_TIMEOUT_NS, arm, fetch_instruments
from core.state import (
    UNATTRIBUTED,
    Account,
    Booking,
    Derived,
    Listing,
    Posting,
    State,
    Terms,
    count,
    holding,
)


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
    terms, change = Terms(event.multiplier, event.effective_at), listing.derived
    if change is not None and change.new == terms.multiplier:
        if change.lo <= terms.effective_at <= change.hi and terms not in listing.changes:
            change.lo = change.hi = terms.effective_at
            return _move(
                state, account, listing, terms.effective_at, event.frame, event.received_at
            )
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
    change = _derived(state, account, listing, event)
    later = [terms for terms in announced if terms.effective_at > now]
    listing.changes[listing.restated :] = [Terms(event.multiplier, change.since), *later]
    return _restate_late(state, account, listing, event.frame, now, change)


def _is_younger(account: Account, listing: Listing, event: InstrumentListed) -> bool:
    """Whether the telling is surely of a time after the last change.

    An answer is where we asked after it; of what was pushed only a while says so.
    """
    if event.asked_at:
        return event.asked_at - account.clock_error_ns > listing.effective_at
    return event.received_at - listing.effective_at >= ASK_TIMEOUT_NS


def _derived(state: State, account: Account, listing: Listing, event: InstrumentListed) -> Derived:
    """When a change that nobody announced came into force, as far as it is known."""
    lo = max(listing.effective_at + 1, listing.confirmed_at)
    hi = max(lo, event.received_at + account.clock_error_ns)
    names = dating.legs(state, account, listing)
    moved = [entry.occurred_at + 1 for name in names for entry in state.recent.get(name, ())]
    change = Derived(
        old=listing.multiplier,
        new=event.multiplier,
        lo=lo,
        hi=hi,
        since=0,
        heard_at=event.received_at,
        before=listing.effective_at,
    )
    follows = max(lo, min(max(moved, default=lo), hi))
    change.since = dating.place(state, account, listing, change) or follows
    return change


def reconsider(state: State, account: Account, frame: int, now: int) -> list[Effect]:
    """Where the legs by now speak for another moment of a change, move it there."""
    effects: list[Effect] = []
    for listing in account.listings.values():
        change = listing.derived
        if change is not None:
            settled = dating.is_settled(account, listing, change)
            moment = 0 if settled else dating.place(state, account, listing, change)
            moment = moment or max(change.lo, min(change.since, change.hi))
            if moment != change.since:
                effects += _move(state, account, listing, moment, frame, now)
    return effects


def heed(state: State, account: Account, event: FillBusted) -> list[Effect]:
    """A bust tells what its fill was worth, and so which contracts that counted."""
    listing = account.listings.get(event.instrument)
    change = listing.derived if listing is not None else None
    if listing is None or change is None or listing.kind != "linear" or event.value is None:
        return []
    moments = [
        each.event.occurred_at
        for each in listing.bookings
        if isinstance(each.event, FillReported)
        and (each.event.fill_id, each.event.side) == (event.fill_id, event.side)
        and change.lo <= each.event.occurred_at <= change.hi
    ]
    told = books.told_units(state, event, event.value, listing.settle)
    for moment in moments:
        if books.fill_value(state, listing, event, change.new)[0] == told:
            change.hi = moment
        elif books.fill_value(state, listing, event, change.old)[0] == told:
            change.lo = moment + 1
    return reconsider(state, account, event.frame, event.received_at)


def _move(
    state: State, account: Account, listing: Listing, moment: int, frame: int, now: int
) -> list[Effect]:
    """Take the last change back, and book it at another moment."""
    change = listing.derived
    assert change is not None, "only what is derived can be moved"
    count(state, f"multiplier_moved/{account.name}")
    undone = books.unbook(state, listing, min(moment, change.since))
    lines = [Posting(line.holding, line.figure, -line.amount) for line in change.lines]
    books.post(state, lines, change.since, 0)
    listing.restated -= 1
    listing.changes[listing.restated] = Terms(change.new, moment)
    listing.multiplier, listing.effective_at = change.old, change.before
    change.since = moment
    change.agreed.clear()
    return _restate(state, account, listing, frame, now, undone, derived=change)


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
    state: State,
    account: Account,
    listing: Listing,
    frame: int,
    now: int,
    derived: Derived | None = None,
) -> list[Effect]:
    """Book a change that is in force already: what happened since counts the new contracts.

    It is unbooked and booked anew. Of what is no longer remembered the count is right and the value
    is not: that is shown.
    """
    since = listing.changes[listing.restated].effective_at
    undone = books.unbook(state, listing, since)
    forgotten = [
        name
        for name in dating.legs(state, account, listing)
        if len(undone) == books.BOOKINGS_KEPT
        and any(entry.occurred_at >= since for entry in state.recent.get(name, ()))
    ]
    return _restate(state, account, listing, frame, now, undone, forgotten, derived)


def _restate(
    state: State,
    account: Account,
    listing: Listing,
    frame: int,
    now: int,
    undone: Sequence[Booking] = (),
    wrong: Sequence[str] = (),
    derived: Derived | None = None,
) -> list[Effect]:
    terms, old = listing.changes[listing.restated], listing.multiplier
    listing.multiplier, listing.effective_at = terms.multiplier, terms.effective_at
    listing.restated += 1
    listing.derived = derived
    posted: list[Posting] = []
    identity = f"restated:{listing.instrument}:{terms.multiplier}:{terms.effective_at}"
    account.seen[identity] = str(old)
    count(state, f"multiplier_changed/{account.name}")
    text = f"{listing.instrument}: multiplier {old} became {terms.multiplier}"
    effects: list[Effect] = [RaiseAlert(severity="warning", subject=account.name, text=text)]
    odd = dict.fromkeys(wrong)
    for name in dating.legs(state, account, listing):
        lines = _restated(state, name, old, terms)
        if lines is None:
            odd[name] = None
        else:
            posted += lines
    books.post(state, posted, terms.effective_at, 0)
    if derived is not None:
        derived.lines = posted
    for booking in undone:
        if not books.rebook(state, account, listing, booking):
            odd[holding(account.name, listing.instrument, booking.event.leg)] = None
    effects += positions.tell(state, account.name, listing)
    reconcile.on_posted(state, "multiplier", frame, now)
    for name in odd:
        count(state, f"restated_wrong/{account.name}")
        effects += reconcile.conflict(state, account, name, frame, now, cause="multiplier")
    return effects


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
