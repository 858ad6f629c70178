"""What the cold engine is told: plain records, no behaviour.

They are derived from the core's state (`risk/reading.py`) or made by hand in a test. Quantities are
at 1e-8 of a coin or a contract, prices and rates at 1e-12. This module is never compiled.
"""

from typing import Literal

from msgspec import Struct, field

Key = tuple[str, ...]
Side = Literal["buy", "sell"]


class Terms(Struct, frozen=True, gc=False):
    """What one instrument at one account is: what it is a bet on, and what it is paid in.

    `multiplier` is coins per contract, at the scale of a quantity; of an inverse contract quote
    units. `cash` is an asset that merely lies there: it counts as credit given to the account, and
    in its asset and currency, and not as a position of a strategy.
    """

    account: str
    instrument: str
    asset: str
    currency: str
    multiplier: int
    inverse: bool = False
    cash: bool = False


class Held(Struct, frozen=True, gc=False):
    """A signed position of a strategy."""

    strategy: str
    account: str
    instrument: str
    quantity: int


class Working(Struct, frozen=True, gc=False):
    """What may still be filled of an order: acknowledged, in flight, or of unknown outcome."""

    strategy: str
    account: str
    instrument: str
    side: Side
    leaves: int


class InFlight(Struct, frozen=True, gc=False):
    """Value of a payment that may yet be lost: not final, or final and returnable."""

    account: str
    instrument: str
    quantity: int


class Records(Struct, gc=False):
    """All that exposure is made of, at one moment."""

    terms: list[Terms] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    working: list[Working] = field(default_factory=list)
    in_flight: list[InFlight] = field(default_factory=list)


class Exposure(Struct, frozen=True, gc=False):
    """One key's exposure in reporting units, each figure rounded against us.

    `long` is the net if all buys fill and no sell does, `short` the net the other way; `gross` is
    the larger of both, cell by cell, with no netting. Where `stale`, something that it is made of
    has no fresh reference, and no new budget may be given on it.
    """

    long: int
    short: int
    gross: int
    stale: bool
