"""The rows of an outcome's frames, with types: a fill, an order, a movement, an opening balance."""

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

import pandas as pd

from tieout.backtest.outcome import COLUMNS


class Fill(NamedTuple):
    """A row of `fills`; its fields are `COLUMNS["fills"]`, in order."""

    at: int
    account: str
    instrument: str
    strategy: str
    client_order_id: str
    side: int
    quantity: Decimal
    price: Decimal
    value: Decimal
    asset: str
    fee: Decimal
    fee_asset: str
    is_maker: bool
    cause: str
    decided_at: int
    seen: Decimal

    @property
    def signed(self) -> Decimal:
        """What was bought of it."""
        return self.quantity if self.side > 0 else self.quantity.copy_negate()

    @property
    def paid(self) -> Decimal:
        """What was paid for it: less than nothing for a sale."""
        return self.value if self.side > 0 else self.value.copy_negate()


class Order(NamedTuple):
    """A row of `orders`."""

    decided_at: int
    account: str
    instrument: str
    strategy: str
    client_order_id: str
    side: int
    quantity: Decimal
    kind: str
    price: Decimal
    filled: Decimal
    status: str
    code: str
    ended_at: int


class Movement(NamedTuple):
    """A row of `movements`."""

    at: int
    account: str
    instrument: str
    asset: str
    kind: str
    amount: Decimal


class Opening(NamedTuple):
    """A row of `openings`."""

    account: str
    asset: str
    amount: Decimal


def fills(frame: pd.DataFrame) -> Iterator[Fill]:
    """In the frame's order, which is that of time."""
    return map(Fill._make, _rows(frame, "fills"))


def orders(frame: pd.DataFrame) -> Iterator[Order]:
    """In the frame's order."""
    return map(Order._make, _rows(frame, "orders"))


def movements(frame: pd.DataFrame) -> Iterator[Movement]:
    """In the frame's order, which is that of time."""
    return map(Movement._make, _rows(frame, "movements"))


def openings(frame: pd.DataFrame) -> Iterator[Opening]:
    """In the frame's order."""
    return map(Opening._make, _rows(frame, "openings"))


def _rows(frame: pd.DataFrame, name: str) -> Iterator[tuple[object, ...]]:
    return zip(*(frame[column].tolist() for column in COLUMNS[name]), strict=True)
