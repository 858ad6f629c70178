"""When a change of a contract came into force that nobody announced: derived, for it was not told.

Rule. It lies in a window: after the last moment at which the old contracts were surely in force,
before we heard of the new. Each place in it, before or after each booking, makes of a leg another
figure at a statement's as-of; the place at which every leg that was told otherwise is as told, is
taken. Where none is, or nothing was told, the change is taken to follow the last booking before it.
"""

from core import books
from core.events import FillBusted
from core.state import Account, Booking, Derived, Listing, Reading, State, holding

LEGS = ("net", "long", "short")


def legs(state: State, account: Account, listing: Listing) -> list[str]:
    """The holdings of the instrument."""
    names = [holding(account.name, listing.instrument, leg) for leg in LEGS]
    return [name for name in names if name in state.holdings]


def place(state: State, account: Account, listing: Listing, change: Derived) -> int:
    """The moment within the change's window that the readings speak for, else 0."""
    booked = [each.event.occurred_at for each in listing.bookings]
    if len(booked) == books.BOOKINGS_KEPT and min(booked) >= change.lo:
        return 0  # some of the window's bookings are no longer remembered
    names = legs(state, account, listing)
    told = {name: reading for name in names if (reading := _reading(state, name)) is not None}
    told = {name: reading for name, reading in told.items() if reading.hi >= change.lo}
    if not told:
        return 0
    for moment in _moments(listing, change, list(told.values())):
        if all(
            _figure(state, account, listing, change, reading, moment) == reading.told
            for reading in told.values()
        ):
            return moment
    return 0


def is_settled(account: Account, listing: Listing, change: Derived) -> bool:
    """Whether each leg that was booked to in the window has agreed since: no place is as good.

    What differs later has another reason, and must not move the change by coincidence.
    """
    booked = [
        holding(account.name, listing.instrument, each.event.leg)
        for each in listing.bookings
        if change.lo <= each.event.occurred_at <= change.hi
    ]
    return bool(booked) and all(name in change.agreed for name in booked)


def _reading(state: State, name: str) -> Reading | None:
    """The line that tells the leg otherwise than our books, if there is one."""
    drift = state.suspects.get(name) or state.breaks.get(name)
    return None if drift is None or drift.contradiction else drift.reading


def _moments(listing: Listing, change: Derived, told: list[Reading]) -> list[int]:
    """Where it may be: where it is taken to be, when a leg was told to change, behind a booking."""
    booked = [each.event.occurred_at + 1 for each in listing.bookings]
    moments = [change.since, *(reading.hi for reading in told), *reversed(booked), change.lo]
    return [moment for moment in dict.fromkeys(moments) if change.lo <= moment <= change.hi]


def _figure(
    state: State,
    account: Account,
    listing: Listing,
    change: Derived,
    reading: Reading,
    moment: int,
) -> int | None:
    """The leg at the reading's as-of, had the change come at that moment; None: no whole number."""
    begin = change.lo - 1
    held = books.at(state, reading.holding, begin, begin, 0)
    if not held:
        return None
    before, after = held[0], 0
    for booking in listing.bookings:
        event = booking.event
        if event.leg != reading.holding.rpartition("/")[2] or not _is_within(
            booking, change, reading
        ):
            continue
        amount = event.quantity if event.side == "buy" else -event.quantity
        if isinstance(event, FillBusted):
            now = change.old if event.occurred_at < moment else change.new
            amount = -amount * _size(account, listing, change, event, moment) // now
        if event.occurred_at < moment:
            before += amount
        else:
            after += amount
    if reading.hi < moment:
        return before
    units, rest = divmod(before * change.old, change.new)
    return None if rest else units + after


def _is_within(booking: Booking, change: Derived, reading: Reading) -> bool:
    """Whether it happened in the window, and the reading has it in."""
    event = booking.event
    if event.sequence and reading.sequence and event.sequence > reading.sequence:
        return False
    return change.lo <= event.occurred_at <= reading.hi


def _size(
    account: Account, listing: Listing, change: Derived, event: FillBusted, moment: int
) -> int:
    """The size of the contracts that an undone fill counted."""
    for booking in listing.bookings:
        fill = booking.event
        if fill.fill_id == event.fill_id and not isinstance(fill, FillBusted):
            if fill.side == event.side and fill.occurred_at >= change.lo:
                return change.old if fill.occurred_at < moment else change.new
    key = f"{event.instrument}:{listing.listing}:{event.fill_id}:{event.side}"
    return int(account.seen[key].partition(books.OF_CONTRACTS)[2] or listing.at_first)
