"""What a run came to: its summary, its claims, and its tables as data frames.

`summary` is what `summary.json` holds. The tables are read from the journal when asked for: nothing
is in them that was not recorded. Numbers are exact decimal texts in the summary; amounts in the
tables are exact decimals (`decimal.Decimal`), times UTC timestamps.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from core.journal import Store
from core.state import State
from scenarios.model import Scenario
from sim.faults import Fault, Strike
from tieout.world.market import Market

if TYPE_CHECKING:  # pandas takes half a second to import; a run without tables needs none
    import pandas as pd

    from tokens.judging import Judge


@dataclass(slots=True)
class Claim:
    """One number and its bound."""

    claim: str
    held: bool
    figure: str
    bound: str


@dataclass(slots=True)
class Sample:
    """Truth and books of one holding at one moment, for the plot of positions over time."""

    at: int
    holding: str
    truth: Decimal
    books: Decimal


@dataclass(slots=True)
class Found:
    """One drift: born, found, how long that took while statements could be read."""

    account: str
    kind: str
    cause: str
    born_at: int
    found_at: int
    seconds: float
    how: str
    holdings: Mapping[str, Decimal]


@dataclass(slots=True)
class Outcome:
    """One run, over.

    `judges` are, by token, what an issuer keeps and no journal has: vault, policies, and whose an
    address is. They are here for whoever may ask them, and in no file. `asked` and `struck` are how
    many opportunities each line of the plan had at each place, and which of them it struck.
    """

    scenario: Scenario
    seed: int
    plan: list[Fault]
    summary: dict[str, Any]
    claims: list[Claim]
    state: State
    store: Store
    started_at: int
    samples: list[Sample] = field(default_factory=list)
    found: list[Found] = field(default_factory=list)
    short: bool = False
    market: Market | None = None
    judges: Mapping[str, "Judge"] = field(default_factory=dict)
    policy: str = "told"
    tie_break: int = 0
    asked: Mapping[tuple[int, str], int] = field(default_factory=dict)
    struck: list[Strike] = field(default_factory=list)

    @property
    def held(self) -> bool:
        """Whether every claim held."""
        return all(claim.held for claim in self.claims)

    @property
    def fills(self) -> "pd.DataFrame":
        """Every fill told, once each row of telling: booked or echo, with its frame."""
        return self._table("fills")

    @property
    def orders(self) -> "pd.DataFrame":
        """Every order with its last state."""
        return self._table("orders")

    @property
    def positions(self) -> "pd.DataFrame":
        """Every holding, and what it is attributed to."""
        return self._table("positions")

    @property
    def breaks(self) -> "pd.DataFrame":
        """Suspects, breaks and items of settlement, closed and open: causes, sizes, ages."""
        return self._table("breaks")

    @property
    def postings(self) -> "pd.DataFrame":
        """Every posting, with the event that it came from."""
        return self._table("postings")

    @property
    def transfers(self) -> "pd.DataFrame":
        """Every leg of every transfer, as it stands at the end."""
        return self._table("transfers")

    @property
    def ledger(self) -> "pd.DataFrame":
        """Every line of every entry of the double-entry book, with its evidence."""
        return self._table("ledger")

    @property
    def in_flight(self) -> "pd.DataFrame":
        """What is in flight or contingent, by rail, customer and asset, whenever it changed."""
        return self._table("in_flight")

    @property
    def exchange_positions(self) -> "pd.DataFrame":
        """What exchanges left open of each pair, what it cost, and what was gained."""
        return self._table("exchange_positions")

    @property
    def movements(self) -> "pd.DataFrame":
        """Movements of cash between us and a venue."""
        return self._table("movements")

    @property
    def exposures(self) -> "pd.DataFrame":
        """What is held at each moment that it changed."""
        return self._table("exposures")

    @property
    def utilisation(self) -> "pd.DataFrame":
        """Each line of a limit whenever it changed: what it came to, its limit, what was open."""
        return self._table("utilisation")

    @property
    def measures(self) -> "pd.DataFrame":
        """What each cycle of the cold engine reported: tails, stress, margin, marks, gains."""
        return self._table("measures")

    @property
    def refusals(self) -> "pd.DataFrame":
        """What the gate refused, orders and transfers, and why."""
        return self._table("refusals")

    @property
    def authorizations(self) -> "pd.DataFrame":
        """Every authorization asked for, as it stands at the end; none in a run without tokens."""
        return self._table("authorizations")

    def timeline(self) -> "pd.DataFrame":
        """What happened, in order: faults' effects found, breaks, alerts, restarts."""
        return self._table("timeline")

    def _table(self, name: str) -> "pd.DataFrame":
        from tieout.reports.tables import table

        return table(name, self.store, self.state)

    def json(self) -> str:
        """The summary as one JSON object."""
        return json.dumps(self.summary, indent=2)
