"""The breaks between exports: each difference with its size, its cause, and where it stands.

Rule. A break of the books is explained by those differences between files that come to its size,
exactly; then it has their cause. What only looks alike is named as that, and the cause stays what
the books say of it. A difference that explains no break is a break of its own.
"""

import re
from decimal import Decimal
from typing import NamedTuple

from core.events import CashMoved, Cause, Event, FillReported, FundingPaid
from core.money import ASSET_DECIMALS_MAX, QUANTITY_DECIMALS
from core.state import Drift
from tieout.reports.history import exact
from tieout.reports.words import clock
from tieout.tie.books import Books, Posted
from tieout.tie.facts import Told
from tieout.tie.lines import Difference, differences


class Break(NamedTuple):
    """One difference: of what, how much, why, where it stands, and what would explain it."""

    account: str
    subject: str
    leg: str
    size: Decimal
    cause: Cause
    explanation: str
    evidence: tuple[str, ...]


def breaks_of(books: Books) -> list[Break]:
    """Those of the books first, by holding; then what only the files differ in."""
    found = differences(books)
    breaks: list[Break] = []
    used: list[Difference] = []
    for name, drift in books.drifts().items():
        why = _explaining(name, drift.size, found)
        used += why if name.endswith("/cash") else []
        breaks.append(_broken(books, name, drift, why) if why else _open(books, name, drift, found))
    return breaks + [_of_files(each) for each in found if each not in used]


def shown(leg: str, units: int) -> Decimal:
    """An amount of a holding: exports' assets are counted as finely as our books count any."""
    return exact(units, ASSET_DECIMALS_MAX if leg == "cash" else QUANTITY_DECIMALS)


def _of_files(each: Difference) -> Break:
    size = shown("cash", each.size)
    return Break(each.account, each.asset, "cash", size, each.cause, each.text, each.places)


def _holding(name: str, drift: Drift) -> tuple[str, str, str, Decimal]:
    venue, account, subject, leg = name.split("/")
    return f"{venue}/{account}", subject, leg, shown(leg, drift.size)


# --- explained by other files --------------------------------------------------------------------


def _explaining(name: str, size: int, found: list[Difference]) -> list[Difference]:
    """All differences of a holding, if they come to its size; else the one that does; else none."""
    here = [(each, units) for each in found if (units := _in(each, name))]
    if not size:
        return []
    if sum(units for _, units in here) == size:
        return [each for each, _ in here]
    return [each for each, units in here if units == size][:1]


def _in(each: Difference, name: str) -> int:
    """How much of a difference lies in a holding."""
    venue, account, subject, leg = name.split("/")
    if each.account != f"{venue}/{account}":
        return 0
    if leg == "cash":
        return each.size if each.asset == subject else 0
    return each.quantity if each.instrument == subject else 0


def _broken(books: Books, name: str, drift: Drift, why: list[Difference]) -> Break:
    causes = list(dict.fromkeys(each.cause for each in why))
    text = "; ".join(dict.fromkeys(each.text for each in why))
    places = tuple(dict.fromkeys(place for each in why for place in each.places))
    return Break(*_holding(name, drift), causes[0] if len(causes) == 1 else "unknown", text, places)


# --- explained by nothing ------------------------------------------------------------------------


def _open(books: Books, name: str, drift: Drift, found: list[Difference]) -> Break:
    row = books.compared.get(name)
    told = (row.place,) if row is not None else ()
    if drift.contradiction:
        text, places = _contradiction(books.told, name)
        text, places = text or drift.proposal, places or told
        return Break(*_holding(name, drift), drift.cause, text, places)
    likely = _looks_like(books, name, drift, found)
    proposal = re.sub(r"\b\d{19}\b", lambda ns: clock(int(ns[0])), drift.proposal)
    text = f"looks like: {likely}; {proposal}" if likely else proposal
    return Break(*_holding(name, drift), drift.cause, text, told)


def _contradiction(told: Told, name: str) -> tuple[str, tuple[str, ...]]:
    """What is told twice of a holding under one id, with other content, and where."""
    first: dict[tuple[str, ...], tuple[Event, str]] = {}
    for event, place, _ in told.facts:
        key = _id(event)
        if key is None or not name.startswith(f"{key[0]}/"):
            continue
        known, before = first.setdefault(key, (event, place))
        if _content(known) != _content(event) and name.split("/")[2] in _touched(told, event):
            return f"{key[-1]} is told twice, with other content", (before, place)
    return "", ()


def _id(event: Event) -> tuple[str, ...] | None:
    match event:
        case FillReported():
            return (event.account, event.instrument, event.side, event.fill_id)
        case FundingPaid():
            return (event.account, event.asset, "funding", event.funding_id)
        case CashMoved():
            return (event.account, event.reason, event.movement_id)
        case _:
            return None


def _content(event: Event) -> tuple[object, ...]:
    if isinstance(event, FillReported):
        return (event.quantity, event.price, event.fee, event.fee_asset, event.order_id)
    return (getattr(event, "asset", ""), getattr(event, "amount", 0))


def _touched(told: Told, event: Event) -> tuple[str, ...]:
    """The subjects whose holdings an event moves."""
    if isinstance(event, FillReported):
        return (event.instrument, event.fee_asset, *told.pairs.get(event.instrument, ()))
    return (getattr(event, "asset", ""),)


def _looks_like(books: Books, name: str, drift: Drift, found: list[Difference]) -> str:
    """What the size is like: no proof of anything, and beside what the books say of it."""
    named = [each.text for each in found if _names(each, name)]
    if named:
        return named[0]
    if "looks like" in drift.proposal or not drift.size:
        return ""
    ours = drift.reading.told - drift.size
    if drift.reading.told == -ours:
        return "the same with the other sign"
    posted = sorted(
        (each for each in books.posted if each.holding == name), key=lambda p: _at(p.fact.event)
    )
    for each in posted:
        if drift.size == -2 * each.amount:
            return f"{each.fact.place} with the other sign"
    return _of_before(books, name, drift, posted)


def _names(each: Difference, name: str) -> bool:
    """Whether other files lack a fill of this very position, of a size that they do not tell."""
    venue, account, subject, leg = name.split("/")
    of_it = (each.account, each.instrument) == (f"{venue}/{account}", subject)
    return of_it and leg != "cash" and each.cause in ("missing_fill", "liquidation")


def _of_before(books: Books, name: str, drift: Drift, posted: list[Posted]) -> str:
    opening = books.openings.get(name)
    stood = opening.amount if opening is not None else 0
    for each in posted:
        if stood == drift.reading.told:
            return f"as it stood before {each.fact.place}: a statement of before that"
        stood += each.amount
    return ""


def _at(event: Event) -> int:
    return int(getattr(event, "occurred_at", 0))
