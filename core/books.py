"""The fold: from facts told to holdings and figures, exact and in any order of arrival.

Rule 1. The books are the sum of postings, and a posting is never changed: an undone fill is posted
once more with the other sign.
Rule 2. Same id and same content is an echo and changes nothing; same id and other content is a
conflict and is shown. Ids are remembered for ever: the newest here, the others in the journal, from
where they are back before a fact that names them is booked (`core/memory.py`).
Rule 3. A holding can be read as it was at any recent moment of its teller's clock (`at`), which is
how a statement is compared at its own as-of.
Rule 4. What an adopted opening has in it is never booked on top of it: an older fact is remembered
by its id, and moves only those holdings that had no part in it yet (`is_covered`).
"""

from typing import Literal

from msgspec import UNSET

from core.events import (
    EVERY,
    AdjustmentBooked,
    CashMoved,
    FillBusted,
    FillReported,
    FundingPaid,
    OpeningSet,
    ProgressReported,
)
from core.identity import (
    bust_key,
    busted_key,
    cash_key,
    fill_key,
    funding_key,
    opening_key,
)
from core.money import (
    ASSET_DECIMALS,
    PRICE_DECIMALS,
    QUANTITY_DECIMALS,
    TEN_TO,
    InexactAmount,
    rescale,
)
from core.state import (
    Account,
    Booking,
    Entry,
    Listing,
    Move,
    Opening,
    Orphan,
    Posting,
    Progress,
    State,
    Terms,
)

Booked = Literal[
    "booked",
    "with_fill",
    "late_fee",
    "inexact",
    "covered",
    "echo",
    "other_fee",
    "conflict",
    "unlisted",
    "unreadable",
]

# In a remembered fill of a contract that was restated: whose contracts it counts.
OF_CONTRACTS = " x"
NO_FEE = "-"
# What a fact may do to exact arithmetic: more digits than its unit holds, a price of 0.
UNBOOKABLE = (InexactAmount, ZeroDivisionError)

RECENT_MAX = 256
RECENT_KEPT = 128
MOVES_KEPT = 64
BOOKINGS_KEPT = 32
# An entry this much older than a statement is within it, whatever its sequence.
SEQUENCE_SLACK_NS = 5_000_000_000


# --- facts in ------------------------------------------------------------------------------------


def book_fill(state: State, account: Account, event: FillReported, strategy: str) -> Booked:
    """Book a fill once."""
    listing = account.listings.get(event.instrument)
    if listing is None:
        return "unlisted"
    key = fill_key(event.instrument, listing.listing, event.fill_id, event.side)
    content = _content(event)
    multiplier = listing.multiplier
    if listing.changes:
        multiplier = multiplier_at(listing, event.occurred_at)
        content = f"{content}{OF_CONTRACTS}{multiplier}"
    known = account.seen.get(key)
    if known is not None:
        if event.fee and _same(known, content) and _is_feeless(known):
            return _book_late_fee(state, account, event, strategy, key, content)
        if _same(known, content):
            return "echo"
        return "other_fee" if _same_but_fee(known, content) else "conflict"
    lines = fill_postings(state, account, listing, event, strategy, multiplier)
    account.seen[key] = content
    lines = uncovered(state, lines, event.occurred_at, event.sequence)
    if not lines:
        return "covered"
    whole = _post_contracts(state, account, listing, lines, multiplier, event, strategy)
    return "booked" if whole else "inexact"


def _book_late_fee(
    state: State, account: Account, event: FillReported, strategy: str, key: str, content: str
) -> Booked:
    """A fill that was told without its fee is told again with it: the fee is booked, once."""
    account.seen[key] = content
    prefix = f"{strategy}/{account.name}/{event.instrument}"
    line = _cash(account, prefix, "fee", event.fee_asset, -event.fee)
    _note_fee_asset(account, account.listings[event.instrument], event.fee_asset)
    lines = uncovered(state, [line], event.occurred_at, event.sequence)
    post(state, lines, event.occurred_at, event.sequence)
    return "late_fee"


def _note_fee_asset(account: Account, listing: Listing, asset: str) -> None:
    """A fee in a third asset: from now on any order here is taken to spend that asset, too."""
    traded = (listing.base, listing.quote) if listing.kind == "spot" else (listing.settle,)
    if asset not in traded:
        account.fee_assets[asset] = None


def attribute(state: State, account: Account, order_id: str, orphan: Orphan, strategy: str) -> None:
    """Move a booked fill's figures from `unattributed` to its strategy; holdings stay."""
    lines: list[Posting] = []
    for line in orphan.lines:
        lines.append(Posting("", line.figure, -line.amount))
        lines.append(Posting("", _of(strategy, line).figure, line.amount))
    post(state, lines, 0, 0)
    for booking in account.listings[orphan.instrument].bookings:
        if booking.event.order_id == order_id:
            booking.strategy = strategy
            booking.lines = [_of(strategy, line) for line in booking.lines]


def _of(strategy: str, line: Posting) -> Posting:
    rest = line.figure.partition("/")[2]
    return Posting(line.holding, f"{strategy}/{rest}", line.amount)


def book_bust(state: State, account: Account, event: FillBusted, strategy: str) -> Booked:
    """Book the reverse of a fill that the venue undid.

    A bust tells its fill's terms: where the fill itself was never told, both are booked here, and a
    late telling of it is an echo. Where an account tells only what its orders come to, a bust moves
    nothing and contradicts them, until they say otherwise.
    """
    listing = account.listings.get(event.instrument)
    if listing is None:
        return "unlisted"
    key = bust_key(event.instrument, event.bust_id)
    content = f"{event.fill_id} {event.quantity} {event.price}"
    known = account.seen.get(key)
    if known is not None:
        return "echo" if known == content else "conflict"
    if account.tells == "progress":
        account.seen[key] = content
        return "conflict"
    fill_id = fill_key(event.instrument, listing.listing, event.fill_id, event.side)
    undone_id = busted_key(fill_id)
    fill = account.seen.get(fill_id)
    other = fill is not None and fill.split()[1:3] != [str(event.quantity), str(event.price)]
    if other or undone_id in account.seen:
        return "conflict"
    multiplier = listing.multiplier
    if listing.changes:
        # The fill's own; of one that was never told it does not matter, for both are booked here.
        multiplier = int((fill or "").partition(OF_CONTRACTS)[2] or listing.at_first)
    lines = fill_postings(state, account, listing, event, strategy, multiplier)
    undone = [Posting(line.holding, line.figure, -line.amount) for line in lines]
    account.seen[key], account.seen[undone_id] = content, event.bust_id
    if fill is None:
        account.seen[fill_id] = _content(event)
        post(state, lines + undone, event.occurred_at, event.sequence)
        return "with_fill"
    whole = _post_contracts(state, account, listing, undone, multiplier, event, strategy)
    return "booked" if whole else "inexact"


def book_progress(state: State, account: Account, event: ProgressReported, strategy: str) -> Booked:
    """Book what an order's cumulative figures add to what is booked of it already.

    An older telling adds nothing. Where only an average price was told, the value is provisional:
    its holding is in doubt by so many units until the exact value is told. A newer telling of less,
    or an exact one of the same that says otherwise, is a contradiction, once.
    """
    listing = account.listings.get(event.instrument)
    if listing is None:
        return "unlisted"
    done = account.progress.setdefault(event.order_id, Progress())
    value, doubt = _progress_value(state, listing, event)
    newer = event.quantity > done.quantity
    surer = event.quantity == done.quantity and doubt < done.doubt
    if not newer and not surer:
        return _contradicts(done, event, value, doubt)
    sign = 1 if event.side == "buy" else -1
    prefix = f"{strategy}/{account.name}/{event.instrument}"
    base = rescale(
        event.quantity - done.quantity, QUANTITY_DECIMALS, _decimals(state, listing.base)
    )
    lines = [
        _cash(account, prefix, "trade", listing.base, sign * base),
        _cash(account, prefix, "trade", listing.quote, -sign * (value - done.value)),
        _cash(account, prefix, "fee", event.fee_asset, done.fee - event.fee),
    ]
    _doubt(state, f"{account.name}/{listing.quote}/cash", doubt - done.doubt)
    done.quantity, done.value, done.doubt = event.quantity, value, doubt
    done.fee, done.at = event.fee, max(event.occurred_at, done.at)
    post(state, uncovered(state, lines, event.occurred_at, 0), event.occurred_at, 0)
    return "booked"


def _contradicts(done: Progress, event: ProgressReported, value: int, doubt: int) -> Booked:
    """Whether what adds nothing says otherwise than what is booked."""
    fell = event.quantity < done.quantity and event.occurred_at > done.at
    same = event.quantity == done.quantity and doubt == done.doubt
    other_value = same and not doubt and value != done.value
    other_fee = same and event.fee != done.fee
    told = f"{event.quantity} {value} {event.fee}"
    if not (fell or other_value or other_fee) or told == done.disputed:
        return "echo"
    done.disputed = told
    return "conflict" if fell or other_value else "other_fee"


def book_funding(state: State, account: Account, event: FundingPaid) -> Booked:
    """Book a funding settlement once, to each strategy's account as unattributed."""
    key, content = funding_key(event.funding_id, event.asset), str(event.amount)
    prefix = f"unattributed/{account.name}/{event.instrument or '-'}"
    line = _cash(account, prefix, "funding", event.asset, event.amount)
    booked = _book_once(state, account, key, content, line, event.occurred_at)
    if booked == "booked":
        _remember_move(account, Move("funding", event.funding_id, event.asset, event.amount))
    return booked


def book_cash(state: State, account: Account, event: CashMoved, strategy: str) -> Booked:
    """Book a movement of cash once."""
    key, content = cash_key(event.reason, event.movement_id), f"{event.asset} {event.amount}"
    prefix = f"{strategy}/{account.name}/{event.instrument or '-'}"
    line = _cash(account, prefix, event.reason, event.asset, event.amount)
    booked = _book_once(state, account, key, content, line, event.occurred_at)
    if booked == "booked" and event.reason != "realised":
        _remember_move(account, Move(event.reason, event.movement_id, event.asset, event.amount))
    return booked


def _remember_move(account: Account, move: Move) -> None:
    account.moves.append(move)
    del account.moves[:-MOVES_KEPT]


def book_opening(state: State, account: Account, event: OpeningSet) -> Booked:
    """Book what stood there when our books began."""
    holding = f"{account.name}/{event.subject}/{event.leg}"
    figure = f"opening/{account.name}/{event.subject}/opening/{event.leg}"
    line = Posting(holding, figure, event.amount)
    key = opening_key(event.subject, event.leg)
    if not event.adopted:
        return _book_once(state, account, key, str(event.amount), line, event.occurred_at)
    if key in account.seen:
        return "echo" if account.seen[key] == str(event.amount) else "conflict"
    account.seen[key] = str(event.amount)
    if event.subject != EVERY:
        post(state, [line, *_entered(state, account, event)], event.occurred_at, 0)
        state.horizon[holding] = event.occurred_at
    if state.openings is UNSET:
        state.openings = {}
    state.openings[holding] = Opening(event.occurred_at, event.sequence)
    return "booked"


def _entered(state: State, account: Account, event: OpeningSet) -> list[Posting]:
    """What an adopted position was paid with, as a memorandum."""
    listing = account.listings.get(event.subject)
    if listing is None or not event.price or not event.amount:
        return []
    value, _ = contracts_value(
        state, listing, abs(event.amount), event.price, multiplier_at(listing, event.occurred_at)
    )
    figure = f"opening/{account.name}/{event.subject}/value/{listing.settle}"
    return [Posting("", figure, -value if event.amount > 0 else value)]


def is_covered(state: State, holding: str, occurred_at: int, sequence: int) -> bool:
    """Whether an adopted opening has in it what happened to the holding then."""
    openings = state.openings
    if openings is UNSET or not holding:
        return False
    opening = openings.get(holding)
    if opening is None:
        venue, name, _, leg = holding.split("/")
        opening = openings.get(f"{venue}/{name}/{EVERY}/{leg}")
    if opening is None:
        return False
    if sequence and opening.sequence:
        return sequence <= opening.sequence
    return occurred_at <= opening.occurred_at


def uncovered(state: State, lines: list[Posting], occurred_at: int, sequence: int) -> list[Posting]:
    """Of the lines of one fact those that no opening has; a memorandum goes as the line before."""
    if state.openings is UNSET:
        return lines
    found: list[Posting] = []
    left_out = False
    for line in lines:
        if line.holding:
            left_out = is_covered(state, line.holding, occurred_at, sequence)
        if not left_out:
            found.append(line)
    return found


def book_adjustment(state: State, event: AdjustmentBooked, at_ns: int) -> None:
    """Book an operator's repair at the as-of of what it repairs.

    On a quiet account the venue's as-of stands still: a repair of today would never be within it.
    """
    figure = f"adjustment/{event.holding}/{event.author}/{event.approver}"
    post(state, [Posting(event.holding, figure, event.amount)], at_ns, 0)


def _book_once(
    state: State, account: Account, key: str, content: str, line: Posting, occurred_at: int
) -> Booked:
    known = account.seen.get(key)
    if known is not None:
        return "echo" if known == content else "conflict"
    account.seen[key] = content
    if not uncovered(state, [line], occurred_at, 0):
        return "covered"
    post(state, [line], occurred_at, 0)
    return "booked"


def _same(known: str, content: str) -> bool:
    """Whether a fill was told with the same content, whosever contracts we took it to count.

    A fee that one telling leaves out contradicts nothing.
    """
    if known == content:
        return True
    before, now = (
        known.partition(OF_CONTRACTS)[0].split(),
        content.partition(OF_CONTRACTS)[0].split(),
    )
    return before[:3] == now[:3] and (before[3] == now[3] or NO_FEE in (before[3], now[3]))


def _same_but_fee(known: str, content: str) -> bool:
    return known.split()[:3] == content.split()[:3]


def _content(event: FillReported | FillBusted) -> str:
    """What must be the same in every telling of a fill."""
    fee = f"{event.fee}{event.fee_asset}" if event.fee_asset else NO_FEE
    return f"{event.order_id or '?'} {event.quantity} {event.price} {fee}"


def _is_feeless(known: str) -> bool:
    return known.partition(OF_CONTRACTS)[0].endswith(f" {NO_FEE}")


# --- contracts that are restated -----------------------------------------------------------------


def multiplier_at(listing: Listing, moment: int) -> int:
    """The multiplier in force at a moment of the venue's clock."""
    for terms in reversed(listing.changes):
        if moment >= terms.effective_at:
            return terms.multiplier
    return listing.at_first


def unbook(state: State, listing: Listing, since: int) -> list[Booking]:
    """Post the reverse of the bookings that happened since then, for they count other contracts."""
    undone = [each for each in listing.bookings if each.event.occurred_at >= since]
    for each in undone:
        listing.bookings.remove(each)
        lines = [Posting(line.holding, line.figure, -line.amount) for line in each.lines]
        post(state, lines, each.event.occurred_at, each.event.sequence)
    return undone


def rebook(state: State, account: Account, listing: Listing, booking: Booking) -> bool:
    """Book it again, in the contracts that are now known to be those of its time."""
    event = booking.event
    key = fill_key(event.instrument, listing.listing, event.fill_id, event.side)
    content, _, counted = account.seen[key].partition(OF_CONTRACTS)
    if isinstance(event, FillReported):
        multiplier = multiplier_at(listing, event.occurred_at)
        account.seen[key] = f"{content}{OF_CONTRACTS}{multiplier}"
    else:
        multiplier = int(counted or listing.at_first)
    lines = fill_postings(state, account, listing, event, booking.strategy, multiplier)
    if isinstance(event, FillBusted):
        lines = [Posting(line.holding, line.figure, -line.amount) for line in lines]
    lines = [line for line in lines if not line.holding.endswith("/cash")]
    if isinstance(event, FillReported):
        lines = uncovered(state, lines, event.occurred_at, event.sequence)
    return _post_contracts(state, account, listing, lines, multiplier, event, booking.strategy)


def _post_contracts(
    state: State,
    account: Account,
    listing: Listing,
    lines: list[Posting],
    multiplier: int,
    event: FillReported | FillBusted,
    strategy: str,
) -> bool:
    """Post a fill's lines, and what the restatements booked since it happened make of them.

    False where that is no whole number: then the line stands as it was told.
    """
    if not listing.changes:
        post(state, lines, event.occurred_at, event.sequence)
        _remember_booking(account, listing, Booking(event, strategy, lines))
        return True
    first: list[Posting] = []
    later: list[tuple[int, Posting]] = []
    whole = True
    for line in lines:
        counted = [(event.occurred_at, line.amount)]
        if line.holding and not line.holding.endswith("/cash"):
            found = _counted(listing, line.amount, multiplier, event.occurred_at)
            whole, counted = whole and bool(found), found or counted
        first.append(Posting(line.holding, line.figure, counted[0][1]))
        head, _, leg = line.figure.rpartition("/")
        figure = f"{head.rpartition('/')[0]}/restated/{leg}"
        later += [(moment, Posting(line.holding, figure, change)) for moment, change in counted[1:]]
    post(state, first, event.occurred_at, event.sequence)
    derived = listing.derived
    for moment, line in later:
        post(state, [line], moment, 0)
        if derived is not None and moment == derived.since:
            derived.lines.append(line)  # if the change is moved, this goes with it
    if all(derived is not None and moment == derived.since for moment, _ in later):
        _remember_booking(account, listing, Booking(event, strategy, first))
    return whole


def _remember_booking(account: Account, listing: Listing, booking: Booking) -> None:
    """A change of the contract may be heard of after it: then it is booked anew."""
    if account.instruments and listing.kind != "spot":
        booking.lines = [line for line in booking.lines if not line.holding.endswith("/cash")]
        listing.bookings.append(booking)
        del listing.bookings[:-BOOKINGS_KEPT]


def _counted(listing: Listing, amount: int, multiplier: int, moment: int) -> list[tuple[int, int]]:
    """So many contracts of `multiplier`, in those of the moment, and by how much each later
    restatement that is booked changed that; empty where it is no whole number."""
    since = [Terms(multiplier_at(listing, moment), moment)]
    since += [each for each in listing.changes[: listing.restated] if each.effective_at > moment]
    counted: list[tuple[int, int]] = []
    held = 0
    for terms in since:
        units, rest = divmod(amount * multiplier, terms.multiplier)
        if rest:
            return []
        counted.append((terms.effective_at, units - held))
        held = units
    return counted


# --- postings ------------------------------------------------------------------------------------


def fill_postings(
    state: State,
    account: Account,
    listing: Listing,
    event: FillReported | FillBusted,
    strategy: str,
    multiplier: int,
) -> list[Posting]:
    """What a fill moves: holdings by what the venue told, and its traded value as a memorandum."""
    sign = 1 if event.side == "buy" else -1
    prefix = f"{strategy}/{account.name}/{event.instrument}"
    valued = listing.quote if listing.kind == "spot" else listing.settle
    value, exact = told_units(state, event, event.value, valued), True
    if isinstance(event, FillBusted) and listing.changes and listing.kind == "linear":
        value = None  # undone is what was booked: where contracts change, that may be mended later
    if value is None:
        value, exact = fill_value(state, listing, event, multiplier)
    if listing.kind == "spot":
        base = rescale(event.quantity, QUANTITY_DECIMALS, _decimals(state, listing.base))
        lines = [
            _cash(account, prefix, "trade", listing.base, sign * base),
            _cash(account, prefix, "trade", listing.quote, -sign * value),
        ]
        paid = f"{account.name}/{listing.quote}/cash"
        if not exact and not is_covered(state, paid, event.occurred_at, event.sequence):
            _doubt(state, paid, 1)
    else:
        lines = [
            Posting(
                f"{account.name}/{event.instrument}/{event.leg}",
                f"{prefix}/position/{event.leg}",
                sign * event.quantity,
            ),
            Posting("", f"{prefix}/value/{listing.settle}", -sign * value),
        ]
    realised = told_units(state, event, event.realised, listing.settle)
    if realised:
        lines.append(_cash(account, prefix, "realised", listing.settle, realised))
    if event.fee:
        _note_fee_asset(account, listing, event.fee_asset)
        lines.append(_cash(account, prefix, "fee", event.fee_asset, -event.fee))
    return lines


def fill_value(
    state: State, listing: Listing, event: FillReported | FillBusted, multiplier: int
) -> tuple[int, bool]:
    """The traded value where the venue told none, cut to whole units, and whether that is exact.

    Linear: quantity x multiplier x price. Inverse: quantity x multiplier / price, in coins.
    """
    return contracts_value(state, listing, event.quantity, event.price, multiplier)


def contracts_value(
    state: State, listing: Listing, quantity: int, price: int, multiplier: int
) -> tuple[int, bool]:
    """So many contracts' (or coins') value at a price, and whether it is exact."""
    decimals = _decimals(state, listing.settle)
    if listing.kind == "inverse":
        coins = quantity * multiplier * TEN_TO[PRICE_DECIMALS + decimals]
        return coins // (price * TEN_TO[2 * QUANTITY_DECIMALS]), False
    worth = quantity * multiplier * price * TEN_TO[decimals]
    value, rest = divmod(worth, TEN_TO[2 * QUANTITY_DECIMALS + PRICE_DECIMALS])
    return value, rest == 0


def _progress_value(state: State, listing: Listing, event: ProgressReported) -> tuple[int, int]:
    told = told_units(state, event, event.value, listing.quote)
    if told is not None:
        return told, 0
    decimals = _decimals(state, listing.quote)
    cut = TEN_TO[QUANTITY_DECIMALS + PRICE_DECIMALS - decimals]
    value = event.quantity * event.average_price // cut
    return value, event.quantity * event.average_price_step // cut + 1


def told_units(
    state: State,
    event: FillReported | FillBusted | ProgressReported,
    value: int | None,
    asset: str,
) -> int | None:
    """A told value in units of its asset."""
    return None if value is None else rescale(value, event.told_decimals, _decimals(state, asset))


def _doubt(state: State, holding: str, change: int) -> None:
    state.doubts[holding] = state.doubts.get(holding, 0) + change


def _cash(account: Account, prefix: str, purpose: str, asset: str, amount: int) -> Posting:
    return Posting(f"{account.name}/{asset}/cash", f"{prefix}/{purpose}/{asset}", amount)


def _decimals(state: State, asset: str) -> int:
    return state.decimals.get(asset, ASSET_DECIMALS)


# --- holdings ------------------------------------------------------------------------------------


def post(state: State, lines: list[Posting], occurred_at: int, sequence: int) -> None:
    """Add the lines to their holdings and figures, and remember when they happened."""
    holdings, figures, recent = state.holdings, state.figures, state.recent
    for line in lines:
        figures[line.figure] = figures.get(line.figure, 0) + line.amount
        if line.holding:
            holdings[line.holding] = holdings.get(line.holding, 0) + line.amount
            entries = recent.setdefault(line.holding, [])
            _remember(entries, Entry(occurred_at, sequence, line.amount))
            if len(entries) > RECENT_MAX:
                _forget(state, line.holding, entries)
    state.posted.extend(lines)


def _remember(entries: list[Entry], entry: Entry) -> None:
    place = len(entries)
    while place and entries[place - 1].occurred_at > entry.occurred_at:
        place -= 1
    entries.insert(place, entry)


def _forget(state: State, holding: str, entries: list[Entry]) -> None:
    dropped = len(entries) - RECENT_KEPT
    horizon = max(entries[dropped - 1].occurred_at, state.horizon.get(holding, 0))
    state.horizon[holding] = horizon
    del entries[:dropped]


def at(state: State, holding: str, lo: int, hi: int, sequence: int) -> list[int]:
    """The figures that the holding had from the moment `lo` to the moment `hi`, oldest first.

    With a `sequence` there is one: all entries up to it, and those without one up to `hi`.
    Empty where the moment is further back than what is remembered.
    """
    if hi < state.horizon.get(holding, 0):
        return []
    value = state.holdings.get(holding, 0)
    entries = state.recent.get(holding, [])
    if sequence:
        for entry in reversed(entries):
            if entry.occurred_at < hi - SEQUENCE_SLACK_NS:
                break
            late = entry.sequence > sequence if entry.sequence else entry.occurred_at > hi
            if late:
                value -= entry.amount
        return [value]
    place = len(entries)
    while place and entries[place - 1].occurred_at > hi:
        place -= 1
        value -= entries[place].amount
    values = [value]
    while place and entries[place - 1].occurred_at > lo:
        place -= 1
        value -= entries[place].amount
        values.append(value)
    values.reverse()
    return values
