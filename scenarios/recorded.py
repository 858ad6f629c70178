"""What a scenario may say of recorded markets: where they lie, and what is assumed of a venue.

Each model, with its assumption, its source and what it cannot know, stands in
`docs/backtest_models.md`. What nobody says here is the model that flatters a strategy least, except
for impact, which needs figures that only its author can have.
"""

from decimal import Decimal
from fractions import Fraction
from math import ceil
from typing import Annotated, Literal

from pydantic import Field, model_validator

from risk.written import Part
from scenarios.part import Amount, Millis, Price, Times
from venues.recorded.book import Assumed
from venues.recorded.funding import Fixed
from venues.recorded.impact import SquareRoot
from venues.recorded.latency import Constant, Empirical, Latency
from venues.recorded.queue import RISK_AVERSE, Likely, Queue, logarithm, power
from venues.recorded.shown import BarFills
from venues.recorded.slippage import BasisPoints, Slippage, Ticks
from venues.recorded.tape import Kind

MS = 1_000_000
S = 1_000_000_000
HOURS_8 = Decimal(8 * 3600)
Nanos = Annotated[int, Field(ge=0, le=86_400 * S)]


class LatencySpec(Part):
    """One way over the wire: `ns` always, or one of `samples_ns`, each as likely."""

    ns: Nanos | None = None
    samples_ns: tuple[Nanos, ...] = ()

    @model_validator(mode="after")
    def _one_of_both(self) -> "LatencySpec":
        if (self.ns is None) == (not self.samples_ns):
            raise ValueError("either ns or samples_ns, one of both, would do")
        return self

    def made(self) -> Latency:
        """The model."""
        return Constant(self.ns) if self.ns is not None else Empirical(self.samples_ns)


class QueueSpec(Part):
    """Who leaves the queue at our price, and how long it is where the tape does not show it.

    `ahead` is that length; where nobody says it, trades at our price never come to its end.
    """

    model: Literal["risk_averse", "power", "logarithm"] = "risk_averse"
    exponent: Times = Field(default=1, ge=1, le=8)
    ahead: Amount | None = None

    @model_validator(mode="after")
    def _exponent_of_power(self) -> "QueueSpec":
        if self.exponent != 1 and self.model != "power":
            raise ValueError("exponent is of power; model: power would do")
        return self

    def made(self) -> Queue:
        """The model."""
        match self.model:
            case "risk_averse":
                return RISK_AVERSE
            case "power":
                return Likely(power(self.exponent))
            case "logarithm":
                return Likely(logarithm)


class SlippageSpec(Part):
    """What a taker pays beyond what is known of the book: `ticks`, or `basis_points`."""

    ticks: Times | None = Field(default=None, ge=0)
    basis_points: Annotated[Decimal, Field(ge=0, le=10_000)] | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> "SlippageSpec":
        if (self.ticks is None) == (self.basis_points is None):
            raise ValueError("either ticks or basis_points, one of both, would do")
        return self

    def made(self) -> Slippage:
        """The model."""
        if self.ticks is not None:
            return Ticks(self.ticks)
        assert self.basis_points is not None
        return BasisPoints(Fraction(self.basis_points))


class ImpactSpec(Part):
    """The square-root law for one instrument: Y, a day's volatility and a day's volume."""

    coefficient: Annotated[Decimal, Field(gt=0, le=100)] = Decimal(1)
    daily_volatility: Annotated[Decimal, Field(gt=0, le=10)]
    daily_volume: Price

    def made(self, lot: Decimal) -> SquareRoot:
        """The model, the volume in whole lots."""
        part = Fraction(self.coefficient) * Fraction(self.daily_volatility)
        return SquareRoot(part, max(1, int(self.daily_volume / lot)))


class FundingSpec(Part):
    """The same rate at each whole multiple of `every_s` since the epoch of UTC."""

    rate: Annotated[Decimal, Field(gt=-1, lt=1)]
    every_s: Annotated[Decimal, Field(ge=1, le=10_000_000)] = HOURS_8

    def made(self) -> Fixed:
        """The model."""
        return Fixed(self.rate, int(self.every_s * S))


class LiquidationSpec(Part):
    """A position is taken over where the account's equity is this part of its value."""

    maintenance_rate: Annotated[Decimal, Field(gt=0, lt=1)]


class ModelsSpec(Part):
    """What is assumed of a venue where its tapes do not tell.

    An order's way there is `entry` long, the way back of what is told `reply`; where nobody says
    so, each is the venue's `latency_ms`.
    """

    entry: LatencySpec | None = None
    reply: LatencySpec | None = None
    queue: QueueSpec = QueueSpec()
    slippage: SlippageSpec | None = None
    funding: FundingSpec | None = None
    liquidation: LiquidationSpec | None = None
    bar_fills: BarFills = "through"
    bar_late_ms: Millis = Field(
        default=0, ge=0, description="an order so late into a bar is reached by all of it"
    )
    volume_share: Annotated[Decimal, Field(gt=0, le=1)] = Decimal("0.1")

    def latencies(self, latency_ms: int) -> tuple[Latency, Latency]:
        """The way there, and the way back."""
        usual = Constant(latency_ms * MS)
        return (
            self.entry.made() if self.entry is not None else usual,
            self.reply.made() if self.reply is not None else usual,
        )

    def assumed(self, lot: Decimal, impact: ImpactSpec | None = None) -> Assumed:
        """What a recorded book takes for given."""
        ahead = self.queue.ahead
        return Assumed(
            queue=self.queue.made(),
            ahead=None if ahead is None else ceil(Fraction(ahead) / Fraction(lot)),
            slippage=self.slippage.made() if self.slippage is not None else None,
            impact=impact.made(lot) if impact is not None else None,
            bar_fills=self.bar_fills,
            bar_late_ns=self.bar_late_ms * MS,
            volume_share=Fraction(self.volume_share),
        )


class RecordedSpec(Part):
    """A market file of an instrument, whose `price_factor` and `quantity_factor` scale it.

    `kind` is what its rows are, where the file does not show it. `trades` is a file of the trades
    beside levels, by which queues are known; `funding` one of the rates that were paid, instead of
    the venue's one rate.
    """

    file: str = Field(min_length=1)
    kind: Literal[Kind, ""] = ""
    trades: str = ""
    impact: ImpactSpec | None = None
    funding: str = ""
