"""Why a break may be there: for each cause who looks into it and what would repair it, as a table.

Rule. Told is not guessed. A cause is given only where what we were told leaves nothing else; what
merely looks alike is named in the proposal ("looks like: ..."), and the cause stays `unknown`.
"""

from typing import NamedTuple

from core import books
from core.events import Cause
from core.state import Account, Drift, Entry, Listing, State


class Remedy(NamedTuple):
    """Whose it is, and what is proposed."""

    owner: str
    proposal: str


BY_HAND = "book an adjustment under two pairs of eyes"

REMEDIES: dict[Cause, Remedy] = {
    "unknown": Remedy("operations", f"find the venue's evidence, or {BY_HAND}"),
    "missing_fill": Remedy("operations", "read the venue's record of fills again from the start"),
    "duplicate": Remedy("engineering", f"one fact stands here twice: {BY_HAND} that undoes one"),
    "external_trade": Remedy("trading", "ask who traded by hand, and whose position it is now"),
    "fee": Remedy("operations", f"compare with the venue's statement of fees, then {BY_HAND}"),
    "funding": Remedy("operations", "read the venue's ledger of funding again"),
    "transfer": Remedy("treasury", "ask who moved cash, and have the venue list it"),
    "multiplier": Remedy("engineering", f"count the leg in the contract's new size, or {BY_HAND}"),
    "stale_snapshot": Remedy("operations", "nothing: a later statement agreed"),
    "bust": Remedy("trading", "ask the venue for the bust's own report, and what it undid"),
    "liquidation": Remedy("risk", "look at the margin: the venue closed this by force"),
    "mode_change": Remedy("trading", "have the account keep its positions as our books do"),
    "conflict": Remedy("operations", f"ask the venue which telling is right, then {BY_HAND}"),
    "adjustment": Remedy("operations", "nothing: two people repaired it"),
}  # fmt: skip


def remedy(cause: Cause, looks_like: str = "") -> Remedy:
    """Owner and proposal of a cause; a hypothesis stands first, and is named as one."""
    known = REMEDIES[cause]
    if not looks_like:
        return known
    return Remedy(known.owner, f"looks like: {looks_like}; {known.proposal}")


def classify(state: State, account: Account, drift: Drift) -> tuple[Cause, str]:
    """What a difference is by the evidence we have, or `unknown` and what it looks like, if that.

    In order of precedence; the first that fits is told.
    """
    name = drift.reading.holding
    _, subject, leg = name.rsplit("/", 2)
    listing = account.listings.get(subject) if leg != "cash" else None
    if listing is not None:
        if account.mode_told is not None and account.mode_told != account.hedged:
            return "mode_change", ""
        if _is_restated(state, listing, drift):
            return "multiplier", ""
    return "unknown", _hypothesis(state, account, drift, subject, listing)


# --- what leaves nothing else --------------------------------------------------------------------


def _is_restated(state: State, listing: Listing, drift: Drift) -> bool:
    """The venue's figure is ours in contracts of a size that it told us of."""
    reading = drift.reading
    ours = books.at(state, reading.holding, reading.lo, reading.hi, reading.sequence)
    told = [terms.multiplier for terms in listing.changes]
    return bool(ours) and any(
        ours[-1] * listing.multiplier == reading.told * multiplier != 0
        for multiplier in (listing.at_first, *told)
        if multiplier != listing.multiplier
    )


# --- what it looks like --------------------------------------------------------------------------


def _hypothesis(
    state: State, account: Account, drift: Drift, subject: str, listing: Listing | None
) -> str:
    name, size = drift.reading.holding, drift.size
    for unread in state.settlement.unread.values():
        if unread.account == account.name:
            return f"what {unread.document_id} says, which cannot be read"
    for number, repaired in state.adjusted.items():
        if repaired == f"{name} {-size}":
            return f"adjustment {number} repaired what evidence was found for since"
    if listing is not None and (times := _tenfold(state, drift)):
        return f"a change of the contract's size by {times}, which nobody told"
    for move in reversed(account.moves):
        if move.asset == subject and listing is None and abs(move.amount) == abs(size) != 0:
            what = f"{move.kind} {move.ident}"
            return f"{what} once more" if move.amount == size else f"{what} taken back by the venue"
    if undone := _like(state, drift, -size):
        moment = undone[-1].occurred_at
        if _is_twin(undone):
            return f"a duplicate: the venue's number of {moment} stands here twice"
        return f"what happened at {moment}, undone and not told yet, or booked twice"
    if listing is None and _pays_only_fees(account, subject):
        return f"a fee: nothing that is traded here moves {subject}"
    return ""


def _like(state: State, drift: Drift, amount: int) -> list[Entry]:
    """The remembered entries of that amount, within the reading that tells the difference."""
    entries = state.recent.get(drift.reading.holding, []) if amount else []
    return [e for e in entries if e.amount == amount and e.occurred_at <= drift.reading.hi]


def _is_twin(entries: list[Entry]) -> bool:
    """Whether two of one size share the moment and the venue's own number.

    No proof: at some venues, what was traded at once bears one number.
    """
    told = [(entry.occurred_at, entry.sequence) for entry in entries if entry.sequence]
    return len(told) > len(dict.fromkeys(told))


def _tenfold(state: State, drift: Drift) -> int:
    """By what power of ten the venue's figure is ours, up or down (then negative); else 0."""
    reading = drift.reading
    figures = books.at(state, reading.holding, reading.lo, reading.hi, reading.sequence)
    ours = figures[-1] if figures else 0
    for times in (10, 100, 1000):
        if ours and reading.told == ours * times:
            return times
        if ours and reading.told * times == ours:
            return -times
    return 0


def _pays_only_fees(account: Account, asset: str) -> bool:
    traded = [n for ls in account.listings.values() for n in (ls.base, ls.quote, ls.settle)]
    return asset in account.fee_assets and asset not in traded
