"""What is truly in the simulated bank's account: lines, balances, and the days it has closed.

A line's number is its place; its `reference` is the bank's own and never changes. Amounts are
decimals of the account's currency, positive where they come to us.
"""

from bisect import bisect_left
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Literal

ZERO = Decimal(0)
Kind = Literal["payment", "return", "fee", "interest", "reversal"]


@dataclass(frozen=True, slots=True)
class Part:
    """One payment of a line, with whatever was said of it."""

    amount: Decimal
    end_to_end_id: str = ""
    trace: str = ""
    uetr: str = ""
    address: str = ""
    text: str = ""
    name: str = ""
    peer: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One booked entry. `told_parts` is False where it is told as a batch without details."""

    number: int
    reference: str
    amount: Decimal
    booked_at: int
    value_day: date
    kind: Kind
    family: str
    parts: tuple[Part, ...]
    batch: str = ""
    told_parts: bool = True
    charge: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Closed:
    """A day, or several, that the bank closed: opening + lines = closing."""

    sequence: int
    first: date
    last: date
    from_at: int
    to_at: int
    opening: Decimal
    closing: Decimal
    lines: tuple[Line, ...]


@dataclass(slots=True, eq=False)
class Ledger:
    """One account with the bank. `told` counts the lines of all closed days."""

    number: str
    currency: str
    opening: Decimal
    lines: list[Line] = field(default_factory=list)
    closed: list[Closed] = field(default_factory=list)
    reserved: Decimal = ZERO
    told: int = 0
    _balance: Decimal = field(init=False)

    def __post_init__(self) -> None:
        self._balance = self.opening

    @property
    def balance(self) -> Decimal:
        """What is booked."""
        return self._balance

    @property
    def free(self) -> Decimal:
        """What is booked and not set aside for payments that were taken."""
        return self._balance - self.reserved

    def book(self, line: Line) -> None:
        assert line.number == len(self.lines) + 1, "lines are numbered one after another"
        self.lines.append(line)
        self._balance += line.amount

    def after(self, number: int, limit: int) -> tuple[Line, ...]:
        """The first so many lines after one."""
        return tuple(self.lines[number : number + limit])

    def close(self, first: date, last: date, from_at: int, to_at: int) -> Closed:
        """Close the books of a span that follows the last one closed."""
        end = bisect_left(self.lines, to_at, self.told, key=lambda line: line.booked_at)
        lines, self.told = tuple(self.lines[self.told : end]), end
        opening = self.closed[-1].closing if self.closed else self.opening
        closing = opening + sum((line.amount for line in lines), ZERO)
        day = Closed(len(self.closed) + 1, first, last, from_at, to_at, opening, closing, lines)
        self.closed.append(day)
        return day
