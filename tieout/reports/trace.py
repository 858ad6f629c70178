"""The trace of one figure: every posting behind a holding, every line behind an account of the
ledger, down to the raw bytes it came from.

Rule. What is listed adds up to the figure, exactly; a trace that would not is never given out.
"""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any, AnyStr, Literal, get_args

from rich.text import Text

from core import ledger
from core.events import Event
from core.journal import Store
from core.money import ASSET_DECIMALS, QUANTITY_DECIMALS
from core.state import Posting, State
from tieout.journals.sqlite_store import read_records
from tieout.journals.verify import opened
from tieout.reports.history import (
    History,
    amount_of,
    exact,
    history,
    occurred_at,
    read,
    scale_of,
)
from tieout.reports.in_lines import InLines
from tieout.reports.words import clock

Kind = Literal["position", "balance"]

# By which of its fields an event's own words can be found in its frame, the surest first.
IDENTITIES = ("bust_id", "fill_id", "funding_id", "movement_id", "order_id", "client_order_id")

# By which of their fields the words of settlement can be found in a frame, the surest first.
OF_RAILS = ("payment_id", "line_id", "return_id", "tx_hash", "reference", "transfer_id")
KNOWN_MAX = 30
IN_CONTRACTS = ("position", "restated")
AROUND = 120, 400  # letters before and after a name that stands in a text

_TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}]')


class BadKey(ValueError):
    """No such figure; the message names what was asked for and what would do."""


@dataclass(slots=True, frozen=True)
class Line:
    """One posting. `raw` is the frame's bytes, or the event's own record where `frame` is 0."""

    event: int
    name: str
    received_at: int
    occurred_at: int
    frame: int
    channel: str
    identities: tuple[str, ...]
    strategy: str
    purpose: str
    amount: Decimal
    running: Decimal
    raw: bytes
    of_rails: bool = False

    @property
    def identity(self) -> str:
        """The counterparty's own id of what was told; "" where there is none."""
        return self.identities[0] if self.identities else ""

    def excerpt(self) -> str:
        """The part of the frame that tells this: a page of a venue's record tells much more."""
        if self.of_rails:
            return passage(self.raw, self.identities)
        return excerpt(self.raw, self.identity, self.identities[1:])


@dataclass(slots=True, frozen=True)
class Traced(InLines):
    """A figure and all that it is made of."""

    holding: str
    unit: str
    total: Decimal
    lines: tuple[Line, ...]

    def as_dict(self) -> dict[str, Any]:
        """The same for JSON: amounts as decimal texts, raw bytes as the text that they are."""
        return {
            "holding": self.holding,
            "unit": self.unit,
            "total": plain(self.total),
            "lines": [
                {
                    "event": line.event,
                    "name": line.name,
                    "received_at": line.received_at,
                    "occurred_at": line.occurred_at,
                    "frame": line.frame,
                    "channel": line.channel,
                    "identity": line.identity,
                    "strategy": line.strategy,
                    "purpose": line.purpose,
                    "amount": plain(line.amount),
                    "running": plain(line.running),
                    "raw": line.raw.decode(errors="backslashreplace"),
                }
                for line in self.lines
            ],
        }

    def texts(self) -> Iterator[Text]:
        amounts = [plain(line.amount) for line in self.lines]
        totals = [plain(line.running) for line in self.lines]
        wide = max([len(self.unit) + 1, *(len(text) for text in amounts)])
        wider = max([len(self.unit) + 6, *(len(text) for text in totals)])
        yield Text(f"{self.holding} = {plain(self.total)} {self.unit}", style="bold")
        head = f"{'event':>8}  {'received (UTC)':<23}  {'frame':>8}  {'channel':<8}"
        head += f"  {self.unit:>{wide}}  {'total ' + self.unit:>{wider}}  what"
        yield Text(head, style="dim")
        for line, amount, total in zip(self.lines, amounts, totals, strict=True):
            where = f"{line.frame or '-':>8}  {line.channel or '-':<8}"
            what = " ".join(dict.fromkeys((line.name, line.strategy, line.purpose)))
            yield Text.assemble(
                f"{line.event:>8}  {clock(line.received_at)}  {where}  ",
                (f"{amount:>{wide}}", "red" if line.amount < 0 else "green"),
                f"  {total:>{wider}}  {what} {line.identity}".rstrip(),
            )
            yield Text(" " * 10 + line.excerpt(), style="dim")
        yield Text(f"{len(self.lines)} postings; their sum is the figure.")


def trace(kind: str, key: str, store: Store | str | os.PathLike[str]) -> Traced:
    """Every posting behind a figure; raises `BadKey`, and `JournalError` of a path."""
    if kind not in get_args(Kind):
        raise BadKey(f"no kind {kind!r}; one of {', '.join(get_args(Kind))}")
    past = past_of(store)
    name = resolve(kind, key, past.state)
    return (
        of_account(past, name) if name in past.state.settlement.ledger else of_holding(past, name)
    )


def past_of(store: Store | str | os.PathLike[str]) -> History:
    """The history of a store, or of a journal's file; raises `JournalError` of a path."""
    if not isinstance(store, str | os.PathLike):
        return history(store)
    with opened(Path(store)) as connection:
        return read(read_records(connection))


def of_holding(past: History, holding: str) -> Traced:
    """The trace of a holding by its full name."""
    lines = _lines(past, lambda posting: posting.holding == holding, scale_of(past.state, holding))
    total = amount_of(past.state, holding, past.state.holdings.get(holding, 0))
    return _summed(holding, holding.split("/")[2], total, lines)


def of_figure(past: History, figure: str) -> Traced:
    """The trace of a figure of one strategy: what it traded, paid or earned in an instrument."""
    parts = figure.split("/")
    asset = past.state.decimals.get(parts[5], ASSET_DECIMALS)
    scale = QUANTITY_DECIMALS if parts[4] in IN_CONTRACTS else asset
    lines = _lines(past, lambda posting: posting.figure == figure, scale)
    return _summed(figure, parts[5], exact(past.state.figures[figure], scale), lines)


def _summed(name: str, asset: str, total: Decimal, lines: tuple[Line, ...]) -> Traced:
    """The trace, whose lines add up to what the books hold."""
    running = lines[-1].running if lines else Decimal(0)
    assert running == total, f"{name}: the postings sum to {running}, the books hold {total}"
    return Traced(name, asset, total, lines)


def _lines(past: History, chosen: Callable[[Posting], bool], scale: int) -> tuple[Line, ...]:
    """A line for each posting that is chosen, in the order in which they were booked."""
    lines = list[Line]()
    running = Decimal(0)
    for taken in past.taken:
        for posting in filter(chosen, taken.postings):
            amount = exact(posting.amount, scale)
            running += amount
            parts = posting.figure.split("/")
            lines.append(
                Line(
                    event=taken.number,
                    name=type(taken.event).__name__,
                    received_at=taken.event.received_at,
                    occurred_at=occurred_at(taken.event),
                    frame=taken.frame,
                    channel=taken.channel,
                    identities=identities_of(taken.event),
                    strategy=parts[0],
                    purpose=_purpose(parts),
                    amount=amount,
                    running=running,
                    raw=taken.raw,
                )
            )
    return tuple(lines)


def of_account(past: History, name: str) -> Traced:
    """The trace of an account of the ledger: every line of every entry on it."""
    asset = ledger.asset_of(name)
    scale = past.state.decimals.get(asset, 0)
    lines = []
    running = Decimal(0)
    for heard, entry, units in past.settled.on(name):
        running += exact(units, scale)
        named = (entry.subject, *ids_of(heard.what))
        lines.append(
            Line(
                event=heard.number,
                name=heard.name,
                received_at=heard.at,
                occurred_at=getattr(heard.what, "booked_at", heard.at),
                frame=heard.frame,
                channel=heard.channel,
                identities=tuple(dict.fromkeys(filter(None, named))),
                strategy=entry.purpose,
                purpose=entry.purpose,
                amount=exact(units, scale),
                running=running,
                raw=heard.raw,
                of_rails=True,
            )
        )
    total = exact(past.state.settlement.ledger[name], scale)
    assert running == total, f"{name}: the entries sum to {running}, the ledger says {total}"
    return Traced(name, asset, total, tuple(lines))


def _purpose(parts: list[str]) -> str:
    """Where a figure's name says what it is for: that depends on who has it."""
    if parts[0] == "adjustment":
        return parts[0]
    return parts[3] if parts[0] == "settlement" else parts[4]


# --- keys ----------------------------------------------------------------------------------------


def resolve(kind: str, key: str, state: State) -> str:
    """The holding that a key means; raises `BadKey`, which names those that are near."""
    accounts = state.settlement.ledger
    if key in accounts:
        if kind == "balance":
            return key
        raise BadKey(f"{key} is no position but an account of the ledger; `trace balance` would do")
    holding = _holding(key, state)
    if not holding:
        known = dict.fromkeys([*state.holdings, *_instruments(state), *accounts])
        raise BadKey(f"no {kind} {key!r} in these books; {hint(key, list(known))}")
    if kind == "balance" and not holding.endswith("/cash"):
        raise BadKey(f"{holding} is no balance but a position; `trace position` would do")
    return holding


def _holding(key: str, state: State) -> str:
    if key in state.holdings:
        return key
    legs = [name for name in state.holdings if name.rpartition("/")[0] == key]
    if len(legs) > 1:
        raise BadKey(f"{key!r} has {len(legs)} legs; one of {', '.join(legs)} would do")
    if legs:
        return legs[0]
    # A spot instrument has no leg of its own: what is bought and sold is its base asset's cash.
    return _instruments(state).get(key) or _instruments(state).get(key.rpartition("/")[0]) or ""


def _instruments(state: State) -> dict[str, str]:
    return {
        f"{account.name}/{listing.instrument}": f"{account.name}/{listing.base}/cash"
        for account in state.accounts.values()
        for listing in account.listings.values()
        if listing.kind == "spot"
    }


def hint(key: str, known: list[str]) -> str:
    """What would have done: the names that are near, else the first of all."""
    if near := _near(key, known):
        return f"did you mean {' or '.join(near)}?"
    more = f" and {len(known) - KNOWN_MAX} more" if len(known) > KNOWN_MAX else ""
    return f"there are {', '.join(known[:KNOWN_MAX])}{more}" if known else "there is none"


def _near(key: str, known: list[str]) -> list[str]:
    by_folded = {name.casefold(): name for name in known}
    near = get_close_matches(key.casefold(), by_folded, n=5, cutoff=0.7)
    inside = [name for name in by_folded if key.casefold() in name]
    return [by_folded[name] for name in dict.fromkeys([*near, *inside])][:5]


# --- raw bytes -----------------------------------------------------------------------------------


def identities_of(event: Event) -> tuple[str, ...]:
    """The counterparty's own ids in what the event tells, the most telling one first."""
    found = (str(getattr(event, name, "")) for name in IDENTITIES)
    return tuple(text for text in found if text)


def ids_of(told: object) -> tuple[str, ...]:
    """The same of what rails tell: ours first, then what the counterparty calls it."""
    found = [str(getattr(told, name, "")) for name in OF_RAILS]
    found += getattr(told, "references", ())
    for part in getattr(told, "parts", ()):
        found += part.references
    return tuple(dict.fromkeys(text for text in found if text))


def passage(raw: bytes, identities: tuple[str, ...]) -> str:
    """What a person should see of a frame: the object that names one of these, or the text around
    it where the frame has no objects; the frame's own bytes, spaces run together."""
    whole = " ".join(raw.decode(errors="backslashreplace").replace("\x01", "|").split())
    if len(whole) <= sum(AROUND):
        return whole
    for identity in identities:
        part = " ".join(excerpt(raw, identity).split())
        if len(part) <= sum(AROUND):
            return part
        at = part.find(identity)
        if at >= 0:
            start, end = max(0, at - AROUND[0]), at + len(identity) + AROUND[1]
            return f"{'…' if start else ''}{part[start:end]}{'…' if end < len(part) else ''}"
    return f"{whole[: sum(AROUND)]}…"


def excerpt(raw: bytes, identity: str, hints: tuple[str, ...] = ()) -> str:
    """The smallest object of the frame that names `identity`, byte for byte; else the whole.

    Where several do (one's trade may have another's order id), the one that has most of the hints.
    """
    found: list[bytes] = []
    end_of_last = -1
    for start, end in _objects(raw) if identity else ():
        # Objects come innermost first: one that holds a find only repeats it.
        if start > end_of_last and _names(raw[start:end], identity):
            found.append(raw[start:end])
            end_of_last = end
    best = max(found, key=lambda each: sum(_names(each, hint) for hint in hints), default=raw)
    return best.decode(errors="backslashreplace").replace("\x01", "|")


@lru_cache(maxsize=64)  # a page of fills is asked for each of them
def _objects(raw: bytes) -> tuple[tuple[int, int], ...]:
    """Where the JSON objects of a frame begin and end, in the order of their ends."""
    spans, begun = [], []
    for token in _TOKENS.finditer(raw):
        if token[0] == b"{":
            begun.append(token.start())
        elif token[0] == b"}" and begun:
            spans.append((begun.pop(), token.end()))
    return tuple(spans)


def _names(part: bytes, identity: str) -> bool:
    """Whether all words of the identity stand in it: some dialects make one of several fields."""
    wholes = (
        rb"(?<![\w.+-])" + re.escape(word) + rb"(?![\w.+-])" for word in words_of(identity.encode())
    )
    return all(re.search(whole, part) for whole in wholes)


def words_of(identity: AnyStr) -> list[AnyStr]:
    """The fields that an identity was made of."""
    colon = ":" if isinstance(identity, str) else b":"
    return [word for word in identity.split(colon) if word]


# --- texts ---------------------------------------------------------------------------------------


def plain(amount: Decimal) -> str:
    """All decimals of the asset, and never an exponent."""
    return format(amount, "f")
