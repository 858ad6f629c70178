"""The cold engine at work: it folds the journal on its own, counts anew, and says what it found.

Rule 1. It is told nothing but the journal's events: its books are the same fold of them, in its own
process, and its every cell is set to what those books say before a cycle proves the sums.
Rule 2. What it states of a line is what is held there, at the weights that count against us; what
works is added by whoever reserves it.
Rule 3. It lends nothing on what is stale, nor to a firm that traded more in a window than it may:
there a line may come to what it has come to already; nor to one that would lose too much at once.
Rule 4. No clock of its own decides anything: `now` is when the newest event was received.
"""

from collections.abc import Iterator, Mapping

from core.events import Event
from core.gate import Gate
from core.money import PRICE_ONE
from core.risk_events import Amount, ExposureStated, LossStated, StatedExposure
from core.state import Reference, State
from core.step import step
from risk.adapter import LimitGate
from risk.engine import PAYMENTS, Engine
from risk.flows import Flows
from risk.lines import Line, Sums, line_of, sums_of
from risk.measures import Measurer, Measures
from risk.reading import read, tell_prices
from risk.records import Records
from risk.restored import desk_of
from risk.results import losses, results

FIRM = ("firm_net", "firm_gross")
Word = list[ExposureStated | LossStated]


class Cycle:
    """One life of the engine, from a state that it counts from."""

    def __init__(self, state: State, epoch: int) -> None:
        self.state = state
        self.epoch = epoch
        self.sequence = 0
        self.gate: Gate = LimitGate()
        self.engine: Engine | None = None
        self.flows = Flows()
        self.measurer = Measurer()
        self.measures: Measures | None = None
        self._known: dict[tuple[str, str, str], tuple[int, int, int]] = {}
        self._weighed_by: tuple[int, ...] = ()

    def take(self, event: Event) -> None:
        """One more event of the journal."""
        step(self.state, event, self.gate)
        self.remember(event)

    def remember(self, event: Event) -> None:
        """An event that its state has already, of the time that windows reach back."""
        self.flows.note(self.state, event)
        self.measurer.note(self.state, desk_of(self.state.risk), event)

    def answer(
        self, request: int, as_of: int, received_at: int
    ) -> list[ExposureStated | LossStated]:
        """Count anew and prove it; then what is stated, the lease last. Raises `Halted`."""
        state, engine = self.state, self._engine()
        records = read(state)
        self._bring(engine, records)
        rates = self._rates()
        self._weigh(engine, rates)
        engine.cycle(state.now)
        self.sequence += 1
        held, reached = sums_of(engine, working=False), sums_of(engine, working=True)
        desk = desk_of(state.risk)
        gains = results(state, rates)
        if desk is not None:
            self.measures = self.measurer.measure(state, desk, engine, reached, gains)
        told: Word = [
            LossStated(received_at=received_at, strategy=strategy, loss=loss)
            for strategy, loss in losses(state, gains).items()
        ]
        lease = ExposureStated(
            received_at=received_at,
            lines=tuple(self._stated(held)),
            epoch=self.epoch,
            sequence=self.sequence,
            request=request,
            as_of=as_of,
            ceilings=tuple(self._ceilings(reached)),
        )
        return [*told, lease]

    # --- what it counts in ------------------------------------------------------------------------

    def _engine(self) -> Engine:
        """As old as a reference may be at most by today's limits, so old may a price be here."""
        desk = desk_of(self.state.risk)
        ages = [each.reference_age_max for each in desk.gate.holdings] if desk else []
        age_ns_max = max(ages, default=0)
        if self.engine is None:
            self.engine = Engine(age_ns_max)
        self.engine.age_ns_max = age_ns_max
        return self.engine

    def _bring(self, engine: Engine, records: Records) -> None:
        """Each cell to what the books say, by what it differs."""
        for terms in records.terms:
            engine.listing(terms)
        anew: dict[tuple[str, str, str], list[int]] = {}
        for held in records.held:
            anew.setdefault((held.strategy, held.account, held.instrument), [0, 0, 0])[0] += (
                held.quantity
            )
        for order in records.working:
            key = (order.strategy, order.account, order.instrument)
            anew.setdefault(key, [0, 0, 0])[1 if order.side == "buy" else 2] += order.leaves
        for payment in records.in_flight:
            key = (PAYMENTS, payment.account, payment.instrument)
            anew.setdefault(key, [0, 0, 0])[0] += payment.quantity
        for key in dict.fromkeys([*self._known, *anew]):
            was, now = self._known.get(key, (0, 0, 0)), anew.get(key, [0, 0, 0])
            if list(was) != now:
                engine.change(engine.cell(*key), *(n - w for n, w in zip(now, was, strict=True)))
                self._known[key] = (now[0], now[1], now[2])

    def _weigh(self, engine: Engine, rates: Mapping[str, Reference]) -> None:
        """Each listing by its newest reference, and all anew once limits tell another collar or
        rate: a weight holds both."""
        widening = self._widening()
        by = (widening, *(each.price for each in rates.values()))
        if by != self._weighed_by:
            self._weighed_by = by
            engine.forget_prices()
        tell_prices(engine, self.state, rates, widening)

    def _rates(self) -> dict[str, Reference]:
        """What a coin of each quote asset is worth, by the reviewed limits; no older than now."""
        desk = desk_of(self.state.risk)
        rates: dict[str, Reference] = {}
        for place in desk.places if desk is not None else ():
            listing = self.state.accounts[place.account].listings[place.instrument]
            rates[listing.quote] = Reference(place.rate, self.state.now)
        rates.setdefault("USD", Reference(PRICE_ONE, self.state.now))
        return rates

    def _widening(self) -> int:
        """How far a price may move before the next look: the widest collar."""
        desk = desk_of(self.state.risk)
        widths = [each.collar_bp for each in desk.gate.holdings] if desk is not None else []
        return max(widths, default=0) * 100

    def _is_stressed(self) -> bool:
        desk = desk_of(self.state.risk)
        if desk is None or self.measures is None or desk.measuring.stress_max is None:
            return False
        return self.measures.stress > desk.measuring.stress_max

    # --- what it says -----------------------------------------------------------------------------

    def _stated(self, held: Sums) -> Iterator[StatedExposure]:
        """Lines of which the books of limits say otherwise than what it counted."""
        for name, line in self.state.risk.lines.items():
            if line.limit is None:
                continue
            exposure = held.of(line_of(name)).figure
            if exposure != line.exposure:
                yield StatedExposure(name, exposure, line.moved)

    def _ceilings(self, reached: Sums) -> Iterator[Amount]:
        """Where nothing may be added: what is stale; the firm, once it traded too much or the worst
        named stress would cost more than it may."""
        stopped = self.flows.is_over(self.state) or self._is_stressed()
        for name, line in self.state.risk.lines.items():
            if line.limit is None:
                continue
            told: Line = line_of(name)
            found = reached.of(told)
            held = stopped and told.control in FIRM
            if (found.stale or held) and not told.is_position:
                yield Amount(name, min(line.limit, max(0, found.figure)))
