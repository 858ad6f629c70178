"""What a venue says of a key, of an account's modes, of its clock and of its listings, if asked.

Nothing here is journaled, and no book depends on it: it is what a preflight holds a deployment
against. A dialect's `inspecting.py` says how its venue is asked, all by reads, and reads what it
answers; pure, and told is not guessed: what cannot be read raises one of `core.reading.STRANGE`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from core.money import PRICE_DECIMALS, QUANTITY_DECIMALS, parse
from core.reading import Unreadable
from venues.dialect import Request

PositionMode = Literal["net", "hedged"]
Margin = Literal["cross", "isolated", "portfolio", "none"]


@dataclass(slots=True, frozen=True)
class Rights:
    """What a key may do: trade what we trade there, and, in the venue's words, whatever else."""

    reads: bool
    trades_here: bool
    trades: tuple[str, ...]
    moves: tuple[str, ...]
    withdraws: bool


@dataclass(slots=True, frozen=True)
class Modes:
    """How the account keeps positions, and how they are margined."""

    positions: PositionMode
    margin: Margin


@dataclass(slots=True, frozen=True)
class Listing:
    """An instrument as its venue lists it; a multiplier only where the venue tells one."""

    symbol: str
    base: str
    quote: str
    settle: str
    tick: Decimal
    lot: Decimal
    multiplier: Decimal | None
    trading: bool


Symbols = tuple[str, ...]


@dataclass(slots=True, frozen=True)
class Inspection:
    """How one venue is asked, and how its answers are read, as many as there were requests.

    `modes` asks nothing where there are no positions.
    """

    time: Request
    told_time: Callable[[bytes], int]
    rights: Request
    told_rights: Callable[[bytes], Rights]
    modes: Callable[[Symbols], tuple[Request, ...]]
    told_modes: Callable[[Sequence[bytes]], Modes]
    listings: Callable[[Symbols], tuple[Request, ...]]
    told_listings: Callable[[Sequence[bytes]], list[Listing]]


def no_modes(bodies: Sequence[bytes]) -> Modes:
    """Of a venue that keeps balances alone."""
    raise Unreadable("a venue of balances keeps no positions")


def ask_no_modes(symbols: Symbols) -> tuple[Request, ...]:
    return ()


def step(text: str, decimals: int) -> Decimal:
    """A tick or a lot, checked as our own money is."""
    return Decimal(parse(text, decimals)).scaleb(-decimals)


def tick(text: str) -> Decimal:
    return step(text, PRICE_DECIMALS)


def lot(text: str) -> Decimal:
    return step(text, QUANTITY_DECIMALS)


def the_one(told: Sequence[object], what: str) -> object:
    """What all of these are; unlike ones are no answer."""
    if not told or any(each != told[0] for each in told):
        raise Unreadable(f"{what} that are not one: {list(told)!r:.80}")
    return told[0]
